//! An edition: what one newsletter sends for one cadence and slot, and who is
//! owed which posts.

use super::cadence::Cadence;
use super::post::Post;
use super::time::Timestamp;

/// Where an edition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Sealed, waiting for the operator's approval; nothing leaves.
    Held,
    /// Its deliveries are being handed over.
    Sending,
    /// Stopped by the operator or by a fault of the sender's; nothing leaves until resumed.
    Paused,
    /// Every delivery is settled.
    Finished,
    /// Stopped for good; what had not left never will.
    Cancelled,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Held, Self::Sending, Self::Paused, Self::Finished, Self::Cancelled];

    /// The word for it in SQL, JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("`{text}` is not an edition state"))
    }
}

/// An edition as the ledger knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Edition {
    /// The number readers see: 1, 2, 3, ...
    pub number: i64,
    /// The newsletter's id.
    pub newsletter: String,
    /// Its cadence.
    pub cadence: Cadence,
    /// The instant it fell due.
    pub slot: Timestamp,
    /// Sequence number of the newest post it could have taken.
    pub newest_seq: i64,
    /// Where it stands.
    pub state: State,
    /// Why it is held or paused.
    pub reason: Option<String>,
    /// Subject of its largest variant.
    pub subject: String,
    /// What its page for everybody is called; `None` where it has none.
    pub public_subject: Option<String>,
    /// How many deliveries were sealed with it.
    pub audience: i64,
    /// When it was sealed.
    pub sealed: Timestamp,
    /// When its last delivery was settled.
    pub finished: Option<Timestamp>,
}

/// Subscriptions that have had the same posts and want the same topics in the
/// same language: they are owed the same variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their `covered_until`.
    pub covered_until: i64,
    /// Their topic slugs, sorted; empty means all.
    pub topics: Vec<String>,
    /// The language they read mails in, a BCP 47 tag; `None` is the site's.
    pub language: Option<String>,
    /// Row ids of those of the operator's extra posts that they have had or are
    /// about to get, lowest first.
    pub had: Vec<i64>,
    /// How many subscriptions.
    pub count: i64,
}

/// The posts a group is owed: of `posts` those with `covered_until < seq <=
/// newest` that may be mailed, of `extra` (baseline posts the operator added)
/// those it has not had; of both only those with one of its topics. Oldest first.
pub fn owed<'a>(group: &Group, posts: &'a [Post], extra: &'a [Post], newest: i64) -> Vec<&'a Post> {
    let is_new = |post: &&Post| post.mailable && post.seq.is_some_and(|seq| group.covered_until < seq && seq <= newest);
    let is_topical = |post: &&Post| {
        group.topics.is_empty() || post.entry.topics.iter().any(|topic| group.topics.contains(&topic.slug))
    };
    let extra = extra.iter().filter(|post| !group.had.contains(&post.id));
    let mut owed: Vec<&Post> = posts.iter().filter(is_new).chain(extra).filter(is_topical).collect();
    owed.sort_by_key(|post| post.seq);
    owed
}

/// Brings groups that are owed equal sets in one language together: each set
/// with the indexes of its groups, the one with the most subscriptions first.
/// Groups owed nothing are left out.
pub fn variants<'a>(
    groups: &[Group],
    posts: &'a [Post],
    extra: &'a [Post],
    newest: i64,
) -> Vec<(Vec<&'a Post>, Vec<usize>)> {
    let mut sets: Vec<(Vec<&Post>, Vec<usize>)> = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let owed = owed(group, posts, extra, newest);
        if owed.is_empty() {
            continue;
        }
        let is_same = |set: &&mut (Vec<&Post>, Vec<usize>)| {
            set.1.first().is_some_and(|&first| groups[first].language == group.language)
                && set.0.len() == owed.len()
                && set.0.iter().zip(&owed).all(|(a, b)| a.id == b.id)
        };
        match sets.iter_mut().find(is_same) {
            Some(set) => set.1.push(index),
            None => sets.push((owed, vec![index])),
        }
    }
    let size = |set: &(Vec<&Post>, Vec<usize>)| -> i64 { set.1.iter().map(|&i| groups[i].count).sum() };
    sets.sort_by_key(|set| std::cmp::Reverse(size(set)));
    sets
}
