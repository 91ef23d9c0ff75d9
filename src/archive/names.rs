//! What the path of a file says of its post, and the address of a post on the
//! operator's site.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use url::Url;

use crate::domain::{Fault, Timestamp};

/// What an archive-relative path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The path without extension, `index` and date prefix.
    pub identity: String,
    /// Last part of that, fit for an address.
    pub slug: String,
    /// The path without extension and `index`: `{path}` of the permalink.
    pub path: String,
    /// A date prefix of the last part, else a date among the folders.
    pub date: Option<NaiveDate>,
    /// The date prefix of the last part alone.
    pub prefix: Option<NaiveDate>,
    /// The last part without that prefix, as it is written.
    pub last: String,
    /// Below a folder called `_drafts`.
    pub draft: bool,
}

impl Name {
    pub fn of(path: &str) -> Self {
        let mut parts: Vec<&str> = path.split('/').collect();
        let file = parts.pop().unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        if parts.is_empty() || !stem.eq_ignore_ascii_case("index") {
            parts.push(stem);
        }
        let date = date_among(&parts);
        let draft = parts.contains(&"_drafts");
        let path = parts.join("/");
        let prefix = parts.last().and_then(|last| date_prefix(last)).map(|(date, _)| date);
        // A file that is called by its date alone keeps it: something must tell it from others.
        if let Some((_, rest)) = parts.last().and_then(|last| date_prefix(last)).filter(|(_, rest)| !rest.is_empty())
            && let Some(last) = parts.last_mut()
        {
            *last = rest;
        }
        let last = parts.last().copied().unwrap_or_default().to_owned();
        Self { identity: parts.join("/"), slug: slug(&last), path, date, prefix, last, draft }
    }
}

/// A date among the parts of a path, the last part first: a prefix
/// (`2024-05-31-title`), or three folders (`2024/05/31`).
fn date_among(parts: &[&str]) -> Option<NaiveDate> {
    let prefixed = parts.iter().rev().find_map(|part| date_prefix(part)).map(|(date, _)| date);
    prefixed.or_else(|| {
        parts.windows(3).rev().find_map(|three| match three {
            [y, m, d] if y.len() == 4 && m.len() <= 2 && d.len() <= 2 => date_of(y, m, d),
            _ => None,
        })
    })
}

/// The date an address names, as in `/2024/05/31/title/`.
pub(super) fn date_in_address(address: &str) -> Option<NaiveDate> {
    date_among(&address.split('/').collect::<Vec<_>>())
}

/// Splits a path at the last date in it, written with hyphens or as folders:
/// what stands before it, the date, what follows.
pub(super) fn date_and_rest(path: &str) -> Option<(&str, NaiveDate, &str)> {
    let starts = path.char_indices().rev().map(|(at, _)| at);
    starts.filter(|at| path.as_bytes()[*at].is_ascii_digit()).find_map(|start| {
        let rest = &path[start..];
        let mark = |c: char| c == '-' || c == '/';
        let (year, rest) = rest.split_once(mark)?;
        let (month, rest) = rest.split_once(mark)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()).min(2);
        let (day, rest) = rest.split_at(end);
        (year.len() == 4 && month.len() <= 2 && !day.is_empty()).then_some(())?;
        Some((&path[..start], date_of(year, month, day)?, rest.strip_prefix(mark).unwrap_or(rest)))
    })
}

/// Splits `2024-05-31-title` into its date and `title`.
fn date_prefix(part: &str) -> Option<(NaiveDate, &str)> {
    let (year, rest) = part.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (day, rest) = rest.split_at(end);
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let rest = match rest.strip_prefix(['-', '_', '.', ' ']) {
        Some(rest) => rest,
        None if rest.is_empty() => rest,
        None => return None,
    };
    Some((date_of(year, month, day)?, rest))
}

fn date_of(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let year = i32::try_from(number(year)?).ok().filter(|y| (1000..=9998).contains(y))?;
    NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)
}

/// The text as the last part of an address: letters and digits of every
/// script, `-`, `.`, `_` and `~` stay, all else becomes one hyphen. Unlike
/// [`crate::domain::post::slugify`] it keeps what the author chose.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '.' | '_' | '~' | '-') {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches(['-', '.']).to_owned()
}

/// Makes addresses on the operator's site.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    site: Url,
    permalink: Option<String>,
    zone: Tz,
}

const PLACEHOLDERS: [&str; 5] = ["{year}", "{month}", "{day}", "{slug}", "{path}"];

impl Addresses {
    pub fn new(site: &str, permalink: Option<&str>, zone: Tz) -> Result<Self, Fault> {
        let wrong = |reason: String| Fault::new("site.url", reason);
        let site = Url::parse(site).map_err(|e| wrong(format!("`{site}` is not an address: {e}")))?;
        if !matches!(site.scheme(), "http" | "https") || site.query().is_some() || site.fragment().is_some() {
            return Err(wrong("the site's address begins with http:// or https:// and has no ? or #".into()));
        }
        permalink.map_or(Ok(()), check)?;
        Ok(Self { site, permalink: permalink.map(str::to_owned), zone })
    }

    /// The address of a post by the permalink of the settings, when they have one.
    pub fn of(&self, path: &str, slug: &str, date: Timestamp) -> Option<Url> {
        let day = date.in_zone(self.zone);
        let filled = self
            .permalink
            .as_ref()?
            .replace("{year}", &format!("{:04}", day.year()))
            .replace("{month}", &format!("{:02}", day.month()))
            .replace("{day}", &format!("{:02}", day.day()))
            .replace("{slug}", &escape(slug))
            .replace("{path}", &escape(path));
        self.below_site(&filled)
    }

    /// Whether the settings say what an address looks like.
    pub fn has_permalink(&self) -> bool {
        self.permalink.is_some()
    }

    /// The site's own address.
    pub fn site(&self) -> &Url {
        &self.site
    }

    /// The address an author wrote out: a path below the site, or an absolute
    /// address on its host. `None` when it is neither.
    pub fn written(&self, address: &str) -> Option<Url> {
        let address = address.trim();
        if address.starts_with("//") || address.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) {
            let url = Url::parse(address).or_else(|_| self.site.join(address)).ok()?;
            return (url.host_str() == self.site.host_str() && matches!(url.scheme(), "http" | "https")).then_some(url);
        }
        self.below_site(address)
    }

    /// The address of an encoded path below the site's.
    pub fn below_site(&self, path: &str) -> Option<Url> {
        let site = self.site.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{site}/{}", path.trim_start_matches('/'))).ok()?;
        (url.host_str() == self.site.host_str()).then_some(url)
    }
}

/// Whether a permalink of the settings tells posts apart and holds only known slots.
fn check(permalink: &str) -> Result<(), Fault> {
    let bare = PLACEHOLDERS.iter().fold(permalink.to_owned(), |text, name| text.replace(name, ""));
    if bare.contains(['{', '}', '?', '#']) || !permalink.contains("{slug}") && !permalink.contains("{path}") {
        let reason = format!("`{permalink}` is no pattern of an address");
        let help = "use {year}, {month}, {day}, and {slug} or {path}, for example /{year}/{month}/{slug}/";
        return Err(Fault::new("archive.permalink", reason).with_help(help));
    }
    Ok(())
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')
}

/// Keeps a file's name from being read as a query, a fragment or an escape.
pub(super) fn escape(part: &str) -> String {
    part.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace('\\', "%5C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> (String, String, Option<String>) {
        let name = Name::of(path);
        (name.identity, name.slug, name.date.map(|d| d.to_string()))
    }

    #[test]
    fn identity_outlives_a_change_of_date_prefix_extension_and_bundling() {
        let hello = ("blog/hello".into(), "hello".into(), Some("2024-05-31".into()));
        assert_eq!(name("blog/2024-05-31-hello.md"), hello);
        assert_eq!(name("blog/2024-5-31-hello.html"), hello);
        assert_eq!(name("blog/2024-05-31-hello/index.md"), hello);
        assert_eq!(name("blog/hello.markdown").0, "blog/hello");
        assert_eq!(name("blog/hello/index.md").0, "blog/hello");
        assert_eq!(name("index.md").0, "index");
    }

    #[test]
    fn a_date_is_found_in_names_and_folders_and_nowhere_else() {
        assert_eq!(name("2024/05/31/hello.md").2.as_deref(), Some("2024-05-31"));
        assert_eq!(name("2024-05-31/hello.md").2.as_deref(), Some("2024-05-31"));
        assert_eq!(name("2024-05-31.md"), ("2024-05-31".into(), "2024-05-31".into(), Some("2024-05-31".into())));
        for none in ["hello.md", "2024-02-30-x.md", "2024-05-311-x.md", "1-2-3-x.md", "2024/5/x.md", "v2024-05-31.md"] {
            assert_eq!(name(none).2, None, "{none}");
        }
    }

    #[test]
    fn a_slug_keeps_what_the_author_chose() {
        assert_eq!(slug("Rust-1.88.0"), "Rust-1.88.0");
        assert_eq!(slug("Größe & Maß?"), "Größe-Maß");
        assert_eq!(slug("../../etc"), "etc");
    }

    fn addresses(site: &str, permalink: &str) -> Addresses {
        Addresses::new(site, Some(permalink), chrono_tz::Europe::Berlin).unwrap()
    }

    #[test]
    fn an_address_is_filled_in_the_sites_zone_below_the_sites_path() {
        let new_year = Timestamp(1_704_065_400_000); // 2023-12-31T23:30Z
        let a = addresses("https://example.org/blog/", "/{year}/{month}/{day}/{slug}/");
        assert_eq!(a.of("x", "a b", new_year).unwrap().as_str(), "https://example.org/blog/2024/01/01/a%20b/");
        let a = addresses("https://example.org", "{path}.html");
        assert_eq!(a.of("a/50%?", "x", new_year).unwrap().as_str(), "https://example.org/a/50%25%3F.html");
    }

    #[test]
    fn a_written_address_stays_on_the_site() {
        let a = addresses("https://example.org/blog", "/{slug}/");
        let written = |text| a.written(text).map(String::from);
        assert_eq!(written("/x/y.html").unwrap(), "https://example.org/blog/x/y.html");
        assert_eq!(written("x/").unwrap(), "https://example.org/blog/x/");
        assert_eq!(written("https://example.org/z").unwrap(), "https://example.org/z");
        for wrong in ["https://elsewhere.example/z", "//elsewhere.example/z", "javascript:alert(1)"] {
            assert_eq!(written(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rules_that_cannot_give_addresses_are_refused() {
        for (site, permalink) in [
            ("example.org", "/{slug}/"),
            ("ftp://example.org", "/{slug}/"),
            ("https://example.org", "/{title}/"),
            ("https://example.org", "/{year}/"),
        ] {
            assert!(Addresses::new(site, Some(permalink), Tz::UTC).is_err(), "{site} {permalink}");
        }
    }
}
