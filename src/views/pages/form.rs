//! The subscribe form, on its own page and inside others, and what follows it.

use maud::{Markup, html};

use super::frame::{Head, Site, Tab};
use crate::domain::cadence::Cadence;
use crate::domain::newsletter::Newsletter;
use crate::views::direction::Direction;

/// The field that people do not see and machines fill in.
pub const TRAP: &str = "website";

/// The field that says since when, in unix seconds, the form has been looked at.
pub const SINCE: &str = "since";

/// The field, and the part of an address, that says in which language.
pub const LANGUAGE: &str = "language";

/// A path where a page speaks that language; `None` is the site's.
pub fn in_language(path: &str, language: Option<&str>) -> String {
    language.map_or_else(|| path.to_owned(), |tag| format!("{path}?{LANGUAGE}={tag}"))
}

/// What the form shows.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// What can be had: one, or several to choose from; never empty.
    pub newsletters: &'a [Newsletter],
    /// The id chosen so far.
    pub newsletter: Option<&'a str>,
    /// The cadence chosen so far.
    pub cadence: Option<Cadence>,
    /// The address entered so far.
    pub email: &'a str,
    /// Since when it has been looked at, when it was sent in before: unix seconds.
    pub since: Option<i64>,
    /// The language chosen, where it is not the site's.
    pub language: Option<&'a str>,
    /// What was wrong with the last try.
    pub faults: &'a [FormFault],
}

/// What was wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormFault {
    /// The address, and why.
    Email(String),
    /// Sent in faster than a person fills it in.
    Quick,
    /// No such newsletter, or none chosen.
    Newsletter,
    /// Not one of the newsletter's cadences.
    Cadence {
        /// The newsletter's title.
        newsletter: String,
    },
}

impl FormFault {
    /// Name of the field in forms and JSON.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Email(_) | Self::Quick => "email",
            Self::Newsletter => "newsletter",
            Self::Cadence { .. } => "cadence",
        }
    }

    /// What to do about it, a sentence.
    pub fn sentence(&self, site: &Site<'_>) -> String {
        let words = site.words;
        match self {
            Self::Email(reason) => words.say("page.form.fault.email", &[("reason", reason)]),
            Self::Quick => words.say("page.form.fault.quick", &[]),
            Self::Newsletter => words.say("page.form.fault.newsletter", &[]),
            Self::Cadence { newsletter } => words.say("page.form.fault.cadence", &[("newsletter", newsletter)]),
        }
    }
}

impl<'a> Form<'a> {
    /// An empty form for these newsletters.
    pub fn new(newsletters: &'a [Newsletter]) -> Self {
        Self { newsletters, newsletter: None, cadence: None, email: "", since: None, language: None, faults: &[] }
    }

    fn single(&self) -> Option<&'a Newsletter> {
        match self.newsletters {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Every cadence any of them offers, most frequent first.
    fn cadences(&self) -> impl Iterator<Item = Cadence> + '_ {
        Cadence::ALL.into_iter().filter(|c| self.newsletters.iter().any(|n| n.cadences.contains(c)))
    }

    fn fault(&self, field: &str) -> Option<&FormFault> {
        self.faults.iter().find(|fault| fault.field() == field)
    }
}

/// What somebody agrees to by sending the form: kept as proof of consent.
pub fn consent(site: &Site<'_>, newsletter: &Newsletter, cadence: Cadence) -> String {
    let cadence = site.cadence(newsletter, cadence);
    site.words.say("page.form.consent", &[("newsletter", &newsletter.title), ("cadence", &cadence)])
}

/// The form itself, with a summary of what was wrong above it.
pub fn form(site: &Site<'_>, form: &Form<'_>) -> Markup {
    let words = site.words;
    html! {
        (summary(site, form))
        form method="post" action="/subscribe" {
            @match form.single() {
                Some(only) => input type="hidden" name="newsletter" value=(only.id);,
                None => (newsletters(site, form)),
            }
            @if let Some(language) = form.language { input type="hidden" name=(LANGUAGE) value=(language); }
            label for="email" { (words.say("page.form.email", &[])) }
            (error(site, form, "email"))
            p {
                input #email type="email" name="email" value=(form.email) required autocomplete="email"
                    inputmode="email" maxlength="254" aria-invalid=[form.fault("email").map(|_| "true")]
                    aria-describedby=[form.fault("email").map(|_| "email-error")];
            }
            (cadences(site, form))
            (since_and_trap(site, form))
            p { button { (words.say("page.form.submit", &[])) } }
            p.hint { (words.say("page.form.promise", &[])) }
        }
    }
}

/// The form in short, where something else was read: the address alone, and how
/// often as the newsletter usually comes. Of several newsletters one is chosen first.
pub fn short_form(site: &Site<'_>, form: &Form<'_>) -> Markup {
    let words = site.words;
    let submit = words.say("page.form.submit", &[]);
    html! {
        @if let Some(only) = form.single() {
            form method="post" action="/subscribe" {
                div.search {
                    label for="email" { (words.say("page.form.email", &[])) }
                    input #email type="email" name="email" required autocomplete="email" inputmode="email"
                        maxlength="254";
                    button { (submit) }
                }
                input type="hidden" name="newsletter" value=(only.id);
                (since_and_trap(site, form))
                p.hint { (words.say("page.form.promise", &[])) }
            }
        } @else {
            p.actions { a.button href="/subscribe" { (submit) } }
        }
    }
}

/// Since when it has been looked at, and the field for machines.
fn since_and_trap(site: &Site<'_>, form: &Form<'_>) -> Markup {
    html! {
        input type="hidden" name=(SINCE) value=(form.since.unwrap_or(site.now.0.div_euclid(1_000)));
        p.trap aria-hidden="true" {
            label for="website" { (site.words.say("page.form.trap", &[])) }
            input #website type="text" name=(TRAP) tabindex="-1" autocomplete="off";
        }
    }
}

fn summary(site: &Site<'_>, form: &Form<'_>) -> Markup {
    html! {
        @if !form.faults.is_empty() {
            div.faults role="alert" {
                h2 { (site.words.say("page.form.faults", &[])) }
                ul {
                    @for fault in form.faults {
                        li { a href={ "#" (fault.field()) } { (fault.sentence(site)) } }
                    }
                }
            }
        }
    }
}

fn error(site: &Site<'_>, form: &Form<'_>, field: &str) -> Markup {
    html! {
        @if let Some(fault) = form.fault(field) {
            p.error id={ (field) "-error" } { (fault.sentence(site)) }
        }
    }
}

fn newsletters(site: &Site<'_>, form: &Form<'_>) -> Markup {
    html! {
        fieldset #newsletter aria-describedby=[form.fault("newsletter").map(|_| "newsletter-error")] {
            legend { (site.words.say("page.form.newsletter", &[])) }
            (error(site, form, "newsletter"))
            @for newsletter in form.newsletters {
                label.choice {
                    input type="radio" name="newsletter" value=(newsletter.id) required
                        checked[form.newsletter == Some(newsletter.id.as_str())];
                    span { (newsletter.title) span.hint { (newsletter.description) } }
                }
            }
        }
    }
}

fn cadences(site: &Site<'_>, form: &Form<'_>) -> Markup {
    let words = site.words;
    let single = form.single();
    let chosen = form.cadence.or(single.map(|n| n.default_cadence)).or(form.cadences().last());
    let note = match single {
        Some(newsletter) => words.say("page.cadence.zone", &[("zone", newsletter.zone.name())]),
        None => words.say("page.cadence.zone_loose", &[]),
    };
    let sentence = |c| single.map_or_else(|| site.loose_cadence(c), |newsletter| site.cadence(newsletter, c));
    html! {
        fieldset #cadence aria-describedby=[form.fault("cadence").map(|_| "cadence-error")] {
            legend { (words.say("page.form.cadence", &[])) }
            (error(site, form, "cadence"))
            @for cadence in form.cadences() { (radio(cadence.as_str(), &sentence(cadence), chosen == Some(cadence))) }
            p.hint { (note) }
        }
    }
}

/// A radio button with a full sentence.
pub fn radio(value: &str, sentence: &str, is_chosen: bool) -> Markup {
    html! {
        label.choice {
            input type="radio" name="cadence" value=(value) required checked[is_chosen];
            span { (sentence) }
        }
    }
}

/// A field for the address a page is about, which shows it masked: a machine
/// that presses every button does not fill it in, and a stranger seldom can.
pub fn typed_address(site: &Site<'_>, label: &str, is_wrong: bool) -> Markup {
    html! {
        @if is_wrong {
            div.faults role="alert" {
                h2 { (site.words.say("page.form.faults", &[])) }
                ul { li { a href="#email" { (site.words.say("page.form.fault.typed", &[])) } } }
            }
        }
        label for="email" { (site.words.say(label, &[])) }
        @if is_wrong { p.error #email-error { (site.words.say("page.form.fault.typed", &[])) } }
        p {
            input #email type="email" name="email" required autocomplete="email" inputmode="email" maxlength="254"
                aria-invalid=[is_wrong.then_some("true")] aria-describedby=[is_wrong.then_some("email-error")];
        }
    }
}

/// `/subscribe` and `/subscribe/NEWSLETTER`; `languages` are those there are, by
/// tag, with their own names, the site's first.
pub fn subscribe(site: &Site<'_>, model: &Form<'_>, languages: &[(String, String)]) -> Markup {
    let words = site.words;
    let (title, description) = match model.single() {
        Some(only) => (words.say("page.subscribe.title", &[("newsletter", &only.title)]), only.description.as_str()),
        None => (words.say("page.subscribe.title_many", &[]), site.description),
    };
    let canonical = format!("{}/subscribe", site.public_url);
    site.page(
        Head { title: &title, tab: Tab::Subscribe, canonical: Some(&canonical) },
        html! {
            h1 { (title) }
            @if !description.is_empty() { p.lead { (description) } }
            (form(site, model))
            p.hint { (words.say("page.subscribe.known", &[])) }
            (other_languages(site, languages))
        },
    )
}

/// The same page in the other languages: each said in itself.
fn other_languages(site: &Site<'_>, languages: &[(String, String)]) -> Markup {
    let here = site.words.language();
    html! {
        nav.languages aria-label=(site.words.say("page.subscribe.languages", &[])) {
            @for (n, (tag, name)) in languages.iter().enumerate().filter(|(_, (tag, _))| *tag != here) {
                a href=(in_language("/subscribe", (n > 0).then_some(tag))) hreflang=(tag) lang=(tag)
                    dir=(Direction::of_language(tag).as_str()) { (name) }
                " "
            }
        }
    }
}

/// `/subscribe/sent`: the same for every address, known or not.
pub struct Sent<'a> {
    /// Who the mail comes from: `Example Blog <news@example.org>`.
    pub from: &'a str,
    /// The language chosen, where it is not the site's.
    pub language: Option<&'a str>,
}

/// What to do after the form.
pub fn sent(site: &Site<'_>, model: &Sent<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.sent.title", &[]);
    let subject = words.say("mail.confirm.subject", &[("site", site.title)]);
    site.page(
        Head { title: &title, tab: Tab::Subscribe, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (words.say("page.sent.lead", &[])) }
            ul {
                li { (words.say("page.sent.from", &[("from", model.from)])) }
                li { (words.say("page.sent.subject", &[("subject", &subject)])) }
                li { (words.say("page.sent.wait", &[])) }
                li { (words.say("page.sent.limit", &[])) }
            }
            p { (words.say("page.sent.again", &[])) " " a href=(in_language("/subscribe", model.language)) { (words.say("page.sent.retry", &[])) } "." }
        },
    )
}
