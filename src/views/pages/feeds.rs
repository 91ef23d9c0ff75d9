//! `/feeds`, for people: every link that says "feed" comes here, because a
//! browser shows a raw feed as a broken page.

use maud::{Markup, html};

use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;

/// What a feed holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// All posts.
    Posts,
    /// The posts of a topic, by its name.
    Topic(String),
    /// The posts of an author.
    Author(String),
    /// The editions of a newsletter, by its title.
    Editions(String),
}

/// One thing to follow, in several formats.
#[derive(Clone, Debug)]
pub struct FeedLine {
    /// What it holds.
    pub about: About,
    /// Date of its newest item.
    pub latest: Option<Timestamp>,
    /// Name of the format and absolute address.
    pub addresses: Vec<(&'static str, String)>,
    /// The same with summaries instead of whole posts; empty where there is no such.
    pub summaries: Vec<(&'static str, String)>,
}

/// What can be followed.
pub struct Feeds<'a> {
    /// All posts first.
    pub lines: &'a [FeedLine],
    /// Whole posts rather than summaries.
    pub full_text: bool,
    /// Absolute address of the list of all of them.
    pub opml: &'a str,
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
            @for line in model.lines.iter().filter(|line| line.about == About::Posts) {
                h2 { (words.say("page.feeds.all", &[])) }
                p.meta {
                    (if model.full_text { words.say("page.feeds.full", &[]) } else { words.say("page.feeds.summary", &[]) })
                    @if let Some(latest) = latest(site, line) { ", " (latest) }
                }
                (addresses(site, line))
                (summaries(site, line))
            }
            (group(site, "page.feeds.editions", model, |about| matches!(about, About::Editions(_))))
            (group(site, "page.feeds.topics", model, |about| matches!(about, About::Topic(_))))
            (group(site, "page.feeds.authors", model, |about| matches!(about, About::Author(_))))
            h2 { (words.say("page.feeds.opml", &[])) }
            p { (words.say("page.feeds.opml_lead", &[])) }
            dl.feeds { (field("OPML", model.opml, &words.say("page.feeds.opml", &[]))) }
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

/// Feeds of one sort, each behind its name.
fn group(site: &Site<'_>, title: &str, model: &Feeds<'_>, is_in: impl Fn(&About) -> bool) -> Markup {
    let lines: Vec<&FeedLine> = model.lines.iter().filter(|line| is_in(&line.about)).collect();
    html! {
        @if !lines.is_empty() { h2 { (site.words.say(title, &[])) } }
        @for line in lines {
            details.feed {
                summary {
                    strong { bdi { (name(site, line)) } } " "
                    @if let Some(latest) = latest(site, line) { span.meta { (latest) } }
                }
                (addresses(site, line))
                (summaries(site, line))
            }
        }
    }
}

/// As its heading calls it.
fn name(site: &Site<'_>, line: &FeedLine) -> String {
    match &line.about {
        About::Posts => site.words.say("page.feeds.all", &[]),
        About::Topic(name) | About::Author(name) | About::Editions(name) => name.clone(),
    }
}

/// As the names of its addresses call it.
fn full_name(site: &Site<'_>, line: &FeedLine) -> String {
    let words = site.words;
    match &line.about {
        About::Posts => words.say("page.feeds.all", &[]),
        About::Topic(topic) => words.say("page.feeds.topic", &[("topic", topic)]),
        About::Author(author) => words.say("page.feeds.author", &[("author", author)]),
        About::Editions(newsletter) => words.say("page.feeds.of_editions", &[("newsletter", newsletter)]),
    }
}

fn addresses(site: &Site<'_>, line: &FeedLine) -> Markup {
    let name = full_name(site, line);
    let label = |format: &str| site.words.say("page.feeds.address", &[("format", format), ("feed", &name)]);
    html! {
        dl.feeds { @for (format, address) in &line.addresses { (field(format, address, &label(format))) } }
    }
}

/// The lighter kind, for who reads little of much.
fn summaries(site: &Site<'_>, line: &FeedLine) -> Markup {
    let (words, name) = (site.words, full_name(site, line));
    let label = |format: &str| words.say("page.feeds.summary_address", &[("format", format), ("feed", &name)]);
    html! {
        @if !line.summaries.is_empty() {
            details.feed {
                summary { (words.say("page.feeds.summaries", &[])) }
                dl.feeds { @for (format, address) in &line.summaries { (field(format, address, &label(format))) } }
            }
        }
    }
}

/// One address to be copied.
fn field(format: &str, address: &str, label: &str) -> Markup {
    html! {
        dt { (format) }
        dd { input type="text" readonly value=(address) aria-label=(label); }
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
