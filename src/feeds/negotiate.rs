//! Reading the request headers that choose a representation (RFC 9110): which
//! coding, and whether the reader has it already.

use chrono::{Datelike, NaiveDateTime, Timelike};

use crate::domain::Timestamp;

/// A form an asset is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// The coding to answer with, given `Accept-Encoding` (RFC 9110 section
/// 12.5.3): the highest weight, the smaller form among equals. `None` when the
/// reader refuses every form we have.
pub fn coding(accept_encoding: Option<&str>) -> Option<Coding> {
    // Without the header anything is allowed, but nothing is said to be understood.
    let Some(header) = accept_encoding else { return Some(Coding::Identity) };
    let listed: Vec<(&str, u16)> = header.split(',').filter_map(weighted).collect();
    let weight = |names: &[&str]| {
        let find = |name: &str| listed.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, weight)| *weight);
        names.iter().find_map(|name| find(name)).or_else(|| find("*"))
    };
    let ranked = [
        (Coding::Brotli, weight(&["br"])),
        (Coding::Zstd, weight(&["zstd"])),
        (Coding::Gzip, weight(&["gzip", "x-gzip"])),
        (Coding::Identity, weight(&["identity"])),
    ];
    let refuses_identity = ranked[3].1 == Some(0);
    let mut best: Option<(Coding, u16)> = None;
    for (coding, weight) in ranked {
        let weight = weight.unwrap_or(0);
        if weight > best.map_or(0, |(_, w)| w) {
            best = Some((coding, weight));
        }
    }
    // Identity needs no mention to be acceptable, only to be preferred.
    best.map(|(coding, _)| coding).or_else(|| (!refuses_identity).then_some(Coding::Identity))
}

/// One member of `Accept-Encoding` with its weight in thousandths; `None` for
/// an empty member or one whose weight is no weight.
fn weighted(member: &str) -> Option<(&str, u16)> {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut weight = 1000;
    for parameter in parts {
        let (key, value) = parameter.split_once('=')?;
        if key.trim().eq_ignore_ascii_case("q") {
            weight = thousandths(value.trim())?;
        }
    }
    Some((name, weight))
}

/// A `qvalue`: 0 to 1 with at most three digits after the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    let value: u16 = digits.then(|| format!("{fraction:0<3}").parse().ok()).flatten()?;
    match whole {
        "0" => Some(value),
        "1" if value == 0 => Some(1000),
        _ => None,
    }
}

/// Whether `If-None-Match` names `etag`, by the weak comparison (RFC 9110
/// section 13.1.2). `*` names everything that exists.
pub fn names(if_none_match: &str, etag: &str) -> bool {
    if if_none_match.trim() == "*" {
        return true;
    }
    let mut rest = if_none_match;
    while let Some(open) = rest.find('"') {
        let Some(length) = rest[open + 1..].find('"') else { return false };
        let end = open + 1 + length + 1;
        if &rest[open..end] == etag {
            return true;
        }
        rest = &rest[end..];
    }
    false
}

/// An instant as `Last-Modified` writes it.
pub fn http_date(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = at.utc();
    // By hand: every answer says it, and a pattern costs as much as the rest of its head.
    let (day, month, year) = (at.day(), MONTHS.get(at.month0() as usize).unwrap_or(&"Jan"), at.year());
    format!("{}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT", at.weekday(), at.hour(), at.minute(), at.second())
}

/// Whether `If-Modified-Since` is at or after `modified`, by whole seconds
/// (RFC 9110 section 13.1.3). A date that is none is no condition.
pub fn is_unchanged_since(if_modified_since: &str, modified: Timestamp) -> bool {
    // The three forms of RFC 9110 section 5.6.7; only the first is still written.
    const FORMS: [&str; 3] = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let read = |form: &&str| NaiveDateTime::parse_from_str(if_modified_since.trim(), form).ok();
    FORMS.iter().find_map(read).is_some_and(|at| modified.0.div_euclid(1000) <= at.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_follows_the_weights_and_falls_back_to_none() {
        use Coding::{Brotli, Gzip, Identity, Zstd};
        let table = [
            (None, Some(Identity)),
            (Some(""), Some(Identity)),
            (Some("gzip"), Some(Gzip)),
            (Some("x-gzip"), Some(Gzip)),
            (Some("GZIP, deflate, BR"), Some(Brotli)),
            (Some("gzip, deflate"), Some(Gzip)),
            (Some("deflate"), Some(Identity)),
            (Some("br;q=0.5, gzip;q=0.8"), Some(Gzip)),
            (Some("br ; Q=0.999 , gzip;q=1.000"), Some(Gzip)),
            (Some("gzip;q=0.5, identity"), Some(Identity)),
            (Some("gzip;q=0.5, identity;q=0.5"), Some(Gzip)),
            (Some("gzip;q=0.001"), Some(Gzip)),
            (Some("gzip;q=0, br;q=0"), Some(Identity)),
            (Some("*"), Some(Brotli)),
            (Some("br;q=0, *"), Some(Zstd)),
            (Some("br;q=0, zstd;q=0, *"), Some(Gzip)),
            (Some("gzip, deflate, br, zstd"), Some(Brotli)),
            (Some("gzip, deflate, zstd"), Some(Zstd)),
            (Some("*;q=0"), None),
            (Some("*;q=0, identity"), Some(Identity)),
            (Some("identity;q=0"), None),
            (Some("identity;q=0, gzip;q=0.1"), Some(Gzip)),
            (Some("identity;q=0, br;q=0, gzip;q=0"), None),
            (Some("gzip;q=2, br;q=x, gzip;q=0.1234"), Some(Identity)),
            (Some(",, ,gzip"), Some(Gzip)),
        ];
        for (header, expected) in table {
            assert_eq!(coding(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_validator_is_found_in_a_list_weak_or_strong() {
        let etag = "\"ab,c\"";
        for header in ["\"ab,c\"", "W/\"ab,c\"", "\"x\", W/\"y\" ,\"ab,c\"", "*", " * ", "\"\",\"ab,c\""] {
            assert!(names(header, etag), "{header}");
        }
        for header in ["", "ab,c", "\"ab\"", "\"ab,c", "\"ab,c-gz\"", "\"x\", \"y\"", "\"*\""] {
            assert!(!names(header, etag), "{header}");
        }
    }

    #[test]
    fn dates_compare_by_whole_seconds_in_all_three_forms() {
        let modified = Timestamp(784_111_777_900); // Sun, 06 Nov 1994 08:49:37.9 GMT
        assert_eq!(http_date(modified), "Sun, 06 Nov 1994 08:49:37 GMT");
        for same in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert!(is_unchanged_since(same, modified), "{same}");
        }
        assert!(is_unchanged_since("Mon, 07 Nov 1994 08:49:37 GMT", modified));
        for other in ["Sun, 06 Nov 1994 08:49:36 GMT", "Mon, 06 Nov 1994 08:49:37 GMT", "yesterday", ""] {
            assert!(!is_unchanged_since(other, modified), "{other}");
        }
    }
}
