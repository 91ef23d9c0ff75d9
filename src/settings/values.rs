//! What single values mean: addresses, zones, spans, lists of cadences.

use std::net::SocketAddr;

use chrono_tz::Tz;
use url::{Host, Url};

use super::read::{Raw, Wrong};
use super::{Content, Network, Route, Settings, Tls, Uncertain};
use crate::domain::Address;
use crate::domain::cadence::{Cadence, When};
use crate::domain::pace::{PerDomain, QuietHours, Rate, WarmUp};
use crate::domain::post::slugify;
use crate::domain::time::Span;

/// One line of text.
pub fn line(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    if text.chars().any(char::is_control) { Err("it has to be one line".into()) } else { Ok(text.to_owned()) }
}

/// A list as it stands.
pub fn list(raw: &Raw<'_>) -> Result<Vec<String>, Wrong> {
    raw.list()
}

/// A span longer than nothing.
pub fn span(raw: &Raw<'_>) -> Result<Span, Wrong> {
    let span = Span::parse(raw.text()?)?;
    if span.0 > 0 { Ok(span) } else { Err("it has to be longer than nothing".into()) }
}

/// A span that may be nothing.
pub fn span_or_none(raw: &Raw<'_>) -> Result<Span, Wrong> {
    Ok(Span::parse(raw.text()?)?)
}

/// A language tag (BCP 47), by its shape.
pub fn language(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let mut parts = text.split('-');
    let first =
        parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic()));
    let rest = parts.all(|part| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()));
    if first && rest {
        return Ok(text.to_owned());
    }
    Err(Wrong::with_help(format!("`{text}` is not a language"), "write it like en, de or pt-BR"))
}

/// A time zone by its IANA name.
pub fn zone(raw: &Raw<'_>) -> Result<Tz, Wrong> {
    let text = raw.text()?;
    text.parse().map_err(|_| {
        let like = |zone: &&Tz| strsim::damerau_levenshtein(&text.to_lowercase(), &zone.name().to_lowercase());
        let near = chrono_tz::TZ_VARIANTS.iter().filter(|zone| like(zone) <= 3).min_by_key(like);
        let help = match near {
            Some(zone) => format!("a zone with a similar name exists: {zone}"),
            None => "write it like Europe/Berlin, America/New_York or UTC".into(),
        };
        Wrong::with_help(format!("`{text}` is not a time zone"), help)
    })
}

/// An address of mail.
pub fn address(raw: &Raw<'_>) -> Result<Address, Wrong> {
    Ok(Address::parse(raw.text()?)?)
}

/// `Name <address>` or an address alone.
pub fn mailbox(raw: &Raw<'_>) -> Result<(Option<String>, Address), Wrong> {
    let text = line(raw)?;
    let Some((name, rest)) = text.split_once('<') else {
        return Ok((None, Address::parse(&text)?));
    };
    let address = rest.strip_suffix('>').ok_or("write it like Example Blog <news@example.org>")?;
    let name = name.trim().trim_matches('"').trim();
    Ok(((!name.is_empty()).then(|| name.to_owned()), Address::parse(address)?))
}

/// The address of a site: http or https, no query; without its last slash.
pub fn site(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let url = web(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address of a site has no ? and no # in it".into());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Scheme and host under which readers reach us; https unless it cannot leave
/// this machine or a test network.
pub fn public(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let url = web(text)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(Wrong::with_help(
            "it has a path; links are made from scheme and host alone",
            "give Postroom a host name of its own, like https://news.example.org",
        ));
    }
    if url.scheme() == "http" && !is_private(&url) {
        return Err(Wrong::with_help(
            "readers' links must be https",
            format!("write https://{}", url.host_str().unwrap_or_default()),
        ));
    }
    Ok(url.origin().ascii_serialization())
}

/// An absolute web address.
pub fn hub(text: &str) -> Result<String, Wrong> {
    Ok(web(text)?.into())
}

fn web(text: &str) -> Result<Url, Wrong> {
    let wrong = || {
        let meant =
            Url::parse(&format!("https://{text}")).ok().filter(|_| text.contains('.') && !text.contains([':', '@']));
        let help = meant.map_or("write it like https://example.org".into(), |url| {
            format!("write {}", url.as_str().trim_end_matches('/'))
        });
        Wrong::with_help(format!("`{}` is not a web address", hidden(text)), help)
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.host_str().is_some();
    if matches!(url.scheme(), "http" | "https") && plain { Ok(url) } else { Err(wrong()) }
}

/// Whether an address leads no farther than this machine.
pub fn stays_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Loopback, or a name set aside for tests (RFC 6761).
fn is_private(url: &Url) -> bool {
    stays_here(url) || url.domain().is_some_and(|name| name.ends_with(".test"))
}

/// Where to listen.
pub fn socket(raw: &Raw<'_>) -> Result<SocketAddr, Wrong> {
    let text = raw.text()?;
    text.parse().map_err(|_| {
        Wrong::with_help(format!("`{text}` is not an address and port"), "write it like 127.0.0.1:8025 or [::1]:8025")
    })
}

/// Networks, in a list.
pub fn networks(raw: &Raw<'_>) -> Result<Vec<Network>, Wrong> {
    let all = raw.list()?.into_iter().map(|text| text.parse::<Network>());
    all.collect::<Result<_, _>>().map_err(|reason| Wrong::with_help(reason, "write it like 10.0.0.0/8 or fd00::1"))
}

/// The file of `sqlite:FILE`.
pub fn sqlite(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let file = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match file.filter(|file| !file.is_empty() && !file.starts_with(':') && !file.contains('?')) {
        Some(file) => Ok(file.to_owned()),
        None => Err(Wrong::with_help(format!("`{text}` is not a database"), "write it like sqlite:postroom.db")),
    }
}

/// What an edition shows of each post.
pub fn content(raw: &Raw<'_>) -> Result<Content, Wrong> {
    match raw.text()? {
        "summary" => Ok(Content::Summary),
        "full" => Ok(Content::Full),
        "titles" => Ok(Content::Titles),
        other => Err(format!("`{other}` is none of summary, full and titles").into()),
    }
}

/// What happens to uncertain deliveries.
pub fn uncertain(raw: &Raw<'_>) -> Result<Uncertain, Wrong> {
    match raw.text()? {
        "resend" => Ok(Uncertain::Resend),
        "hold" => Ok(Uncertain::Hold),
        other => Err(format!("`{other}` is neither resend nor hold").into()),
    }
}

/// A pattern of a web address whose slots all exist.
pub fn comments(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    web(&text.replace("{url}", "https://example.org/post").replace("{slug}", "post"))?;
    Ok(text.to_owned())
}

/// A colour as `#rrggbb`.
pub fn colour(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let is_colour = text.strip_prefix('#').is_some_and(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_colour {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Wrong::with_help("it is not a colour", "write it as #0b57d0"))
    }
}

/// Hours of the day in which no edition is handed over.
pub fn quiet_hours(raw: &Raw<'_>) -> Result<QuietHours, Wrong> {
    Ok(raw.text()?.parse::<QuietHours>()?)
}

/// One rate or several.
pub fn rates(raw: &Raw<'_>) -> Result<Vec<Rate>, Wrong> {
    Ok(raw.one_or_more()?.iter().map(|text| text.parse()).collect::<Result<Vec<Rate>, _>>()?)
}

/// A daily limit that grows.
pub fn warm_up(raw: &Raw<'_>) -> Result<WarmUp, Wrong> {
    Ok(raw.text()?.parse::<WarmUp>()?)
}

/// What each domain of recipients may get.
pub fn per_domain(raw: &Raw<'_>) -> Result<PerDomain, Wrong> {
    Ok(PerDomain::parse(&raw.one_or_more()?)?)
}

/// The relay's address and the user named in it. A folder is as it was written.
pub fn relay(raw: &Raw<'_>) -> Result<(Route, Option<String>), Wrong> {
    let text = raw.text()?;
    let wrong = || {
        Wrong::with_help(format!("`{}` is not a relay", hidden(text)), "write it like smtp://user@mail.example.org:587")
    };
    if let Some(rest) = text.strip_prefix("file:") {
        let folder = rest.strip_prefix("//").unwrap_or(rest);
        return if folder.is_empty() {
            Err(Wrong::with_help("file: names no folder", "write it like file:outbox"))
        } else {
            Ok((Route::Folder(folder.into()), None))
        };
    }
    let url = Url::parse(text).map_err(|_| wrong())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    if url.password().is_some() {
        return Err(Wrong::with_help(
            "a password does not belong here",
            "put it into a file and name that in relay.password_file",
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let host = host.trim_matches(['[', ']']).to_owned();
    let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
    let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let (tls, port) = match url.scheme() {
        "smtps" => (Tls::Implicit, 465),
        "smtp" => (if loopback { Tls::IfOffered } else { Tls::Required }, if user.is_some() { 587 } else { 25 }),
        _ => return Err(wrong()),
    };
    Ok((Route::Smtp { host, port: url.port().unwrap_or(port), tls }, user))
}

/// The address with whatever might be a password taken out: all before the
/// last @, for in an address with a slip in it nobody knows where the user ends.
fn hidden(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("...@{rest}"),
        None => text.to_owned(),
    }
}

/// Percent-decoding of a user name. The decoder is that of forms, in which a
/// plus is a blank; so pluses are hidden from it.
fn decoded(text: &str) -> String {
    let form = text.replace('+', "%2B");
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// A domain in its ASCII form, lower case.
pub fn domain(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let address = Address::parse(&format!("postmaster@{text}"));
    Ok(address.map_err(|_| format!("`{text}` is not a domain name"))?.domain().to_owned())
}

/// A DKIM selector: labels of letters, digits and hyphens (RFC 6376 section 3.1).
pub fn selector(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let label =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if text.split('.').all(label) { Ok(text.to_owned()) } else { Err(format!("`{text}` is not a selector").into()) }
}

/// The generator of a site; `auto` is none in particular.
pub fn dialect(raw: &Raw<'_>) -> Result<Option<String>, Wrong> {
    let name = raw.text()?;
    match Settings::DIALECTS.iter().find(|known| **known == name) {
        Some(known) => Ok(Some((*known).to_owned())),
        None if name == "auto" => Ok(None),
        None => Err(Wrong::with_help(
            format!("`{name}` is not known"),
            format!("write auto, {}", Settings::DIALECTS.join(", ")),
        )),
    }
}

/// A newsletter's short name.
pub fn short_name(raw: &Raw<'_>) -> Result<String, Wrong> {
    let text = raw.text()?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.len() <= 40 && text.chars().all(fits) && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    Err(Wrong::with_help(format!("`{text}` is not a short name"), "use lower case letters, digits and hyphens"))
}

/// At least one cadence, most frequent first, each once.
pub fn cadences(raw: &Raw<'_>) -> Result<Vec<Cadence>, Wrong> {
    let mut cadences = raw.list()?.iter().map(|text| text.parse()).collect::<Result<Vec<Cadence>, _>>()?;
    cadences.sort_unstable();
    cadences.dedup();
    if cadences.is_empty() { Err("it names no cadence".into()) } else { Ok(cadences) }
}

/// One cadence.
pub fn cadence(raw: &Raw<'_>) -> Result<Cadence, Wrong> {
    Ok(raw.text()?.parse::<Cadence>()?)
}

/// When a cadence falls due.
pub fn when(cadence: Cadence) -> impl FnOnce(&Raw<'_>) -> Result<When, Wrong> {
    move |raw| Ok(When::parse(cadence, raw.text()?)?)
}

/// Topics in their address form.
pub fn topics(raw: &Raw<'_>) -> Result<Vec<String>, Wrong> {
    let slug = |name: &String| {
        let slug = slugify(name);
        if slug.is_empty() { Err(Wrong::from(format!("`{name}` is not a topic"))) } else { Ok(slug) }
    };
    raw.list()?.iter().map(slug).collect()
}
