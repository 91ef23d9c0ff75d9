//! Every feed of a site at once: all posts, and the posts of each topic.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Asset, Channel, FORMATS, RenderError, Stamp, address};
use crate::domain::{Post, Timestamp};

/// The style sheet of feeds where the operator has none of their own.
pub const STYLESHEET: &str = include_str!("../../templates/feed.css");

/// Where the style sheet is, under the public address.
const STYLESHEET_PATH: &str = "/feed.css";

/// What all feeds of a site have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Masthead {
    /// What the site is called; never empty.
    pub title: String,
    /// One sentence on what it is about; may be empty.
    pub description: String,
    /// BCP 47 tag; may be empty when unknown.
    pub language: String,
    /// Who writes it, for posts that name nobody.
    pub author: Option<String>,
    /// The operator's site, absolute.
    pub site_url: String,
    /// Where the feeds are served, absolute; a path in it is kept.
    pub public_url: String,
    /// Whole posts in the feeds; otherwise summaries only.
    pub full_text: bool,
    /// WebSub hubs, absolute.
    pub hubs: Vec<String>,
    /// Posts in each feed at most, the newest; 0 for all.
    pub items: usize,
    /// The text of `/feed.css`: [`STYLESHEET`] or the operator's own.
    pub stylesheet: String,
}

/// What was published before.
#[derive(Debug, Default)]
pub struct Before {
    /// The files of this run, by path.
    pub assets: Arc<HashMap<String, Asset>>,
    /// What each was when it last changed, in whatever run, by path.
    pub stamps: HashMap<String, Stamp>,
    /// The present.
    pub now: Timestamp,
}

impl Before {
    fn following(
        &self,
        path: &str,
        media_type: &'static str,
        body: Vec<u8>,
        modified: Timestamp,
    ) -> Result<Asset, RenderError> {
        Asset::following(self.assets.get(path), self.stamps.get(path), media_type, body, modified, self.now)
    }
}

/// Every published file of `posts`, all of which are public, in any order:
/// `/feed.xml`, `/atom.xml`, `/feed.json`, the same under `/topics/TOPIC/` for
/// each topic they have, and `/feed.css`. Paths are decoded and relative to the
/// public address. What did not change since `before` is taken from there
/// ready-made; nothing will do.
///
/// # Errors
/// When a writer fails, which no post can make it do.
pub fn publish(masthead: &Masthead, posts: &[Post], before: &Before) -> Result<Vec<(String, Asset)>, RenderError> {
    let mut newest_first: Vec<&Post> = posts.iter().collect();
    newest_first.sort_by_key(|post| std::cmp::Reverse((post.entry.date, post.seq, post.id)));
    let mut site = vec![stylesheet(masthead, posts, before)?];
    site.extend(folder(masthead, "", &masthead.title, &newest_first, before)?);
    for (slug, topic) in topics(&newest_first) {
        let title = format!("{}: {}", masthead.title, topic.name);
        site.extend(folder(masthead, &format!("/topics/{slug}"), &title, &topic.posts, before)?);
    }
    Ok(site)
}

/// A topic as the newest post with it calls it, and its posts.
struct Shelf<'a> {
    name: &'a str,
    posts: Vec<&'a Post>,
}

fn topics<'a>(newest_first: &[&'a Post]) -> BTreeMap<&'a str, Shelf<'a>> {
    let mut topics = BTreeMap::new();
    for post in newest_first {
        for topic in &post.entry.topics {
            let shelf = topics.entry(topic.slug.as_str()).or_insert(Shelf { name: &topic.name, posts: Vec::new() });
            // Two topics of one post may differ in spelling only.
            if shelf.posts.last().is_none_or(|last| !std::ptr::eq(*last, *post)) {
                shelf.posts.push(post);
            }
        }
    }
    topics
}

/// The feeds of one folder, in every format.
fn folder(
    masthead: &Masthead,
    folder: &str,
    title: &str,
    newest_first: &[&Post],
    before: &Before,
) -> Result<Vec<(String, Asset)>, RenderError> {
    let count = if masthead.items == 0 { newest_first.len() } else { masthead.items.min(newest_first.len()) };
    let posts = &newest_first[..count];
    let public_url = masthead.public_url.trim_end_matches('/');
    let mut channel = Channel {
        title: title.to_owned(),
        description: masthead.description.clone(),
        language: masthead.language.clone(),
        site: masthead.title.clone(),
        author: masthead.author.clone(),
        feed_url: String::new(),
        page_url: masthead.site_url.clone(),
        stylesheet: path_of(&format!("{public_url}{STYLESHEET_PATH}")),
        full_text: masthead.full_text,
        hubs: masthead.hubs.clone(),
        updated: posts.iter().map(|post| post.updated()).max().unwrap_or_default(),
    };
    let modified = posts.iter().map(|post| changed(post)).max().unwrap_or_default();
    let render = |format: &super::Format| {
        let path = format!("{folder}/{}", format.file);
        channel.feed_url = address(&format!("{public_url}{path}"));
        let body = (format.render)(&channel, posts)?;
        let asset = before.following(&path, format.media_type, body, modified)?;
        Ok((path, asset))
    };
    FORMATS.iter().map(render).collect()
}

/// When readers of the feed could first see the post as it is now. One
/// published with an old date changes the feed today.
fn changed(post: &Post) -> Timestamp {
    post.public_since.map_or(post.updated(), |since| since.max(post.updated()))
}

fn stylesheet(masthead: &Masthead, posts: &[Post], before: &Before) -> Result<(String, Asset), RenderError> {
    let modified = posts.iter().map(changed).max().unwrap_or_default();
    let body = masthead.stylesheet.clone().into_bytes();
    let asset = before.following(STYLESHEET_PATH, "text/css; charset=utf-8", body, modified)?;
    Ok((STYLESHEET_PATH.to_owned(), asset))
}

/// The address without scheme and host, so that the style sheet comes from
/// wherever the feed was read, the operator's own machine included.
fn path_of(address: &str) -> String {
    url::Url::parse(address).map_or_else(|_| STYLESHEET_PATH.to_owned(), |url| url.path().to_owned())
}
