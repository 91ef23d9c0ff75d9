//! Every feed of a site at once, and the lists of what there is.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use super::catalogue::{Catalogue, Kind, Shelf, hash_of};
use super::lists::{self, OPML_PATH, SITEMAP_PATH};
use super::paging::{Pages, Place};
use super::{Asset, Channel, FORMATS, Format, RenderError, Stamp, address};
use crate::domain::{Post, Timestamp};

/// The style sheet of feeds where the operator has none of their own.
pub const STYLESHEET: &str = include_str!("../../templates/feed.css");

/// Where the style sheet is, under the public address.
const STYLESHEET_PATH: &str = "/feed.css";

/// The folder of a feed's form with summaries only, where the feed has whole posts.
const SUMMARY: &str = "/summary";

/// What all feeds of a site have in common.
#[derive(Clone, Debug, PartialEq, Hash)]
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

impl Masthead {
    /// The public address without a slash at its end.
    pub(super) fn base(&self) -> &str {
        self.public_url.trim_end_matches('/')
    }

    /// The page whose feed a shelf has.
    pub(super) fn page_of(&self, shelf: &Shelf) -> String {
        match shelf.kind {
            Kind::Site | Kind::Author => self.site_url.clone(),
            Kind::Topic => format!("{}{}", self.base(), shelf.folder),
            Kind::Editions => format!("{}/editions", self.base()),
        }
    }
}

/// What a feed is called.
pub(super) fn feed_title(masthead: &Masthead, shelf: &Shelf) -> String {
    match shelf.kind {
        Kind::Site => masthead.title.clone(),
        Kind::Editions if shelf.name == masthead.title => shelf.name.clone(),
        Kind::Topic | Kind::Author | Kind::Editions => format!("{}: {}", masthead.title, shelf.name),
    }
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
    fn following(&self, path: &str, media_type: &'static str, body: Vec<u8>, modified: Timestamp) -> Asset {
        Asset::following(self.assets.get(path), self.stamps.get(path), media_type, body, modified, self.now)
    }

    /// The id a feed has: its first address, wherever it is now.
    fn feed_id(&self, path: &str, address: &str) -> String {
        let known = self.stamps.get(path).map(|stamp| stamp.feed_id.as_str()).filter(|id| !id.is_empty());
        known.unwrap_or(address).to_owned()
    }
}

/// A way a shelf's feeds are made: below its folder, with whole posts or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Form {
    below: &'static str,
    full_text: bool,
}

/// Every way the feeds of a shelf are made.
fn forms(masthead: &Masthead, shelf: &Shelf) -> Vec<Form> {
    let usual = Form { below: "", full_text: masthead.full_text || shelf.kind == Kind::Editions };
    let summary = Form { below: SUMMARY, full_text: false };
    if masthead.full_text && shelf.kind != Kind::Editions { vec![usual, summary] } else { vec![usual] }
}

/// Row ids of the posts whose bodies [`publish`] needs: those of feeds that are
/// not as they were.
pub fn shown(masthead: &Masthead, catalogue: &Catalogue, before: &Before) -> Vec<i64> {
    let mut items = HashSet::new();
    for shelf in &catalogue.shelves {
        let pages = Pages::of(&shelf.items, &catalogue.items, masthead.items);
        let whole = forms(masthead, shelf).into_iter().filter(|form| form.full_text);
        let all = whole.flat_map(|form| FORMATS.iter().map(move |format| (form, format)));
        let is_new =
            |(form, format)| Made::of(masthead, (shelf, form, format), (&pages, catalogue), before).old.is_none();
        if all.into_iter().any(is_new) {
            items.extend(pages.current);
        }
    }
    items.into_iter().map(|item| catalogue.items[item].id).filter(|id| *id >= 0).collect()
}

/// What a feed is made of, and the feed itself where that was made before.
struct Made<'b> {
    path: String,
    address: String,
    id: String,
    of: u64,
    old: Option<&'b Asset>,
}

impl<'b> Made<'b> {
    fn of(
        masthead: &Masthead,
        (shelf, form, format): (&Shelf, Form, &Format),
        (pages, catalogue): (&Pages, &Catalogue),
        before: &'b Before,
    ) -> Self {
        let path = format!("{}{}/{}", shelf.folder, form.below, format.file);
        let address = address(&format!("{}{path}", masthead.base()));
        let id = before.feed_id(&path, &address);
        let said: Vec<u64> = pages.current.iter().map(|&item| catalogue.marks[item]).collect();
        let of = hash_of((masthead, shelf.kind, &shelf.name, form, &id, said, pages.archive.len()));
        let old = before.assets.get(&path).filter(|old| old.made_of == of);
        Self { path, address, id, of, old }
    }
}

/// Every published file: `/feed.xml`, `/atom.xml`, `/feed.json` of the site, the
/// same in the folder of each shelf, each once more with summaries under
/// `summary/` where they hold whole posts; `/feed.css`, `/feeds.opml` and
/// `/sitemap.xml`. Paths are decoded and relative to the public address. What
/// did not change since `before` is taken from there ready-made; nothing is
/// compressed here, see [`Asset::prepare`]. The pages of
/// feeds' archives are made when asked for: see [`ArchivePage`].
///
/// # Errors
/// When a writer fails, which no post can make it do.
pub fn publish(
    masthead: &Masthead,
    catalogue: &Catalogue,
    before: &Before,
) -> Result<Vec<(String, Asset)>, RenderError> {
    let modified = catalogue.items.iter().map(changed).max().unwrap_or_default();
    let list = |path: &str, media_type, body| (path.to_owned(), before.following(path, media_type, body, modified));
    let mut site: Vec<(String, Asset)> = vec![
        list(STYLESHEET_PATH, "text/css; charset=utf-8", masthead.stylesheet.clone().into_bytes()),
        list(OPML_PATH, "text/x-opml; charset=utf-8", lists::opml(masthead, catalogue)),
        list(SITEMAP_PATH, "application/xml; charset=utf-8", lists::sitemap(masthead, catalogue)),
    ];
    site.extend(feeds(masthead, catalogue, before)?);
    Ok(site)
}

/// The feeds of every shelf, made on all processors.
fn feeds(masthead: &Masthead, catalogue: &Catalogue, before: &Before) -> Result<Vec<(String, Asset)>, RenderError> {
    let begun = begun(catalogue);
    let made = |shelf: &Shelf| -> Result<Vec<(String, Asset)>, RenderError> {
        let pages = Pages::of(&shelf.items, &catalogue.items, masthead.items);
        let posts: Vec<&Post> = pages.current.iter().map(|&item| &catalogue.items[item]).collect();
        let all = forms(masthead, shelf).into_iter().flat_map(|form| FORMATS.iter().map(move |format| (form, format)));
        all.map(|(form, format)| {
            let made = Made::of(masthead, (shelf, form, format), (&pages, catalogue), before);
            feed(masthead, (shelf, form, format), (&posts, pages.archive.len(), begun), (made, before))
        })
        .collect()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(4);
    // In turn, because the largest stand together.
    let part = |first: usize| catalogue.shelves.iter().skip(first).step_by(threads).map(made).collect::<Vec<_>>();
    let parts: Vec<Vec<_>> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join();
        running
            .into_iter()
            .map(|thread| join(thread).unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    let in_order = (0..catalogue.shelves.len()).filter_map(|shelf| parts[shelf % threads].next());
    Ok(in_order.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// One feed in one format: as it was where all it is made of is as it was.
fn feed(
    masthead: &Masthead,
    (shelf, form, format): (&Shelf, Form, &Format),
    (posts, archive, begun): (&[&Post], usize, Timestamp),
    (made, before): (Made<'_>, &Before),
) -> Result<(String, Asset), RenderError> {
    if let Some(old) = made.old.filter(|_| !posts.is_empty()) {
        return Ok((made.path, old.clone()));
    }
    let (path, folder) = (made.path, format!("{}{}", shelf.folder, form.below));
    let mut channel = channel(masthead, shelf, form, posts);
    channel.feed_url = made.address;
    channel.id = made.id;
    if posts.is_empty() {
        channel.updated = begun;
    }
    channel.hubs.clone_from(&masthead.hubs);
    if archive > 0 {
        channel.place.previous = Some(page_address(masthead, &folder, archive, format));
    }
    let body = (format.render)(&channel, posts)?;
    let modified = posts.iter().map(|post| changed(post)).max().unwrap_or(begun);
    let mut asset = before.following(&path, format.media_type, body, modified);
    asset.links = link_header(&channel);
    asset.feed_id = channel.id;
    asset.made_of = made.of;
    Ok((path, asset))
}

/// A feed of `posts`, without address, id, hubs and place.
fn channel(masthead: &Masthead, shelf: &Shelf, form: Form, posts: &[&Post]) -> Channel {
    Channel {
        title: feed_title(masthead, shelf),
        description: masthead.description.clone(),
        language: masthead.language.clone(),
        site: masthead.title.clone(),
        author: masthead.author.clone(),
        id: String::new(),
        feed_url: String::new(),
        page_url: masthead.page_of(shelf),
        stylesheet: path_of(&format!("{}{STYLESHEET_PATH}", masthead.base())),
        full_text: form.full_text,
        for_subscribers: false,
        hubs: Vec::new(),
        place: Place::default(),
        updated: posts.iter().map(|post| post.updated()).max().unwrap_or_default(),
    }
}

/// The feed's own address and its hubs, for whoever looks at headers alone (RFC 8288).
fn link_header(channel: &Channel) -> String {
    let link = |address: &str, rel: &str| format!("<{address}>; rel=\"{rel}\"");
    let hubs = channel.hubs.iter().map(|hub| link(&address(hub), "hub"));
    std::iter::once(link(&channel.feed_url, "self")).chain(hubs).collect::<Vec<_>>().join(", ")
}

fn page_address(masthead: &Masthead, folder: &str, number: usize, format: &Format) -> String {
    address(&format!("{}{folder}/archive/{number}/{}", masthead.base(), format.file))
}

/// A page of a feed's archive, made when somebody asks for it: there are as
/// many as there are posts, and hardly anybody ever does.
pub struct ArchivePage<'a> {
    shelf: &'a Shelf,
    form: Form,
    format: &'static Format,
    /// From 1, the oldest.
    number: usize,
    /// How many there are.
    last: usize,
    /// Its posts in [`Catalogue::items`], newest first.
    pub items: Vec<usize>,
}

impl<'a> ArchivePage<'a> {
    /// The page at a decoded path, like `/topics/rust/archive/2/atom.xml`.
    pub fn at(masthead: &Masthead, catalogue: &'a Catalogue, path: &str) -> Option<Self> {
        let (rest, file) = path.rsplit_once('/')?;
        let (rest, number) = rest.rsplit_once('/')?;
        let folder = rest.strip_suffix("/archive")?;
        let format = FORMATS.iter().find(|format| format.file == file)?;
        let is_number = !number.starts_with(['0', '+']);
        let number: usize = number.parse().ok().filter(|number| is_number && *number > 0)?;
        catalogue.shelves.iter().find_map(|shelf| {
            let form = forms(masthead, shelf)
                .into_iter()
                .find(|form| folder.strip_prefix(shelf.folder.as_str()) == Some(form.below))?;
            let mut archive = Pages::of(&shelf.items, &catalogue.items, masthead.items).archive;
            let last = archive.len();
            (number <= last).then(|| Self { shelf, form, format, number, last, items: archive.swap_remove(number - 1) })
        })
    }

    /// Every page there is of a catalogue.
    pub fn all(masthead: &Masthead, catalogue: &'a Catalogue) -> Vec<Self> {
        let mut pages = Vec::new();
        for shelf in &catalogue.shelves {
            let archive = Pages::of(&shelf.items, &catalogue.items, masthead.items).archive;
            let last = archive.len();
            for (number, items) in (1..).zip(archive) {
                for form in forms(masthead, shelf) {
                    let page = |format| Self { shelf, form, format, number, last, items: items.clone() };
                    pages.extend(FORMATS.iter().map(page));
                }
            }
        }
        pages
    }

    /// Its decoded path.
    pub fn path(&self) -> String {
        let (folder, below, file) = (&self.shelf.folder, self.form.below, self.format.file);
        format!("{folder}{below}/archive/{}/{file}", self.number)
    }

    /// Whether its posts are shown with their bodies.
    pub fn is_full(&self) -> bool {
        self.form.full_text
    }

    /// The path of the feed it belongs to.
    pub fn current(&self) -> String {
        format!("{}{}/{}", self.shelf.folder, self.form.below, self.format.file)
    }

    /// Its bytes, given its posts and the id of its feed.
    ///
    /// # Errors
    /// When a writer fails, which no post can make it do.
    pub fn render(&self, masthead: &Masthead, posts: &[&Post], feed_id: &str) -> Result<Asset, RenderError> {
        let folder = format!("{}{}", self.shelf.folder, self.form.below);
        let page = |number| page_address(masthead, &folder, number, self.format);
        let mut channel = channel(masthead, self.shelf, self.form, posts);
        channel.feed_url = page(self.number);
        let current = address(&format!("{}{}", masthead.base(), self.current()));
        channel.id = if feed_id.is_empty() { current.clone() } else { feed_id.to_owned() };
        channel.place = Place {
            current: Some(current),
            previous: (self.number > 1).then(|| page(self.number - 1)),
            next: (self.number < self.last).then(|| page(self.number + 1)),
        };
        let modified = posts.iter().map(|post| changed(post)).max().unwrap_or_default();
        let mut asset = Asset::new(self.format.media_type, (self.format.render)(&channel, posts)?, modified);
        asset.links = link_header(&channel);
        asset.feed_id = channel.id;
        Ok(asset)
    }
}

/// The feed of one subscriber: the newest posts, all of them in full. It names
/// no hub, which would tell the world its address.
///
/// # Errors
/// When a writer fails, which no post can make it do.
pub fn private(
    masthead: &Masthead,
    posts: &[&Post],
    (path, feed_id): (&str, &str),
    format: &Format,
) -> Result<Asset, RenderError> {
    let shelf =
        Shelf { kind: Kind::Site, name: String::new(), slug: String::new(), folder: String::new(), items: Vec::new() };
    let mut channel = channel(masthead, &shelf, Form { below: "", full_text: true }, posts);
    channel.feed_url = address(&format!("{}{path}", masthead.base()));
    channel.id = feed_id.to_owned();
    channel.for_subscribers = true;
    let modified = posts.iter().map(|post| changed(post)).max().unwrap_or_default();
    Ok(Asset::new(format.media_type, (format.render)(&channel, posts)?, modified))
}

/// Since when there are feeds at all: a feed that never had anything has been
/// as it is since then.
fn begun(catalogue: &Catalogue) -> Timestamp {
    let first = catalogue.items.iter().filter_map(|post| post.public_since).min();
    first.or_else(|| catalogue.items.iter().map(|post| post.entry.date).min()).unwrap_or_default()
}

/// When readers of the feed could first see the post as it is now. One
/// published with an old date changes the feed today.
fn changed(post: &Post) -> Timestamp {
    post.public_since.map_or(post.updated(), |since| since.max(post.updated()))
}

/// The address without scheme and host, so that the style sheet comes from
/// wherever the feed was read, the operator's own machine included.
fn path_of(address: &str) -> String {
    url::Url::parse(address).map_or_else(|_| STYLESHEET_PATH.to_owned(), |url| url.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_is_small_and_speaks_to_people() {
        assert!(STYLESHEET.len() <= 2_000, "{} bytes", STYLESHEET.len());
        assert!(STYLESHEET.contains("This is a feed. Copy its address into a feed reader"));
        assert!(STYLESHEET.contains("prefers-color-scheme: dark"));
    }
}
