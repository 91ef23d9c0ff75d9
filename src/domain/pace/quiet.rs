//! Hours in which no edition is handed over.

use chrono::{NaiveTime, Timelike};
use chrono_tz::Tz;

use crate::domain::time::{Span, Timestamp};

/// A part of every day by the wall clock: `22:00-07:00`, its end not among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: NaiveTime,
    to: NaiveTime,
}

impl QuietHours {
    /// Whether `now` is among them on the wall clock of `zone`, whatever that
    /// clock skips or repeats.
    pub fn contain(&self, zone: Tz, now: Timestamp) -> bool {
        let clock = now.in_zone(zone).time();
        if self.from < self.to { self.from <= clock && clock < self.to } else { self.from <= clock || clock < self.to }
    }

    /// The first instant after them; `None` when `now` is not among them.
    pub fn end(&self, zone: Tz, now: Timestamp) -> Option<Timestamp> {
        if !self.contain(zone, now) {
            return None;
        }
        // Clocks are changed at whole minutes, so it is enough to look at those.
        let minute = Timestamp(now.0 - now.0.rem_euclid(60_000));
        (1..=26 * 60).map(|n| minute.plus(Span::minutes(n))).find(|at| !self.contain(zone, *at))
    }
}

impl std::str::FromStr for QuietHours {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` are no quiet hours; write them like 22:00-07:00");
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| wrong());
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let (from, to) = (time(from)?, time(to)?);
        if from == to { Err(wrong()) } else { Ok(Self { from, to }) }
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().into()
    }

    fn end(hours: &str, now: &str) -> Option<String> {
        let hours: QuietHours = hours.parse().unwrap();
        hours.end(BERLIN, at(now)).map(|end| end.in_zone(BERLIN).to_rfc3339())
    }

    #[test]
    fn they_reach_over_midnight_and_end_on_the_wall_clock() {
        let night = |now| end("22:00-07:00", now);
        assert_eq!(night("2026-05-18T21:59:59+02:00"), None);
        assert_eq!(night("2026-05-18T22:00:00+02:00").unwrap(), "2026-05-19T07:00:00+02:00");
        assert_eq!(night("2026-05-19T06:59:59+02:00").unwrap(), "2026-05-19T07:00:00+02:00");
        assert_eq!(night("2026-05-19T07:00:00+02:00"), None);
        assert_eq!(end("12:00-13:30", "2026-05-19T12:10:00+02:00").unwrap(), "2026-05-19T13:30:00+02:00");
        assert_eq!(end("12:00-13:30", "2026-05-19T01:00:00+02:00"), None);
    }

    #[test]
    fn seven_is_seven_when_the_clocks_are_changed() {
        let night = |now| end("22:00-07:00", now);
        assert_eq!(night("2026-03-28T23:00:00+01:00").unwrap(), "2026-03-29T07:00:00+02:00");
        assert_eq!(night("2026-10-24T23:00:00+02:00").unwrap(), "2026-10-25T07:00:00+01:00");
        // An end the clock skips is the first instant after the gap.
        assert_eq!(end("22:00-02:30", "2026-03-29T01:59:00+01:00").unwrap(), "2026-03-29T03:00:00+02:00");
    }

    #[test]
    fn wrong_words_are_refused() {
        assert_eq!("22:00 - 7:00".parse::<QuietHours>().unwrap().to_string(), "22:00-07:00");
        for wrong in ["", "22:00", "22-7", "25:00-07:00", "07:00-07:00", "night"] {
            assert!(wrong.parse::<QuietHours>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn they_always_end_and_their_end_is_not_among_them(
            from in 0_u32..1440, to in 0_u32..1440, now in 100_000_000_i64..4_000_000_000, zone in 0_usize..500,
        ) {
            prop_assume!(from != to);
            let zone = chrono_tz::TZ_VARIANTS[zone % chrono_tz::TZ_VARIANTS.len()];
            let text = format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
            let hours: QuietHours = text.parse().unwrap();
            let now = Timestamp(now * 1_000);
            match hours.end(zone, now) {
                None => prop_assert!(!hours.contain(zone, now)),
                Some(end) => {
                    prop_assert!(end > now && !hours.contain(zone, end));
                    prop_assert!(hours.contain(zone, end.minus(Span(1))));
                }
            }
        }
    }
}
