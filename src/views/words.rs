//! The catalogue: every word of mails and pages, by key, with `{name}` slots.
//! Five languages are embedded; an operator's own files are laid over them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::plural::{FORMS, form, primary};
use crate::domain::Fault;
use crate::domain::cadence::Cadence;

/// The embedded files, each with the tag of its language; the first one stands
/// in for every language that has none.
const FILES: [(&str, &str); 5] = [
    ("en", include_str!("../../templates/words/en.toml")),
    ("ar", include_str!("../../templates/words/ar.toml")),
    ("de", include_str!("../../templates/words/de.toml")),
    ("es", include_str!("../../templates/words/es.toml")),
    ("fr", include_str!("../../templates/words/fr.toml")),
];

/// Those files, read. A test proves that they have no faults.
static EMBEDDED: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let mut all: Vec<Words> = Vec::new();
    for (_, text) in FILES {
        let base = all.first().map(|english| (*english.0).clone()).unwrap_or_default();
        let lines = read(text).unwrap_or_default();
        all.push(Words(Arc::new(
            base.into_iter().chain(lines.into_iter().map(|line| (line.key, line.value))).collect(),
        )));
    }
    all
});

/// What faults of a catalogue call their place; a caller that knows the file puts its path there.
const PLACE: &str = "words";

/// The words of one language. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Arc<BTreeMap<String, String>>);

/// One value of a catalogue file with the line it stands on.
struct Line {
    key: String,
    value: String,
    number: u32,
}

impl Words {
    /// The embedded English words.
    pub fn english() -> Self {
        Self::of("en")
    }

    /// The embedded words of a language by its BCP 47 tag; English for one that has none.
    pub fn of(language: &str) -> Self {
        Self::shipped(language).unwrap_or(&EMBEDDED[0]).clone()
    }

    /// The embedded words of a language by its BCP 47 tag, if there are any.
    pub fn shipped(language: &str) -> Option<&'static Self> {
        EMBEDDED.get(Self::languages().position(|tag| tag == primary(language))?)
    }

    /// Tags of the embedded languages.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        FILES.into_iter().map(|(tag, _)| tag)
    }

    /// An operator's own words laid over the embedded ones of the language they
    /// say they are in.
    ///
    /// # Errors
    /// Every fault of the file: an unknown key or slot, named with the nearest
    /// known one; a value that is no text or not one line; lists of months or
    /// weekdays of the wrong length.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let lines = read(text)?;
        let said = lines.iter().find(|line| line.key == "language").map_or("en", |line| &line.value);
        let embedded = Self::of(said);
        let faults: Vec<Fault> = lines.iter().filter_map(|line| embedded.fault(line)).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut all = (*embedded.0).clone();
        all.extend(lines.into_iter().map(|line| (line.key, line.value)));
        Ok(Self(Arc::new(all)))
    }

    /// The words for `key` with every `{name}` filled from `slots`. A slot
    /// without a value stays empty; an unknown key is shown as itself. Tests
    /// prove that neither is in the code.
    pub fn say(&self, key: &str, slots: &[(&str, &str)]) -> String {
        let Some(value) = self.0.get(key) else { return key.to_owned() };
        let mut said = String::with_capacity(value.len() + 32);
        for piece in pieces(value) {
            match piece {
                Piece::Words(words) => said.push_str(words),
                Piece::Slot(name) => said.push_str(slots.iter().find(|(slot, _)| *slot == name).map_or("", |s| s.1)),
            }
        }
        said
    }

    /// The words for a count: `key.one`, `key.few` and so on, by the plural rules
    /// of the language, `key.other` where a form is not written; `{n}` is the number.
    pub fn count(&self, key: &str, n: usize, slots: &[(&str, &str)]) -> String {
        let number = self.number(i64::try_from(n).unwrap_or(i64::MAX));
        let all: Vec<(&str, &str)> = slots.iter().copied().chain([("n", number.as_str())]).collect();
        let wished = format!("{key}.{}", form(&self.language(), n as u64));
        let key = if self.0.contains_key(&wished) { wished } else { format!("{key}.other") };
        self.say(&key, &all)
    }

    /// A label before what it names: `Unsubscribe:`.
    pub fn label(&self, label: &str) -> String {
        self.say("mail.label", &[("label", label)])
    }

    /// The language these words are in, a BCP 47 tag.
    pub fn language(&self) -> String {
        self.say("language", &[])
    }

    /// The language's own name for itself, `Deutsch`; its tag where an operator's own words do not say it.
    pub fn language_name(&self) -> String {
        let (tag, name) = (self.language(), self.say("language_name", &[]));
        if Self::shipped(&tag).is_none() && name == EMBEDDED[0].say("language_name", &[]) { tag } else { name }
    }

    /// A choice of cadence, standing alone: `Weekly`.
    pub fn cadence(&self, cadence: Cadence) -> String {
        let key = match cadence {
            Cadence::Each => "cadence.each",
            Cadence::Daily => "cadence.daily",
            Cadence::Weekly => "cadence.weekly",
            Cadence::Monthly => "cadence.monthly",
        };
        self.say(key, &[])
    }

    /// A cadence inside a sentence: `once a week, when there is something new`.
    pub fn often(&self, cadence: Cadence) -> String {
        let key = match cadence {
            Cadence::Each => "often.each",
            Cadence::Daily => "often.daily",
            Cadence::Weekly => "often.weekly",
            Cadence::Monthly => "often.monthly",
        };
        self.say(key, &[])
    }

    /// What is wrong with one line of an operator's file, if anything.
    fn fault(&self, line: &Line) -> Option<Fault> {
        let fault = |reason: String| Fault::new(PLACE, reason).at_line(line.number);
        let Some(known) = self.0.get(&line.key).or_else(|| self.0.get(&general(&line.key)?)) else {
            let nearest = nearest(&line.key, self.0.keys().map(String::as_str));
            return Some(with_nearest(fault(format!("no such key: `{}`", line.key)), "key", nearest));
        };
        if line.value.chars().any(char::is_control) {
            return Some(fault(format!("`{}` is not one line of plain text", line.key)));
        }
        let items = |text: &str| text.split(',').count();
        if matches!(line.key.as_str(), "date.months" | "date.weekdays" | "date.ordinals")
            && items(&line.value) != items(known)
        {
            return Some(fault(format!("`{}` needs {} names separated by commas", line.key, items(known))));
        }
        let known: Vec<&str> = slots(known).collect();
        let unknown = slots(&line.value).find(|slot| !known.contains(slot))?;
        let reason = format!("no such slot in `{}`: `{{{unknown}}}`", line.key);
        Some(with_nearest(fault(reason), "slot", nearest(unknown, known.into_iter())))
    }
}

/// The key of the form every language has, for a key of another plural form.
fn general(key: &str) -> Option<String> {
    let (stem, form) = key.rsplit_once('.')?;
    FORMS.contains(&form).then(|| format!("{stem}.other"))
}

fn with_nearest(fault: Fault, what: &str, nearest: Option<&str>) -> Fault {
    match nearest {
        Some(name) => fault.with_help(format!("a {what} with a similar name exists: `{name}`")),
        None => fault,
    }
}

/// The known name closest to a misspelt one, when one is close at all.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

enum Piece<'a> {
    Words(&'a str),
    Slot(&'a str),
}

/// Takes a value apart at its slots. A brace that opens no slot is a brace.
fn pieces(value: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let slot_at = |text: &str| {
            text.match_indices('{').find_map(|(start, _)| {
                let name = text[start + 1..].split_once('}')?.0;
                is_name(name).then_some((start, start + name.len() + 2))
            })
        };
        match slot_at(rest) {
            _ if rest.is_empty() => None,
            Some((0, end)) => {
                let name = &rest[1..end - 1];
                rest = &rest[end..];
                Some(Piece::Slot(name))
            }
            found => {
                let (words, left) = rest.split_at(found.map_or(rest.len(), |(start, _)| start));
                rest = left;
                Some(Piece::Words(words))
            }
        }
    })
}

fn slots(value: &str) -> impl Iterator<Item = &str> {
    pieces(value).filter_map(|piece| match piece {
        Piece::Slot(name) => Some(name),
        Piece::Words(_) => None,
    })
}

/// Reads a catalogue file: tables become dotted keys.
fn read(text: &str) -> Result<Vec<Line>, Vec<Fault>> {
    let line_of = |at: usize| {
        let before = text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    };
    let table = DeTable::parse(text).map_err(|error| {
        let line = line_of(error.span().map_or(0, |span| span.start));
        vec![Fault::new(PLACE, error.message().to_owned()).at_line(line)]
    })?;
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    flatten("", table.get_ref(), &mut |key, value| {
        let number = line_of(value.span().start);
        match value.get_ref() {
            DeValue::String(value) => lines.push(Line { key, value: value.to_string(), number }),
            _ => faults.push(Fault::new(PLACE, format!("`{key}` is not a text in quotes")).at_line(number)),
        }
    });
    if faults.is_empty() { Ok(lines) } else { Err(faults) }
}

fn flatten(prefix: &str, table: &DeTable<'_>, found: &mut impl FnMut(String, &Spanned<DeValue<'_>>)) {
    for (key, value) in table {
        let key = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => flatten(&format!("{key}."), inner, found),
            _ => found(key, value),
        }
    }
}

#[cfg(test)]
#[path = "words_test.rs"]
mod tests;
