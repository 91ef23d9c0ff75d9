//! Dot-stuffing: a line of content that begins with a dot gets a second one,
//! so that none can be taken for the end (RFC 5321 section 4.5.2).

/// Appends one line, given without its line end; how many dots that added.
pub(super) fn push_line(wire: &mut Vec<u8>, line: &[u8]) -> usize {
    let leads = line.first() == Some(&b'.');
    if leads {
        wire.push(b'.');
    }
    wire.extend_from_slice(line);
    wire.extend_from_slice(b"\r\n");
    usize::from(leads)
}

/// The content as it goes over the wire, the final dot not included, and how many dots were added.
///
/// # Errors
/// One sentence when `content` is not what a relay may be given: whole CRLF
/// lines of 7-bit text. A bare CR or LF is what mail is smuggled with.
pub(super) fn stuffed(content: &[u8]) -> Result<(Vec<u8>, usize), String> {
    const BARE: &str = "the message holds a bare CR or LF";
    if !content.is_ascii() || content.contains(&0) {
        return Err("the message is not 7-bit text".into());
    }
    let lines = content.strip_suffix(b"\n").ok_or("the message does not end with CRLF")?;
    let mut wire = Vec::with_capacity(content.len() + content.len() / 64 + 16);
    let mut dots = 0;
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").filter(|line| !line.contains(&b'\r')).ok_or(BARE)?;
        dots += push_line(&mut wire, line);
    }
    Ok((wire, dots))
}

/// The content that [`stuffed`] was given.
pub(super) fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let lines = wire.split_inclusive(|&byte| byte == b'\n');
    lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_the_message_early_is_refused() {
        for wrong in ["", "a", "a\n", "a\r", "a\n\r\n", "a\r\r\n", "\n.\n\r\n", "\r.\r\r\n", "a\0\r\n", "ä\r\n"] {
            assert!(stuffed(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert_eq!(stuffed(b"\r\n").unwrap(), (b"\r\n".to_vec(), 0));
        assert_eq!(stuffed(b".\r\n..\r\na.\r\n\r\n").unwrap(), (b"..\r\n...\r\na.\r\n\r\n".to_vec(), 2));
    }
}
