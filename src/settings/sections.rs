//! One function per section: reads all its values, then puts them together.
//! A `?` comes only after the last read, so that every fault is found.

use url::Url;

use super::read::{Reader, Wrong};
use super::{Archive, Database, Feeds, Http, Keys, Mail, Settings, Site, Templates, dkim, relay, secrets, values};
use crate::domain::{Cadence, Fault, Newsletter};

/// Reads everything; `None` exactly when the reader holds a fault.
pub fn settings(reader: &Reader<'_>) -> Option<Settings> {
    let site = site(reader);
    let archive = archive(reader);
    let http = http(reader);
    let database = database(reader);
    let mail = mail(reader, site.as_ref());
    let relays = relay::relays(reader);
    let dkim = dkim::keys(reader, mail.as_ref());
    let feeds = feeds(reader);
    let templates = templates(reader);
    let keys = keys(reader);
    let newsletters = newsletters(reader, site.as_ref());
    Some(Settings {
        site: site?,
        archive: archive?,
        http: http?,
        database: database?,
        mail: mail?,
        relays: relays?,
        dkim: dkim?,
        feeds: feeds?,
        templates: templates?,
        keys: keys?,
        newsletters: newsletters?,
        warnings: Vec::new(),
    })
}

fn site(reader: &Reader<'_>) -> Option<Site> {
    let section = reader.section("site", "site");
    let title = section.need("title", values::line);
    let url = section.need("url", values::site);
    let description = section.may("description", values::line);
    let language = section.need("language", values::language);
    let timezone = section.need("timezone", values::zone);
    let author = section.may("author", values::line);
    let postal_address = section.may("postal_address", |raw| Ok(raw.text()?.to_owned()));
    if url.as_ref().is_some_and(|url| is_example(url.split('/').nth(2).unwrap_or_default())) {
        section.warn("url", "this is the example's address", "write the address of your site");
    }
    if matches!(postal_address, Some(None)) {
        section.warn(
            "postal_address",
            "mails name no postal address",
            "several countries demand one in every newsletter",
        );
    }
    Some(Site {
        title: title?,
        url: url?,
        description: description?.unwrap_or_default(),
        language: language?,
        timezone: timezone?,
        author: author?,
        postal_address: postal_address?,
    })
}

fn archive(reader: &Reader<'_>) -> Option<Archive> {
    let section = reader.section("archive", "archive");
    let path = section.need("path", values::line);
    let feeds = section
        .need("feed", |raw| raw.one_or_more()?.iter().map(|text| values::hub(text)).collect::<Result<Vec<_>, _>>());
    let feed_interval = section.need("feed_interval", values::span);
    let feed_networks = section.need("feed_networks", values::networks);
    let dialect = section.need("dialect", values::dialect);
    let permalink = section.may("permalink", values::line);
    let include = section.need("include", values::list);
    let exclude = section.need("exclude", values::list);
    let max_age = section.need("max_age", values::span);
    let rescan = section.need("rescan", values::span);
    let guard_posts = section.need("guard_posts", |raw| raw.whole(0..=1_000_000));
    let guard_share = section.need("guard_share", |raw| raw.share());
    Some(Archive {
        path: reader.sheet.resolve(&path?),
        has_folder: feeds.as_ref().is_some_and(Vec::is_empty) || section.is_given("path"),
        feeds: feeds?,
        feed_interval: feed_interval?,
        feed_networks: feed_networks?,
        dialect: dialect?,
        permalink: permalink?,
        include: include?,
        exclude: exclude?,
        max_age: max_age?,
        rescan: rescan?,
        guard_posts: usize::try_from(guard_posts?).ok()?,
        guard_share: guard_share?,
    })
}

fn http(reader: &Reader<'_>) -> Option<Http> {
    let section = reader.section("http", "http");
    let listen = section.need("listen", values::socket);
    let public_url = section.need("public_url", values::public);
    if public_url.as_deref().and_then(|url| Url::parse(url).ok()).is_some_and(|url| values::stays_here(&url)) {
        section.warn(
            "public_url",
            "links in mails lead to this machine alone",
            "write the address readers reach it by",
        );
    }
    let proxies = section.need("trusted_proxies", values::networks);
    let is_open = listen.is_some_and(|listen| !listen.ip().is_loopback());
    if is_open && proxies.as_ref().is_some_and(Vec::is_empty) {
        section.warn(
            "listen",
            "other machines reach this port, and none of them is taken for a proxy: if readers come through one, \
             they share one limit on the form",
            "name it in http.trusted_proxies, or listen on 127.0.0.1 behind a web server on this machine",
        );
    }
    let per_network = section.need("tries_per_network", |raw| raw.whole(1..=1_000_000));
    let tries = section.need("tries", |raw| raw.whole(1..=1_000_000));
    Some(Http {
        listen: listen?,
        public_url: public_url?,
        trusted_proxies: proxies?,
        tries_per_network: per_network?,
        tries: tries?,
    })
}

fn database(reader: &Reader<'_>) -> Option<Database> {
    let file = reader.section("database", "database").need("url", values::sqlite)?;
    Some(Database { file: reader.sheet.resolve(&file) })
}

fn mail(reader: &Reader<'_>, site: Option<&Site>) -> Option<Mail> {
    let section = reader.section("mail", "mail");
    let from = section.need("from", values::mailbox);
    let reply_to = section.may("reply_to", values::address);
    let bounce_address = section.may("bounce_address", values::address);
    let unsubscribe_address = section.may("unsubscribe_address", values::address);
    let content = section.need("content", values::content);
    let comments_url = section.may("comments_url", values::comments);
    let keep_unconfirmed = section.need("keep_unconfirmed", values::span);
    let expire = section.need("expire", values::span);
    let uncertain = section.need("uncertain", values::uncertain);
    let uncertain_wait = section.need("uncertain_wait", values::span_or_none);
    let quiet_hours = section.may("quiet_hours", values::quiet_hours);
    if from.as_ref().is_some_and(|(_, address)| is_example(address.domain())) {
        section.warn("from", "this is the example's address", "write an address of your own domain");
    }
    let ((from_name, from), reply_to) = (from?, reply_to?);
    Some(Mail {
        from_name: from_name.or_else(|| site.map(|site| site.title.clone()))?,
        bounce_address: bounce_address?.unwrap_or_else(|| from.clone()),
        unsubscribe_address: unsubscribe_address?.or_else(|| reply_to.clone()).unwrap_or_else(|| from.clone()),
        reply_to,
        from,
        content: content?,
        comments_url: comments_url?,
        keep_unconfirmed: keep_unconfirmed?,
        expire: expire?,
        uncertain: uncertain?,
        uncertain_wait: uncertain_wait?,
        quiet_hours: quiet_hours?,
    })
}

fn feeds(reader: &Reader<'_>) -> Option<Feeds> {
    let section = reader.section("feeds", "feeds");
    let items = section.need("items", |raw| raw.whole(1..=10_000));
    let full_text = section.need("full_text", |raw| raw.truth());
    let hubs = section.need("hubs", |raw| raw.list()?.iter().map(|text| values::hub(text)).collect());
    Some(Feeds { items: usize::try_from(items?).ok()?, full_text: full_text?, hubs: hubs? })
}

fn templates(reader: &Reader<'_>) -> Option<Templates> {
    let section = reader.section("templates", "templates");
    let path = section.may("path", values::line);
    let accent = section.may("accent", values::colour);
    let accent_dark = section.may("accent_dark", values::colour);
    Some(Templates { path: path?.map(|path| reader.sheet.resolve(&path)), accent: accent?, accent_dark: accent_dark? })
}

fn keys(reader: &Reader<'_>) -> Option<Keys> {
    let file = reader.section("keys", "keys").need("file", values::line)?;
    Some(Keys { file: secrets::locate(reader.sheet, &file) })
}

fn newsletters(reader: &Reader<'_>, site: Option<&Site>) -> Option<Vec<Newsletter>> {
    let read: Vec<_> = (0..reader.sheet.newsletters()).map(|index| newsletter(reader, index, site)).collect();
    let newsletters = read.into_iter().collect::<Option<Vec<_>>>()?;
    for (index, newsletter) in newsletters.iter().enumerate() {
        if newsletters[..index].iter().any(|other| other.id == newsletter.id) {
            let section = reader.section("newsletters", &format!("newsletters[{index}]"));
            section.wrong("id", format!("there are two newsletters called `{}`", newsletter.id));
        }
    }
    Some(newsletters)
}

fn newsletter(reader: &Reader<'_>, index: usize, site: Option<&Site>) -> Option<Newsletter> {
    let section = reader.section("newsletters", &format!("newsletters[{index}]"));
    let id = section.need("id", values::short_name);
    let title = section.may("title", values::line);
    let description = section.may("description", values::line);
    let cadences = section.need("cadences", values::cadences);
    let default_cadence = section.need("default_cadence", values::cadence);
    let daily = section.need("daily", values::when(Cadence::Daily));
    let weekly = section.need("weekly", values::when(Cadence::Weekly));
    let monthly = section.need("monthly", values::when(Cadence::Monthly));
    let topics = section.need("topics", values::topics);
    let approval = section.need("approval", |raw| raw.truth());
    let settle = section.need("settle", values::span_or_none);
    let (cadences, mut default_cadence) = (cadences?, default_cadence?);
    if !cadences.contains(&default_cadence) {
        if section.is_given("default_cadence") {
            section.wrong("default_cadence", format!("`{default_cadence}` is not among the cadences"));
        }
        default_cadence = cadences.first().copied()?;
    }
    let site = site?;
    Some(Newsletter {
        id: id?,
        title: title?.unwrap_or_else(|| site.title.clone()),
        description: description?.unwrap_or_default(),
        cadences,
        default_cadence,
        daily: daily?,
        weekly: weekly?,
        monthly: monthly?,
        zone: site.timezone,
        topics: topics?,
        approval: approval?,
        settle: settle?,
    })
}

/// Names that can never be anybody's (RFC 2606).
fn is_example(host: &str) -> bool {
    ["example", "example.org", "example.com", "example.net"]
        .iter()
        .any(|name| host == *name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')))
}

/// DMARC's relaxed alignment as far as it can be told without a list of public
/// suffixes: one domain is, or lies below, the other.
pub(super) fn is_aligned(a: &str, b: &str) -> bool {
    let below =
        |low: &str, high: &str| low.strip_suffix(high).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    below(a, b) || below(b, a)
}

impl From<Fault> for Wrong {
    /// A fault of a secret's file, told at the key that names it.
    fn from(fault: Fault) -> Self {
        let reason = format!("{}: {}", fault.place, fault.reason);
        match fault.help {
            Some(help) => Self::with_help(reason, help),
            None => reason.into(),
        }
    }
}
