//! Posts to bytes: RSS 2.0, Atom 1.0 and JSON Feed 1.1, prepared for serving.
//! Pure: the same posts give the same bytes, so an ETag changes exactly when a
//! reader would see a change.
//!
//! [`Catalogue`] says which feeds there are, [`publish`] makes them all. A new format is one file with a
//! `render` function and one line in [`FORMATS`].

mod asset;
mod atom;
mod catalogue;
mod json;
mod lists;
mod media;
mod negotiate;
mod paging;
mod publish;
mod rss;
mod xml;

use crate::domain::post::{Access, Media};
use crate::domain::{Post, Timestamp};

pub use asset::{Answer, Asset, Stamp};
pub use catalogue::{Catalogue, Kind, Sent, Shelf};
pub use lists::{OPML_PATH, SITEMAP_PATH};
pub use paging::Place;
use publish::feed_title;
pub use publish::{ArchivePage, Before, Masthead, STYLESHEET, private, publish, shown};

/// One feed, apart from its posts.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// What it is called; never empty.
    pub title: String,
    /// One sentence on what is in it; may be empty.
    pub description: String,
    /// BCP 47 tag; may be empty when unknown.
    pub language: String,
    /// What the site is called, of which this feed may show one topic only.
    pub site: String,
    /// Who writes it, for posts that name nobody; without one the site stands in.
    pub author: Option<String>,
    /// Id of the Atom feed: its first address, which stays when it moves.
    pub id: String,
    /// Where this very document is, absolute.
    pub feed_url: String,
    /// The page whose feed this is, absolute.
    pub page_url: String,
    /// Address of the style sheet for people who open the feed in a browser.
    pub stylesheet: String,
    /// Whole posts; otherwise summaries only.
    pub full_text: bool,
    /// Posts for subscribers in full too: nobody else is given this feed.
    pub for_subscribers: bool,
    /// Where it stands among the pages of its archive.
    pub place: Place,
    /// WebSub hubs that are told of changes, absolute.
    pub hubs: Vec<String>,
    /// The newest change among its posts.
    pub updated: Timestamp,
}

impl Channel {
    /// The body of `post` where this feed may carry it: most feeds are open to
    /// everybody, so a post for subscribers shows its summary only.
    fn body<'a>(&self, post: &'a Post) -> Option<&'a str> {
        let open = self.full_text && (self.for_subscribers || post.entry.access == Access::Public);
        (open && !post.entry.html.is_empty()).then_some(post.entry.html.as_str())
    }

    /// What belongs to `post` beside its text, under the same rule; a picture is
    /// no secret.
    fn media<'a>(&self, post: &'a Post) -> impl Iterator<Item = &'a Media> {
        let open = self.for_subscribers || post.entry.access == Access::Public;
        post.entry.media.iter().filter(move |one| open || one.is_image())
    }

    /// Who stands for the feed as a whole.
    fn author(&self) -> &str {
        self.author.as_deref().unwrap_or(&self.site)
    }

    /// The language of `post` where it is not the feed's.
    fn foreign_language<'a>(&self, post: &'a Post) -> Option<&'a str> {
        post.entry.language.as_deref().filter(|tag| !tag.is_empty() && !tag.eq_ignore_ascii_case(&self.language))
    }
}

/// One way of writing a feed.
#[derive(Clone, Copy)]
pub struct Format {
    /// What people call it.
    pub name: &'static str,
    /// Its file name, in every folder of feeds.
    pub file: &'static str,
    /// Its `Content-Type`.
    pub media_type: &'static str,
    /// Writes the posts, in the order given.
    pub render: fn(&Channel, &[&Post]) -> Result<Vec<u8>, RenderError>,
}

/// Every format, in the order people are offered them.
pub const FORMATS: [Format; 3] = [
    Format { name: "RSS", file: "feed.xml", media_type: "application/rss+xml; charset=utf-8", render: rss::render },
    Format { name: "Atom", file: "atom.xml", media_type: "application/atom+xml; charset=utf-8", render: atom::render },
    Format { name: "JSON Feed", file: "feed.json", media_type: "application/feed+json", render: json::render },
];

/// A feed could not be written: a fault of the program, as every text is
/// cleaned before it is handed to a writer.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The RSS writer refused.
    #[error("RSS could not be written")]
    Rss(#[from] ::rss::Error),
    /// The Atom writer refused.
    #[error("Atom could not be written")]
    Atom(#[from] atom_syndication::Error),
    /// The JSON writer refused.
    #[error("JSON Feed could not be written")]
    Json(#[from] serde_json::Error),
    /// A writer made bytes that are not UTF-8.
    #[error("a feed writer made bytes that are not UTF-8")]
    Encoding(#[from] std::string::FromUtf8Error),
}

/// An absolute address as every reader understands it: ASCII, with letters of
/// other scripts percent-encoded (RFC 3986) and the host in its ASCII form.
/// What is no absolute address stays as it is.
fn address(text: &str) -> String {
    url::Url::parse(text).map_or_else(|_| text.to_owned(), String::from)
}
