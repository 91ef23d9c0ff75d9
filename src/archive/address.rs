//! The address of a post on the operator's site: the author's own word, else
//! the pattern of the settings, else what the site's generator makes of it.

use url::Url;

use super::dialect::{Page, Place};
use super::fields::{Fields, Habits};
use super::flaw::{Flaw, quote};
use super::front::Matter;
use super::names::Name;
use super::post::Setting;
use crate::domain::Timestamp;

/// What an address is made of.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub place: Place<'a>,
    /// What its path below the folder of the content says.
    pub name: &'a Name,
    /// `{path}`: its path within the archive.
    pub path: &'a str,
    pub matter: &'a Matter,
    pub fields: &'a Fields,
    pub habits: &'a Habits,
    pub title: &'a str,
    pub slug: &'a str,
    pub date: Timestamp,
}

/// The address; what was passed over goes to `oddities`.
///
/// # Errors
/// No address can be made.
pub(super) fn of(parts: Parts<'_>, set: Setting<'_>, oddities: &mut Vec<Flaw>) -> Result<Url, Flaw> {
    let Parts { place, name, path: archived, matter, fields, habits, title, slug, date } = parts;
    let on_the_clock = date.in_zone(set.rules.zone).naive_local();
    let day = fields.written_at.filter(|_| habits.is_as_written).unwrap_or(on_the_clock);
    let page = Page { folder: place.folder, path: place.path, name, matter, fields, title, slug, day };
    if let Some(written) = &fields.address {
        let filled = set.site.dialect.written(set.site, &page, &written.address);
        let found = filled.and_then(|address| {
            let away = || format!("the address {} is not on the site", quote(&address));
            set.addresses.written(&address).ok_or_else(away)
        });
        match found {
            Ok(url) => return Ok(url),
            Err(reason) => {
                oddities.push(Flaw::new(format!("`{}` is passed over: {reason}", written.key)).at(written.line))
            }
        }
    }
    if set.addresses.has_permalink() {
        let url = set.addresses.of(archived, slug, date);
        return url.ok_or_else(|| Flaw::new("no address can be made of its name"));
    }
    let path = set.site.dialect.address(set.site, &page).map_err(|reason| {
        Flaw::new(reason).with_help("set archive.permalink to a pattern of your own, like /{year}/{month}/{slug}/")
    })?;
    set.addresses.below_site(&path).ok_or_else(|| Flaw::new("no address can be made of its name"))
}
