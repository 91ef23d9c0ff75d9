//! Which feeds a site has: all posts, each topic, each author, and the editions
//! of each newsletter.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::xml;
use crate::domain::directives::Directives;
use crate::domain::post::{Access, Topic};
use crate::domain::{Entry, Post, Timestamp};

/// What a feed is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// All posts.
    Site,
    /// The posts of one topic.
    Topic,
    /// The posts of one author.
    Author,
    /// The editions of one newsletter.
    Editions,
}

/// One thing to follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelf {
    /// What it is about.
    pub kind: Kind,
    /// The topic, author or newsletter as people call it; empty for the site.
    pub name: String,
    /// Its part of the address, empty for topics of no name: the end of `folder`.
    pub slug: String,
    /// Where its feeds are, decoded, below the public address, like `/topics/rust`.
    pub folder: String,
    /// Its items in [`Catalogue::items`], newest date first.
    pub items: Vec<usize>,
}

/// Everything there is to follow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Posts, newest date first, then editions as if they were posts.
    pub items: Vec<Post>,
    /// The site first, then topics, authors and newsletters, each by address.
    pub shelves: Vec<Shelf>,
    /// Stands for all there is of each item, in this run.
    pub(super) marks: Vec<u64>,
}

/// An edition that has gone out.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Its number.
    pub number: i64,
    /// Id of its newsletter.
    pub newsletter: String,
    /// Its cadence as one word.
    pub cadence: String,
    /// Its subject.
    pub subject: String,
    /// When it was sealed.
    pub sealed: Timestamp,
    /// Title, address and last edit of each post.
    pub posts: Vec<(String, String, Option<Timestamp>)>,
}

impl Catalogue {
    /// The catalogue of all public posts, in any order, and of the editions of
    /// these newsletters, by id and title. Posts may come without their bodies.
    pub fn of(mut posts: Vec<Post>, sent: &[Sent], newsletters: &[(String, String)], public_url: &str) -> Self {
        posts.sort_by_key(|post| std::cmp::Reverse((post.entry.date, post.seq, post.id)));
        let all = Shelf {
            kind: Kind::Site,
            name: String::new(),
            slug: String::new(),
            folder: String::new(),
            items: (0..posts.len()).collect(),
        };
        let mut shelves = vec![all];
        shelves.extend(sorted(Kind::Topic, "/topics", &posts, |entry| entry.topics.clone()));
        let authors = |entry: &Entry| entry.authors.iter().filter_map(|name| Topic::named(name)).collect();
        shelves.extend(sorted(Kind::Author, "/authors", &posts, authors));
        let mut sent: Vec<&Sent> = sent.iter().collect();
        sent.sort_by_key(|edition| std::cmp::Reverse((edition.sealed, edition.number)));
        for (id, title) in newsletters {
            let of = sent.iter().filter(|edition| edition.newsletter == *id);
            let first = posts.len();
            posts.extend(of.map(|edition| edition.as_post(public_url)));
            shelves.push(Shelf {
                kind: Kind::Editions,
                name: title.clone(),
                slug: id.clone(),
                folder: format!("/editions/{id}"),
                items: (first..posts.len()).collect(),
            });
        }
        let marks = posts.iter().map(hash_of).collect();
        Self { items: posts, shelves, marks }
    }

    /// Tells apart what posts without their bodies do not show: two with one
    /// revision, by row id, have one body.
    pub fn revise(&mut self, revisions: &HashMap<i64, i64>) {
        for (mark, post) in self.marks.iter_mut().zip(&self.items) {
            *mark = hash_of((*mark, revisions.get(&post.id)));
        }
    }

    /// The shelf whose feeds are in a folder.
    pub fn shelf(&self, folder: &str) -> Option<&Shelf> {
        self.shelves.iter().find(|shelf| shelf.folder == folder)
    }

    /// Date of a shelf's newest item.
    pub fn latest(&self, shelf: &Shelf) -> Option<Timestamp> {
        shelf.items.first().map(|&item| self.items[item].entry.date)
    }
}

/// Two things with the same number are the same, as far as this run goes.
pub(super) fn hash_of(thing: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

/// One shelf for each slug there is, called as the newest post calls it.
fn sorted(kind: Kind, folder: &str, posts: &[Post], of: impl Fn(&Entry) -> Vec<Topic>) -> Vec<Shelf> {
    let mut shelves: BTreeMap<String, Shelf> = BTreeMap::new();
    for (item, post) in posts.iter().enumerate() {
        // Two names of one post may differ in spelling only.
        let mut seen = HashSet::new();
        for Topic { slug, name } in of(&post.entry) {
            if !seen.insert(slug.clone()) {
                continue;
            }
            let shelf = shelves.entry(slug.clone()).or_insert_with(|| Shelf {
                kind,
                name,
                folder: format!("{folder}/{slug}"),
                slug,
                items: Vec::new(),
            });
            shelf.items.push(item);
        }
    }
    shelves.into_values().collect()
}

impl Sent {
    /// The edition as a post: its title, its page, its posts as links.
    fn as_post(&self, public_url: &str) -> Post {
        let links = self.posts.iter().map(|(title, url, _)| {
            format!("<li><a href=\"{}\">{}</a></li>", xml::html(url).replace('"', "&quot;"), xml::html(title))
        });
        let titles: Vec<&str> = self.posts.iter().map(|(title, ..)| title.as_str()).collect();
        let edited = self.posts.iter().filter_map(|(.., edited)| *edited).max().filter(|at| *at > self.sealed);
        Post {
            id: -self.number,
            seq: Some(self.number),
            feed_id: self.id(),
            mailable: false,
            public_since: Some(self.sealed),
            edited,
            entry: Entry {
                identity: format!("edition {}", self.number),
                guid: None,
                path: String::new(),
                content_hash: [0; 32],
                title: self.subject.clone(),
                slug: self.number.to_string(),
                url: format!("{public_url}/editions/{}", self.number),
                date: self.sealed,
                updated: None,
                expires: None,
                draft: false,
                summary: titles.join(" · "),
                html: format!("<ul>{}</ul>", links.collect::<String>()),
                topics: Vec::new(),
                authors: Vec::new(),
                language: None,
                words: 0,
                access: Access::Public,
                send: Directives::default(),
                media: Vec::new(),
            },
        }
    }

    /// Who the edition is, for ever: made from what was frozen when it was
    /// sealed, so that neither its number's address nor the host has a say in it
    /// (RFC 9562, version 8).
    fn id(&self) -> String {
        let frozen = format!("{} {} {} {}", self.newsletter, self.cadence, self.sealed.0, self.subject);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, frozen.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_ref()[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: i64) -> Sent {
        Sent {
            number,
            newsletter: "letters".into(),
            cadence: "weekly".into(),
            subject: "Five <posts>".into(),
            sealed: Timestamp(1_779_433_200_000 + number),
            posts: vec![("A & B".into(), "https://blog.example/?a=\"1\"&b".into(), None)],
        }
    }

    #[test]
    fn an_edition_keeps_its_id_whatever_the_host_and_shows_its_posts() {
        let newsletters = [("letters".to_owned(), "Letters".to_owned())];
        let at = |host: &str| Catalogue::of(Vec::new(), &[sent(1), sent(2)], &newsletters, host);
        let (here, there) = (at("https://a.example"), at("https://b.example"));
        let ids = |of: &Catalogue| of.items.iter().map(|post| post.feed_id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&here), ids(&there));
        assert!(ids(&here)[0].starts_with("urn:uuid:") && ids(&here)[0] != ids(&here)[1]);
        let newest = &here.items[here.shelf("/editions/letters").unwrap().items[0]].entry;
        assert_eq!((newest.url.as_str(), newest.title.as_str()), ("https://a.example/editions/2", "Five <posts>"));
        assert!(newest.html.contains("?a=&quot;1&quot;&amp;b\">A &amp; B</a>"), "{}", newest.html);
    }
}
