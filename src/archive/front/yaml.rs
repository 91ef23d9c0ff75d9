//! YAML between two lines of `---`; also without the first one, as Hexo allows.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{Error, Spanned};

use super::{Cut, Dialect, Flaw, Table, Value, fenced, lines, names_a_post};

pub(super) const DIALECT: Dialect = Dialect { cut, parse };

fn cut(text: &str) -> Option<Result<Cut, Flaw>> {
    fenced(text, "---", is_close).or_else(|| closing_line_only(text).map(Ok))
}

/// Three dashes or more, as Hugo reads it, or YAML's own end.
fn is_close(line: &str) -> bool {
    line == "..." || line.len() >= 3 && line.bytes().all(|b| b == b'-')
}

/// Fields without an opening line: keys from the first line to a line of
/// `---`, no blank line among them, a title or a date one of them. Anything
/// less is a text with a rule or an underlined heading.
fn closing_line_only(text: &str) -> Option<Cut> {
    let first = text.lines().next()?;
    if !first.split_once(':').is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) {
        return None;
    }
    let (end, _) =
        lines(text).find(|(_, line)| line.is_empty() || *line == "---").filter(|(_, line)| *line == "---")?;
    let keys = text[..end].lines().filter(|line| names_a_post(line)).count();
    let body = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    (keys > 0 && text[..end].lines().count() > 1).then_some(Cut { fields: 0..end, body })
}

pub(super) fn parse(source: &str) -> Result<Table, Flaw> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    let root: Spanned<Raw> = serde_saphyr::from_str_with_options(source, options).map_err(|e| flaw(&e))?;
    match worded(root, source) {
        Value::Table(table) => Ok(table),
        Value::Null => Ok(Table::new()),
        _ => Err(Flaw::new("the front matter is not a list of keys and values").at(Some(1))),
    }
}

fn flaw(error: &Error) -> Flaw {
    let line = error.location().and_then(|at| u32::try_from(at.line()).ok()).filter(|line| *line > 0);
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    let flaw = match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => Flaw::new(format!("the key `{key}` is given twice")),
        Error::DuplicateMappingKey { .. } => Flaw::new("a key is given twice"),
        Error::MultipleDocuments { .. } => Flaw::new("a second YAML document begins inside the front matter"),
        _ if said.starts_with("mapping values are not allowed") => Flaw::new("not YAML: a `: ` inside a value"),
        _ => Flaw::new(format!("not YAML: {said}")),
    };
    flaw.at(line).with_help("put a value with punctuation in it between quotes")
}

/// A node as the parser resolves it; numbers lose their spelling (`1.10`), so
/// it is taken from the source again.
enum Raw {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Table(Vec<(String, Spanned<Raw>)>),
}

fn worded(node: Spanned<Raw>, source: &str) -> Value {
    match node.value {
        Raw::Null => Value::Null,
        Raw::Bool(truth) => Value::Bool(truth),
        Raw::Text(text) => Value::Text(text),
        Raw::Number(resolved) => {
            let span = node.defined.span();
            let spelt = span.byte_offset().zip(span.byte_len()).and_then(|(at, length)| {
                let at = usize::try_from(at).ok()?;
                source.get(at..at.checked_add(usize::try_from(length).ok()?)?)
            });
            Value::Text(spelt.map_or(resolved, |text| text.trim().to_owned()))
        }
        Raw::List(nodes) => Value::List(nodes.into_iter().map(|node| worded(node, source)).collect()),
        Raw::Table(nodes) => Value::Table(nodes.into_iter().map(|(key, node)| (key, worded(node, source))).collect()),
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(truth))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }
    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }
    fn visit_u128<E: de::Error>(self, number: u128) -> Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Number(number.to_string()))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut nodes: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = nodes.next_element()? {
            list.push(node);
        }
        Ok(Raw::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut nodes: A) -> Result<Raw, A::Error> {
        let mut table = Vec::new();
        while let Some(pair) = nodes.next_entry()? {
            table.push(pair);
        }
        Ok(Raw::Table(table))
    }
}
