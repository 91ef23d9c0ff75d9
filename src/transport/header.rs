//! Header fields: RFC 5322 folding, RFC 2047 encoded words, and nothing that
//! could end a field early.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::Address;

/// Lines are folded to stay within this where they can be (RFC 5322 section 2.1.1).
const WISHED: usize = 78;
/// No line may be longer than this (same place), CRLF not counted.
const LONGEST: usize = 998;
/// An encoded word may be this long (RFC 2047 section 2).
const WORD: usize = 75;

/// A name and an address, as From, To and Reply-To show them.
#[derive(Clone, Copy, Debug)]
pub struct Mailbox<'a> {
    /// What readers see; without one the address stands alone.
    pub name: Option<&'a str>,
    /// Where it goes.
    pub address: &'a Address,
}

/// Appends `Name: first second ...` and CRLF, folded between the words.
///
/// # Errors
/// When a word is so long that its line would be.
pub(super) fn push(out: &mut String, name: &str, words: &[String]) -> Result<(), String> {
    let start = out.len();
    out.push_str(name);
    out.push(':');
    let mut line = start;
    for (index, word) in words.iter().enumerate() {
        // The first word stays beside the name: a line of blanks alone is obsolete syntax.
        if index > 0 && out.len() - line + 1 + word.len() > WISHED {
            out.push_str("\r\n");
            line = out.len();
        }
        out.push(' ');
        out.push_str(word);
        if out.len() - line > LONGEST {
            return Err(format!("{name} is too long for one line of a header"));
        }
    }
    out.push_str("\r\n");
    Ok(())
}

/// The text of a field, tabs made blanks.
///
/// # Errors
/// When it holds a line end or another control character (C0), which could
/// end the field and begin another.
pub(super) fn checked(name: &str, value: &str) -> Result<String, String> {
    match value.chars().find(|&c| c < ' ' && c != '\t') {
        Some(c) => Err(format!("{name} holds the control character U+{:04X}", u32::from(c))),
        None => Ok(value.replace('\t', " ")),
    }
}

/// The words of free text: as it is when readers would take it so, else encoded.
pub(super) fn text(name: &str, value: &str) -> Result<Vec<String>, String> {
    let value = checked(name, value)?;
    let width = WISHED - name.len() - 2;
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let plain = value.split(' ').all(|word| !word.is_empty() && word.len() <= width && is_printable(word));
    if plain { Ok(value.split(' ').map(str::to_owned).collect()) } else { Ok(encoded(&value, width)) }
}

/// The words of `Name <address>`.
pub(super) fn mailbox(name: &str, mailbox: Mailbox<'_>) -> Result<Vec<String>, String> {
    let address = mailbox.address.as_str();
    match checked(name, mailbox.name.unwrap_or_default())?.trim() {
        "" => Ok(vec![address.to_owned()]),
        shown => {
            let mut words = phrase(shown, WISHED - name.len() - 2);
            words.push(format!("<{address}>"));
            Ok(words)
        }
    }
}

/// A display name: atoms, a quoted string, or encoded words (RFC 5322 section 3.2.5).
pub(super) fn phrase(value: &str, width: usize) -> Vec<String> {
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if value.split(' ').all(|word| !word.is_empty() && word.len() <= width && word.chars().all(is_atom))
        && !value.contains("=?")
    {
        return value.split(' ').map(str::to_owned).collect();
    }
    if value.split(' ').all(|word| !word.is_empty() && is_printable(word)) {
        let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        if quoted.len() <= width {
            return vec![quoted];
        }
    }
    encoded(value, width)
}

/// Visible ASCII that no reader mistakes for an encoded word.
fn is_printable(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_graphic()) && !word.contains("=?")
}

/// Encoded words for the whole of `value`: Q or B, whichever is shorter. The
/// first is at most `width` long, for it shares its line with the field's name.
/// Blanks between encoded words are no part of the text, so it comes back whole.
fn encoded(value: &str, width: usize) -> Vec<String> {
    let q: usize = value.chars().map(q_len).sum();
    let (mark, per_char): (&str, fn(char) -> usize) =
        if q <= value.len().div_ceil(3) * 4 { ("Q", q_len) } else { ("B", char::len_utf8) };
    let room = |limit: usize| {
        let inner = limit - "=?utf-8?Q??=".len();
        if mark == "Q" { inner } else { inner / 4 * 3 }
    };
    let (mut words, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, c) in value.char_indices() {
        let limit = room(if words.is_empty() { width.min(WORD) } else { WORD });
        if used + per_char(c) > limit {
            words.push(encoded_word(mark, &value[start..at]));
            (start, used) = (at, 0);
        }
        used += per_char(c);
    }
    words.push(encoded_word(mark, &value[start..]));
    words
}

fn encoded_word(mark: &str, value: &str) -> String {
    let inner = if mark == "Q" { value.chars().map(q).collect() } else { STANDARD.encode(value) };
    format!("=?utf-8?{mark}?{inner}?=")
}

/// Only what may stand for itself everywhere, in names too (RFC 2047 section 5, rule 3).
fn q_is_literal(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!*+-/".contains(c)
}

fn q_len(c: char) -> usize {
    if q_is_literal(c) || c == ' ' { 1 } else { 3 * c.len_utf8() }
}

fn q(c: char) -> String {
    match c {
        ' ' => "_".into(),
        _ if q_is_literal(c) => c.into(),
        _ => c.encode_utf8(&mut [0; 4]).bytes().map(|b| format!("={b:02X}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, words: Result<Vec<String>, String>) -> String {
        let mut out = String::new();
        push(&mut out, name, &words.unwrap()).unwrap();
        out
    }

    #[test]
    fn plain_text_is_left_alone_and_folded_between_words() {
        let subject = "A subject that goes on for quite a while so that it has to be folded somewhere near here";
        assert_eq!(
            field("Subject", text("Subject", subject)),
            "Subject: A subject that goes on for quite a while so that it has to be folded\r\n somewhere near here\r\n"
        );
        assert_eq!(field("Subject", text("Subject", "")), "Subject:\r\n");
    }

    #[test]
    fn other_text_is_encoded_by_the_shorter_way_within_its_lines() {
        assert_eq!(
            field("Subject", text("Subject", "Drei neue Beiträge auf der Seite")),
            "Subject: =?utf-8?Q?Drei_neue_Beitr=C3=A4ge_auf_der_Seite?=\r\n"
        );
        let long = field("Subject", text("Subject", &"новости ".repeat(20)));
        assert!(long.starts_with("Subject: =?utf-8?B?"), "{long}");
        assert!(long.lines().all(|line| line.len() <= 78), "{long}");
        assert!(field("Subject", text("Subject", "I am not =?utf-8?Q?encoded?= at all, am I")).contains("=3D=3F"));
    }

    #[test]
    fn a_field_cannot_be_ended_from_inside() {
        for wrong in ["a\r\nBcc: x@example.org", "a\nb", "a\rb", "a\0b", "a\x1bb"] {
            assert!(text("Subject", wrong).unwrap_err().contains("control character"));
        }
        assert_eq!(field("Subject", text("Subject", "a\tb")), "Subject: a b\r\n");
    }

    #[test]
    fn names_are_atoms_quoted_or_encoded() {
        let address = Address::parse("jane@example.org").unwrap();
        let to = |name| field("To", mailbox("To", Mailbox { name, address: &address }));
        assert_eq!(to(None), "To: jane@example.org\r\n");
        assert_eq!(to(Some(" ")), "To: jane@example.org\r\n");
        assert_eq!(to(Some("Jane Doe")), "To: Jane Doe <jane@example.org>\r\n");
        assert_eq!(to(Some("Doe, \"J\"")), "To: \"Doe, \\\"J\\\"\" <jane@example.org>\r\n");
        assert_eq!(to(Some("Zoë")), "To: =?utf-8?Q?Zo=C3=AB?= <jane@example.org>\r\n");
    }

    #[test]
    fn what_cannot_be_folded_must_fit_a_line() {
        let mut out = String::new();
        assert!(push(&mut out, "List-Id", &["x".repeat(998)]).is_err());
    }
}
