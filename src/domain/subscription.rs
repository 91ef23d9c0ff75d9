//! A subscriber's place in one newsletter.

use super::address::Address;
use super::cadence::Cadence;
use super::time::Timestamp;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Asked for, not confirmed: gets the confirmation mail and nothing else.
    Pending,
    /// Confirmed: gets editions.
    Active,
    /// Ended by its reader or the operator.
    Unsubscribed,
}

impl Status {
    /// The word for it in SQL, JSON and CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Unsubscribed => "unsubscribed",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pending, Self::Active, Self::Unsubscribed]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a status; it is pending, active or unsubscribed"))
    }
}

/// One subscriber's subscription to one newsletter.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Row id; what tokens carry.
    pub id: i64,
    /// Row id of the subscriber.
    pub subscriber_id: i64,
    /// Where the mail goes.
    pub address: Address,
    /// The newsletter's id.
    pub newsletter: String,
    /// Where it stands.
    pub status: Status,
    /// How often.
    pub cadence: Cadence,
    /// How often the form asks for it since it ended; counts for nothing until confirmed.
    pub wish: Option<Cadence>,
    /// Of its mails and pages, a BCP 47 tag; `None` is the site's.
    pub language: Option<String>,
    /// Only posts with one of these topic slugs; empty means all of the newsletter's.
    pub topics: Vec<String>,
    /// Sequence number of the last post it was given or told to skip.
    pub covered_until: i64,
    /// No mail before this instant.
    pub paused_until: Option<Timestamp>,
    /// When it was first asked for.
    pub created: Timestamp,
    /// When its reader confirmed.
    pub confirmed: Option<Timestamp>,
    /// When it ended.
    pub unsubscribed: Option<Timestamp>,
    /// When it last went to another address, in whole seconds.
    pub moved: Option<Timestamp>,
}

impl Subscription {
    /// How often it comes once it is confirmed.
    pub fn asked(&self) -> Cadence {
        self.wish.unwrap_or(self.cadence)
    }

    /// The time a link in a mail of this instant tells: never one before the last move.
    pub fn link_time(&self, mail: Timestamp) -> Timestamp {
        self.moved.map_or(mail, |moved| moved.max(mail))
    }

    /// Whether a link that tells this time was mailed to an address its reader
    /// has left: who reads there now is nobody's guess.
    pub fn is_left_behind(&self, link: Timestamp) -> bool {
        self.moved.is_some_and(|moved| link < moved)
    }
}

/// How a change of consent reached us, kept for ever beside the subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// What was consented to or withdrawn.
    pub act: ConsentAct,
    /// Where it came from: `form`, `api`, `mail`, `import`, `operator`.
    pub source: String,
    /// The words the person saw, or the operator's account of them.
    pub words: String,
    /// Network address of the request, when there was one.
    pub network: Option<String>,
}

/// What a [`Consent`] records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentAct {
    /// Filled in the form.
    Asked,
    /// Pressed the button of the confirm page.
    Confirmed,
    /// Entered by the operator, who vouches for it.
    Vouched,
    /// Left.
    Unsubscribed,
    /// Came back by Undo.
    Returned,
    /// Took a new address.
    Moved,
    /// Changed how often, of what or from when on.
    Chose,
}

impl ConsentAct {
    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Vouched => "vouched",
            Self::Unsubscribed => "unsubscribed",
            Self::Returned => "returned",
            Self::Moved => "moved",
            Self::Chose => "chose",
        }
    }
}
