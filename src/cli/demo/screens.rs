//! The web inbox as HTML: the list, one message in its five views, and the
//! strip of links above them. Pure functions of plain models.

use std::sync::Arc;

use maud::{DOCTYPE, Markup, html};

use super::mailbox::{Caught, Opened};

/// Rows the list shows; the filter finds the others.
const MAX_ROWS: usize = 250;

/// Where the demo's other doors are.
#[derive(Clone, Debug)]
pub struct Place {
    /// Of the public pages, without a slash at the end.
    pub public_url: String,
    /// Of this inbox, without a slash at the end.
    pub inbox_url: String,
    /// The folder whose files become posts.
    pub archive: String,
}

/// How a message is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The HTML part, 640 px wide.
    Desktop,
    /// The HTML part, 375 px wide.
    Phone,
    /// The text part.
    Text,
    /// Every header, decoded.
    Headers,
    /// The bytes as they came.
    Source,
}

impl View {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Desktop, "desktop", "Desktop"),
        (Self::Phone, "phone", "Phone"),
        (Self::Text, "text", "Text"),
        (Self::Headers, "headers", "Headers"),
        (Self::Source, "source", "Source"),
    ];

    /// The view an address names; [`View::Desktop`] for any other word.
    pub fn named(word: Option<&str>) -> Self {
        Self::ALL.iter().find(|(_, name, _)| Some(*name) == word).map_or(Self::Desktop, |(view, ..)| *view)
    }
}

/// The list beside a message.
pub struct List {
    /// Newest first, already filtered.
    pub messages: Vec<Arc<Caught>>,
    /// The filter as it was typed; empty for all.
    pub to: String,
    /// The message on view.
    pub open: Option<u64>,
    /// The newest id in the whole mailbox.
    pub latest: u64,
}

/// What stands in the large pane.
pub enum Pane<'a> {
    /// A message in a view.
    Message(&'a Caught, View),
    /// Nothing chosen.
    Nothing,
    /// No mail has come yet.
    Waiting,
    /// A message that never came, or had to make room.
    Gone,
}

/// The whole page.
pub fn page(place: &Place, list: &List, pane: &Pane<'_>) -> Markup {
    let title = match pane {
        Pane::Message(message, _) => message.subject.as_str(),
        _ => "Inbox",
    };
    let reading = matches!(pane, Pane::Message(..) | Pane::Gone);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Postroom demo" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/inbox.css";
                script src="/inbox.js" defer {}
            }
            body class=(if reading { "reading" } else { "listing" }) data-waiting[matches!(pane, Pane::Waiting)] {
                a.skip href="#message" { "Skip to the message" }
                (strip(place))
                div.desk {
                    section.side aria-label="Messages" {
                        (filter(list))
                        div #list data-address=(list_address(list)) data-latest=(list.latest) { (rows(list)) }
                    }
                    main #message tabindex="-1" { (self::pane(place, list, pane)) }
                }
            }
        }
    }
}

fn strip(place: &Place) -> Markup {
    let link = |path: &str, words: &str| {
        html! { a href={ (place.public_url) (path) } target="_blank" rel="noopener" { (words) } }
    };
    html! {
        header.strip {
            a.brand href="/" { "Postroom demo" }
            nav aria-label="The blog" {
                (link("/", "Blog")) (link("/subscribe", "Subscribe")) (link("/feeds", "Feeds"))
            }
            p.drop { span { "New post: drop a file here" } " " code { (place.archive) } }
        }
    }
}

fn filter(list: &List) -> Markup {
    html! {
        form.filter action="/messages" method="get" role="search" {
            label for="to" { "To" }
            input #to name="to" type="search" value=(list.to) autocomplete="off" spellcheck="false";
            button { "Filter" }
        }
    }
}

/// The rows and their count: what the script replaces when mail arrives.
pub fn rows(list: &List) -> Markup {
    let shown = list.messages.len().min(MAX_ROWS);
    html! {
        p.count {
            span role="status" { (counted(list)) }
            @if !list.to.is_empty() { a href="/messages" { "All messages" } }
            a href=(with_filter("/messages", &list.to, None)) { "Refresh" }
        }
        ol {
            @for message in &list.messages[..shown] {
                li {
                    a href=(with_filter(&format!("/messages/{}", message.id), &list.to, None))
                      aria-current=[(list.open == Some(message.id)).then_some("true")] {
                        span.to { (message.recipients()) }
                        (clock(message))
                        span.subject dir="auto" { (message.subject) }
                    }
                }
            }
        }
        @if list.messages.len() > shown {
            p.more { "The newest " (shown) " are shown; filter by recipient to find the others." }
        }
    }
}

fn counted(list: &List) -> String {
    match (list.messages.len(), list.to.is_empty()) {
        (0, true) => "No mail yet".into(),
        (0, false) => "No mail to this recipient".into(),
        (1, _) => "1 message".into(),
        (n, _) => format!("{n} messages"),
    }
}

fn clock(message: &Caught) -> Markup {
    let utc = message.received.utc();
    html! { time datetime=(message.received.rfc3339()) { (utc.format("%H:%M:%S")) " UTC" } }
}

fn pane(place: &Place, list: &List, pane: &Pane<'_>) -> Markup {
    match pane {
        Pane::Message(message, view) => self::message(place, list, message, *view),
        Pane::Nothing if list.messages.is_empty() => html! {},
        Pane::Nothing => html! { div.empty { p { "Choose a message to read it as its reader does." } } },
        Pane::Waiting => html! {
            div.empty {
                h1 { "The first digest is on its way" }
                p { "It appears here by itself; without JavaScript, " a href="/" { "refresh" } "." }
            }
        },
        Pane::Gone => html! {
            div.empty {
                h1 { "That message is not here" }
                p { "The demo keeps mail in memory and lets the oldest go. " a href="/messages" { "All messages" } }
            }
        },
    }
}

fn message(place: &Place, list: &List, message: &Caught, view: View) -> Markup {
    let opened = message.open();
    html! {
        div.head {
            a.back href=(with_filter("/messages", &list.to, None)) { "All messages" }
            h1 dir="auto" { (message.subject) }
            div.meta {
                p { "To " b { (message.recipients()) } span.from { " from " (header(&opened, "From")) } " at " (clock(message)) }
                (one_click(place, &opened))
            }
            nav.tabs aria-label="Views" {
                @for (each, name, words) in View::ALL {
                    a href=(with_filter(&format!("/messages/{}", message.id), &list.to, Some(name)))
                      aria-current=[(each == view).then_some("page")] { (words) }
                }
            }
        }
        div.body { (body(message, &opened, view)) }
    }
}

fn body(message: &Caught, opened: &Opened, view: View) -> Markup {
    match view {
        View::Desktop | View::Phone if opened.html.is_none() => {
            html! { p.note { "This message has no HTML part; its text is under Text." } }
        }
        View::Desktop | View::Phone => html! {
            iframe class=(if view == View::Phone { "phone" } else { "desktop" }) title="The message"
                sandbox="allow-popups allow-popups-to-escape-sandbox" src={ "/messages/" (message.id) "/html" } {}
        },
        View::Text => match &opened.text {
            Some(text) => html! { pre.text dir="auto" { (linked(text)) } },
            None => html! { p.note { "This message has no text part." } },
        },
        View::Headers => html! {
            dl.headers tabindex="0" aria-label="Headers" {
                @for (name, value) in &opened.headers { dt { (name) } dd { (value) } }
            }
        },
        View::Source => html! {
            pre.source tabindex="0" aria-label="Source" { (String::from_utf8_lossy(&message.raw)) }
        },
    }
}

/// The button mail programs put beside the sender: the one-click POST of RFC
/// 8058, offered only for addresses of this demo.
fn one_click(place: &Place, opened: &Opened) -> Markup {
    let offered = header(opened, "List-Unsubscribe-Post").eq_ignore_ascii_case("List-Unsubscribe=One-Click");
    let address = header(opened, "List-Unsubscribe")
        .split(',')
        .filter_map(|part| part.trim().strip_prefix('<')?.strip_suffix('>'))
        .find(|address| address.starts_with(&format!("{}/", place.public_url)));
    html! {
        @if let Some(address) = address.filter(|_| offered) {
            form method="post" action=(address) target="_blank" {
                input type="hidden" name="List-Unsubscribe" value="One-Click";
                button title="As mail programs offer it: one POST, RFC 8058" { "Unsubscribe" }
            }
        }
    }
}

fn header<'a>(opened: &'a Opened, name: &str) -> &'a str {
    opened.headers.iter().find(|(each, _)| each.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// The text with its web addresses made links, as mail programs do.
fn linked(text: &str) -> Markup {
    html! {
        @for piece in text.split_inclusive(char::is_whitespace) {
            @let word = piece.trim_end();
            @if word.starts_with("http://") || word.starts_with("https://") {
                a href=(word) target="_blank" rel="noopener" { (word) } (piece[word.len()..])
            } @else { (piece) }
        }
    }
}

fn list_address(list: &List) -> String {
    let open = list.open.map(|id| id.to_string()).unwrap_or_default();
    with_query("/list", &[("to", &list.to), ("open", &open)])
}

fn with_filter(path: &str, to: &str, view: Option<&str>) -> String {
    with_query(path, &[("to", to), ("view", view.unwrap_or_default())])
}

/// A path with those of the pairs that have a value.
fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}
