//! Cadence: how often one subscriber wants a newsletter, and the slots at
//! which it falls due.

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::time::Timestamp;

/// How often one subscriber wants a newsletter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cadence {
    /// Every post, after it has settled.
    Each,
    /// Once a day, when there is something new.
    Daily,
    /// Once a week, when there is something new.
    Weekly,
    /// Once a month, when there is something new.
    Monthly,
}

impl Cadence {
    /// All four, most frequent first.
    pub const ALL: [Self; 4] = [Self::Each, Self::Daily, Self::Weekly, Self::Monthly];

    /// The word for it in settings, SQL, JSON and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

impl std::fmt::Display for Cadence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Cadence {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a cadence; it is each, daily, weekly or monthly"))
    }
}

/// When a cadence falls due, on the wall clock of a zone: `"09:00"` daily,
/// `"Fri 09:00"` weekly, `"1 09:00"` or `"last 09:00"` monthly.
#[derive(Clone, Debug)]
pub struct When {
    text: String,
    cron: Cron,
}

impl PartialEq for When {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

impl When {
    /// Reads the words for `cadence`.
    ///
    /// # Errors
    /// One sentence with an example. [`Cadence::Each`] has no clock time.
    pub fn parse(cadence: Cadence, text: &str) -> Result<Self, String> {
        let example = match cadence {
            Cadence::Each => return Err("`each` has no time of its own".into()),
            Cadence::Daily => "09:00",
            Cadence::Weekly => "Fri 09:00",
            Cadence::Monthly => "1 09:00 or last 09:00",
        };
        let wrong = || format!("`{text}` is no time for a {cadence} edition; write it like {example}");
        let (day, clock) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((day, clock)) => (Some(day.trim().to_lowercase()), clock),
            None => (None, text.trim()),
        };
        let (hour, minute) = clock_time(clock).ok_or_else(wrong)?;
        let pattern = match (cadence, day.as_deref()) {
            (Cadence::Daily, None) => format!("{minute} {hour} * * *"),
            (Cadence::Weekly, Some(day)) => {
                let day = DAYS.iter().position(|name| day.len() >= 3 && name.starts_with(day)).ok_or_else(wrong)?;
                format!("{minute} {hour} * * {day}")
            }
            (Cadence::Monthly, Some("last")) => format!("{minute} {hour} L * *"),
            (Cadence::Monthly, Some(day)) => {
                // 29 to 31 do not exist in every month, and a skipped month
                // would surprise: `last` is the word for those.
                let day: u8 = day.parse().ok().filter(|d| (1..=28).contains(d)).ok_or_else(wrong)?;
                format!("{minute} {hour} {day} * *")
            }
            _ => return Err(wrong()),
        };
        let cron = CronParser::builder().seconds(Seconds::Disallowed).build().parse(&pattern).map_err(|_| wrong())?;
        Ok(Self { text: text.trim().to_owned(), cron })
    }

    /// The first slot strictly after `after`, on the wall clock of `zone`: a
    /// time the clock skips becomes the first valid instant, one it repeats
    /// counts once.
    pub fn next(&self, zone: Tz, after: Timestamp) -> Timestamp {
        self.cron.find_next_occurrence(&after.in_zone(zone), false).map_or(Timestamp(i64::MAX), Timestamp::from)
    }

    /// The latest slot at or before `now`.
    pub fn latest(&self, zone: Tz, now: Timestamp) -> Timestamp {
        self.cron.find_previous_occurrence(&now.in_zone(zone), true).map_or(Timestamp(i64::MIN), Timestamp::from)
    }
}

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn clock_time(text: &str) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |s: &str| s.len() <= 2 && !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (digits(hour) && digits(minute)).then_some(())?;
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;
    use chrono::{DateTime, Timelike};
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().into()
    }

    fn slots(cadence: Cadence, when: &str, zone: Tz, from: &str, n: usize) -> Vec<String> {
        let when = When::parse(cadence, when).unwrap();
        let mut t = at(from);
        (0..n)
            .map(|_| {
                t = when.next(zone, t);
                t.in_zone(zone).to_rfc3339()
            })
            .collect()
    }

    proptest! {
        /// Every day of ten years has its slot, once, in every zone; at the
        /// time that was asked for unless the clock skips that.
        #[test]
        fn every_day_has_one_slot_wherever_it_is(zone in 0..chrono_tz::TZ_VARIANTS.len(), minute in 0_u32..1_440, day in 0_i64..3_650) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let clock = format!("{:02}:{:02}", minute / 60, minute % 60);
            let when = When::parse(Cadence::Daily, &clock).unwrap();
            let mut slot = when.next(zone, at("2020-01-01T00:00:00Z").plus(Span::days(day)));
            for _ in 0..40 {
                let next = when.next(zone, slot);
                let (before, local) = (slot.in_zone(zone), next.in_zone(zone));
                prop_assert_eq!(local.date_naive().signed_duration_since(before.date_naive()).num_days(), 1);
                let told = local.format("%H:%M").to_string();
                prop_assert!(told == clock || told > clock && local.hour() * 60 + local.minute() <= minute + 180, "{local}");
                prop_assert_eq!(when.latest(zone, next), next);
                slot = next;
            }
        }
    }

    #[test]
    fn nine_in_the_morning_stays_nine_over_daylight_saving() {
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(
            slots(Cadence::Daily, "09:00", berlin, "2026-03-27T12:00:00Z", 3),
            ["2026-03-28T09:00:00+01:00", "2026-03-29T09:00:00+02:00", "2026-03-30T09:00:00+02:00"]
        );
    }

    #[test]
    fn a_skipped_time_falls_on_the_first_valid_instant_and_a_repeated_one_counts_once() {
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(
            slots(Cadence::Daily, "02:30", berlin, "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
        );
        assert_eq!(
            slots(Cadence::Daily, "02:30", berlin, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
        );
    }

    #[test]
    fn weekly_and_monthly_slots() {
        let utc = chrono_tz::UTC;
        assert_eq!(
            slots(Cadence::Weekly, "Friday 18:05", utc, "2026-05-22T18:05:00Z", 1),
            ["2026-05-29T18:05:00+00:00"]
        );
        assert_eq!(
            slots(Cadence::Monthly, "last 09:00", utc, "2026-01-31T09:00:00Z", 1),
            ["2026-02-28T09:00:00+00:00"]
        );
    }

    #[test]
    fn wrong_words_are_refused_with_an_example() {
        for (cadence, text) in [
            (Cadence::Daily, "9 o'clock"),
            (Cadence::Daily, "25:00"),
            (Cadence::Weekly, "09:00"),
            (Cadence::Weekly, "Someday 09:00"),
            (Cadence::Weekly, "monthly 09:00"),
            (Cadence::Weekly, "t 09:00"),
            (Cadence::Monthly, "31 09:00"),
            (Cadence::Each, "09:00"),
        ] {
            assert!(When::parse(cadence, text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_latest_slot_is_the_one_a_catch_up_uses() {
        let when = When::parse(Cadence::Weekly, "Fri 09:00").unwrap();
        let now = at("2026-06-30T00:00:00Z");
        assert_eq!(when.latest(chrono_tz::UTC, now), at("2026-06-26T09:00:00Z"));
        assert_eq!(when.latest(chrono_tz::UTC, at("2026-06-26T09:00:00Z")), at("2026-06-26T09:00:00Z"));
    }
}
