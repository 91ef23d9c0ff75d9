//! A message as DKIM sees it: canonicalised relaxed/relaxed (RFC 6376 section
//! 3.4), so that harmless changes on the way break no signature.

/// Head with its last CRLF, and body, without the empty line between them.
pub(super) fn split(message: &[u8]) -> (&[u8], &[u8]) {
    match message.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (&message[..at + 2], &message[at + 4..]),
        None => (message, &[]),
    }
}

/// Name and whole text of each field, its folds and CRLF included.
pub(super) fn fields(head: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
    let mut start = 0;
    for (at, byte) in head.iter().enumerate() {
        let folds = matches!(head.get(at + 1), Some(b' ' | b'\t'));
        if *byte == b'\n' && !folds {
            let field = &head[start..=at];
            let name = field.split(|&b| b == b':').next().unwrap_or_default();
            fields.push((name.trim_ascii(), field));
            start = at + 1;
        }
    }
    fields
}

/// RFC 6376 section 3.4.2: name in lower case, unfolded, runs of blanks made one.
pub(super) fn push_field(out: &mut Vec<u8>, field: &[u8]) {
    let colon = field.iter().position(|&b| b == b':').unwrap_or(field.len());
    let (name, value) = field.split_at(colon);
    out.extend(name.trim_ascii().to_ascii_lowercase());
    out.push(b':');
    let unfolded: Vec<u8> = value.iter().skip(1).copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    push_with_single_blanks(out, unfolded.trim_ascii());
    out.extend_from_slice(b"\r\n");
}

/// RFC 6376 section 3.4.4: blanks at line ends gone, runs of blanks made one,
/// empty lines at the end gone, one CRLF at the end unless nothing is left.
pub(super) fn body(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut empty = 0;
    let lines = text.strip_suffix(b"\n").unwrap_or(text);
    for line in lines.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = line.iter().rposition(|b| !is_blank(b)).map_or(0, |at| at + 1);
        if end == 0 {
            empty += 1;
            continue;
        }
        out.extend(std::iter::repeat_n(b"\r\n", std::mem::take(&mut empty)).flatten());
        push_with_single_blanks(&mut out, &line[..end]);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn push_with_single_blanks(out: &mut Vec<u8>, text: &[u8]) {
    let mut after_blank = false;
    for byte in text {
        let blank = is_blank(byte);
        if !blank {
            out.push(*byte);
        } else if !after_blank {
            out.push(b' ');
        }
        after_blank = blank;
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc_are_canonicalised_as_there() {
        // RFC 6376 section 3.4.5.
        let mut out = Vec::new();
        push_field(&mut out, b"A: X\r\n");
        push_field(&mut out, b"B : Y\t\r\n\tZ  \r\n");
        assert_eq!(text(&out), "a:X\r\nb:Y Z\r\n");
        assert_eq!(text(&body(b" C \r\nD \t E\r\n\r\n\r\n")), " C\r\nD E\r\n");
        assert_eq!(body(b"\r\n\r\n"), b"");
        assert_eq!(body(b""), b"");
        assert_eq!(text(&body(b"a\r\n \r\n\r\nb")), "a\r\n\r\n\r\nb\r\n");
    }

    #[test]
    fn a_message_falls_apart_into_fields_and_body() {
        let (head, rest) = split(b"A: 1\r\n 2\r\nB: 3\r\n\r\nbody\r\n\r\nmore");
        assert_eq!(fields(head), [(&b"A"[..], &b"A: 1\r\n 2\r\n"[..]), (b"B", b"B: 3\r\n")]);
        assert_eq!(rest, b"body\r\n\r\nmore");
        assert_eq!(split(b"A: 1\r\n"), (&b"A: 1\r\n"[..], &b""[..]));
    }
}
