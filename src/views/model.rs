//! Plain models: what each view of mail is told. Made from domain types by
//! whoever sends; nothing in them is markup except [`PostItem::html`].

use std::sync::Arc;

use chrono_tz::Tz;

use super::direction::{Direction, unknown_language};
use super::field::line;
use super::sheet::shorten;
use super::style::Style;
use crate::domain::cadence::Cadence;
use crate::domain::directives::Reach;
use crate::domain::post::{Access, Entry};
use crate::domain::{Address, Post, Timestamp};

/// The site a mail comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteModel {
    /// As readers know it.
    pub title: String,
    /// The blog itself.
    pub url: String,
    /// Where Postroom's own pages are, without a slash at the end.
    pub public_url: String,
    /// BCP 47 tag.
    pub language: String,
    /// At the foot of every mail; the law of many places asks for one.
    pub postal_address: Option<String>,
    /// Dates are those of this zone: the newsletter's.
    pub zone: Tz,
    /// What its mails are dressed in.
    pub style: Arc<Style>,
}

impl SiteModel {
    /// The page for people that lists all feeds.
    pub fn feeds_url(&self) -> String {
        format!("{}/feeds", self.public_url)
    }

    /// The page that lists all posts.
    pub fn archive_url(&self) -> String {
        format!("{}/archive", self.public_url)
    }

    /// The same without control characters.
    pub fn cleaned(&self) -> Self {
        Self {
            title: line(&self.title),
            url: line(&self.url),
            public_url: line(&self.public_url),
            language: line(&self.language),
            postal_address: self.postal_address.as_deref().map(line).filter(|address| !address.is_empty()),
            zone: self.zone,
            style: Arc::clone(&self.style),
        }
    }
}

/// How much of its posts an edition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Content {
    /// Title, date, summary.
    #[default]
    Summary,
    /// The whole post, when the edition has one; several posts are summaries.
    Full,
    /// Titles and dates.
    Titles,
}

/// How much of one post its readers may see, or must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Extent {
    /// As much as the edition wishes.
    #[default]
    AsWished,
    /// All of it: it can be read nowhere else.
    Whole,
    /// Its summary at most: the copy is for everybody, and the post is not.
    Teaser,
}

/// One post of an edition.
#[derive(Clone, Debug, PartialEq)]
pub struct PostItem {
    /// Plain text.
    pub title: String,
    /// What stands for the title in a subject that it leads.
    pub subject: Option<String>,
    /// How much of it is shown.
    pub extent: Extent,
    /// Absolute address on the operator's site; empty for a post that is nowhere
    /// but in mail.
    pub url: String,
    /// The date its author gave it.
    pub date: Timestamp,
    /// Reading time in minutes.
    pub minutes: u32,
    /// Plain text; may be empty.
    pub summary: String,
    /// Sanitised HTML with absolute addresses.
    pub html: String,
    /// BCP 47 tag when it differs from the site's.
    pub language: Option<String>,
    /// Names in the author's order.
    pub authors: Vec<String>,
    /// Where readers reply to this post: its comments, or a mail to its author.
    pub reply_url: Option<String>,
    /// For subscribers alone: the end of the address under which theirs, in the
    /// place of [`super::field::Field::Manage`], opens it in a browser.
    pub opens: Option<String>,
}

/// Where readers reply to a post.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// Below it: a pattern, in which `{url}` and `{slug}` stand for the post's own.
    Comments(&'a str),
    /// To this address.
    Mail(&'a Address),
}

impl Reply<'_> {
    /// Where to reply to a post.
    pub fn to(self, entry: &Entry) -> String {
        self.url(&entry.url, &entry.slug, &entry.title)
    }

    fn url(self, url: &str, slug: &str, title: &str) -> String {
        match self {
            Self::Comments(pattern) => pattern.replace("{url}", url).replace("{slug}", slug),
            Self::Mail(address) => {
                format!("mailto:{address}?subject={}", escaped(&format!("Re: {}", shorten(title, 60))))
            }
        }
    }
}

/// For the query of an address (RFC 3986, RFC 6068).
fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if is_plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

impl PostItem {
    /// What mail needs of a post.
    pub fn of(post: &Post, reply: Reply<'_>) -> Self {
        let entry = &post.entry;
        let is_unlinked = entry.send.reach == Reach::Mail;
        Self {
            title: entry.title.clone(),
            subject: entry.send.subject.clone(),
            extent: match entry.access {
                _ if is_unlinked => Extent::Whole,
                Access::Public => Extent::AsWished,
                Access::Subscribers => Extent::Whole,
            },
            url: if is_unlinked { String::new() } else { entry.url.clone() },
            date: entry.date,
            minutes: entry.minutes(),
            summary: entry.summary.clone(),
            html: entry.html.clone(),
            language: entry.language.clone(),
            authors: entry.authors.clone(),
            reply_url: match reply {
                // What is nowhere but in mail has no comments.
                Reply::Comments(_) if is_unlinked => None,
                reply => Some(reply.to(entry)),
            },
            opens: Some(format!("/read/{}", super::pages::posts::encoded(&entry.slug)))
                .filter(|_| entry.access == Access::Subscribers && !is_unlinked),
        }
    }

    /// What everybody may see of it; nothing of a post that is nowhere but in mail.
    pub fn of_everybody(post: &Post, reply: Reply<'_>) -> Option<Self> {
        let mut item = Self::of(post, reply);
        // Who collects addresses from pages shall not find one.
        item.reply_url = item.reply_url.filter(|_| matches!(reply, Reply::Comments(_)));
        match item.extent {
            _ if !post.entry.send.reach.is_in_feeds() => None,
            Extent::AsWished => Some(item),
            Extent::Whole | Extent::Teaser => {
                Some(Self { html: String::new(), extent: Extent::Teaser, opens: None, ..item })
            }
        }
    }

    /// Language and direction: its author's word, else what its title shows.
    pub fn reads(&self, site_language: &str) -> (String, Direction) {
        if let Some(language) = &self.language {
            return (language.clone(), Direction::of_language(language));
        }
        let usual = Direction::of_language(site_language);
        match Direction::of_text(&self.title) {
            Some(own) if own != usual => (unknown_language(&self.title).to_owned(), own),
            _ => (site_language.to_owned(), usual),
        }
    }
}

/// One variant of an edition.
#[derive(Clone, Debug, PartialEq)]
pub struct EditionMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// The newsletter's title.
    pub newsletter: String,
    /// The edition's number.
    pub number: i64,
    /// When it fell due.
    pub slot: Timestamp,
    /// "View in browser": this edition's page, the same for everybody; empty
    /// where it has none.
    pub web_url: String,
    /// How much of each post.
    pub content: Content,
    /// In the order shown; the first one leads.
    pub posts: Vec<PostItem>,
}

/// "Confirm your subscription".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// The newsletter's title.
    pub newsletter: String,
    /// How often mail will come.
    pub cadence: Cadence,
    /// The page with the button, with its token.
    pub confirm_url: String,
    /// Until when that page works.
    pub valid_until: Timestamp,
}

/// "You are already subscribed".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlreadyMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// The newsletter's title.
    pub newsletter: String,
    /// How often mail comes.
    pub cadence: Cadence,
    /// The preferences page, with its token.
    pub manage_url: String,
}

/// "You are in".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WelcomeMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// The newsletter's title.
    pub newsletter: String,
    /// How often mail will come.
    pub cadence: Cadence,
    /// When the next edition falls due; `None` for [`Cadence::Each`].
    pub next: Option<Timestamp>,
    /// Subject and page of the latest edition, to read now.
    pub latest: Option<(String, String)>,
    /// The preferences page, with its token.
    pub manage_url: String,
    /// The unsubscribe page, with its token.
    pub unsubscribe_url: String,
}

/// "Confirm your new address".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovingMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// The page with the button, with its token.
    pub move_url: String,
    /// Until when that page works.
    pub valid_until: Timestamp,
}

/// "Your address was changed", to the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// The new address, masked: this one may be somebody else's by now.
    pub address: String,
    /// The page to take that back, with its token.
    pub undo_url: String,
    /// Until when it does.
    pub undo_until: Timestamp,
}

/// "You have left".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodbyeMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// The newsletter's title.
    pub newsletter: String,
    /// The unsubscribe page, with its token: it takes back, too.
    pub unsubscribe_url: String,
    /// Until when it does.
    pub undo_until: Timestamp,
}

/// A link to read on the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// Where it leads, with its token.
    pub read_url: String,
}

/// The operator's `postroom test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestMail {
    /// Where it comes from.
    pub site: SiteModel,
    /// When it was made.
    pub at: Timestamp,
    /// The relay it is handed to, as the attempts ledger names it.
    pub relay: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_reply_in_the_comments_or_by_a_mail_that_says_to_what() {
        let url = |reply: Reply<'_>| reply.url("https://e.org/p/", "p", "Ünter & über? #1");
        assert_eq!(url(Reply::Comments("https://talk.org/{slug}?of={url}")), "https://talk.org/p?of=https://e.org/p/");
        let address = Address::parse("jane@e.org").unwrap();
        let escaped = "mailto:jane@e.org?subject=Re%3A%20%C3%9Cnter%20%26%20%C3%BCber%3F%20%231";
        assert_eq!(url(Reply::Mail(&address)), escaped);
    }
}
