//! JSON: one object at the top of the file, or Hexo's members without braces
//! up to a line of `;;;`.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Cut, Dialect, Flaw, Table, Value, fenced, lines};

pub(super) const DIALECT: Dialect = Dialect { cut, parse };

fn cut(text: &str) -> Option<Result<Cut, Flaw>> {
    if let Some(fenced) = fenced(text, ";;;", |line| line == ";;;") {
        return Some(fenced);
    }
    let start = text.len() - text.trim_start().len();
    if text[start..].starts_with('"') {
        let (end, _) = lines(text).find(|(_, line)| *line == ";;;")?;
        let body = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
        return Some(Ok(Cut { fields: start..end, body }));
    }
    let inside = text[start..].strip_prefix('{')?;
    // `{{` and `{%` begin a template tag.
    inside.trim_start().starts_with(['"', '}']).then(|| match end_of_object(&text[start..]) {
        Some(length) => Ok(Cut { fields: start..start + length, body: start + length }),
        None => Err(Flaw::new("the front matter begins with `{` and never ends").at(Some(1))),
    })
}

/// The bytes of the object at the beginning of a text.
fn end_of_object(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

pub(super) fn parse(source: &str) -> Result<Table, Flaw> {
    let flaw = |e: serde_json::Error| {
        let text = e.to_string();
        let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
        Flaw::new(format!("not JSON: {said}")).at(u32::try_from(e.line()).ok().filter(|line| *line > 0))
    };
    let value = if source.trim_start().starts_with('{') {
        serde_json::from_str(source)
    } else {
        serde_json::from_str(&format!("{{{}}}", source.trim_end().trim_end_matches(',')))
    };
    match value.map_err(flaw)? {
        Value::Table(table) => Ok(table),
        _ => Err(Flaw::new("the front matter is not a list of keys and values").at(Some(1))),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut table = Table::new();
        while let Some(pair) = values.next_entry()? {
            table.push(pair);
        }
        Ok(Value::Table(table))
    }
}
