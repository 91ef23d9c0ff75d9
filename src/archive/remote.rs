//! A feed of somebody else's as an archive: every dialect of RSS, Atom and JSON
//! Feed, by feed-rs; its HTML by our own allow-list.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest;
use feed_rs::model::{self, Feed};
use url::Url;

use super::markup::{self, Token};
use super::{Rules, declared, media, names, sanitise, text};
use crate::domain::directives::Directives;
use crate::domain::post::{Access, Media, Topic, is_uri, slugify};
use crate::domain::{Entry, Fault, Timestamp};

/// Entries that are taken of one feed; what comes after is old.
const MOST: usize = 1_000;

/// What stands between a feed's address and an entry's name in [`Entry::path`]:
/// no path of a file has it.
const MARK: char = '#';

/// A feed that was fetched.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    /// Its address in the settings: what its posts are known by.
    pub source: &'a str,
    /// Where it came from in the end.
    pub url: &'a str,
    /// Its bytes.
    pub body: &'a [u8],
}

/// What a feed holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remote {
    /// Its entries, in its own order, each with a path of its own below the source.
    pub entries: Vec<Entry>,
    /// What was passed over.
    pub warnings: Vec<Fault>,
}

/// Whether the post at this path came from the feed at `source`.
pub fn is_from(path: &str, source: &str) -> bool {
    path.strip_prefix(source).is_some_and(|rest| rest.starts_with(MARK))
}

/// Whether the post at this path came from any feed.
pub fn is_remote(path: &str) -> bool {
    path.starts_with("http://") || path.starts_with("https://")
}

/// Reads a feed. An entry without a date has the one it had before, by path in
/// `dates`, else `now`.
///
/// # Errors
/// What was fetched is no feed. Nothing may be concluded about its posts then.
pub fn read(
    fetched: Fetched<'_>,
    rules: &Rules,
    dates: &HashMap<String, Timestamp>,
    now: Timestamp,
) -> Result<Remote, Fault> {
    let base = Url::parse(fetched.url).map_err(|error| Fault::new(fetched.source, error.to_string()))?;
    let parser = feed_rs::parser::Builder::new().base_uri(Some(fetched.url)).sanitize_content(false);
    let parser = parser.id_generator(made_id).build();
    let feed =
        parser.parse(&*declared::short(fetched.body)).map_err(|error| no_feed(fetched, &base, &error.to_string()))?;
    let mut remote = Remote::default();
    let mut ids: HashMap<&str, usize> = HashMap::new();
    for found in &feed.entries {
        *ids.entry(found.id.as_str()).or_default() += 1;
    }
    let mut paths = HashSet::new();
    let setting = Setting { source: fetched.source, base: &base, feed: &feed, rules, dates, now };
    for found in feed.entries.iter().take(MOST) {
        // An id that several entries have is nobody's.
        let is_taken = found.id.is_empty() || ids.get(found.id.as_str()).is_some_and(|times| *times > 1);
        match entry(found, is_taken, setting) {
            Ok(entry) if paths.insert(entry.path.clone()) => remote.entries.push(entry),
            Ok(_) => {}
            Err(fault) => remote.warnings.push(fault),
        }
    }
    Ok(remote)
}

/// What an entry without an id is known by: its link, else its title, wherever its feed is.
fn made_id(links: &[model::Link], title: &Option<model::Text>, _: Option<&str>) -> String {
    let link = links.first().map(|link| link.href.clone());
    link.or_else(|| title.as_ref().map(|title| title.content.clone())).unwrap_or_default()
}

#[derive(Clone, Copy)]
struct Setting<'a> {
    source: &'a str,
    base: &'a Url,
    feed: &'a Feed,
    rules: &'a Rules,
    dates: &'a HashMap<String, Timestamp>,
    now: Timestamp,
}

/// What is there instead of a feed, and where the feed may be.
fn no_feed(fetched: Fetched<'_>, base: &Url, reason: &str) -> Fault {
    let text = String::from_utf8_lossy(fetched.body);
    let start = text.trim_start_matches('\u{feff}').trim_start().get(..15).unwrap_or_default().to_ascii_lowercase();
    if !start.starts_with("<!doctype html") && !start.starts_with("<html") {
        let reason = text::one_line(&text::shorten(reason, 200));
        return Fault::new(fetched.source, format!("this is no feed that can be read: {reason}"));
    }
    let fault = Fault::new(fetched.source, "this is a web page, not a feed");
    match announced(&text, base) {
        Some(feed) => fault.with_help(format!("its feed seems to be {feed}")),
        None => fault.with_help("look for the address of the feed on that page"),
    }
}

/// The first feed a page announces.
fn announced(page: &str, base: &Url) -> Option<Url> {
    markup::tokens(page).find_map(|(_, token)| {
        let Token::Open { name, attributes, .. } = token else { return None };
        let is_feed = name.eq_ignore_ascii_case("link")
            && markup::attribute(attributes, "type").is_some_and(|kind| {
                ["application/rss+xml", "application/atom+xml", "application/feed+json"].contains(&kind.trim())
            });
        base.join(&markup::resolve(markup::attribute(attributes, "href").filter(|_| is_feed)?)).ok()
    })
}

fn entry(found: &model::Entry, is_taken: bool, set: Setting<'_>) -> Result<Entry, Fault> {
    let url = address(found, set.base);
    let said = |reason: &str| Fault::new(set.source, format!("{} is passed over: {reason}", url.as_str()));
    let (body, summary) = bodies(found, &url).map_err(|reason| said(&reason))?;
    let title = title(found, &body).ok_or_else(|| said("it has neither title nor text"))?;
    let link = found.links.first().map(|link| link.href.as_str()).unwrap_or_default();
    let id = if is_taken { format!("{} {link} {title}", found.id) } else { found.id.clone() };
    let path =
        format!("{}{MARK}{}", set.source, hash(&[&id]).iter().take(10).map(|b| format!("{b:02x}")).collect::<String>());
    let instant = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(Timestamp::from);
    let date = instant(found.published).or(instant(found.updated)).or_else(|| set.dates.get(&path).copied());
    let date = date.unwrap_or(set.now);
    let updated = instant(found.updated).filter(|at| *at > date).map(|at| at.min(set.now.max(date)));
    let authors = if found.authors.is_empty() { &set.feed.authors } else { &found.authors };
    let language = found.language.as_ref().or(set.feed.language.as_ref());
    let media = media_of(found);
    let changing: Vec<String> = media.iter().map(|one| format!("{one:?}")).collect();
    let content_hash = hash(&[&title, url.as_str(), &body, &summary, &changing.concat(), &format!("{updated:?}")]);
    let is_own = !is_taken && is_uri(&found.id);
    Ok(Entry {
        identity: if is_own { found.id.clone() } else { path.clone() },
        guid: is_own.then(|| found.id.clone()),
        content_hash,
        slug: slug(&url, &title, &path),
        url: url.into(),
        date,
        updated,
        expires: None,
        draft: false,
        words: text::words(&body),
        summary: if summary.is_empty() { text::excerpt(&body) } else { summary },
        html: body,
        topics: topics(found),
        authors: authors
            .iter()
            .filter_map(|one| Some(text::one_line(one.name.as_deref()?)))
            .filter(|name| !name.is_empty())
            .collect(),
        language: language.filter(|tag| !tag.eq_ignore_ascii_case(&set.rules.language)).cloned(),
        access: Access::Public,
        send: Directives::default(),
        media,
        title,
        path,
    })
}

/// Where the entry can be read: its link, else its id where that is an address, else the feed's.
fn address(found: &model::Entry, base: &Url) -> Url {
    let is_page = |link: &&model::Link| matches!(link.rel.as_deref(), None | Some("alternate"));
    let link =
        found.links.iter().find(is_page).or(found.links.iter().find(|link| link.rel.as_deref() != Some("enclosure")));
    let written = link.map(|link| link.href.as_str()).into_iter().chain([found.id.as_str()]);
    let web = |url: &Url| matches!(url.scheme(), "http" | "https");
    let first = link.and_then(|link| base.join(link.href.trim()).ok()).filter(web);
    first.or_else(|| written.filter_map(|text| Url::parse(text).ok()).find(web)).unwrap_or_else(|| base.clone())
}

/// The sanitised body and the summary in plain words, where there is one beside it.
fn bodies(found: &model::Entry, url: &Url) -> Result<(String, String), String> {
    let clean = |html: &str| sanitise::sanitise(html, url).map_err(|flaw| flaw.reason);
    let content = found.content.as_ref().and_then(|content| {
        let body = content.body.as_deref().filter(|body| !body.trim().is_empty())?;
        Some(as_html(body, content.content_type.subty().as_str() == "plain"))
    });
    let told = found.summary.as_ref().filter(|text| !text.content.trim().is_empty());
    // The description of RSS is HTML by custom, whatever it is said to be.
    let told = told.map(|text| as_html(&text.content, !text.content.contains(['<', '&'])));
    match (content, told) {
        (Some(content), Some(told)) => {
            let summary = text::prose(&clean(&told)?);
            Ok((clean(&content)?, text::shorten(&text::one_line(&summary), super::fields::SUMMARY_LIMIT)))
        }
        (Some(only), None) | (None, Some(only)) => Ok((clean(&only)?, String::new())),
        (None, None) => Ok((String::new(), String::new())),
    }
}

fn as_html(body: &str, is_plain: bool) -> String {
    if !is_plain {
        return body.to_owned();
    }
    let paragraphs = body.split("\n\n").map(|one| format!("<p>{}</p>", sanitise::escape(one.trim())));
    paragraphs.collect::<Vec<_>>().join("\n")
}

/// What the entry is called; of one without a title, as short notes are, its first words.
fn title(found: &model::Entry, body: &str) -> Option<String> {
    let said = found.title.as_ref().map(|title| match title.content_type.subty().as_str() {
        "html" | "xhtml+xml" => text::prose(&title.content),
        // Escaped twice by half the world's generators.
        _ => markup::resolve(&title.content).into_owned(),
    });
    let said = said.map(|title| text::one_line(&title)).filter(|title| !title.is_empty());
    let title = said.unwrap_or_else(|| text::shorten(&text::one_line(&text::prose(body)), 80));
    (!title.is_empty()).then(|| text::shorten(&title, text::TITLE_LIMIT))
}

fn slug(url: &Url, title: &str, path: &str) -> String {
    let last = url.path_segments().and_then(|mut parts| parts.rfind(|part| !part.is_empty())).unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let named = [names::slug(stem), slugify(title)].into_iter().find(|slug| slug.chars().any(char::is_alphabetic));
    named.unwrap_or_else(|| path.rsplit(MARK).next().unwrap_or_default().to_owned())
}

fn topics(found: &model::Entry) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for category in &found.categories {
        let topic = Topic::named(category.label.as_deref().unwrap_or(&category.term));
        topics.extend(topic.filter(|topic| topics.iter().all(|known| known.slug != topic.slug)));
    }
    topics
}

/// Its picture, then what is played, each once.
fn media_of(found: &model::Entry) -> Vec<Media> {
    let mut all: Vec<Media> = Vec::new();
    let mut add = |one: Media| {
        if !one.kind.is_empty() && all.iter().all(|known| known.url != one.url) && all.len() < media::MOST {
            all.push(one);
        }
    };
    let web = |url: &Url| matches!(url.scheme(), "http" | "https");
    let kind = |said: Option<String>, url: &Url| {
        said.filter(|kind| media::is_kind(kind)).unwrap_or_else(|| media::kind_of(url))
    };
    for object in &found.media {
        for content in &object.content {
            let Some(url) = content.url.as_ref().filter(|url| web(url)) else { continue };
            let seconds = content.duration.or(object.duration).and_then(|time| u32::try_from(time.as_secs()).ok());
            let kind = kind(content.content_type.as_ref().map(ToString::to_string), url);
            add(Media { url: url.to_string(), kind, bytes: content.size, seconds });
        }
    }
    for link in found.links.iter().filter(|link| link.rel.as_deref() == Some("enclosure")) {
        let Some(url) = Url::parse(&link.href).ok().filter(web) else { continue };
        add(Media { kind: kind(link.media_type.clone(), &url), url: url.into(), bytes: link.length, seconds: None });
    }
    for image in found.media.iter().flat_map(|object| &object.thumbnails) {
        if let Some(url) = Url::parse(&image.image.uri).ok().filter(web) {
            add(Media { kind: "image/jpeg".into(), url: url.into(), bytes: None, seconds: None });
        }
    }
    all.sort_by_key(|one| !one.is_image());
    // One picture stands for a post.
    let mut pictures = 0;
    all.retain(|one| {
        pictures += usize::from(one.is_image());
        !one.is_image() || pictures == 1
    });
    all
}

fn hash(parts: &[&str]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
#[path = "remote_test.rs"]
mod tests;
