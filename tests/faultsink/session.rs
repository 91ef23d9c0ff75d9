//! One connection of the scripted server.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::{Act, Message, State, Step};

type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

struct Session<'a> {
    stream: BufReader<Stream>,
    state: &'a State,
    from: Option<String>,
    recipients: Vec<String>,
    logged_in: bool,
}

/// Speaks SMTP until the client leaves or the script ends it.
pub(super) async fn run(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let implicit = state.script().tls.clone().filter(|tls| tls.implicit);
    let stream = match implicit {
        Some(tls) => Either::Right(Box::new(tls.acceptor().accept(stream).await?)),
        None => Either::Left(stream),
    };
    let stream = BufReader::new(stream);
    let mut session = Session { stream, state, from: None, recipients: Vec::new(), logged_in: false };
    session.answer(Step::Greeting, "220 faultsink.example ESMTP").await?;
    while let Some(line) = session.command().await? {
        if session.obey(&line).await? == Next::Encrypt {
            session = session.encrypted().await?;
        }
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Next {
    Command,
    Encrypt,
}

fn ended() -> io::Error {
    io::Error::other("the script ended the connection")
}

/// The path between the brackets of MAIL or RCPT.
fn path(line: &str) -> String {
    let from = line.find('<').map_or(line.len(), |i| i + 1);
    let to = line[from..].find('>').map_or(line.len(), |i| from + i);
    line[from..to].to_owned()
}

impl Session<'_> {
    async fn command(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.state.seen.lock().unwrap().commands.push(line.clone());
        Ok(Some(line))
    }

    async fn obey(&mut self, line: &str) -> io::Result<Next> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "STARTTLS" => return self.start_tls().await,
            "EHLO" | "HELO" => self.hello().await,
            "AUTH" => self.auth(line).await,
            "MAIL" => self.mail(line).await,
            "RCPT" => self.rcpt(line).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.forget();
                self.answer(Step::Rset, "250 2.0.0 forgotten").await.map(drop)
            }
            "NOOP" => self.say("250 2.0.0 ok").await,
            "QUIT" => {
                self.answer(Step::Quit, "221 2.0.0 bye").await?;
                self.stream.shutdown().await?;
                Err(ended())
            }
            _ => self.say("500 5.5.2 what").await,
        }?;
        Ok(Next::Command)
    }

    fn forget(&mut self) {
        self.from = None;
        self.recipients.clear();
    }

    fn is_encrypted(&self) -> bool {
        matches!(self.stream.get_ref(), Either::Right(_))
    }

    async fn hello(&mut self) -> io::Result<()> {
        self.forget();
        let script = self.state.script();
        let mut lines = vec!["faultsink.example".to_owned()];
        lines.extend(script.keywords.iter().cloned());
        if script.tls.is_some() && !self.is_encrypted() {
            lines.push("STARTTLS".into());
        }
        if script.login.is_some() && (script.tls.is_none() || self.is_encrypted()) {
            lines.push(format!("AUTH {}", script.mechanisms.as_deref().unwrap_or("PLAIN LOGIN XOAUTH2")));
        }
        lines.push("ENHANCEDSTATUSCODES".into());
        let reply: Vec<String> = lines.iter().map(|line| format!("250 {line}")).collect();
        self.answer(Step::Hello, &reply.join("\n")).await.map(drop)
    }

    async fn start_tls(&mut self) -> io::Result<Next> {
        if self.state.script().tls.is_none() {
            self.say("502 5.5.1 no").await?;
            return Ok(Next::Command);
        }
        let code = self.answer(Step::StartTls, "220 2.0.0 go ahead").await?;
        Ok(if code == 220 { Next::Encrypt } else { Next::Command })
    }

    /// The same session over TLS, with nothing remembered (RFC 3207 section 4.2).
    async fn encrypted(self) -> io::Result<Self> {
        let (Some(tls), Either::Left(plain)) = (self.state.script().tls.clone(), self.stream.into_inner()) else {
            return Err(ended());
        };
        let stream = BufReader::new(Either::Right(Box::new(tls.acceptor().accept(plain).await?)));
        Ok(Self { stream, state: self.state, from: None, recipients: Vec::new(), logged_in: false })
    }

    async fn auth(&mut self, line: &str) -> io::Result<()> {
        let Some((user, password)) = self.state.script().login.clone() else { return self.say("503 5.5.1 no").await };
        let mut words = line.split(' ').skip(1);
        let (mechanism, initial) = (words.next().unwrap_or_default().to_uppercase(), words.next());
        let decode =
            |text: &str| STANDARD.decode(text).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let right = match mechanism.as_str() {
            "LOGIN" => {
                self.say("334 VXNlcm5hbWU6").await?;
                let name = self.command().await?.ok_or_else(ended)?;
                self.say("334 UGFzc3dvcmQ6").await?;
                let word = self.command().await?.ok_or_else(ended)?;
                decode(&name) == user && decode(&word) == password
            }
            "PLAIN" => decode(initial.unwrap_or_default()) == format!("\0{user}\0{password}"),
            _ => {
                let right =
                    decode(initial.unwrap_or_default()) == format!("user={user}\x01auth=Bearer {password}\x01\x01");
                if !right {
                    // XOAUTH2 tells what is wrong in a challenge that wants an empty answer.
                    self.say("334 eyJzdGF0dXMiOiI0MDEifQ==").await?;
                    self.command().await?;
                }
                right
            }
        };
        let usual = if right { "235 2.7.0 welcome" } else { "535 5.7.8 wrong name or password" };
        self.logged_in = self.answer(Step::Auth, usual).await? == 235;
        Ok(())
    }

    async fn mail(&mut self, line: &str) -> io::Result<()> {
        let usual = match &self.state.script().login {
            Some(_) if !self.logged_in => "530 5.7.0 log in first",
            _ if self.from.is_some() => "503 5.5.1 one at a time",
            _ => "250 2.1.0 ok",
        };
        if self.answer(Step::Mail, usual).await? / 100 == 2 {
            self.from = Some(path(line));
        }
        Ok(())
    }

    async fn rcpt(&mut self, line: &str) -> io::Result<()> {
        let to = path(line);
        let usual = if self.from.is_some() { "250 2.1.5 ok" } else { "503 5.5.1 MAIL first" };
        if self.answer_to(Step::Rcpt, &to, usual).await? / 100 == 2 {
            self.recipients.push(to);
        }
        Ok(())
    }

    async fn data(&mut self) -> io::Result<()> {
        let Some(to) = self.recipients.first().cloned() else { return self.say("503 5.5.1 RCPT first").await };
        if self.answer_to(Step::Data, &to, "354 go on").await? != 354 {
            return Ok(());
        }
        let bytes = self.content(&to).await?;
        if let Some(pause) = self.state.script().pause {
            tokio::time::sleep(pause).await;
        }
        let act = match self.act(Step::Dot, &to).await {
            Some(Act::Take(act)) => {
                self.take(&bytes);
                Some(*act)
            }
            Some(act) => {
                if matches!(&act, Act::Say(r) | Act::SayAndHangUp(r) | Act::Drip(r, _) if r.starts_with('2')) {
                    self.take(&bytes);
                }
                Some(act)
            }
            None => {
                self.take(&bytes);
                None
            }
        };
        self.forget();
        match act {
            Some(act) => self.perform(act).await.map(drop),
            None => self.say("250 2.0.0 taken").await,
        }
    }

    /// Reads up to the final dot and takes the doubled dots away (RFC 5321 section 4.5.2).
    async fn content(&mut self, to: &str) -> io::Result<Vec<u8>> {
        let (mut bytes, mut line, mut first) = (Vec::new(), Vec::new(), true);
        loop {
            line.clear();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(ended());
            }
            // Only CRLF ends a line: a bare LF is content (RFC 5321 section 2.3.8).
            let begins = bytes.is_empty() || bytes.ends_with(b"\r\n");
            if begins && line == b".\r\n" {
                return Ok(bytes);
            }
            bytes.extend_from_slice(if begins && line.starts_with(b".") { &line[1..] } else { &line });
            if std::mem::take(&mut first)
                && let Some(act) = self.act(Step::Content, to).await
            {
                self.perform(act).await?;
            }
        }
    }

    fn take(&self, bytes: &[u8]) {
        let from = self.from.clone().unwrap_or_default();
        self.state.journal.send_modify(|journal| {
            let copies =
                self.recipients.iter().map(|to| Message { from: from.clone(), to: to.clone(), bytes: bytes.to_vec() });
            journal.extend(copies);
        });
    }

    /// Does what the script says, or answers as usual; gives the reply code.
    async fn answer(&mut self, step: Step, usual: &str) -> io::Result<u16> {
        self.answer_to(step, "", usual).await
    }

    async fn answer_to(&mut self, step: Step, who: &str, usual: &str) -> io::Result<u16> {
        let act = self.act(step, who).await.unwrap_or_else(|| Act::say(usual));
        self.perform(act).await
    }

    /// What the script says, once the gate before it is open.
    async fn act(&self, step: Step, who: &str) -> Option<Act> {
        match self.state.act(step, who)? {
            Act::Behind(gate, act) => {
                gate.pass().await;
                Some(*act)
            }
            act => Some(act),
        }
    }

    async fn perform(&mut self, act: Act) -> io::Result<u16> {
        let code = |reply: &str| reply.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
        match act {
            Act::Say(reply) => {
                self.say(&reply).await?;
                Ok(code(&reply))
            }
            Act::SayAndHangUp(reply) => {
                self.say(&reply).await?;
                self.stream.shutdown().await?;
                Err(ended())
            }
            Act::Drip(reply, pause) => {
                for byte in format!("{reply}\r\n").into_bytes() {
                    self.send(&[byte]).await?;
                    tokio::time::sleep(pause).await;
                }
                Ok(code(&reply))
            }
            Act::Raw(bytes) => {
                self.send(&bytes).await?;
                Ok(code(&String::from_utf8_lossy(&bytes)))
            }
            Act::HangUp => Err(ended()),
            Act::Reset => {
                match self.stream.get_ref() {
                    Either::Left(plain) => plain.set_zero_linger()?,
                    Either::Right(tls) => tls.get_ref().0.set_zero_linger()?,
                }
                Err(ended())
            }
            Act::Silence => std::future::pending().await,
            Act::Take(act) => Box::pin(self.perform(*act)).await,
            Act::Behind(gate, act) => {
                gate.pass().await;
                Box::pin(self.perform(*act)).await
            }
        }
    }

    /// Sends a reply, `\n` between its lines, with the hyphens that longer ones need.
    async fn say(&mut self, reply: &str) -> io::Result<()> {
        let lines: Vec<&str> = reply.split('\n').collect();
        let mut out = String::new();
        for (index, line) in lines.iter().enumerate() {
            let more = index + 1 < lines.len();
            match (line.get(..3), line.get(4..)) {
                (Some(code), Some(text)) if more => out += &format!("{code}-{text}\r\n"),
                _ => out += &format!("{line}\r\n"),
            }
        }
        self.send(out.as_bytes()).await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}
