//! A newsletter: a named publication readers subscribe to, a filter over posts.

use chrono_tz::Tz;

use super::cadence::{Cadence, When};
use super::post::Entry;
use super::time::{Span, Timestamp};

/// A newsletter as the settings describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct Newsletter {
    /// Short name in addresses and commands: lower case letters, digits, hyphens.
    pub id: String,
    /// As readers see it.
    pub title: String,
    /// One sentence on what readers get.
    pub description: String,
    /// What a subscriber may choose, most frequent first, never empty.
    pub cadences: Vec<Cadence>,
    /// What a subscriber gets without choosing; one of `cadences`.
    pub default_cadence: Cadence,
    /// Slot of the daily edition.
    pub daily: When,
    /// Slot of the weekly edition.
    pub weekly: When,
    /// Slot of the monthly edition.
    pub monthly: When,
    /// Zone of the three slots.
    pub zone: Tz,
    /// Only posts with one of these topic slugs; empty means all posts.
    pub topics: Vec<String>,
    /// Every edition waits for `editions approve`.
    pub approval: bool,
    /// How long a post rests before the `each` edition takes it.
    pub settle: Span,
}

impl Newsletter {
    /// Whether a post belongs to this newsletter: its author's word, else its topics.
    pub fn takes(&self, post: &Entry) -> bool {
        let named = &post.send.newsletters;
        let is_meant = if named.is_empty() {
            self.topics.is_empty() || post.topics.iter().any(|topic| self.topics.contains(&topic.slug))
        } else {
            named.contains(&self.id)
        };
        is_meant && post.send.reach.is_mailed()
    }

    /// The clock time of a cadence; `None` for [`Cadence::Each`].
    pub fn when(&self, cadence: Cadence) -> Option<&When> {
        match cadence {
            Cadence::Each => None,
            Cadence::Daily => Some(&self.daily),
            Cadence::Weekly => Some(&self.weekly),
            Cadence::Monthly => Some(&self.monthly),
        }
    }

    /// The next slot of a cadence strictly after `after`; `None` for [`Cadence::Each`].
    pub fn next_slot(&self, cadence: Cadence, after: Timestamp) -> Option<Timestamp> {
        self.when(cadence).map(|when| when.next(self.zone, after))
    }
}
