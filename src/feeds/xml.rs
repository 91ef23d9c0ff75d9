//! What both XML formats need: text that XML 1.0 allows, plain text that no
//! reader takes for markup, and the first lines of the document.

use std::borrow::Cow;

/// Stand-ins for `<` and `&` of plain text until [`document`] writes them as
/// numeric references. They are noncharacters, which [`clean`] removes from
/// all input, so no post can bring one in.
const LESS_THAN: char = '\u{FDD0}';
const AMPERSAND: char = '\u{FDD1}';

/// Whether XML 1.0 and its readers accept `c`: no control characters but tab
/// and line ends (XML 1.0 section 2.2, which discourages U+007F to U+009F too),
/// no noncharacters.
fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' => true,
        c if c.is_control() => false,
        '\u{FDD0}'..='\u{FDEF}' => false,
        c => u32::from(c) & 0xFFFE != 0xFFFE,
    }
}

/// The text without characters that have no place in a feed. A carriage return
/// goes too: an XML parser would turn it into a line feed, JSON would not.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_allowed) { text.into() } else { text.chars().filter(|c| is_allowed(*c)).collect() }
}

/// Plain text for an element that readers may take for HTML, such as an RSS
/// title. `<` and `&` will be written `&#x3C;` and `&#x26;`: the same text to
/// an XML parser, and the form the RSS profile found to be shown rightly by
/// most readers.
pub fn plain(text: &str) -> String {
    clean(text).replace('<', LESS_THAN.encode_utf8(&mut [0; 4])).replace('&', AMPERSAND.encode_utf8(&mut [0; 4]))
}

/// Plain text as HTML, for elements that hold HTML by convention.
pub fn html(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A whole document: declaration, style sheet, then `root`, which begins with
/// the root element or with a declaration of its own.
pub fn document(root: &str, stylesheet: &str) -> Vec<u8> {
    let root = root.find("?>").map_or(root, |end| if root.starts_with("<?xml ") { &root[end + 2..] } else { root });
    let stylesheet = html(stylesheet).replace('"', "&quot;"); // without `>`, so it cannot end the instruction either
    let mut out = String::with_capacity(root.len() + 256);
    out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    out.push_str(&format!("<?xml-stylesheet type=\"text/css\" href=\"{stylesheet}\"?>\n"));
    let mut rest = root.trim();
    while let Some(at) = rest.find([LESS_THAN, AMPERSAND]) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str(if after.starts_with(LESS_THAN) { "&#x3C;" } else { "&#x26;" });
        rest = &after[LESS_THAN.len_utf8()..];
    }
    out.push_str(rest);
    out.push('\n');
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_forbids_or_that_stand_for_others_are_removed() {
        assert_eq!(clean("a\0\u{1}\u{8}\u{B}\u{C}\r\u{1F}\u{7F}\u{85}\u{9F}b\t\n"), "ab\t\n");
        assert_eq!(clean("\u{FDD0}\u{FDD1}\u{FDEF}\u{FFFE}\u{FFFF}\u{1FFFE}\u{10FFFF}é日🦀"), "é日🦀");
        assert!(matches!(clean("as it was"), Cow::Borrowed(_)));
    }

    #[test]
    fn plain_text_is_written_with_numeric_references_whatever_it_holds() {
        let root = format!("<rss>{}</rss>", plain("A\u{FDD0} <b>& &amp;</b>"));
        let written = String::from_utf8(document(&root, "/feed.css")).unwrap();
        assert!(written.ends_with("\n<rss>A &#x3C;b>&#x26; &#x26;amp;&#x3C;/b></rss>\n"), "{written}");
    }

    #[test]
    fn the_style_sheet_cannot_leave_its_attribute_and_a_second_declaration_is_dropped() {
        let written = String::from_utf8(document("<?xml version=\"1.0\"?>\n<feed/>", "/a\"?><&.css")).unwrap();
        assert_eq!(written.matches("<?xml ").count(), 1);
        assert!(written.contains("href=\"/a&quot;?&gt;&lt;&amp;.css\"?>\n<feed/>"), "{written}");
    }
}
