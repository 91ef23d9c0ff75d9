//! The layers: `default.toml` < file < environment, merged by the `config`
//! crate, with the line or variable each value came from. Keys are known here;
//! what their values mean is `read`'s business.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Value};
use toml::de::{DeTable, DeValue};

use super::manual;
use crate::domain::Fault;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `config/default.toml`.
    Default,
    /// The configuration of the site's own generator: this file.
    Site(String),
    /// A line of the file, counted from 1.
    File(u32),
    /// A variable of the environment.
    Environment(String),
}

/// The environment as far as it concerns settings.
pub type Variables = BTreeMap<String, String>;

/// All layers merged, before any value is judged.
#[derive(Debug)]
pub struct Sheet {
    file: String,
    base: PathBuf,
    variables: Variables,
    merged: Value,
    defaults: Value,
    lines: HashMap<String, u32>,
    faults: Vec<Fault>,
    site_file: String,
    site: BTreeMap<&'static str, Value>,
}

const PREFIX: &str = "POSTROOM__";
/// Sections of which there is one, or a list.
const SEVERAL: [&str; 2] = ["relay", "dkim"];

impl Sheet {
    /// Merges the layers. `file` is the name faults give to `text`; `base` is
    /// the folder relative paths start from.
    ///
    /// # Errors
    /// When `text` is no TOML: every syntax error with its line.
    pub fn new(file: &str, text: &str, base: &Path, variables: &Variables) -> Result<Self, Vec<Fault>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let mut faults: Vec<Fault> = errors.iter().map(|error| syntax(file, text, error)).collect();
            faults.sort_by_key(|fault| fault.line);
            return Err(faults);
        }
        let mut outline = Outline { file, text, lines: HashMap::new(), faults: Vec::new() };
        outline.document(document.get_ref());
        let is_list =
            |section: &str| matches!(document.get_ref().get(section).map(|it| it.get_ref()), Some(DeValue::Array(_)));
        let several: Vec<&str> = SEVERAL.into_iter().filter(|section| is_list(section)).collect();
        let known = known_variables(variables, &several, &mut outline.faults);
        let builder = || Config::builder().add_source(File::from_str(manual::DEFAULTS, FileFormat::Toml));
        let whole = |error: config::ConfigError| vec![Fault::new(file, error.to_string())];
        let defaults = builder().build().map_err(whole)?.cache;
        // Never `try_parsing`: it turns the password `012345` into 12345.
        let environment =
            Environment::with_prefix("POSTROOM").prefix_separator("__").separator("__").source(Some(known));
        let merged = builder().add_source(File::from_str(text, FileFormat::Toml)).add_source(environment);
        Ok(Self {
            file: file.to_owned(),
            base: base.to_owned(),
            variables: variables.clone(),
            merged: merged.build().map_err(whole)?.cache,
            defaults,
            lines: outline.lines,
            faults: outline.faults,
            site_file: String::new(),
            site: BTreeMap::new(),
        })
    }

    /// The same with a layer above the defaults and below the file: what
    /// `file`, the configuration of the site's own generator, says of the site.
    #[must_use]
    pub fn with_site(mut self, file: &str, values: Vec<(&'static str, String)>) -> Self {
        self.site_file = file.to_owned();
        self.site = values.into_iter().map(|(path, text)| (path, Value::new(None, text))).collect();
        self
    }

    /// What is wrong with the keys themselves: unknown ones, sections that are
    /// no sections, variables that set nothing.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The value of `section.key` or `newsletters[0].key`, and where it came
    /// from. One of a list takes what it does not say from the default one.
    pub fn value(&self, path: &str) -> Option<(&Value, Origin)> {
        let (section, key) = path.split_once('.')?;
        if let (Origin::Site(file), Some(value)) = (self.origin(path), self.site.get(path)) {
            return Some((value, Origin::Site(file)));
        }
        if let Some(value) = place(&self.merged, section).and_then(|table| child(table, key)) {
            return Some((value, self.origin(path)));
        }
        let name = section.split_once('[').map_or(section, |(name, _)| name);
        let first = format!("{name}[0]");
        place(&self.defaults, if name == "newsletters" { &first } else { name })
            .and_then(|table| child(table, key))
            .map(|value| (value, Origin::Default))
    }

    /// How many newsletters there are: those of the file, else the default one.
    pub fn newsletters(&self) -> usize {
        self.listed("newsletters").unwrap_or(0)
    }

    /// Where the parts of a section stand that may be one or several: `relay`, or `relay[0]` and on.
    pub fn places(&self, section: &str) -> Vec<String> {
        match self.listed(section) {
            Some(count) => (0..count).map(|index| format!("{section}[{index}]")).collect(),
            None => vec![section.into()],
        }
    }

    fn listed(&self, section: &str) -> Option<usize> {
        match place(&self.merged, section).map(|value| &value.kind) {
            Some(config::ValueKind::Array(list)) => Some(list.len()),
            _ => None,
        }
    }

    /// A fault about `path`, with the line or variable that set it.
    pub fn fault(&self, path: &str, reason: &str) -> Fault {
        let reason = format!("`{path}`: {reason}");
        match self.origin(path) {
            Origin::Environment(name) => Fault::new(name, reason),
            Origin::File(line) => Fault::new(&self.file, reason).at_line(line),
            Origin::Site(file) => Fault::new(file, reason),
            Origin::Default => Fault::new(&self.file, reason),
        }
    }

    /// A fault about the file rather than about a value in it.
    pub fn missing(&self, path: &str, entry: Option<&manual::Entry>) -> Fault {
        let fault = Fault::new(&self.file, format!("`{path}` is missing"));
        match entry {
            Some(entry) => fault.with_help(format!("add {} = {} under [{}]", entry.key, entry.literal, entry.section)),
            None => fault,
        }
    }

    /// A path of the settings, from the folder of the file.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.join(path)
    }

    /// The folder systemd put credentials in, when it did.
    pub fn credentials(&self) -> Option<PathBuf> {
        self.variables.get("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()).map(PathBuf::from)
    }

    fn origin(&self, path: &str) -> Origin {
        let variable = manual::entry(path).and_then(manual::Entry::variable);
        match (variable.filter(|name| self.variables.contains_key(name)), self.lines.get(path)) {
            (Some(name), _) => Origin::Environment(name),
            (None, Some(line)) => Origin::File(*line),
            (None, None) if self.site.contains_key(path) => Origin::Site(self.site_file.clone()),
            (None, None) => Origin::Default,
        }
    }
}

/// `site` or `newsletters[0]` in a tree of values.
fn place<'a>(root: &'a Value, section: &str) -> Option<&'a Value> {
    let Some((name, index)) = section.split_once('[') else {
        return child(root, section);
    };
    let index: usize = index.trim_end_matches(']').parse().ok()?;
    match &child(root, name)?.kind {
        config::ValueKind::Array(list) => list.get(index),
        _ => None,
    }
}

fn child<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match &value.kind {
        config::ValueKind::Table(table) => table.get(key),
        _ => None,
    }
}

fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Fault {
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    let fault = Fault::new(file, message);
    match error.span() {
        Some(span) => fault.at_line(line_of(text, span.start)),
        None => fault,
    }
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count();
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

/// The walk through the file that notes lines and finds keys nobody knows.
struct Outline<'a> {
    file: &'a str,
    text: &'a str,
    lines: HashMap<String, u32>,
    faults: Vec<Fault>,
}

impl Outline<'_> {
    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let (section, line) = (name.get_ref().as_ref(), line_of(self.text, name.span().start));
            match value.get_ref() {
                _ if !manual::is_section(section) => self.unknown(section, line),
                DeValue::Array(list)
                    if (section == "newsletters" || SEVERAL.contains(&section)) && !list.is_empty() =>
                {
                    for (index, item) in list.iter().enumerate() {
                        match item.get_ref() {
                            DeValue::Table(table) => self.section(section, &format!("{section}[{index}]"), table),
                            _ => self.wrong(line, &format!("`{section}` is written as sections: [[{section}]]")),
                        }
                    }
                }
                DeValue::Table(table) if section != "newsletters" => self.section(section, section, table),
                _ if section == "newsletters" => self.wrong(line, "write [[newsletters]], each with two brackets"),
                _ => self.wrong(line, &format!("`{section}` is a section: write [{section}]")),
            }
        }
    }

    fn section(&mut self, section: &str, place: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let line = line_of(self.text, key.span().start);
            if manual::entry(&format!("{section}.{}", key.get_ref())).is_none() {
                self.unknown(&format!("{section}.{}", key.get_ref()), line);
            } else if matches!(value.get_ref(), DeValue::Table(_)) {
                self.wrong(line, &format!("`{section}.{}` takes a value, not a section", key.get_ref()));
            }
            self.lines.insert(format!("{place}.{}", key.get_ref()), line);
        }
    }

    fn wrong(&mut self, line: u32, reason: &str) {
        self.faults.push(Fault::new(self.file, reason).at_line(line));
    }

    fn unknown(&mut self, path: &str, line: u32) {
        let fault = Fault::new(self.file, format!("unknown key `{path}`")).at_line(line);
        self.faults.push(match nearest(path) {
            Some(known) => fault.with_help(format!("a key with a similar name exists: `{known}`")),
            None => fault.with_help("`postroom config explain` lists every key"),
        });
    }
}

/// The known key whose name is most like `path`, when one is like it at all:
/// a slip of the finger, or the right key in the wrong section.
pub fn nearest(path: &str) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let paths = manual::entries().iter().map(manual::Entry::path);
    let distance = |known: &String| {
        let whole = strsim::damerau_levenshtein(path, known);
        if last(path) == last(known) { whole.min(1) } else { whole }
    };
    let best = paths.min_by_key(|known| (distance(known), strsim::damerau_levenshtein(path, known)))?;
    (distance(&best) <= (path.len() / 4).max(2)).then_some(best)
}

/// The variables that set a known key; the rest of our prefix are faults.
fn known_variables(variables: &Variables, several: &[&str], faults: &mut Vec<Fault>) -> HashMap<String, String> {
    let mut known = HashMap::new();
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let path = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        match manual::entry(&path) {
            Some(entry) if several.contains(&entry.section) => {
                let what = entry.section;
                let reason = format!("the file has several [[{what}]], and which of them is meant cannot be told here");
                faults.push(Fault::new(name, reason));
            }
            Some(entry) if entry.variable().as_deref() == Some(name) => {
                known.insert(name.clone(), value.clone());
            }
            Some(entry) if entry.section == "newsletters" => {
                faults.push(Fault::new(name, "newsletters are a list and can only be set in the file"));
            }
            _ => {
                let fault = Fault::new(name, format!("unknown key `{path}`"));
                faults.push(match nearest(&path).and_then(|near| manual::entry(&near)?.variable()) {
                    Some(near) => fault.with_help(format!("a variable with a similar name exists: {near}")),
                    None => fault.with_help("`postroom config explain` lists every key"),
                });
            }
        }
    }
    known
}
