//! Instants as people type them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::domain::Timestamp;

/// How they are written.
pub const HELP: &str = "write it like 2026-05-29, 2026-05-29T09:00 or 2026-05-29T09:00:00+02:00";

/// Reads `2026-05-29`, `2026-05-29T09:00` (on the wall clock of `zone`) or RFC 3339.
///
/// # Errors
/// When it is none of these, or a time the clock skips.
pub fn read(text: &str, zone: Tz) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
        return Ok(exact.into());
    }
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"];
    let local = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
    let local = local.or_else(day).ok_or_else(|| format!("`{}` is not a time", super::output::plain(text)))?;
    let at = zone.from_local_datetime(&local).earliest();
    at.map(Timestamp::from).ok_or_else(|| format!("the clocks of {zone} skip `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_on_the_wall_clock_of_the_site() {
        let berlin = chrono_tz::Europe::Berlin;
        let read = |text| read(text, berlin).map(Timestamp::rfc3339);
        assert_eq!(read("2026-05-29T09:00").unwrap(), "2026-05-29T07:00:00Z");
        assert_eq!(read("2026-05-29").unwrap(), "2026-05-28T22:00:00Z");
        assert_eq!(read("2026-05-29T09:00:00Z").unwrap(), "2026-05-29T09:00:00Z");
        assert!(read("2026-03-29T02:30").unwrap_err().contains("skip"));
        assert!(read("tomorrow").is_err());
    }
}
