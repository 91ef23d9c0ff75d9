//! The first page, the archive, and a post in full.

use chrono::Datelike;
use maud::{Markup, PreEscaped, html};

use super::form::{Form, form};
use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;
use crate::domain::post::{Access, Post};

/// A post in a list.
#[derive(Clone, Debug)]
pub struct PostLine {
    /// Its title.
    pub title: String,
    /// Absolute address on the operator's site.
    pub url: String,
    /// The author's date.
    pub date: Timestamp,
    /// BCP 47 tag when it differs from the site's.
    pub language: Option<String>,
    /// Reading time.
    pub minutes: u32,
}

impl From<&Post> for PostLine {
    fn from(post: &Post) -> Self {
        let entry = &post.entry;
        Self {
            title: entry.title.clone(),
            url: entry.url.clone(),
            date: entry.date,
            language: entry.language.clone(),
            minutes: entry.minutes(),
        }
    }
}

/// `/`: what this is, the latest, the form.
pub fn home(site: &Site<'_>, latest: &[PostLine], subscribe: &Form<'_>) -> Markup {
    let words = site.words;
    let canonical = format!("{}/", site.public_url);
    site.page(
        Head { title: "", tab: Tab::Elsewhere, canonical: Some(&canonical) },
        html! {
            h1 { (site.title) }
            @if !site.description.is_empty() { p.lead { (site.description) } }
            section {
                h2 { (words.say("page.home.latest", &[])) }
                @if latest.is_empty() { p { (words.say("page.home.empty", &[])) } } @else {
                    (list(site, latest, |post| words.near_date(post.date, site.zone, site.now)))
                    p { a href="/archive" { (words.say("page.home.all", &[])) } }
                }
            }
            section.aside {
                h2 { (words.say("page.home.by_mail", &[])) }
                (form(site, subscribe))
                p { a href="/feeds" { (words.say("page.home.by_feed", &[])) } }
            }
        },
    )
}

/// `/archive`: every post, newest first, by year.
pub fn archive(site: &Site<'_>, posts: &[PostLine]) -> Markup {
    let words = site.words;
    let title = words.say("page.archive.title", &[]);
    let canonical = format!("{}/archive", site.public_url);
    let year = |post: &PostLine| post.date.in_zone(site.zone).year();
    site.page(
        Head { title: &title, tab: Tab::Posts, canonical: Some(&canonical) },
        html! {
            h1 { (title) }
            @if posts.is_empty() { p { (words.say("page.archive.empty", &[])) } }
            @for of_year in posts.chunk_by(|a, b| year(a) == year(b)) {
                h2 { (year(&of_year[0])) }
                (list(site, of_year, |post| words.near_date(post.date, site.zone, post.date)))
            }
        },
    )
}

fn list(site: &Site<'_>, posts: &[PostLine], date: impl Fn(&PostLine) -> String) -> Markup {
    html! {
        ul.posts {
            @for post in posts {
                @let tongue = site.tongue(post.language.as_deref());
                li {
                    time datetime=(post.date.rfc3339()) { (date(post)) }
                    a href=(post.url) lang=[tongue.map(|t| t.0)] dir=[tongue.map(|t| t.1)] { (post.title) }
                }
            }
        }
    }
}

/// `/posts/SLUG`.
pub fn post(site: &Site<'_>, post: &Post) -> Markup {
    let entry = &post.entry;
    let tongue = site.tongue(entry.language.as_deref());
    site.page(
        Head { title: &entry.title, tab: Tab::Posts, canonical: Some(&entry.url) },
        html! {
            article.post {
                h1 lang=[tongue.map(|t| t.0)] dir=[tongue.map(|t| t.1)] { (entry.title) }
                (byline(site, post))
                div lang=[tongue.map(|t| t.0)] dir=[tongue.map(|t| t.1)] { (body(post)) }
                @if entry.access == Access::Subscribers {
                    p { strong { (site.words.say("page.post.subscribers", &[])) } " "
                        a href="/subscribe" { (site.words.say("page.frame.subscribe", &[])) } }
                }
            }
        },
    )
}

fn byline(site: &Site<'_>, post: &Post) -> Markup {
    let (words, entry) = (site.words, &post.entry);
    let minutes = words.say("page.post.minutes", &[("minutes", &entry.minutes().to_string())]);
    let elsewhere = !entry.url.strip_prefix(site.public_url).is_some_and(|rest| rest.starts_with('/'));
    html! {
        p.meta {
            time datetime=(entry.date.rfc3339()) { (words.date(entry.date, site.zone)) } " · " (minutes)
            @if !entry.authors.is_empty() {
                " · " (words.say("page.post.by", &[("authors", &entry.authors.join(", "))]))
            }
            @for topic in &entry.topics { " · " (topic.name) }
            @if elsewhere { br; a href=(entry.url) { (words.say("page.post.original", &[("site", site.title)])) } }
        }
    }
}

/// The archive has sanitised the HTML: an allow-list of elements, absolute
/// addresses, no script, no style.
fn body(post: &Post) -> Markup {
    match post.entry.access {
        Access::Public => PreEscaped(post.entry.html.clone()),
        Access::Subscribers => html! { p { (post.entry.summary) } },
    }
}
