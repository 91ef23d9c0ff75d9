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

use super::time::{Span, Timestamp};

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
    /// The operator's `postroom test`.
    Test,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Edition, Self::Confirm, Self::Welcome, Self::Already, Self::Test];

    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edition => "edition",
            Self::Confirm => "confirm",
            Self::Welcome => "welcome",
            Self::Already => "already",
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

/// How far a hand-over came (RFC 5321). Everything up to and including
/// [`Phase::Content`] is before the final dot: a failure there is a definite no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// TCP, TLS, greeting, EHLO, STARTTLS or AUTH.
    Connect,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, up to its 354.
    Data,
    /// Content, up to but not including the final dot.
    Content,
    /// From the first byte of the final dot on.
    Dot,
}

impl Phase {
    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Content => "content",
            Self::Dot => "dot",
        }
    }
}

/// A relay's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits (RFC 5321 section 4.2).
    pub code: u16,
    /// Class.subject.detail (RFC 3463) when the text begins with one.
    pub enhanced: Option<[u16; 3]>,
    /// The rest, lines joined by blanks, control characters removed.
    pub text: String,
}

impl Reply {
    /// Takes the enhanced code off the front of the text.
    pub fn new(code: u16, text: &str) -> Self {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1_000).collect();
        let text = text.trim();
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        match enhanced(first) {
            Some(enhanced) => Self { code, enhanced: Some(enhanced), text: rest.trim().to_owned() },
            None => Self { code, enhanced: None, text: text.to_owned() },
        }
    }

    /// What kind of trouble a 4xx or 5xx is about.
    pub fn class(&self) -> Class {
        match (self.enhanced, self.code) {
            (Some([5, 1, 1 | 2 | 3 | 6 | 10]), 500..=599) => Class::RecipientHard,
            (Some([_, 7, _]), _) => Class::Sender,
            (Some([_, 2, 3] | [_, 3, 4]), _) => Class::Edition,
            (Some([_, 3 | 4, _]), _) => Class::Relay,
            (None, 421 | 530 | 534 | 535 | 538) => Class::Relay,
            _ => Class::RecipientSoft,
        }
    }
}

impl std::fmt::Display for Reply {
    /// `550 5.1.1 no such user`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some([class, subject, detail]) = self.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}

fn enhanced(word: &str) -> Option<[u16; 3]> {
    let mut parts = word.split('.').map(|part| part.parse::<u16>().ok().filter(|_| part.len() <= 3));
    let code = [parts.next()??, parts.next()??, parts.next()??];
    (parts.next().is_none() && matches!(code[0], 2 | 4 | 5)).then_some(code)
}

/// What a refusal is about, and so what has to back off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The mailbox does not exist: refused and suppressed.
    RecipientHard,
    /// This mailbox, this time.
    RecipientSoft,
    /// This message: too large, malformed.
    Edition,
    /// The relay is busy, broken or wants other credentials.
    Relay,
    /// Who we are: authentication, reputation, policy. Suppresses nobody.
    Sender,
}

impl Class {
    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecipientHard => "recipient_hard",
            Self::RecipientSoft => "recipient_soft",
            Self::Edition => "edition",
            Self::Relay => "relay",
            Self::Sender => "sender",
        }
    }
}

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx to the dot.
    Accepted,
    /// A definite no that may be a yes later.
    Deferred,
    /// A definite no for good.
    Refused,
    /// After the dot, no complete answer.
    Uncertain,
    /// The mark was denied; nothing of the content left.
    Withheld,
}

impl Outcome {
    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Uncertain => "uncertain",
            Self::Withheld => "withheld",
        }
    }
}

/// One attempt, as a transport tells it: a refused mail is a report, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What became of it.
    pub outcome: Outcome,
    /// How far it came.
    pub phase: Phase,
    /// The answer that decided, when there was one.
    pub reply: Option<Reply>,
    /// Otherwise what happened: `connection refused`, `no answer within 600 s`.
    pub detail: String,
}

impl Report {
    /// A complete answer decided it: 2xx accepts at the dot, 4xx defers, 5xx
    /// refuses, except where it is not about the recipient: before RCPT nobody
    /// was named yet, and a message that is too large is so for everybody.
    pub fn replied(phase: Phase, reply: Reply) -> Self {
        let outcome = match (reply.code, phase) {
            (200..=299, Phase::Dot) => Outcome::Accepted,
            (500..=599, Phase::Connect | Phase::Mail) => Outcome::Deferred,
            (500..=599, Phase::Data | Phase::Content | Phase::Dot) if reply.class() == Class::Edition => {
                Outcome::Deferred
            }
            (500..=599, _) => Outcome::Refused,
            (400..=499, _) => Outcome::Deferred,
            // An answer of a class that has no place here: before the dot
            // nothing has left, after it nobody can know.
            (_, Phase::Dot) => Outcome::Uncertain,
            _ => Outcome::Deferred,
        };
        Self { outcome, phase, reply: Some(reply), detail: String::new() }
    }

    /// No complete answer came: a definite no before the dot, uncertain from it on.
    pub fn broken(phase: Phase, detail: impl Into<String>) -> Self {
        let outcome = if phase == Phase::Dot { Outcome::Uncertain } else { Outcome::Deferred };
        Self { outcome, phase, reply: None, detail: detail.into() }
    }

    /// What a 4xx or 5xx is about, the phase considered: before RCPT it cannot
    /// be a recipient.
    pub fn class(&self) -> Option<Class> {
        let reply = self.reply.as_ref().filter(|reply| reply.code >= 400)?;
        Some(match (self.phase, reply.class()) {
            (Phase::Connect | Phase::Mail, Class::RecipientHard | Class::RecipientSoft) if reply.code >= 500 => {
                Class::Sender
            }
            (Phase::Connect | Phase::Mail, Class::RecipientHard | Class::RecipientSoft) => Class::Relay,
            (_, class) => class,
        })
    }

    /// A 5xx about the sender or the message rather than the recipient.
    pub fn is_about_us(&self) -> bool {
        let is_final = self.reply.as_ref().is_some_and(|reply| reply.code >= 500);
        is_final && matches!(self.class(), Some(Class::Sender | Class::Edition))
    }

    /// One that every other copy of the edition is sure to get as well.
    pub fn concerns_edition(&self) -> bool {
        self.is_about_us() && self.outcome == Outcome::Deferred
    }

    /// The relay has trouble of its own, or closes: everything else had better wait, too.
    pub fn concerns_relay(&self) -> bool {
        let is_closing = self.reply.as_ref().is_some_and(|reply| reply.code == 421);
        self.outcome == Outcome::Deferred && (is_closing || self.class() == Some(Class::Relay))
    }

    /// The mark was denied before any content left.
    pub fn withheld(phase: Phase) -> Self {
        Self { outcome: Outcome::Withheld, phase, reply: None, detail: String::new() }
    }

    /// The connection ended before the relay had a word for this message: the
    /// same message may go over another one at once, and no attempt is counted.
    /// A relay that closes after so many messages does this (421, RFC 5321
    /// section 3.8).
    pub fn is_untried(&self) -> bool {
        let code = self.reply.as_ref().map(|reply| reply.code);
        let cut_off = self.phase <= Phase::Mail && code.is_none_or(|code| code == 421);
        self.outcome == Outcome::Deferred && (cut_off || (self.phase <= Phase::Rcpt && code == Some(421)))
    }

    /// The reason in one line, for the ledger and the operator.
    pub fn reason(&self) -> String {
        match &self.reply {
            Some(reply) => reply.to_string(),
            None => self.detail.clone(),
        }
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
    fn classes() {
        for (code, text, class) in [
            (550, "5.1.1 no such user", Class::RecipientHard),
            (550, "5.7.1 policy", Class::Sender),
            (421, "4.7.28 rate", Class::Sender),
            (552, "5.3.4 too large", Class::Edition),
            (452, "4.3.1 disk full", Class::Relay),
            (421, "closing", Class::Relay),
            (452, "4.2.2 full", Class::RecipientSoft),
            (550, "go away", Class::RecipientSoft),
        ] {
            assert_eq!(Reply::new(code, text).class(), class, "{code} {text}");
        }
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
