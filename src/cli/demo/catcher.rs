//! The mail catcher: a small SMTP server (RFC 5321) on loopback that puts
//! every message into the [`Mailbox`] and sends nothing anywhere. It is strict
//! about the protocol, so that mail it accepts would be accepted elsewhere,
//! and some addresses provoke the answers real relays give.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lines::{self, Content, Line};
use super::mailbox::Mailbox;

/// Largest message taken, announced by SIZE (RFC 1870).
const MAX_MESSAGE: usize = 10 << 20;
/// RFC 5321 section 4.5.3.1.8: at least this many.
const MAX_RECIPIENTS: usize = 100;
/// RFC 5321 section 4.5.3.1.4 asks for 512 and extensions for some more.
const MAX_COMMAND: usize = 2_048;
/// Connections at one time; the next one is told to come back.
const MAX_CONNECTIONS: usize = 64;
/// Wrong commands on one connection before it is closed.
const MAX_ERRORS: u32 = 20;
/// Addresses remembered as deferred once.
const MAX_DEFERRED: usize = 1_000;
/// RFC 5321 section 4.5.3.2.7.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long conversations may take to end once asked to.
const FAREWELL: Duration = Duration::from_secs(2);

/// The catcher's shared state.
pub struct Catcher {
    mailbox: Arc<Mailbox>,
    deferred: Mutex<HashSet<String>>,
    stop: CancellationToken,
}

impl Catcher {
    /// A catcher that fills `mailbox` until `stop`.
    pub fn new(mailbox: Arc<Mailbox>, stop: CancellationToken) -> Self {
        Self { mailbox, deferred: Mutex::default(), stop }
    }

    /// Takes mail on `listener` until stopped; ends after the last
    /// conversation, or two seconds after the stop.
    pub async fn serve(self, listener: TcpListener) {
        let catcher = Arc::new(self);
        let (places, tracker) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), TaskTracker::new());
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    // Out of descriptors or a connection already gone: the next may do better.
                    Err(_) => { tokio::time::sleep(Duration::from_millis(50)).await; continue }
                },
                () = catcher.stop.cancelled() => break,
            };
            let (catcher, place) = (Arc::clone(&catcher), Arc::clone(&places).try_acquire_owned().ok());
            tracker.spawn(async move {
                let mut session = Session::new(stream, catcher);
                // A broken connection is the client's affair; nothing was promised to it.
                let _ = if place.is_some() { session.converse().await } else { session.turn_away().await };
            });
        }
        tracker.close();
        let _ = tokio::time::timeout(FAREWELL, tracker.wait()).await;
    }

    /// What the recipient's name asks for: a refusal, or `None` to accept.
    fn fault(&self, address: &str) -> Option<&'static str> {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local).to_ascii_lowercase();
        match local.split('+').next().unwrap_or_default() {
            "gone" => Some("550 5.1.1 no such mailbox here"),
            "full" => Some("452 4.2.2 mailbox full"),
            "busy" if self.is_first_try(address) => Some("451 4.2.0 greylisted, try again in a moment"),
            _ => None,
        }
    }

    fn is_first_try(&self, address: &str) -> bool {
        let mut deferred = self.deferred.lock().unwrap_or_else(PoisonError::into_inner);
        if deferred.len() >= MAX_DEFERRED {
            deferred.clear();
        }
        deferred.insert(address.to_ascii_lowercase())
    }
}

/// Whether the conversation goes on.
#[derive(PartialEq)]
enum Next {
    Command,
    Close,
}

/// One conversation.
struct Session {
    catcher: Arc<Catcher>,
    reader: BufReader<OwnedReadHalf>,
    writer: BufWriter<OwnedWriteHalf>,
    greeted: bool,
    sender: Option<String>,
    recipients: Vec<String>,
    errors: u32,
}

impl Session {
    fn new(stream: TcpStream, catcher: Arc<Catcher>) -> Self {
        // Without this every small reply may wait 40 ms; failing to set it costs only that.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let (reader, writer) = (BufReader::new(reader), BufWriter::new(writer));
        Self { catcher, reader, writer, greeted: false, sender: None, recipients: Vec::new(), errors: 0 }
    }

    async fn turn_away(&mut self) -> io::Result<()> {
        self.reply("421 4.3.2 too many connections, try again").await?;
        self.writer.shutdown().await
    }

    async fn converse(&mut self) -> io::Result<()> {
        self.reply("220 demo.postroom.test ESMTP mail catcher, nothing leaves this machine").await?;
        while self.errors < MAX_ERRORS {
            // Replies to a pipelined group travel together (RFC 2920 section 3.2).
            if !self.reader.buffer().contains(&b'\n') {
                self.writer.flush().await?;
            }
            let stop = self.catcher.stop.clone();
            let line = tokio::select! {
                line = tokio::time::timeout(PATIENCE, lines::read(&mut self.reader, MAX_COMMAND)) => line,
                () = stop.cancelled() => return self.say_goodbye("421 4.3.2 the demo is closing").await,
            };
            let Ok(line) = line else {
                return self.say_goodbye("421 4.4.2 silent for five minutes, closing").await;
            };
            let Some(line) = line? else { return Ok(()) };
            if self.obey(line).await? == Next::Close {
                return self.writer.shutdown().await;
            }
        }
        self.say_goodbye("421 4.7.0 too many errors, closing").await
    }

    async fn say_goodbye(&mut self, reply: &str) -> io::Result<()> {
        self.reply(reply).await?;
        self.writer.shutdown().await
    }

    async fn obey(&mut self, line: Line) -> io::Result<Next> {
        let Some(text) = line.text() else {
            self.wrong("500 5.5.2 the line is too long or not ASCII").await?;
            return Ok(Next::Command);
        };
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.hello(rest, true).await?,
            "HELO" => self.hello(rest, false).await?,
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.rcpt(rest).await?,
            "DATA" => return self.data(rest).await,
            "RSET" => {
                self.reset();
                self.reply("250 2.0.0 forgotten").await?;
            }
            "NOOP" => self.reply("250 2.0.0 still here").await?,
            "VRFY" => self.reply("252 2.5.2 send mail and see").await?,
            "HELP" => self.reply("214 2.0.0 gone@, busy@ and full@ any domain provoke a 550, a 451 and a 452").await?,
            "QUIT" => {
                self.reply("221 2.0.0 goodbye").await?;
                return Ok(Next::Close);
            }
            "EXPN" | "STARTTLS" | "AUTH" | "BDAT" | "ETRN" | "TURN" => self.wrong("502 5.5.1 not offered here").await?,
            _ => self.wrong("500 5.5.2 no such command").await?,
        }
        Ok(Next::Command)
    }

    async fn hello(&mut self, name: &str, extended: bool) -> io::Result<()> {
        if name.trim().is_empty() {
            return self.wrong("501 5.5.4 say your name").await;
        }
        self.greeted = true;
        self.reset();
        if !extended {
            return self.reply("250 demo.postroom.test").await;
        }
        self.reply("250-demo.postroom.test").await?;
        self.reply("250-PIPELINING").await?;
        self.reply(&format!("250-SIZE {MAX_MESSAGE}")).await?;
        self.reply("250-8BITMIME").await?;
        self.reply("250 ENHANCEDSTATUSCODES").await
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        if !self.greeted {
            return self.wrong("503 5.5.1 EHLO comes first").await;
        }
        if self.sender.is_some() {
            return self.wrong("503 5.5.1 one MAIL at a time").await;
        }
        let Some((address, parameters)) = path(rest, "FROM:") else {
            return self.wrong("501 5.1.7 write MAIL FROM:<address>").await;
        };
        match mail_parameters(parameters) {
            Ok(()) => {
                self.sender = Some(address.to_owned());
                self.reply("250 2.1.0 sender noted").await
            }
            Err(reply) => self.wrong(reply).await,
        }
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        if self.sender.is_none() {
            return self.wrong("503 5.5.1 MAIL comes first").await;
        }
        let Some((address, parameters)) = path(rest, "TO:").filter(|(address, _)| !address.is_empty()) else {
            return self.wrong("501 5.1.3 write RCPT TO:<address>").await;
        };
        if !parameters.is_empty() {
            return self.wrong("555 5.5.4 parameter not known").await;
        }
        if self.recipients.len() >= MAX_RECIPIENTS {
            return self.reply("452 4.5.3 too many recipients").await;
        }
        if let Some(refusal) = self.catcher.fault(address) {
            return self.reply(refusal).await;
        }
        self.recipients.push(address.to_owned());
        self.reply("250 2.1.5 recipient noted").await
    }

    async fn data(&mut self, rest: &str) -> io::Result<Next> {
        if !rest.is_empty() {
            self.wrong("501 5.5.4 DATA takes no parameter").await?;
            return Ok(Next::Command);
        }
        if self.recipients.is_empty() {
            let why =
                if self.sender.is_some() { "554 5.5.1 no valid recipients" } else { "503 5.5.1 MAIL comes first" };
            self.wrong(why).await?;
            return Ok(Next::Command);
        }
        self.reply("354 end with a dot on a line of its own").await?;
        self.writer.flush().await?;
        let stop = self.catcher.stop.clone();
        let content = tokio::select! {
            content = lines::read_content(&mut self.reader, MAX_MESSAGE, PATIENCE) => content?,
            // Before the final dot nothing has been promised: closing is a plain no.
            () = stop.cancelled() => return Ok(Next::Close),
        };
        let (sender, recipients) = (self.sender.take().unwrap_or_default(), std::mem::take(&mut self.recipients));
        match content {
            Content::Whole(raw) => {
                let id = self.catcher.mailbox.keep(sender, recipients, raw);
                self.reply(&format!("250 2.0.0 in the inbox as message {id}")).await?;
            }
            Content::TooBig => self.reply("552 5.3.4 message too big").await?,
            Content::Malformed(reply) => self.reply(reply).await?,
            Content::Broken => return Ok(Next::Close),
        }
        Ok(Next::Command)
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    async fn wrong(&mut self, reply: &str) -> io::Result<()> {
        self.errors += 1;
        self.reply(reply).await
    }

    async fn reply(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(line.as_bytes()).await?;
        self.writer.write_all(b"\r\n").await
    }
}

/// Reads `FROM:<address> parameters` or `TO:<address>`; the address may be
/// empty, and a source route before it is dropped (RFC 5321 section 4.1.1.3).
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let rest = rest.trim();
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    let inside = head.eq_ignore_ascii_case(keyword).then(|| tail.trim_start().strip_prefix('<')).flatten()?;
    let (address, parameters) = inside.split_once('>')?;
    let address = if address.starts_with('@') { address.split_once(':')?.1 } else { address };
    let (local, domain) = match address.rsplit_once('@') {
        Some(halves) => halves,
        None if address.is_empty() || address.eq_ignore_ascii_case("postmaster") => ("postmaster", "here"),
        None => return None,
    };
    let graphic = address.bytes().all(|b| b.is_ascii_graphic());
    let sized = !local.is_empty() && local.len() <= 64 && !domain.is_empty() && domain.len() <= 255;
    (graphic && sized && (parameters.is_empty() || parameters.starts_with(' '))).then(|| (address, parameters.trim()))
}

/// Checks the parameters of MAIL: SIZE (RFC 1870) and BODY (RFC 6152).
fn mail_parameters(parameters: &str) -> Result<(), &'static str> {
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("SIZE", size) => match size.parse::<u64>() {
                Ok(bytes) if bytes > MAX_MESSAGE as u64 => return Err("552 5.3.4 message too big"),
                Ok(_) => {}
                Err(_) => return Err("501 5.5.4 SIZE is a number of bytes"),
            },
            ("BODY", "7BIT" | "8BITMIME") => {}
            _ => return Err("555 5.5.4 parameter not known"),
        }
    }
    Ok(())
}
