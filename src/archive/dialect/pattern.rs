//! Patterns of addresses: `/:year/:title/`, as most generators write them.

use chrono::{Datelike, NaiveDateTime, Timelike};

/// Fills the words that follow a colon. `value` gives what one stands for,
/// encoded.
///
/// # Errors
/// A word nobody knows: `:word`.
pub(super) fn fill(pattern: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(pattern.len() + 32);
    let mut rest = pattern;
    while let Some(at) = rest.find(':') {
        filled.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        // `:sections[1:]` of Hugo.
        let end = rest[end..].strip_prefix('[').and_then(|part| part.find(']')).map_or(end, |close| end + close + 2);
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            filled.push(':');
        } else {
            filled.push_str(&value(word).ok_or_else(|| format!(":{word}"))?);
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The parts of a date that mean the same everywhere.
pub(super) fn of_date(word: &str, day: NaiveDateTime) -> Option<String> {
    let month = *MONTHS.get(usize::try_from(day.month0()).ok()?)?;
    let weekday = *DAYS.get(usize::try_from(day.weekday().num_days_from_monday()).ok()?)?;
    Some(match word {
        "year" => format!("{:04}", day.year()),
        "short_year" => format!("{:02}", day.year().rem_euclid(100)),
        "month" => format!("{:02}", day.month()),
        "i_month" => day.month().to_string(),
        "short_month" => month.get(..3)?.to_owned(),
        "long_month" | "monthname" => month.to_owned(),
        "day" => format!("{:02}", day.day()),
        "i_day" => day.day().to_string(),
        "y_day" => format!("{:03}", day.ordinal()),
        "yearday" => day.ordinal().to_string(),
        "short_day" => weekday.get(..3)?.to_owned(),
        "long_day" | "weekdayname" => weekday.to_owned(),
        "weekday" => day.weekday().num_days_from_sunday().to_string(),
        "week" => format!("{:02}", day.iso_week().week()),
        "w_year" => day.iso_week().year().to_string(),
        "w_day" => day.weekday().number_from_monday().to_string(),
        "hour" => format!("{:02}", day.hour()),
        "minute" => format!("{:02}", day.minute()),
        "second" => format!("{:02}", day.second()),
        _ => return None,
    })
}

/// Why an address cannot be made of a pattern.
pub(super) fn unknown(pattern: &str, word: &str) -> String {
    format!("the site's pattern of addresses `{pattern}` holds `{word}`, which is not known here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_colons_are_filled_and_unknown_ones_told() {
        let day = chrono::NaiveDate::from_ymd_opt(2024, 5, 3).unwrap().and_hms_opt(9, 5, 0).unwrap();
        let value = |word: &str| match word {
            "title" => Some("a-b".to_owned()),
            "output_ext" => Some(".html".to_owned()),
            word => of_date(word, day),
        };
        assert_eq!(fill("/:year/:month/:i_day/:title:output_ext", value).unwrap(), "/2024/05/3/a-b.html");
        assert_eq!(fill("/:y_day/:short_month/W:week/", value).unwrap(), "/124/May/W18/");
        assert_eq!(fill("/a: b/:hour:minute", value).unwrap(), "/a: b/0905");
        assert_eq!(fill("/:id/", value).unwrap_err(), ":id");
    }
}
