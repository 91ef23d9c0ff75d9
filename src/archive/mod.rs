//! Bytes -> posts: a folder of files becomes [`Entry`]s, each rendered once.
//!
//! ```text
//! folder --walk--> files --scan--> bytes --front--> fields --post--> Entry
//!                                     \--markdown | page--> sanitise --/
//! ```
//!
//! A bad file is a [`Fault`] and stops nothing else. What is known of a file
//! that cannot be used just now stands: see [`Scan::held`].
//!
//! Invariants: links are never followed; only regular files of at most
//! [`MAX_BYTES`] are opened; a file's time of modification is never its post's
//! date; every `Entry::html` has passed the allow-list in `sanitise` and has
//! absolute addresses.
//!
//! A further way of writing front matter is one file in `front/` and one line
//! in its table; a further generator of sites the same in `dialect/`.

mod address;
mod collide;
mod dates;
mod declared;
mod dialect;
mod embeds;
mod fields;
mod flaw;
mod front;
mod links;
mod markdown;
mod markup;
mod media;
mod names;
mod orders;
mod page;
mod pictures;
mod post;
pub mod remote;
mod sanitise;
mod scan;
mod straight;
mod tags;
mod text;
mod walk;
mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use chrono_tz::Tz;

use crate::domain::{Entry, Fault, Timestamp};
use dialect::Site;
use names::Addresses;
use walk::Filter;
use watch::Closed;

pub use watch::Watch;

/// The largest file that is read.
pub const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// The deepest folder that is entered, the archive itself being 0.
pub const MAX_DEPTH: usize = 16;

/// What the settings say about the archive.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The folder.
    pub root: PathBuf,
    /// Patterns of archive-relative paths; empty means every file.
    pub include: Vec<String>,
    /// Patterns of archive-relative paths that are left out.
    pub exclude: Vec<String>,
    /// A post's address below `site_url`: `{year}`, `{month}`, `{day}`, `{slug}`,
    /// `{path}`; without one it is what the site's generator makes it.
    pub permalink: Option<String>,
    /// The generator of the site; without one it is known by its configuration.
    pub dialect: Option<String>,
    /// The operator's site, `http` or `https`.
    pub site_url: String,
    /// Zone of dates that name none.
    pub zone: Tz,
    /// BCP 47 tag of posts that name none.
    pub language: String,
    /// Ids of the newsletters there are, for posts that name some.
    pub newsletters: Vec<String>,
}

/// What the configuration of a site's own generator says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The generator's word in `archive.dialect`; `plain` when there is none.
    pub dialect: &'static str,
    /// The configuration; empty when there is none.
    pub file: String,
    /// Values for `site.title`, `site.url` and the like, fit for the settings.
    pub values: Vec<(&'static str, String)>,
}

/// What the site says of itself to which the archive at `root` belongs. Reads
/// the configuration files in that folder or above it; `dialect` is the only
/// generator looked for, or any.
pub fn about(root: &Path, dialect: Option<&str>) -> About {
    let site = Site::of(root, dialect);
    let file = if site.config.file.is_empty() {
        String::new()
    } else {
        site.folder.join(&site.config.file).display().to_string()
    };
    About { dialect: site.dialect.name(), file, values: site.facts() }
}

/// The words `archive.dialect` understands.
pub const DIALECTS: [&str; 9] =
    ["hugo", "hexo", "jekyll", "zola", "eleventy", "astro", "pelican", "docusaurus", "plain"];

/// What a file looked like from outside when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Time of the last change of its content.
    pub modified: Timestamp,
}

/// What the store remembers of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// [`Entry::identity`].
    pub identity: String,
    /// [`Entry::url`].
    pub url: String,
    /// The stamp with which it was read; `None` when it has to be read again.
    pub stamp: Option<Stamp>,
}

/// A file that gave a post.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The post.
    pub entry: Entry,
    /// To be remembered, so that the next scan need not read the file again.
    pub stamp: Stamp,
}

/// What one look at the archive found. A known path that is in none of
/// `read`, `unchanged`, `waiting` and `held` is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// New and changed files, in the order of their paths.
    pub read: Vec<Read>,
    /// Known paths whose stamp is the remembered one; not opened.
    pub unchanged: Vec<String>,
    /// Paths that were changed moments ago or while they were read: look again.
    pub waiting: Vec<String>,
    /// Paths that are there and gave no usable post, each with a fault or a
    /// warning. What is known of them stands.
    pub held: Vec<String>,
    /// What keeps a post from being published, in the order of their places.
    pub faults: Vec<Fault>,
    /// What was passed over or not understood, in the order of their places.
    pub warnings: Vec<Fault>,
}

/// The archive: a folder of posts.
#[derive(Debug)]
pub struct Archive {
    rules: Rules,
    filter: Filter,
    addresses: Addresses,
    closed: Arc<Closed>,
}

impl Archive {
    /// Checks the rules; does not touch the folder.
    ///
    /// # Errors
    /// A pattern, the permalink or the site's address is not understood. The
    /// fault's place is the settings key.
    pub fn new(rules: Rules) -> Result<Self, Fault> {
        let filter = Filter::new(&rules.include, &rules.exclude)?;
        let addresses = Addresses::new(&rules.site_url, rules.permalink.as_deref(), rules.zone)?;
        Ok(Self { rules, filter, addresses, closed: Arc::default() })
    }

    /// What posts are read by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What posts depend on besides their files: these rules and the
    /// configuration of the site's generator. When it changes, all posts have
    /// to be read again.
    pub fn fingerprint(&self) -> String {
        let Rules { root, permalink, site_url, zone, language, dialect, .. } = &self.rules;
        let site = Site::of(root, dialect.as_deref());
        let said = format!("{permalink:?} {site_url} {zone} {language} {} {:?}", site.dialect.name(), site.said());
        digest::digest(&digest::SHA256, said.as_bytes()).as_ref()[..12].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Looks at every file and reads those that `known` does not hold with
    /// their present stamp. `known` has to hold every file a post came from:
    /// what their posts are called by depends on it. Blocks; `now` decides only
    /// which files are too fresh to be trusted.
    ///
    /// # Errors
    /// The folder is missing, cannot be read, was exchanged during the look,
    /// or holds no file at all although posts of it are known. Nothing may be
    /// concluded about its posts then.
    pub fn scan(&self, known: &HashMap<String, Known>, now: Timestamp) -> Result<Scan, Fault> {
        scan::scan(self, known, now)
    }

    /// Calls `on_change` from another thread whenever something below the
    /// folder may have changed, until the returned guard is dropped. A hint
    /// only: several calls for one change, and none on some network mounts.
    ///
    /// # Errors
    /// The folder cannot be watched; the periodic scan still sees everything.
    pub fn watch(&self, on_change: impl Fn() + Send + 'static) -> Result<Watch, Fault> {
        watch::start(&self.rules.root, Arc::clone(&self.closed), on_change)
    }
}
