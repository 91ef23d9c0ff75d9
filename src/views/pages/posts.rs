//! The first page, the archive, and a post in full.

use chrono::Datelike;
use maud::{Markup, PreEscaped, html};

use super::form::{Form, form, short_form};
use super::frame::{Head, Site, Tab};
use crate::domain::Timestamp;
use crate::domain::post::Post;
use crate::views::direction::Direction;

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

/// `/archive`: every post, newest first, by year; `topics` by name and path.
pub fn archive(site: &Site<'_>, posts: &[PostLine], topics: &[(String, String)]) -> Markup {
    let words = site.words;
    let title = words.say("page.archive.title", &[]);
    let canonical = format!("{}/archive", site.public_url);
    site.page(
        Head { title: &title, tab: Tab::Posts, canonical: Some(&canonical) },
        html! {
            h1 { (title) }
            @if posts.is_empty() { p { (words.say("page.archive.empty", &[])) } } @else { (search(site, "")) }
            @if !topics.is_empty() {
                p.meta {
                    (words.say("page.archive.topics", &[])) " "
                    @for (n, (name, path)) in topics.iter().enumerate() {
                        @if n > 0 { ", " }
                        a href=(path) { bdi { (name) } }
                    }
                }
            }
            (by_year(site, posts))
        },
    )
}

/// `/archive?q=WORDS`: the posts with all of the words in their titles.
pub fn found(site: &Site<'_>, query: &str, posts: &[PostLine]) -> Markup {
    let words = site.words;
    let title = words.say("page.search.title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Posts, canonical: None },
        html! {
            h1 { (title) }
            (search(site, query))
            p role="status" {
                @if posts.is_empty() { (words.say("page.search.none", &[])) }
                @else { (words.count("page.search.found", posts.len(), &[])) }
            }
            (by_year(site, posts))
            p { a href="/archive" { (words.say("page.home.all", &[])) } }
        },
    )
}

/// The form that searches titles.
pub fn search(site: &Site<'_>, query: &str) -> Markup {
    let words = site.words;
    html! {
        form.search role="search" method="get" action="/archive" {
            label for="q" { (words.say("page.search.label", &[])) }
            input #q type="search" name="q" value=[Some(query).filter(|query| !query.is_empty())] maxlength="100";
            button.quiet { (words.say("page.search.submit", &[])) }
        }
    }
}

/// `/archive/2026`: the posts of one year; `None` when there are none.
pub fn year(site: &Site<'_>, posts: &[PostLine], year: i32) -> Option<Markup> {
    let words = site.words;
    let of_year: Vec<PostLine> = posts.iter().filter(|post| year_of(site, post) == year).cloned().collect();
    if of_year.is_empty() {
        return None;
    }
    let title = words.say("page.archive.year", &[("year", &year.to_string())]);
    let canonical = format!("{}/archive/{year}", site.public_url);
    Some(site.page(
        Head { title: &title, tab: Tab::Posts, canonical: Some(&canonical) },
        html! {
            h1 { (title) }
            (list(site, &of_year, |post| words.near_date(post.date, site.zone, post.date)))
            p { a href="/archive" { (words.say("page.home.all", &[])) } }
        },
    ))
}

/// `/topics/TOPIC` and `/authors/AUTHOR`: the posts of one name, at `path`.
pub fn shelf(site: &Site<'_>, name: &str, posts: &[PostLine], path: &str) -> Markup {
    let words = site.words;
    let canonical = format!("{}{path}", site.public_url);
    site.page(
        Head { title: name, tab: Tab::Posts, canonical: Some(&canonical) },
        html! {
            h1 { bdi { (name) } }
            (by_year(site, posts))
            p {
                a href="/archive" { (words.say("page.home.all", &[])) } " · "
                a href="/feeds" { (words.say("page.home.by_feed", &[])) }
            }
        },
    )
}

fn year_of(site: &Site<'_>, post: &PostLine) -> i32 {
    post.date.in_zone(site.zone).year()
}

fn by_year(site: &Site<'_>, posts: &[PostLine]) -> Markup {
    html! {
        @for of_year in posts.chunk_by(|a, b| year_of(site, a) == year_of(site, b)) {
            @let year = year_of(site, &of_year[0]);
            h2 { a href=(format!("/archive/{year}")) { (year) } }
            (list(site, of_year, |post| site.words.near_date(post.date, site.zone, post.date)))
        }
    }
}

fn list(site: &Site<'_>, posts: &[PostLine], date: impl Fn(&PostLine) -> String) -> Markup {
    html! {
        ul.posts {
            @for post in posts {
                @let tongue = site.tongue(post.language.as_deref());
                li {
                    time datetime=(post.date.rfc3339()) { (date(post)) }
                    a href=(post.url) { (in_tongue(tongue, &post.title)) }
                }
            }
        }
    }
}

/// A title among others: it keeps to the side where they begin, whichever way it reads.
pub fn in_tongue(tongue: Option<(&str, &str)>, title: &str) -> Markup {
    match tongue {
        Some((lang, dir)) => html! { span lang=(lang) dir=(dir) { (title) } },
        None => html! { (title) },
    }
}

/// `/posts/SLUG`; `whole` when all of it may be shown, with the way to its comments
/// if it has any. A post for subscribers is otherwise its summary, with two ways to the rest.
pub fn post(site: &Site<'_>, post: &Post, whole: bool, reply: Option<&str>, subscribe: &Form<'_>) -> Markup {
    let (words, entry) = (site.words, &post.entry);
    let tongue = site.tongue(entry.language.as_deref());
    site.page(
        Head { title: &entry.title, tab: Tab::Posts, canonical: Some(&entry.url) },
        html! {
            article.post lang=[tongue.map(|t| t.0)] dir=[tongue.map(|t| t.1)] {
                h1 { (entry.title) }
                (small(site, tongue.is_some(), byline(site, post)))
                @if whole { (body(post)) } @else if !entry.summary.is_empty() { p { (entry.summary) } }
                @if !entry.topics.is_empty() { (small(site, tongue.is_some(), html! { (topics(site, post)) })) }
                @if let Some(reply) = reply.filter(|_| whole) {
                    (small(site, tongue.is_some(), html! { a href=(reply) { (words.say("mail.post.reply", &[])) } }))
                }
            }
            section.aside {
                @if whole {
                    h2 { (words.say("page.home.by_mail", &[])) }
                    (short_form(site, subscribe))
                    p { a href="/feeds" { (words.say("page.home.by_feed", &[])) } }
                } @else {
                    h2 { (words.say("page.post.subscribers", &[])) }
                    (form(site, subscribe))
                    h2 { (words.say("page.post.known_title", &[])) }
                    (link_form(site, &encoded(&entry.slug), false))
                }
            }
        },
    )
}

/// A line in the words of the page, on the side where the post begins, which may be in another tongue.
fn small(site: &Site<'_>, among_others: bool, line: Markup) -> Markup {
    let language = site.words.language();
    html! {
        p.meta {
            @if among_others {
                span lang=(language) dir=(Direction::of_language(&language).as_str()) { (line) }
            } @else { (line) }
        }
    }
}

fn byline(site: &Site<'_>, post: &Post) -> Markup {
    let (words, entry) = (site.words, &post.entry);
    let minutes = words.say("page.post.minutes", &[("minutes", &entry.minutes().to_string())]);
    html! {
        time datetime=(entry.date.rfc3339()) { (words.date(entry.date, site.zone)) } " · " (minutes)
        @for author in &entry.authors { " · " bdi { (author) } }
        @if !site.is_ours(&entry.url) {
            br; a href=(entry.url) { (words.say("page.post.original", &[("site", site.title)])) }
        }
    }
}

fn topics(site: &Site<'_>, post: &Post) -> String {
    let names: Vec<&str> = post.entry.topics.iter().map(|topic| topic.name.as_str()).collect();
    site.words.say("page.post.topics", &[("topics", &names.join(", "))])
}

/// The archive has sanitised the HTML: an allow-list of elements, absolute
/// addresses, no script, no style. Code that is wider than the page is scrolled
/// with the keyboard, too.
fn body(post: &Post) -> Markup {
    PreEscaped(post.entry.html.replace("<pre", "<pre tabindex=\"0\""))
}

/// All of a post as a piece of somebody's own page.
pub fn rest(post: &Post) -> String {
    body(post).into_string()
}

/// The last part of an address as it stands in one.
pub fn encoded(slug: &str) -> String {
    url::form_urlencoded::byte_serialize(slug.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Asks for a link that opens a post, by mail.
fn link_form(site: &Site<'_>, slug: &str, is_wrong: bool) -> Markup {
    let words = site.words;
    html! {
        p { (words.say("page.post.known", &[])) }
        form method="post" action={ "/posts/" (slug) "/link" } {
            label for="known" { (words.say("page.form.email", &[])) }
            @if is_wrong { p.error #known-error { (words.say("page.post.link_wrong", &[])) } }
            p {
                input #known type="email" name="email" required autocomplete="email" inputmode="email" maxlength="254"
                    aria-invalid=[is_wrong.then_some("true")] aria-describedby=[is_wrong.then_some("known-error")];
            }
            p { button.quiet { (words.say("page.post.link", &[])) } }
        }
    }
}

/// What was entered for a link is no address.
pub fn ask_for_link(site: &Site<'_>, slug: &str) -> Markup {
    let title = site.words.say("page.post.known_title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Posts, canonical: None },
        html! { h1 { (title) } (link_form(site, slug, true)) },
    )
}

/// After a link was asked for: the same for every address.
pub fn link_sent(site: &Site<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.post.link_sent_title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Posts, canonical: None },
        html! {
            h1 { (title) }
            p.lead role="status" { (words.say("page.post.link_sent", &[])) }
            p { (words.say("page.sent.wait", &[])) }
        },
    )
}
