//! `/s/TOKEN`: how often, of what, or not at all.

use chrono::Days;
use maud::{Markup, html};

use super::form::{LANGUAGE, radio};
use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;
use crate::domain::cadence::Cadence;
use crate::domain::newsletter::Newsletter;
use crate::views::direction::Direction;

/// What the form says in the place of a cadence for a pause.
pub const PAUSED: &str = "paused";

/// What the names of the fields for topics begin with.
pub const TOPIC: &str = "topic:";

/// A topic to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicChoice {
    /// Its form in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Chosen so far.
    pub chosen: bool,
}

/// What a reader may change.
pub struct Preferences<'a> {
    /// Masked.
    pub address: &'a str,
    /// What they get.
    pub newsletter: &'a Newsletter,
    /// How often now.
    pub cadence: Cadence,
    /// Nothing is sent before this instant.
    pub paused: Option<Timestamp>,
    /// Topics to choose from; empty where there is no choice.
    pub topics: &'a [TopicChoice],
    /// The languages there are, by tag, with their own names.
    pub languages: &'a [(String, String)],
    /// When they confirmed.
    pub since: Option<Timestamp>,
    /// Just saved: say what is true now.
    pub saved: bool,
    /// Not saved: a pause needs a day.
    pub no_day: bool,
    /// A new address that cannot be one, and why.
    pub no_address: Option<(&'a str, &'a str)>,
    /// A new address that came without the present one.
    pub not_theirs: Option<&'a str>,
    /// The path this page posts to.
    pub action: &'a str,
    /// Path of the unsubscribe page.
    pub leave: &'a str,
    /// The reader's own feed, by format; empty when they have none yet, `None`
    /// when there would be nothing in it that is not open to all.
    pub own_feed: Option<&'a [(&'static str, String)]>,
}

/// The present state first, then the choices and the way out, then what few look for.
pub fn preferences(site: &Site<'_>, model: &Preferences<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.preferences.title", &[]);
    let lead =
        words.say("page.preferences.lead", &[("address", model.address), ("newsletter", &model.newsletter.title)]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            @if model.saved { (saved(site, model)) }
            @if model.no_day { (not_saved("#until", site, &words.say("page.preferences.no_day", &[]))) }
            @if let Some((_, reason)) = model.no_address {
                (not_saved("#email", site, &words.say("page.form.fault.email", &[("reason", reason)])))
            }
            @if model.not_theirs.is_some() {
                (not_saved("#current", site, &words.say("page.form.fault.typed", &[])))
            }
            p.lead { (lead) }
            @if let Some(since) = model.since {
                p.meta { (words.say("page.preferences.since", &[("date", &words.date(since, site.zone))])) }
            }
            form method="post" action=(model.action) {
                (cadences(site, model))
                @if !model.topics.is_empty() { (topics(site, model.topics)) }
                (language(site, model.languages))
                p { button { (words.say("page.preferences.submit", &[])) } }
            }
            section {
                h2 { (words.say("page.preferences.leave_title", &[])) }
                p { (words.say("page.preferences.leave_hint", &[])) }
                p { a.button.quiet href=(model.leave) { (words.say("page.preferences.leave", &[])) } }
            }
            @if let Some(addresses) = model.own_feed { (own_feed(site, addresses, model.action)) }
            (address(site, model))
            section {
                h2 { (words.say("page.preferences.data_title", &[])) }
                p { (words.say("page.preferences.data_lead", &[])) }
                p { a.button.quiet href={ (model.action) "/data" } { (words.say("page.preferences.data", &[])) } }
            }
        },
    )
}

/// How often, and whether not for a while.
fn cadences(site: &Site<'_>, model: &Preferences<'_>) -> Markup {
    let (words, newsletter) = (site.words, model.newsletter);
    let is_paused = model.paused.is_some() || model.no_day;
    let today = site.now.in_zone(newsletter.zone).date_naive();
    let day = |days: u64| today.checked_add_days(Days::new(days)).unwrap_or(today).to_string();
    html! {
        fieldset {
            legend { (words.say("page.form.cadence", &[])) }
            @for &cadence in &newsletter.cadences {
                (radio(cadence.as_str(), &site.cadence(newsletter, cadence), !is_paused && cadence == model.cadence))
            }
            (radio(PAUSED, &words.say("page.preferences.pause", &[]), is_paused))
            div.choice-more {
                label for="until" { (words.say("page.preferences.until", &[])) }
                @if model.no_day { p.error #until-error { (words.say("page.preferences.no_day", &[])) } }
                input #until type="date" name="until" min=(day(1)) max=(day(366))
                    value=[model.paused.map(|until| until.in_zone(newsletter.zone).date_naive().to_string())]
                    aria-invalid=[model.no_day.then_some("true")]
                    aria-describedby=(if model.no_day { "until-error until-hint" } else { "until-hint" });
                p.hint #until-hint { (words.say("page.preferences.pause_hint", &[])) }
            }
            p.hint { (words.say("page.cadence.zone", &[("zone", newsletter.zone.name())])) }
        }
    }
}

fn topics(site: &Site<'_>, topics: &[TopicChoice]) -> Markup {
    let words = site.words;
    html! {
        fieldset aria-describedby="topics-hint" {
            legend { (words.say("page.preferences.topics", &[])) }
            p.hint #topics-hint { (words.say("page.preferences.topics_hint", &[])) }
            div.topics {
                @for topic in topics {
                    label.choice {
                        input type="checkbox" name=(format!("{TOPIC}{}", topic.slug)) checked[topic.chosen];
                        span { bdi { (topic.name) } }
                    }
                }
            }
        }
    }
}

/// The language this page is in, among those there are.
fn language(site: &Site<'_>, languages: &[(String, String)]) -> Markup {
    let words = site.words;
    let here = words.language();
    html! {
        label for="language" { (words.say("page.preferences.language", &[])) }
        p {
            select #language name=(LANGUAGE) aria-describedby="language-hint" {
                @for (tag, name) in languages {
                    option value=(tag) lang=(tag) dir=(Direction::of_language(tag).as_str()) selected[*tag == here] {
                        (name)
                    }
                }
            }
        }
        p.hint #language-hint { (words.say("page.preferences.language_hint", &[])) }
    }
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
    let words = site.words;
    html! {
        div.done role="status" {
            @if let Some(until) = model.paused {
                @let date = words.date(until, model.newsletter.zone);
                p { strong { (words.say("page.preferences.saved_pause", &[("date", &date)])) } }
            } @else {
                @let cadence = site.cadence(model.newsletter, model.cadence);
                p { strong { (words.say("page.preferences.saved", &[("cadence", &cadence)])) } }
                p { (site.next(model.newsletter, model.cadence)) }
            }
        }
    }
}

/// The form for another address.
fn address(site: &Site<'_>, model: &Preferences<'_>) -> Markup {
    let words = site.words;
    let typed = model.no_address.map(|(typed, _)| typed).or(model.not_theirs);
    let invalid = model.not_theirs.map(|_| "true");
    html! {
        section {
            h2 { (words.say("page.preferences.address_title", &[])) }
            p { (words.say("page.preferences.address_lead", &[])) }
            form method="post" action={ (model.action) "/address" } {
                label for="email" { (words.say("page.preferences.address_label", &[])) }
                @if let Some((_, reason)) = model.no_address {
                    p.error #email-error { (words.say("page.form.fault.email", &[("reason", reason)])) }
                }
                p {
                    input #email type="email" name="email" value=[typed] required
                        autocomplete="email" inputmode="email" maxlength="254"
                        aria-invalid=[model.no_address.map(|_| "true")]
                        aria-describedby=[model.no_address.map(|_| "email-error")];
                }
                label for="current" { (words.say("page.data.address", &[])) }
                @if model.not_theirs.is_some() {
                    p.error #current-error { (words.say("page.form.fault.typed", &[])) }
                }
                p {
                    input #current type="email" name="current" required autocomplete="off" inputmode="email"
                        maxlength="254" aria-invalid=[invalid] aria-describedby=[invalid.map(|_| "current-error")];
                }
                button.quiet { (words.say("page.preferences.address_submit", &[])) }
            }
        }
    }
}

fn not_saved(field: &str, site: &Site<'_>, reason: &str) -> Markup {
    html! {
        div.faults role="alert" {
            h2 { (site.words.say("page.preferences.not_saved", &[])) }
            ul { li { a href=(field) { (reason) } } }
        }
    }
}
