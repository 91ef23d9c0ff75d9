//! Replies: read by RFC 5321, or why none came. What lettre tells of those it
//! reads while a connection opens is put in the same words.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error;

use super::tls;
use crate::domain::delivery::Reply;

/// A line may be this long; RFC 5321 section 4.5.3.1.5 says 512.
pub(super) const LINE: usize = 2_048;
/// One reply may have so many lines and bytes.
pub(super) const LINES: usize = 100;
pub(super) const BYTES: usize = 65_536;

pub(super) const GARBAGE: &str = "the relay's answer is not SMTP";
pub(super) const LONG_LINE: &str = "a line of the relay's answer is too long";
pub(super) const LONG: &str = "the relay's answer is too long";
pub(super) const CLOSED: &str = "the relay closed the connection";

/// Takes one reply off the front of what was read; `None` while it is not all
/// there. All its lines have one code, and a blank may be missing after the
/// last one's (RFC 5321 section 4.2). Bytes outside UTF-8 do no harm.
///
/// # Errors
/// What it is instead.
pub(super) fn take(read: &mut Vec<u8>) -> Result<Option<Reply>, &'static str> {
    let (mut text, mut at, mut first) = (String::new(), 0, None);
    for lines in 1.. {
        let Some(length) = read[at..].iter().position(|&byte| byte == b'\n') else {
            return if read.len() - at > LINE { Err(LONG_LINE) } else { Ok(None) };
        };
        if length > LINE || lines > LINES || at + length > BYTES {
            return Err(LONG);
        }
        let (code, is_last, words) = line(&read[at..at + length]).ok_or(GARBAGE)?;
        if *first.get_or_insert(code) != code {
            return Err(GARBAGE);
        }
        text.push_str(&String::from_utf8_lossy(words));
        at += length + 1;
        if is_last {
            read.drain(..at);
            return Ok(Some(Reply::new(code, &text)));
        }
        text.push(' ');
    }
    Err(LONG)
}

/// Code, whether no line follows, and text.
fn line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.trim_ascii_end().split_first_chunk::<3>()?;
    let [class @ b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] = code else { return None };
    let [_, tens, ones] = code;
    let code = [class, tens, ones].into_iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

/// What lettre takes for an error: a 4xx or 5xx is a reply too.
pub(super) fn refusal(error: &Error, ended: bool) -> Result<Reply, String> {
    match error.status() {
        Some(code) => {
            let text = error.source().map(ToString::to_string).unwrap_or_default();
            Ok(Reply::new(code.into(), &text))
        }
        None => Err(why(error, ended)),
    }
}

/// Why a command got no reply.
fn why(error: &Error, ended: bool) -> String {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return trouble(io);
        }
        source = cause.source();
    }
    if ended {
        CLOSED.into()
    } else if error.is_response() {
        GARBAGE.into()
    } else {
        error.to_string()
    }
}

/// A fault of the network in words.
pub(super) fn trouble(error: &io::Error) -> String {
    if let Some(words) = tls::words(error) {
        return words;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            "the relay broke the connection off".into()
        }
        io::ErrorKind::UnexpectedEof => CLOSED.into(),
        _ => error.to_string(),
    }
}

/// `no answer to RCPT within 300 s`
pub(super) fn late(what: &str, limit: Duration) -> String {
    match limit.as_secs() {
        0 => format!("{what} within {} ms", limit.as_millis()),
        seconds => format!("{what} within {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(text: &str) -> (Result<Option<String>, &'static str>, String) {
        let mut read = text.as_bytes().to_vec();
        let reply = take(&mut read).map(|reply| reply.map(|reply| reply.to_string()));
        (reply, String::from_utf8(read).unwrap())
    }

    #[test]
    fn one_whole_reply_is_taken_with_all_its_lines() {
        let (reply, rest) = taken("250-2.0.0 first\r\n250 2.0.0 second\r\n354 next\r\n");
        assert_eq!((reply, rest.as_str()), (Ok(Some("250 2.0.0 first 2.0.0 second".into())), "354 next\r\n"));
        for (odd, read) in [("250\r\n", "250"), ("250\n", "250"), ("250-\r\n250\r\n", "250"), ("299 x\r\n", "299 x")] {
            assert_eq!(taken(odd), (Ok(Some(read.into())), String::new()), "{odd:?}");
        }
    }

    #[test]
    fn half_a_reply_is_awaited() {
        for half in ["", "2", "250 half a li", "250-first\r\n", "250-first\r\n250 second"] {
            assert_eq!(taken(half), (Ok(None), half.to_owned()));
        }
    }

    #[test]
    fn what_is_no_reply_is_none() {
        for wrong in ["hello\r\n", "\r\n", "25 x\r\n", "2500 x\r\n", "150 x\r\n", "250-a\r\n251 b\r\n", "650 x\r\n"] {
            assert_eq!(taken(wrong).0, Err(GARBAGE), "{wrong:?}");
        }
        assert_eq!(taken(&"x".repeat(LINE + 1)).0, Err(LONG_LINE));
        assert_eq!(taken(&"250-more\r\n".repeat(LINES + 1)).0, Err(LONG));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_reply_is_the_same_however_it_is_cut(text in "(250-[a-zé\u{1}]{0,9}\r?\n){0,3}250[ -]?[a-z .0-9]{0,12}\r?\n?[\\PC]{0,5}", cut in 0_usize..60) {
            let (bytes, mut read) = (text.as_bytes(), Vec::new());
            let whole = take(&mut bytes.to_vec());
            let (front, back) = bytes.split_at(cut.min(bytes.len()));
            read.extend_from_slice(front);
            let early = take(&mut read);
            if early == Ok(None) {
                read.extend_from_slice(back);
                prop_assert_eq!(take(&mut read), whole);
            } else {
                prop_assert_eq!(early, whole);
            }
        }

        #[test]
        fn arbitrary_bytes_are_a_reply_half_of_one_or_garbage(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut read = bytes.clone();
            if let Ok(Some(reply)) = take(&mut read) {
                prop_assert!((200..600).contains(&reply.code) && bytes.ends_with(&read) && read.len() < bytes.len());
                prop_assert!(!reply.text.contains(char::is_control));
            }
        }
    }

    #[test]
    fn time_is_told_in_seconds() {
        assert_eq!(late("no answer to RCPT", Duration::from_secs(300)), "no answer to RCPT within 300 s");
        assert_eq!(late("no answer", Duration::from_millis(50)), "no answer within 50 ms");
    }
}
