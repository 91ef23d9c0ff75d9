//! Values in Liquid and Nunjucks: words, lists, conditions, filters.

use super::super::dates;
use super::super::front::Value;
use super::super::sanitise::escape;
use super::Scope;

/// A longer value is made of nothing an author means.
const LONGEST: usize = 2 * 1024 * 1024;

/// What an expression gives; a name nobody knows, or `| a filter`, is told.
pub(super) struct Given {
    pub value: Value,
    pub unknown: Option<String>,
}

/// Reads `name | filter: argument`.
pub(super) fn expression(text: &str, scope: &Scope<'_>) -> Given {
    let mut parts = split(text, '|').into_iter();
    let first = parts.next().unwrap_or_default().trim();
    let mut given = match operand(first, scope) {
        Some(value) => Given { value, unknown: None },
        None => Given { value: Value::Null, unknown: Some(first.to_owned()) },
    };
    for part in parts {
        let (name, arguments) = call(part.trim());
        let arguments: Vec<Value> = arguments.iter().map(|text| operand(text, scope).unwrap_or(Value::Null)).collect();
        let made = scope.fuel.spend(price(name, &given.value)).then(|| filter(name, &given.value, &arguments, scope));
        match made.flatten() {
            Some(value) => given.value = value,
            None => given.unknown = given.unknown.or_else(|| Some(format!("| {name}"))),
        }
        if name == "default" && given.value != Value::Null {
            given.unknown = None;
        }
    }
    given
}

/// `filter: a, b` of Liquid, `filter(a, b)` of Nunjucks.
fn call(text: &str) -> (&str, Vec<&str>) {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim().trim_start_matches(':').trim();
    let rest = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
    (name, split(rest, ',').into_iter().map(str::trim).filter(|part| !part.is_empty()).collect())
}

/// Parts of a text outside quotes and parentheses.
pub(super) fn split(text: &str, mark: char) -> Vec<&str> {
    let (mut parts, mut start, mut quote, mut depth) = (Vec::new(), 0, None, 0_usize);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if c == mark && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A text in quotes, a number, or what a name stands for.
fn operand(text: &str, scope: &Scope<'_>) -> Option<Value> {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(words) = quoted('"').or_else(|| quoted('\'')) {
        return Some(Value::Text(words.to_owned()));
    }
    match text {
        "" | "nil" | "null" | "blank" | "empty" | "none" => Some(Value::Null),
        "true" | "false" => Some(Value::Bool(text == "true")),
        _ if text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') => Some(Value::Text(text.to_owned())),
        _ => (scope.value)(text).filter(|value| scope.fuel.spend(weight(value))),
    }
}

/// How many bytes a value is, about.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Text(text) => 1 + text.len(),
        Value::List(all) => all.iter().map(weight).sum::<usize>() + 1,
        Value::Table(table) => table.iter().map(|(key, value)| key.len() + weight(value)).sum::<usize>() + 1,
    }
}

/// How many bytes a filter handles, about.
fn price(filter: &str, value: &Value) -> usize {
    match value {
        // Every member is held against every other.
        Value::List(all) if filter == "uniq" => all.len().saturating_mul(weight(value)),
        value => weight(value),
    }
}

/// Whether the filter makes something that is too long to be meant.
fn is_too_long(filter: &str, value: &Value, first: &str, second: &str) -> bool {
    let length = match (filter, value) {
        ("replace", value) => weight(value) + shown(value).matches(first).count().saturating_mul(second.len()),
        ("join", Value::List(all)) => weight(value) + all.len().saturating_mul(first.len()),
        ("append" | "prepend", value) => weight(value) + first.len(),
        _ => 0,
    };
    length > LONGEST
}

/// Whether a condition holds; a name nobody knows stands for nothing.
pub(super) fn holds(text: &str, scope: &Scope<'_>) -> bool {
    let any = |parts: Vec<&str>| parts.iter().any(|part| part.split(" and ").all(|one| simple(one.trim(), scope)));
    any(text.split(" or ").collect())
}

fn simple(text: &str, scope: &Scope<'_>) -> bool {
    if let Some(rest) = text.strip_prefix("not ") {
        return !simple(rest.trim(), scope);
    }
    let side = |text: &str| expression(text, scope).value;
    for (mark, wanted) in [("===", true), ("!==", false), ("==", true), ("!=", false)] {
        if let Some((left, right)) = text.split_once(mark) {
            return (side(left) == side(right)) == wanted;
        }
    }
    if let Some((left, right)) = text.split_once(" contains ") {
        return match (side(left), side(right)) {
            (Value::Text(text), Value::Text(part)) => text.contains(&part),
            (Value::List(all), part) => all.contains(&part),
            _ => false,
        };
    }
    for (mark, wanted) in [
        (">=", [true, false, true]),
        ("<=", [false, true, true]),
        (">", [true, false, false]),
        ("<", [false, true, false]),
    ] {
        if let Some((left, right)) = text.split_once(mark) {
            let number = |text: &str| shown(&side(text)).parse::<f64>().ok();
            let (Some(left), Some(right)) = (number(left), number(right)) else { return false };
            return [left > right, left < right, (left - right).abs() < f64::EPSILON]
                .iter()
                .zip(wanted)
                .any(|(is, wanted)| *is && wanted);
        }
    }
    !matches!(side(text), Value::Null | Value::Bool(false))
}

/// A value as words.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Table(_) => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(all) => all.iter().map(shown).collect(),
    }
}

fn filter(name: &str, value: &Value, arguments: &[Value], scope: &Scope<'_>) -> Option<Value> {
    let text = || shown(value);
    let argument = |at: usize| arguments.get(at).map(shown).unwrap_or_default();
    if is_too_long(name, value, &argument(0), &argument(1)) {
        return None;
    }
    if let Some(value) = of_list(name, value, &argument(0)) {
        return Some(value);
    }
    Some(Value::Text(match name {
        "append" => text() + &argument(0),
        "prepend" => argument(0) + &text(),
        "downcase" | "lower" => text().to_lowercase(),
        "upcase" | "upper" => text().to_uppercase(),
        "capitalize" => {
            let text = text();
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
        }
        "strip" | "trim" | "strip_newlines" => text().trim().to_owned(),
        "escape" | "xml_escape" | "escape_once" | "e" => escape(&text()),
        "replace" => text().replace(&argument(0), &argument(1)),
        "replace_first" => text().replacen(&argument(0), &argument(1), 1),
        "remove" => text().replace(&argument(0), ""),
        "url_encode" | "urlencode" | "cgi_escape" | "uri_escape" => {
            url::form_urlencoded::byte_serialize(text().as_bytes()).collect()
        }
        "strip_html" | "striptags" => super::super::text::plain(&text()),
        "size" | "length" => text().chars().count().to_string(),
        "safe" | "jsonify" | "dump" => text(),
        "date" => date(&text(), &argument(0))?,
        "date_to_xmlschema" => date(&text(), "%Y-%m-%dT%H:%M:%S+00:00")?,
        "date_to_string" => date(&text(), "%d %b %Y")?,
        "date_to_long_string" => date(&text(), "%d %B %Y")?,
        "default" => {
            let is_nothing = matches!(value, Value::Null | Value::Bool(false)) || text().is_empty();
            if is_nothing { argument(0) } else { text() }
        }
        "split" => {
            let (text, mark) = (text(), argument(0));
            let parts: Vec<&str> =
                if mark.is_empty() { text.split_whitespace().collect() } else { text.split(mark.as_str()).collect() };
            return Some(Value::List(parts.into_iter().map(|part| Value::Text(part.to_owned())).collect()));
        }
        name => (scope.filter)(name, &text())?,
    }))
}

fn of_list(name: &str, value: &Value, argument: &str) -> Option<Value> {
    let Value::List(all) = value else { return None };
    match name {
        "join" => Some(Value::Text(all.iter().map(shown).collect::<Vec<_>>().join(if argument.is_empty() {
            " "
        } else {
            argument
        }))),
        "first" => Some(all.first().cloned().unwrap_or(Value::Null)),
        "last" => Some(all.last().cloned().unwrap_or(Value::Null)),
        "size" | "length" => Some(Value::Text(all.len().to_string())),
        "reverse" => Some(Value::List(all.iter().rev().cloned().collect())),
        "sort" => {
            let mut sorted = all.clone();
            sorted.sort_by_key(shown);
            Some(Value::List(sorted))
        }
        "uniq" => {
            let mut unique: Vec<Value> = Vec::new();
            all.iter().for_each(|one| {
                if !unique.contains(one) {
                    unique.push(one.clone())
                }
            });
            Some(Value::List(unique))
        }
        _ => None,
    }
}

/// A date in the format of `strftime`.
fn date(text: &str, format: &str) -> Option<String> {
    use chrono::format::{Item, StrftimeItems};
    let at = dates::parse(text, chrono_tz::UTC).ok()?;
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    (!items.contains(&Item::Error)).then(|| at.in_zone(chrono_tz::UTC).format_with_items(items.into_iter()).to_string())
}
