//! Settings: `default.toml` < file < environment, judged once, all faults at a
//! time. What the keys mean stands in `config/default.toml`; a field here has
//! the meaning of the key of the same name.

mod dkim;
pub mod manual;
mod read;
mod relay;
pub mod secrets;
mod sections;
pub mod sheet;
mod values;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use secrecy::SecretString;

use crate::domain::pace::{PerDomain, QuietHours, Rate, WarmUp};
use crate::domain::time::Span;
use crate::domain::{Address, Fault, Newsletter};
use sheet::{Sheet, Variables};

/// Everything the operator decided, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The site whose posts are sent.
    pub site: Site,
    /// Where posts come from.
    pub archive: Archive,
    /// Pages and feeds.
    pub http: Http,
    /// Where everything is kept.
    pub database: Database,
    /// The mail that is sent.
    pub mail: Mail,
    /// The servers that take our mail; at least one, no two alike.
    pub relays: Vec<Relay>,
    /// The keys that sign; none when mail is not signed here.
    pub dkim: Vec<Dkim>,
    /// The feeds made from the posts.
    pub feeds: Feeds,
    /// Words and looks.
    pub templates: Templates,
    /// Secrets Postroom makes for itself.
    pub keys: Keys,
    /// What readers subscribe to; at least one, ids unique.
    pub newsletters: Vec<Newsletter>,
    /// What works and is probably not meant: example addresses, no postal address.
    pub warnings: Vec<Fault>,
}

/// `[site]`
#[derive(Clone, Debug)]
pub struct Site {
    /// One line, never empty.
    pub title: String,
    /// Absolute, without a slash at its end.
    pub url: String,
    /// May be empty.
    pub description: String,
    /// A BCP 47 tag.
    pub language: String,
    /// Of posts without a zone, of slots and of every time shown.
    pub timezone: Tz,
    /// Author of posts that name none.
    pub author: Option<String>,
    /// For the footer of mails.
    pub postal_address: Option<String>,
}

/// `[archive]`
#[derive(Clone, Debug)]
pub struct Archive {
    /// The folder of the posts.
    pub path: PathBuf,
    /// Whether posts come from that folder; not where only feeds are named.
    pub has_folder: bool,
    /// Addresses of feeds posts come from.
    pub feeds: Vec<String>,
    /// Between two looks at a feed.
    pub feed_interval: Span,
    /// Networks feeds may be in beside the public internet.
    pub feed_networks: Vec<Network>,
    /// The generator of the site; without one it is known by its configuration.
    pub dialect: Option<String>,
    /// Pattern of a post's address below the site's; without one the
    /// generator's own.
    pub permalink: Option<String>,
    /// Patterns of files that are posts.
    pub include: Vec<String>,
    /// Patterns of files that are not.
    pub exclude: Vec<String>,
    /// Older posts go to the feeds only.
    pub max_age: Span,
    /// Between two looks through the whole folder.
    pub rescan: Span,
    /// More new posts in one look hold the next edition.
    pub guard_posts: usize,
    /// A larger share of the archive changing holds it too; 0 to 1.
    pub guard_share: f64,
}

/// `[http]`
#[derive(Clone, Debug)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Scheme, host and port readers use, without a slash at its end.
    pub public_url: String,
    /// Proxies that are believed about whom they speak for; this machine always is.
    pub trusted_proxies: Vec<Network>,
    /// Tries at the forms an hour from one network.
    pub tries_per_network: i64,
    /// The same from all networks together.
    pub tries: i64,
}

impl Http {
    /// Whether a peer is believed about whom it speaks for.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.trusted_proxies.iter().any(|network| network.contains(peer))
    }
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many leading bits of it count.
    bits: u8,
}

impl Network {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let is_same = |mine: u128, other: u128, size: u8| {
            let rest = u32::from(size - self.bits);
            mine.checked_shr(rest) == other.checked_shr(rest)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => is_same(mine.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(mine), IpAddr::V6(other)) => is_same(mine.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl std::str::FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let wrong = || format!("`{text}` is no network");
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let size = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(size), |bits| bits.trim().parse()).map_err(|_| wrong())?;
        if bits <= size { Ok(Self { address, bits }) } else { Err(wrong()) }
    }
}

/// `[database]`
#[derive(Clone, Debug)]
pub struct Database {
    /// The SQLite file of `database.url`.
    pub file: PathBuf,
}

/// `[mail]`
#[derive(Clone, Debug)]
pub struct Mail {
    /// The sender's name.
    pub from_name: String,
    /// The sender's address.
    pub from: Address,
    /// Where answers go.
    pub reply_to: Option<Address>,
    /// Envelope sender; `from` when none was given.
    pub bounce_address: Address,
    /// Where mail that asks to be unsubscribed goes; where answers go when none was given.
    pub unsubscribe_address: Address,
    /// What an edition shows of each post.
    pub content: Content,
    /// Pattern of the address of a post's comments, slots `{url}` and `{slug}`.
    pub comments_url: Option<String>,
    /// A request that nobody confirmed is forgotten after this long.
    pub keep_unconfirmed: Span,
    /// A delivery tried for longer is expired.
    pub expire: Span,
    /// What happens to uncertain deliveries.
    pub uncertain: Uncertain,
    /// How long evidence is awaited first.
    pub uncertain_wait: Span,
    /// When no edition is handed over, on the clock of the site.
    pub quiet_hours: Option<QuietHours>,
}

/// `mail.content`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Title, date and summary.
    Summary,
    /// The whole post.
    Full,
    /// Titles alone.
    Titles,
}

/// `mail.uncertain`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncertain {
    /// Once more after the wait.
    Resend,
    /// The operator decides.
    Hold,
}

/// `[relay]`
#[derive(Clone, Debug)]
pub struct Relay {
    /// Which way mail leaves.
    pub route: Route,
    /// The account, when the relay wants one.
    pub user: Option<String>,
    /// Its password; given exactly when `user` is.
    pub password: Option<SecretString>,
    /// Connections open at once, at least one.
    pub connections: usize,
    /// All of them hold.
    pub rates: Vec<Rate>,
    /// Its first days.
    pub warm_up: Option<WarmUp>,
    /// For each domain of recipients.
    pub per_domain: PerDomain,
    /// Its share among several.
    pub weight: u32,
    /// So many messages go over one connection.
    pub connection_messages: u32,
    /// A connection serves for so long.
    pub connection_age: Span,
    /// How long it may take over each step.
    pub deadlines: Deadlines,
}

/// How long a relay may take over each step of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Until a connection is open.
    pub connect: Span,
    /// Greeting, EHLO, TLS, login, MAIL and RCPT, each.
    pub command: Span,
    /// The answer to DATA.
    pub data: Span,
    /// Each write of content.
    pub write: Span,
    /// The answer to the final dot.
    pub dot: Span,
    /// All of it for one message; longer than `dot`.
    pub message: Span,
}

/// Which way mail leaves, after the scheme of `relay.url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a server.
    Smtp {
        /// Its name or number, without brackets.
        host: String,
        /// Its port.
        port: u16,
        /// What has to be encrypted.
        tls: Tls,
    },
    /// Into files of this folder, and to nobody.
    Folder(PathBuf),
}

/// How the connection to the relay is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (`smtps://`, RFC 8314).
    Implicit,
    /// By STARTTLS; without it nothing is sent.
    Required,
    /// By STARTTLS when it is offered: only towards this machine itself.
    IfOffered,
}

/// `[dkim]`
#[derive(Clone, Debug)]
pub struct Dkim {
    /// The domain that signs.
    pub domain: String,
    /// Names the public key's DNS record.
    pub selector: String,
    /// The private key, PEM.
    pub key: SecretString,
}

/// `[feeds]`
#[derive(Clone, Debug)]
pub struct Feeds {
    /// Newest posts in a feed, at least one.
    pub items: usize,
    /// Whole posts rather than summaries.
    pub full_text: bool,
    /// WebSub hubs.
    pub hubs: Vec<String>,
}

/// `[templates]`
#[derive(Clone, Debug)]
pub struct Templates {
    /// The operator's own versions.
    pub path: Option<PathBuf>,
    /// Colour of links and buttons on white, `#rrggbb`.
    pub accent: Option<String>,
    /// The same on near black.
    pub accent_dark: Option<String>,
}

/// `[keys]`
#[derive(Clone, Debug)]
pub struct Keys {
    /// The token key ring; [`secrets::open_ring`] reads or makes it.
    pub file: PathBuf,
}

impl Settings {
    /// Reads `file`, or the defaults when there is none, under the environment.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first, in the order of the file.
    pub fn load(file: Option<&Path>) -> Result<Self, Vec<Fault>> {
        Self::judge(&Self::sheet(file)?)
    }

    /// The layers of [`Settings::load`] without a judgement of their values.
    ///
    /// # Errors
    /// When the file cannot be read or is no TOML.
    pub fn sheet(file: Option<&Path>) -> Result<Sheet, Vec<Fault>> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let Some(file) = file else {
            return Sheet::new("settings", "", Path::new(""), &variables);
        };
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            vec![Fault::new(&shown, secrets::plain(&error)).with_help("`postroom init` writes a first one")]
        })?;
        Sheet::new(&shown, &text, file.parent().unwrap_or(Path::new("")), &variables)
    }

    /// Reads settings from text: `base` is the folder relative paths start
    /// from, `variables` the whole environment.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(text: &str, base: &Path, variables: &Variables) -> Result<Self, Vec<Fault>> {
        Self::judge(&Sheet::new("postroom.toml", text, base, variables)?)
    }

    /// The words `archive.dialect` understands, besides `auto`.
    pub const DIALECTS: [&'static str; 9] =
        ["hugo", "hexo", "jekyll", "zola", "eleventy", "astro", "pelican", "docusaurus", "plain"];

    /// Judges every value of a sheet.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn judge(sheet: &Sheet) -> Result<Self, Vec<Fault>> {
        let reader = read::Reader::new(sheet);
        let settings = sections::settings(&reader);
        let (faults, warnings, _) = reader.finish();
        match settings {
            Some(settings) if faults.is_empty() => Ok(Self { warnings, ..settings }),
            _ => Err(faults),
        }
    }

    /// The newsletter with this id.
    pub fn newsletter(&self, id: &str) -> Option<&Newsletter> {
        self.newsletters.iter().find(|newsletter| newsletter.id == id)
    }
}

#[cfg(test)]
mod tests;
