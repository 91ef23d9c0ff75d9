//! A new address for a subscriber: asked for, confirmed, taken.

use maud::{Markup, html};

use super::form::typed_address;
use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;

/// After the new address was entered: where to look.
pub fn sent(site: &Site<'_>, address: &str) -> Markup {
    let words = site.words;
    let title = words.say("page.moving.sent_title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead role="status" { (words.say("page.moving.sent", &[("address", address)])) }
            ul {
                li { (words.say("page.sent.wait", &[])) }
                li { (words.say("page.sent.limit", &[])) }
            }
        },
    )
}

/// `/s/TOKEN/move`: what is about to be changed.
pub struct Moving<'a> {
    /// The present address, masked.
    pub old: &'a str,
    /// The new one, masked.
    pub new: &'a str,
    /// The path the button posts to.
    pub action: &'a str,
    /// This is the browser in which it was asked for.
    pub is_known: bool,
    /// What was typed is not the new address.
    pub is_wrong: bool,
}

/// One question, one button.
pub fn question(site: &Site<'_>, model: &Moving<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.moving.title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (lead(site, model)) }
            form method="post" action=(model.action) {
                @if !model.is_known { (typed_address(site, "page.confirm.typed", model.is_wrong)) }
                button { (words.say("page.moving.submit", &[])) }
            }
            p.hint { (words.say("page.confirm.stranger", &[])) }
        },
    )
}

/// What the button says yes to: kept as proof.
pub fn lead(site: &Site<'_>, model: &Moving<'_>) -> String {
    site.words.say("page.moving.lead", &[("old", model.old), ("new", model.new)])
}

/// It is changed.
pub fn done(site: &Site<'_>, address: &str, manage: &str) -> Markup {
    let words = site.words;
    let title = words.say("page.moving.done_title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead role="status" { (words.say("page.moving.done", &[("address", address)])) }
            p.actions { a.button.quiet href=(manage) { (words.say("page.preferences.title", &[])) } }
        },
    )
}

/// It cannot be changed again until then, while the change before can be taken back.
pub fn held(site: &Site<'_>, until: Timestamp) -> Markup {
    let words = site.words;
    let title = words.say("page.moving.held_title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead role="status" { (words.say("page.moving.held", &[("date", &words.moment(until, site.zone))])) }
        },
    )
}
