//! Dot-stuffing: a line of content that begins with a dot gets a second one,
//! so that none can be taken for the end (RFC 5321 section 4.5.2).

/// The content as it goes over the wire, the final dot not included.
///
/// # Errors
/// One sentence when `content` is not what a relay may be given: whole CRLF
/// lines of 7-bit text. A bare CR or LF is what mail is smuggled with.
pub(super) fn stuffed(content: &[u8]) -> Result<Vec<u8>, String> {
    const BARE: &str = "the message holds a bare CR or LF";
    if !content.is_ascii() || content.contains(&0) {
        return Err("the message is not 7-bit text".into());
    }
    let lines = content.strip_suffix(b"\n").ok_or("the message does not end with CRLF")?;
    let mut out = Vec::with_capacity(content.len() + content.len() / 64 + 16);
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").filter(|line| !line.contains(&b'\r')).ok_or(BARE)?;
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a server makes of it.
    fn unstuffed(wire: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(wire).unwrap();
        let lines = text.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line));
        lines.collect::<String>().into_bytes()
    }

    #[test]
    fn what_could_end_the_message_early_is_refused() {
        for wrong in ["", "a", "a\n", "a\r", "a\n\r\n", "a\r\r\n", "\n.\n\r\n", "\r.\r\r\n", "a\0\r\n", "ä\r\n"] {
            assert!(stuffed(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert_eq!(stuffed(b"\r\n").unwrap(), b"\r\n");
        assert_eq!(stuffed(b".\r\n..\r\na.\r\n\r\n").unwrap(), b"..\r\n...\r\na.\r\n\r\n");
    }

    proptest! {
        #[test]
        fn a_server_reads_back_what_was_meant(lines in proptest::collection::vec("[.a ]{0,4}", 1..12)) {
            let content = lines.join("\r\n") + "\r\n";
            let wire = stuffed(content.as_bytes()).unwrap();
            prop_assert!(!wire.starts_with(b".\r\n"));
            prop_assert!(!wire.windows(5).any(|five| five == b"\r\n.\r\n"));
            prop_assert_eq!(unstuffed(&wire), content.into_bytes());
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_back(content in "[.\\r\\na]{0,12}") {
            if let Ok(wire) = stuffed(content.as_bytes()) {
                prop_assert_eq!(unstuffed(&wire), content.into_bytes());
            }
        }
    }
}
