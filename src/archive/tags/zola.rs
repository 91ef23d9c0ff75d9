//! Zola's shortcodes: `{{ name(key=value) }}` and `{% name() %}text{% end %}`.

use super::pieces::{self, Arguments};
use super::{Notes, next_mark};

pub(super) fn render(text: &str, notes: &mut Notes) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(start) = next_mark(text, at, ["{{", "{%"]) {
        out.push_str(&text[at..start]);
        let (open, close) = if text[start..].starts_with("{{") { ("{{", "}}") } else { ("{%", "%}") };
        let found =
            text[start + 2..].find(close).map(|length| (&text[start + 2..start + 2 + length], start + 4 + length));
        let Some((inside, end)) = found else {
            out.push_str(&text[start..]);
            return out;
        };
        at = end;
        let words = inside.trim().trim_matches('-').trim();
        if let Some(shown) = words.strip_prefix("/*").and_then(|words| words.strip_suffix("*/")) {
            out.push_str(&format!("{open}{shown}{close}"));
            continue;
        }
        match call(words) {
            Some((name, arguments)) => {
                let made = if open == "{{" { pieces::embed(name, &Arguments::of(arguments)) } else { None };
                match made {
                    Some(made) => out.push_str(&made),
                    // The text between a tag and its end stays.
                    None => notes.drop(format!("{open} {name}() {close}"), text, start),
                }
            }
            None if open == "{%" && words == "end" => {}
            // Braces that call nothing are words.
            None => out.push_str(&text[start..end]),
        }
    }
    out.push_str(&text[at..]);
    out
}

/// `name(arguments)`.
fn call(words: &str) -> Option<(&str, &str)> {
    let (name, rest) = words.split_once('(')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '.');
    Some((name, rest.strip_suffix(')')?)).filter(|_| is_name)
}
