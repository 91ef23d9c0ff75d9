//! `/feeds`, for people: every link that says "feed" comes here, because a
//! browser shows a raw feed as a broken page.

use maud::{Markup, html};

use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;

/// One thing to follow, in several formats.
#[derive(Clone, Debug)]
pub struct FeedLine {
    /// Name of the topic; `None` for all posts.
    pub topic: Option<String>,
    /// Date of its newest post.
    pub latest: Option<Timestamp>,
    /// Name of the format and absolute address.
    pub addresses: Vec<(&'static str, String)>,
}

/// What can be followed.
pub struct Feeds<'a> {
    /// All posts first, then topics.
    pub lines: &'a [FeedLine],
    /// Whole posts rather than summaries.
    pub full_text: bool,
}

/// Readers that take any address, by where they run. Named without links: the
/// names find them, and addresses of others rot.
const READERS: [&[&str]; 5] = [
    &["Feedbin", "Inoreader", "NewsBlur"],
    &["NetNewsWire", "Reeder", "Unread"],
    &["Feeder", "Read You", "FocusReader"],
    &["Fluent Reader", "Raven Reader", "QuiteRSS"],
    &["NewsFlash", "Newsboat", "Liferea"],
];

/// What a feed is, the addresses, programs that read them.
pub fn feeds(site: &Site<'_>, model: &Feeds<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.feeds.title", &[]);
    let canonical = format!("{}/feeds", site.public_url);
    site.page(
        Head { title: &title, tab: Tab::Feeds, canonical: Some(&canonical) },
        html! {
            h1 { (title) }
            p.lead { (words.say("page.feeds.lead", &[])) }
            ul.feeds { @for line in model.lines { li { (addresses(site, line, model.full_text)) } } }
            h2 { (words.say("page.feeds.readers", &[])) }
            p { (words.say("page.feeds.readers_lead", &[])) }
            (readers(site))
            p { (words.say("page.feeds.mail", &[])) " " a href="/subscribe" { (words.say("page.frame.subscribe", &[])) } }
        },
    )
}

fn addresses(site: &Site<'_>, line: &FeedLine, full_text: bool) -> Markup {
    let words = site.words;
    let name = match &line.topic {
        None => words.say("page.feeds.all", &[]),
        Some(topic) => words.say("page.feeds.topic", &[("topic", topic)]),
    };
    let kind = if full_text { words.say("page.feeds.full", &[]) } else { words.say("page.feeds.summary", &[]) };
    let latest = line.latest.map(|at| {
        let date = words.date(at, site.zone);
        words.say("page.feeds.latest", &[("date", &date)])
    });
    html! {
        strong { (name) }
        div.meta { (kind) @if let Some(latest) = &latest { ", " (latest) } }
        dl {
            @for (format, address) in &line.addresses {
                dt { (format) }
                dd {
                    input type="text" readonly value=(address)
                        aria-label=(words.say("page.feeds.address", &[("format", format), ("feed", &name)]));
                }
            }
        }
    }
}

fn readers(site: &Site<'_>) -> Markup {
    let words = site.words;
    let places = [
        words.say("page.feeds.web", &[]),
        words.say("page.feeds.apple", &[]),
        words.say("page.feeds.android", &[]),
        words.say("page.feeds.windows", &[]),
        words.say("page.feeds.linux", &[]),
    ];
    html! {
        ul { @for (place, names) in places.iter().zip(READERS) { li { (place) ": " (names.join(", ")) } } }
    }
}
