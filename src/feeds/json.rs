//! JSON Feed 1.1.

use std::borrow::Cow;

use serde::Serialize;

use super::{Channel, RenderError, address, xml::clean};
use crate::domain::Post;
use crate::domain::post::Media;

#[derive(Serialize)]
struct Feed<'a> {
    version: &'static str,
    title: Cow<'a, str>,
    home_page_url: String,
    feed_url: String,
    /// The next older page of the feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: Cow<'a, str>,
    authors: Vec<Author<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    language: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<Hub>,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Author<'a> {
    name: Cow<'a, str>,
}

#[derive(Serialize)]
struct Hub {
    r#type: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Item<'a> {
    id: Cow<'a, str>,
    url: String,
    title: Cow<'a, str>,
    /// One of the two is always there, as the format asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_html: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: Cow<'a, str>,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<Author<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
}

#[derive(Serialize)]
struct Attachment<'a> {
    url: String,
    mime_type: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_in_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_in_seconds: Option<u32>,
}

/// Writes the feed as JSON Feed 1.1.
///
/// # Errors
/// When the writer fails, which no post can make it do.
pub fn render(channel: &Channel, posts: &[&Post]) -> Result<Vec<u8>, RenderError> {
    let feed = Feed {
        version: "https://jsonfeed.org/version/1.1",
        title: clean(&channel.title),
        home_page_url: address(&channel.page_url),
        feed_url: address(&channel.feed_url),
        next_url: channel.place.previous.as_deref(),
        description: clean(&channel.description),
        authors: vec![Author { name: clean(channel.author()) }],
        language: clean(&channel.language),
        hubs: channel.hubs.iter().map(|hub| Hub { r#type: "WebSub", url: address(hub) }).collect(),
        items: posts.iter().map(|post| item(channel, post)).collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&feed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn item<'a>(channel: &Channel, post: &'a Post) -> Item<'a> {
    let entry = &post.entry;
    let content_html = channel.body(post).map(clean);
    let text = if entry.summary.is_empty() { &entry.title } else { &entry.summary };
    Item {
        id: clean(&post.feed_id),
        url: address(&entry.url),
        title: clean(&entry.title),
        content_text: content_html.is_none().then(|| clean(text)),
        content_html,
        summary: clean(&entry.summary),
        date_published: entry.date.rfc3339(),
        date_modified: post.updated().rfc3339(),
        authors: entry.authors.iter().map(|name| Author { name: clean(name) }).collect(),
        tags: entry.topics.iter().map(|topic| clean(&topic.name)).collect(),
        language: channel.foreign_language(post).map(clean),
        image: channel.media(post).find(|media| media.is_image()).map(|image| address(&image.url)),
        attachments: channel.media(post).filter(|media| !media.is_image()).map(attachment).collect(),
    }
}

fn attachment(media: &Media) -> Attachment<'_> {
    Attachment {
        url: address(&media.url),
        mime_type: clean(&media.kind),
        size_in_bytes: media.bytes,
        duration_in_seconds: media.seconds,
    }
}
