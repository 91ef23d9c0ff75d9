//! Instants and spans. An instant is unix milliseconds everywhere: in memory,
//! in SQL, in JSON output as RFC 3339.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant as chrono knows it. Instants chrono cannot hold (beyond the
    /// year 262,000) become the epoch; none can enter through the archive,
    /// which refuses years outside 1..=9999.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// The wall clock of `zone` at this instant.
    pub fn in_zone(self, zone: Tz) -> DateTime<Tz> {
        self.utc().with_timezone(&zone)
    }

    /// RFC 3339 in UTC with whole seconds, as JSON output and Atom want it.
    pub fn rfc3339(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// RFC 5322 date in UTC, as mail and RSS want it.
    pub fn rfc2822(self) -> String {
        // Not chrono's `to_rfc2822`, which panics after the year 9999.
        self.utc().format("%a, %-d %b %Y %H:%M:%S +0000").to_string()
    }

    /// This instant moved by `span` into the future.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This instant moved by `span` into the past.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How long after `earlier` this is; negative when it is before.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl<Z: chrono::TimeZone> From<DateTime<Z>> for Timestamp {
    fn from(t: DateTime<Z>) -> Self {
        Self(t.timestamp_millis())
    }
}

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub i64);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(n: i64) -> Self {
        Self(n * 1_000)
    }
    /// A span of whole minutes.
    pub const fn minutes(n: i64) -> Self {
        Self::seconds(n * 60)
    }
    /// A span of whole hours.
    pub const fn hours(n: i64) -> Self {
        Self::minutes(n * 60)
    }
    /// A span of whole days of 24 hours.
    pub const fn days(n: i64) -> Self {
        Self::hours(n * 24)
    }

    /// Reads `"90s"`, `"10m"`, `"2h"`, `"14d"`, `"500ms"` or `"0"`.
    ///
    /// # Errors
    /// One sentence saying what a span looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a span of time; write it like 90s, 10m, 2h or 14d");
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let unit = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" if number == 0 => 1,
            _ => return Err(wrong()),
        };
        number.checked_mul(unit).map(Self).ok_or_else(wrong)
    }

    /// The same length for tokio's timers; negative spans become zero.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl std::fmt::Display for Span {
    /// The largest unit that leaves no remainder: `10m`, `90s`, `14d`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNITS: [(i64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        for (size, name) in UNITS {
            if self.0 != 0 && self.0 % size == 0 {
                return write!(f, "{}{name}", self.0 / size);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_date_is_in_utc_and_no_instant_breaks_it() {
        assert_eq!(Timestamp(1_767_258_307_250).rfc2822(), "Thu, 1 Jan 2026 09:05:07 +0000");
        for far in [i64::MIN, -62_135_596_800_001, 253_402_300_800_000, i64::MAX] {
            assert!(Timestamp(far).rfc2822().ends_with("+0000"), "{far}");
        }
    }

    #[test]
    fn a_span_is_read_and_written_in_the_same_words() {
        for text in ["90s", "10m", "2h", "14d", "500ms"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Span::parse("0").unwrap(), Span(0));
        for wrong in ["", "10", "ten minutes", "5 weeks", "-3s", "99999999999999999d"] {
            assert!(Span::parse(wrong).is_err(), "{wrong}");
        }
    }
}
