//! One file -> one entry.

use aws_lc_rs::digest;

use super::fields::{self, Fields};
use super::flaw::{Flaw, quote};
use super::front::{self, Matter};
use super::markup::{self, Token};
use super::names::{self, Addresses, Name};
use super::walk::Kind;
use super::{Rules, dates, markdown, page, sanitise, text};
use crate::domain::{Entry, Timestamp, post::Access, post::slugify};

/// Why a file gave no entry.
#[derive(Debug, PartialEq)]
pub(super) enum No {
    /// It is meant to be a post and something is wrong with it.
    Broken(Flaw),
    /// Nothing says it is a post.
    Stranger(Flaw),
}

impl From<Flaw> for No {
    fn from(flaw: Flaw) -> Self {
        Self::Broken(flaw)
    }
}

/// A file's place and content.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub path: &'a str,
    pub kind: Kind,
    /// See [`super::walk::Found::beside_index`].
    pub beside_index: bool,
    pub bytes: &'a [u8],
}

/// What a file is read by.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub rules: &'a Rules,
    pub addresses: &'a Addresses,
}

/// Reads one file; what is odd but clear enough to go on goes to `oddities`.
///
/// # Errors
/// The file is broken, or no post at all.
pub(super) fn read(source: Source<'_>, set: Setting<'_>, oddities: &mut Vec<Flaw>) -> Result<Entry, No> {
    let Source { path, kind, beside_index, bytes } = source;
    let text = decode(bytes)?;
    let name = Name::of(path);
    let (matter, body) = split(&text, kind, &name, beside_index)?;
    let mut fields = fields::read(&matter, set.rules.zone, oddities)?;
    fields.draft |= name.draft;
    let date = date(&fields, &name, set)?;
    let (raw, heading) = match kind {
        Kind::Html => (body.to_owned(), None),
        Kind::Markdown => {
            let rendered = markdown::render(body, fields.title.is_none());
            (rendered.html, rendered.heading)
        }
    };
    let title = title(&fields, heading, oddities)?;
    let slug = slug(&fields, &name, &title, oddities)?;
    let url = address(&fields, &name, &slug, date, set, oddities)?;
    let html = sanitise::sanitise(&raw, &url)?;
    if let Some(tag) = text::template_tag(&html) {
        let reason = format!("the template tag {} stands in the post as it is written", quote(&tag));
        oddities.push(Flaw::new(reason).with_help("tags of a site generator are not carried out here"));
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    Ok(Entry {
        identity: fields.id.clone().unwrap_or(name.identity),
        guid: fields.id,
        path: path.to_owned(),
        content_hash: hash,
        title,
        slug,
        date,
        updated: fields.updated,
        expires: fields.expires,
        draft: fields.draft,
        summary: before_more(&raw, &url).or(fields.summary).unwrap_or_else(|| text::excerpt(&html)),
        words: text::words(&html),
        url: url.into(),
        html,
        topics: fields.topics,
        authors: fields.authors,
        language: fields.language.filter(|tag| !tag.eq_ignore_ascii_case(&set.rules.language)),
        access: Access::Public,
    })
}

/// UTF-8 without a byte order mark, lines ending in `\n`.
fn decode(bytes: &[u8]) -> Result<String, Flaw> {
    let line = |end: usize| u32::try_from(bytes[..end].iter().filter(|b| **b == b'\n').count() + 1).ok();
    let save = "save the file as UTF-8";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Flaw::new("the file is UTF-16").at(Some(1)).with_help(save));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Flaw::new("not UTF-8: a byte that belongs to no character").at(line(e.valid_up_to())).with_help(save)
    })?;
    if let Some(at) = text.find('\0') {
        return Err(Flaw::new("a zero byte, which no text has").at(line(at)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() })
}

/// The fields and the body.
fn split<'a>(text: &'a str, kind: Kind, name: &Name, beside_index: bool) -> Result<(Matter, &'a str), No> {
    let stranger = |reason: &str| Err(No::Stranger(Flaw::new(reason)));
    if text.trim().is_empty() {
        return stranger("empty");
    }
    if let Some((matter, body)) = front::split(text)? {
        return Ok((matter, &text[body..]));
    }
    if beside_index {
        return stranger("no front matter and beside an index file, so part of that post");
    }
    match kind {
        Kind::Html => {
            let page = page::read(text);
            Ok((page.matter, page.body))
        }
        Kind::Markdown if name.date.is_none() => stranger("no front matter, not a post"),
        Kind::Markdown => Ok((Matter::default(), text)),
    }
}

/// The date of the front matter, else of the file's name or folders, else
/// the one in the address the author wrote. Never the file's own times.
fn date(fields: &Fields, name: &Name, set: Setting<'_>) -> Result<Timestamp, No> {
    let written = || fields.address.as_ref().and_then(|written| names::date_in_address(&written.address));
    let day = || name.date.or_else(written).map(|day| dates::midnight(day, set.rules.zone));
    fields.date.or_else(day).ok_or_else(|| {
        if fields.draft {
            return No::Stranger(Flaw::new("a draft without a date, left alone until it has one"));
        }
        if fields.title.is_none() {
            return No::Stranger(Flaw::new("no title and no date, not a post"));
        }
        let help = "give it a `date`, or a name like 2024-05-31-title.md; exclude it if it is not a post";
        No::Broken(Flaw::new("no date, in the front matter or in the file's name").with_help(help))
    })
}

fn title(fields: &Fields, heading: Option<String>, oddities: &mut Vec<Flaw>) -> Result<String, Flaw> {
    let found = fields.title.clone().or_else(|| heading.map(|words| text::one_line(&words))).unwrap_or_default();
    if found.is_empty() {
        return Err(Flaw::new("no title").with_help("give it a `title`, or begin the text with a `# heading`"));
    }
    let title = text::shorten(&found, text::TITLE_LIMIT);
    if title != found {
        oddities.push(Flaw::new(format!("the title is cut to {} characters", text::TITLE_LIMIT)));
    }
    Ok(title)
}

fn slug(fields: &Fields, name: &Name, title: &str, oddities: &mut Vec<Flaw>) -> Result<String, Flaw> {
    let Some(given) = &fields.slug else {
        let slug = if name.slug.is_empty() { slugify(title) } else { name.slug.clone() };
        return if slug.is_empty() {
            Err(Flaw::new("nothing to make an address of").with_help("give it a `slug`"))
        } else {
            Ok(slug)
        };
    };
    let last = given.trim_matches('/').rsplit('/').next().unwrap_or_default();
    let slug = names::slug(last);
    if slug.is_empty() {
        return Err(Flaw::new(format!("the slug {} has no letter in it", quote(given))));
    }
    if given.trim_matches('/').contains('/') {
        let reason = format!("of the slug {} only `{slug}` is used", quote(given));
        oddities.push(Flaw::new(reason).with_help("write `permalink` for a whole address"));
    }
    Ok(slug)
}

fn address(
    fields: &Fields,
    name: &Name,
    slug: &str,
    date: Timestamp,
    set: Setting<'_>,
    oddities: &mut Vec<Flaw>,
) -> Result<url::Url, Flaw> {
    if let Some(written) = &fields.address {
        if let Some(url) = set.addresses.written(&written.address) {
            return Ok(url);
        }
        let reason = format!("the address {} is passed over: it is not on the site", quote(&written.address));
        oddities.push(Flaw::new(reason).at(written.line));
    }
    set.addresses.of(&name.path, slug, date).ok_or_else(|| Flaw::new("no address can be made of its name"))
}

/// The text before `<!--more-->`, or `<!-- truncate -->` as others call it.
fn before_more(raw: &str, url: &url::Url) -> Option<String> {
    let is_mark = |token: &Token<'_>| match token {
        Token::Comment(words) => ["more", "truncate"].iter().any(|mark| words.trim().eq_ignore_ascii_case(mark)),
        _ => false,
    };
    if !raw.contains("<!--") {
        return None;
    }
    let (range, _) = markup::tokens(raw).find(|(_, token)| is_mark(token))?;
    let summary = text::prose(&sanitise::sanitise(&raw[..range.start], url).ok()?);
    (!summary.is_empty()).then(|| text::shorten(&summary, fields::SUMMARY_LIMIT))
}

#[cfg(test)]
#[path = "post_test.rs"]
mod tests;
