//! A scripted SMTP server: answers as each recipient's script says and keeps a
//! journal of what it took, which is the ground truth the ledger is held to.
//!
//! ```ignore
//! let sink = faultsink::start(
//!     Script::new()
//!         .on(Step::Rcpt, "hard", Act::say("550 5.1.1 no such user"))   // recipients that begin with "hard"
//!         .first(2, Step::Rcpt, "soft", Act::say("450 4.2.0 later"))    // each of them, twice
//!         .on(Step::Dot, "lost", Act::HangUp.after_taking()),           // took it, never said so
//! ).await;
//! // ... postroom sends to sink.addr ...
//! sink.wait_for(3).await;
//! assert_eq!(sink.accepted_by("soft@example.org").len(), 1);
//! ```
//! Everything ends when the [`Sink`] is dropped.

#![allow(dead_code, reason = "a test uses the part it needs")]

mod session;
pub mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A moment at which the server can act other than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Instead of the greeting.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS; a 220 is followed by the handshake.
    StartTls,
    /// AUTH, after its last line.
    Auth,
    /// MAIL. No recipient is known yet: only rules for everybody apply.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA; a 354 opens the content.
    Data,
    /// When the first line of content has come.
    Content,
    /// When the final dot has come. A 2xx takes the message.
    Dot,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

/// What the server does at a step.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers with this; `\n` separates the lines of a longer answer.
    Say(String),
    /// Answers and closes.
    SayAndHangUp(String),
    /// Answers one byte at a time with this pause between them.
    Drip(String, Duration),
    /// Sends exactly these bytes as its answer.
    Raw(Vec<u8>),
    /// Closes without a word.
    HangUp,
    /// Resets the connection (TCP RST).
    Reset,
    /// Says nothing more and reads nothing more; the connection stays open.
    Silence,
    /// At the dot: takes the message into the journal, then does the rest.
    Take(Box<Self>),
    /// Waits until the gate is opened, then does the rest.
    Behind(Gate, Box<Self>),
}

/// Holds the server back at a step, so that a test can do something just then.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    waiting: Arc<watch::Sender<usize>>,
    opened: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// Waits until `count` sessions have come to the gate; panics after 30 s.
    pub async fn reached_by(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        let wait = waiting.wait_for(|waiting| *waiting >= count);
        assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "not {count} came to the gate");
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.opened.send_replace(true);
    }

    async fn pass(&self) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        // The sender is part of this gate: it cannot be gone.
        let _ = self.opened.subscribe().wait_for(|opened| *opened).await;
    }
}

impl Act {
    /// Answers with `reply`; `\n` separates lines.
    pub fn say(reply: &str) -> Self {
        Self::Say(reply.into())
    }

    /// The same after taking the message: the relay has it, we do not know.
    pub fn after_taking(self) -> Self {
        Self::Take(Box::new(self))
    }

    /// The same once the gate is open.
    pub fn behind(self, gate: &Gate) -> Self {
        Self::Behind(gate.clone(), Box::new(self))
    }
}

#[derive(Clone, Debug)]
struct Rule {
    step: Step,
    who: String,
    times: usize,
    act: Act,
}

/// How a server behaves. Where no rule applies it is a polite relay that takes everything.
#[derive(Clone, Debug, Default)]
pub struct Script {
    rules: Vec<Rule>,
    keywords: Vec<String>,
    tls: Option<tls::Tls>,
    login: Option<(String, String)>,
    mechanisms: Option<String>,
    pause: Option<Duration>,
}

impl Script {
    /// A polite relay without TLS or AUTH.
    pub fn new() -> Self {
        Self::default()
    }

    /// Always does `act` at `step` for recipients that begin with `who` ("" is everybody).
    /// The first rule that applies is the one that counts.
    pub fn on(self, step: Step, who: &str, act: Act) -> Self {
        self.first(usize::MAX, step, who, act)
    }

    /// The same, but only the first `times` times for each recipient (for each
    /// server, before a recipient is known).
    pub fn first(mut self, times: usize, step: Step, who: &str, act: Act) -> Self {
        self.rules.push(Rule { step, who: who.into(), times, act });
        self
    }

    /// Adds a line to the answer to EHLO: `SIZE 1000`.
    pub fn keyword(mut self, line: &str) -> Self {
        self.keywords.push(line.into());
        self
    }

    /// Offers STARTTLS, or speaks TLS from the first byte, with this certificate.
    pub fn tls(mut self, tls: tls::Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Demands AUTH PLAIN or LOGIN (XOAUTH2 with `password` as its token).
    /// Offered only over TLS when the script has TLS.
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.into(), password.into()));
        self
    }

    /// The mechanisms offered to log in, instead of `PLAIN LOGIN XOAUTH2`.
    pub fn mechanisms(mut self, names: &str) -> Self {
        self.mechanisms = Some(names.into());
        self
    }

    /// Waits so long before it answers the final dot.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }
}

/// A message the server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Reverse-path, without its brackets.
    pub from: String,
    /// Recipient, without its brackets.
    pub to: String,
    /// Content as it was before dots were doubled, CRLF at the end included.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Seen {
    used: HashMap<(usize, String), usize>,
    commands: Vec<String>,
    connections: usize,
    open: usize,
    open_at_most: usize,
}

#[derive(Debug)]
struct State {
    script: Mutex<Arc<Script>>,
    seen: Mutex<Seen>,
    journal: watch::Sender<Vec<Message>>,
}

impl State {
    fn script(&self) -> Arc<Script> {
        Arc::clone(&self.script.lock().unwrap())
    }

    /// The act of the first rule that applies and is not used up.
    fn act(&self, step: Step, who: &str) -> Option<Act> {
        let script = self.script();
        let mut seen = self.seen.lock().unwrap();
        for (index, rule) in script.rules.iter().enumerate() {
            if rule.step != step || !who.starts_with(&rule.who) {
                continue;
            }
            let used = seen.used.entry((index, who.to_owned())).or_default();
            if *used < rule.times {
                *used += 1;
                return Some(rule.act.clone());
            }
        }
        None
    }
}

/// A running server.
#[derive(Debug)]
pub struct Sink {
    /// Where it listens: a free port of the loopback interface.
    pub addr: SocketAddr,
    state: Arc<State>,
    listener: JoinHandle<()>,
}

impl Sink {
    /// Everything taken so far, in order, a copy for each recipient.
    pub fn accepted(&self) -> Vec<Message> {
        self.state.journal.borrow().clone()
    }

    /// What was taken for this recipient.
    pub fn accepted_by(&self, to: &str) -> Vec<Message> {
        self.state.journal.borrow().iter().filter(|m| m.to == to).cloned().collect()
    }

    /// Waits until at least `count` messages were taken; panics after 30 s.
    pub async fn wait_for(&self, count: usize) -> Vec<Message> {
        let mut journal = self.state.journal.subscribe();
        let wait = journal.wait_for(|taken| taken.len() >= count);
        match tokio::time::timeout(Duration::from_secs(30), wait).await {
            Ok(taken) => taken.unwrap().clone(),
            Err(_) => panic!("{} of {count} messages came within 30 s", self.accepted().len()),
        }
    }

    /// Every command line received, in order, AUTH's own lines included. Content is not.
    pub fn commands(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().commands.clone()
    }

    /// Connections opened so far.
    pub fn connections(&self) -> usize {
        self.state.seen.lock().unwrap().connections
    }

    /// The most connections that were open at once.
    pub fn open_at_most(&self) -> usize {
        self.state.seen.lock().unwrap().open_at_most
    }

    /// From now on behaves like this; counts of used-up rules begin anew.
    pub fn becomes(&self, script: Script) {
        *self.state.script.lock().unwrap() = Arc::new(script);
        self.state.seen.lock().unwrap().used.clear();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Starts a server on a free port of the loopback interface.
pub async fn start(script: Script) -> Sink {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let state = Arc::new(State {
        script: Mutex::new(Arc::new(script)),
        seen: Mutex::default(),
        journal: watch::channel(Vec::new()).0,
    });
    let listener = tokio::spawn(listen(listener, Arc::clone(&state)));
    Sink { addr, state, listener }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                sessions.spawn(counted(stream, Arc::clone(&state)));
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

async fn counted(stream: tokio::net::TcpStream, state: Arc<State>) {
    {
        let mut seen = state.seen.lock().unwrap();
        seen.connections += 1;
        seen.open += 1;
        seen.open_at_most = seen.open_at_most.max(seen.open);
    }
    // A session ends with an error when its client goes away; that is its business.
    let _ = session::run(stream, &state).await;
    state.seen.lock().unwrap().open -= 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Says `lines` to the server in one go and gives everything it answers.
    async fn talk(sink: &Sink, lines: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(sink.addr).await.unwrap();
        stream.write_all(lines.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    const MAIL: &str =
        "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<lost1@example.org>\r\nDATA\r\n..x\r\na\n.\n\r\n.\r\n";

    #[tokio::test]
    async fn takes_a_message_as_it_was_before_its_dots_were_doubled() {
        let sink = start(Script::new()).await;
        let answer = talk(&sink, &format!("{MAIL}QUIT\r\n")).await;
        assert!(answer.ends_with("250 2.0.0 taken\r\n221 2.0.0 bye\r\n"), "{answer}");
        let message = &sink.accepted()[0];
        assert_eq!((message.from.as_str(), message.to.as_str()), ("a@example.org", "lost1@example.org"));
        assert_eq!(message.bytes, b".x\r\na\n.\n\r\n", "only CRLF.CRLF ends a message");
    }

    #[tokio::test]
    async fn follows_the_script_of_each_recipient() {
        let sink = start(Script::new().on(Step::Dot, "lost", Act::HangUp.after_taking()).first(
            1,
            Step::Mail,
            "",
            Act::say("450 4.3.2 a\n450 b"),
        ))
        .await;
        assert!(talk(&sink, &format!("{MAIL}QUIT\r\n")).await.contains("450-4.3.2 a\r\n450 b\r\n503"));
        let answer = talk(&sink, MAIL).await;
        assert!(answer.ends_with("354 go on\r\n"), "{answer}");
        assert_eq!(sink.accepted_by("lost1@example.org").len(), 1);
        assert_eq!(sink.connections(), 2);
    }
}
