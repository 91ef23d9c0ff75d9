//! A delivery: one recipient's copy of an edition, or one transactional mail.
//! It is the row that answers "who got it, who did not, and why".
//!
//! | state | means | leaves to | by |
//! |---|---|---|---|
//! | queued | may be handed over from `not_before` on | leased | the claim |
//! |  |  | suppressed, cancelled, expired | suppression, unsubscribe or cancel, age |
//! | leased | a worker of this run holds it; volatile | queued | crash, stop |
//! |  |  | handing_over | the **mark**: durable before the first byte of content |
//! |  |  | suppressed, cancelled, queued | the mark was denied |
//! | handing_over | content may be on its way | accepted, refused, queued | the relay's complete answer |
//! |  |  | queued | a failure before the final dot: a definite no |
//! |  |  | uncertain | anything else after the dot; a crash |
//! | uncertain | the relay may or may not have it; listed by name | queued | `resend`, once, after the wait for evidence |
//! |  |  | accepted, refused, queued | the operator, who knows better |
//! |  |  | cancelled | its edition is cancelled: it is never sent again, and stays listed |
//! | accepted | the relay answered 2xx to the dot | | settled |
//! | refused | a recorded 5xx, or we gave up on one | | settled |
//! |  |  | queued | its edition is paused because such a 5xx is about the sender; the operator tries it once more |
//! | suppressed | the address must not be mailed | | settled |
//! | expired | no answer within the time allowed | | settled |
//! |  |  | queued | the operator tries it once more |
//! | cancelled | unsubscribed before hand-over, or its edition cancelled | | settled |
//!
//! The commit point of a success is the relay's 2xx to the dot made durable by
//! the ledger; of a failure, the durable outcome. A crash between the mark and
//! the outcome is the only road to a second copy, and such a row is listed as
//! `uncertain` before it is sent again.

mod class;
mod report;

use super::time::{Span, Timestamp};

pub use class::{Class, Slow};
pub use report::{Outcome, Phase, Reply, Report};

/// Where a delivery stands; the table above says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waiting for its turn.
    Queued,
    /// Held by a worker of the present run.
    Leased,
    /// Marked: its content may be on its way.
    HandingOver,
    /// Content may have arrived; nobody can know.
    Uncertain,
    /// The relay took it.
    Accepted,
    /// The relay said no for good.
    Refused,
    /// The address must not be mailed.
    Suppressed,
    /// Too old to be tried again.
    Expired,
    /// Withdrawn before hand-over.
    Cancelled,
}

impl State {
    /// All states, open ones first.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Leased,
        Self::HandingOver,
        Self::Uncertain,
        Self::Accepted,
        Self::Refused,
        Self::Suppressed,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The word for it in SQL, JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::HandingOver => "handing_over",
            Self::Uncertain => "uncertain",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Suppressed => "suppressed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Not settled yet.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Leased | Self::HandingOver | Self::Uncertain)
    }
}

impl std::str::FromStr for State {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("`{text}` is not a delivery state"))
    }
}

/// What the operator makes of an uncertain delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The relay has it: its log says so, or the reader.
    Accepted,
    /// The relay has it not, and is not to get it.
    Refused,
    /// To be sent once more, at the risk of a second copy.
    Resend,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Resend];

    /// The word for it on the command line and, before `by hand`, in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Resend => "resend",
        }
    }

    /// Where the delivery goes.
    pub fn state(self) -> State {
        match self {
            Self::Accepted => State::Accepted,
            Self::Refused => State::Refused,
            Self::Resend => State::Queued,
        }
    }
}

impl std::str::FromStr for Verdict {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|v| v.as_str() == text).ok_or_else(|| format!("`{text}` is not a verdict"))
    }
}

/// What a delivery carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A copy of an edition.
    Edition,
    /// "Confirm your subscription".
    Confirm,
    /// "You are in".
    Welcome,
    /// "You are already subscribed".
    Already,
    /// "Confirm your new address", to it.
    Moving,
    /// "Your address was changed", to the one before.
    Moved,
    /// "You have left".
    Goodbye,
    /// A link to read on the web.
    Reading,
    /// The operator's `postroom test`.
    Test,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Edition,
        Self::Confirm,
        Self::Welcome,
        Self::Already,
        Self::Moving,
        Self::Moved,
        Self::Goodbye,
        Self::Reading,
        Self::Test,
    ];

    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edition => "edition",
            Self::Confirm => "confirm",
            Self::Welcome => "welcome",
            Self::Already => "already",
            Self::Moving => "moving",
            Self::Moved => "moved",
            Self::Goodbye => "goodbye",
            Self::Reading => "reading",
            Self::Test => "test",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|k| k.as_str() == text).ok_or_else(|| format!("`{text}` is not a kind of delivery"))
    }
}

/// Ledger's answer to a request for the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The row is durably `handing_over`: content may leave.
    Granted,
    /// It was cancelled, suppressed or taken away: nothing may leave.
    Denied,
}

/// When a deferred delivery may be tried again: 10, 20, 40, 80 minutes, then
/// every two hours, each drawn out by up to a quarter so that a crowd does not
/// return at once. `attempt` counts from 1; `jitter` is in `0.0..1.0`.
pub fn back_off(attempt: u32, jitter: f64) -> Span {
    let minutes = 10_i64.saturating_mul(1 << attempt.saturating_sub(1).min(8)).min(120);
    let base = Span::minutes(minutes).0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a quarter of two hours in milliseconds is small"
    )]
    let extra = (base as f64 * 0.25 * jitter.clamp(0.0, 1.0)) as i64;
    Span(base + extra)
}

/// What the ledger makes of a report about a delivery that was tried for the
/// `attempt`th time and may be tried until `expires`.
pub fn settle(report: &Report, attempt: u32, now: Timestamp, expires: Timestamp, jitter: f64) -> Settlement {
    match report.outcome {
        Outcome::Accepted => Settlement::to(State::Accepted),
        Outcome::Refused => Settlement::to(State::Refused),
        Outcome::Uncertain => Settlement::to(State::Uncertain),
        Outcome::Withheld => Settlement { state: State::Queued, not_before: Some(now) },
        Outcome::Deferred => {
            let again = now.plus(back_off(attempt, jitter));
            if again >= expires {
                Settlement::to(State::Expired)
            } else {
                Settlement { state: State::Queued, not_before: Some(again) }
            }
        }
    }
}

/// The next state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Where it goes.
    pub state: State,
    /// For [`State::Queued`]: when it may be tried again.
    pub not_before: Option<Timestamp>,
}

impl Settlement {
    fn to(state: State) -> Self {
        Self { state, not_before: None }
    }
}

/// How many deliveries of an edition stand where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sealed with the edition.
    pub audience: i64,
    /// Count of each state, in the order of [`State::ALL`].
    pub counts: [i64; 9],
}

impl Tally {
    /// How many stand in `state`.
    pub fn of(&self, state: State) -> i64 {
        State::ALL.iter().position(|s| *s == state).map_or(0, |i| self.counts[i])
    }

    /// How many are not settled.
    pub fn open(&self) -> i64 {
        State::ALL.iter().zip(self.counts).filter(|(s, _)| s.is_open()).map(|(_, n)| n).sum()
    }

    /// Part (e) of the promise: audience = accepted + refused + suppressed + expired + cancelled + open.
    pub fn balances(&self) -> bool {
        self.audience == self.counts.iter().sum::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_with_their_enhanced_code() {
        let reply = Reply::new(550, "5.1.1 no such user");
        assert_eq!(reply.enhanced, Some([5, 1, 1]));
        assert_eq!(reply.to_string(), "550 5.1.1 no such user");
        assert_eq!(Reply::new(550, "5.1 nobody").enhanced, None);
        assert_eq!(Reply::new(250, "ok\r\nnext").text, "ok  next");
    }

    #[test]
    fn before_the_dot_is_a_definite_no_and_after_it_only_a_complete_answer_counts() {
        assert_eq!(Report::broken(Phase::Content, "reset").outcome, Outcome::Deferred);
        assert_eq!(Report::broken(Phase::Dot, "reset").outcome, Outcome::Uncertain);
        assert_eq!(Report::replied(Phase::Dot, Reply::new(451, "later")).outcome, Outcome::Deferred);
        assert_eq!(Report::replied(Phase::Dot, Reply::new(554, "no")).outcome, Outcome::Refused);
        assert_eq!(Report::replied(Phase::Dot, Reply::new(250, "ok")).outcome, Outcome::Accepted);
        assert_eq!(Report::replied(Phase::Dot, Reply::new(354, "what")).outcome, Outcome::Uncertain);
        assert_eq!(Report::replied(Phase::Rcpt, Reply::new(354, "what")).outcome, Outcome::Deferred);
    }

    #[test]
    fn what_is_said_before_a_recipient_is_named_is_about_none() {
        for (code, text, phase, outcome, class) in [
            (550, "5.1.1 who", Phase::Mail, Outcome::Deferred, Class::Sender),
            (553, "5.1.8 no such domain", Phase::Mail, Outcome::Deferred, Class::Sender),
            (450, "4.2.0 later", Phase::Mail, Outcome::Deferred, Class::Relay),
            (552, "5.3.4 too large", Phase::Mail, Outcome::Deferred, Class::Edition),
            (552, "5.3.4 too large", Phase::Dot, Outcome::Deferred, Class::Edition),
            (552, "5.2.3 too large for this mailbox", Phase::Rcpt, Outcome::Refused, Class::Edition),
            (550, "5.7.1 policy", Phase::Rcpt, Outcome::Refused, Class::Sender),
            (550, "5.1.1 who", Phase::Rcpt, Outcome::Refused, Class::RecipientHard),
        ] {
            let report = Report::replied(phase, Reply::new(code, text));
            assert_eq!((report.outcome, report.class()), (outcome, Some(class)), "{code} {text} at {phase:?}");
            let shared = outcome == Outcome::Deferred && code >= 500;
            assert_eq!(report.concerns_edition(), shared, "{code} {text} at {phase:?}");
        }
        assert!(Report::replied(Phase::Rcpt, Reply::new(421, "4.7.0 too much")).concerns_relay());
        assert!(!Report::replied(Phase::Rcpt, Reply::new(451, "4.2.1 later")).concerns_relay());
    }

    #[test]
    fn back_off_grows_to_two_hours_and_stays_within_its_jitter() {
        let floor: Vec<i64> = (1..=6).map(|n| back_off(n, 0.0).0 / 60_000).collect();
        assert_eq!(floor, [10, 20, 40, 80, 120, 120]);
        for n in 0..100 {
            let (low, high) = (back_off(n, 0.0).0, back_off(n, 1.0).0);
            assert!(high <= low + low / 4 + 1);
        }
    }

    #[test]
    fn a_deferred_delivery_expires_when_its_next_try_would_be_too_late() {
        let report = Report::broken(Phase::Rcpt, "reset");
        let now = Timestamp(0);
        let soon = settle(&report, 1, now, now.plus(Span::minutes(5)), 0.0);
        assert_eq!(soon.state, State::Expired);
        let later = settle(&report, 1, now, now.plus(Span::hours(5)), 0.0);
        assert_eq!((later.state, later.not_before), (State::Queued, Some(Timestamp(600_000))));
    }
}
