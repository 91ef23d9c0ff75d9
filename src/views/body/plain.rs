//! A full post as text: html2text fills the lines, this says what each kind of
//! element looks like. Links are numbered where they stand and listed at the
//! end, each address alone on its line.

use std::cell::RefCell;
use std::rc::Rc;

use html2text::config::with_decorator;
use html2text::render::{TaggedLine, TextDecorator};

use super::markup::{Token, end_of, write};
use super::super::words::Words;
use super::super::wrap::COLUMNS;

/// The text of a post's content, without a newline at the end.
pub fn text(words: &Words, content: &[Token]) -> String {
    let html = write(&for_text(content));
    let manner = Manner::default();
    let links = Rc::clone(&manner.links);
    // html2text fails only for a width too narrow for one character.
    let text = with_decorator(manner)
        .no_table_borders()
        .no_link_wrapping()
        .string_from_read(html.as_bytes(), COLUMNS)
        .unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    let links = links.borrow();
    if !links.is_empty() {
        lines.extend([String::new(), format!("{}:", words.say("mail.post.links", &[]))]);
        lines.extend(links.iter().enumerate().map(|(i, url)| format!("[{}] {url}", i + 1)));
    }
    lines.join("\n").trim_matches('\n').to_owned()
}

/// Links inside the mail lead nowhere in text: their words stay, the arrows
/// back from footnotes go. A link that shows its own address shows it without
/// `https://`, so that only the list holds addresses.
fn for_text(content: &[Token]) -> Vec<Token> {
    let mut made = Vec::with_capacity(content.len());
    let mut at = 0;
    while at < content.len() {
        let Token::Open(tag) = &content[at] else {
            made.push(content[at].clone());
            at += 1;
            continue;
        };
        if tag.name != "a" {
            made.push(content[at].clone());
            at += 1;
            continue;
        }
        let end = end_of(content, at);
        let inside = &content[at + 1..end.saturating_sub(1).max(at + 1)];
        match (tag.get("href"), inside) {
            (None, _) => made.extend(inside.iter().cloned()),
            (Some(href), _) if href.starts_with('#') => {
                made.extend(inside.iter().filter(|token| !is_arrow(token)).cloned());
            }
            (Some(href), [Token::Text(shown)]) if shown == href => {
                let short = href.split_once("://").map_or(href, |(_, rest)| rest);
                made.extend([content[at].clone(), Token::Text(short.to_owned()), Token::close("a")]);
            }
            _ => made.extend(content[at..end].iter().cloned()),
        }
        at = end;
    }
    made
}

fn is_arrow(token: &Token) -> bool {
    matches!(token, Token::Text(text) if text.starts_with('↩'))
}

/// How elements look in text.
#[derive(Clone, Debug, Default)]
struct Manner {
    links: Rc<RefCell<Vec<String>>>,
    current: Vec<usize>,
}

impl TextDecorator for Manner {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        let mut links = self.links.borrow_mut();
        let index = links.iter().position(|known| known == url).unwrap_or_else(|| {
            links.push(url.to_owned());
            links.len() - 1
        });
        self.current.push(index + 1);
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        self.current.pop().map(|number| format!(" [{number}]")).unwrap_or_default()
    }

    fn decorate_em_start(&self) -> (String, ()) {
        ("*".into(), ())
    }

    fn decorate_em_end(&self) -> String {
        "*".into()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        ("~".into(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        "~".into()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        ("`".into(), ())
    }

    fn decorate_code_end(&self) -> String {
        "`".into()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _src: &str, alt: &str) -> (String, ()) {
        (if alt.is_empty() { String::new() } else { format!("[{alt}]") }, ())
    }

    fn header_prefix(&self, level: usize) -> String {
        "#".repeat(level) + " "
    }

    fn quote_prefix(&self) -> String {
        "> ".into()
    }

    fn unordered_item_prefix(&self) -> String {
        "- ".into()
    }

    fn ordered_item_prefix(&self, i: i64) -> String {
        format!("{i}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        self.clone()
    }

    fn finalise(&mut self, _urls: Vec<String>) -> Vec<TaggedLine<()>> {
        Vec::new()
    }
}
