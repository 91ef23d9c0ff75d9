//! Outgoing -> the bytes of one message: the headers of an edition's copy or of
//! a transactional mail, then text and HTML as alternatives. The same input
//! always gives the same bytes, so that a copy sent again is the same copy.

use chrono::Datelike;

use super::{body, header};
use crate::domain::Timestamp;

pub use super::header::Mailbox;

/// Everything one message says.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
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
    /// The written text part.
    pub text: &'a str,
    /// The HTML part.
    pub html: &'a str,
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

/// Makes the message: CRLF lines of ASCII, none over 998 and rarely one over
/// 78 characters, one of each header, ending with CRLF.
///
/// # Errors
/// One sentence when a value cannot stand in its place: a control character in
/// a header, a Message-ID or link with blanks, a date beyond the year 9999, a
/// personal field left unfilled. Nothing a reader's input can cause.
pub fn build(mail: &Outgoing<'_>) -> Result<Vec<u8>, String> {
    let boundary = boundary(mail.message_id);
    let mut out = String::with_capacity(1_024 + (mail.text.len() + mail.html.len()) * 5 / 4);
    identity(&mut out, mail)?;
    list(&mut out, mail)?;
    if mail.auto_submitted {
        header::push(&mut out, "Auto-Submitted", &["auto-generated".into()])?;
    }
    header::push(&mut out, "MIME-Version", &["1.0".into()])?;
    let kind = ["multipart/alternative;".into(), format!("boundary=\"{boundary}\"")];
    header::push(&mut out, "Content-Type", &kind)?;
    for (subtype, text) in [("plain", mail.text), ("html", mail.html)] {
        out.push_str("\r\n--");
        out.push_str(&boundary);
        out.push_str("\r\n");
        body::push(&mut out, subtype, text)?;
    }
    out.push_str("\r\n--");
    out.push_str(&boundary);
    out.push_str("--\r\n");
    Ok(out.into_bytes())
}

fn identity(out: &mut String, mail: &Outgoing<'_>) -> Result<(), String> {
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

fn list(out: &mut String, mail: &Outgoing<'_>) -> Result<(), String> {
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
    let clean = link.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b','));
    if clean && schemes.iter().any(|scheme| link.starts_with(scheme)) {
        Ok(format!("<{link}>"))
    } else {
        Err("List-Unsubscribe holds something that is no link".into())
    }
}

/// `=_` can stand in neither encoding: in quoted-printable two hexadecimal
/// digits or a line end follow every `=`, and base64 has no `_`. So no part
/// can hold the boundary, whatever it says (RFC 2045 section 6.7, note).
fn boundary(message_id: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message_id.as_bytes());
    let hex: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("=_{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Address;
    use mail_parser::{Address as Parsed, MessageParser, MimeHeaders};
    use proptest::prelude::*;

    fn address() -> Address {
        Address::parse("jane.doe@example.org").unwrap()
    }

    fn outgoing<'a>(
        address: &'a Address,
        name: &'a str,
        subject: &'a str,
        text: &'a str,
        html: &'a str,
    ) -> Outgoing<'a> {
        let mailbox = Mailbox { name: Some(name), address };
        Outgoing {
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
            text,
            html,
        }
    }

    /// What every message must be, whatever it says.
    fn assert_well_formed(bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap();
        assert!(text.is_ascii() && text.ends_with("\r\n"));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "bare CR, LF or NUL");
        assert!(text.split("\r\n").all(|line| line.len() <= LONGEST), "a line is too long");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(body.split("\r\n").all(|line| line.len() <= 76), "a body line is too long");
        let mut names: Vec<_> =
            head.split("\r\n").filter(|line| !line.starts_with(' ')).map(|l| l.split_once(':').unwrap().0).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a header stands twice in {head}");
    }
    const LONGEST: usize = 998;

    fn parsed_mailbox(address: Option<&Parsed<'_>>) -> (String, String) {
        let one = address.unwrap().first().unwrap();
        (one.name().unwrap_or_default().to_owned(), one.address().unwrap_or_default().to_owned())
    }

    #[test]
    fn an_editions_copy_reads_as_its_golden_self() {
        let address = address();
        let mail = outgoing(&address, "Jane Doe", "Three new posts", "Hello\n", "<p>Grüße</p>\n");
        let text = String::from_utf8(build(&mail).unwrap()).unwrap();
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
            Content-Type: multipart/alternative;\n boundary=\"=_BOUNDARY\"\n\
            \n\
            --=_BOUNDARY\n\
            Content-Type: text/plain; charset=utf-8\n\
            Content-Transfer-Encoding: quoted-printable\n\
            \n\
            Hello\n\
            \n\
            --=_BOUNDARY\n\
            Content-Type: text/html; charset=utf-8\n\
            Content-Transfer-Encoding: quoted-printable\n\
            \n\
            <p>Gr=C3=BC=C3=9Fe</p>\n\
            \n\
            --=_BOUNDARY--\n";
        let boundary = boundary(mail.message_id);
        assert_eq!(text, expected.replace("=_BOUNDARY", &boundary).replace('\n', "\r\n"));
    }

    #[test]
    fn transactional_mail_says_it_is_automatic_and_names_no_list() {
        let address = address();
        let mail = Outgoing {
            reply_to: None,
            list: None,
            unsubscribe: None,
            edition: None,
            auto_submitted: true,
            ..outgoing(&address, "", "Confirm", "t", "h")
        };
        let text = String::from_utf8(build(&mail).unwrap()).unwrap();
        assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        for absent in ["List-", "Reply-To", "Postroom-Edition", "Precedence"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_refused() {
        let address = address();
        let good = outgoing(&address, "n", "s", "t", "h");
        let unsubscribe = |url| Some(Unsubscribe { url, mailto: None });
        for wrong in [
            Outgoing { subject: "a\r\nBcc: x@example.org", ..good },
            Outgoing { message_id: "a b@example.org", ..good },
            Outgoing { message_id: "a@b@c", ..good },
            Outgoing { message_id: "a@b>\r\nX: y", ..good },
            Outgoing { edition: Some("1\n2"), ..good },
            Outgoing { list: Some(List { title: "a\0", id: "b.c" }), ..good },
            Outgoing { list: Some(List { title: "a", id: "b c" }), ..good },
            Outgoing { unsubscribe: unsubscribe("https://x/>\r\nX: y"), ..good },
            Outgoing { unsubscribe: unsubscribe("javascript:x"), ..good },
            Outgoing { date: Timestamp(300_000_000_000_000), ..good },
            Outgoing { html: "a\u{2}b", ..good },
        ] {
            assert!(build(&wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_it_says_it_reads_back_the_same(
            name in "\\PC{0,80}", subject in "\\PC{0,200}", text in "(\\PC|[\\r\\n\\t]){0,300}", html in "(\\PC|[\\r\\n\\t .=]){0,300}",
        ) {
            let address = address();
            let bytes = build(&outgoing(&address, &name, &subject, &text, &html)).unwrap();
            assert_well_formed(&bytes);
            let mail = MessageParser::default().parse(&bytes).unwrap();
            prop_assert_eq!(mail.subject().unwrap_or_default(), subject);
            for field in [mail.from(), mail.to(), mail.reply_to()] {
                prop_assert_eq!(parsed_mailbox(field), (name.trim().to_owned(), address.as_str().to_owned()));
            }
            prop_assert_eq!(mail.message_id(), Some("abc.def@news.example.org"));
            for (part, said) in [(mail.text_part(0), text), (mail.html_part(0), html)] {
                prop_assert_eq!(part.unwrap().text_contents().unwrap(), body::with_crlf(&said));
                prop_assert!(part.unwrap().content_type().is_some());
            }
        }

        #[test]
        fn any_characters_are_either_refused_or_well_formed(said in proptest::collection::vec(any::<char>(), 0..60), odd in "[\\x00-\\x20]{0,1}") {
            let address = address();
            let said: String = said.into_iter().collect::<String>() + &odd;
            match build(&outgoing(&address, &said, &said, &said, &said)) {
                Ok(bytes) => assert_well_formed(&bytes),
                Err(reason) => prop_assert!(reason.contains("control character"), "{}", reason),
            }
        }
    }
}
