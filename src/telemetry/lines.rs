//! The shape of a line.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::domain::Timestamp;

/// One event per line: words first, then `key=value`.
pub struct Lines {
    /// Syslog priority in front, and neither time nor colour.
    pub journal: bool,
    /// Tells the time of a line.
    pub now: fn() -> Timestamp,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut words = Words::default();
        event.record(&mut words);
        let level = *event.metadata().level();
        if self.journal {
            write!(writer, "<{}>", priority(level))?;
        } else {
            write!(writer, "{} ", (self.now)().utc().format("%H:%M:%S"))?;
            let (word, colour) = word(level);
            match writer.has_ansi_escapes() {
                true => write!(writer, "\x1b[{colour}m{word:<5}\x1b[0m ")?,
                false => write!(writer, "{word:<5} ")?,
            }
        }
        writeln!(writer, "{}{}", words.message, words.fields)
    }
}

/// Severities of syslog (RFC 5424 section 6.2.1).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn word(level: Level) -> (&'static str, u8) {
    match level {
        Level::ERROR => ("error", 31),
        Level::WARN => ("warn", 33),
        Level::INFO => ("info", 32),
        Level::DEBUG => ("debug", 34),
        _ => ("trace", 35),
    }
}

/// The words and fields of one event. Whatever could break the line or fake
/// another one (relay replies, file names) is quoted and escaped, and no
/// address leaves as it is.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn add(&mut self, field: &Field, value: &str) {
        let value = masked(value);
        if field.name() == "message" {
            self.message = value.chars().flat_map(escaped).collect();
            return;
        }
        let plain = !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || "-_.:/@+*".contains(c));
        let _ = match plain {
            true => write!(self.fields, " {}={value}", field.name()),
            false => write!(self.fields, " {}={value:?}", field.name()),
        };
    }
}

/// The text with `j***@example.org` for every address in it: relays repeat the
/// recipient's in their replies. The signs are those of RFC 5322 section 3.2.3.
fn masked(text: &str) -> String {
    let is_local = |c: char| c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
    let mut pieces: Vec<String> = text.split('@').map(str::to_owned).collect();
    if let Some((_last, before)) = pieces.split_last_mut() {
        for piece in before {
            let start = piece.trim_end_matches(is_local).len();
            if let Some(first) = piece[start..].chars().next() {
                piece.truncate(start + first.len_utf8());
                piece.push_str("***");
            }
        }
    }
    pieces.join("@")
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let (plain, escape) = if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    plain.into_iter().chain(escape.into_iter().flatten())
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(journal: bool, say: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let lines = Lines { journal, now: || Timestamp(1_000_000) };
        let log = tracing_subscriber::fmt().with_ansi(false).event_format(lines);
        tracing::subscriber::with_default(log.with_writer(move || writer.clone()).finish(), say);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_has_words_first_and_the_journal_gets_a_priority() {
        let say = || tracing::warn!(edition = 42, relay = "mail.test:25", reason = "550 no", "refused");
        assert_eq!(said(true, say), "<4>refused edition=42 relay=mail.test:25 reason=\"550 no\"\n");
        assert_eq!(said(false, say), "00:16:40 warn  refused edition=42 relay=mail.test:25 reason=\"550 no\"\n");
    }

    #[test]
    fn a_refusal_is_told_without_the_address_the_relay_repeats() {
        let reply = "550 5.1.1 <jane.doe+x@example.org>: Recipient rejected, see b=jane.doe@example.org@relay";
        let line = said(true, || crate::telemetry::delivery_refused(7, reply));
        let told = "550 5.1.1 <j***@example.org>: Recipient rejected, see b***@e***@relay";
        assert_eq!(line, format!("<4>refused delivery=7 reason=\"{told}\"\n"));
        assert_eq!(said(true, || tracing::info!("to j@x.test @ noon")), "<6>to j***@x.test @ noon\n");
    }

    #[test]
    fn nothing_a_relay_says_can_fake_a_line() {
        let say = || tracing::info!(reason = %"ok\n<3>all lost\x1b[2J", "re\nplied");
        assert_eq!(said(true, say), "<6>re\\nplied reason=\"ok\\n<3>all lost\\u{1b}[2J\"\n");
    }
}
