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
    &["Feeder", "Read\u{a0}You", "FocusReader"],
    &["Fluent\u{a0}Reader", "Raven\u{a0}Reader", "QuiteRSS"],
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
            @for line in model.lines.iter().filter(|line| line.topic.is_none()) {
                h2 { (words.say("page.feeds.all", &[])) }
                p.meta {
                    (if model.full_text { words.say("page.feeds.full", &[]) } else { words.say("page.feeds.summary", &[]) })
                    @if let Some(latest) = latest(site, line) { ", " (latest) }
                }
                (addresses(site, line))
            }
            @if model.lines.iter().any(|line| line.topic.is_some()) {
                h2 { (words.say("page.feeds.topics", &[])) }
            }
            @for line in model.lines {
                @if let Some(topic) = &line.topic {
                    details.feed {
                        summary { strong { (topic) } " " @if let Some(latest) = latest(site, line) { span.meta { (latest) } } }
                        (addresses(site, line))
                    }
                }
            }
            h2 { (words.say("page.feeds.readers", &[])) }
            p { (words.say("page.feeds.readers_lead", &[])) }
            (readers(site))
            p { (words.say("page.feeds.mail", &[])) " " a href="/subscribe" { (words.say("page.frame.subscribe", &[])) } }
        },
    )
}

fn latest(site: &Site<'_>, line: &FeedLine) -> Option<String> {
    let date = site.words.date(line.latest?, site.zone);
    Some(site.words.say("page.feeds.latest", &[("date", &date)]))
}

fn addresses(site: &Site<'_>, line: &FeedLine) -> Markup {
    let words = site.words;
    let name = match &line.topic {
        None => words.say("page.feeds.all", &[]),
        Some(topic) => words.say("page.feeds.topic", &[("topic", topic)]),
    };
    html! {
        dl.feeds {
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
