//! An edition laid out, before it is written: which posts in which look, its
//! subject and its preheader. Both parts of the mail are written from one
//! sheet, so that they cannot differ.

use super::body::Body;
use super::field::{clean, line};
use super::model::{Content, EditionMail, Extent, PostItem};
use super::style::Style;
use super::words::Words;

/// Longest subject in characters: what most inboxes show and what one header line holds.
pub const SUBJECT: usize = 78;
/// Shortest subject in characters: shorter ones look like spam to filters.
const SHORT_SUBJECT: usize = 10;
/// Least and most characters of a preheader, by what inboxes show.
pub const PREHEADER: (usize, usize) = (85, 140);

/// How much of one post is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Title and date.
    Title,
    /// Title, date, summary.
    Summary,
    /// The whole post.
    Full,
}

/// One post of the sheet.
#[derive(Debug)]
pub struct Row {
    /// Its words, cleaned.
    pub post: PostItem,
    /// How much of it.
    pub look: Look,
    /// How much of it there was to be, before the mail was too large.
    pub wished: Look,
    /// The whole post, made safe for mail; only for [`Look::Full`].
    pub body: Option<Body>,
}

/// A laid out edition.
#[derive(Debug)]
pub struct Sheet {
    /// What the edition was told, cleaned, without its posts.
    pub mail: EditionMail,
    /// The posts shown.
    pub rows: Vec<Row>,
    /// How many posts are left to the page of all posts.
    pub more: usize,
    /// Where readers reply to an edition of several posts by mail: once is enough.
    pub reply_url: Option<String>,
}

impl Sheet {
    /// Lays an edition out as it wishes to be; cleans everything that enters it.
    pub fn of(words: &Words, mail: &EditionMail) -> Self {
        let mut mail = cleaned(mail);
        let posts = std::mem::take(&mut mail.posts);
        let usual = match mail.content {
            Content::Full if posts.len() == 1 => Look::Full,
            Content::Full | Content::Summary => Look::Summary,
            Content::Titles => Look::Title,
        };
        let row = |post: PostItem| {
            let look = match post.extent {
                Extent::AsWished => usual,
                Extent::Whole => Look::Full,
                Extent::Teaser => usual.min(Look::Summary),
            };
            let body = (look == Look::Full).then(|| Body::of(words, &mail.site, &post));
            Row { look, wished: look, body, post }
        };
        let mut rows: Vec<Row> = posts.into_iter().map(row).collect();
        let mut reply_url = None;
        if rows.len() > 1 {
            for row in rows.iter_mut().filter(|row| row.look != Look::Full) {
                let mailto = row.post.reply_url.take_if(|url| url.starts_with("mailto:"));
                reply_url = reply_url.or(mailto);
            }
        }
        Self { more: 0, rows, reply_url, mail }
    }

    /// What it is dressed in.
    pub fn style(&self) -> &Style {
        &self.mail.site.style
    }

    /// The only post, when there is one: its title is then the mail's heading.
    pub fn only(&self) -> Option<&Row> {
        match self.rows.as_slice() {
            [row] if self.more == 0 => Some(row),
            _ => None,
        }
    }

    /// Lead title and how many more, 10 to 78 characters.
    pub fn subject(&self, words: &Words) -> String {
        let more = (self.rows.len() + self.more).saturating_sub(1);
        let Some(lead) = self.rows.first() else { return self.mail.newsletter.clone() };
        let with = |title: &str| match more {
            0 => title.to_owned(),
            _ => words.count("mail.edition.subject", more, &[("title", title)]),
        };
        let rest = with("").chars().count();
        let subject =
            with(&shorten(lead.post.subject.as_ref().unwrap_or(&lead.post.title), SUBJECT.saturating_sub(rest)));
        if subject.chars().count() >= SHORT_SUBJECT {
            return subject;
        }
        let number = words.number(self.mail.number);
        let slots = [("subject", subject.as_str()), ("site", &self.mail.site.title), ("number", &number)];
        shorten(&words.say("mail.edition.subject_short", &slots), SUBJECT)
    }

    /// What stands beside the subject in an inbox: the other titles, then the
    /// lead's summary; a single post's summary.
    pub fn preheader(&self) -> String {
        let titles = self.rows.iter().skip(1).map(|row| row.post.title.as_str());
        let summaries = self.rows.iter().map(|row| row.post.summary.as_str()).filter(|summary| !summary.is_empty());
        let mut said = String::new();
        for piece in titles.chain(summaries) {
            if said.chars().count() >= PREHEADER.0 {
                break;
            }
            if !said.is_empty() {
                said.push_str(" · ");
            }
            said.push_str(piece);
        }
        shorten(&said, PREHEADER.1)
    }

    /// Whether posts name different authors, so that each must.
    pub fn names_authors(&self) -> bool {
        let first = self.rows.first().map(|row| &row.post.authors);
        self.rows.len() == 1 || self.rows.iter().any(|row| Some(&row.post.authors) != first)
    }
}

/// At most `most` characters, ended at a word with an ellipsis when cut.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    let word = cut.rfind(char::is_whitespace).filter(|at| *at * 2 > cut.len());
    let kept = word.map_or(cut.as_str(), |at| &cut[..at]);
    format!("{}…", kept.trim_end_matches(|c: char| c.is_whitespace() || ",.;:·-".contains(c)))
}

/// The edition without control characters anywhere: none can forge a field.
fn cleaned(mail: &EditionMail) -> EditionMail {
    let post = |post: &PostItem| PostItem {
        title: line(&post.title),
        subject: post.subject.as_deref().map(line).filter(|subject| !subject.is_empty()),
        extent: post.extent,
        url: line(&post.url),
        date: post.date,
        minutes: post.minutes,
        summary: line(&post.summary),
        html: clean(&post.html).into_owned(),
        language: post.language.as_deref().map(line),
        authors: post.authors.iter().map(|author| line(author)).collect(),
        reply_url: post.reply_url.as_deref().map(line),
        opens: post.opens.clone(),
    };
    EditionMail {
        site: mail.site.cleaned(),
        newsletter: line(&mail.newsletter),
        number: mail.number,
        slot: mail.slot,
        web_url: line(&mail.web_url),
        content: mail.content,
        posts: mail.posts.iter().map(post).collect(),
    }
}
