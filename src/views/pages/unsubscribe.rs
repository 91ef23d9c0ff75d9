//! `/s/TOKEN/unsubscribe`, and the three ways on from there.

use maud::{Markup, html};

use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;
use crate::domain::cadence::Cadence;
use crate::domain::newsletter::Newsletter;

/// What is about to end, or has.
pub struct Leaving<'a> {
    /// Masked: mails are forwarded, and a stranger may press the button.
    pub address: &'a str,
    /// What they get.
    pub newsletter: &'a Newsletter,
    /// A rarer cadence, when the newsletter has one.
    pub less: Option<Cadence>,
    /// `/s/TOKEN`, which the three actions stand under.
    pub path: &'a str,
}

/// The question and its button.
pub fn unsubscribe(site: &Site<'_>, model: &Leaving<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.unsubscribe.title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (question(site, model)) }
            div.actions {
                (action(model, "unsubscribe", "", &words.say("page.unsubscribe.submit", &[])))
                (less(site, model))
            }
            p.hint { (words.say("page.unsubscribe.stranger", &[])) }
        },
    )
}

/// What the button says yes to: kept as proof.
pub fn question(site: &Site<'_>, model: &Leaving<'_>) -> String {
    let newsletter = model.newsletter.title.as_str();
    site.words.say("page.unsubscribe.lead", &[("newsletter", newsletter), ("address", model.address)])
}

/// What the Undo button says: kept as proof.
pub fn undo_label(site: &Site<'_>) -> String {
    site.words.say("page.unsubscribe.undo", &[])
}

/// The answer to a mail program's one-click request, which nobody reads.
pub fn one_click(site: &Site<'_>) -> String {
    site.words.say("page.unsubscribe.one_click", &[])
}

/// It is done; `undo_until` says how long it can be taken back.
pub fn done(site: &Site<'_>, model: &Leaving<'_>, undo_until: Option<Timestamp>) -> Markup {
    let words = site.words;
    let title = words.say("page.unsubscribe.done_title", &[]);
    let lead =
        words.say("page.unsubscribe.done", &[("address", model.address), ("newsletter", &model.newsletter.title)]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead role="status" { (lead) }
            div.actions {
                @if undo_until.is_some() {
                    (action(model, "undo", "quiet", &undo_label(site)))
                    (less(site, model))
                }
                a.button.quiet href="/feeds" { (words.say("page.unsubscribe.feed", &[])) }
            }
            @if let Some(until) = undo_until {
                p.hint { (words.say("page.unsubscribe.undo_until", &[("date", &words.moment(until, site.zone))])) }
            }
        },
    )
}

fn less(site: &Site<'_>, model: &Leaving<'_>) -> Markup {
    let label = |cadence| {
        let cadence = site.words.cadence(cadence).to_lowercase();
        site.words.say("page.unsubscribe.less", &[("cadence", &cadence)])
    };
    html! {
        @if let Some(cadence) = model.less { (action(model, "less", "quiet", &label(cadence))) }
    }
}

fn action(model: &Leaving<'_>, name: &str, class: &str, label: &str) -> Markup {
    html! {
        form method="post" action={ (model.path) "/" (name) } {
            button class=[(!class.is_empty()).then_some(class)] { (label) }
        }
    }
}

/// Undone, or changed to a rarer cadence instead of ended.
pub struct Returned<'a> {
    /// Masked.
    pub address: &'a str,
    /// What they get.
    pub newsletter: &'a Newsletter,
    /// How often now.
    pub cadence: Cadence,
    /// It was a choice of less, not an undo.
    pub less: bool,
}

/// What is true now.
pub fn returned(site: &Site<'_>, model: &Returned<'_>) -> Markup {
    let words = site.words;
    let (address, newsletter) = (model.address, model.newsletter.title.as_str());
    let (title, lead) = if model.less {
        let lead = words.say("page.returned.less", &[("address", address), ("newsletter", newsletter)]);
        (words.say("page.returned.less_title", &[]), lead)
    } else {
        let lead = words.say("page.returned.lead", &[("address", address), ("newsletter", newsletter)]);
        (words.say("page.returned.title", &[]), lead)
    };
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead role="status" { (lead) }
            p { (site.cadence(model.newsletter, model.cadence)) ". " (site.next(model.newsletter, model.cadence)) }
        },
    )
}
