//! TOML between two lines of `+++`.

use super::{Cut, Dialect, Flaw, Table, Value, fenced, line_at};

pub(super) const DIALECT: Dialect = Dialect { cut, parse };

fn cut(text: &str) -> Option<Result<Cut, Flaw>> {
    fenced(text, "+++", |line| line == "+++")
}

pub(super) fn parse(source: &str) -> Result<Table, Flaw> {
    let table: toml::Table = source.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map(|span| line_at(source, span.start.min(source.len())));
        Flaw::new(format!("not TOML: {}", e.message())).at(line)
    })?;
    Ok(table.into_iter().map(|(key, value)| (key, worded(value))).collect())
}

fn worded(value: toml::Value) -> Value {
    match value {
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Array(values) => Value::List(values.into_iter().map(worded).collect()),
        toml::Value::Table(table) => Value::Table(table.into_iter().map(|(key, value)| (key, worded(value))).collect()),
        toml::Value::Integer(number) => Value::Text(number.to_string()),
        toml::Value::Float(number) => Value::Text(number.to_string()),
        toml::Value::Datetime(date) => Value::Text(date.to_string()),
    }
}
