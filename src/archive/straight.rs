//! The short way through the allow-list. Most posts are written as a serialiser
//! would write them: to read those as a tree and to write it out again costs ten
//! times what rendering them does, and changes nothing but addresses.
//!
//! What a parser might take otherwise than it stands there (elements that are
//! not closed in order or are where they do not belong, unusual characters and
//! entities) ends the short way, and `sanitise` goes the long one. Where this
//! one leads anywhere, both lead to the same bytes: a law of `sanitise`.

use std::borrow::Cow;

use url::Url;

use super::markup;
use super::sanitise::{self, DEPTH_LIMIT};

/// What an element may stand in and hold, as far as parsers act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No content, within a line.
    Mark,
    Rule,
    Inline,
    Anchor,
    Paragraph,
    Heading,
    Block,
    Preformatted,
    List,
    Item,
    Definitions,
    Term,
    Table,
    Caption,
    Columns,
    Column,
    Rows,
    Row,
    Cell,
}

impl Kind {
    /// `None` for elements that are not allowed, or that need a parser.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "p" => Self::Paragraph,
            "a" => Self::Anchor,
            "li" => Self::Item,
            "code" | "em" | "strong" | "b" | "i" | "span" | "del" | "sup" | "sub" | "kbd" | "abbr" | "bdi" | "bdo"
            | "cite" | "dfn" | "ins" | "mark" | "q" | "s" | "samp" | "small" | "strike" | "time" | "tt" | "u"
            | "var" => Self::Inline,
            "br" | "img" | "wbr" => Self::Mark,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Self::Heading,
            "pre" => Self::Preformatted,
            "ul" | "ol" => Self::List,
            "td" | "th" => Self::Cell,
            "tr" => Self::Row,
            "div" | "blockquote" | "figure" | "figcaption" | "section" | "address" | "article" | "aside"
            | "details" | "footer" | "header" | "summary" => Self::Block,
            "hr" => Self::Rule,
            "table" => Self::Table,
            "thead" | "tbody" | "tfoot" => Self::Rows,
            "dl" => Self::Definitions,
            "dt" | "dd" => Self::Term,
            "caption" => Self::Caption,
            "colgroup" => Self::Columns,
            "col" => Self::Column,
            _ => return None,
        })
    }

    fn has_content(self) -> bool {
        !matches!(self, Self::Mark | Self::Rule | Self::Column)
    }

    /// Whether neither words nor most elements may stand directly in it.
    fn is_frame(self) -> bool {
        matches!(self, Self::Table | Self::Rows | Self::Row | Self::Columns)
    }
}

/// The same HTML with absolute addresses, when that is all there is to do.
pub(super) fn clean(html: &str, base: &Url) -> Option<String> {
    // Parsers drop a byte order mark at the beginning.
    if html.starts_with('\u{feff}') {
        return None;
    }
    let out = String::with_capacity(html.len() + html.len() / 8);
    let mut way = Way { rest: html, out, base, open: Vec::new(), paragraphs: 0, anchors: 0, pre: usize::MAX };
    while !way.rest.is_empty() {
        way.text()?;
        match way.rest.as_bytes() {
            [] => {}
            [_, b'/', ..] => way.close()?,
            [_, b'!', ..] => way.comment()?,
            _ => way.open()?,
        }
    }
    way.open.is_empty().then_some(way.out)
}

/// How far it came. Every step gives `None` where the short way ends.
struct Way<'h> {
    rest: &'h str,
    out: String,
    base: &'h Url,
    open: Vec<(&'h str, Kind)>,
    /// How many of the open elements are these.
    paragraphs: usize,
    anchors: usize,
    /// Where in `out` a `<pre>` just began: parsers drop a newline there.
    pre: usize,
}

impl<'h> Way<'h> {
    fn parent(&self) -> Option<Kind> {
        self.open.last().map(|(_, kind)| *kind)
    }

    /// Words up to the next tag.
    fn text(&mut self) -> Option<()> {
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if text.is_empty() {
            return Some(());
        }
        self.rest = rest;
        let is_blank = || text.bytes().all(|b| matches!(b, b' ' | b'\n' | b'\t'));
        if self.parent().is_some_and(Kind::is_frame) && !is_blank()
            || self.pre == self.out.len() && text.starts_with('\n')
        {
            return None;
        }
        write(&mut self.out, text, false)
    }

    /// A comment goes, unless parsers could differ about its end.
    fn comment(&mut self) -> Option<()> {
        let (comment, rest) = self.rest.strip_prefix("<!--")?.split_once("-->")?;
        let is_odd = comment.starts_with(['>', '-']) || comment.ends_with('-') || comment.contains("--");
        self.rest = rest;
        (!is_odd).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        let (name, rest) = self.rest[2..].split_once('>')?;
        let (open, kind) = self.open.pop()?;
        self.paragraphs -= usize::from(kind == Kind::Paragraph);
        self.anchors -= usize::from(kind == Kind::Anchor);
        self.rest = rest;
        self.out.extend(["</", name, ">"]);
        (open == name).then_some(())
    }

    fn open(&mut self) -> Option<()> {
        let inside = &self.rest[1..];
        let end = inside.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())?;
        let (name, mut attributes) = inside.split_at(end);
        let kind = Kind::of(name).filter(|kind| self.fits(*kind))?;
        self.out.extend(["<", name]);
        let (mut seen, mut has_source) = (Vec::new(), false);
        loop {
            let inside = attributes.trim_start_matches(BLANK);
            if inside.starts_with(['/', '>']) {
                attributes = inside;
                break;
            }
            let (attribute, value, rest) = attribute(inside).filter(|_| inside.len() < attributes.len())?;
            attributes = rest;
            if seen.contains(&attribute) {
                return None;
            }
            seen.push(attribute);
            has_source |= self.attribute(name, attribute, value)? && attribute == "src";
        }
        self.rest = match attributes.strip_prefix("/>") {
            Some(rest) if !kind.has_content() => rest,
            _ => attributes.strip_prefix('>')?,
        };
        self.out.push('>');
        if kind.has_content() {
            self.open.push((name, kind));
            self.paragraphs += usize::from(kind == Kind::Paragraph);
            self.anchors += usize::from(kind == Kind::Anchor);
        }
        if kind == Kind::Preformatted {
            self.pre = self.out.len();
        }
        // A picture without a source goes.
        (self.open.len() <= DEPTH_LIMIT && (name != "img" || has_source)).then_some(())
    }

    /// Whether a parser leaves such an element where it stands.
    fn fits(&self, kind: Kind) -> bool {
        let parent = self.parent();
        match kind {
            Kind::Rows | Kind::Caption | Kind::Columns => parent == Some(Kind::Table),
            Kind::Row => parent == Some(Kind::Rows),
            Kind::Cell => parent == Some(Kind::Row),
            Kind::Column => parent == Some(Kind::Columns),
            _ if parent.is_some_and(Kind::is_frame) => false,
            Kind::Mark | Kind::Inline => true,
            Kind::Anchor => self.anchors == 0,
            _ if self.paragraphs > 0 => false,
            Kind::Item => parent == Some(Kind::List),
            Kind::Term => parent == Some(Kind::Definitions),
            Kind::Heading => parent != Some(Kind::Heading),
            _ => true,
        }
    }

    /// Writes one attribute, or leaves it out; whether it was written.
    fn attribute(&mut self, element: &str, name: &str, value: &str) -> Option<bool> {
        if !sanitise::is_allowed(element, name) {
            return Some(false);
        }
        let plain = markup::resolve(value);
        let link = if matches!(name, "href" | "src") { link(&plain, self.base)? } else { Link::AsItIs };
        if link == Link::Refused {
            return Some(false);
        }
        // The long way puts other attributes in the place of one that it drops here.
        let kept = sanitise::filter(element, name, &plain)?;
        self.out.extend([" ", name, "=\""]);
        match (link, &kept) {
            (Link::Made(address), _) => write_plain(&mut self.out, address.as_str())?,
            (_, Cow::Owned(kept)) => write_plain(&mut self.out, kept)?,
            _ => write(&mut self.out, value, true)?,
        }
        self.out.push('"');
        Some(true)
    }
}

/// What parts the words of a tag.
const BLANK: [char; 3] = [' ', '\n', '\t'];

/// The attribute at the beginning of a text, its value, and what follows it.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '-').filter(|end| *end > 0)?;
    let (name, rest) = text.split_at(end);
    match rest.strip_prefix("=\"") {
        Some(rest) => rest.split_once('"').map(|(value, rest)| (name, value, rest)),
        None => rest.starts_with([' ', '\n', '\t', '/', '>']).then_some((name, "", rest)),
    }
}

/// What becomes of an address.
#[derive(PartialEq)]
enum Link {
    AsItIs,
    Refused,
    Made(Url),
}

fn link(address: &str, base: &Url) -> Option<Link> {
    Some(match Url::parse(address) {
        Ok(url) if sanitise::SCHEMES.contains(&url.scheme()) => Link::AsItIs,
        Err(url::ParseError::RelativeUrlWithoutBase) => Link::Made(base.join(address).ok()?),
        _ => Link::Refused,
    })
}

/// Writes text whose marks may be written in several ways in the one way of
/// serialisers; `None` where it holds what they do not write.
fn write(out: &mut String, text: &str, in_attribute: bool) -> Option<()> {
    let bytes = text.as_bytes();
    let (mut done, mut at) = (0, 0);
    while at < bytes.len() {
        let (length, instead) = match bytes[at] {
            b'&' => entity(&text[at..], in_attribute)?,
            b'>' => (1, "&gt;"),
            b'<' => (1, "&lt;"),
            0xc2 if bytes[at + 1] == 0xa0 => (2, "&nbsp;"),
            0xc2 if bytes[at + 1] < 0xa0 => return None,
            0xef if bytes[at + 1] == 0xbf && bytes[at + 2] >= 0xbe => return None,
            b'\n' | b'\t' | 0x20..=0x7e | 0x80.. => {
                at += 1;
                continue;
            }
            _ => return None,
        };
        if !instead.is_empty() {
            out.extend([&text[done..at], instead]);
            done = at + length;
        }
        at += length;
    }
    out.push_str(&text[done..]);
    Some(())
}

/// The length of an entity, and how serialisers write it when they do otherwise.
fn entity(text: &str, in_attribute: bool) -> Option<(usize, &'static str)> {
    let as_it_is = ["&amp;", "&lt;", "&gt;", "&nbsp;"].iter().find(|entity| text.starts_with(**entity));
    match as_it_is {
        Some(entity) => Some((entity.len(), "")),
        None if text.starts_with("&quot;") => Some((6, if in_attribute { "" } else { "\"" })),
        None => None,
    }
}

/// Writes text without entities into an attribute.
fn write_plain(out: &mut String, text: &str) -> Option<()> {
    if text.contains(['&', '"']) { write(out, &sanitise::escape(text), true) } else { write(out, text, true) }
}
