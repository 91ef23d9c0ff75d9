//! Reading marked-up text as a row of tags and texts. Good enough to find
//! things in; whether markup is safe is decided by `sanitise` alone.

use std::borrow::Cow;
use std::ops::Range;

/// One piece of a marked-up text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<name attributes>`.
    Open { name: &'a str, attributes: &'a str },
    /// `</name>`.
    Close { name: &'a str },
    /// Text, its entities not resolved.
    Text(&'a str),
    /// `<!-- this -->`.
    Comment(&'a str),
    /// `<!doctype>`, `<?xml?>`.
    Other,
}

impl Token<'_> {
    /// Whether this opens an element of that name.
    pub fn opens(&self, wanted: &str) -> bool {
        matches!(self, Token::Open { name, .. } if name.eq_ignore_ascii_case(wanted))
    }

    /// Whether this closes an element of that name.
    pub fn closes(&self, wanted: &str) -> bool {
        matches!(self, Token::Close { name } if name.eq_ignore_ascii_case(wanted))
    }
}

/// Elements whose content is not markup.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

/// Elements that have no content.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Elements an author may leave open: the next of its kind closes them.
const OPTIONAL: [&str; 14] =
    ["p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup", "rt", "rp"];

/// The tokens of a text with the bytes they take.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    raw: Option<&'static str>,
}

/// Reads a text.
pub(super) fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0, raw: None }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Range<usize>, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (length, token) = match self.raw.take() {
            Some(name) => match end_of_raw(rest, name) {
                0 => markup(rest),
                length => (length, Token::Text(&rest[..length])),
            },
            None => match next_mark(rest) {
                0 => markup(rest),
                length => (length, Token::Text(&rest[..length])),
            },
        };
        if let Token::Open { name, .. } = token {
            self.raw = RAW.into_iter().find(|raw| raw.eq_ignore_ascii_case(name));
        }
        let start = self.at;
        self.at += length;
        Some((start..self.at, token))
    }
}

/// The bytes before the next `<` that begins markup.
fn next_mark(rest: &str) -> usize {
    let begins = |at: &usize| {
        let after = rest.as_bytes().get(at + 1);
        after.is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'!' | b'?'))
    };
    rest.match_indices('<').map(|(at, _)| at).find(begins).unwrap_or(rest.len())
}

/// The bytes before `</name`.
fn end_of_raw(rest: &str, name: &str) -> usize {
    let is_end = |at: &usize| rest.get(at + 2..at + 2 + name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name));
    rest.match_indices("</").map(|(at, _)| at).find(is_end).unwrap_or(rest.len())
}

/// The markup at the beginning of `rest` and its bytes.
fn markup(rest: &str) -> (usize, Token<'_>) {
    if let Some(inside) = rest.strip_prefix("<!--") {
        let end = inside.find("-->");
        return (end.map_or(rest.len(), |end| end + 7), Token::Comment(&inside[..end.unwrap_or(inside.len())]));
    }
    let close = usize::from(rest.as_bytes().get(1) == Some(&b'/'));
    let length = end_of_tag(rest);
    let inside = rest[1 + close..length].strip_suffix('>').unwrap_or(&rest[1 + close..length]);
    let end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
    let (name, attributes) = inside.split_at(end);
    let token = match (name.starts_with(|c: char| c.is_ascii_alphabetic()), close) {
        (false, _) => Token::Other,
        (true, 1) => Token::Close { name },
        (true, _) => Token::Open { name, attributes: attributes.trim_end_matches('/').trim() },
    };
    (length, token)
}

/// The bytes to the `>` that is not inside quotes; all of an unfinished tag.
fn end_of_tag(rest: &str) -> usize {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
            (None, b'>') => return at + 1,
            _ => {}
        }
        before = if byte.is_ascii_whitespace() { before } else { byte };
    }
    rest.len()
}

/// The value of an attribute, its entities not resolved; empty when it has none.
pub(super) fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('=') {
            Some(given) => value(given.trim_start()),
            None => ("", after),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        // A stray `=` gives an empty name and would be read for ever.
        rest = if after.len() < rest.len() { after.trim_start() } else { "" };
    }
    None
}

fn value(given: &str) -> (&str, &str) {
    match given.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => given[1..].split_once(quote).unwrap_or((&given[1..], "")),
        None => given.split_at(given.find(|c: char| c.is_ascii_whitespace()).unwrap_or(given.len())),
    }
}

/// Whether elements are nested deeper than `limit`.
pub(super) fn is_deeper_than(limit: usize, text: &str) -> bool {
    let among = |name: &str, list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    let mut depth = 0_usize;
    for (_, token) in tokens(text) {
        match token {
            Token::Open { name, .. } if !among(name, &VOID) && !among(name, &OPTIONAL) => depth += 1,
            Token::Close { name } if !among(name, &VOID) && !among(name, &OPTIONAL) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// Resolves the entities that a serialiser writes, and numbers. The names of
/// other characters stay as they are.
pub(super) fn resolve(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        resolved.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';').filter(|end| *end > 1);
        match end.and_then(|end| Some((end, character(&rest[1..end])?))) {
            Some((end, character)) => {
                resolved.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                resolved.push('&');
                rest = &rest[1..];
            }
        }
    }
    resolved.push_str(rest);
    Cow::Owned(resolved)
}

fn character(entity: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "nbsp" => Some('\u{a0}'),
        _ => match entity.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(&hex[1..], 16),
            decimal => number(decimal, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_texts_and_comments_are_told_apart() {
        let text = r#"a < b <p class="x>y" id=z>c</P><!-- d > --><br/><script>if (a<b) "</p>"</script>e"#;
        let found: Vec<_> = tokens(text).map(|(_, token)| token).collect();
        assert_eq!(
            found,
            [
                Token::Text("a < b "),
                Token::Open { name: "p", attributes: r#"class="x>y" id=z"# },
                Token::Text("c"),
                Token::Close { name: "P" },
                Token::Comment(" d > "),
                Token::Open { name: "br", attributes: "" },
                Token::Open { name: "script", attributes: "" },
                Token::Text("if (a<b) \"</p>\""),
                Token::Close { name: "script" },
                Token::Text("e"),
            ]
        );
    }

    #[test]
    fn attributes_are_read_in_every_spelling() {
        let all = r#"a=1 B = "two words" c='x"y' d e="#;
        let read = |name| attribute(all, name);
        assert_eq!([read("a"), read("b"), read("c")], [Some("1"), Some("two words"), Some("x\"y")]);
        assert_eq!([read("d"), read("e"), read("f")], [Some(""), Some(""), None]);
        assert_eq!(attribute("= = =x", "y"), None);
    }

    #[test]
    fn entities_of_a_serialiser_are_resolved() {
        assert_eq!(resolve("a &amp; b &lt;&#39;&#x41;&gt; &unknown; &"), "a & b <'A> &unknown; &");
    }

    #[test]
    fn depth_counts_elements_that_stay_open() {
        assert!(is_deeper_than(3, "<div><b><i><u>"));
        assert!(!is_deeper_than(3, &"<p>x<br><li>".repeat(100)));
        assert!(!is_deeper_than(3, &"<div><b></b></div>".repeat(100)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_whole(text in "\\PC{0,60}|([<>/!a-z\"'= é&;#-]|script|<!--){0,40}") {
            let mut end = 0;
            for (range, token) in tokens(&text) {
                prop_assert_eq!(range.start, end);
                prop_assert!(range.end > range.start);
                end = range.end;
                if let Token::Open { attributes, .. } = token {
                    attribute(attributes, "x");
                }
            }
            prop_assert_eq!(end, text.len());
            resolve(&text);
            is_deeper_than(3, &text);
        }
    }
}
