//! A mail -> the bytes of each reader's copy. What all copies share is encoded
//! once, in a [`Template`]; a copy adds its headers, its personal lines and its
//! signature. The same input always gives the same bytes, so that a copy sent
//! again is the same copy.

use chrono::Datelike;

use super::body::{Copy, Part};
use super::dkim::Signer;
use super::{dots, header};
use crate::domain::{Address, Timestamp};

pub use super::body::{Alternative, Fill};
pub use super::header::Mailbox;

/// The SMTP envelope of one message: one recipient each, so that every copy
/// has an answer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path, where bounces go; `None` is the null sender `<>`, which
    /// mail that answers nothing and must not be answered uses (RFC 5321 section 4.5.5).
    pub from: Option<Address>,
    /// The recipient.
    pub to: Address,
}

/// One message, ready to be handed over.
#[derive(Clone, Debug)]
pub struct Message {
    /// From whom to whom.
    pub envelope: Envelope,
    /// What it says.
    pub content: Content,
}

/// Headers and body as they travel: CRLF lines of 7-bit text, leading dots
/// doubled, the final dot not included. It cannot hold anything that would end
/// the message early (RFC 5321 section 4.5.2).
#[derive(Clone, Debug)]
pub struct Content {
    copy: Copy,
    length: usize,
}

impl Content {
    /// Takes a finished message.
    ///
    /// # Errors
    /// One sentence when it is not whole CRLF lines of 7-bit text.
    pub fn new(message: &[u8]) -> Result<Self, String> {
        let (wire, dots) = dots::stuffed(message)?;
        Ok(Copy::of(wire, dots).into())
    }

    /// Bytes of the message itself, as SIZE counts them (RFC 1870).
    pub fn size(&self) -> usize {
        self.length - self.copy.dots()
    }

    /// The message itself.
    pub fn message(&self) -> Vec<u8> {
        dots::unstuffed(&self.wire())
    }

    /// As it travels, leading dots doubled, the final dot not included.
    pub fn wire(&self) -> Vec<u8> {
        self.slices().collect::<Vec<_>>().concat()
    }

    /// The same, in the stretches it is kept in.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.copy.slices()
    }

    /// How many bytes travel.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}

impl From<Copy> for Content {
    fn from(copy: Copy) -> Self {
        let length = copy.slices().map(<[u8]>::len).sum();
        Self { copy, length }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.slices().flatten().eq(other.slices().flatten())
    }
}

/// What the headers of all copies of a mail say.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The author.
    pub from: Mailbox<'a>,
    /// Where answers go, when not to `from`.
    pub reply_to: Option<Mailbox<'a>>,
    /// In UTF-8, as people read it.
    pub subject: &'a str,
    /// The newsletter it belongs to (RFC 2919).
    pub list: Option<List<'a>>,
    /// The value of `Postroom-Edition`, on copies of an edition.
    pub edition: Option<&'a str>,
    /// Adds `Auto-Submitted: auto-generated` (RFC 3834): on confirmations and
    /// notices, not on editions, which a person wrote.
    pub auto_submitted: bool,
}

/// What the headers of one copy say of their own.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// The one recipient.
    pub to: Mailbox<'a>,
    /// When it was made: the same at every attempt.
    pub date: Timestamp,
    /// `local@domain`, without brackets; the same at every attempt.
    pub message_id: &'a str,
    /// How to leave with one click (RFC 2369, RFC 8058).
    pub unsubscribe: Option<Unsubscribe<'a>>,
}

/// A newsletter's fixed name in mail.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// What people read; may be empty.
    pub title: &'a str,
    /// Dots and all, without brackets: `weekly.news.example.org`.
    pub id: &'a str,
}

/// The two ways out that mail programs offer.
#[derive(Clone, Copy, Debug)]
pub struct Unsubscribe<'a> {
    /// Takes the one-click POST; https wherever mail really goes out.
    pub url: &'a str,
    /// `mailto:...`, for programs that know no other way.
    pub mailto: Option<&'a str>,
}

/// `=_` can stand in neither encoding: in quoted-printable two hexadecimal
/// digits or a line end follow every `=`, and base64 has no `_`. So no part
/// can hold the boundary, whatever it says (RFC 2045 section 6.7, note).
const BOUNDARY: &str = "=_postroom";

/// A mail with its personal fields unfilled: text, then HTML, as alternatives.
#[derive(Debug)]
pub struct Template {
    /// The header fields before a copy's own, and those after.
    shared: [String; 2],
    parts: [Part; 2],
}

impl Template {
    /// Encodes what all copies share.
    ///
    /// # Errors
    /// One sentence when a value of the head cannot stand in a header: one with
    /// a control character, a list's name that is none.
    pub fn new(head: &Head<'_>, text: &str, html: &str) -> Result<Self, String> {
        let parts = [Part::new(Alternative::Text, text), Part::new(Alternative::Html, html)];
        Ok(Self { shared: shared(head)?, parts })
    }

    /// One reader's copy: lines of ASCII, none over 998 and rarely one over 78
    /// characters, one of each header, a signature of each signer before them.
    ///
    /// # Errors
    /// One sentence when a value cannot stand in its place: a Message-ID or
    /// link with blanks, a date beyond the year 9999, a personal field that
    /// `fill` does not know. Nothing a reader's input can cause.
    pub fn copy(&self, own: &Own<'_>, fill: Fill<'_>, signers: &[Signer]) -> Result<Content, String> {
        let mut copy = Copy::new(!signers.is_empty());
        for part in &self.parts {
            copy.push(&format!("--{BOUNDARY}"));
            part.write(fill, &mut copy)?;
        }
        copy.push(&format!("--{BOUNDARY}--"));
        let mut top = self.headers(own)?;
        if let Some(body) = copy.hashed() {
            let signed: Result<String, String> = signers.iter().map(|one| one.sign(&top, &body, own.date)).collect();
            top.insert_str(0, &signed?);
        }
        top.push_str("\r\n");
        copy.put_first(&top);
        Ok(copy.into())
    }

    fn headers(&self, own: &Own<'_>) -> Result<String, String> {
        let [first, last] = &self.shared;
        let mut out = String::with_capacity(first.len() + last.len() + 1_024);
        out.push_str(first);
        push_own(&mut out, own)?;
        out.push_str(last);
        Ok(out)
    }
}

/// A mail that is one reader's alone, from beginning to end.
///
/// # Errors
/// See [`Template::new`] and [`Template::copy`].
pub fn build(head: &Head<'_>, own: &Own<'_>, text: &str, html: &str, signers: &[Signer]) -> Result<Content, String> {
    Template::new(head, text, html)?.copy(own, &|_, _| None, signers)
}

fn shared(head: &Head<'_>) -> Result<[String; 2], String> {
    let (mut first, mut last) = (String::new(), String::new());
    header::push(&mut first, "From", &header::mailbox("From", head.from)?)?;
    if let Some(reply_to) = head.reply_to {
        header::push(&mut last, "Reply-To", &header::mailbox("Reply-To", reply_to)?)?;
    }
    header::push(&mut last, "Subject", &header::text("Subject", head.subject)?)?;
    if let Some(list) = head.list {
        push_list(&mut last, list)?;
    }
    if let Some(edition) = head.edition {
        header::push(&mut last, "Postroom-Edition", &header::text("Postroom-Edition", edition)?)?;
    }
    if head.auto_submitted {
        header::push(&mut last, "Auto-Submitted", &["auto-generated".into()])?;
    }
    header::push(&mut last, "MIME-Version", &["1.0".into()])?;
    let kind = ["multipart/alternative;".into(), format!("boundary=\"{BOUNDARY}\"")];
    header::push(&mut last, "Content-Type", &kind)?;
    Ok([first, last])
}

fn push_own(out: &mut String, own: &Own<'_>) -> Result<(), String> {
    header::push(out, "To", &header::mailbox("To", own.to)?)?;
    if !(1..=9999).contains(&own.date.utc().year()) {
        return Err("Date is outside the years 1 to 9999".into());
    }
    header::push(out, "Date", &[own.date.rfc2822()])?;
    let id = own.message_id.split_once('@').filter(|(local, domain)| is_dot_atom(local) && is_dot_atom(domain));
    id.ok_or("Message-ID is not of the form local@domain")?;
    header::push(out, "Message-ID", &[format!("<{}>", own.message_id)])?;
    let Some(ways) = own.unsubscribe else { return Ok(()) };
    let mut words = vec![bracketed(ways.url, &["https://", "http://"])?];
    if let Some(mailto) = ways.mailto {
        words[0].push(',');
        words.push(bracketed(mailto, &["mailto:"])?);
    }
    header::push(out, "List-Unsubscribe", &words)?;
    header::push(out, "List-Unsubscribe-Post", &["List-Unsubscribe=One-Click".into()])
}

fn push_list(out: &mut String, list: List<'_>) -> Result<(), String> {
    if !is_dot_atom(list.id) || list.id.len() > 253 {
        return Err("List-Id is not of the form name.domain".into());
    }
    let mut words = match header::checked("List-Id", list.title)?.trim() {
        "" => Vec::new(),
        title => header::phrase(title, 64),
    };
    words.push(format!("<{}>", list.id));
    header::push(out, "List-Id", &words)
}

/// RFC 5322 section 3.2.3.
fn is_dot_atom(text: &str) -> bool {
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

fn bracketed(link: &str, schemes: &[&str]) -> Result<String, String> {
    let clean = link.bytes().all(|b| b.is_ascii_graphic() && !br#"<>,"\"#.contains(&b));
    if clean && schemes.iter().any(|scheme| link.starts_with(scheme)) {
        // Parentheses hold a comment anywhere in a header, between brackets too (RFC 5322 section 3.2.2).
        Ok(format!("<{}>", link.replace('(', "%28").replace(')', "%29")))
    } else {
        Err("List-Unsubscribe holds something that is no link".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Address;

    fn address() -> Address {
        Address::parse("jane.doe@example.org").unwrap()
    }

    fn head<'a>(address: &'a Address, name: &'a str, subject: &'a str) -> (Head<'a>, Own<'a>) {
        let mailbox = Mailbox { name: Some(name), address };
        let head = Head {
            from: mailbox,
            reply_to: Some(mailbox),
            subject,
            list: Some(List { title: name, id: "weekly.news.example.org" }),
            edition: Some("weekly-7"),
            auto_submitted: false,
        };
        let own = Own {
            to: mailbox,
            date: Timestamp(1_790_000_000_000),
            message_id: "abc.def@news.example.org",
            unsubscribe: Some(Unsubscribe {
                url: "https://news.example.org/s/token/unsubscribe",
                mailto: Some("mailto:leave+token@news.example.org?subject=unsubscribe"),
            }),
        };
        (head, own)
    }

    fn built((head, own): (Head<'_>, Own<'_>), text: &str, html: &str) -> Result<String, String> {
        let content = build(&head, &own, text, html, &[])?;
        assert_eq!(content.size(), content.message().len());
        assert_eq!(Content::new(&content.message()).unwrap(), content);
        Ok(String::from_utf8(content.message()).unwrap())
    }

    #[test]
    fn an_editions_copy_reads_as_its_golden_self() {
        let address = address();
        let head = head(&address, "Jane Doe", "Three new posts");
        let text = built(head, "Hello\n", "<p>Grüße</p>\n").unwrap();
        let expected = "From: Jane Doe <jane.doe@example.org>\n\
            To: Jane Doe <jane.doe@example.org>\n\
            Date: Mon, 21 Sep 2026 14:13:20 +0000\n\
            Message-ID: <abc.def@news.example.org>\n\
            List-Unsubscribe: <https://news.example.org/s/token/unsubscribe>,\n \
            <mailto:leave+token@news.example.org?subject=unsubscribe>\n\
            List-Unsubscribe-Post: List-Unsubscribe=One-Click\n\
            Reply-To: Jane Doe <jane.doe@example.org>\n\
            Subject: Three new posts\n\
            List-Id: Jane Doe <weekly.news.example.org>\n\
            Postroom-Edition: weekly-7\n\
            MIME-Version: 1.0\n\
            Content-Type: multipart/alternative; boundary=\"=_postroom\"\n\
            \n\
            --=_postroom\n\
            Content-Type: text/plain; charset=utf-8\n\
            Content-Transfer-Encoding: quoted-printable\n\
            \n\
            Hello\n\
            \n\
            --=_postroom\n\
            Content-Type: text/html; charset=utf-8\n\
            Content-Transfer-Encoding: quoted-printable\n\
            \n\
            <p>Gr=C3=BC=C3=9Fe</p>\n\
            \n\
            --=_postroom--\n";
        assert_eq!(text, expected.replace('\n', "\r\n"));
    }

    #[test]
    fn transactional_mail_says_it_is_automatic_and_names_no_list() {
        let address = address();
        let (head, own) = head(&address, "", "Confirm");
        let head = Head { reply_to: None, list: None, edition: None, auto_submitted: true, ..head };
        let text = built((head, Own { unsubscribe: None, ..own }), "t", "h").unwrap();
        assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        for absent in ["List-", "Reply-To", "Postroom-Edition", "Precedence"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }

    #[test]
    fn a_parenthesis_in_a_link_begins_no_comment() {
        let address = address();
        let unsubscribe = Some(Unsubscribe { url: "https://x.test/(blog)/leave", mailto: None });
        let (head, own) = head(&address, "n", "s");
        let text = built((head, Own { unsubscribe, ..own }), "t", "h").unwrap();
        assert!(text.contains("List-Unsubscribe: <https://x.test/%28blog%29/leave>\r\n"), "{text}");
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_refused() {
        let address = address();
        let (good, own) = head(&address, "n", "s");
        let unsubscribe = |url| Some(Unsubscribe { url, mailto: None });
        for wrong in [
            Head { subject: "a\r\nBcc: x@example.org", ..good },
            Head { edition: Some("1\n2"), ..good },
            Head { list: Some(List { title: "a\0", id: "b.c" }), ..good },
            Head { list: Some(List { title: "a", id: "b c" }), ..good },
        ] {
            assert!(built((wrong, own), "t", "h").is_err(), "{wrong:?}");
        }
        for wrong in [
            Own { message_id: "a b@example.org", ..own },
            Own { message_id: "a@b@c", ..own },
            Own { message_id: "a@b>\r\nX: y", ..own },
            Own { unsubscribe: unsubscribe("https://x/>\r\nX: y"), ..own },
            Own { unsubscribe: unsubscribe("javascript:x"), ..own },
            Own { unsubscribe: unsubscribe("https://x/\""), ..own },
            Own { date: Timestamp(300_000_000_000_000), ..own },
        ] {
            assert!(built((good, wrong), "t", "h").is_err(), "{wrong:?}");
        }
        let unfilled = built((good, own), "t", "a\u{2}b").unwrap_err();
        assert!(unfilled.contains("text/html part holds the control character U+0002"), "{unfilled}");
    }
}
