//! A post: one entry of the archive, and what becoming public means.

use super::directives::Directives;
use super::time::Timestamp;

/// One topic of a post: a tag or a category.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// The address form: lower case letters and digits of any script, hyphens.
    pub slug: String,
    /// As the author wrote it.
    pub name: String,
}

impl Topic {
    /// A topic from the author's words; `None` when nothing of them can stand in an address.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let slug = slugify(&in_words(&name));
        let slug = slug[..slug.floor_char_boundary(SLUG_LIMIT)].trim_end_matches('-').to_owned();
        (!slug.is_empty()).then_some(Self { slug, name })
    }
}

/// The longest address form of a topic, in bytes: it is the name of a folder, too.
const SLUG_LIMIT: usize = 120;

/// `C++` and `C#` are not `C`: the signs that end a name as words.
fn in_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len());
    let mut is_part = false;
    for c in name.chars() {
        match c {
            '+' if is_part => words.push_str(" plus "),
            '#' if is_part => words.push_str(" sharp "),
            c => {
                is_part = c.is_alphanumeric();
                words.push(c);
            }
        }
    }
    words
}

/// Whether a text is an absolute IRI (RFC 3987), fit to be the id of a feed's entry.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let is_fit = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"{}|\\^`".contains(c);
    let escapes = |text: &str| text.split('%').skip(1).all(|part| is_escape(part.as_bytes()));
    is_scheme && !rest.is_empty() && rest.chars().all(is_fit) && rest.matches('#').count() <= 1 && escapes(rest)
}

fn is_escape(bytes: &[u8]) -> bool {
    bytes.len() >= 2 && bytes[..2].iter().all(u8::is_ascii_hexdigit)
}

/// The address form of a text: lower case, letters and digits of every script
/// kept, everything else one hyphen. Empty when nothing is left.
pub fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !c.is_whitespace() && !matches!(c, '-' | '_' | '/' | '.' | ',' | ':' | ';' | '+' | '&') {
            // Apostrophes, quotes and marks vanish: "don't" is `dont`.
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// Who may read a post in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Public,
    /// Confirmed subscribers; everybody else gets a teaser.
    Subscribers,
}

/// A file that belongs to a post: an episode, a film, its picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Media {
    /// Absolute address.
    pub url: String,
    /// Media type, like `audio/mpeg`.
    pub kind: String,
    /// Size where it is known.
    pub bytes: Option<u64>,
    /// How long it plays, in seconds, where it is known.
    pub seconds: Option<u32>,
}

impl Media {
    /// Whether it is a picture that stands for the post, rather than a file to be played or fetched.
    pub fn is_image(&self) -> bool {
        self.kind.starts_with("image/")
    }
}

/// What one file of the archive says, rendered once: the work of the archive
/// room. It has no number and no history yet; see [`Post`].
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Entry {
    /// Who this post is, for ever: front matter `id`, else the source's GUID,
    /// else the archive-relative path without date prefix or extension.
    pub identity: String,
    /// The explicit `id`/`guid` of the front matter, used verbatim as the feed
    /// id when it is an absolute URI.
    pub guid: Option<String>,
    /// Archive-relative path, `/` between its parts.
    pub path: String,
    /// SHA-256 of the file: the same content under a new identity is a move.
    pub content_hash: [u8; 32],
    /// Plain text, never empty, no control or bidi characters.
    pub title: String,
    /// Last part of the address.
    pub slug: String,
    /// Absolute address on the operator's site.
    pub url: String,
    /// The date the author gave it.
    pub date: Timestamp,
    /// The author's own word on when it was last changed.
    pub updated: Option<Timestamp>,
    /// When it stops being public.
    pub expires: Option<Timestamp>,
    /// Not to be shown yet.
    pub draft: bool,
    /// Plain text; may be empty when the post has no words.
    pub summary: String,
    /// Sanitised HTML with absolute addresses; no control characters.
    pub html: String,
    /// Tags and categories in the author's order, each once.
    pub topics: Vec<Topic>,
    /// Names in the author's order.
    pub authors: Vec<String>,
    /// BCP 47 tag when it differs from the site's.
    pub language: Option<String>,
    /// Words of the body, for the reading time.
    pub words: u32,
    /// Who may read it in full.
    pub access: Access,
    /// How it is to be sent.
    pub send: Directives,
    /// What belongs to it and is no part of its text: the picture first, then
    /// episodes and films in the author's order.
    pub media: Vec<Media>,
}

impl Entry {
    /// Whether readers may see it at `now`: no draft, not in the future, not expired.
    pub fn is_public(&self, now: Timestamp) -> bool {
        !self.draft && self.date <= now && self.expires.is_none_or(|at| at > now)
    }

    /// Whole minutes at 220 words a minute, at least one.
    pub fn minutes(&self) -> u32 {
        (self.words / 220).max(1)
    }
}

/// A post known to the store: an [`Entry`] with its number and its history.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Post {
    /// Row id.
    pub id: i64,
    /// Sequence number, given when it became public; for ever once an edition carried it.
    pub seq: Option<i64>,
    /// GUID in RSS, id in Atom and JSON Feed; never changes after the first publication.
    pub feed_id: String,
    /// False for baseline posts and posts older than `max_age`: feeds only.
    pub mailable: bool,
    /// Since when it is public; `None` while it is not.
    pub public_since: Option<Timestamp>,
    /// When its content last changed after it became public: the author's own
    /// `updated` where given, else when we saw the change.
    pub edited: Option<Timestamp>,
    /// What the archive says of it now.
    pub entry: Entry,
}

impl Post {
    /// What feeds call its last change.
    pub fn updated(&self) -> Timestamp {
        let date = self.entry.date;
        self.edited.or(self.entry.updated).map_or(date, |at| at.max(date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_differ_have_addresses_that_differ() {
        let slug = |name| Topic::named(name).unwrap().slug;
        assert_eq!(
            ["C", "C++", "C#", "Notepad++", "A + B"].map(slug),
            ["c", "c-plus-plus", "c-sharp", "notepad-plus-plus", "a-b"]
        );
        assert!(slug(&"ä".repeat(300)).len() <= 120, "the name of a folder has 255 bytes at most");
    }

    #[test]
    fn only_what_is_an_iri_can_be_the_id_of_an_entry() {
        for fit in ["tag:a.example,2024:x", "https://a.example/ä?x=%20#y", "urn:uuid:1"] {
            assert!(is_uri(fit), "{fit}");
        }
        for unfit in ["note: two words", "42", "a/b", "urn:", "x:a<b", "x:100%", "x:a#b#c", "1:2"] {
            assert!(!is_uri(unfit), "{unfit}");
        }
    }

    #[test]
    fn slugs_keep_letters_of_every_script() {
        assert_eq!(slugify("Don't Panic: C++ & Rust"), "dont-panic-c-rust");
        assert_eq!(slugify("  Größe / Maß  "), "größe-maß");
        assert_eq!(slugify("日本語 の 記事"), "日本語-の-記事");
        assert_eq!(slugify("!!!"), "");
    }
}
