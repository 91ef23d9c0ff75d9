//! The HTML part of an edition: header row, one row for every post, footer row.

use maud::{Markup, PreEscaped, html};

use super::direction::Direction;
use super::field::Field;
use super::frame::{Frame, OwnWords, STYLES, sender_line};
use super::model::PostItem;
use super::sheet::{Look, Row, Sheet};
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
    Frame { site: &sheet.mail.site, subject, preheader, holds_post }.around(&rows)
}

/// The heading of an edition of several posts.
pub fn heading(words: &Words, sheet: &Sheet) -> String {
    let mail = &sheet.mail;
    let date = words.day(mail.slot, mail.site.zone);
    if mail.newsletter == mail.site.title {
        words.say("mail.edition.heading", &[("date", &date)])
    } else {
        words.say("mail.edition.heading_named", &[("newsletter", &mail.newsletter), ("date", &date)])
    }
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

fn header(words: &Words, sheet: &Sheet) -> Markup {
    let mail = &sheet.mail;
    let number = words.say("mail.edition.number", &[("number", &words.number(mail.number))]);
    let cell = format!("padding:24px 24px 0;{}", STYLES.cell);
    let own = OwnWords::in_mail(words, &mail.site);
    html! {
        tr {
            td class="p t" style=(cell) lang=[own.lang] dir=[own.dir] align=[own.align] {
                p class="m" style=(STYLES.meta) {
                    (mail.site.title) (DOT) (number) (DOT)
                    a class="m" href=(mail.web_url) style=(STYLES.quiet_link) { (words.say("mail.view", &[])) }
                }
                @if sheet.only().is_none() {
                    h1 class="h" style=(format!("margin:16px 0 0;{}", STYLES.h1)) { (heading(words, sheet)) }
                }
            }
        }
    }
}

fn post(words: &Words, sheet: &Sheet, row: &Row) -> Markup {
    let post = &row.post;
    let site = &sheet.mail.site.language;
    let (language, direction) = post.reads(site);
    let turned = direction != Direction::of_language(site);
    let cell = format!("padding:{} 24px 0;{}", if row.look == Look::Title { "24px" } else { "32px" }, STYLES.cell);
    html! {
        tr {
            td class="p t" style=(cell) lang=[(language != *site).then_some(&language)]
                dir=[turned.then(|| direction.as_str())] align=[turned.then(|| direction.start())] {
                (title(sheet, post))
                (meta(words, sheet, row, OwnWords::among(words, &language, direction)))
                @if row.look == Look::Summary && !post.summary.is_empty() {
                    p style="margin:8px 0 0" { (post.summary) }
                }
                @if let (Look::Full, Some(body)) = (row.look, &row.body) {
                    div class="x" style="padding-top:16px" { (PreEscaped(&body.html)) }
                    @if let Some(url) = &post.comments_url {
                        p style="margin:16px 0 0" {
                            a class="a" href=(url) style=(STYLES.link) { (words.say("mail.post.reply", &[])) }
                        }
                    }
                }
            }
        }
    }
}

/// The line under the title.
fn meta(words: &Words, sheet: &Sheet, row: &Row, own: OwnWords) -> Markup {
    let reply = row.post.comments_url.as_ref().filter(|_| row.look != Look::Full);
    html! {
        p class="m" style=(STYLES.meta) lang=[own.lang] dir=[own.dir] align=[own.align] {
            (byline(words, sheet, &row.post, DOT))
            @if let Some(url) = reply {
                (DOT) a class="m" href=(url) style=(STYLES.quiet_link) { (words.say("mail.post.reply", &[])) }
            }
        }
    }
}

/// The title is the link; the mail's heading when it stands alone.
fn title(sheet: &Sheet, post: &PostItem) -> Markup {
    let link = html! { a class="a" href=(post.url) style=(STYLES.link) { (post.title) } };
    html! {
        @if sheet.only().is_some() {
            h1 class="h" style=(format!("margin:0;{}", STYLES.h1)) { (link) }
        } @else {
            h2 style=(STYLES.h2) { (link) }
        }
    }
}

fn more(words: &Words, sheet: &Sheet) -> Markup {
    let cell = format!("padding:32px 24px 0;{}", STYLES.cell);
    let own = OwnWords::in_mail(words, &sheet.mail.site);
    html! {
        tr {
            td class="p t" style=(cell) lang=[own.lang] dir=[own.dir] align=[own.align] {
                a class="a" href=(sheet.mail.web_url) style=(STYLES.link) {
                    (words.count("mail.edition.more", sheet.more, &[]))
                }
            }
        }
    }
}

fn footer(words: &Words, sheet: &Sheet) -> Markup {
    let site = &sheet.mail.site;
    let feeds = site.feeds_url();
    let links = [
        (Field::Unsubscribe.mark(), words.say("mail.unsubscribe", &[])),
        (Field::Manage.mark(), words.say("mail.manage", &[])),
        (feeds.as_str(), words.say("mail.feeds", &[])),
    ];
    let cell = format!("padding:40px 24px 48px;{}", STYLES.cell);
    let small = STYLES.meta.replace("margin:4px 0 0", "margin:12px 0 0").replace("20px", "22px");
    let own = OwnWords::in_mail(words, site);
    html! {
        tr {
            td class="p t" style=(cell) lang=[own.lang] dir=[own.dir] align=[own.align] {
                div class="r" style=(STYLES.rule) { (PreEscaped("&nbsp;")) }
                p class="m" style=(small) { (Field::Why.mark()) }
                p class="m" style=(small) {
                    @for (i, (url, label)) in links.iter().enumerate() {
                        @if i > 0 { (DOT) }
                        a class="m" href=(url) style=(STYLES.quiet_link) { (label) }
                    }
                }
                (sender_line(words, site, &small))
            }
        }
    }
}
