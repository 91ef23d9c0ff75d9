//! One file -> one entry.

use aws_lc_rs::digest;

use super::dialect::{Place, Site};
use super::fields::{self, Fields};
use super::flaw::{Flaw, quote};
use super::front::{self, Matter, Value};
use super::links::{self, Files};
use super::markdown::{self, HeadingIds};
use super::markup::{self, Token};
use super::names::{self, Addresses, Name};
use super::tags::{self, Fuel, Language, Notes, Scope, Surroundings};
use super::walk::Kind;
use super::{Rules, address, dates, media, page, pictures, sanitise, text};
use crate::domain::post::{Access, is_uri, slugify};
use crate::domain::{Entry, Timestamp};

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
    pub site: &'a Site,
    /// Every file there is, for the links between them.
    pub files: &'a Files,
}

/// A post before its text is rendered: where it will stand and what it says of
/// itself.
pub(super) struct Placed<'t> {
    name: Name,
    matter: Matter,
    fields: Fields,
    body: Body<'t>,
    title: String,
    slug: String,
    date: Timestamp,
    pub url: url::Url,
}

/// Reads the fields of a file and makes its address: the one rule there is,
/// for the post itself and for links to it.
///
/// # Errors
/// The file is broken, or no post at all.
pub(super) fn place_of<'t>(
    source: Source<'_>,
    text: &'t str,
    set: Setting<'_>,
    oddities: &mut Vec<Flaw>,
) -> Result<Placed<'t>, No> {
    let Source { path, kind, beside_index, .. } = source;
    let dialect = set.site.dialect;
    let name = Name::of(&dialect.called(set.site, path));
    let (mut matter, body) = split(text, kind, &name, beside_index)?;
    let (folder, inside) = set.site.within(path).unwrap_or(("", path.to_owned()));
    let place = Place { folder, path: &inside, kind, beside_index };
    matter.fill(dialect.defaults(set.site, &inside));
    let habits = dialect.habits(set.site);
    let mut fields = fields::read(&matter, set.rules.zone, &habits, oddities)?;
    dialect.complete(set.site, &place, &matter, &mut fields);
    fields.draft |= name.draft;
    let date = date(&fields, &name, set)?;
    // As it is written: an address must not wait for what tags make of the text.
    let is_titled = fields.title.is_some() || kind == Kind::Html || !dialect.has_heading_titles();
    let heading = if is_titled { None } else { markdown::render(body.text, true, HeadingIds::None).heading };
    let on_site = Name::of(&inside);
    let title = title(&fields, heading.or_else(|| dialect.title(&on_site)), oddities)?;
    let slug = slug(&fields, &name, &title, oddities)?;
    let parts = address::Parts {
        place,
        name: &on_site,
        path: &name.path,
        matter: &matter,
        fields: &fields,
        habits: &habits,
        title: &title,
        slug: &slug,
        date,
    };
    let url = address::of(parts, set, oddities)?;
    Ok(Placed { name, matter, fields, body, title, slug, date, url })
}

/// Reads one file; what is odd but clear enough to go on goes to `oddities`.
///
/// # Errors
/// The file is broken, or no post at all.
pub(super) fn read(source: Source<'_>, set: Setting<'_>, oddities: &mut Vec<Flaw>) -> Result<Entry, No> {
    let Source { path, kind, bytes, .. } = source;
    let text = decode(bytes)?;
    let Placed { name, matter, mut fields, body, title, slug, date, url } = place_of(source, &text, set, oddities)?;
    let (matter, dialect) = (&matter, set.site.dialect);
    let (raw, heading) = rendered(body, matter, &fields, source, set, oddities)?;
    let heading = heading.filter(|_| fields.title.is_none()).map(|words| text::one_line(&words));
    let title = heading.filter(|words| !words.is_empty()).map_or(title, |w| text::shorten(&w, text::TITLE_LIMIT));
    let html = sanitise::sanitise(&raw, &url)?;
    if dialect.tags() == Language::Unknown {
        name_template_tag(&html, &text, oddities);
    }
    let orders = std::mem::take(&mut fields.orders);
    fields.draft |= orders.withheld.is_some();
    oddities.extend(orders.withheld);
    name_unknown(&orders.send.newsletters, matter, set.rules, oddities);
    if let Some(id) = fields.id.as_deref().filter(|id| !is_uri(id) && url::Url::parse(id).is_ok()) {
        let reason = format!("the id {} cannot stand in feeds: the post's first address does", quote(id));
        oddities.push(Flaw::new(reason).at(matter.line_of("id").or_else(|| matter.line_of("guid"))));
    }
    let summary = fields.summary.take().or_else(|| before_more(&raw, &url));
    let summary = summary.or_else(|| before_mark(body, &excerpt_mark(matter, set)?, kind, &url));
    // The first words of a post that is not for everybody are not, either.
    let summary = summary.unwrap_or_else(|| match orders.access {
        Access::Public => text::excerpt(&html),
        Access::Subscribers => String::new(),
    });
    let media = media::read(matter, |written| media_address(written, &url, set), oddities);
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
        summary,
        words: text::words(&html),
        url: url.into(),
        html,
        topics: fields.topics,
        authors: fields.authors,
        language: fields.language.filter(|tag| !tag.eq_ignore_ascii_case(&set.rules.language)),
        access: orders.access,
        send: orders.send,
        media,
    })
}

/// The address of a file the front matter names: below the site when it begins
/// with a slash, beside the post otherwise.
fn media_address(written: &str, post: &url::Url, set: Setting<'_>) -> Option<url::Url> {
    let is_rooted = written.starts_with('/') && !written.starts_with("//");
    if is_rooted { set.addresses.below_site(written) } else { post.join(written).ok() }
}

/// The HTML of a body, not sanitised yet, and the heading that is its title.
fn rendered(
    body: Body<'_>,
    matter: &Matter,
    fields: &Fields,
    source: Source<'_>,
    set: Setting<'_>,
    oddities: &mut Vec<Flaw>,
) -> Result<(String, Option<String>), Flaw> {
    let dialect = set.site.dialect;
    let language = if source.kind == Kind::Mdx { Language::Mdx } else { dialect.tags() };
    let value = |name: &str| value(name, matter, fields, set);
    let filter = |name: &str, text: &str| match name {
        "relative_url" | "absolute_url" | "url" | "full_url_for" | "url_for" => {
            set.addresses.written(text).or_else(|| set.addresses.below_site(text)).map(String::from)
        }
        "slugify" | "slug" => Some(slugify(text)),
        "markdownify" => Some(text.to_owned()),
        _ => None,
    };
    let link = |target: &str| links::resolve(set, source.path, target);
    let fuel = Fuel::full();
    let around = Surroundings { scope: Scope { value: &value, filter: &filter, fuel: &fuel }, link: &link };
    let mut notes = Notes::default();
    let text = tags::render(language, body.text, &around, &mut notes);
    if let Some(line) = notes.endless() {
        let help = "make the lists shorter, or nest fewer `for`";
        let flaw = Flaw::new("the loops of its template are too much work").at(Some(body.line + line - 1));
        return Err(flaw.with_help(help));
    }
    for (tag, line, times) in notes.all() {
        let times = if times > 1 { format!(", {times} times") } else { String::new() };
        let reason = format!("{} is left out{times}: only the site's generator knows it", quote(&tag));
        oddities.push(Flaw::new(reason).at(Some(body.line + line - 1)));
    }
    let (raw, heading) = match source.kind {
        Kind::Html => (text.into_owned(), None),
        Kind::Markdown | Kind::Mdx => {
            let rendered = markdown::render(
                &text,
                fields.title.is_none() && dialect.has_heading_titles(),
                dialect.heading_ids(set.site),
            );
            (rendered.html, rendered.heading)
        }
    };
    Ok((pictures::sized(links::relink(raw, source.path, set), source.path, set), heading))
}

/// What a name in a template stands for.
fn value(name: &str, matter: &Matter, fields: &Fields, set: Setting<'_>) -> Option<Value> {
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let site = set.addresses.site().as_str().trim_end_matches('/');
    if let Some(key) = name.strip_prefix("site.").or_else(|| name.strip_prefix("config.")) {
        return match key {
            "url" => text(site),
            // The address above holds it already.
            "baseurl" | "root" => text(""),
            key => set.site.config.get(key).cloned(),
        };
    }
    match name.strip_prefix("page.").unwrap_or(name) {
        "title" => fields.title.as_deref().and_then(text),
        key => matter.get(key).cloned(),
    }
}

/// Tells of newsletters that are named and that there are not.
fn name_unknown(named: &[String], matter: &Matter, rules: &Rules, oddities: &mut Vec<Flaw>) {
    for name in named.iter().filter(|name| !rules.newsletters.contains(name)) {
        let line = matter.line_of("newsletters").or_else(|| matter.line_of("newsletter"));
        let reason = format!("there is no newsletter {}: the post goes to none of that name", quote(name));
        oddities.push(Flaw::new(reason).at(line).with_help("newsletters are named by their `id` in the settings"));
    }
}

/// Tells of the first tag of a template language, which stands in the post as
/// it is where the site's generator is not known.
fn name_template_tag(html: &str, source: &str, oddities: &mut Vec<Flaw>) {
    let Some(tag) = text::template_tag(html) else { return };
    let line = source.find(tag.as_str()).map(|at| front::line_at(source, at));
    let reason = format!("the template tag {} stands in the post as it is written", quote(&tag));
    let help = "when a site generator should carry it out, name that generator in archive.dialect";
    oddities.push(Flaw::new(reason).at(line).with_help(help));
}

/// UTF-8 without a byte order mark, lines ending in `\n`.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Flaw> {
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

/// The text of a post without its fields.
#[derive(Clone, Copy)]
struct Body<'a> {
    text: &'a str,
    /// The line of the file it begins in.
    line: u32,
}

/// The fields and the body.
fn split<'a>(text: &'a str, kind: Kind, name: &Name, beside_index: bool) -> Result<(Matter, Body<'a>), No> {
    let stranger = |reason: &str| Err(No::Stranger(Flaw::new(reason)));
    if text.trim().is_empty() {
        return stranger("empty");
    }
    if let Some((matter, start)) = front::split(text)? {
        return Ok((matter, Body { text: &text[start..], line: front::line_at(text, start) }));
    }
    if beside_index {
        return stranger("no front matter and beside an index file, so part of that post");
    }
    match kind {
        Kind::Html => {
            let page = page::read(text);
            Ok((page.matter, Body { text: page.body, line: 1 }))
        }
        Kind::Markdown | Kind::Mdx if name.date.is_none() => stranger("no front matter, not a post"),
        Kind::Markdown | Kind::Mdx => Ok((Matter::default(), Body { text, line: 1 })),
    }
}

/// The date of the front matter, else of the file's name or folders, else
/// the one in the address the author wrote. Never the file's own times.
pub(super) fn date(fields: &Fields, name: &Name, set: Setting<'_>) -> Result<Timestamp, No> {
    let written = || fields.address.as_ref().and_then(|written| names::date_in_address(&written.address));
    let day = || name.date.or_else(written).map(|day| dates::midnight(day, set.rules.zone));
    fields.date.or_else(day).ok_or_else(|| {
        if fields.draft {
            return No::Stranger(Flaw::new("a draft without a date, left alone until it has one"));
        }
        if fields.title.is_none() {
            return No::Stranger(Flaw::new("no title and no date, not a post"));
        }
        if set.site.dialect.has_undated_pages() {
            let help = "give it a `date` if it is meant to be a post";
            return No::Stranger(Flaw::new("a page of the site, not a post: it has no date").with_help(help));
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

/// Where Jekyll's authors end an excerpt, when they say so.
fn excerpt_mark(matter: &Matter, set: Setting<'_>) -> Option<String> {
    let config = || set.site.config.text("excerpt_separator");
    matter.text("excerpt_separator").map(str::to_owned).or_else(config)
}

/// The text before a mark of the author's own.
fn before_mark(body: Body<'_>, mark: &str, kind: Kind, url: &url::Url) -> Option<String> {
    let (before, _) = body.text.split_once(mark)?;
    let raw =
        if kind == Kind::Html { before.to_owned() } else { markdown::render(before, false, HeadingIds::None).html };
    let summary = text::prose(&sanitise::sanitise(&raw, url).ok()?);
    (!summary.is_empty()).then(|| text::shorten(&summary, fields::SUMMARY_LIMIT))
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
