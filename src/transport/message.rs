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

/// The headers of one copy.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The author.
    pub from: Mailbox<'a>,
    /// The one recipient.
    pub to: Mailbox<'a>,
    /// Where answers go, when not to `from`.
    pub reply_to: Option<Mailbox<'a>>,
    /// In UTF-8, as people read it.
    pub subject: &'a str,
    /// When it was made: the same at every attempt.
    pub date: Timestamp,
    /// `local@domain`, without brackets; the same at every attempt.
    pub message_id: &'a str,
    /// The newsletter it belongs to (RFC 2919).
    pub list: Option<List<'a>>,
    /// How to leave with one click (RFC 2369, RFC 8058).
    pub unsubscribe: Option<Unsubscribe<'a>>,
    /// The value of `Postroom-Edition`, on copies of an edition.
    pub edition: Option<&'a str>,
    /// Adds `Auto-Submitted: auto-generated` (RFC 3834): on confirmations and
    /// notices, not on editions, which a person wrote.
    pub auto_submitted: bool,
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
    parts: [Part; 2],
}

impl Template {
    /// Encodes what all copies share.
    pub fn new(text: &str, html: &str) -> Self {
        Self { parts: [Part::new(Alternative::Text, text), Part::new(Alternative::Html, html)] }
    }

    /// One reader's copy: lines of ASCII, none over 998 and rarely one over 78
    /// characters, one of each header, a signature of each signer before them.
    ///
    /// # Errors
    /// One sentence when a value cannot stand in its place: a control character
    /// in a header, a Message-ID or link with blanks, a date beyond the year
    /// 9999, a personal field that `fill` does not know. Nothing a reader's
    /// input can cause.
    pub fn copy(&self, head: &Head<'_>, fill: Fill<'_>, signers: &[Signer]) -> Result<Content, String> {
        let mut copy = Copy::new(!signers.is_empty());
        for part in &self.parts {
            copy.push(&format!("--{BOUNDARY}"));
            part.write(fill, &mut copy)?;
        }
        copy.push(&format!("--{BOUNDARY}--"));
        let mut top = headers(head)?;
        if let Some(body) = copy.hashed() {
            let signed: Result<String, String> = signers.iter().map(|one| one.sign(&top, &body, head.date)).collect();
            top.insert_str(0, &signed?);
        }
        top.push_str("\r\n");
        copy.put_first(&top);
        Ok(copy.into())
    }
}

/// A mail that is one reader's alone, from beginning to end.
///
/// # Errors
/// See [`Template::copy`].
pub fn build(head: &Head<'_>, text: &str, html: &str, signers: &[Signer]) -> Result<Content, String> {
    Template::new(text, html).copy(head, &|_, _| None, signers)
}

fn headers(head: &Head<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(2_048);
    identity(&mut out, head)?;
    list(&mut out, head)?;
    if head.auto_submitted {
        header::push(&mut out, "Auto-Submitted", &["auto-generated".into()])?;
    }
    header::push(&mut out, "MIME-Version", &["1.0".into()])?;
    let kind = ["multipart/alternative;".into(), format!("boundary=\"{BOUNDARY}\"")];
    header::push(&mut out, "Content-Type", &kind)?;
    Ok(out)
}

fn identity(out: &mut String, mail: &Head<'_>) -> Result<(), String> {
    header::push(out, "From", &header::mailbox("From", mail.from)?)?;
    header::push(out, "To", &header::mailbox("To", mail.to)?)?;
    if let Some(reply_to) = mail.reply_to {
        header::push(out, "Reply-To", &header::mailbox("Reply-To", reply_to)?)?;
    }
    header::push(out, "Subject", &header::text("Subject", mail.subject)?)?;
    if !(1..=9999).contains(&mail.date.utc().year()) {
        return Err("Date is outside the years 1 to 9999".into());
    }
    header::push(out, "Date", &[mail.date.rfc2822()])?;
    let id = mail.message_id.split_once('@').filter(|(local, domain)| is_dot_atom(local) && is_dot_atom(domain));
    id.ok_or("Message-ID is not of the form local@domain")?;
    header::push(out, "Message-ID", &[format!("<{}>", mail.message_id)])
}

fn list(out: &mut String, mail: &Head<'_>) -> Result<(), String> {
    if let Some(list) = mail.list {
        if !is_dot_atom(list.id) || list.id.len() > 253 {
            return Err("List-Id is not of the form name.domain".into());
        }
        let mut words = match header::checked("List-Id", list.title)?.trim() {
            "" => Vec::new(),
            title => header::phrase(title, 64),
        };
        words.push(format!("<{}>", list.id));
        header::push(out, "List-Id", &words)?;
    }
    if let Some(ways) = mail.unsubscribe {
        let mut words = vec![bracketed(ways.url, &["https://", "http://"])?];
        if let Some(mailto) = ways.mailto {
            words[0].push(',');
            words.push(bracketed(mailto, &["mailto:"])?);
        }
        header::push(out, "List-Unsubscribe", &words)?;
        header::push(out, "List-Unsubscribe-Post", &["List-Unsubscribe=One-Click".into()])?;
    }
    match mail.edition {
        Some(edition) => header::push(out, "Postroom-Edition", &header::text("Postroom-Edition", edition)?),
        None => Ok(()),
    }
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

    fn head<'a>(address: &'a Address, name: &'a str, subject: &'a str) -> Head<'a> {
        let mailbox = Mailbox { name: Some(name), address };
        Head {
            from: mailbox,
            to: mailbox,
            reply_to: Some(mailbox),
            subject,
            date: Timestamp(1_790_000_000_000),
            message_id: "abc.def@news.example.org",
            list: Some(List { title: name, id: "weekly.news.example.org" }),
            unsubscribe: Some(Unsubscribe {
                url: "https://news.example.org/s/token/unsubscribe",
                mailto: Some("mailto:leave+token@news.example.org?subject=unsubscribe"),
            }),
            edition: Some("weekly-7"),
            auto_submitted: false,
        }
    }

    fn built(head: &Head<'_>, text: &str, html: &str) -> Result<String, String> {
        let content = build(head, text, html, &[])?;
        assert_eq!(content.size(), content.message().len());
        assert_eq!(Content::new(&content.message()).unwrap(), content);
        Ok(String::from_utf8(content.message()).unwrap())
    }

    #[test]
    fn an_editions_copy_reads_as_its_golden_self() {
        let address = address();
        let head = head(&address, "Jane Doe", "Three new posts");
        let text = built(&head, "Hello\n", "<p>Grüße</p>\n").unwrap();
        let expected = "From: Jane Doe <jane.doe@example.org>\n\
            To: Jane Doe <jane.doe@example.org>\n\
            Reply-To: Jane Doe <jane.doe@example.org>\n\
            Subject: Three new posts\n\
            Date: Mon, 21 Sep 2026 14:13:20 +0000\n\
            Message-ID: <abc.def@news.example.org>\n\
            List-Id: Jane Doe <weekly.news.example.org>\n\
            List-Unsubscribe: <https://news.example.org/s/token/unsubscribe>,\n \
            <mailto:leave+token@news.example.org?subject=unsubscribe>\n\
            List-Unsubscribe-Post: List-Unsubscribe=One-Click\n\
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
        let head = Head {
            reply_to: None,
            list: None,
            unsubscribe: None,
            edition: None,
            auto_submitted: true,
            ..head(&address, "", "Confirm")
        };
        let text = built(&head, "t", "h").unwrap();
        assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        for absent in ["List-", "Reply-To", "Postroom-Edition", "Precedence"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }

    #[test]
    fn a_parenthesis_in_a_link_begins_no_comment() {
        let address = address();
        let unsubscribe = Some(Unsubscribe { url: "https://x.test/(blog)/leave", mailto: None });
        let text = built(&Head { unsubscribe, ..head(&address, "n", "s") }, "t", "h").unwrap();
        assert!(text.contains("List-Unsubscribe: <https://x.test/%28blog%29/leave>\r\n"), "{text}");
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_refused() {
        let address = address();
        let good = head(&address, "n", "s");
        let unsubscribe = |url| Some(Unsubscribe { url, mailto: None });
        for wrong in [
            Head { subject: "a\r\nBcc: x@example.org", ..good },
            Head { message_id: "a b@example.org", ..good },
            Head { message_id: "a@b@c", ..good },
            Head { message_id: "a@b>\r\nX: y", ..good },
            Head { edition: Some("1\n2"), ..good },
            Head { list: Some(List { title: "a\0", id: "b.c" }), ..good },
            Head { list: Some(List { title: "a", id: "b c" }), ..good },
            Head { unsubscribe: unsubscribe("https://x/>\r\nX: y"), ..good },
            Head { unsubscribe: unsubscribe("javascript:x"), ..good },
            Head { unsubscribe: unsubscribe("https://x/\""), ..good },
            Head { date: Timestamp(300_000_000_000_000), ..good },
        ] {
            assert!(built(&wrong, "t", "h").is_err(), "{wrong:?}");
        }
        let unfilled = built(&good, "t", "a\u{2}b").unwrap_err();
        assert!(unfilled.contains("text/html part holds the control character U+0002"), "{unfilled}");
    }
}
