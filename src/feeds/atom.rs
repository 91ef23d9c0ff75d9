//! Atom 1.0 (RFC 4287).

use atom_syndication::extension::{Extension, ExtensionMap};
use atom_syndication::{Category, Content, Entry, Feed, FixedDateTime, Generator, Link, Person, Text, WriteConfig};
use chrono::SubsecRound;

use super::paging::HISTORY;
use super::{Channel, RenderError, address, media, xml};
use crate::domain::post::Media;
use crate::domain::{Post, Timestamp};

/// Writes the feed as Atom 1.0.
///
/// # Errors
/// When the writer fails, which no post can make it do.
pub fn render(channel: &Channel, posts: &[&Post]) -> Result<Vec<u8>, RenderError> {
    let mut feed = Feed {
        title: text(&channel.title, None),
        subtitle: (!channel.description.is_empty()).then(|| text(&channel.description, None)),
        id: channel.id.clone(),
        updated: date(channel.updated),
        authors: vec![person(channel.author())],
        generator: Some(Generator { value: "Postroom".into(), ..Generator::default() }),
        links: feed_links(channel),
        entries: posts.iter().map(|post| entry(channel, post)).collect(),
        lang: (!channel.language.is_empty()).then(|| xml::clean(&channel.language).into_owned()),
        ..Feed::default()
    };
    if channel.place.current.is_some() {
        feed.namespaces.insert("fh".to_owned(), HISTORY.to_owned());
    }
    if feed.entries.iter().any(|entry| !entry.extensions.is_empty()) {
        feed.namespaces.insert(media::PREFIX.to_owned(), media::NAMESPACE.to_owned());
    }
    let config = WriteConfig { write_document_declaration: false, indent_size: Some(1) };
    let mut written = String::from_utf8(feed.write_with_config(Vec::new(), config)?)?;
    if channel.place.current.is_some() {
        // The grammar wants it before the entries, where the writer has no place for it.
        written = written.replacen("</generator>", "</generator>\n <fh:archive/>", 1);
    }
    Ok(xml::document(&written, &channel.stylesheet))
}

fn feed_links(channel: &Channel) -> Vec<Link> {
    let mut links = vec![
        link("alternate", &channel.page_url, Some("text/html")),
        link("self", &channel.feed_url, Some("application/atom+xml")),
    ];
    links.extend(channel.place.links().map(|(rel, url)| link(rel, url, Some("application/atom+xml"))));
    links.extend(channel.hubs.iter().map(|hub| link("hub", hub, None)));
    links
}

fn entry(channel: &Channel, post: &Post) -> Entry {
    let source = &post.entry;
    let language = channel.foreign_language(post);
    let content = channel.body(post).map(|html| Content {
        value: Some(xml::clean(html).into_owned()),
        content_type: Some("html".into()),
        lang: language.map(Into::into),
        ..Content::default()
    });
    let mut links = vec![link("alternate", &source.url, Some("text/html"))];
    links.extend(channel.media(post).filter(|media| !media.is_image()).map(enclosure));
    Entry {
        title: text(&source.title, language),
        id: xml::clean(&post.feed_id).into_owned(),
        updated: date(post.updated()),
        published: Some(date(source.date)),
        authors: source.authors.iter().map(|name| person(name)).collect(),
        categories: source.topics.iter().map(|topic| category(&topic.slug, &topic.name)).collect(),
        links,
        extensions: pictures(channel, post),
        summary: (!source.summary.is_empty()).then(|| text(&source.summary, language)),
        content,
        ..Entry::default()
    }
}

/// What is played or fetched.
fn enclosure(media: &Media) -> Link {
    let length = media.bytes.map(|bytes| bytes.to_string());
    Link { length, ..link("enclosure", &media.url, Some(&media.kind)) }
}

/// Atom has no word for the picture of an entry; Media RSS does.
fn pictures(channel: &Channel, post: &Post) -> ExtensionMap {
    let one =
        |media| Extension { name: "media:content".to_owned(), attrs: media::attributes(media), ..Extension::default() };
    let all: Vec<_> = channel.media(post).filter(|media| media.is_image()).map(one).collect();
    if all.is_empty() {
        return ExtensionMap::new();
    }
    [(media::PREFIX.to_owned(), [("content".to_owned(), all)].into())].into()
}

/// Plain text. Where a reader might take some of it for markup it is declared
/// as HTML, and its markup characters escaped once more: nothing is left to guess.
fn text(value: &str, language: Option<&str>) -> Text {
    let is_plain = !value.contains(['<', '&']);
    let text = if is_plain { Text::plain(xml::clean(value)) } else { Text::html(xml::html(value)) };
    Text { lang: language.map(Into::into), ..text }
}

fn person(name: &str) -> Person {
    Person { name: xml::plain(name), ..Person::default() }
}

fn category(slug: &str, name: &str) -> Category {
    Category { term: xml::plain(slug), label: Some(xml::plain(name)), scheme: None }
}

fn link(rel: &str, url: &str, media_type: Option<&str>) -> Link {
    Link { rel: rel.into(), href: address(url), mime_type: media_type.map(Into::into), ..Link::default() }
}

/// Whole seconds: more digits say nothing, and some readers stumble over them.
fn date(at: Timestamp) -> FixedDateTime {
    at.utc().trunc_subsecs(0).fixed_offset()
}
