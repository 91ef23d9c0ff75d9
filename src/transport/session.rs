//! One open connection to a relay, one message at a time, the phase known at
//! every failure:
//!
//! | phase | deadline | a failure is |
//! |---|---|---|
//! | MAIL, RCPT | command | a definite no |
//! | the mark | none: the ledger answers | withheld when denied, after RSET |
//! | DATA | data | a definite no |
//! | content, up to the last CRLF | write, each piece | a definite no |
//! | dot | dot | *uncertain* once its first byte left, but for a complete reply |
//!
//! Everything before the dot has a deadline together, too. After a timeout, a
//! broken stream or a reply out of place the connection is never used again:
//! its replies could be those of an earlier command.

use std::fmt::Display;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::MailParameter;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::relay::{Deadlines, Reuse};
use super::reply::{self, late};
use super::wire::Wire;
use super::{Connection, Envelope, MarkFuture, dots};
use crate::domain::delivery::{Mark, Phase, Reply, Report};

/// Content is written in pieces of this size, each with its own deadline.
const PIECE: usize = 65_536;
/// How long a relay that broke off before the dot may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// lettre's connection and the stream beneath it.
pub(super) struct Line {
    pub(super) lettre: AsyncSmtpConnection,
    pub(super) wire: Wire,
}

/// A connection that is greeted, encrypted and logged in as configured.
pub(super) struct Session {
    line: Line,
    size: Option<usize>,
    deadlines: Deadlines,
    reuse: Reuse,
    opened: Instant,
    handed: u32,
    broken: bool,
}

/// How the conversation goes on after a message.
enum Next {
    Message,
    Reset,
}

/// What one message came to. `Err` says so too, of a connection that is lost with it.
type Ending = Result<(Report, Next), Report>;

impl Session {
    pub(super) fn new(line: Line, size: Option<usize>, deadlines: Deadlines, reuse: Reuse) -> Self {
        Self { line, size, deadlines, reuse, opened: Instant::now(), handed: 0, broken: false }
    }

    async fn message(&mut self, envelope: &Envelope, content: &[u8], mark: MarkFuture<'_>) -> Ending {
        let until = Instant::now() + self.deadlines.before_dot();
        let (mail, rcpt, wire) = match self.prepare(envelope, content) {
            Ok(prepared) => prepared,
            Err(report) => return Ok((report, Next::Message)),
        };
        let command = self.deadlines.command;
        let reply = self.ask(Phase::Mail, &mail, within(command, until)).await?;
        if !is_done(&reply) {
            return refused(Phase::Mail, reply);
        }
        let reply = self.ask(Phase::Rcpt, &rcpt, within(command, until)).await?;
        if !is_done(&reply) {
            return refused(Phase::Rcpt, reply);
        }
        if mark.await == Mark::Denied {
            return Ok((Report::withheld(Phase::Rcpt), Next::Reset));
        }
        let reply = self.ask(Phase::Data, &Data, within(self.deadlines.data, until)).await?;
        if reply.code != 354 {
            return refused(Phase::Data, reply);
        }
        self.content(&wire, until).await?;
        self.dot().await
    }

    /// What will be said, or why it need not be: that costs no round trip.
    fn prepare(&self, envelope: &Envelope, content: &[u8]) -> Result<(Mail, Rcpt, Vec<u8>), Report> {
        let ours = |why: &str| Report::broken(Phase::Mail, why);
        let address = |text: &str| text.parse::<lettre::Address>().ok().filter(|_| text.is_ascii());
        let from = match envelope.from.as_str() {
            "" => None,
            from => Some(address(from).ok_or_else(|| ours("the sender's address is not one"))?),
        };
        let to = address(envelope.to.as_str()).ok_or_else(|| ours("the recipient's address is not one"))?;
        let wire = dots::stuffed(content).map_err(|why| ours(&why))?;
        let mut parameters = Vec::new();
        if let Some(most) = self.size {
            if content.len() > most {
                // What the relay would say, so that the ledger classes it alike (RFC 1870 section 6.1).
                let text = format!("5.3.4 not sent: {} bytes, and the relay takes {most}", content.len());
                return Err(Report::replied(Phase::Mail, Reply::new(552, &text)));
            }
            parameters.push(MailParameter::Size(content.len()));
        }
        Ok((Mail::new(from, parameters), Rcpt::new(to, Vec::new()), wire))
    }

    /// One command and its complete answer.
    async fn ask(&mut self, phase: Phase, command: &impl Display, limit: Duration) -> Result<Reply, Report> {
        match timeout(limit, self.line.lettre.command(command)).await {
            Ok(result) => reply::read(result, self.line.wire.has_ended()).map_err(|why| Report::broken(phase, why)),
            Err(_) => {
                let what = format!("no answer to {}", phase.as_str().to_uppercase());
                Err(Report::broken(phase, late(&what, limit)))
            }
        }
    }

    /// Everything but the final dot, past lettre, into the hands of the operating system.
    async fn content(&mut self, wire: &[u8], until: Instant) -> Result<(), Report> {
        for piece in wire.chunks(PIECE) {
            let limit = within(self.deadlines.write, until);
            let written = timeout(limit, async {
                self.line.wire.write_all(piece).await?;
                self.line.wire.flush().await
            });
            let why = match written.await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => reply::trouble(&error),
                Err(_) => late("the relay took no content", limit),
            };
            return Err(self.broken_off(why).await);
        }
        if self.line.wire.is_quiet() {
            Ok(())
        } else {
            Err(self.broken_off("the relay did not wait for the end of the message".into()).await)
        }
    }

    /// The relay would have no more of it. If it said why, that decides.
    async fn broken_off(&mut self, why: String) -> Report {
        let words = timeout(LAST_WORDS, self.line.lettre.read_response()).await;
        match words.map(|result| reply::read(result, self.line.wire.has_ended())) {
            Ok(Ok(reply)) if reply.code >= 400 => Report::replied(Phase::Content, reply),
            Ok(Err(end)) if self.line.wire.has_ended() => Report::broken(Phase::Content, end),
            _ => Report::broken(Phase::Content, why),
        }
    }

    /// The final dot. From its first byte on only a complete reply counts.
    async fn dot(&mut self) -> Ending {
        let before = self.line.wire.sent();
        match self.ask(Phase::Dot, &".\r\n", self.deadlines.dot).await {
            Ok(reply) if is_done(&reply) => Ok((Report::replied(Phase::Dot, reply), Next::Message)),
            // Some relays keep a message they refused here open (seen: aiosmtpd
            // after a fault of its own) and would refuse the next one for it.
            Ok(reply) if is_in_order(&reply) => Ok((Report::replied(Phase::Dot, reply), Next::Reset)),
            Ok(reply) => Err(Report::replied(Phase::Dot, reply)),
            Err(report) if self.line.wire.sent() == before => Err(Report::broken(Phase::Content, report.detail)),
            Err(report) => Err(report),
        }
    }

    /// Whether the relay has forgotten the message and awaits another.
    async fn reset(&mut self) -> bool {
        matches!(self.ask(Phase::Mail, &Rset, self.deadlines.reset).await, Ok(reply) if is_done(&reply))
    }
}

/// The time for one step out of what is left for all of them.
fn within(limit: Duration, until: Instant) -> Duration {
    limit.min(until.saturating_duration_since(Instant::now()))
}

fn is_done(reply: &Reply) -> bool {
    (200..=299).contains(&reply.code)
}

/// A relay that answers so is still in step; 421 says that it is about to close.
fn is_in_order(reply: &Reply) -> bool {
    is_done(reply) || ((400..=599).contains(&reply.code) && reply.code != 421)
}

/// A no before the content, or an answer that has no place there.
fn refused(phase: Phase, reply: Reply) -> Ending {
    // 503 is no word about this message: the relay is somewhere else in the conversation.
    if reply.code < 400 || reply.code == 503 {
        let what = phase.as_str().to_uppercase();
        return Err(Report::broken(phase, format!("the relay answered {what} with {reply}")));
    }
    let lost = !is_in_order(&reply);
    let report = Report::replied(phase, reply);
    if lost { Err(report) } else { Ok((report, Next::Reset)) }
}

impl Connection for Session {
    fn hand_over<'a>(
        &'a mut self,
        envelope: &'a Envelope,
        content: &'a [u8],
        mark: MarkFuture<'a>,
    ) -> BoxFuture<'a, Report> {
        Box::pin(async move {
            if self.broken {
                return Report::broken(Phase::Connect, "the connection was lost before");
            }
            // Until the end proves otherwise: a future dropped half-way leaves
            // a connection whose next reply belongs to this message.
            self.broken = true;
            self.handed += 1;
            match self.message(envelope, content, mark).await {
                Ok((report, Next::Message)) => {
                    self.broken = false;
                    report
                }
                Ok((report, Next::Reset)) => {
                    self.broken = !self.reset().await;
                    report
                }
                Err(report) => report,
            }
        })
    }

    fn is_usable(&self) -> bool {
        !self.broken
            && self.handed < self.reuse.messages
            && self.opened.elapsed() < self.reuse.age
            && self.line.wire.is_quiet()
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // A broken connection is dropped without another byte: TLS could
            // still hold a dot that was reported as never sent.
            if !self.broken {
                let polite = async {
                    let _ = self.line.lettre.command(Quit).await;
                    let _ = self.line.wire.shutdown().await;
                };
                let _ = timeout(self.deadlines.quit, polite).await;
            }
        })
    }
}
