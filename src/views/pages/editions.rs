//! `/editions`: what went out. One edition is the mail itself, so it has no page here.

use maud::{Markup, html};

use super::frame::{Head, Site, Tab};
use super::posts::in_tongue;
use crate::domain::Timestamp;
use crate::views::email::{Everybody, for_everybody};
use crate::views::style::Style;

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
        a href=(edition.path()) { (in_tongue(tongue, &edition.subject)) }
        span.meta { (words.say("page.editions.line", &[("number", &number), ("newsletter", &edition.newsletter)])) }
    }
}

/// `/editions/N`: the mail as it was sent, with ways to join where a
/// subscriber's own links stand.
pub fn public_copy(site: &Site<'_>, number: i64, mail: &str) -> String {
    let words = site.words;
    let address = |path: &str| format!("{}{path}", site.public_url);
    let (page, all) = (address(&format!("/editions/{number}")), address("/editions"));
    let (subscribe, feeds) = (address("/subscribe"), address("/feeds"));
    let links = [
        (subscribe.as_str(), words.say("page.frame.subscribe", &[])),
        (all.as_str(), words.say("page.editions.all", &[])),
        (feeds.as_str(), words.say("mail.feeds", &[])),
    ];
    let back = (all.as_str(), words.say("page.editions.all", &[]));
    let why = words.say("page.editions.public", &[]);
    let style = Style::usual();
    for_everybody(mail, &Everybody { style: &style, page_url: &page, back, why, links: &links })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::samples::SAMPLES;
    use crate::views::words::Words;

    #[test]
    fn the_copy_for_everybody_offers_nothing_that_is_a_subscribers() {
        let words = Words::english();
        let site = super::super::samples::site(&words);
        for sample in SAMPLES.iter().filter(|sample| ["digest", "one", "full"].contains(&sample.name)) {
            let frozen = sample.frozen(&words).html;
            let page = public_copy(&site, 42, &frozen);
            for gone in [">View", "Unsubscribe", "Change", "/s/"] {
                assert!(!page.contains(gone), "{}: {gone}", sample.name);
            }
            for there in [">Subscribe</a>", ">All\u{a0}editions</a>", ">Read\u{a0}by\u{a0}feed</a>", "the public copy"]
            {
                assert!(page.contains(there), "{}: {there}", sample.name);
            }
            assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "{}", sample.name);
        }
    }
}
