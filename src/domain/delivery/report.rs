//! What one attempt came to, as the transport tells it.

use super::class::{self, Class, Slow};

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
}

impl Reply {
    /// The enhanced code as it stands in the ledger: `5.1.1`.
    pub fn enhanced_text(&self) -> Option<String> {
        self.enhanced.map(|[class, subject, detail]| format!("{class}.{subject}.{detail}"))
    }
}

impl std::fmt::Display for Reply {
    /// `550 5.1.1 no such user`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced_text() {
            write!(f, " {enhanced}")?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}

fn enhanced(word: &str) -> Option<[u16; 3]> {
    let mut parts = word.split('.').map(|part| part.parse::<u16>().ok().filter(|_| part.len() <= 3));
    let code = [parts.next()??, parts.next()??, parts.next()??];
    (parts.next().is_none() && matches!(code[0], 2 | 4 | 5)).then_some(code)
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
    /// was named yet, a message that is too large is so for everybody, and a
    /// relay that is out of order is no reader's fault.
    pub fn replied(phase: Phase, reply: Reply) -> Self {
        let outcome = match (reply.code, phase) {
            (200..=299, Phase::Dot) => Outcome::Accepted,
            (400..=499, _) | (500..=599, Phase::Connect | Phase::Mail) => Outcome::Deferred,
            (500..=599, _) => match class::verdict(phase, &reply) {
                (Class::Relay, _) => Outcome::Deferred,
                (Class::Edition, _) if phase >= Phase::Data => Outcome::Deferred,
                _ => Outcome::Refused,
            },
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

    fn verdict(&self) -> Option<(Class, Option<Slow>)> {
        let reply = self.reply.as_ref().filter(|reply| reply.code >= 400)?;
        Some(class::verdict(self.phase, reply))
    }

    /// What a 4xx or 5xx is about.
    pub fn class(&self) -> Option<Class> {
        self.verdict().map(|(class, _)| class)
    }

    /// Whether it asks to slow down, and whom.
    pub fn slow(&self) -> Option<Slow> {
        self.verdict().and_then(|(_, slow)| slow)
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
        let cut_off = self.phase <= Phase::Mail && code.is_none_or(|code| matches!(code, 421 | 503));
        self.outcome == Outcome::Deferred && (cut_off || (self.phase <= Phase::Rcpt && code == Some(421)))
    }

    /// What was said, or what happened, without codes.
    pub fn words(&self) -> &str {
        self.reply.as_ref().map_or(&self.detail, |reply| &reply.text)
    }

    /// The reason in one line, for the ledger and the operator.
    pub fn reason(&self) -> String {
        match &self.reply {
            Some(reply) => reply.to_string(),
            None => self.detail.clone(),
        }
    }
}
