//! What lettre tells of a command, in our words: a complete reply, or why none came.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::Response;

use super::tls;
use crate::domain::delivery::Reply;

/// The relay's complete reply, whatever its code.
///
/// # Errors
/// Why there is none, in words for the ledger.
pub(super) fn read(result: Result<Response, Error>, ended: bool) -> Result<Reply, String> {
    match result {
        Ok(response) => {
            let text: Vec<&str> = response.message().collect();
            Ok(Reply::new(response.code().into(), &text.join(" ")))
        }
        Err(error) => refusal(&error, ended),
    }
}

/// The same for what lettre takes for an error: a 4xx or 5xx is a reply too.
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
        "the relay closed the connection".into()
    } else if error.is_response() {
        "the relay's answer is not SMTP".into()
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
        io::ErrorKind::UnexpectedEof => "the relay closed the connection".into(),
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

    fn ok(text: &str) -> Result<Response, Error> {
        text.parse()
    }

    #[test]
    fn every_line_of_a_reply_is_kept() {
        let reply = read(ok("250-2.0.0 first\r\n250 2.0.0 second\r\n"), false).unwrap();
        assert_eq!(reply.to_string(), "250 2.0.0 first 2.0.0 second");
    }

    #[test]
    fn garbage_is_told_from_a_hang_up() {
        assert_eq!(read(ok("hello\r\n"), false).unwrap_err(), "the relay's answer is not SMTP");
        assert_eq!(read(ok(""), true).unwrap_err(), "the relay closed the connection");
    }

    #[test]
    fn time_is_told_in_seconds() {
        assert_eq!(late("no answer to RCPT", Duration::from_secs(300)), "no answer to RCPT within 300 s");
        assert_eq!(late("no answer", Duration::from_millis(50)), "no answer within 50 ms");
    }
}
