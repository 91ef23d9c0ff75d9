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
    let own = |language: &str| Words::parse(&format!("language = \"{language}\"\n[cadence]\nweekly = \"W\"")).unwrap();
    let said = |words: &Words| [Cadence::Weekly, Cadence::Daily].map(|cadence| words.cadence(cadence));
    assert_eq!(said(&own("de-AT")), ["W", "Täglich"]);
    assert_eq!(own("de-AT").language(), "de-AT");
    assert_eq!(said(&own("nl")), ["W", "Daily"], "English where there is nothing else");
    let polish = "language = \"pl\"\n[page.wait.minutes]\nfew = \"{n} minuty\"\nmany = \"{n} minut\"";
    let polish = Words::parse(polish).unwrap();
    assert_eq!(["page.wait.minutes"; 2].map(|key| polish.count(key, 3, &[])), ["3 minuty"; 2]);
    assert!(
        Words::parse("[page.wait.minutes]\nfew = \"{m}\"").is_err() && Words::parse("[cadence]\nfew = \"\"").is_err()
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
    for file in all.into_iter().filter(|file| !file.to_string_lossy().ends_with("_test.rs")) {
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
