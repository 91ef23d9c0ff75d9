//! `[dkim]`, or several `[[dkim]]`.

use super::read::{Reader, Wrong};
use super::sections::is_aligned;
use super::{Dkim, Mail, secrets, values};

/// The keys that sign; none when mail is not signed here.
pub fn keys(reader: &Reader<'_>, mail: Option<&Mail>) -> Option<Vec<Dkim>> {
    let places = reader.sheet.places("dkim");
    let is_only = places.len() == 1;
    let read: Vec<_> = places.iter().map(|place| key(reader, place, is_only, mail)).collect();
    let keys: Vec<Dkim> = read.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|other| (&other.domain, &other.selector) == (&key.domain, &key.selector)) {
            reader.section("dkim", &places[index]).wrong("selector", "there is another key with this name");
        }
    }
    Some(keys)
}

#[expect(clippy::option_option, reason = "the outer is a fault, the inner mail that is not signed")]
fn key(reader: &Reader<'_>, place: &str, is_only: bool, mail: Option<&Mail>) -> Option<Option<Dkim>> {
    let section = reader.section("dkim", place);
    let domain = section.may("domain", values::domain);
    let selector = section.may("selector", values::selector);
    let file = section.may("key_file", values::line);
    let (domain, selector, file) = (domain?, selector?, file?);
    let path = match &file {
        Some(name) => Some(secrets::locate(reader.sheet, name)),
        None if is_only => secrets::credential(reader.sheet, "dkim-key"),
        None => None,
    };
    let (selector, path) = match (selector, path) {
        (None, None) if domain.is_none() && is_only => return Some(None),
        (Some(selector), Some(path)) => (selector, path),
        (None, _) => {
            section.wrong("selector", "it is missing, and a signature needs it");
            return None;
        }
        (Some(_), None) => {
            section.wrong("key_file", "it is missing, and a signature needs it");
            return None;
        }
    };
    let key = secrets::read(&path).map_err(|fault| section.wrong("key_file", fault)).ok();
    let from = mail?.from.domain();
    let domain = domain.unwrap_or_else(|| from.to_owned());
    if !is_aligned(&domain, from) {
        section.wrong(
            "domain",
            Wrong::with_help(
                format!("a signature of {domain} does not vouch for mail from {from}"),
                "receivers (DMARC) want both to be the same domain or one below the other",
            ),
        );
    }
    Some(Some(Dkim { domain, selector, key: key? }))
}
