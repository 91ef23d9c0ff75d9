//! How answers are written: tables, numbers, times, one JSON object.

use std::io::{self, Write};

use chrono_tz::Tz;
use serde_json::Value;

use crate::domain::Timestamp;

/// The version of every `--json` object.
const SCHEMA: u32 = 1;

/// Writes one JSON object, with its `schema` number.
///
/// # Errors
/// Those of writing.
pub fn json(out: &mut dyn Write, mut object: Value) -> io::Result<()> {
    if let Some(object) = object.as_object_mut() {
        object.insert("schema".into(), SCHEMA.into());
    }
    writeln!(out, "{object:#}")
}

/// Writes rows with their columns under each other, two blanks between.
///
/// # Errors
/// Those of writing.
pub fn table(out: &mut dyn Write, indent: &str, rows: &[Vec<String>]) -> io::Result<()> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{indent}{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A text that cannot move the cursor or hide what follows: control characters
/// and those that turn the reading direction become blanks.
pub fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect()
}

/// `1,204`
pub fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

/// `1 post`, `3 posts`
pub fn counted(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// `Fri 29 May 2026 09:00 Europe/Berlin`: no time is shown without its zone.
pub fn time(at: Timestamp, zone: Tz) -> String {
    format!("{} {zone}", at.in_zone(zone).format("%a %-d %b %Y %H:%M"))
}

/// Kilobytes of 1,000, as mail programs count: `9.8 KB`.
pub fn size(bytes: usize) -> String {
    let tenths = bytes.div_ceil(100);
    format!("{}.{} KB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sizes_and_times_are_written_for_people() {
        assert_eq!([0, 999, 1_204, 1_000_000, -1_204].map(number), ["0", "999", "1,204", "1,000,000", "-1,204"]);
        assert_eq!([0, 9_800, 10_001].map(size), ["0.0 KB", "9.8 KB", "10.1 KB"]);
        let at = Timestamp(1_779_951_600_000);
        assert_eq!(time(at, chrono_tz::Europe::Berlin), "Thu 28 May 2026 09:00 Europe/Berlin");
    }

    #[test]
    fn a_table_lines_up_and_nothing_in_it_moves_the_cursor() {
        let mut out = Vec::new();
        let rows = [vec!["a".into(), "1".into()], vec!["bé\x1b[2J".into(), String::new()]];
        table(&mut out, "  ", &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  a       1\n  bé [2J\n");
    }
}
