//! The HTML part of an edition: header, one row for every post, footer row.

use maud::{Markup, PreEscaped, html};

use super::direction::Direction;
use super::field::{Field, Values, fill};
use super::frame::{Frame, Holds, OwnWords, logo, rule, sender_line};
use super::model::{Extent, PostItem};
use super::sheet::{Look, Row, Sheet};
use super::style::Style;
use super::words::Words;

/// Between things on one line.
pub const DOT: &str = " · ";

/// The whole part. Personal fields are marks.
pub fn edition(words: &Words, sheet: &Sheet, subject: &str, preheader: &str) -> String {
    let rows = html! {
        (header(words, sheet))
        @for row in &sheet.rows { (post(words, sheet, row)) }
        @if sheet.more > 0 { (more(words, sheet)) }
        (footer(words, sheet))
    };
    let holds_post = sheet.rows.iter().any(|row| row.look == Look::Full);
    let holds = if holds_post { Holds::Post } else { Holds::Titles };
    Frame { site: &sheet.mail.site, subject, preheader, holds }.around(&rows)
}

/// `20 May · 6 min · Jane Doe`, joined by `between`.
pub fn byline(words: &Words, sheet: &Sheet, post: &PostItem, between: &str) -> String {
    let mail = &sheet.mail;
    let mut parts = vec![
        words.near_date(post.date, mail.site.zone, mail.slot),
        words.say("mail.post.minutes", &[("n", &words.number(post.minutes.into()))]),
    ];
    if sheet.names_authors() && !post.authors.is_empty() {
        parts.push(post.authors.join(", "));
    }
    parts.join(between)
}

/// An edition of several posts opens with the newsletter's name, as a paper
/// does; a post that stands alone is the heading itself.
fn header(words: &Words, sheet: &Sheet) -> Markup {
    let mail = &sheet.mail;
    let cell = format!("padding:24px 24px 0;{}", sheet.style().cell);
    if sheet.only().is_some() {
        let name = html! { b class="t" style=(sheet.style().name) { (mail.site.title) } };
        return html! { tr { td class="p t" style=(cell) { (logo(&mail.site)) (line(words, sheet, &[name])) } } };
    }
    let mut parts = vec![html! { (words.day(mail.slot, mail.site.zone)) }];
    if mail.newsletter != mail.site.title {
        parts.insert(0, html! { (mail.site.title) });
    }
    let top = if sheet.style().picture.is_some() { "16px" } else { "0" };
    html! {
        tr {
            td class="p t" style=(cell) {
                (logo(&mail.site))
                h1 class="h" style=(format!("margin:{top} 0 0;{}", sheet.style().h1)) { (mail.newsletter) }
                (line(words, sheet, &parts))
            }
        }
        tr { td class="p" style="padding:16px 24px 0" { (rule(sheet.style())) } }
    }
}

/// The small line at the top: what `parts` say, the edition's number, the way to its page.
fn line(words: &Words, sheet: &Sheet, parts: &[Markup]) -> Markup {
    let mail = &sheet.mail;
    let number = words.say("mail.edition.number", &[("number", &words.number(mail.number))]);
    let own = OwnWords::in_mail(words, &mail.site);
    html! {
        p class="m" style=(sheet.style().meta) lang=[own.lang] dir=[own.dir] align=[own.align] {
            @for part in parts { (part) (DOT) }
            (number)
            @if !mail.web_url.is_empty() { (DOT) (quiet_link(sheet.style(), &mail.web_url, &words.say("mail.view", &[]))) }
        }
    }
}

fn post(words: &Words, sheet: &Sheet, row: &Row) -> Markup {
    let post = &row.post;
    let site = &sheet.mail.site.language;
    let (language, direction) = post.reads(site);
    let turned = direction != Direction::of_language(site);
    let own = OwnWords::among(words, &language, direction);
    let cell =
        format!("padding:{} 24px 0;{}", if row.look == Look::Title { "24px" } else { "32px" }, sheet.style().cell);
    html! {
        tr {
            td class="p t" style=(cell) lang=[(language != *site).then_some(&language)]
                dir=[turned.then(|| direction.as_str())] align=[turned.then(|| direction.start())] {
                (title(sheet, post))
                (meta(words, sheet, row, &own))
                @if row.look == Look::Summary && !post.summary.is_empty() {
                    p style="margin:8px 0 0" { (post.summary) }
                }
                @if post.extent == Extent::Teaser {
                    p style="margin:8px 0 0" lang=[&own.lang] dir=[own.dir] align=[own.align] {
                        (words.say("page.post.subscribers", &[]))
                    }
                }
                @if let (Look::Full, Some(body)) = (row.look, &row.body) {
                    div class="x" style="padding-top:16px" { (PreEscaped(&body.html)) }
                    @if let Some(end) = &post.opens {
                        p style="margin:16px 0 0" {
                            a class="a" href={ (Field::Manage.mark()) (end) } style=(sheet.style().link) {
                                (words.say("mail.post.opens", &[]))
                            }
                        }
                    }
                    @if let Some(url) = &post.reply_url {
                        p style="margin:16px 0 0" lang=[&own.lang] dir=[own.dir] align=[own.align] {
                            a class="a" href=(url) style=(sheet.style().link) { (words.say("mail.post.reply", &[])) }
                        }
                    }
                }
            }
        }
    }
}

/// The line under the title.
fn meta(words: &Words, sheet: &Sheet, row: &Row, own: &OwnWords) -> Markup {
    let reply = row.post.reply_url.as_ref().filter(|_| row.look != Look::Full);
    html! {
        p class="m" style=(sheet.style().meta) lang=[&own.lang] dir=[own.dir] align=[own.align] {
            (byline(words, sheet, &row.post, DOT))
            @if let Some(url) = reply {
                (DOT) (quiet_link(sheet.style(), url, &words.say("mail.post.reply", &[])))
            }
        }
    }
}

/// The title is the link; the mail's heading when it stands alone.
fn title(sheet: &Sheet, post: &PostItem) -> Markup {
    let link = html! {
        @if post.url.is_empty() { (post.title) } @else {
            a class="t l" href=(post.url) style=(sheet.style().title) { (post.title) }
        }
    };
    html! {
        @if sheet.only().is_some() {
            h1 class="h" style=(format!("margin:0;{}", sheet.style().h1)) { (link) }
        } @else {
            h2 style=(sheet.style().h2) { (link) }
        }
    }
}

fn more(words: &Words, sheet: &Sheet) -> Markup {
    let cell = format!("padding:32px 24px 0;{}", sheet.style().cell);
    let own = OwnWords::in_mail(words, &sheet.mail.site);
    html! {
        tr {
            td class="p t" style=(cell) lang=[own.lang] dir=[own.dir] align=[own.align] {
                a class="a" href=(sheet.mail.site.archive_url()) style=(sheet.style().link) {
                    (words.count("mail.edition.more", sheet.more, &[]))
                }
            }
        }
    }
}

fn footer(words: &Words, sheet: &Sheet) -> Markup {
    let site = &sheet.mail.site;
    let feeds = site.feeds_url();
    let mut own = vec![
        (Field::Unsubscribe.mark(), words.say("mail.unsubscribe", &[])),
        (Field::Manage.mark(), words.say("mail.manage", &[])),
        (feeds.as_str(), words.say("mail.feeds", &[])),
    ];
    own.extend(sheet.reply_url.iter().map(|url| (url.as_str(), words.say("mail.post.reply", &[]))));
    let cell = format!("padding:40px 24px 48px;{}", sheet.style().cell);
    let tongue = OwnWords::in_mail(words, site);
    html! {
        tr {
            td class="p t" style=(cell) lang=[tongue.lang] dir=[tongue.dir] align=[tongue.align] {
                (rule(sheet.style()))
                p class="m" style=(sheet.style().foot) { (Field::Why.mark()) }
                (links(sheet.style(), &own))
                (sender_line(words, site, &sheet.style().foot))
            }
        }
    }
}

/// Addresses and their names, on one line of the footer.
fn links(style: &Style, links: &[(&str, String)]) -> Markup {
    html! {
        p class="m" style=(style.foot) {
            @for (i, (url, label)) in links.iter().enumerate() {
                @if i > 0 { (DOT) }
                (quiet_link(style, url, label))
            }
        }
    }
}

/// A link of a few words, which stay on one line.
fn quiet_link(style: &Style, url: &str, label: &str) -> Markup {
    html! { a class="m" href=(url) style=(style.quiet) { (label.replace(' ', "\u{a0}")) } }
}

/// What a reader without a subscription is shown in the places of a frozen mail
/// that are a subscriber's.
pub struct Everybody<'a> {
    /// What mails are dressed in.
    pub style: &'a Style,
    /// The page's own address, to which "View in browser" leads.
    pub page_url: &'a str,
    /// Address and name of the link that stands there instead.
    pub back: (&'a str, String),
    /// What this is, where a subscriber reads why they get it.
    pub why: String,
    /// Address and name of what stands for the links to leave and to change.
    pub links: &'a [(&'a str, String)],
}

/// A frozen mail as a page for everybody.
pub fn for_everybody(html: &str, shown: &Everybody<'_>) -> String {
    let (url, label) = &shown.back;
    let page = html! { a href=(shown.page_url) {} }.into_string();
    let page = page.trim_start_matches("<a ").trim_end_matches("></a>");
    let html = replaced(html, page, "a", quiet_link(shown.style, url, label));
    let html = replaced(&html, Field::Unsubscribe.mark(), "p", links(shown.style, shown.links));
    // In a mail made by another version the two links may stand elsewhere.
    let in_their_place = shown.links.first().map_or(*url, |(url, _)| url).to_owned();
    let values = Values { why: shown.why.clone(), unsubscribe_url: in_their_place.clone(), manage_url: in_their_place };
    fill(&html, &values, true)
}

/// The mail with `new` in the place of its first element `name` that has `inside` in it.
fn replaced(html: &str, inside: &str, name: &str, new: Markup) -> String {
    let close = format!("</{name}>");
    let element = html.find(inside).and_then(|at| {
        let start = html[..at].rfind(&format!("<{name} ")).filter(|start| !html[*start..at].contains(&close))?;
        Some((start, at + html[at..].find(&close)? + close.len()))
    });
    match element {
        Some((start, end)) => format!("{}{}{}", &html[..start], new.into_string(), &html[end..]),
        None => html.to_owned(),
    }
}
