//! A message as DKIM sees it: canonicalised relaxed/relaxed (RFC 6376 section
//! 3.4), so that harmless changes on the way break no signature. That empty
//! lines at the end of a body do not count is left out: our bodies end with a boundary.

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

/// One line of a body without its line end (RFC 6376 section 3.4.4): blanks at
/// its end gone, runs of blanks made one.
pub(super) fn push_line(out: &mut Vec<u8>, line: &[u8]) {
    let end = line.iter().rposition(|b| !is_blank(b)).map_or(0, |at| at + 1);
    push_with_single_blanks(out, &line[..end]);
    out.extend_from_slice(b"\r\n");
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
        let mut out = Vec::new();
        [&b" C "[..], b"D \t E", b" ", b""].iter().for_each(|line| push_line(&mut out, line));
        assert_eq!(text(&out), " C\r\nD E\r\n\r\n\r\n");
    }

    #[test]
    fn a_head_falls_apart_into_fields() {
        assert_eq!(fields(b"A: 1\r\n 2\r\nB: 3\r\n"), [(&b"A"[..], &b"A: 1\r\n 2\r\n"[..]), (b"B", b"B: 3\r\n")]);
    }
}
