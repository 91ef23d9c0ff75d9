//! What the demo is filled with: the posts of a small blog of our own writing
//! and forty readers on reserved domains (RFC 2606, RFC 6761).

use chrono::{NaiveTime, SecondsFormat, Timelike};

use crate::domain::cadence::Cadence::{self, Daily, Each, Monthly, Weekly};
use crate::domain::time::{Span, Timestamp};

/// The blog's name.
pub const TITLE: &str = "Last Collection";
/// What it says of itself.
pub const DESCRIPTION: &str = "Notes from the post office on Nethersay: sixty-one people, one boat, a little code.";
/// Who writes it.
pub const AUTHOR: &str = "Wren Halloran";
/// Who it is from, on paper.
pub const POSTAL_ADDRESS: &str = "The Post Office, Nethersay";

/// One file of the sample archive.
pub struct Sample {
    /// Its name in the archive folder.
    pub file: &'static str,
    text: &'static str,
    /// It arrives after the first scan, so the first digest carries it.
    pub is_new: bool,
}

macro_rules! sample {
    ($file:literal) => {
        Sample { file: $file, text: include_str!(concat!("posts/", $file)), is_new: false }
    };
    (new $file:literal) => {
        Sample { file: $file, text: include_str!(concat!("posts/", $file)), is_new: true }
    };
}

/// Every file of the sample archive, oldest first.
pub const SAMPLES: [Sample; 21] = [
    sample!("the-key.md"),
    sample!("the-round.md"),
    sample!("addresses.md"),
    sample!("two-scales.html"),
    sample!("what-the-dog-knows.md"),
    sample!("the-frame-sorts.md"),
    sample!("kikanshitsu.md"),
    sample!("small-contracts.md"),
    sample!("no-boat.md"),
    sample!("return-to-sender.md"),
    sample!("pension-day.md"),
    sample!("labels-in-rain.md"),
    sample!("ink.md"),
    sample!("rota.md"),
    sample!("new-boat.md"),
    sample!(new "very-long-title.md"),
    sample!(new "the-bell.md"),
    sample!(new "ninety-sailings.md"),
    sample!(new "kharshana.md"),
    sample!(new "from-the-window.md"),
    sample!(new "postcodes.md"),
];

impl Sample {
    /// The file's text at `now`. Three slots are filled: `{date:-3d}` or
    /// `{date:-3d 16:45}` with a time in UTC, `{day:-3d}` with its day alone,
    /// `{demo}` with the address the pictures are served from.
    pub fn written(&self, now: Timestamp, pictures_url: &str) -> String {
        let mut text = String::with_capacity(self.text.len() + 64);
        let mut rest = self.text;
        while let Some((before, slot, after)) = next_slot(rest) {
            text.push_str(before);
            match filled(slot, now, pictures_url) {
                Some(value) => text.push_str(&value),
                None => text.push_str(&rest[before.len()..rest.len() - after.len()]),
            }
            rest = after;
        }
        text + rest
    }
}

/// The text before the next `{...}` on one line, its inside, the text after.
fn next_slot(text: &str) -> Option<(&str, &str, &str)> {
    let start = ["{date:", "{day:", "{demo}"].iter().filter_map(|slot| text.find(slot)).min()?;
    let end = start + text[start..].find('}')?;
    Some((&text[..start], &text[start + 1..end], &text[end + 1..]))
}

fn filled(slot: &str, now: Timestamp, pictures_url: &str) -> Option<String> {
    let (word, offset) = slot.split_once(':').unwrap_or((slot, ""));
    if word == "demo" {
        return Some(pictures_url.to_owned());
    }
    let (span, clock) = offset.split_once(' ').unwrap_or((offset, ""));
    let back = span.starts_with('-');
    let span = Span::parse(span.trim_start_matches(['-', '+'])).ok()?;
    let at = if back { now.minus(span) } else { now.plus(span) }.utc();
    let at = match NaiveTime::parse_from_str(clock, "%H:%M") {
        Ok(clock) => at.with_time(clock).single()?,
        Err(_) => at.with_second(0)?,
    };
    match word {
        "date" => Some(at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        "day" => Some(at.format("%Y-%m-%d").to_string()),
        _ => None,
    }
}

/// The demo's readers. Three of them answer as mailboxes do on bad days:
/// `gone@` refuses, `busy@` defers the first time, `full@` defers every time.
pub const READERS: [(&str, Cadence); 40] = [
    ("magnus.tulloch@example.org", Weekly),
    ("isbel@patience.test", Weekly),
    ("jean.laing@example.org", Weekly),
    ("peter.flett@example.org", Weekly),
    ("thom.isbister@example.net", Weekly),
    ("leila.haddad@terns.test", Weekly),
    ("haruka.mori@engine-room.test", Weekly),
    ("ruby@school.test", Weekly),
    ("ailsa@school.test", Weekly),
    ("magnus.john@school.test", Weekly),
    ("the.teacher@school.test", Weekly),
    ("rendall.family@example.org", Weekly),
    ("whoever.has.the.ladder@example.org", Weekly),
    ("gone@example.org", Weekly),
    ("busy@example.com", Weekly),
    ("full@example.net", Weekly),
    ("amara.okafor@example.com", Weekly),
    ("bao.nguyen@example.net", Weekly),
    ("celia+letters@example.com", Weekly),
    ("dmitri.volkov@example.org", Weekly),
    ("elena.rossi@example.com", Weekly),
    ("farid.aziz@example.net", Weekly),
    ("greta.lindqvist@example.org", Weekly),
    ("hamish@lighthouse.test", Weekly),
    ("ines.duarte@example.com", Weekly),
    ("jonas.weber@example.net", Weekly),
    ("kavya.iyer@example.com", Weekly),
    ("lucia.moreno@example.org", Weekly),
    ("mei.lin@example.net", Each),
    ("noor.rahman@example.com", Each),
    ("oisin.byrne@example.org", Each),
    ("priya.nair@example.net", Each),
    ("quentin.dubois@example.com", Daily),
    ("rosa.jimenez@example.org", Daily),
    ("sefu.mwangi@example.net", Daily),
    ("tove.nilsen@example.com", Daily),
    ("uma.patel@example.org", Monthly),
    ("viktor.horvath@example.net", Monthly),
    ("yusuf.demir@example.com", Monthly),
    ("zofia.nowak@example.org", Monthly),
];

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::archive::{Archive, Rules};
    use crate::domain::address::Address;

    /// 2026-05-22 10:20:30 UTC.
    const NOW: Timestamp = Timestamp(1_779_445_230_000);

    fn written(text: &'static str) -> String {
        Sample { file: "x.md", text, is_new: false }.written(NOW, "http://127.0.0.1:8026")
    }

    #[test]
    fn dates_are_fresh_whenever_the_demo_runs() {
        assert_eq!(written("date: {date:-3d}\n"), "date: 2026-05-19T10:20:00Z\n");
        assert_eq!(written("{date:-1d 16:45} {date:+2h}"), "2026-05-21T16:45:00Z 2026-05-22T12:20:00Z");
        assert_eq!(written("{day:-30d}, {demo}/pictures/x.png"), "2026-04-22, http://127.0.0.1:8026/pictures/x.png");
    }

    #[test]
    fn braces_of_the_author_stay() {
        assert_eq!(written("{ {date:soon} {other} {"), "{ {date:soon} {other} {");
    }

    #[test]
    fn no_slot_is_left_in_a_sample() {
        for sample in SAMPLES {
            let text = sample.written(NOW, "http://127.0.0.1:8026");
            assert!(!text.contains("{date") && !text.contains("{day") && !text.contains("{demo"), "{}", sample.file);
        }
    }

    #[test]
    fn the_archive_finds_nothing_to_say_about_any_sample() {
        let folder = tempfile::tempdir().unwrap();
        for sample in SAMPLES {
            std::fs::write(folder.path().join(sample.file), sample.written(NOW, "http://127.0.0.1:8026")).unwrap();
        }
        let archive = Archive::new(Rules {
            root: folder.path().to_owned(),
            include: Vec::new(),
            exclude: Vec::new(),
            permalink: Some("/posts/{slug}".into()),
            dialect: None,
            site_url: "http://127.0.0.1:8025".into(),
            zone: chrono_tz::UTC,
            language: "en".into(),
            newsletters: Vec::new(),
        });
        let scan = archive.unwrap().scan(&HashMap::new(), NOW).unwrap();
        assert_eq!((scan.faults, scan.warnings), (Vec::new(), Vec::new()));
        assert_eq!(scan.read.len(), SAMPLES.len());
        let public = scan.read.iter().filter(|read| read.entry.is_public(NOW)).count();
        assert_eq!(public, SAMPLES.len() - 2, "one draft, one written ahead");
    }

    #[test]
    fn readers_are_on_reserved_domains_only() {
        for (reader, _) in READERS {
            let address = Address::parse(reader).unwrap();
            let reserved = ["example.org", "example.com", "example.net"].contains(&address.domain());
            assert!(reserved || address.domain().ends_with(".test"), "{reader}");
        }
        let different: std::collections::HashSet<_> = READERS.iter().map(|(reader, _)| reader).collect();
        assert_eq!(different.len(), READERS.len());
    }
}
