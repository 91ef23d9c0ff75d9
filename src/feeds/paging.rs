//! Archived feeds (RFC 5005 section 4): the feed itself holds what is newest,
//! and leads to pages that hold everything before, of a fixed size and in the
//! order in which posts became public. A full page never changes when posts
//! are added, even back-dated ones.

use crate::domain::Post;

/// The items of one feed on its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// What the feed itself holds, newest date first.
    pub current: Vec<usize>,
    /// The archive, oldest page first, newest item of each first. Together with
    /// `current` they hold every item.
    pub archive: Vec<Vec<usize>>,
}

impl Pages {
    /// Cuts items, newest date first, into pages of `size`; 0 makes one of all.
    pub fn of(newest_first: &[usize], all: &[Post], size: usize) -> Self {
        if size == 0 || newest_first.len() <= size {
            return Self { current: newest_first.to_vec(), archive: Vec::new() };
        }
        let mut in_turn = newest_first.to_vec();
        in_turn.sort_by_key(|&item| (all[item].seq, all[item].id));
        let chunks = in_turn.chunks_exact(size);
        // What fills no page yet is in the feed, whatever its date.
        let rest = chunks.remainder();
        let is_shown = |&(place, item): &(usize, usize)| place < size || rest.contains(&item);
        let current = newest_first.iter().copied().enumerate().filter(is_shown).map(|(_, item)| item).collect();
        let archive = chunks.map(|page| page.iter().rev().copied().collect()).collect();
        Self { current, archive }
    }
}

/// Where a document of a feed stands among its pages; addresses are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// On an archive page: the feed itself.
    pub current: Option<String>,
    /// The next older page.
    pub previous: Option<String>,
    /// On an archive page: the next newer one, if there is one.
    pub next: Option<String>,
}

impl Place {
    /// The links of the document, each relation with its address.
    pub fn links(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let links = [("prev-archive", &self.previous), ("next-archive", &self.next), ("current", &self.current)];
        links.into_iter().filter_map(|(rel, address)| Some((rel, address.as_deref()?)))
    }
}

/// The namespace of the element that tells an archive page from the feed.
pub const HISTORY: &str = "http://purl.org/syndication/history/1.0";
