use super::*;
use chrono_tz::Europe::Berlin;
use proptest::prelude::*;

fn read(text: &str) -> Result<String, String> {
    parse(text, Berlin).map(Timestamp::rfc3339)
}

#[test]
fn every_spelling_of_one_instant_is_that_instant() {
    // 09:05 in Berlin in summer, where the text names no zone.
    for text in [
        "2024-05-31T07:05:00Z",
        "2024-05-31t07:05:00z",
        "2024-05-31 07:05:00 UTC",
        "2024-05-31 07:05 GMT",
        "2024-05-31T07:05:00.000Z",
        "2024-05-31T07:05:00.000000000Z",
        "2024-05-31T09:05:00+02:00",
        "2024-05-31 09:05:00 +0200",
        "2024-05-31 09:05:00 +02",
        "2024-05-31 09:05:00 +2",
        "2024-05-31T09:05:00+0200",
        "2024-05-31 09:05:00 +02:00",
        "2024-05-31 9:05 +200",
        "2024-05-31 00:05:00 -0700 (PDT)",
        "2024-05-31 00:05:00 PDT",
        "2024-05-31 07:05:00 +0000 UTC",
        "2024-05-31 03:05:00-4",
        "2024-05-31T00:05:00.559-07:00",
        "2024-05-31T09:05",
        "2024-05-31T09:05:00",
        "2024-05-31 09:05:00",
        "2024-05-31  9:05",
        "2024-5-31 9:05",
        "2024/05/31 09:05:00",
        "2024/5/31 09:05",
        "2024.05.31 09:05",
        "20240531 09:05",
        "2024-05-31 9:05 AM",
        "2024-05-31, 9:05am",
        "2024-05-31 09:05 Europe/Berlin",
        "Fri, 31 May 2024 07:05:00 +0000",
        "Fri, 31 May 2024 07:05:00 GMT",
        "31 May 2024 09:05",
        "31st May 2024 09:05",
        "May 31, 2024 9:05",
        "May 31, 2024 at 9:05",
        "Friday, May 31st, 2024, 9:05 am",
        "Fri May 31 2024 09:05:00",
        " 2024-05-31 09:05 ",
    ] {
        let at = read(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(at, "2024-05-31T07:05:00Z", "{text}");
    }
}

#[test]
fn a_day_begins_at_midnight_in_the_sites_zone() {
    for text in ["2024-05-31", "2024-5-31", "2024/05/31", "20240531", "May 31, 2024", "31 May 2024", "31-May-2024"] {
        assert_eq!(read(text).unwrap(), "2024-05-30T22:00:00Z", "{text}");
    }
    assert_eq!(read("2024-05-31Z").unwrap(), "2024-05-31T00:00:00Z");
    assert_eq!(read("2024-01-01").unwrap(), "2023-12-31T23:00:00Z");
}

#[test]
fn a_skipped_or_doubled_hour_has_one_meaning() {
    assert_eq!(read("2024-03-31 02:30").unwrap(), "2024-03-31T01:30:00Z");
    assert_eq!(read("2024-10-27 02:30").unwrap(), "2024-10-27T00:30:00Z");
}

#[test]
fn what_is_unclear_or_impossible_is_refused_with_the_reason() {
    for (text, reason) in [
        ("11-9-2017", "not a date"),
        ("9/11/2017", "not a date"),
        ("2016-01-28 00:10::00", "not a date"),
        ("2016-01-28 18:30:22 2023 -0800", "not a date"),
        ("Fri Sep  3 11:21:31 CEST 2021", "not a date"),
        ("2024-05-31 09:00 CEST", "not a date"),
        ("2024-05-31T", "not a date"),
        ("2024-05-31 +25:00", "not a date"),
        ("2024-05-31 09:00 +02:00 tomorrow or so", "not a date"),
        ("2024", "not a date"),
        ("2024-05", "not a date"),
        ("1388534400", "not a date"),
        ("YYYY-MM-DD", "not a date"),
        ("tomorrow", "not a date"),
        ("", "not a date"),
        ("2024-02-30", "does not exist"),
        ("2023-02-29", "does not exist"),
        ("2024-13-01", "does not exist"),
        ("2024-05-31 25:00", "does not exist"),
        ("2024-05-31 09:61", "does not exist"),
        ("0000-01-01", "year"),
        ("0001-01-01T00:00:00Z", "year"),
        ("9999-12-31", "year"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_date_or_a_reason(text in "\\PC{0,40}|[0-9TZ:+/. -]{0,30}") {
        if let Ok(at) = parse(&text, Berlin) {
            prop_assert!((990..=9999).contains(&chrono::Datelike::year(&at.utc())));
            prop_assert!(!at.rfc2822().is_empty());
        }
    }
}
