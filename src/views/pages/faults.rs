//! Pages for requests that cannot be answered: fixed and short, so that
//! nothing of the request is ever shown back.

use maud::{Markup, html};

use super::frame::{Head, Site, Tab};
use super::posts::search;

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: the request cannot be read.
    Garbled,
    /// 404: no such page.
    Unknown,
    /// 405: the page does not take this method.
    Method,
    /// 408: the body did not come in time.
    Slow,
    /// 410: a post that was removed.
    PostRemoved,
    /// 410: an edition that was cancelled.
    EditionCancelled,
    /// 413: the body is over the limit.
    TooLarge,
    /// 415: neither a web form nor JSON.
    Kind,
    /// 429: too many tries from one network, and how many minutes to wait.
    TooMany(u32),
    /// 500: a fault of ours.
    Broken,
    /// 503: the database cannot be written or read just now.
    Unavailable,
}

impl Fault {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Garbled => 400,
            Self::Unknown => 404,
            Self::Method => 405,
            Self::Slow => 408,
            Self::PostRemoved | Self::EditionCancelled => 410,
            Self::TooLarge => 413,
            Self::Kind => 415,
            Self::TooMany(_) => 429,
            Self::Broken => 500,
            Self::Unavailable => 503,
        }
    }
}

/// What happened and one way on.
pub fn fault(site: &Site<'_>, fault: &Fault) -> Markup {
    let (title, lead) = sentences(site, fault);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (lead) }
            @if *fault == Fault::Unknown { (search(site, "")) }
            p { a href="/" { (site.words.say("page.fault.back", &[])) } }
        },
    )
}

/// Title and sentence; JSON answers use the sentence.
pub fn sentences(site: &Site<'_>, fault: &Fault) -> (String, String) {
    let words = site.words;
    match fault {
        Fault::Garbled => (words.say("page.fault.400.title", &[]), words.say("page.fault.400.lead", &[])),
        Fault::Unknown => (words.say("page.fault.404.title", &[]), words.say("page.fault.404.lead", &[])),
        Fault::Method => (words.say("page.fault.405.title", &[]), words.say("page.fault.405.lead", &[])),
        Fault::Slow => (words.say("page.fault.408.title", &[]), words.say("page.fault.408.lead", &[])),
        Fault::PostRemoved => (words.say("page.post.gone_title", &[]), words.say("page.post.gone", &[])),
        Fault::EditionCancelled => (words.say("page.editions.gone_title", &[]), words.say("page.editions.gone", &[])),
        Fault::TooLarge => (words.say("page.fault.413.title", &[]), words.say("page.fault.413.lead", &[])),
        Fault::Kind => (words.say("page.fault.415.title", &[]), words.say("page.fault.415.lead", &[])),
        Fault::TooMany(minutes) => {
            let wait = words.count("page.wait.minutes", *minutes as usize, &[]);
            (words.say("page.fault.429.title", &[]), words.say("page.fault.429.lead", &[("wait", &wait)]))
        }
        Fault::Broken => (words.say("page.fault.500.title", &[]), words.say("page.fault.500.lead", &[])),
        Fault::Unavailable => (words.say("page.fault.503.title", &[]), words.say("page.fault.503.lead", &[])),
    }
}
