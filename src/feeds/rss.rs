//! RSS 2.0, with the modules every reader knows: `content:encoded` for the
//! whole post, `dc:creator` for authors without mail addresses, `atom:link`
//! for the feed's own address, its archive and its hubs, `media:content` for
//! pictures and more than one episode.

use rss::extension::atom::{AtomExtension, Link};
use rss::extension::dublincore::DublinCoreExtension;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Enclosure, Guid, Item};

use super::paging::HISTORY;
use super::{Channel, RenderError, address, media, xml};
use crate::domain::Post;

/// Minutes a reader may wait between two looks. Most ask as often as they
/// like; those that heed it spare the server.
const TTL_MINUTES: &str = "60";

/// Writes the feed as RSS 2.0.
///
/// # Errors
/// When the writer fails, which no post can make it do.
pub fn render(channel: &Channel, posts: &[&Post]) -> Result<Vec<u8>, RenderError> {
    let description = if channel.description.is_empty() { &channel.title } else { &channel.description };
    let mut feed = rss::Channel {
        title: xml::plain(&channel.title),
        link: address(&channel.page_url),
        description: xml::plain(description),
        language: (!channel.language.is_empty()).then(|| xml::plain(&channel.language)),
        last_build_date: (!posts.is_empty()).then(|| channel.updated.rfc2822()),
        generator: Some("Postroom".into()),
        docs: Some("https://www.rssboard.org/rss-specification".into()),
        ttl: Some(TTL_MINUTES.into()),
        atom_ext: Some(AtomExtension { links: links(channel) }),
        items: posts.iter().map(|post| item(channel, post)).collect(),
        ..rss::Channel::default()
    };
    if channel.place.current.is_some() {
        feed.namespaces.insert("fh".to_owned(), HISTORY.to_owned());
        let archive = Extension { name: "fh:archive".to_owned(), ..Extension::default() };
        feed.extensions.insert("fh".to_owned(), [("archive".to_owned(), vec![archive])].into());
    }
    if feed.items.iter().any(|item| !item.extensions.is_empty()) {
        feed.namespaces.insert(media::PREFIX.to_owned(), media::NAMESPACE.to_owned());
    }
    let written = String::from_utf8(feed.pretty_write_to(Vec::new(), b' ', 1)?)?;
    Ok(xml::document(&written, &channel.stylesheet))
}

fn links(channel: &Channel) -> Vec<Link> {
    let link = |rel: &str, url: &str, media_type: Option<&str>| Link {
        rel: rel.into(),
        href: address(url),
        mime_type: media_type.map(Into::into),
        ..Link::default()
    };
    let own = link("self", &channel.feed_url, Some("application/rss+xml"));
    let pages = channel.place.links().map(|(rel, url)| link(rel, url, Some("application/rss+xml")));
    std::iter::once(own).chain(pages).chain(channel.hubs.iter().map(|hub| link("hub", hub, None))).collect()
}

fn item(channel: &Channel, post: &Post) -> Item {
    let entry = &post.entry;
    let summary = (!entry.summary.is_empty()).then(|| xml::html(&entry.summary));
    let body = channel.body(post).map(|html| xml::clean(html).into_owned());
    // Readers expect a description before `content:encoded`; without a summary the body takes its place.
    let (description, content) = if summary.is_some() { (summary, body) } else { (body, None) };
    let link = address(&entry.url);
    Item {
        title: Some(xml::plain(&entry.title)),
        description,
        content,
        categories: entry.topics.iter().map(|topic| category(&topic.name)).collect(),
        guid: Some(Guid { permalink: post.feed_id == link, value: xml::clean(&post.feed_id).into_owned() }),
        link: Some(link),
        pub_date: Some(entry.date.rfc2822()),
        dublin_core_ext: dublin_core(channel, post),
        enclosure: enclosure(channel, post),
        extensions: media_rss(channel, post),
        ..Item::default()
    }
}

/// What is played: RSS knows one for each item.
fn enclosure(channel: &Channel, post: &Post) -> Option<Enclosure> {
    let media = channel.media(post).find(|media| !media.is_image())?;
    Some(Enclosure {
        url: address(&media.url),
        mime_type: xml::plain(&media.kind),
        // Asked for; 0 is what authors of feeds agreed on where nobody knows.
        length: media.bytes.unwrap_or(0).to_string(),
    })
}

/// The picture, and everything that is played.
fn media_rss(channel: &Channel, post: &Post) -> ExtensionMap {
    let one =
        |media| Extension { name: "media:content".to_owned(), attrs: media::attributes(media), ..Extension::default() };
    let all: Vec<_> = channel.media(post).map(one).collect();
    if all.is_empty() {
        return ExtensionMap::new();
    }
    [(media::PREFIX.to_owned(), [("content".to_owned(), all)].into())].into()
}

fn category(name: &str) -> Category {
    Category { name: xml::plain(name), domain: None }
}

/// Authors and a language of its own: what RSS 2.0 has no element for.
fn dublin_core(channel: &Channel, post: &Post) -> Option<DublinCoreExtension> {
    let site_author = channel.author.as_slice();
    let authors = if post.entry.authors.is_empty() { site_author } else { &post.entry.authors };
    let extension = DublinCoreExtension {
        creators: authors.iter().map(|name| xml::plain(name)).collect(),
        languages: channel.foreign_language(post).map(xml::plain).into_iter().collect(),
        ..DublinCoreExtension::default()
    };
    (extension != DublinCoreExtension::default()).then_some(extension)
}
