//! `/s/TOKEN`: how often, or not at all.

use maud::{Markup, html};

use super::form::radios;
use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;
use crate::domain::cadence::Cadence;
use crate::domain::newsletter::Newsletter;

/// What a reader may change.
pub struct Preferences<'a> {
    /// Masked.
    pub address: &'a str,
    /// What they get.
    pub newsletter: &'a Newsletter,
    /// How often now.
    pub cadence: Cadence,
    /// When they confirmed.
    pub since: Option<Timestamp>,
    /// Just saved: say what is true now.
    pub saved: bool,
    /// The path this page posts to.
    pub action: &'a str,
    /// Path of the unsubscribe page.
    pub leave: &'a str,
    /// The reader's own feed, by format; empty when they have none yet, `None`
    /// when there would be nothing in it that is not open to all.
    pub own_feed: Option<&'a [(&'static str, String)]>,
}

/// The present state first, then the choices, then the way out.
pub fn preferences(site: &Site<'_>, model: &Preferences<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.preferences.title", &[]);
    let lead =
        words.say("page.preferences.lead", &[("address", model.address), ("newsletter", &model.newsletter.title)]);
    let choices: Vec<(Cadence, String)> =
        model.newsletter.cadences.iter().map(|&c| (c, site.cadence(model.newsletter, c))).collect();
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            @if model.saved { (saved(site, model)) }
            p.lead { (lead) }
            @if let Some(since) = model.since {
                p.meta { (words.say("page.preferences.since", &[("date", &words.date(since, site.zone))])) }
            }
            form method="post" action=(model.action) {
                fieldset {
                    legend { (words.say("page.form.cadence", &[])) }
                    (radios(&choices, Some(model.cadence)))
                    p.hint { (words.say("page.cadence.zone", &[("zone", model.newsletter.zone.name())])) }
                }
                button { (words.say("page.preferences.submit", &[])) }
            }
            @if let Some(addresses) = model.own_feed { (own_feed(site, addresses, model.action)) }
            section.aside {
                h2 { (words.say("page.preferences.leave_title", &[])) }
                p { (words.say("page.preferences.leave_hint", &[])) }
                p { a.button.quiet href=(model.leave) { (words.say("page.preferences.leave", &[])) } }
            }
        },
    )
}

/// The addresses of the reader's own feed, and how to change or end them.
fn own_feed(site: &Site<'_>, addresses: &[(&'static str, String)], action: &str) -> Markup {
    let words = site.words;
    let act = |act: &str, key: &str, class: Option<&str>| {
        html! {
            form method="post" action=(format!("{action}/feed")) {
                input type="hidden" name="act" value=(act);
                button class=[class] { (words.say(key, &[])) }
            }
        }
    };
    html! {
        section {
            h2 { (words.say("page.preferences.feed_title", &[])) }
            p { (words.say("page.preferences.feed_lead", &[])) }
            @if addresses.is_empty() {
                (act("open", "page.preferences.feed_open", Some("quiet")))
            } @else {
                dl.feeds {
                    @for (format, address) in addresses {
                        dt { (format) }
                        dd {
                            input type="text" readonly value=(address)
                                aria-label=(words.say("page.preferences.feed_address", &[("format", format)]));
                        }
                    }
                }
                p.hint { (words.say("page.preferences.feed_secret", &[])) }
                (act("open", "page.preferences.feed_renew", Some("quiet")))
                (act("close", "page.preferences.feed_close", Some("quiet")))
            }
        }
    }
}

fn saved(site: &Site<'_>, model: &Preferences<'_>) -> Markup {
    let cadence = site.cadence(model.newsletter, model.cadence);
    html! {
        div.done role="status" {
            p { strong { (site.words.say("page.preferences.saved", &[("cadence", &cadence)])) } }
            p { (site.next(model.newsletter, model.cadence)) }
        }
    }
}
