//! The text part of an edition, written, not stripped: 72 columns, addresses
//! alone on a line and never wrapped, the same links as the HTML part.

use super::email::byline;
use super::field::Field;
use super::frame::sender;
use super::plural::primary;
use super::sheet::{Look, Row, Sheet};
use super::words::Words;
use super::wrap::{COLUMNS, columns, wrap};

/// Between the mail and its footer.
pub const RULE: &str = "---";

/// The whole part. Personal fields are marks.
pub fn edition(words: &Words, sheet: &Sheet, subject: &str) -> String {
    let mut lines = header(words, sheet, subject);
    match sheet.only() {
        Some(row) => lines.extend(post(words, sheet, row, "")),
        None => {
            for (i, row) in sheet.rows.iter().enumerate() {
                let number = format!("{}. ", words.number(i64::try_from(i + 1).unwrap_or(i64::MAX)));
                lines.extend(post(words, sheet, row, &number));
            }
        }
    }
    if sheet.more > 0 {
        lines.push(words.label(&words.count("mail.edition.more", sheet.more, &[])));
        lines.push(sheet.mail.site.archive_url());
        lines.push(String::new());
    }
    lines.extend(footer(words, sheet));
    lines.join("\n") + "\n"
}

fn header(words: &Words, sheet: &Sheet, subject: &str) -> Vec<String> {
    let mail = &sheet.mail;
    let title = sheet.only().map_or(subject, |row| row.post.title.as_str());
    let name = if mail.newsletter == mail.site.title { &mail.site.title } else { &mail.newsletter };
    let number = words.number(mail.number);
    let date = words.day(mail.slot, mail.site.zone);
    let about = words.say("mail.edition.line", &[("name", name), ("number", &number), ("date", &date)]);
    let view = format!("{} {}", words.label(&words.say("mail.view", &[])), mail.web_url);
    let view = Some(view).filter(|_| !mail.web_url.is_empty());
    [wrap(title, COLUMNS, 0), wrap(&about, COLUMNS, 0)].into_iter().chain(view).chain([String::new()]).collect()
}

/// One post, ended by an empty line. With a `number` before the title the rest
/// is indented as far; without one the title is the mail's and already said.
fn post(words: &Words, sheet: &Sheet, row: &Row, number: &str) -> Vec<String> {
    let post = &row.post;
    let indent = columns(number);
    let margin = " ".repeat(indent);
    let mut lines = Vec::new();
    if !number.is_empty() {
        let title = wrap(&capitals(&post.title, &sheet.mail.site.language), COLUMNS, indent);
        lines.push(format!("{number}{}", title.trim_start()));
    }
    lines.push(wrap(&byline(words, sheet, post, ", "), COLUMNS, indent));
    if row.look == Look::Summary && !post.summary.is_empty() {
        lines.push(wrap(&post.summary, COLUMNS, indent));
    }
    if !post.url.is_empty() {
        lines.push(format!("{margin}{}", post.url));
    }
    if let (Look::Full, Some(body)) = (row.look, &row.body) {
        lines.extend([String::new(), body.text.clone()]);
    }
    if let (Look::Full, Some(end)) = (row.look, &post.opens) {
        lines.extend([String::new(), format!("{margin}{}:", words.say("mail.post.opens", &[]))]);
        lines.push(format!("{margin}{}{end}", Field::Manage.mark()));
    }
    if let Some(url) = &post.reply_url {
        if row.look == Look::Full {
            lines.push(String::new());
        }
        lines.push(format!("{margin}{}", words.label(&words.say("mail.post.reply", &[]))));
        lines.push(format!("{margin}{url}"));
    }
    lines.push(String::new());
    lines
}

fn footer(words: &Words, sheet: &Sheet) -> Vec<String> {
    let site = &sheet.mail.site;
    let mut links = vec![
        (words.label(&words.say("mail.unsubscribe", &[])), Field::Unsubscribe.mark().to_owned()),
        (words.label(&words.say("mail.manage", &[])), Field::Manage.mark().to_owned()),
        (words.label(&words.say("mail.feeds", &[])), site.feeds_url()),
    ];
    links.extend(sheet.reply_url.iter().map(|url| (words.label(&words.say("mail.post.reply", &[])), url.clone())));
    let widest = links.iter().map(|(label, _)| columns(label)).max().unwrap_or_default();
    let mut lines = vec![RULE.to_owned(), Field::Why.mark().to_owned()];
    lines.extend(links.iter().map(|(label, url)| format!("{label}{}{url}", " ".repeat(widest - columns(label) + 1))));
    lines.push(wrap(&sender(words, site), COLUMNS, 0));
    lines
}

/// Capitals stand for the size of a heading. Turkish and Azeri have two letters i.
fn capitals(title: &str, language: &str) -> String {
    if matches!(primary(language).as_str(), "tr" | "az") {
        return title.replace('i', "İ").to_uppercase();
    }
    title.to_uppercase()
}
