//! Where mail goes and how: what a transport is opened with.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::domain::Fault;

/// Everything a transport needs to know. [`RelayConfig::parse`] and
/// [`RelayConfig::new`] fill in the defaults.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Which way mail leaves.
    pub route: Route,
    /// The account at the relay. With one, nothing is said before the relay's
    /// certificate is checked.
    pub username: Option<String>,
    /// Its password, or its token when the relay offers only XOAUTH2.
    pub password: Option<SecretString>,
    /// Connections open at once; 10 unless told.
    pub connections: usize,
    /// How we introduce ourselves (EHLO): a domain name of ours. Without one
    /// the number of our end of the connection serves (RFC 5321 section 4.1.4).
    pub hello_name: Option<String>,
    /// How long each phase may take.
    pub deadlines: Deadlines,
    /// When a connection has served long enough.
    pub reuse: Reuse,
    /// Certificates (PEM) trusted besides the machine's own.
    pub trusted: Option<Vec<u8>>,
}

/// Which way mail leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a relay.
    Smtp {
        /// Name or number, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// How it is encrypted.
        tls: Tls,
    },
    /// Into files of this folder, to try things out without a relay.
    Folder(PathBuf),
}

/// How a connection to a relay is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (`smtps://`, RFC 8314), certificate checked.
    Implicit,
    /// By STARTTLS, certificate checked; without it nothing is sent.
    Required,
    /// By STARTTLS when it is offered. The certificate is checked only when
    /// there is a password to protect, and then TLS is required after all;
    /// otherwise any certificate is better than none (RFC 7435), such as the
    /// one a mail server on this machine has made for itself.
    Opportunistic,
    /// Never. Not with a password.
    None,
}

/// How long each phase of a hand-over may take (RFC 5321 section 4.5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Finding the address and opening TCP, all addresses together: 30 s.
    pub connect: Duration,
    /// Greeting, EHLO, the TLS handshake, each line of AUTH, MAIL and RCPT: 300 s.
    pub command: Duration,
    /// The answer to DATA: 120 s.
    pub data: Duration,
    /// Each write of content: 180 s.
    pub write: Duration,
    /// The answer to the final dot: 600 s, for giving up earlier makes duplicates.
    pub dot: Duration,
    /// A whole message: 15 min. The answer to the dot always gets its full time
    /// out of this; the rest is what everything before may take together.
    pub whole: Duration,
    /// RSET: 20 s.
    pub reset: Duration,
    /// QUIT: 5 s.
    pub quit: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(300),
            data: Duration::from_secs(120),
            write: Duration::from_secs(180),
            dot: Duration::from_secs(600),
            whole: Duration::from_secs(900),
            reset: Duration::from_secs(20),
            quit: Duration::from_secs(5),
        }
    }
}

impl Deadlines {
    /// What everything before the final dot may take together.
    pub(super) fn before_dot(&self) -> Duration {
        if self.whole > self.dot { self.whole - self.dot } else { self.whole }
    }
}

/// When a connection has served long enough and a new one takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// After so many messages: 100, which relays that count put up with.
    pub messages: u32,
    /// After so long: 5 minutes, so that a relay's new address is soon found.
    pub age: Duration,
}

impl Default for Reuse {
    fn default() -> Self {
        Self { messages: 100, age: Duration::from_secs(300) }
    }
}

impl RelayConfig {
    /// This way, everything else as usual.
    pub fn new(route: Route) -> Self {
        Self {
            route,
            username: None,
            password: None,
            connections: 10,
            hello_name: None,
            deadlines: Deadlines::default(),
            reuse: Reuse::default(),
            trusted: None,
        }
    }

    /// Reads `smtp://user@host:587`, `smtps://host:465` or `file:folder`.
    ///
    /// Without a port: 465 for smtps, else 587 with a user and 25 without.
    /// `?tls=required`, `?tls=opportunistic` or `?tls=none` changes how `smtp`
    /// is encrypted ([`Tls`]); unless told it is required, but opportunistic
    /// towards this machine itself.
    ///
    /// # Errors
    /// A fault that never repeats a password.
    pub fn parse(url: &str) -> Result<Self, Fault> {
        if let Some(folder) = url.strip_prefix("file:") {
            return match folder.strip_prefix("//").unwrap_or(folder) {
                "" => Err(wrong("file: names no folder")),
                folder => Ok(Self::new(Route::Folder(folder.into()))),
            };
        }
        let parsed = Url::parse(url).map_err(|_| wrong("this is no address of a relay"))?;
        if parsed.password().is_some() {
            return Err(Fault::new("relay.url", "a password does not belong here")
                .with_help("put it into a file and name that in relay.password_file"));
        }
        let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || !matches!(parsed.path(), "" | "/") || parsed.fragment().is_some() {
            return Err(wrong("this is no address of a relay"));
        }
        let username = Some(decoded(parsed.username())).filter(|user| !user.is_empty());
        let (tls, port) = match parsed.scheme() {
            "smtps" if parsed.query().is_none() => (Tls::Implicit, 465),
            "smtp" => (start_tls(&parsed, &host)?, if username.is_some() { 587 } else { 25 }),
            _ => return Err(wrong("this is no address of a relay")),
        };
        let port = parsed.port().unwrap_or(port);
        Ok(Self { username, ..Self::new(Route::Smtp { host, port, tls }) })
    }
}

fn wrong(reason: &str) -> Fault {
    Fault::new("relay.url", reason).with_help("write smtp://user@host:587, smtps://user@host:465 or file:folder")
}

fn start_tls(url: &Url, host: &str) -> Result<Tls, Fault> {
    match url.query() {
        None if is_loopback(host) => Ok(Tls::Opportunistic),
        None | Some("tls=required") => Ok(Tls::Required),
        Some("tls=opportunistic") => Ok(Tls::Opportunistic),
        Some("tls=none") => Ok(Tls::None),
        Some(_) => Err(wrong("only tls=required, tls=opportunistic or tls=none may follow the ?")),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Percent-decoding of a user name. The decoder is that of forms, in which a
/// plus is a blank; so pluses are hidden from it.
fn decoded(text: &str) -> String {
    let form = text.replace('+', "%2B");
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(url: &str) -> (String, u16, Tls, Option<String>) {
        let config = RelayConfig::parse(url).unwrap();
        let Route::Smtp { host, port, tls } = config.route else { panic!("{url}") };
        (host, port, tls, config.username)
    }

    #[test]
    fn the_forms_of_an_address() {
        let jane = Some("jane+x@example.org".to_owned());
        for (url, expected) in [
            ("smtp://mail.example.net", ("mail.example.net", 25, Tls::Required, None)),
            ("smtp://jane+x%40example.org@mail.example.net", ("mail.example.net", 587, Tls::Required, jane.clone())),
            ("smtps://jane+x%40example.org@mail.example.net/", ("mail.example.net", 465, Tls::Implicit, jane)),
            ("smtp://localhost:2525", ("localhost", 2525, Tls::Opportunistic, None)),
            ("smtp://[::1]", ("::1", 25, Tls::Opportunistic, None)),
            ("smtp://127.0.0.1?tls=required", ("127.0.0.1", 25, Tls::Required, None)),
            ("smtp://mail.example.net?tls=none", ("mail.example.net", 25, Tls::None, None)),
        ] {
            assert_eq!(route(url), (expected.0.to_owned(), expected.1, expected.2, expected.3), "{url}");
        }
        let folder = RelayConfig::parse("file:out/box").unwrap().route;
        assert_eq!(folder, Route::Folder("out/box".into()));
        assert_eq!(RelayConfig::parse("file:///var/box").unwrap().route, Route::Folder("/var/box".into()));
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_never_repeated() {
        for wrong in [
            "",
            "file:",
            "mail.example.net",
            "http://mail.example.net",
            "smtp://",
            "smtp://host/path",
            "smtp://host?tls=maybe",
            "smtps://host?tls=none",
            "smtp://host#x",
        ] {
            assert!(RelayConfig::parse(wrong).is_err(), "{wrong}");
        }
        let fault = RelayConfig::parse("smtp://jane:hunter2@host").unwrap_err();
        assert!(fault.help.as_deref().unwrap().contains("password_file"));
        assert!(!format!("{fault:?}").contains("hunter2"));
    }

    #[test]
    fn the_dot_always_gets_its_full_time() {
        let usual = Deadlines::default();
        assert_eq!(usual.before_dot() + usual.dot, usual.whole);
        let odd = Deadlines { whole: Duration::from_secs(1), ..usual };
        assert_eq!(odd.before_dot(), Duration::from_secs(1));
    }
}
