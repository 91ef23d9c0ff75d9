//! Front matter: the fields at the top of a file, in the dialect of whichever
//! generator the author uses. One file and one line in [`DIALECTS`] each.

mod json;
mod lines;
mod toml;
mod yaml;

use std::ops::Range;

use super::flaw::Flaw;

/// A way of writing front matter.
pub(super) struct Dialect {
    /// Finds the fields at the top of a text; `None` when it is not written in this dialect.
    cut: fn(&str) -> Option<Result<Cut, Flaw>>,
    /// Reads the fields. Lines of flaws are counted from 1 within the fields.
    parse: fn(&str) -> Result<Table, Flaw>,
}

/// In the order in which they are tried.
const DIALECTS: [Dialect; 4] = [yaml::DIALECT, toml::DIALECT, json::DIALECT, lines::DIALECT];

/// Where fields and body lie, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    fields: Range<usize>,
    body: usize,
}

/// A value as its author wrote it; numbers and dates keep their spelling.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// Words, numbers and dates.
    Text(String),
    List(Vec<Value>),
    Table(Table),
}

/// Keys and values in the author's order.
pub(super) type Table = Vec<(String, Value)>;

/// The fields of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Matter {
    table: Table,
    source: String,
    first_line: u32,
}

impl Matter {
    /// Fields that were not written as front matter (`<meta>` of a page).
    pub fn gathered(table: Table) -> Self {
        Self { table, ..Self::default() }
    }

    /// The value of a key, whatever its capitals, hyphens and underscores.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.table.iter().find(|(name, _)| same_key(name, key)).map(|(_, value)| value)
    }

    /// Takes over the fields this has not, as a generator adds them to its posts.
    pub fn fill(&mut self, defaults: Table) {
        for (key, value) in defaults {
            if self.get(&key).is_none() {
                self.table.push((key, value));
            }
        }
    }

    /// All fields.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The text of a key that holds one.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        }
    }

    /// The line of the file in which a key stands.
    pub fn line_of(&self, key: &str) -> Option<u32> {
        self.lines_of(key).next()
    }

    /// Whether the value of a key stands in quotes.
    pub fn is_quoted(&self, key: &str) -> bool {
        let at = self.line_of(key).and_then(|line| self.source.lines().nth((line - self.first_line) as usize));
        let value = at.and_then(|line| line.split_once(':'));
        value.is_some_and(|(_, value)| value.trim_start().starts_with(['"', '\'']))
    }

    fn lines_of(&self, key: &str) -> impl Iterator<Item = u32> {
        let stands_in = move |line: &str| {
            let line = line.trim_start_matches(['"', '\'', '{', ' ', '\t']);
            let end = line.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').unwrap_or(line.len());
            let (name, rest) = line.split_at(end);
            same_key(name, key) && rest.trim_start_matches(['"', '\'', ' ']).starts_with([':', '='])
        };
        (self.first_line..).zip(self.source.lines()).filter(move |(_, line)| stands_in(line)).map(|(number, _)| number)
    }
}

/// `publishedAt`, `published_at` and `Published-At` are one key.
pub(super) fn same_key(a: &str, b: &str) -> bool {
    // Asked dozens of times for each field of each post: most keys differ in their first letter.
    if a.is_ascii() && b.is_ascii() {
        return plain(a).eq(plain(b));
    }
    bare(a).eq(bare(b))
}

fn plain(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|b| !matches!(b, b'-' | b'_')).map(|b| b.to_ascii_lowercase())
}

fn bare(key: &str) -> impl Iterator<Item = char> {
    key.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase)
}

/// Reads a text that is YAML from its first line to its last.
pub(super) fn yaml(text: &str) -> Result<Table, Flaw> {
    yaml::parse(text)
}

/// Reads a text that is TOML.
pub(super) fn toml(text: &str) -> Result<Table, Flaw> {
    toml::parse(text)
}

/// Reads a text that is one JSON object.
pub(super) fn json(text: &str) -> Result<Table, Flaw> {
    json::parse(text)
}

/// Splits a text (UTF-8, `\n` only) into its fields and the offset of its body.
pub(super) fn split(text: &str) -> Result<Option<(Matter, usize)>, Flaw> {
    for dialect in DIALECTS {
        let Some(cut) = (dialect.cut)(text) else { continue };
        let cut = cut?;
        let source = &text[cut.fields.clone()];
        let first_line = line_at(text, cut.fields.start);
        let shift = |flaw: Flaw| Flaw { line: Some(flaw.line.unwrap_or(1) + first_line - 1), ..flaw };
        let table = (dialect.parse)(source).map_err(shift)?;
        let matter = Matter { table, source: source.to_owned(), first_line };
        no_key_twice(&matter)?;
        return Ok(Some((matter, cut.body)));
    }
    Ok(None)
}

/// Not every parser refuses equal keys, and keys that differ in capitals are equal to us.
fn no_key_twice(matter: &Matter) -> Result<(), Flaw> {
    let mut seen = std::collections::HashSet::new();
    for (key, _) in &matter.table {
        if !seen.insert(key.to_lowercase()) {
            return Err(Flaw::new(format!("the key `{key}` is given twice")).at(matter.lines_of(key).last()));
        }
    }
    Ok(())
}

/// The line, counted from 1, in which a byte stands.
pub(super) fn line_at(text: &str, byte: usize) -> u32 {
    let breaks = text.as_bytes()[..byte].iter().filter(|b| **b == b'\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}

/// The lines of a text with the byte at which each begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end())
    })
}

/// Cuts between an opening line at the very top and a closing line.
fn fenced(text: &str, open: &str, is_close: fn(&str) -> bool) -> Option<Result<Cut, Flaw>> {
    let mut all = lines(text).skip_while(|(_, line)| line.is_empty());
    all.next().filter(|(_, line)| *line == open)?;
    let mut first = None;
    for (start, line) in all {
        let fields = *first.get_or_insert(start);
        if is_close(line) {
            let body = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
            return Some(Ok(Cut { fields: fields..start, body }));
        }
    }
    let reason = format!("the front matter begins with `{open}` and never ends");
    Some(Err(Flaw::new(reason).at(Some(1)).with_help("close it with the same line that opens it")))
}

/// Whether a line begins with a key every post has; what tells fields
/// without an opening line from a text.
fn names_a_post(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, _)| ["title", "date"].iter().any(|known| key.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod front_test;
