//! SMTP, from finding the relay to being logged in: lettre's connection, over
//! our [`Wire`]. What is handed over then is the business of [`Session`].
//! lettre's pool is not used: it knows neither phases nor deadlines.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Auth, Ehlo, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::relay::{RelayConfig, Tls};
use super::reply::{self, late};
use super::session::Session;
use super::tls::Trust;
use super::wire::Wire;
use super::{Connection, Transport};
use crate::domain::Fault;
use crate::domain::delivery::{Outcome, Phase, Reply, Report};

/// Bytes on their way to the relay that one connection may hold.
const SEND_BUFFER: u32 = 256 << 10;

/// lettre's connection and the stream beneath it.
struct Line {
    lettre: AsyncSmtpConnection,
    wire: Wire,
}

/// One relay.
pub(super) struct Smtp {
    name: String,
    host: String,
    port: u16,
    tls: Tls,
    trust: Option<Trust>,
    hello: Option<ClientId>,
    config: RelayConfig,
}

impl Smtp {
    pub(super) fn new(config: RelayConfig, host: String, port: u16, tls: Tls) -> Result<Self, Fault> {
        if config.username.is_some() && tls == Tls::None {
            return Err(Fault::new("relay.url", "a password is never sent in clear")
                .with_help("use smtps:// or leave tls=none away"));
        }
        if config.username.is_some() != config.password.is_some() {
            return Err(Fault::new("relay", "a user name and a password belong together"));
        }
        let hello = config.hello_name.as_deref().map(client_id).transpose()?;
        let trust = Trust::new(&config, &host, tls)?;
        let name = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(Self { name, host, port, tls, trust, hello, config })
    }

    async fn session(&self) -> Result<Session, No> {
        let limits = self.config.deadlines;
        let (wire, ours) = self.reach().await?;
        if self.tls == Tls::Implicit {
            self.encrypt(&wire).await?;
        }
        let hello = self.hello.clone().unwrap_or_else(|| match ours.ip() {
            std::net::IpAddr::V4(ip) => ClientId::Ipv4(ip),
            std::net::IpAddr::V6(ip) => ClientId::Ipv6(ip),
        });
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &hello);
        let lettre = match timeout(limits.command, greeted).await {
            Ok(Ok(lettre)) => lettre,
            Ok(Err(error)) => return Err(reply::refusal(&error, wire.has_ended()).into()),
            Err(_) => return Err(No::Broken(late("no greeting", limits.command))),
        };
        let mut line = Line { lettre, wire };
        if matches!(self.tls, Tls::Required | Tls::Opportunistic) {
            self.start_tls(&mut line).await?;
        }
        // lettre keeps four keywords only, and after our STARTTLS the old ones.
        let offers = Offers::read(&self.say(&mut line, "EHLO", Ehlo::new(hello)).await?);
        if self.config.username.is_some() {
            self.log_in(&mut line, &offers).await?;
        }
        Ok(Session::new(line.wire, offers, limits, self.config.reuse))
    }

    /// Tries each address of the relay in turn; all share one deadline.
    async fn reach(&self) -> Result<(Wire, SocketAddr), No> {
        let limit = self.config.deadlines.connect;
        let until = Instant::now() + limit;
        let late = || No::Broken(late("no connection", limit));
        let found = timeout(limit, tokio::net::lookup_host((self.host.as_str(), self.port)));
        let found: Vec<_> =
            found.await.map_err(|_| late())?.map_err(|e| No::Broken(format!("no address: {e}")))?.collect();
        let mut last = No::Broken("the relay's name has no address".into());
        for (index, peer) in found.iter().enumerate() {
            let left = u32::try_from(found.len() - index).unwrap_or(1);
            let share = until.saturating_duration_since(Instant::now()) / left;
            match timeout(share, connect(*peer)).await {
                Ok(Ok(stream)) => {
                    // Without this every small write waits for the relay's delayed acknowledgement.
                    stream.set_nodelay(true).map_err(|e| No::from(&e))?;
                    let ours = stream.local_addr().map_err(|e| No::from(&e))?;
                    return Ok((Wire::new(stream, *peer), ours));
                }
                Ok(Err(error)) => last = No::from(&error),
                Err(_) => last = late(),
            }
        }
        Err(last)
    }

    async fn encrypt(&self, wire: &Wire) -> Result<(), No> {
        let limit = self.config.deadlines.command;
        let Some(trust) = &self.trust else { return Ok(()) };
        match timeout(limit, wire.encrypt(trust)).await {
            Ok(shaken) => shaken.map_err(|e| No::from(&e)),
            Err(_) => Err(No::Broken(late("no TLS handshake", limit))),
        }
    }

    /// RFC 3207. Nothing of ours is said in clear unless that is allowed.
    async fn start_tls(&self, line: &mut Line) -> Result<(), No> {
        let may_stay_clear = self.tls == Tls::Opportunistic && self.config.username.is_none();
        if !line.lettre.server_info().supports_feature(Extension::StartTls) {
            let why = "the relay offers no STARTTLS, so nothing was sent";
            return if may_stay_clear { Ok(()) } else { Err(No::Broken(why.into())) };
        }
        match self.say(line, "STARTTLS", Starttls).await {
            Ok(_) => self.encrypt(&line.wire).await,
            Err(No::Said(_)) if may_stay_clear => Ok(()),
            Err(no) => Err(no),
        }
    }

    /// RFC 4954. Only ever called over TLS; that is made sure of once more here.
    async fn log_in(&self, line: &mut Line, offers: &Offers) -> Result<(), No> {
        let (Some(user), Some(password)) = (&self.config.username, &self.config.password) else { return Ok(()) };
        if !line.wire.is_encrypted() {
            return Err(No::Broken("the connection is not encrypted, so no password was sent".into()));
        }
        let known = [Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2];
        let mechanism = known
            .into_iter()
            .find(|mechanism| offers.auth.iter().any(|offered| *offered == mechanism.to_string()))
            .ok_or_else(|| No::Broken("the relay offers no way to log in that we know".into()))?;
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let odd = |_| No::Broken("the relay's way to log in is not understood".into());
        let first = Auth::new(mechanism, credentials.clone(), None).map_err(odd)?;
        let mut answer = self.say(line, "AUTH", first).await?;
        for _ in 0..2 {
            if !answer.has_code(334) {
                break;
            }
            answer = if mechanism == Mechanism::Login {
                let next = Auth::new_from_response(mechanism, credentials.clone(), &answer).map_err(odd)?;
                self.say(line, "AUTH", next).await?
            } else {
                // A challenge where none belongs tells of an error; an empty line asks for the code.
                self.say(line, "AUTH", "\r\n").await?
            };
        }
        if answer.has_code(235) {
            Ok(())
        } else {
            Err(No::Broken("the relay's way to log in is not understood".into()))
        }
    }

    /// One command and its answer, which has to be 2xx or 3xx.
    async fn say(&self, line: &mut Line, what: &str, command: impl Display) -> Result<Response, No> {
        let limit = self.config.deadlines.command;
        match timeout(limit, line.lettre.command(command)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(reply::refusal(&error, line.wire.has_ended()).into()),
            Err(_) => Err(No::Broken(late(&format!("no answer to {what}"), limit))),
        }
    }
}

impl Transport for Smtp {
    fn name(&self) -> &str {
        &self.name
    }

    fn connections(&self) -> usize {
        self.config.connections.max(1)
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, Report>> {
        Box::pin(async {
            match self.session().await {
                Ok(session) => Ok(Box::new(session) as Box<dyn Connection>),
                Err(no) => Err(no.report()),
            }
        })
    }
}

/// A connection whose buffer takes most messages whole, so that handing one to
/// the operating system takes one step.
async fn connect(peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.connect(peer).await
}

/// Why there is no connection.
enum No {
    Said(Reply),
    Broken(String),
}

impl No {
    /// Deferred whatever the relay said: it was about us, not about a recipient.
    fn report(self) -> Report {
        let (reply, detail) = match self {
            Self::Said(reply) => (Some(reply), String::new()),
            Self::Broken(detail) => (None, detail),
        };
        Report { outcome: Outcome::Deferred, phase: Phase::Connect, reply, detail }
    }
}

impl From<Result<Reply, String>> for No {
    fn from(told: Result<Reply, String>) -> Self {
        told.map_or_else(Self::Broken, Self::Said)
    }
}

impl From<&io::Error> for No {
    fn from(error: &io::Error) -> Self {
        Self::Broken(reply::trouble(error))
    }
}

/// What the relay's answer to EHLO offers that we use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// RFC 1870; nothing when it names no limit.
    pub(super) size: Option<usize>,
    /// RFC 2920.
    pub(super) pipelining: bool,
    auth: Vec<String>,
}

impl Offers {
    fn read(response: &Response) -> Self {
        let mut offers = Self::default();
        for line in response.message().skip(1) {
            let upper = line.to_ascii_uppercase();
            let mut words = upper.split_ascii_whitespace();
            match words.next() {
                Some("SIZE") => offers.size = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0),
                Some("PIPELINING") => offers.pipelining = true,
                Some("AUTH") => offers.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        offers
    }
}

/// RFC 5321 section 4.1.1.1: a domain, or a number in brackets.
fn client_id(name: &str) -> Result<ClientId, Fault> {
    let is_domain =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    match name.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(ip)) => Ok(ClientId::Ipv4(ip)),
        Ok(std::net::IpAddr::V6(ip)) => Ok(ClientId::Ipv6(ip)),
        Err(_) if is_domain(name) => Ok(ClientId::Domain(name.to_owned())),
        Err(_) => Err(Fault::new("relay", format!("`{name}` is no name to introduce ourselves by"))),
    }
}
