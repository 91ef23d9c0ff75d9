//! Personal fields: the three things that differ from copy to copy of a frozen
//! mail. Inside it each is one C0 control character. No content can hold one,
//! because [`clean`] takes them out of everything that enters a mail, so no
//! post can forge an unsubscribe link. "View in browser" is not personal.

use std::borrow::Cow;

use chrono_tz::Tz;

use super::words::Words;
use super::wrap::{COLUMNS, wrap};
use crate::domain::cadence::Cadence;
use crate::domain::subscription::Subscription;

/// What is filled in for each recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The sentence saying why this reader gets this mail.
    Why,
    /// The address of the reader's unsubscribe page.
    Unsubscribe,
    /// The address of the reader's preferences page.
    Manage,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 3] = [Self::Why, Self::Unsubscribe, Self::Manage];

    /// The character that stands for it in a frozen mail.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Why => "\u{11}",
            Self::Unsubscribe => "\u{12}",
            Self::Manage => "\u{13}",
        }
    }
}

/// One reader's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// See [`why`].
    pub why: String,
    /// Absolute address with the reader's token.
    pub unsubscribe_url: String,
    /// Absolute address with the reader's token.
    pub manage_url: String,
}

impl Values {
    /// What stands in the place of a mark of a frozen mail: escaped for the HTML
    /// part; in the text part the sentence is wrapped like the text around it.
    /// `None` when no field has this mark.
    pub fn value(&self, mark: char, html: bool) -> Option<String> {
        let field = Field::ALL.into_iter().find(|field| field.mark().starts_with(mark))?;
        let value = line(match field {
            Field::Why => &self.why,
            Field::Unsubscribe => &self.unsubscribe_url,
            Field::Manage => &self.manage_url,
        });
        Some(match field {
            _ if html => escape(&value),
            Field::Why => wrap(&value, COLUMNS, 0),
            _ => value,
        })
    }
}

/// Fills one part of a frozen mail for one reader; see [`Values::value`].
/// Values cannot bring further fields in.
pub fn fill(part: &str, values: &Values, html: bool) -> String {
    let mut filled = String::with_capacity(part.len() + 512);
    for c in part.chars() {
        match values.value(c, html) {
            Some(value) => filled.push_str(&value),
            None => filled.push(c),
        }
    }
    filled
}

/// The sentence saying why a reader gets an edition and since when.
pub fn why(words: &Words, zone: Tz, newsletter: &str, subscription: &Subscription) -> String {
    let what = match subscription.cadence {
        Cadence::Each => words.say("why.each", &[("newsletter", newsletter)]),
        Cadence::Daily => words.say("why.daily", &[("newsletter", newsletter)]),
        Cadence::Weekly => words.say("why.weekly", &[("newsletter", newsletter)]),
        Cadence::Monthly => words.say("why.monthly", &[("newsletter", newsletter)]),
    };
    let since = words.date(subscription.confirmed.unwrap_or(subscription.created), zone);
    let address = subscription.address.to_string();
    if subscription.confirmed.is_some() {
        words.say("why.confirmed", &[("address", &address), ("date", &since), ("what", &what)])
    } else {
        // Vouched for by the operator: never claim a confirmation that was not given.
        words.say("why.added", &[("address", &address), ("date", &since), ("what", &what)])
    }
}

/// A text without control characters, line breaks and tabs excepted: they could
/// forge a field, and stray ones make some readers cut a mail short.
pub fn clean(text: &str) -> Cow<'_, str> {
    let stray = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.chars().any(stray) { Cow::Owned(text.replace(stray, "")) } else { Cow::Borrowed(text) }
}

/// A text as one clean line: whitespace of every kind becomes single spaces.
pub fn line(text: &str) -> String {
    let is_plain = |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) && !text.contains("  ");
    // As all addresses and most sentences are; every copy of an edition asks for several.
    if is_plain(text.as_bytes()) && text.trim().len() == text.len() {
        return text.to_owned();
    }
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values {
            why: "You get this because <a&b@example.org> asked, and because of \u{12} on a long line of words.".into(),
            unsubscribe_url: "https://news.example.org/s/T/unsubscribe?a=1&b=2".into(),
            manage_url: "https://news.example.org/s/T".into(),
        }
    }

    #[test]
    fn fields_are_filled_escaped_in_html_and_wrapped_in_text() {
        let part = format!("{}\n<{}>\n{}", Field::Why.mark(), Field::Unsubscribe.mark(), Field::Manage.mark());
        let html = fill(&part, &values(), true);
        assert!(html.contains("&lt;a&amp;b@example.org&gt; asked, and because of on a long"), "{html}");
        assert!(html.contains("unsubscribe?a=1&amp;b=2>\nhttps://news.example.org/s/T"), "{html}");
        let text = fill(&part, &values(), false);
        assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
        assert!(text.contains("<https://news.example.org/s/T/unsubscribe?a=1&b=2>"), "{text}");
    }

    #[test]
    fn cleaning_leaves_no_field_and_no_other_control_character() {
        let all: String = ('\u{0}'..='\u{9f}').chain(['é', '文']).collect();
        let cleaned = clean(&all);
        assert!(cleaned.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        assert!(cleaned.ends_with("é文"));
        assert_eq!(line(" a\u{11}\r\n b\u{85}\tc "), "a b c");
    }
}
