//! What the catcher has taken in: messages in memory, newest last, bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail_parser::{ContentType, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use tokio::sync::watch;

use crate::domain::time::Timestamp;

/// Messages kept before the oldest is forgotten.
const MAX_MESSAGES: usize = 1_000;
/// Bytes kept before the oldest messages are forgotten.
const MAX_BYTES: usize = 64 << 20;

/// One message as it came over the wire.
#[derive(Debug)]
pub struct Caught {
    /// Counted from 1 in the order of arrival.
    pub id: u64,
    /// Envelope sender; empty for the null sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// When the final dot was answered.
    pub received: Timestamp,
    /// Its subject, decoded.
    pub subject: String,
    /// Its `Postroom-Edition` header: what tells a digest from other mail.
    pub edition: Option<String>,
    /// The message itself, un-dot-stuffed, lines ending in CRLF.
    pub raw: Vec<u8>,
}

/// A [`Caught`] message taken apart as a mail reader does it.
#[derive(Debug, Default, PartialEq)]
pub struct Opened {
    /// Header names and values in their order; values unfolded and decoded.
    pub headers: Vec<(String, String)>,
    /// The HTML part, if there is one.
    pub html: Option<String>,
    /// The plain text part, if there is one.
    pub text: Option<String>,
}

impl Caught {
    /// Takes the message apart. What cannot be read is left out.
    pub fn open(&self) -> Opened {
        let Some(message) = MessageParser::default().parse(&self.raw) else {
            return Opened::default();
        };
        let headers = message.headers_raw().map(|(name, value)| (name.to_owned(), decoded(name, value))).collect();
        let html = written(&message, |part| matches!(part, PartType::Html(_)));
        let text = written(&message, |part| matches!(part, PartType::Text(_)));
        Opened { headers, html, text }
    }

    /// The envelope recipients in one line.
    pub fn recipients(&self) -> String {
        self.to.join(", ")
    }
}

/// The first shown part of a kind; mail-parser would make one from the other.
fn written(message: &Message<'_>, wanted: impl Fn(&PartType<'_>) -> bool) -> Option<String> {
    let shown = |part: &MessagePart<'_>| !part.content_disposition().is_some_and(ContentType::is_attachment);
    let part = message.parts.iter().find(|part| wanted(&part.body) && shown(part))?;
    part.text_contents().map(str::to_owned)
}

/// A header value without its folding; encoded words decoded where the header
/// holds words.
fn decoded(name: &str, value: &str) -> String {
    let field = format!("{name}: {value}\r\n\r\n");
    let words = matches!(name.to_ascii_lowercase().as_str(), "subject" | "comments" | "keywords");
    let parsed = words.then(|| MessageParser::default().parse_headers(field.as_bytes())).flatten();
    match parsed.as_ref().and_then(|message| message.header(name.to_owned())) {
        Some(HeaderValue::Text(text)) => text.to_string(),
        _ => value.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[derive(Default)]
struct Kept {
    messages: VecDeque<Arc<Caught>>,
    bytes: usize,
    last_id: u64,
}

/// The messages the catcher has accepted since the start, shared between it
/// and the web inbox.
pub struct Mailbox {
    kept: Mutex<Kept>,
    latest: watch::Sender<u64>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Mailbox {
    /// An empty mailbox that dates messages by `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { kept: Mutex::default(), latest: watch::Sender::new(0), now: Box::new(now) }
    }

    /// Keeps a message, forgetting the oldest beyond the bounds, and gives its id.
    pub fn keep(&self, from: String, to: Vec<String>, raw: Vec<u8>) -> u64 {
        let (subject, edition) = envelope_words(&raw);
        let mut kept = self.lock();
        kept.last_id += 1;
        let id = kept.last_id;
        kept.bytes += raw.len();
        kept.messages.push_back(Arc::new(Caught { id, from, to, received: (self.now)(), subject, edition, raw }));
        while kept.messages.len() > MAX_MESSAGES || (kept.bytes > MAX_BYTES && kept.messages.len() > 1) {
            let gone = kept.messages.pop_front().map_or(0, |message| message.raw.len());
            kept.bytes -= gone;
        }
        drop(kept);
        self.latest.send_replace(id);
        id
    }

    /// Every kept message, newest first.
    pub fn newest_first(&self) -> Vec<Arc<Caught>> {
        self.lock().messages.iter().rev().cloned().collect()
    }

    /// One message; `None` when it never came or has been forgotten.
    pub fn get(&self, id: u64) -> Option<Arc<Caught>> {
        self.lock().messages.iter().find(|message| message.id == id).cloned()
    }

    /// The earliest kept digest.
    pub fn first_edition(&self) -> Option<Arc<Caught>> {
        self.lock().messages.iter().find(|message| message.edition.is_some()).cloned()
    }

    /// The newest id, now and whenever it changes; 0 before the first message.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // No code under this lock can leave the mailbox half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn envelope_words(raw: &[u8]) -> (String, Option<String>) {
    let Some(message) = MessageParser::default().parse_headers(raw) else {
        return ("(unreadable)".into(), None);
    };
    let subject = message.subject().filter(|subject| !subject.is_empty()).unwrap_or("(no subject)").to_owned();
    let edition = message.header_raw("Postroom-Edition").map(|value| value.trim().to_owned());
    (subject, edition)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "From: Blog <news@example.org>\r\nTo: a@example.com\r\n\
        Subject: =?utf-8?q?Caf=C3=A9?=\r\n =?utf-8?q?_and_4_more?=\r\nPostroom-Edition: 7\r\n\
        List-Unsubscribe: <https://example.org/u>,\r\n <mailto:u@example.org>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nna=C3=AFve=\r\n words\r\n--b\r\n\
        Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>\r\n--b--\r\n";

    fn mailbox() -> Mailbox {
        Mailbox::new(|| Timestamp(1_000))
    }

    fn keep(mailbox: &Mailbox, raw: impl Into<Vec<u8>>) -> Arc<Caught> {
        let id = mailbox.keep(String::new(), vec!["a@example.com".into()], raw.into());
        mailbox.get(id).unwrap()
    }

    #[test]
    fn a_message_is_taken_apart_as_its_reader_sees_it() {
        let caught = keep(&mailbox(), DIGEST);
        assert_eq!((caught.subject.as_str(), caught.edition.as_deref()), ("Café and 4 more", Some("7")));
        let opened = caught.open();
        assert_eq!(opened.text.as_deref(), Some("naïve words"));
        assert_eq!(opened.html.as_deref(), Some("<p>Hello</p>"));
        let header = |name: &str| opened.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(header("Subject"), Some("Café and 4 more"));
        assert_eq!(header("List-Unsubscribe"), Some("<https://example.org/u>, <mailto:u@example.org>"));
    }

    #[test]
    fn a_missing_part_is_not_made_up_from_the_other() {
        let opened = keep(&mailbox(), "Subject: x\r\n\r\nonly text\r\n").open();
        assert_eq!((opened.html, opened.text.as_deref()), (None, Some("only text\r\n")));
    }

    #[test]
    fn what_is_no_message_is_kept_all_the_same() {
        let caught = keep(&mailbox(), "\u{0}\u{1}");
        assert_eq!(caught.edition, None);
        assert_eq!(caught.open().html, None);
        assert_eq!(keep(&mailbox(), "").raw, b"");
    }

    #[test]
    fn the_oldest_messages_make_room() {
        let mailbox = mailbox();
        for n in 0..=MAX_MESSAGES {
            keep(&mailbox, format!("Subject: {n}\r\n\r\n"));
        }
        let all = mailbox.newest_first();
        assert_eq!(all.len(), MAX_MESSAGES);
        assert_eq!((all[0].subject.as_str(), all[MAX_MESSAGES - 1].subject.as_str()), ("1000", "1"));
        assert!(mailbox.get(1).is_none());

        for _ in 0..3 {
            keep(&mailbox, vec![b'x'; MAX_BYTES / 2]);
        }
        assert_eq!(mailbox.newest_first().len(), 2);
    }

    #[test]
    fn the_first_digest_is_the_earliest_message_of_an_edition() {
        let mailbox = mailbox();
        keep(&mailbox, "Subject: Confirm\r\n\r\n");
        let digest = keep(&mailbox, DIGEST);
        keep(&mailbox, DIGEST);
        assert_eq!(mailbox.first_edition().map(|message| message.id), Some(digest.id));
        assert_eq!(*mailbox.arrivals().borrow(), 3);
    }
}
