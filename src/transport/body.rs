//! The parts of a message: UTF-8 text in CRLF lines, made 7-bit by whichever
//! of quoted-printable and base64 is shorter (RFC 2045 sections 6.7 and 6.8).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// No encoded line is longer (RFC 2045).
const LINE: usize = 76;

/// `CRLF`, bare `CR` and bare `LF` all become `CRLF`.
pub(super) fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        out.push_str(&rest[..at]);
        out.push_str("\r\n");
        rest = rest[at..].strip_prefix("\r\n").unwrap_or(&rest[at + 1..]);
    }
    out.push_str(rest);
    out
}

/// Appends the header and content of one part, without a line end after it:
/// that belongs to the boundary.
///
/// # Errors
/// When the text holds a control character other than tab, CR and LF: no post
/// can hold one, so it is a personal field that nobody filled.
pub(super) fn push(out: &mut String, subtype: &str, text: &str) -> Result<(), String> {
    if let Some(c) = text.chars().find(|&c| c < ' ' && !matches!(c, '\t' | '\r' | '\n')) {
        return Err(format!("the text/{subtype} part holds the control character U+{:04X}", u32::from(c)));
    }
    let text = with_crlf(text);
    let quoted = quoted_printable::encode_to_str(&text);
    let digits = text.len().div_ceil(3) * 4;
    let (name, content) = if quoted.len() <= digits + digits.saturating_sub(1) / LINE * 2 {
        ("quoted-printable", quoted)
    } else {
        ("base64", in_lines(&STANDARD.encode(&text)))
    };
    out.push_str("Content-Type: text/");
    out.push_str(subtype);
    out.push_str("; charset=utf-8\r\nContent-Transfer-Encoding: ");
    out.push_str(name);
    out.push_str("\r\n\r\n");
    out.push_str(&content);
    Ok(())
}

/// Breaks ASCII text into lines of at most [`LINE`].
fn in_lines(encoded: &str) -> String {
    let mut out = String::with_capacity(encoded.len() + encoded.len() / LINE * 2);
    let mut rest = encoded;
    while rest.len() > LINE {
        let (line, more) = rest.split_at(LINE);
        out.push_str(line);
        out.push_str("\r\n");
        rest = more;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_becomes_crlf() {
        assert_eq!(with_crlf("a\nb\rc\r\nd\n\r\r\n"), "a\r\nb\r\nc\r\nd\r\n\r\n\r\n");
    }

    #[test]
    fn the_shorter_encoding_is_taken() {
        let part = |text: &str| {
            let mut out = String::new();
            push(&mut out, "plain", text).unwrap();
            out
        };
        assert!(
            part("Viele Grüße aus dem Süden, euer x = y\n")
                .ends_with("quoted-printable\r\n\r\nViele Gr=C3=BC=C3=9Fe aus dem S=C3=BCden, euer x =3D y\r\n")
        );
        let russian = part(&"Привет, мир\n".repeat(40));
        assert!(russian.contains("base64") && russian.lines().all(|line| line.len() <= 76), "{russian}");
    }

    #[test]
    fn a_field_that_nobody_filled_is_refused() {
        assert!(push(&mut String::new(), "html", "a\u{1}b").unwrap_err().contains("U+0001"));
    }
}
