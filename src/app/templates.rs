//! The operator's own `templates` folder, laid over the embedded files one by
//! one. A file nobody would read is a fault: it was meant for something.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use crate::context::Looks;
use crate::domain::Fault;
use crate::settings::{Settings, Templates, secrets};
use crate::views::pages;
use crate::views::plural::primary;
use crate::views::style::{LOGOS, Logo, MOST, Sheets, Style};
use crate::views::tokens::{self, Accent};
use crate::views::words::Words;

/// What a folder may hold beside its words and a logo.
const FILES: [&str; 8] = [
    "page.css",
    "icon.svg",
    "feed.css",
    "mail.css",
    "mail-edition.css",
    "mail-full.css",
    "mail-post.css",
    "mail-parts.css",
];
/// Where the words are, one file a language.
const WORDS: &str = "words";
/// A logo of more bytes keeps readers on the road waiting.
const LOGO: usize = 100_000;

/// Reads the folder of `templates.path`; without one, everything is embedded.
///
/// # Errors
/// Every fault: a file of another name, an unknown key or slot of the words, an
/// unknown token of a style sheet, a colour that cannot be read, what cannot be read at all.
pub fn read(settings: &Settings) -> Result<(Words, Looks), Vec<Fault>> {
    let mut faults = Vec::new();
    let accent = accent(&settings.templates, &mut faults);
    let Some(folder) = &settings.templates.path else {
        let looks = dressed(plain(), &Sheets::default(), &accent, None);
        return if faults.is_empty() { Ok((Words::of(&settings.site.language), looks)) } else { Err(faults) };
    };
    faults.extend(strangers(folder)?);
    let (mut words, mut looks, mut sheets) = (Words::of(&settings.site.language), plain(), Sheets::default());
    let chosen = words_file(folder, &settings.site.language);
    let styles = [
        ("page.css", &mut looks.page_css),
        ("mail.css", &mut sheets.mail),
        ("mail-edition.css", &mut sheets.edition),
        ("mail-full.css", &mut sheets.full),
        ("mail-post.css", &mut sheets.post),
        ("mail-parts.css", &mut sheets.parts),
    ];
    for (name, css) in styles {
        if let Some(own) = laid(&folder.join(name), &mut faults, style) {
            *css = own;
        }
    }
    for (name, text) in [("icon.svg", &mut looks.icon), ("feed.css", &mut looks.feed_css)] {
        if let Some(own) = laid(&folder.join(name), &mut faults, Ok) {
            *text = own;
        }
    }
    if let Some(own) = laid(&chosen, &mut faults, |text| own_words(&chosen, &text)) {
        words = own;
    }
    faults.extend(unfit(&sheets, &accent, folder));
    let logo = logo(folder, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok((words, dressed(looks, &sheets, &accent, logo)))
}

/// Everything as it is embedded, no colours filled in yet.
fn plain() -> Looks {
    Looks { page_css: pages::STYLES.to_owned(), ..Looks::default() }
}

/// The colours of links and buttons; a colour that cannot be read is told with the nearest that can.
fn accent(templates: &Templates, faults: &mut Vec<Fault>) -> Accent {
    let made = Accent::of(templates.accent.as_deref(), templates.accent_dark.as_deref());
    made.unwrap_or_else(|faint| {
        faults.extend(faint.into_iter().map(|faint| {
            let is_dark = templates.accent_dark.as_ref() == Some(&faint.colour);
            let key = if is_dark { "templates.accent_dark" } else { "templates.accent" };
            let reason = format!("{} has contrast {:.1} on {}, needs 4.5", faint.colour, faint.contrast, faint.on);
            Fault::new(key, reason).with_help(format!("nearest shade that passes is {}", faint.nearest))
        }));
        Accent::default()
    })
}

/// Everything in the accent colours.
fn dressed(looks: Looks, sheets: &Sheets, accent: &Accent, logo: Option<(Logo, Vec<u8>)>) -> Looks {
    let (picture, bytes) = logo.unzip();
    let kind = picture.as_ref().and_then(|logo| LOGOS.into_iter().find(|(path, _)| *path == logo.path));
    let style = Style::new(sheets, accent).unwrap_or_default();
    Looks {
        page_css: accent.fill(&looks.page_css),
        mail: Arc::new(Style { picture, ..style }),
        logo: kind.map(|(_, kind)| kind).zip(bytes),
        ..looks
    }
}

/// What is wrong with the style sheets of mails as a whole.
fn unfit(sheets: &Sheets, accent: &Accent, folder: &Path) -> Option<Fault> {
    let fault = |name: &str, reason: String| Fault::new(folder.join(name).display().to_string(), reason);
    match Style::new(sheets, accent) {
        Err(part) => {
            let help = "its rules are cell, h1, h2, meta, foot, name, logo, link, title, quiet, button, rule";
            Some(fault("mail-parts.css", format!("no such part: `{part}`")).with_help(help))
        }
        Ok(style) => {
            let bytes = style.head.concat().len();
            let reason =
                format!("the style sheets in the head of a mail have {bytes} bytes; Gmail drops all from {MOST}");
            (bytes > MOST).then(|| fault("mail.css", reason))
        }
    }
}

/// The picture for the top of mails: the first there is of [`LOGOS`].
fn logo(folder: &Path, faults: &mut Vec<Fault>) -> Option<(Logo, Vec<u8>)> {
    let (path, file) =
        LOGOS.into_iter().map(|(path, _)| (path, folder.join(&path[1..]))).find(|(_, file)| file.is_file())?;
    let mut wrong = |reason: String| faults.push(Fault::new(file.display().to_string(), reason));
    let bytes = match fs::read(&file) {
        Ok(bytes) if bytes.len() > LOGO => {
            wrong(format!("this logo has {} bytes; {LOGO} are enough", bytes.len()));
            return None;
        }
        Ok(bytes) => bytes,
        Err(error) => {
            wrong(secrets::plain(&error));
            return None;
        }
    };
    match imagesize::blob_size(&bytes) {
        Ok(size) => Some((Logo::new(path, size.width, size.height), bytes)),
        Err(_) => {
            wrong("this is no picture".into());
            None
        }
    }
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
    if faults.is_empty() { Ok(css) } else { Err(faults) }
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
        let logos = LOGOS.iter().map(|(logo, _)| &logo[1..]);
        if entry.file_type().is_file()
            && !is_words
            && !FILES.into_iter().chain(logos).any(|known| path == Path::new(known))
        {
            let help = format!("there is {}, logo.png (.jpg, .gif) and {WORDS}/LANGUAGE.toml", FILES.join(", "));
            strangers.push(Fault::new(entry.path().display().to_string(), "no such template").with_help(help));
        }
    }
    Ok(strangers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path, language: &str, more: &str) -> Settings {
        let text = format!(
            "[site]\ntitle = \"t\"\nurl = \"https://e.test\"\nlanguage = \"{language}\"\n[http]\n\
             public_url = \"https://n.test\"\n[mail]\nfrom = \"a@e.test\"\n[templates]\npath = \"{}\"\n{more}",
            folder.display()
        );
        Settings::parse(&text, folder, &Default::default()).unwrap()
    }

    fn with(files: &[(&str, &str)], language: &str) -> Result<(Words, Looks), Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("own").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let settings = settings(&folder.path().join("own"), language, "");
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
    fn an_accent_reaches_mails_and_pages_and_one_that_cannot_be_read_is_told_with_the_nearest_that_can() {
        let folder = tempfile::tempdir().unwrap();
        let with_accent = |more: &str| read(&settings(folder.path(), "en", more));
        let (_, looks) = with_accent("accent = \"#B3261E\"\n").unwrap();
        assert!(looks.mail.button.contains("background:#b3261e") && looks.mail.head[0].contains(".a{color:#"));
        assert!(looks.page_css.contains("#b3261e") && !looks.page_css.contains("#0b57d0"));
        let faults = with_accent("accent = \"#7fb8ff\"\n").unwrap_err();
        assert_eq!(faults[0].to_string(), "templates.accent: #7fb8ff has contrast 2.1 on white, needs 4.5");
        assert!(faults[0].help.as_ref().unwrap().starts_with("nearest shade that passes is #"));
    }

    #[test]
    fn mails_wear_the_operators_logo_and_style_sheets() {
        let folder = tempfile::tempdir().unwrap();
        let own = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        own("logo.png", include_bytes!("../cli/demo/posts/window.png"));
        own("mail-parts.css", b"h1 { font-size: 30px }");
        own("mail.css", b".b { background: dark(bg) }");
        let with_files = || read(&settings(folder.path(), "en", ""));
        let (_, looks) = with_files().unwrap();
        let picture = looks.mail.picture.clone().unwrap();
        assert_eq!((picture.path, picture.height, looks.logo.unwrap().0), ("/logo.png", 56, "image/png"));
        assert_eq!((looks.mail.h1.as_str(), looks.mail.head[0].as_str()), ("font-size:30px", ".b{background:#15181c}"));
        own("mail-parts.css", b"h7 {}");
        own("mail.css", "a".repeat(20_000).as_bytes());
        own("logo.png", b"none");
        let told: Vec<String> = with_files().unwrap_err().into_iter().map(|fault| fault.reason).collect();
        assert_eq!(told, ["no such part: `h7`", "this is no picture"]);
        own("mail-parts.css", b"");
        assert!(with_files().unwrap_err()[0].reason.contains("Gmail drops all from 16000"));
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
