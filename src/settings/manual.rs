//! The manual of the settings: `config/default.toml`, read as prose. It is the
//! list of keys that exist, so a key cannot be known and undocumented.

use std::sync::LazyLock;

/// The defaults with their reasons, as a TOML file.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// What the manual says about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `site`, `archive`, ... or `newsletters`.
    pub section: &'static str,
    /// The key inside its section.
    pub key: &'static str,
    /// What it means and why it is as it is; one line per line of the file.
    pub prose: Vec<&'static str>,
    /// The value after the `=`, as TOML.
    pub literal: &'static str,
    /// Whether `literal` is a default; else it is an example.
    pub is_default: bool,
}

impl Entry {
    /// `site.title`; of newsletters `newsletters.title`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The environment variable that sets it; `None` inside newsletters, which
    /// are a list.
    pub fn variable(&self) -> Option<String> {
        (self.section != "newsletters")
            .then(|| format!("POSTROOM__{}__{}", self.section.to_uppercase(), self.key.to_uppercase()))
    }
}

/// Every key in the order of the file.
pub fn entries() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| read(DEFAULTS));
    &ENTRIES
}

/// What the manual says about `section.key`.
pub fn entry(path: &str) -> Option<&'static Entry> {
    let (section, key) = path.split_once('.')?;
    entries().iter().find(|entry| entry.section == section && entry.key == key)
}

/// Whether a section of that name exists.
pub fn is_section(name: &str) -> bool {
    entries().iter().any(|entry| entry.section == name)
}

fn read(text: &'static str) -> Vec<Entry> {
    let (mut entries, mut section, mut prose) = (Vec::new(), "", Vec::new());
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("##") {
            prose.push(words.trim());
        } else if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            prose.clear();
        } else if let Some((key, literal)) = line.split_once(" = ") {
            let (key, is_default) = match key.strip_prefix("# ") {
                Some(key) => (key, false),
                None => (key, true),
            };
            entries.push(Entry { section, key, prose: std::mem::take(&mut prose), literal, is_default });
        } else {
            prose.clear();
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_words_and_every_example_is_toml() {
        for entry in entries() {
            assert!(!entry.prose.is_empty(), "{} is not explained", entry.path());
            let line = format!("{} = {}", entry.key, entry.literal);
            assert!(toml::de::DeTable::parse(&line).is_ok(), "{line}");
        }
    }
}
