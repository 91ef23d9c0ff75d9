//! The operator's own `templates` folder, laid over the embedded files one by
//! one. A file nobody would read is a fault: it was meant for something.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::context::Looks;
use crate::domain::Fault;
use crate::settings::{Settings, secrets};
use crate::views::plural::primary;
use crate::views::tokens;
use crate::views::words::Words;

/// What a folder may hold beside its words.
const FILES: [&str; 3] = ["page.css", "icon.svg", "feed.css"];
/// Where the words are, one file a language.
const WORDS: &str = "words";

/// Reads the folder of `templates.path`; without one, everything is embedded.
///
/// # Errors
/// Every fault: a file of another name, an unknown key or slot of the words, an
/// unknown token of a style sheet, what cannot be read.
pub fn read(settings: &Settings) -> Result<(Words, Looks), Vec<Fault>> {
    let (mut words, mut looks) = (Words::of(&settings.site.language), Looks::default());
    let Some(folder) = &settings.templates.path else { return Ok((words, looks)) };
    let mut faults = strangers(folder)?;
    let chosen = words_file(folder, &settings.site.language);
    if let Some(css) = laid(&folder.join("page.css"), &mut faults, style) {
        looks.page_css = css;
    }
    if let Some(svg) = laid(&folder.join("icon.svg"), &mut faults, Ok) {
        looks.icon = svg;
    }
    if let Some(css) = laid(&folder.join("feed.css"), &mut faults, Ok) {
        looks.feed_css = css;
    }
    if let Some(own) = laid(&chosen, &mut faults, |text| own_words(&chosen, &text)) {
        words = own;
    }
    if faults.is_empty() { Ok((words, looks)) } else { Err(faults) }
}

/// What a file holds, read by `take`, when there is such a file; faults get its path.
fn laid<T>(path: &Path, faults: &mut Vec<Fault>, take: impl FnOnce(String) -> Result<T, Vec<Fault>>) -> Option<T> {
    if !path.is_file() {
        return None;
    }
    let read = fs::read_to_string(path).map_err(|error| vec![Fault::new("", secrets::plain(&error))]);
    let at_home = |fault| Fault { place: path.display().to_string(), ..fault };
    read.and_then(take).map_err(|told| faults.extend(told.into_iter().map(at_home))).ok()
}

/// The file of the site's language: `de-AT.toml`, else `de.toml`, else that of the
/// embedded words that stand in for it.
fn words_file(folder: &Path, language: &str) -> PathBuf {
    let file = |name: &str| folder.join(WORDS).join(format!("{name}.toml"));
    let own = [language, &primary(language)].map(file).into_iter().find(|path| path.is_file());
    own.unwrap_or_else(|| file(&Words::of(language).language()))
}

/// The words of a file; they must say which language they are in, for readers'
/// browsers and screen readers go by it.
fn own_words(file: &Path, text: &str) -> Result<Words, Vec<Fault>> {
    let words = Words::parse(text)?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if primary(&words.language()) == primary(&name) {
        return Ok(words);
    }
    let reason = format!("the file is called {name} and its `language` is `{}`", words.language());
    Err(vec![Fault::new("", reason).with_help(format!("write language = \"{name}\" at its top"))])
}

fn style(css: String) -> Result<String, Vec<Fault>> {
    let known = || tokens::LIGHT.named().map(|(name, _)| name).join(", ");
    let faults: Vec<Fault> = tokens::unknown(&css)
        .into_iter()
        .map(|(line, call)| {
            let help = if call.starts_with("font") {
                "there is sans and mono".into()
            } else {
                format!("there is {}", known())
            };
            Fault::new("", format!("no such token: `{call}`")).at_line(line).with_help(help)
        })
        .collect();
    if faults.is_empty() { Ok(tokens::fill(&css)) } else { Err(faults) }
}

/// Files that nothing here would read. Hidden files and an editor's copies are nobody's business.
fn strangers(folder: &Path) -> Result<Vec<Fault>, Vec<Fault>> {
    let mut strangers = Vec::new();
    let is_ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name.ends_with('~'))
    };
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_ours) {
        let entry = entry.map_err(|error| {
            let reason = error.io_error().map_or_else(|| error.to_string(), secrets::plain);
            vec![Fault::new(folder.display().to_string(), reason.replace("such file", "such folder"))]
        })?;
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let is_words = path.parent() == Some(Path::new(WORDS)) && path.extension().is_some_and(|end| end == "toml");
        if entry.file_type().is_file() && !is_words && !FILES.iter().any(|known| path == Path::new(known)) {
            let help = format!("there is {} and {WORDS}/LANGUAGE.toml", FILES.join(", "));
            strangers.push(Fault::new(entry.path().display().to_string(), "no such template").with_help(help));
        }
    }
    Ok(strangers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)], language: &str) -> Result<(Words, Looks), Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("own").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let text = format!(
            "[site]\ntitle = \"t\"\nurl = \"https://e.test\"\nlanguage = \"{language}\"\n[http]\n\
             public_url = \"https://n.test\"\n[mail]\nfrom = \"a@e.test\"\n[templates]\npath = \"own\"\n"
        );
        let settings = Settings::parse(&text, folder.path(), &Default::default()).unwrap();
        let told = |fault: Fault| fault.to_string().replace(&format!("{}/", folder.path().display()), "");
        read(&settings).map_err(|faults| faults.into_iter().map(told).collect())
    }

    #[test]
    fn a_folder_overrides_file_by_file() {
        let (words, looks) = with(&[("page.css", "a { color: light(link) }"), (".note", "")], "en").unwrap();
        assert_eq!(looks.page_css, "a { color: #0b57d0 }");
        assert_eq!((looks.feed_css, looks.icon), (Looks::default().feed_css, Looks::default().icon));
        assert_eq!(words, Words::english());
    }

    #[test]
    fn words_are_those_of_the_site_s_language() {
        let german = "language = \"de\"\n[cadence]\nweekly = \"Wöchentlich\"\n";
        let english = "[cadence]\nweekly = \"Every week\"\n";
        let files = [("words/de.toml", german), ("words/en.toml", english)];
        let expected =
            [("de", "Wöchentlich"), ("de-AT", "Wöchentlich"), ("fr", "Chaque semaine"), ("nl", "Every week")];
        for (language, expected) in expected {
            let (words, _) = with(&files, language).unwrap();
            assert_eq!(words.say("cadence.weekly", &[]), expected, "{language}");
        }
    }

    #[test]
    fn every_fault_is_told_with_file_and_line() {
        let files = [
            ("page.css", "a {}\nb { color: light(ink) }"),
            ("pages.css", ""),
            ("words/de.toml", "[cadence]\nweakly = \"x\"\n"),
            ("words/de.md", ""),
        ];
        assert_eq!(
            with(&files, "de").unwrap_err(),
            [
                "own/pages.css: no such template",
                "own/words/de.md: no such template",
                "own/page.css:2: no such token: `light(ink)`",
                "own/words/de.toml:2: no such key: `cadence.weakly`",
            ]
        );
        let told = with(&[("words/de.toml", "[cadence]\nweekly = \"x\"\n")], "de").unwrap_err();
        assert_eq!(told, ["own/words/de.toml: the file is called de and its `language` is `en`"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault() {
        assert!(with(&[], "en").unwrap_err()[0].ends_with("own: there is no such folder"));
    }
}
