//! Dates and numbers as the catalogue writes them.

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;

use super::words::Words;
use crate::domain::Timestamp;

impl Words {
    /// `3 May 2025`, on the calendar of `zone`.
    pub fn date(&self, at: Timestamp, zone: Tz) -> String {
        self.say("date.long", &Parts::of(self, at, zone).slots())
    }

    /// `20 May` in the year of `reference`, else with its year.
    pub fn near_date(&self, at: Timestamp, zone: Tz, reference: Timestamp) -> String {
        if at.in_zone(zone).year() != reference.in_zone(zone).year() {
            return self.date(at, zone);
        }
        self.say("date.short", &Parts::of(self, at, zone).slots())
    }

    /// `Friday 22 May 2026`.
    pub fn day(&self, at: Timestamp, zone: Tz) -> String {
        self.say("date.full", &Parts::of(self, at, zone).slots())
    }

    /// `Friday 22 May 2026, 09:00 Europe/Berlin`: an instant that matters, its zone named.
    pub fn moment(&self, at: Timestamp, zone: Tz) -> String {
        self.say("date.moment", &Parts::of(self, at, zone).slots())
    }

    /// `1,204`.
    pub fn number(&self, n: i64) -> String {
        let digits = n.unsigned_abs().to_string();
        let separator = self.say("number.thousands", &[]);
        let mut said = String::from(if n < 0 { "-" } else { "" });
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                said.push_str(&separator);
            }
            said.push(digit);
        }
        said
    }

    /// A day of the month as it is said, `1st`; what is no such day stays as it is.
    pub fn ordinal(&self, day: &str) -> String {
        let index = day.parse().unwrap_or(0_u32).checked_sub(1);
        let said = index.map(|index| self.name("date.ordinals", index)).unwrap_or_default();
        if said.is_empty() { day.to_owned() } else { said }
    }

    fn name(&self, key: &str, index: u32) -> String {
        let names = self.say(key, &[]);
        names.split(',').nth(index as usize).unwrap_or_default().trim().to_owned()
    }
}

struct Parts {
    weekday: String,
    day: String,
    month: String,
    year: String,
    time: String,
    zone: &'static str,
}

impl Parts {
    fn of(words: &Words, at: Timestamp, zone: Tz) -> Self {
        let local = at.in_zone(zone);
        Self {
            weekday: words.name("date.weekdays", local.weekday().num_days_from_monday()),
            day: local.day().to_string(),
            month: words.name("date.months", local.month0()),
            year: local.year().to_string(),
            time: format!("{:02}:{:02}", local.hour(), local.minute()),
            zone: zone.name(),
        }
    }

    fn slots(&self) -> [(&'static str, &str); 6] {
        [
            ("weekday", &self.weekday),
            ("day", &self.day),
            ("month", &self.month),
            ("year", &self.year),
            ("time", &self.time),
            ("zone", self.zone),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().into()
    }

    #[test]
    fn dates_are_those_of_the_zone_and_name_it_where_it_matters() {
        let words = Words::english();
        let berlin = chrono_tz::Europe::Berlin;
        let late = at("2026-05-21T22:30:00Z");
        assert_eq!(words.date(late, berlin), "22 May 2026");
        assert_eq!(words.date(late, chrono_tz::UTC), "21 May 2026");
        assert_eq!(words.day(late, berlin), "Friday 22 May 2026");
        assert_eq!(words.moment(late, berlin), "Friday 22 May 2026, 00:30 Europe/Berlin");
        assert_eq!(words.near_date(late, berlin, at("2026-12-31T20:00:00Z")), "22 May");
        assert_eq!(words.near_date(late, berlin, at("2026-12-31T23:30:00Z")), "22 May 2026");
    }

    #[test]
    fn days_of_a_month_are_said_in_order() {
        let words = Words::english();
        let said: Vec<String> = ["1", "22", "31", "32", "0", "last"].map(|day| words.ordinal(day)).into();
        assert_eq!(said, ["1st", "22nd", "31st", "32", "0", "last"]);
    }

    #[test]
    fn numbers_are_grouped() {
        let words = Words::english();
        let said: Vec<String> = [0, 7, 999, 1_204, 1_000_000, -12_345].map(|n| words.number(n)).into();
        assert_eq!(said, ["0", "7", "999", "1,204", "1,000,000", "-12,345"]);
    }
}
