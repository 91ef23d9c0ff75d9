//! `Title: words` lines up to the first blank one, as Pelican and
//! MultiMarkdown write them. No marks around them, so a title or a date must
//! be among them, and every line must be a field.

use super::{Cut, Dialect, Flaw, Table, Value, lines, names_a_post};

pub(super) const DIALECT: Dialect = Dialect { cut, parse };

fn cut(text: &str) -> Option<Result<Cut, Flaw>> {
    let end = lines(text).find(|(_, line)| line.is_empty()).map_or(text.len(), |(start, _)| start);
    let mut named = false;
    for (index, line) in text[..end].lines().enumerate() {
        if !(field(line).is_some() || index > 0 && continues(line)) {
            return None;
        }
        named |= names_a_post(line);
    }
    named.then_some(Ok(Cut { fields: 0..end, body: end }))
}

fn field(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key =
        key.starts_with(|c: char| c.is_alphabetic()) && key.chars().all(|c| c.is_alphanumeric() || "-_ ".contains(c));
    (is_key && key.len() <= 30 && (value.is_empty() || value.starts_with([' ', '\t'])))
        .then(|| (key.trim(), value.trim()))
}

fn continues(line: &str) -> bool {
    line.starts_with("    ") || line.starts_with('\t')
}

fn parse(source: &str) -> Result<Table, Flaw> {
    let mut table = Table::new();
    for line in source.lines() {
        match field(line).filter(|_| !continues(line)) {
            Some((key, "")) => table.push((key.to_owned(), Value::Null)),
            Some((key, value)) => table.push((key.to_owned(), Value::Text(value.to_owned()))),
            None => {
                if let Some((_, value)) = table.last_mut() {
                    let before = if let Value::Text(text) = &value { format!("{text} ") } else { String::new() };
                    *value = Value::Text(before + line.trim());
                }
            }
        }
    }
    Ok(table)
}
