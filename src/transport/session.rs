//! One open connection to a relay, one message in hand at a time, the phase
//! known at every failure:
//!
//! | phase | deadline | a failure is |
//! |---|---|---|
//! | MAIL, RCPT | command | a definite no |
//! | the mark | none: the ledger answers | withheld when denied |
//! | DATA | data | a definite no |
//! | content, up to its last byte | write, each piece | a definite no |
//! | dot | dot | *uncertain* once its first byte may have left, but for a complete reply |
//!
//! Everything before the dot has a deadline together, too. After a timeout, a
//! broken stream or a reply out of place the connection is never used again:
//! its replies could be those of an earlier command.
//!
//! Where the relay offers PIPELINING (RFC 2920), MAIL, RCPT and DATA travel
//! together, and those of the next message with the content of this one, so
//! that a message costs one round trip:
//!
//! ```text
//! we     content 1, dot 1, MAIL 2, RCPT 2, DATA 2           content 2, dot 2, MAIL 3, ...
//! relay                               250 1, 250, 250, 354
//! ledger                                    outcome 1, mark 2
//! ```
//!
//! Content never travels early: it waits for its mark. Whoever does not get it
//! hangs up, for after DATA there is no other way to say nothing.

use std::io::{self, IoSlice};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::commands::Commands;
use super::relay::{Deadlines, Reuse};
use super::reply::{self, late};
use super::smtp::Offers;
use super::wire::Wire;
use super::{Connection, Content, MarkFuture, Message};
use crate::domain::delivery::{Mark, Phase, Reply, Report};

/// How long a relay that broke off before the dot may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection that is greeted, encrypted and logged in as configured.
pub(super) struct Session {
    wire: Wire,
    offers: Offers,
    deadlines: Deadlines,
    reuse: Reuse,
    opened: Instant,
    handed: u32,
    broken: bool,
    /// What travelled with the content of the message before.
    announced: Option<Commands>,
}

/// How the conversation goes on after a message.
enum Next {
    Message,
    Reset,
}

/// Whether the relay awaits the content.
enum Opened<'a> {
    /// And which message comes after this one.
    Awaited(Option<&'a Message>),
    Not(Report, Next),
}

impl Opened<'_> {
    fn no((report, next): (Report, Next)) -> Self {
        Self::Not(report, next)
    }
}

/// What one message came to. `Err` says so too, of a connection that is lost with it.
type Ending = Result<(Report, Next), Report>;

impl Session {
    pub(super) fn new(wire: Wire, offers: Offers, deadlines: Deadlines, reuse: Reuse) -> Self {
        let opened = Instant::now();
        Self { wire, offers, deadlines, reuse, opened, handed: 0, broken: false, announced: None }
    }

    async fn message(&mut self, message: &Message, mark: MarkFuture<'_>) -> Ending {
        let until = Instant::now() + self.deadlines.before_dot();
        let commands = match Commands::of(message, self.offers.size) {
            Ok(commands) => commands,
            Err(report) => return self.unspoken(report),
        };
        let next = if self.offers.pipelining {
            match self.announced.take() {
                Some(announced) if announced == commands => {}
                Some(_) => return Err(Report::broken(Phase::Mail, "the connection awaits another message")),
                None => self.say(Phase::Mail, commands.together(), within(self.deadlines.write, until)).await?,
            }
            self.answers(until, mark).await?
        } else {
            self.step_by_step(&commands, until, mark).await?
        };
        let next = match next {
            Opened::Awaited(next) => next,
            Opened::Not(report, next) => return Ok((report, next)),
        };
        let announced = next.filter(|_| self.may_announce()).and_then(|next| Commands::of(next, self.offers.size).ok());
        self.content(&message.content, announced.as_ref(), until).await?;
        self.announced = announced;
        crate::failpoint!("dot");
        self.dot().await
    }

    /// A message that need not be tried does no harm, unless the relay awaits another one.
    fn unspoken(&self, report: Report) -> Ending {
        if self.announced.is_none() { Ok((report, Next::Message)) } else { Err(report) }
    }

    fn may_announce(&self) -> bool {
        self.offers.pipelining && self.has_time_left()
    }

    fn has_time_left(&self) -> bool {
        self.handed < self.reuse.messages && self.opened.elapsed() < self.reuse.age
    }

    /// MAIL, RCPT and DATA each after the answer to the one before.
    async fn step_by_step<'a>(
        &mut self,
        commands: &Commands,
        until: Instant,
        mark: MarkFuture<'a>,
    ) -> Result<Opened<'a>, Report> {
        let limit = self.deadlines.command;
        for (phase, command) in commands.one_by_one() {
            let reply = self.ask(phase, command, within(limit, until)).await?;
            if !is_done(&reply) {
                return refused(phase, reply).map(Opened::no);
            }
        }
        let (mark, next) = mark.await;
        if mark == Mark::Denied {
            return Ok(Opened::Not(Report::withheld(Phase::Rcpt), Next::Reset));
        }
        let reply = self.ask(Phase::Data, commands.data(), within(self.deadlines.data, until)).await?;
        opened(reply, next)
    }

    /// The answers to MAIL, RCPT and DATA sent together.
    async fn answers<'a>(&mut self, until: Instant, mark: MarkFuture<'a>) -> Result<Opened<'a>, Report> {
        let mut no = None;
        for phase in [Phase::Mail, Phase::Rcpt] {
            let reply = self.hear(phase, within(self.deadlines.command, until)).await?;
            if !is_done(&reply) && no.is_none() {
                if !is_no(&reply) {
                    return refused(phase, reply).map(Opened::no);
                }
                no = Some((phase, reply));
            }
        }
        if let Some((phase, reply)) = no {
            let data = self.hear(Phase::Data, within(self.deadlines.data, until)).await;
            // A relay that opens the content all the same can only be left by hanging up (RFC 2920 section 3.1).
            let goes_on = data.is_ok_and(|data| data.code >= 400 && is_in_order(&data));
            return if goes_on { refused(phase, reply).map(Opened::no) } else { Err(Report::replied(phase, reply)) };
        }
        let (mark, next) = mark.await;
        if mark == Mark::Denied {
            return Err(Report::withheld(Phase::Data));
        }
        let reply = self.hear(Phase::Data, within(self.deadlines.data, until)).await?;
        opened(reply, next)
    }

    /// One command and its complete answer.
    async fn ask(&mut self, phase: Phase, command: &str, limit: Duration) -> Result<Reply, Report> {
        let until = Instant::now() + limit;
        self.say(phase, command, limit).await?;
        self.hear(phase, within(limit, until)).await
    }

    async fn say(&mut self, phase: Phase, text: &str, limit: Duration) -> Result<(), Report> {
        let written = timeout(limit, async {
            self.wire.write_all(text.as_bytes()).await?;
            self.wire.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            // What the relay said before it hung up tells more than that it did.
            Ok(Err(error)) => Err(self.broken_off(phase, reply::trouble(&error)).await),
            Err(_) => Err(Report::broken(phase, late("the relay took no command", limit))),
        }
    }

    /// One complete answer.
    async fn hear(&mut self, phase: Phase, limit: Duration) -> Result<Reply, Report> {
        match timeout(limit, self.wire.reply()).await {
            Ok(reply) => reply.map_err(|why| Report::broken(phase, why)),
            Err(_) => {
                let what = format!("no answer to {}", phase.as_str().to_uppercase());
                Err(Report::broken(phase, late(&what, limit)))
            }
        }
    }

    /// The content, its dot and what is announced, into the hands of the operating system.
    async fn content(&mut self, content: &Content, announced: Option<&Commands>, until: Instant) -> Result<(), Report> {
        #[cfg(debug_assertions)]
        if crate::failpoint::reached("content") {
            let wire = content.wire();
            let _ = self.wire.write_all(&wire[..wire.len() / 2]).await;
            let _ = self.wire.flush().await;
            std::process::abort();
        }
        let tail = [".\r\n", announced.map_or("", Commands::together)].concat();
        let mut slices: Vec<IoSlice<'_>> = content.slices().map(IoSlice::new).collect();
        if self.wire.is_encrypted() {
            // TLS may report a failure after it sent something, the dot perhaps,
            // where the operating system reports one only when it took nothing.
            self.transmit(&mut slices, content.length(), 0, until).await?;
            return self.transmit(&mut [IoSlice::new(tail.as_bytes())], 0, tail.len(), until).await;
        }
        slices.push(IoSlice::new(tail.as_bytes()));
        self.transmit(&mut slices, content.length(), tail.len(), until).await
    }

    /// Writes so many bytes of content and of what follows it, the dot first. A
    /// failure is one of the content as long as nothing of the tail can have
    /// left: when it was given to the operating system together with content.
    async fn transmit(
        &mut self,
        mut rest: &mut [IoSlice<'_>],
        body: usize,
        tail: usize,
        until: Instant,
    ) -> Result<(), Report> {
        let mut taken = 0;
        while taken < body + tail {
            let before_dot = body > 0 && taken <= body;
            if taken <= body && !self.wire.is_quiet() {
                let why = "the relay did not wait for the end of the message";
                return Err(self.broken_off(Phase::Content, why.into()).await);
            }
            let limit = if before_dot { within(self.deadlines.write, until) } else { self.deadlines.write };
            let why = match timeout(limit, self.wire.write_vectored(rest)).await {
                Ok(Ok(count)) if count > 0 => {
                    taken += count;
                    IoSlice::advance_slices(&mut rest, count);
                    continue;
                }
                Ok(Ok(_)) => reply::trouble(&io::ErrorKind::BrokenPipe.into()),
                Ok(Err(error)) => reply::trouble(&error),
                Err(_) => late("the relay took no content", limit),
            };
            let phase = if before_dot { Phase::Content } else { Phase::Dot };
            return Err(self.broken_off(phase, why).await);
        }
        let (phase, limit) = match tail {
            0 => (Phase::Content, within(self.deadlines.write, until)),
            _ => (Phase::Dot, self.deadlines.write),
        };
        match timeout(limit, self.wire.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken_off(phase, reply::trouble(&error)).await),
            Err(_) => Err(Report::broken(phase, late("the relay took no content", limit))),
        }
    }

    /// The relay would have no more. If it said why, that decides.
    async fn broken_off(&mut self, phase: Phase, why: String) -> Report {
        match self.hear(phase, LAST_WORDS).await {
            Ok(reply) if reply.code >= 400 => Report::replied(phase, reply),
            Err(end) if self.wire.has_ended() => end,
            _ => Report::broken(phase, why),
        }
    }

    /// The answer to the final dot. Only a complete reply counts.
    async fn dot(&mut self) -> Ending {
        let reply = self.hear(Phase::Dot, self.deadlines.dot).await?;
        let announced = self.announced.is_some();
        match (is_done(&reply), is_in_order(&reply)) {
            (true, _) => Ok((Report::replied(Phase::Dot, reply), Next::Message)),
            // Some relays keep a message they refused here open (seen: aiosmtpd
            // after a fault of its own) and would refuse the next one for it.
            (_, true) if !announced => Ok((Report::replied(Phase::Dot, reply), Next::Reset)),
            _ => Err(Report::replied(Phase::Dot, reply)),
        }
    }

    /// Whether the relay has forgotten the message and awaits another.
    async fn reset(&mut self) -> bool {
        matches!(self.ask(Phase::Mail, "RSET\r\n", self.deadlines.reset).await, Ok(reply) if is_done(&reply))
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

/// A complete no after which the conversation goes on.
fn is_no(reply: &Reply) -> bool {
    reply.code >= 400 && is_in_order(reply) && reply.code != 503
}

/// What the answer to DATA says.
fn opened(reply: Reply, next: Option<&Message>) -> Result<Opened<'_>, Report> {
    if reply.code == 354 { Ok(Opened::Awaited(next)) } else { refused(Phase::Data, reply).map(Opened::no) }
}

/// A no before the content, or an answer that has no place there.
fn refused(phase: Phase, reply: Reply) -> Ending {
    if reply.code < 400 {
        let what = phase.as_str().to_uppercase();
        return Err(Report::broken(phase, format!("the relay answered {what} with {reply}")));
    }
    // 503 is no word about this message: the relay is somewhere else in the conversation.
    let lost = !is_in_order(&reply) || reply.code == 503;
    let report = Report::replied(phase, reply);
    if lost { Err(report) } else { Ok((report, Next::Reset)) }
}

impl Connection for Session {
    fn hand_over<'a>(&'a mut self, message: &'a Message, mark: MarkFuture<'a>) -> BoxFuture<'a, Report> {
        Box::pin(async move {
            if self.broken {
                return Report::broken(Phase::Connect, "the connection was lost before");
            }
            // Until the end proves otherwise: a future dropped half-way leaves
            // a connection whose next reply belongs to this message.
            self.broken = true;
            self.handed += 1;
            match self.message(message, mark).await {
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
        let awaited = self.announced.is_some();
        !self.broken && (awaited || (self.has_time_left() && self.wire.is_quiet()))
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // A broken connection is dropped without another byte: TLS could
            // still hold a dot that was reported as never sent. So is one that
            // awaits content: everything we say would be content.
            if !self.broken && self.announced.is_none() {
                let limit = self.deadlines.quit;
                let polite = async {
                    let _ = self.ask(Phase::Connect, "QUIT\r\n", limit).await;
                    let _ = self.wire.shutdown().await;
                };
                let _ = timeout(limit, polite).await;
            }
        })
    }
}
