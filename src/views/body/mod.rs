//! A full post made fit for mail: the same content once as HTML that survives
//! every client, once as text.

pub mod markup;
mod plain;
mod tables;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;
use css_inline::CSSInliner;

use super::direction::Direction;
use super::field::clean;
use super::frame::compact;
use markup::{Tag, Token, end_of, read, write};
use super::model::PostItem;


use super::tokens::{self, MAIL_MEASURE};
use super::words::Words;

/// Lines of one block of code shown in a mail.
const CODE_LINES: usize = 40;

/// A post's content for both parts of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Balanced HTML with inline styles, no class of its own but `c`.
    pub html: String,
    /// 72 columns, its links listed at the end.
    pub text: String,
}

impl Body {
    /// Makes both from a post's HTML. Cut code says so and links to the post.
    pub fn of(words: &Words, post: &PostItem, site_language: &str) -> Self {
        // The sanitiser decodes references like `&#x11;`, so control characters are taken out after it.
        let sanitised = SANITISER.clean(&post.html).to_string();
        let mut content = read(&clean(&sanitised));
        level_headings(&mut content);
        fit_images(&mut content);
        cut_code(words, &mut content, &post.url);
        link_within(&mut content, &post.url);
        let content = tables::narrow(content);
        let text = plain::text(words, &content);
        let direction = Direction::of_language(post.language.as_deref().unwrap_or(site_language));
        let html = inline(&write(&for_clients(content)), direction);
        Self { html: clean(&html).into_owned(), text: clean(&text).into_owned() }
    }
}

/// The archive has sanitised already; this narrows it to what mail can show
/// and gives the one spelling [`read`] understands.
static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .link_rel(None)
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .generic_attributes(HashSet::from(["lang", "dir", "id"]))
        .rm_tags(["area", "map", "nav", "center", "tt", "acronym", "data"])
        .add_tag_attributes("th", ["scope"]);
    builder
});

/// Headings of the content begin at the second level, the title being the
/// first, and none skips a level.
fn level_headings(tokens: &mut [Token]) {
    let mut above: Vec<u8> = Vec::new();
    let mut now = String::new();
    for token in tokens {
        match token {
            Token::Open(tag) => {
                let Some(level) = heading_level(&tag.name) else { continue };
                above.retain(|higher| *higher < level);
                above.push(level);
                now = format!("h{}", (above.len() + 1).min(6));
                tag.name.clone_from(&now);
            }
            Token::Close(name) if heading_level(name).is_some() => name.clone_from(&now),
            _ => {}
        }
    }
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// Every picture has an `alt` and is no wider than the text; one whose address
/// mail cannot show (data, relative) becomes its words.
fn fit_images(tokens: &mut [Token]) {
    for token in tokens {
        let Token::Open(tag) = token else { continue };
        if tag.name != "img" {
            continue;
        }
        if !tag.get("src").is_some_and(|src| src.starts_with("https://") || src.starts_with("http://")) {
            *token = Token::Text(tag.get("alt").unwrap_or_default().to_owned());
            continue;
        }
        if tag.get("alt").is_none() {
            tag.set("alt", "");
        }
        tag.remove("align");
        let width = tag.get("width").and_then(|width| width.parse::<u32>().ok());
        if width.is_none_or(|width| width > MAIL_MEASURE) {
            // A height without its width would squeeze the picture.
            tag.remove("height");
            tag.remove("width");
        }
        if width.is_some_and(|width| width > MAIL_MEASURE) {
            tag.set("width", &MAIL_MEASURE.to_string());
        }
    }
}

/// Ends blocks of code after [`CODE_LINES`] lines with a link to the rest.
fn cut_code(words: &Words, tokens: &mut Vec<Token>, url: &str) {
    let mut at = 0;
    while let Some(start) = (at..tokens.len()).find(|&i| tokens[i].opens(&["pre"])) {
        let end = end_of(tokens, start);
        at = end;
        let mut lines = 0;
        for token in &mut tokens[start..end] {
            let Token::Text(text) = token else { continue };
            let kept = text.split_inclusive('\n').take(CODE_LINES.saturating_sub(lines)).map(str::len).sum();
            lines += text.matches('\n').count();
            text.truncate(kept);
        }
        if lines > CODE_LINES {
            let rest = [
                Token::open("p", &[]),
                Token::open("a", &[("href", &url.replace('&', "&amp;").replace('"', "&quot;"))]),
                Token::words(&words.say("mail.post.rest", &[])),
                Token::close("a"),
                Token::close("p"),
            ];
            at += rest.len();
            tokens.splice(end..end, rest);
        }
    }
}

/// Links to a place inside the content work inside the mail: their address is
/// the place alone, and the place also has the `name` some clients need. A link
/// to a place that is not here loses its address.
fn link_within(tokens: &mut Vec<Token>, url: &str) {
    let here = format!("{}#", url.replace('&', "&amp;"));
    let ids: HashSet<String> = open_tags(tokens).filter_map(|tag| tag.get("id")).map(str::to_owned).collect();
    let mut wanted = HashSet::new();
    for token in tokens.iter_mut() {
        let Token::Open(tag) = token else { continue };
        let Some(place) = tag.get("href").and_then(|to| to.strip_prefix('#').or_else(|| to.strip_prefix(&here))) else {
            continue;
        };
        let place = place.to_owned();
        if ids.contains(&place) {
            tag.set("href", &format!("#{place}"));
            wanted.insert(place);
        } else if tag.get("href").is_some_and(|to| to.starts_with('#')) {
            tag.remove("href");
        }
    }
    let mut linked = Vec::with_capacity(tokens.len());
    for token in tokens.drain(..) {
        let name = match &token {
            Token::Open(tag) => tag.get("id").filter(|id| wanted.contains(*id)).map(str::to_owned),
            _ => None,
        };
        let is_link = token.opens(&["a"]);
        linked.push(token);
        match (name, is_link, linked.last_mut()) {
            (Some(name), true, Some(Token::Open(tag))) => tag.set("name", &name),
            (Some(name), false, _) => linked.extend([Token::open("a", &[("name", &name)]), Token::close("a")]),
            _ => {}
        }
    }
    *tokens = linked;
}

fn open_tags(tokens: &[Token]) -> impl Iterator<Item = &Tag> {
    tokens.iter().filter_map(|token| match token {
        Token::Open(tag) => Some(tag),
        _ => None,
    })
}

/// Code stands in a cell with a ground of its own, because Outlook gives
/// padding to cells only; unused ids go.
fn for_clients(tokens: Vec<Token>) -> Vec<Token> {
    let places: HashMap<String, ()> =
        open_tags(&tokens).filter_map(|tag| tag.get("href")?.strip_prefix('#')).map(|p| (p.to_owned(), ())).collect();
    let table =
        [("role", "presentation"), ("width", "100%"), ("cellpadding", "0"), ("cellspacing", "0"), ("border", "0")];
    let mut made = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        if let Token::Open(tag) = &mut token
            && tag.get("id").is_some_and(|id| !places.contains_key(id))
        {
            tag.remove("id");
        }
        let (opens, closes) = (token.opens(&["pre"]), token.closes("pre"));
        if opens {
            made.extend([Token::open("table", &table), Token::open("tbody", &[]), Token::open("tr", &[])]);
            made.push(Token::open("td", &[("class", "c")]));
        }
        made.push(token);
        if closes {
            made.extend(["td", "tr", "tbody", "table"].map(Token::close));
        }
    }
    made
}

/// Writes the post's style sheet into its elements.
fn inline(html: &str, direction: Direction) -> String {
    static STYLES: LazyLock<String> =
        LazyLock::new(|| compact(&tokens::fill(include_str!("../../../templates/mail-post.css"))));
    let css = match direction {
        Direction::Ltr => STYLES.clone(),
        Direction::Rtl => mirrored(&STYLES),
    };
    let inliner = CSSInliner::options().load_remote_stylesheets(false).build();
    inliner.inline_fragment(html, &css).unwrap_or_else(|_| html.to_owned())
}

/// Left for right and right for left; four-sided shorthands too.
fn mirrored(css: &str) -> String {
    css.replace("left", "\u{0}")
        .replace("right", "left")
        .replace('\u{0}', "right")
        .replace("6px 12px 6px 0", "6px 0 6px 12px")
}
