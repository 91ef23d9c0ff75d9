//! `/editions`: what went out. One edition is the mail itself, so it has no page here.

use maud::{Markup, html};

use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;

/// An edition in a list.
#[derive(Clone, Debug)]
pub struct EditionLine {
    /// Its number.
    pub number: i64,
    /// Its subject.
    pub subject: String,
    /// The newsletter's title.
    pub newsletter: String,
    /// When it was sealed.
    pub sealed: Timestamp,
}

impl EditionLine {
    /// Where it can be read.
    pub fn path(&self) -> String {
        format!("/editions/{}", self.number)
    }
}

/// Newest first.
pub fn editions(site: &Site<'_>, editions: &[EditionLine]) -> Markup {
    let words = site.words;
    let title = words.say("page.editions.title", &[]);
    let canonical = format!("{}/editions", site.public_url);
    site.page(
        Head { title: &title, tab: Tab::Editions, canonical: Some(&canonical) },
        html! {
            h1 { (title) }
            @if editions.is_empty() { p { (words.say("page.editions.empty", &[])) } } @else {
                p.lead { (words.say("page.editions.lead", &[])) }
                ul.posts { @for edition in editions { li { (line(site, edition)) } } }
            }
        },
    )
}

fn line(site: &Site<'_>, edition: &EditionLine) -> Markup {
    let (words, number) = (site.words, edition.number.to_string());
    let tongue = site.tongue(None);
    html! {
        time datetime=(edition.sealed.rfc3339()) { (words.near_date(edition.sealed, site.zone, site.now)) }
        a href=(edition.path()) lang=[tongue.map(|t| t.0)] dir=[tongue.map(|t| t.1)] { (edition.subject) }
        span.meta { (words.say("page.editions.line", &[("number", &number), ("newsletter", &edition.newsletter)])) }
    }
}

/// What stands in the public copy where a subscriber's copy says why they get it.
pub fn public_copy(site: &Site<'_>) -> String {
    site.words.say("page.editions.public", &[])
}
