//! A generator's own configuration file, whatever it is written in.

use std::path::Path;

use super::super::flaw::Flaw;
use super::super::front::{self, Matter, Table, Value};
use super::literals;

/// A larger configuration is none.
const MAX_BYTES: u64 = 1024 * 1024;

/// What a configuration says. Keys are asked for by their path: `markup.goldmark`.
#[derive(Clone, Debug, Default)]
pub(in crate::archive) struct Config {
    /// Its name below the site's folder; empty without one.
    pub file: String,
    /// What keeps it from being understood.
    pub flaw: Option<Flaw>,
    table: Table,
}

impl Config {
    /// Reads the first of `names` that is there. A file that is not understood
    /// is a configuration with a flaw.
    pub fn read(folder: &Path, names: &[&str]) -> Option<Self> {
        let name = names.iter().find(|name| folder.join(name).is_file())?;
        Some(match table(&folder.join(name)) {
            Ok(table) => Self { file: (*name).to_owned(), flaw: None, table },
            Err(flaw) => Self::broken(name, flaw),
        })
    }

    /// Values that stand in no file of that name.
    pub fn of(file: &str, table: Table) -> Self {
        Self { file: file.to_owned(), flaw: None, table }
    }

    /// A file that is not understood.
    pub fn broken(file: &str, flaw: Flaw) -> Self {
        Self { file: file.to_owned(), flaw: Some(flaw), table: Table::new() }
    }

    /// Takes over what `other` says and this does not.
    pub fn fill(&mut self, other: Self) {
        self.flaw = self.flaw.take().or(other.flaw);
        fill(&mut self.table, other.table);
    }

    /// The value at a path of keys parted by dots; a key that holds dots is found, too.
    pub fn get(&self, path: &str) -> Option<&Value> {
        get(&self.table, path)
    }

    /// The text, number or date at a path; `None` when it is empty.
    pub fn text(&self, path: &str) -> Option<String> {
        match self.get(path)? {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        }
    }

    /// Whether there is `true` at a path.
    pub fn is(&self, path: &str) -> bool {
        matches!(self.get(path), Some(Value::Bool(true)))
    }

    /// The table at a path.
    pub fn table(&self, path: &str) -> &[(String, Value)] {
        match self.get(path) {
            Some(Value::Table(table)) => table,
            _ => &[],
        }
    }

    /// Whether a key of exactly this spelling stands at the top.
    pub fn spells(&self, key: &str) -> bool {
        self.table.iter().any(|(name, _)| name == key)
    }

    /// Whether one of these keys stands at the top.
    pub fn has_one_of(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.get(key).is_some())
    }
}

fn get<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    if let Some((_, value)) = table.iter().find(|(name, _)| front::same_key(name, path)) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    match table.iter().find(|(name, _)| front::same_key(name, first)) {
        Some((_, Value::Table(inside))) => get(inside, rest),
        _ => None,
    }
}

fn fill(table: &mut Table, other: Table) {
    for (key, value) in other {
        match (table.iter_mut().find(|(name, _)| front::same_key(name, &key)), value) {
            (None, value) => table.push((key, value)),
            (Some((_, Value::Table(mine))), Value::Table(theirs)) => fill(mine, theirs),
            _ => {}
        }
    }
}

/// The keys and values of a YAML, TOML or JSON file; of a script the plain
/// values it assigns.
pub(in crate::archive) fn table(path: &Path) -> Result<Table, Flaw> {
    let unread = |reason: String| Flaw::new(format!("cannot be read: {reason}"));
    let size = std::fs::metadata(path).map_err(|e| unread(e.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(unread("more than 1 MiB".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unread(e.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "yml" | "yaml" => front::yaml(&text),
        "toml" => front::toml(&text),
        "json" => front::json(&text),
        "py" => Ok(literals::python(&text)),
        _ => Ok(literals::script(&text)),
    }
}

/// The fields of a file that a generator adds to those of its posts.
pub(in crate::archive) fn matter(path: &Path) -> Option<Matter> {
    path.is_file().then(|| table(path).ok()).flatten().map(Matter::gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn values_are_found_by_their_path_whatever_the_file_is_written_in() {
        for (name, text) in [
            ("a.yml", "baseURL: https://a.example\nmarkup:\n  goldmark:\n    unsafe: true\n"),
            ("a.toml", "baseURL = 'https://a.example'\n[markup.goldmark]\nunsafe = true\n"),
            ("a.json", "{\"baseURL\": \"https://a.example\", \"markup\": {\"goldmark\": {\"unsafe\": true}}}"),
            ("a.js", "export default { baseURL: 'https://a.example', markup: { goldmark: { unsafe: true } } }"),
        ] {
            let folder = folder(&[(name, text)]);
            let config = Config::read(folder.path(), &["missing.yml", name]).unwrap();
            assert_eq!(config.text("baseurl").as_deref(), Some("https://a.example"), "{name}");
            assert!(config.is("markup.goldmark.unsafe"), "{name}");
            assert!(config.spells("baseURL") && !config.spells("base_url"));
        }
    }

    #[test]
    fn a_file_that_is_not_understood_is_a_flaw_and_not_another_site() {
        let folder = folder(&[("_config.yml", "title: a\ntitle: b\n")]);
        let config = Config::read(folder.path(), &["_config.yml"]).unwrap();
        assert_eq!(config.flaw.unwrap().line, Some(2));
    }

    #[test]
    fn what_one_file_does_not_say_another_may() {
        let folder =
            folder(&[("a.yml", "title: a\nparams: {x: one}\n"), ("b.yml", "title: b\nparams: {x: two, y: three}\n")]);
        let mut config = Config::read(folder.path(), &["a.yml"]).unwrap();
        config.fill(Config::read(folder.path(), &["b.yml"]).unwrap());
        let text = |path| config.text(path).unwrap();
        assert_eq!((text("title"), text("params.x"), text("params.y")), ("a".into(), "one".into(), "three".into()));
    }
}
