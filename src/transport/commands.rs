//! The commands before a message's content.

use super::{Envelope, Message};
use crate::domain::Address;
use crate::domain::delivery::{Phase, Reply, Report};

/// MAIL, RCPT and DATA of one message, each with its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commands {
    together: String,
    /// Where RCPT and DATA begin.
    rcpt: usize,
    data: usize,
}

impl Commands {
    /// What will be said to a relay that names this limit of size, or why it
    /// need not be: that costs no round trip.
    ///
    /// # Errors
    /// What the relay would say of a message that is too large.
    pub(super) fn of(message: &Message, size_limit: Option<usize>) -> Result<Self, Report> {
        let Envelope { from, to } = &message.envelope;
        let (from, size) = (from.as_ref().map_or("", Address::as_str), message.content.size());
        let mut together = match size_limit {
            // So that the ledger classes it alike (RFC 1870 section 6.1).
            Some(most) if size > most => {
                let text = format!("5.3.4 not sent: {size} bytes, and the relay takes {most}");
                return Err(Report::replied(Phase::Mail, Reply::new(552, &text)));
            }
            Some(_) => format!("MAIL FROM:<{from}> SIZE={size}\r\n"),
            None => format!("MAIL FROM:<{from}>\r\n"),
        };
        let rcpt = together.len();
        together.push_str("RCPT TO:<");
        together.push_str(to.as_str());
        together.push_str(">\r\n");
        let data = together.len();
        together.push_str("DATA\r\n");
        Ok(Self { together, rcpt, data })
    }

    /// All of them, for a relay that takes them so (RFC 2920).
    pub(super) fn together(&self) -> &str {
        &self.together
    }

    /// The first two, each for its phase.
    pub(super) fn one_by_one(&self) -> [(Phase, &str); 2] {
        [(Phase::Mail, &self.together[..self.rcpt]), (Phase::Rcpt, &self.together[self.rcpt..self.data])]
    }

    /// The last one.
    pub(super) fn data(&self) -> &str {
        &self.together[self.data..]
    }
}
