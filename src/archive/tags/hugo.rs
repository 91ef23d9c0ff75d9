//! Hugo's shortcodes: `{{< name arguments >}}` and `{{% name %}}text{{% /name %}}`.

use std::collections::HashMap;
use std::ops::Range;

use super::pieces::{self, Arguments};
use super::{Notes, Surroundings, next_mark};

/// One shortcode as it stands in the text.
struct Code<'a> {
    start: usize,
    end: usize,
    name: &'a str,
    arguments: &'a str,
    closes: bool,
}

/// A piece of the text.
enum Piece<'a> {
    Words(&'a str),
    /// A shortcode that is to be shown: its braces, its words, its braces.
    Shown(&'a str, &'a str, &'a str),
    Code(Code<'a>),
}

pub(super) fn render(text: &str, around: &Surroundings<'_>, notes: &mut Notes) -> String {
    let pieces = pieces(text);
    let closes = closes(&pieces);
    let mut run = Run { text, pieces: &pieces, closes: &closes, around, notes, out: String::with_capacity(text.len()) };
    run.write(0..pieces.len(), 0);
    run.out
}

struct Run<'r, 't> {
    text: &'t str,
    pieces: &'r [Piece<'t>],
    closes: &'r [Option<usize>],
    around: &'r Surroundings<'r>,
    notes: &'r mut Notes,
    out: String,
}

/// Deeper nesting is left out.
const DEPTH: usize = 16;

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(start) = next_mark(text, at, ["{{<", "{{%"]) {
        let close = if text[start..].starts_with("{{<") { ">}}" } else { "%}}" };
        let Some(length) = text[start + 3..].find(close) else { break };
        pieces.push(Piece::Words(&text[at..start]));
        at = start + length + 6;
        let words = text[start + 3..start + 3 + length].trim();
        if let Some(shown) = words.strip_prefix("/*").and_then(|words| words.strip_suffix("*/")) {
            pieces.push(Piece::Shown(&text[start..start + 3], shown, close));
            continue;
        }
        let words = words.strip_suffix('/').unwrap_or(words).trim();
        let (closes, words) = words.strip_prefix('/').map_or((false, words), |words| (true, words.trim()));
        let (name, arguments) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        pieces.push(Piece::Code(Code { start, end: at, name, arguments, closes }));
    }
    pieces.push(Piece::Words(&text[at..]));
    pieces
}

impl Run<'_, '_> {
    fn write(&mut self, range: Range<usize>, depth: usize) {
        let mut at = range.start;
        while at < range.end {
            match &self.pieces[at] {
                Piece::Words(words) => self.out.push_str(words),
                Piece::Shown(open, words, close) => self.out.extend([*open, words, close]),
                Piece::Code(code) if code.closes => {}
                Piece::Code(code) => {
                    let close = self.closes[at];
                    self.code(code, at, close, depth);
                    at = close.unwrap_or(at);
                }
            }
            at += 1;
        }
    }

    fn code(&mut self, code: &Code<'_>, at: usize, close: Option<usize>, depth: usize) {
        let inner = close.and_then(|close| match &self.pieces[close] {
            Piece::Code(end) => Some(&self.text[code.end..end.start]),
            _ => None,
        });
        if let Some(made) = known(code, &Arguments::of(code.arguments), inner, self.around) {
            return self.out.push_str(&made);
        }
        self.notes.drop(format!("{{{{< {} >}}}}", code.name), self.text, code.start);
        if let Some(close) = close.filter(|_| depth < DEPTH) {
            self.write(at + 1..close, depth + 1);
        }
    }
}

/// For each shortcode the one that closes it, where one does.
fn closes(pieces: &[Piece<'_>]) -> Vec<Option<usize>> {
    let mut closes = vec![None; pieces.len()];
    let mut open: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Code(code) = piece else { continue };
        if !code.closes {
            open.entry(code.name).or_default().push(at);
        } else if let Some(start) = open.get_mut(code.name).and_then(Vec::pop) {
            closes[start] = Some(at);
        }
    }
    closes
}

fn known(code: &Code<'_>, arguments: &Arguments, inner: Option<&str>, around: &Surroundings<'_>) -> Option<String> {
    match (code.name, inner) {
        ("figure", _) => pieces::figure(arguments),
        ("highlight", Some(inner)) => Some(pieces::code(arguments.get("lang", 0).unwrap_or_default(), inner)),
        ("ref" | "relref", None) => {
            let target = arguments.get("path", 0)?;
            let (path, fragment) =
                target.split_once('#').map_or((target, String::new()), |(path, f)| (path, format!("#{f}")));
            if path.is_empty() { Some(fragment) } else { Some((around.link)(path)? + &fragment) }
        }
        ("param", None) => match (around.scope.value)(&format!("page.{}", arguments.get("name", 0)?))? {
            super::Value::Text(text) => Some(text),
            _ => None,
        },
        ("details", Some(inner)) => {
            let summary = super::super::sanitise::escape(arguments.get("summary", 0).unwrap_or("Details"));
            Some(format!("<details><summary>{summary}</summary>\n\n{inner}\n\n</details>"))
        }
        ("comment", _) => Some(String::new()),
        (name, None) => pieces::embed(name, arguments),
        _ => None,
    }
}
