//! The dates that authors write. More than thirty spellings occur in real
//! archives; what could mean two things is refused.

use chrono::{Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::flaw::quote;
use crate::domain::Timestamp;

/// What to write when a date was not understood.
pub(super) const ADVICE: &str = "write it like 2024-05-31, or 2024-05-31 09:00 +02:00";

/// Reads a date; one without a zone is in `zone`, one without a time is midnight there.
pub(super) fn parse(text: &str, zone: Tz) -> Result<Timestamp, String> {
    let unclear = || format!("{} is not a date that is understood", quote(text));
    let mut cursor = Cursor(text.trim());
    let (year, month, day) = cursor.date().ok_or_else(unclear)?;
    if !(1000..=9998).contains(&year) {
        return Err(format!("the year of {} is not between 1000 and 9998", quote(text)));
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).map_err(|_| unclear())?, month, day);
    let date = date.ok_or_else(|| format!("{} is a day that does not exist", quote(text)))?;
    let time = cursor.time().map_err(|()| unclear())?;
    let (hour, minute, second, milli) = time.unwrap_or_default();
    let time = NaiveTime::from_hms_milli_opt(hour, minute, second, milli);
    let local = date.and_time(time.ok_or_else(|| format!("{} is a time that does not exist", quote(text)))?);
    let place = cursor.zone().ok_or_else(unclear)?;
    Ok(match place {
        Place::Offset(minutes) => Timestamp::from((local - Duration::minutes(minutes)).and_utc()),
        Place::Named(named) => on_the_clock(local, named),
        Place::Unsaid => on_the_clock(local, zone),
    })
}

/// What the clock showed where a date that [`parse`] understands was written.
pub(super) fn as_written(text: &str) -> Option<NaiveDateTime> {
    let mut cursor = Cursor(text.trim());
    let (year, month, day) = cursor.date()?;
    let (hour, minute, second, _) = cursor.time().ok()?.unwrap_or_default();
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_hms_opt(hour, minute, second)
}

/// Whether a text is a timestamp of YAML 1.1 without a zone: `2024-05-31 9:00:00`.
pub(super) fn is_to_the_second(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_of = |text: &str, mark| text.split(mark).count() == 3 && text.split(mark).all(is_number);
    let parts: Vec<&str> = text.split(['T', 't', ' ', '\t']).filter(|part| !part.is_empty()).collect();
    let [day, time] = parts[..] else { return false };
    let time = time.split_once('.').map_or(time, |(time, _)| time);
    is_of(day, '-') && day.find('-') == Some(4) && is_of(time, ':')
}

/// Midnight at the beginning of a day.
pub(super) fn midnight(day: NaiveDate, zone: Tz) -> Timestamp {
    on_the_clock(day.and_time(NaiveTime::MIN), zone)
}

/// The instant a clock in `zone` shows this. Of two the first; a time that
/// the clock skips is as long after the skip as it was meant to be.
fn on_the_clock(local: NaiveDateTime, zone: Tz) -> Timestamp {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Timestamp::from(at),
        LocalResult::None => {
            let before = zone.from_local_datetime(&(local - Duration::days(1))).earliest();
            before.map_or_else(|| Timestamp::from(local.and_utc()), |at| Timestamp::from(at + Duration::days(1)))
        }
    }
}

enum Place {
    /// Minutes east of Greenwich.
    Offset(i64),
    Named(Tz),
    Unsaid,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The abbreviations RFC 5322 section 4.3 gives a meaning. All others mean
/// several zones.
const ABBREVIATIONS: [(&str, i64); 12] = [
    ("Z", 0),
    ("UT", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// The text not read yet.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn eat(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn blanks(&mut self) -> bool {
        let all = self.0;
        self.0 = all.trim_start();
        all.len() != self.0.len()
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !wanted(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// A number of one to `digits` digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let taken = self.take(|c| c.is_ascii_digit());
        (1..=digits).contains(&taken.len()).then(|| taken.parse().ok()).flatten()
    }

    fn date(&mut self) -> Option<(u32, u32, u32)> {
        if self.0.starts_with(|c: char| c.is_ascii_digit()) { self.date_of_digits() } else { self.date_of_words() }
    }

    /// `2024-05-31`, `2024/5/31`, `2024.05.31`, `20240531`, `31 May 2024`.
    fn date_of_digits(&mut self) -> Option<(u32, u32, u32)> {
        let first = self.take(|c| c.is_ascii_digit());
        if first.len() == 8 {
            return Some((first[..4].parse().ok()?, first[4..6].parse().ok()?, first[6..].parse().ok()?));
        }
        if first.len() <= 2 {
            return self.day_first(first.parse().ok()?);
        }
        let mark = self.0.chars().next().filter(|c| matches!(c, '-' | '/' | '.'))?;
        self.eat(|c| c == mark);
        let month = self.number(2)?;
        let day = self.eat(|c| c == mark).then(|| self.number(2)).flatten()?;
        (first.len() == 4).then_some((first.parse().ok()?, month, day))
    }

    /// The rest of `31st May 2024`.
    fn day_first(&mut self, day: u32) -> Option<(u32, u32, u32)> {
        self.ordinal();
        self.eat(|c| c == '-' || c == '.');
        self.blanks();
        let month = self.month()?;
        self.eat(|c| c == '-' || c == ',' || c == '.');
        self.blanks();
        let year = self.take(|c| c.is_ascii_digit());
        (year.len() == 4).then_some((year.parse().ok()?, month, day))
    }

    /// `May 31, 2024`; `Fri, 31 May 2024`; `Fri May 31 2024`.
    fn date_of_words(&mut self) -> Option<(u32, u32, u32)> {
        let start = self.0;
        if let Some(found) = self.take(char::is_alphabetic).get(..3)
            && DAYS.iter().any(|day| day.eq_ignore_ascii_case(found))
        {
            self.eat(|c| c == ',' || c == '.');
            self.blanks();
            if self.0.starts_with(|c: char| c.is_ascii_digit()) {
                let day = self.number(2)?;
                return self.day_first(day);
            }
        } else {
            self.0 = start;
        }
        let month = self.month()?;
        self.eat(|c| c == '.');
        self.blanks();
        let day = self.number(2)?;
        self.ordinal();
        self.eat(|c| c == ',');
        self.blanks();
        let year = self.take(|c| c.is_ascii_digit());
        (year.len() == 4).then_some((year.parse().ok()?, month, day))
    }

    fn month(&mut self) -> Option<u32> {
        let word = self.take(char::is_alphabetic);
        let short = word.get(..3)?;
        let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(short))?;
        u32::try_from(index + 1).ok()
    }

    fn ordinal(&mut self) {
        let ending = self.0.get(..2).filter(|e| ["st", "nd", "rd", "th"].iter().any(|o| o.eq_ignore_ascii_case(e)));
        self.0 = if ending.is_some() { &self.0[2..] } else { self.0 };
    }

    /// Hours, minutes, seconds, milliseconds; `Ok(None)` when there is no time.
    fn time(&mut self) -> Result<Option<(u32, u32, u32, u32)>, ()> {
        let comma = self.eat(|c| c == ',');
        if !self.eat(|c| c == 'T' || c == 't') && !self.blanks() {
            return if self.0.is_empty() && !comma { Ok(None) } else { self.bare_zone() };
        }
        self.0 = self.0.strip_prefix("at ").unwrap_or(self.0).trim_start();
        if !self.0.starts_with(|c: char| c.is_ascii_digit()) {
            return self.bare_zone();
        }
        self.clock().map(Some).ok_or(())
    }

    /// A zone directly after the date (`2024-05-31Z`, `2024-05-31 +02:00`).
    fn bare_zone(&self) -> Result<Option<(u32, u32, u32, u32)>, ()> {
        self.0.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '+' | '-')).then_some(None).ok_or(())
    }

    fn clock(&mut self) -> Option<(u32, u32, u32, u32)> {
        let hour = self.number(2)?;
        let minute = self.eat(|c| c == ':').then(|| self.number(2)).flatten()?;
        let mut rest = (0, 0);
        if self.eat(|c| c == ':') {
            rest.0 = self.number(2)?;
            if self.eat(|c| c == '.' || c == ',') {
                let digits = self.take(|c| c.is_ascii_digit());
                rest.1 = format!("{digits:0<3}").get(..3)?.parse().ok().filter(|_| !digits.is_empty())?;
            }
        }
        let hour = self.half_day(hour)?;
        Some((hour, minute, rest.0, rest.1))
    }

    /// `am` and `pm`.
    fn half_day(&mut self, hour: u32) -> Option<u32> {
        let word = self.0.trim_start();
        let half = word.get(..2).filter(|_| !word[2..].starts_with(char::is_alphanumeric));
        let noon = match half.map(str::to_ascii_lowercase).as_deref() {
            Some("am") => 0,
            Some("pm") => 12,
            _ => return Some(hour),
        };
        self.0 = &word[2..];
        (1..=12).contains(&hour).then_some(hour % 12 + noon)
    }

    /// The zone, which ends the text.
    fn zone(&mut self) -> Option<Place> {
        self.blanks();
        if self.0.is_empty() {
            return Some(Place::Unsaid);
        }
        if self.0.starts_with(['+', '-', '−']) {
            let minutes = self.offset()?;
            // `-0800 (PST)`, `+0000 UTC`: the offset says it all.
            self.blanks();
            let comment = self.take(|c| c.is_ascii_alphabetic() || c == '(' || c == ')');
            return (self.0.is_empty() && comment.len() <= 8).then_some(Place::Offset(minutes));
        }
        if let Some((_, hours)) = ABBREVIATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(self.0)) {
            return Some(Place::Offset(hours * 60));
        }
        self.0.contains('/').then(|| self.0.parse().ok()).flatten().map(Place::Named)
    }

    /// `+02:00`, `-0800`, `+2`.
    fn offset(&mut self) -> Option<i64> {
        let west = !self.0.starts_with('+');
        self.eat(|_| true);
        let digits = self.take(|c| c.is_ascii_digit());
        let (hours, minutes) = match digits.len() {
            1 | 2 if self.eat(|c| c == ':') => (digits.parse::<i64>().ok()?, i64::from(self.number(2)?)),
            1 | 2 => (digits.parse::<i64>().ok()?, 0),
            3 | 4 => {
                let (hours, minutes) = digits.split_at(digits.len() - 2);
                (hours.parse().ok()?, minutes.parse().ok()?)
            }
            _ => return None,
        };
        let all = hours * 60 + minutes;
        (hours <= 14 && minutes < 60).then_some(if west { -all } else { all })
    }
}

#[cfg(test)]
#[path = "dates_test.rs"]
mod tests;
