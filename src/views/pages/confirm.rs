//! The page behind the link of the confirmation mail, and what follows it.

use maud::{Markup, html};

use super::editions::EditionLine;
use super::form::{Form, form, typed_address};
use super::frame::{Head, Site, Tab};
use crate::domain::cadence::Cadence;
use crate::domain::newsletter::Newsletter;

/// `/confirm/TOKEN`: what is about to be confirmed.
pub struct Confirm<'a> {
    /// Masked: mails are forwarded.
    pub address: &'a str,
    /// What was asked for.
    pub newsletter: &'a Newsletter,
    /// How often.
    pub cadence: Cadence,
    /// The path the button posts to.
    pub action: &'a str,
    /// This is the browser the form was sent from.
    pub is_known: bool,
    /// What was typed is not the address.
    pub is_wrong: bool,
}

/// One question, one button.
pub fn confirm(site: &Site<'_>, model: &Confirm<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.confirm.title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (question(site, &model.newsletter.title, model.address)) }
            p { (site.cadence(model.newsletter, model.cadence)) "." }
            form method="post" action=(model.action) {
                @if !model.is_known { (typed_address(site, "page.confirm.typed", model.is_wrong)) }
                button { (words.say("page.confirm.submit", &[])) }
            }
            p.hint { (words.say("page.confirm.stranger", &[])) }
        },
    )
}

/// What the button says yes to: kept as proof of consent.
pub fn question(site: &Site<'_>, newsletter: &str, address: &str) -> String {
    site.words.say("page.confirm.lead", &[("newsletter", newsletter), ("address", address)])
}

/// After the button: what comes next.
pub struct Welcome<'a> {
    /// Masked.
    pub address: &'a str,
    /// What they get.
    pub newsletter: &'a Newsletter,
    /// How often.
    pub cadence: Cadence,
    /// Path of the preferences, for whoever confirmed just now.
    pub manage: Option<&'a str>,
    /// Something to read until then.
    pub latest: Option<&'a EditionLine>,
}

/// The reader is in.
pub fn welcome(site: &Site<'_>, model: &Welcome<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.welcome.title", &[]);
    let lead = words.say("page.welcome.lead", &[("address", model.address), ("newsletter", &model.newsletter.title)]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (lead) }
            p { (site.cadence(model.newsletter, model.cadence)) ". " (site.next(model.newsletter, model.cadence)) }
            @if let Some(edition) = model.latest {
                p { (words.say("page.welcome.read", &[])) " " a href=(edition.path()) { (edition.subject) } }
            }
            @if let Some(manage) = model.manage {
                p.actions { a.button.quiet href=(manage) { (words.say("page.welcome.manage", &[])) } }
            }
        },
    )
}

/// A link older than its 7 days, and the button that mails a new one; `action`
/// is the path it posts to.
pub fn expired(site: &Site<'_>, is_move: bool, action: &str) -> Markup {
    let words = site.words;
    let title = words.say("page.expired.title", &[]);
    let lead = if is_move { words.say("page.expired.move", &[]) } else { words.say("page.expired.lead", &[]) };
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (lead) }
            form method="post" action=(action) { button { (words.say("page.expired.again", &[])) } }
        },
    )
}

/// A link that cannot be followed any more, each with a way to a new one. The
/// page is the same for every address, so that it tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It came in a mail to an address its reader has left since.
    Moved,
    /// No token of ours, or of another purpose.
    Damaged,
    /// The subscription it belongs to has ended.
    Ended,
    /// Undo after its 7 days.
    TooLate,
}

/// The reason, and the form to start again.
pub fn broken(site: &Site<'_>, why: Broken, again: &Form<'_>) -> Markup {
    let words = site.words;
    let (title, lead) = match why {
        Broken::Moved => (words.say("page.expired.title", &[]), words.say("page.expired.moved", &[])),
        Broken::Damaged => (words.say("page.damaged.title", &[]), words.say("page.damaged.lead", &[])),
        Broken::Ended => (words.say("page.ended.title", &[]), words.say("page.ended.lead", &[])),
        Broken::TooLate => (words.say("page.returned.too_late_title", &[]), words.say("page.returned.too_late", &[])),
    };
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (lead) }
            (form(site, again))
        },
    )
}
