//! Lists of addresses: OPML 2.0 of all feeds for readers, a sitemap for search engines.

use super::catalogue::{Catalogue, Kind, Shelf};
use super::{Masthead, address, feed_title, xml};
use crate::domain::Post;

/// Where the list of all feeds is.
pub const OPML_PATH: &str = "/feeds.opml";
/// Where the sitemap is.
pub const SITEMAP_PATH: &str = "/sitemap.xml";

/// A sitemap may hold this many addresses.
const SITEMAP_LIMIT: usize = 50_000;

/// Every feed once, as RSS, for a reader to import at a stroke.
pub fn opml(masthead: &Masthead, catalogue: &Catalogue) -> Vec<u8> {
    let title = attribute(&masthead.title);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"2.0\">\n <head>\n  <title>{title}</title>\n </head>\n <body>\n"
    );
    let line = |shelf: &Shelf| {
        let name = attribute(&feed_title(masthead, shelf));
        let feed = attribute(&address(&format!("{}{}/feed.xml", masthead.base(), shelf.folder)));
        let page = attribute(&address(&masthead.page_of(shelf)));
        format!(
            "  <outline type=\"rss\" version=\"RSS2\" text=\"{name}\" title=\"{name}\" xmlUrl=\"{feed}\" htmlUrl=\"{page}\"/>\n"
        )
    };
    out.extend(catalogue.shelves.iter().map(line));
    out.push_str(" </body>\n</opml>\n");
    out.into_bytes()
}

/// The pages of the site and when each last changed, newest posts first. A copy
/// of a post stays out: its page names the post's own address as the one to be
/// found by (`rel=canonical`), and a sitemap lists no others.
pub fn sitemap(masthead: &Masthead, catalogue: &Catalogue) -> Vec<u8> {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    let newest = catalogue.items.first().map(|post| post.updated());
    let mut pages = vec![("/".to_owned(), newest), ("/archive".to_owned(), newest), ("/feeds".to_owned(), None)];
    pages.push(("/subscribe".to_owned(), None));
    for shelf in &catalogue.shelves {
        let changed = shelf.items.iter().map(|&item| catalogue.items[item].updated()).max();
        if shelf.kind == Kind::Topic {
            pages.push((shelf.folder.clone(), changed));
        } else if shelf.kind == Kind::Editions
            && !shelf.items.is_empty()
            && !pages.iter().any(|page| page.0 == "/editions")
        {
            pages.push(("/editions".to_owned(), changed));
        }
    }
    let has_page = |post: &&Post| post.entry.send.reach.is_on_pages();
    pages.extend(catalogue.items.iter().filter(has_page).filter_map(|post| {
        let folder = if post.id < 0 { "editions" } else { "posts" };
        let page = format!("/{folder}/{}", post.entry.slug);
        let own = address(&format!("{}{page}", masthead.base()));
        let is_own = address(&post.entry.url).trim_end_matches('/') == own;
        (post.id < 0 || is_own).then(|| (page, Some(post.updated())))
    }));
    for (path, changed) in pages.into_iter().take(SITEMAP_LIMIT) {
        let page = attribute(&address(&format!("{}{path}", masthead.base())));
        let changed = changed.map(|at| format!("<lastmod>{}</lastmod>", at.rfc3339())).unwrap_or_default();
        out.push_str(&format!(" <url><loc>{page}</loc>{changed}</url>\n"));
    }
    out.push_str("</urlset>\n");
    out.into_bytes()
}

fn attribute(text: &str) -> String {
    xml::html(text).replace('"', "&quot;")
}
