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
        let found = Self::languages().position(|tag| tag == primary(language));
        EMBEDDED[found.unwrap_or_default()].clone()
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
mod tests {
    use super::*;
    use crate::views::plural::forms;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn slots_are_filled_once_and_braces_stay() {
        let words = Words(Arc::new(BTreeMap::from([("k".to_owned(), "{a} and {b}, {} {A} {".to_owned())])));
        assert_eq!(words.say("k", &[("a", "{b}"), ("b", "two")]), "{b} and two, {} {A} {");
        assert_eq!(words.say("no.such.key", &[]), "no.such.key");
    }

    #[test]
    fn an_operators_words_are_laid_over_those_of_their_language() {
        let own =
            |language: &str| Words::parse(&format!("language = \"{language}\"\n[cadence]\nweekly = \"W\"")).unwrap();
        let said = |words: &Words| [Cadence::Weekly, Cadence::Daily].map(|cadence| words.cadence(cadence));
        assert_eq!(said(&own("de-AT")), ["W", "Täglich"]);
        assert_eq!(own("de-AT").language(), "de-AT");
        assert_eq!(said(&own("nl")), ["W", "Daily"], "English where there is nothing else");
        let polish = "language = \"pl\"\n[page.wait.minutes]\nfew = \"{n} minuty\"\nmany = \"{n} minut\"";
        let polish = Words::parse(polish).unwrap();
        assert_eq!(["page.wait.minutes"; 2].map(|key| polish.count(key, 3, &[])), ["3 minuty"; 2]);
        assert!(
            Words::parse("[page.wait.minutes]\nfew = \"{m}\"").is_err()
                && Words::parse("[cadence]\nfew = \"\"").is_err()
        );
    }

    #[test]
    fn every_language_says_everything_with_every_slot_and_every_plural_form() {
        let english = Words::english();
        for (tag, text) in FILES {
            let own: BTreeMap<String, String> =
                read(text).unwrap().into_iter().map(|line| (line.key, line.value)).collect();
            assert_eq!(own["language"], tag);
            for (key, value) in english.0.iter() {
                let stem = key.strip_suffix(".other").filter(|stem| own.contains_key(&format!("{stem}.one")));
                let keys: Vec<String> = match (stem, key.strip_suffix(".one")) {
                    (Some(stem), _) => forms(tag).iter().map(|form| format!("{stem}.{form}")).collect(),
                    (None, Some(_)) => continue,
                    (None, None) => vec![key.clone()],
                };
                let all: BTreeSet<&str> = slots(value).collect();
                for key in keys {
                    let Some(said) = own.get(&key) else { panic!("{tag} has no `{key}`") };
                    // A number may be said in words: `two more`.
                    let missing: Vec<_> =
                        all.iter().filter(|slot| **slot != "n" && !slots(said).any(|s| s == **slot)).collect();
                    assert!(
                        missing.is_empty() && !said.trim().is_empty() || key == "number.thousands",
                        "{tag}: `{key}` leaves out {missing:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_wrong_file_is_answered_with_every_fault_its_line_and_the_nearest_name() {
        let text = "[cadence]\nweakly = \"x\"\ndaily = 3\n";
        assert_eq!(Words::parse(text).unwrap_err()[0].to_string(), "words:3: `cadence.daily` is not a text in quotes");
        let text = "[cadence]\nweakly = \"x\"\n[date]\nlong = \"{dai}. {month}\"\nmonths = \"a, b\"\n[number]\nthousands = \"a\\nb\"";
        let mut faults = Words::parse(text).unwrap_err();
        faults.sort_by_key(|fault| fault.line);
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "words:2: no such key: `cadence.weakly`",
                "words:4: no such slot in `date.long`: `{dai}`",
                "words:5: `date.months` needs 12 names separated by commas",
                "words:7: `number.thousands` is not one line of plain text",
            ]
        );
        assert_eq!(faults[0].help.as_deref(), Some("a key with a similar name exists: `cadence.weekly`"));
        assert_eq!(faults[1].help.as_deref(), Some("a slot with a similar name exists: `day`"));
        assert!(Words::parse("a = ").unwrap_err()[0].line == Some(1));
    }

    #[test]
    fn the_embedded_words_have_no_faults() {
        for (tag, text) in FILES {
            let faults: Vec<_> = read(text).unwrap().iter().filter_map(|line| Words::english().fault(line)).collect();
            assert!(faults.is_empty(), "{tag}: {faults:?}");
        }
        let (_, english) = FILES[0];
        assert!(!english.to_lowercase().replace("never\n## write \"delivered\"", "").contains("delivered"));
    }

    /// A key the code says, and the names of the slots given with it when they are listed in place.
    type Said = (String, Option<BTreeSet<String>>);

    /// Every `.say("key", &[..])` and `.count("key", n, &[..])` of the code, and every other text literal.
    fn code() -> (Vec<Said>, BTreeSet<String>) {
        let (mut said, mut literals) = (Vec::new(), BTreeSet::new());
        let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        for file in all.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            literals.extend(text.split('"').map(str::to_owned));
            for (call, endings) in [(".say(", &[""][..]), (".count(", &[".one", ".other"])] {
                for (at, _) in text.match_indices(call) {
                    let arguments = text[at + call.len()..].trim_start();
                    let Some((key, rest)) = arguments.strip_prefix('"').and_then(|a| a.split_once('"')) else {
                        continue;
                    };
                    let given = listed_slots(rest.split(';').next().unwrap_or_default());
                    said.extend(endings.iter().map(|ending| (format!("{key}{ending}"), given.clone())));
                }
            }
        }
        (said, literals)
    }

    fn listed_slots(arguments: &str) -> Option<BTreeSet<String>> {
        let list = arguments.split_once("&[")?.1.split(']').next()?;
        Some(list.split("(\"").skip(1).filter_map(|slot| slot.split('"').next()).map(str::to_owned).collect())
    }

    fn files(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let sources = entries.filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "rs"));
        sources.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_key_used_exists_with_its_slots_and_every_key_is_used() {
        let words = Words::english();
        let (said, literals) = code();
        assert!(said.len() > 3, "the scan found nothing");
        for (key, given) in &said {
            let value = words.0.get(key).unwrap_or_else(|| panic!("the catalogue has no `{key}`"));
            let Some(given) = given else { continue };
            let missing: Vec<&str> = slots(value).filter(|slot| *slot != "n" && !given.contains(*slot)).collect();
            assert!(missing.is_empty(), "`{key}` is said without its slots {missing:?}");
        }
        let used = |key: &str| literals.contains(key) || said.iter().any(|(said, _)| said == key);
        let unused: Vec<&String> = words.0.keys().filter(|key| !used(key)).collect();
        assert!(unused.is_empty(), "no code says {unused:?}");
    }
}
