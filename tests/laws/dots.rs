//! Dot-stuffing: a relay reads back exactly what was meant, and nothing ends a message early.

use postroom::transport::Content;

/// Takes any bytes for a finished message. Panics when the law is broken.
pub fn holds(message: &[u8]) {
    match Content::new(message) {
        Ok(content) => {
            let mut wire = content.wire();
            wire.extend_from_slice(b".\r\n");
            assert_eq!(received(&wire), Some((message.to_vec(), wire.len())), "what the relay takes it for");
            assert_eq!(content.message(), message);
            assert_eq!(content.size(), message.len());
        }
        Err(why) => assert!(!is_mail(message), "refused a message without fault: {why}"),
    }
}

/// What a relay makes of it by RFC 5321 section 4.5.2, and where the message ended.
fn received(wire: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut message, mut at) = (Vec::new(), 0);
    loop {
        let end = at + wire[at..].windows(2).position(|two| two == b"\r\n")?;
        let line = &wire[at..end];
        at = end + 2;
        if line == b"." {
            return Some((message, at));
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        message.extend_from_slice(b"\r\n");
    }
}

/// Whole CRLF lines of 7-bit text, no CR or LF without the other.
fn is_mail(message: &[u8]) -> bool {
    let text = message.iter().all(|byte| byte.is_ascii() && *byte != 0);
    let bare = |at: usize| match message[at] {
        b'\r' => message.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || message[at - 1] != b'\r',
        _ => false,
    };
    text && message.ends_with(b"\r\n") && !(0..message.len()).any(bare)
}
