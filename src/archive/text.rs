//! Plain text: titles, summaries, counting words.

use super::markup::{self, Token};

/// The longest title, in characters.
pub(super) const TITLE_LIMIT: usize = 250;

/// The longest summary taken from a post's own paragraphs, in characters.
pub(super) const EXCERPT_LIMIT: usize = 280;

/// Elements that are not running text.
const ASIDE: &[&str] =
    &["pre", "table", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "section", "aside", "details", "rt", "rp"];

/// One line without control and bidirectional formatting characters, blanks
/// folded. What can turn the words around it about stays out of subjects and
/// headings.
pub(super) fn one_line(text: &str) -> String {
    let visible = |c: &char| !is_bidi_control(*c) && (!c.is_control() || c.is_whitespace()) && *c != '\u{feff}';
    let kept: String = text.chars().filter(visible).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text in at most `limit` characters, cut between words where there is a
/// gap near the end.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(limit) else { return text.to_owned() };
    let head: String = text[..end].chars().take(limit - 1).collect();
    let gap = head.rfind(char::is_whitespace).filter(|at| *at > head.len() / 2).unwrap_or(head.len());
    let kept =
        head[..gap].trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '-' | '–' | '('));
    format!("{kept}…")
}

/// The first paragraphs of sanitised HTML, as a summary.
pub(super) fn excerpt(html: &str) -> String {
    let mut summary = String::new();
    for paragraph in paragraphs(html) {
        let length = summary.chars().count();
        // A second paragraph only where it is not cut to a few words.
        if length > 0 && length + 80 > EXCERPT_LIMIT {
            break;
        }
        summary.push_str(if length > 0 { " " } else { "" });
        summary.push_str(&paragraph);
    }
    if summary.is_empty() {
        summary = prose(html);
    }
    shorten(&summary, EXCERPT_LIMIT)
}

/// All running text of sanitised HTML in one line.
pub(super) fn prose(html: &str) -> String {
    let mut text = String::new();
    running(html, |token| {
        add(&mut text, token);
        true
    });
    one_line(&text)
}

/// The text of marked-up text in one line, code and tables included.
pub(super) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    for (_, token) in markup::tokens(html) {
        add(&mut text, token);
    }
    one_line(&text)
}

/// The words of sanitised HTML. Scripts that put no blanks between words
/// count a word for each of their letters.
pub(super) fn words(html: &str) -> u32 {
    let mut count = Words::default();
    for (at, piece) in html.split('<').enumerate() {
        // Before the first tag there is none; in a sanitised one every `>` but the last is an entity.
        let (tag, text) = if at == 0 { ("a", piece) } else { piece.split_once('>').unwrap_or((piece, "")) };
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        if !is_inline(name) {
            count.end();
        }
        count.take(&markup::resolve(text));
    }
    count.end();
    u32::try_from(count.all).unwrap_or(u32::MAX)
}

/// Words counted so far, and what is known of the one that is being read.
#[derive(Default)]
struct Words {
    all: usize,
    unspaced: usize,
    is_word: bool,
}

impl Words {
    /// Every letter of every post comes through here: most are ASCII.
    fn take(&mut self, text: &str) {
        if !text.is_ascii() {
            return text.chars().for_each(|c| self.add(c));
        }
        for byte in text.bytes() {
            match byte {
                b'\t'..=b'\r' | b' ' => self.end(),
                byte => self.is_word |= byte.is_ascii_alphanumeric(),
            }
        }
    }

    fn add(&mut self, c: char) {
        if c.is_whitespace() {
            return self.end();
        }
        self.unspaced += usize::from(is_unspaced(c));
        self.is_word = self.is_word || c.is_alphanumeric();
    }

    fn end(&mut self) {
        self.all += if self.unspaced > 0 { self.unspaced } else { usize::from(self.is_word) };
        (self.unspaced, self.is_word) = (0, false);
    }
}

/// Han, Hiragana, Katakana.
fn is_unspaced(c: char) -> bool {
    c >= '\u{3041}'
        && matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// The first paragraphs of running text that hold words, enough for an excerpt.
fn paragraphs(html: &str) -> Vec<String> {
    let (mut found, mut current, mut length) = (Vec::new(), None::<String>, 0);
    running(html, |token| {
        match (&mut current, token) {
            (_, Token::Open { name: "p", .. }) => current = Some(String::new()),
            (Some(text), Token::Close { name: "p" }) => {
                let line = one_line(text);
                current = None;
                length += line.chars().count();
                if line.contains(char::is_alphanumeric) {
                    found.push(line);
                }
            }
            (Some(text), token) => add(text, token),
            (None, _) => {}
        }
        length <= EXCERPT_LIMIT
    });
    found
}

/// The first tag of a template language (Liquid, Jinja, Hugo) outside code.
pub(super) fn template_tag(html: &str) -> Option<String> {
    if !["{{", "{%", "%7B"].iter().any(|mark| html.contains(mark)) {
        return None;
    }
    let mut code = 0_usize;
    for (_, token) in markup::tokens(html) {
        match token {
            Token::Open { name: "code" | "pre" | "kbd" | "samp", .. } => code += 1,
            Token::Close { name: "code" | "pre" | "kbd" | "samp" } => code = code.saturating_sub(1),
            Token::Open { attributes, .. } if code == 0 => {
                // What an address became when it was made absolute.
                if let Some(at) = attributes.find("%7B%7B").or_else(|| attributes.find("%7B%")) {
                    let rest = &attributes[at..attributes[at..].find('"').map_or(attributes.len(), |end| at + end)];
                    return Some(rest.replace("%7B", "{").replace("%7D", "}"));
                }
            }
            Token::Text(words) if code == 0 => {
                if let Some(tag) = tag_in(&markup::resolve(words)) {
                    return Some(tag.to_owned());
                }
            }
            _ => {}
        }
    }
    None
}

fn tag_in(text: &str) -> Option<&str> {
    [("{{", "}}"), ("{%", "%}")]
        .iter()
        .filter_map(|(open, close)| {
            let at = text.find(open)?;
            Some(&text[at..at + text[at..].find(close)? + close.len()])
        })
        .min_by_key(|tag| tag.as_ptr())
}

/// Visits the tokens of running text until told to stop: neither code, tables,
/// figures and headings, nor the numbers of footnotes.
fn running<'a>(html: &'a str, mut visit: impl FnMut(Token<'a>) -> bool) {
    let mut aside: Option<(&str, usize)> = None;
    for (_, token) in markup::tokens(html) {
        match (&mut aside, token) {
            (Some((name, depth)), token) => {
                *depth = *depth + usize::from(token.opens(name)) - usize::from(token.closes(name));
                if *depth == 0 {
                    aside = None;
                }
            }
            (None, Token::Open { name, attributes }) if is_aside(name, attributes) => aside = Some((name, 1)),
            (None, token) if visit(token) => {}
            (None, _) => return,
        }
    }
}

fn is_aside(name: &str, attributes: &str) -> bool {
    ASIDE.contains(&name) || name == "sup" && attributes.contains("footnote-ref")
}

fn add(text: &mut String, token: Token<'_>) {
    match token {
        Token::Text(words) => text.push_str(&markup::resolve(words)),
        Token::Open { name, .. } | Token::Close { name } if !is_inline(name) => text.push(' '),
        _ => {}
    }
}

/// Whether an element does not break a line of text.
fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "em"
            | "code"
            | "strong"
            | "b"
            | "i"
            | "span"
            | "sup"
            | "del"
            | "abbr"
            | "bdi"
            | "bdo"
            | "big"
            | "cite"
            | "dfn"
            | "ins"
            | "kbd"
            | "mark"
            | "q"
            | "rp"
            | "rt"
            | "ruby"
            | "s"
            | "samp"
            | "small"
            | "strike"
            | "sub"
            | "time"
            | "tt"
            | "u"
            | "var"
            | "wbr"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_turn_the_words_around_it_about() {
        assert_eq!(one_line(" a\u{202e}b\u{2066}c \r\n\t d\u{0}\u{85}e\u{feff} "), "abc d e");
        assert_eq!(one_line("שלום 👩‍👧"), "שלום 👩‍👧");
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("one two, three", 10), "one two…");
        assert_eq!(shorten(&"x".repeat(300), 250).chars().count(), 250);
        assert_eq!(shorten(&"字".repeat(300), 250).chars().count(), 250);
    }

    #[test]
    fn an_excerpt_is_running_text() {
        let html = "<h2>No</h2><p><img src=\"x\"></p><pre><code>no</code></pre>\
            <p>One&nbsp;<em>t</em>wo<sup class=\"footnote-ref\"><a href=\"#1\">1</a></sup> &lt;three&gt;<br>four.</p>\
            <table><tr><td><p>no</p></td></tr></table><p>Five.</p>";
        assert_eq!(excerpt(html), "One two <three> four. Five.");
        assert_eq!(excerpt("Old page<br>without <b>paragraphs</b>"), "Old page without paragraphs");
        assert_eq!(excerpt("<pre>only code</pre>"), "");
        assert!(excerpt(&format!("<p>{}</p>", "word ".repeat(100))).ends_with("word…"));
    }

    #[test]
    fn words_are_counted_in_every_script() {
        assert_eq!(words("<p>Three small words — here’s.</p><p>five</p>"), 5);
        assert_eq!(words("<p>日本語の記事</p>"), 6);
        assert_eq!(words(""), 0);
    }
}
