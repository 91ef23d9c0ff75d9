//! A full post as text: html2text fills the lines, this says what each kind of
//! element looks like. Links are numbered where they stand and listed at the
//! end, each address alone on its line.

use std::cell::RefCell;
use std::rc::Rc;

use html2text::config::with_decorator;
use html2text::render::{TaggedLine, TextDecorator};

use super::super::words::Words;
use super::super::wrap::COLUMNS;
use super::markup::{Token, end_of, write};

/// Stands around the number of a block of code while lines are filled: no
/// character, so that no text has a use for it.
const HELD: char = '\u{fdd0}';

/// The text of a post's cleaned content, without a newline at the end.
pub fn text(words: &Words, content: &[Token]) -> String {
    let mut code = Vec::new();
    // A soft hyphen is shown as a hyphen by some text readers.
    let html = write(&for_text(content, &mut code)).replace('\u{ad}', "");
    let manner = Manner::default();
    let links = Rc::clone(&manner.links);
    // html2text fails only for a width too narrow for one character.
    let filled = with_decorator(manner)
        .no_table_borders()
        .no_link_wrapping()
        .string_from_read(html.as_bytes(), COLUMNS)
        .unwrap_or_default();
    let mut lines: Vec<String> = filled.lines().flat_map(|line| with_code(line, &code)).collect();
    let links = links.borrow();
    if !links.is_empty() {
        lines.extend([String::new(), format!("{}:", words.say("mail.post.links", &[]))]);
        lines.extend(links.iter().enumerate().map(|(i, url)| format!("[{}] {url}", i + 1)));
    }
    lines.dedup_by(|b, a| a.is_empty() && b.is_empty());
    lines.join("\n").trim_matches('\n').to_owned()
}

/// A filled line, or the block of code it holds the place of: code is indented
/// and its lines stay whole, since one broken elsewhere says something else.
fn with_code(line: &str, code: &[String]) -> Vec<String> {
    let line = line.trim_end();
    let held = line.split_once(HELD).and_then(|(margin, rest)| {
        let index: usize = rest.trim_end_matches(HELD).parse().ok()?;
        Some((margin, code.get(index)?))
    });
    match held {
        Some((margin, code)) => {
            code.trim_end().lines().map(|line| format!("{margin}    {line}").trim_end().to_owned()).collect()
        }
        None => vec![line.to_owned()],
    }
}

/// The content as html2text should see it.
fn for_text(content: &[Token], code: &mut Vec<String>) -> Vec<Token> {
    let mut made = Vec::with_capacity(content.len());
    let (mut at, mut lists) = (0, 0_usize);
    while at < content.len() {
        let token = &content[at];
        let mut next = at + 1;
        match token {
            Token::Open(tag) if tag.name == "a" => {
                next = end_of(content, at);
                made.extend(link(&content[at..next]));
            }
            Token::Open(tag) if tag.name == "pre" => {
                next = end_of(content, at);
                made.extend(paragraph(&format!("{HELD}{}{HELD}", code.len())));
                code.push(words_of(&content[at..next]));
            }
            Token::Open(tag) if tag.name == "hr" => made.extend(paragraph("* * *")),
            Token::Open(tag) if tag.name == "figcaption" => made.push(Token::open("p", &[])),
            Token::Close(name) if name == "figcaption" => made.push(Token::close("p")),
            Token::Text(text) => made.push(Token::Text(text.replace(HELD, ""))),
            _ => {
                let list = token.opens(&["ul", "ol"]);
                let ended = token.closes("ul") || token.closes("ol");
                // Only outer lists stand apart from what is around them.
                lists -= usize::from(ended && lists > 0);
                if list && lists == 0 {
                    made.extend(paragraph("\u{a0}"));
                }
                made.push(token.clone());
                if ended && lists == 0 {
                    made.extend(paragraph("\u{a0}"));
                }
                lists += usize::from(list);
            }
        }
        at = next;
    }
    made
}

fn paragraph(words: &str) -> [Token; 3] {
    [Token::open("p", &[]), Token::Text(words.to_owned()), Token::close("p")]
}

/// The bare words of markup, its references decoded.
fn words_of(tokens: &[Token]) -> String {
    let texts = tokens.iter().map(|token| match token {
        Token::Text(text) => text.as_str(),
        _ => "",
    });
    let escaped: String = texts.collect();
    escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&")
}

/// Links inside the mail lead nowhere in text: their words stay, the arrows
/// back from footnotes go. A link that shows its own address shows it without
/// `https://`, so that only the list holds addresses.
fn link(element: &[Token]) -> Vec<Token> {
    let (Some(Token::Open(tag)), inside) = (element.first(), &element[1..element.len().max(2) - 1]) else {
        return element.to_vec();
    };
    match (tag.get("href"), inside) {
        (href, _) if href.is_none_or(|href| href.starts_with('#')) => {
            inside.iter().filter(|token| !is_arrow(token)).cloned().collect()
        }
        (Some(href), [Token::Text(shown)]) if shown == href => {
            let short = href.split_once("://").map_or(href, |(_, rest)| rest);
            vec![element[0].clone(), Token::Text(short.to_owned()), Token::close("a")]
        }
        _ => element.to_vec(),
    }
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
