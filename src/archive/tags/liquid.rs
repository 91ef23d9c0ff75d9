//! Liquid as Jekyll and Eleventy run it, and Hexo's tags, which look the same.

use std::collections::HashMap;
use std::ops::Range;

use super::super::front::Value;
use super::super::sanitise::escape;
use super::pieces::{self, Arguments};
use super::values::{expression, holds, shown};
use super::{Language, Notes, Scope, Surroundings, next_mark};

/// A text is not made longer than this by loops.
const LIMIT: usize = 2 * 1024 * 1024;

/// Deeper nesting is left out.
const DEPTH: usize = 32;

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
enum Piece<'a> {
    Words(&'a str),
    /// `{{ expression }}`.
    Output {
        inside: &'a str,
        at: usize,
    },
    /// `{% name arguments %}`, and where the text after it begins.
    Tag {
        name: &'a str,
        arguments: &'a str,
        at: usize,
        end: usize,
    },
}

/// Fills the expressions in a short text, such as a pattern of addresses.
///
/// # Errors
/// The first name or filter nobody knows, or a tag.
pub(in crate::archive) fn expand(text: &str, scope: &Scope<'_>) -> Result<String, String> {
    let mut out = String::new();
    for piece in pieces(text, &[]) {
        match piece {
            Piece::Words(words) => out.push_str(words),
            Piece::Output { inside, .. } => {
                let given = expression(inside, scope);
                match given.unknown {
                    Some(unknown) => return Err(unknown),
                    None => out.push_str(&shown(&given.value)),
                }
            }
            Piece::Tag { name, .. } => return Err(format!("{{% {name} %}}")),
        }
    }
    Ok(out)
}

pub(super) fn render(language: Language, text: &str, around: &Surroundings<'_>, notes: &mut Notes) -> String {
    // Hexo alone takes code for what it is before it looks for tags.
    let code = if language == Language::Hexo { code(text) } else { Vec::new() };
    let pieces = pieces(text, &code);
    let closes = closes(&pieces);
    let names = HashMap::new();
    let out = String::with_capacity(text.len());
    let mut run = Run { language, text, pieces: &pieces, closes: &closes, around, notes, names, out };
    run.write(0..pieces.len(), 0);
    run.out
}

/// For each piece the one that closes it, where one does.
fn closes(pieces: &[Piece<'_>]) -> Vec<Option<usize>> {
    let mut closes = vec![None; pieces.len()];
    let mut open: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Tag { name, .. } = piece else { continue };
        match name.strip_prefix("end").and_then(|name| open.get_mut(name)?.pop()) {
            Some(start) => closes[start] = Some(at),
            None => open.entry(name).or_default().push(at),
        }
    }
    closes
}

/// The pieces of a text; what stands in `code` is words.
fn pieces<'t>(text: &'t str, code: &[Range<usize>]) -> Vec<Piece<'t>> {
    let (mut pieces, mut unclosed) = (Vec::new(), Vec::new());
    let (mut at, mut from) = (0, 0);
    let mut code = code.iter().peekable();
    while let Some(start) = next_mark(text, from, ["{{", "{%"]) {
        while code.next_if(|code| code.end <= start).is_some() {}
        if let Some(code) = code.next_if(|code| code.contains(&start)) {
            from = code.end;
            continue;
        }
        let is_output = text[start..].starts_with("{{");
        let Some(length) = text[start + 2..].find(if is_output { "}}" } else { "%}" }) else { break };
        let (inside, end) = (&text[start + 2..start + 2 + length], start + length + 4);
        let before = &text[at..start];
        pieces.push(Piece::Words(if inside.starts_with('-') { before.trim_end() } else { before }));
        at = end;
        if inside.ends_with('-') {
            at += text[at..].len() - text[at..].trim_start().len();
        }
        let words = inside.trim_matches('-').trim();
        from = at;
        if is_output {
            pieces.push(Piece::Output { inside: words, at: start });
            continue;
        }
        let (name, arguments) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let arguments = arguments.trim();
        pieces.push(Piece::Tag { name, arguments, at: start, end });
        // What stands between these is words, whatever it looks like.
        if VERBATIM.contains(&name) && !unclosed.contains(&name) {
            let Some((inner, after)) = end_of(name, text, at) else {
                unclosed.push(name);
                from = at;
                continue;
            };
            pieces.push(Piece::Words(&text[at..inner]));
            let name = text[inner..after].trim_matches(|c: char| !c.is_alphanumeric());
            pieces.push(Piece::Tag { name, arguments: "", at: inner, end: after });
            at = after;
            if text[..after].ends_with("-%}") {
                at += text[at..].len() - text[at..].trim_start().len();
            }
            from = at;
        }
    }
    pieces.push(Piece::Words(&text[at.min(text.len())..]));
    pieces
}

/// Fenced code and code between backticks.
fn code(text: &str) -> Vec<Range<usize>> {
    let (mut ranges, mut at, mut fence) = (Vec::new(), 0, None::<(usize, &str)>);
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark));
        match (fence, mark) {
            (Some((start, open)), _) if bare.starts_with(open) && bare.trim_matches(['`', '~']).is_empty() => {
                ranges.push(start..at + line.len());
                fence = None;
            }
            (Some(_), _) => {}
            (None, Some(mark)) => fence = Some((at, mark)),
            (None, None) => {
                let marks: Vec<usize> = line.match_indices('`').map(|(place, _)| at + place).collect();
                ranges.extend(marks.chunks_exact(2).map(|pair| pair[0]..pair[1]));
            }
        }
        at += line.len();
    }
    ranges
}

/// Tags whose text is not looked into.
const VERBATIM: [&str; 6] = ["raw", "verbatim", "comment", "highlight", "codeblock", "code"];

/// The bytes at which the end of a verbatim block begins and ends.
fn end_of(name: &str, text: &str, from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(start) = text[at..].find("{%") {
        let start = at + start;
        let end = start + 2 + text[start + 2..].find("%}")? + 2;
        let words = text[start + 2..end - 2].trim_matches('-').trim();
        if words.strip_prefix("end") == Some(name) {
            return Some((start, end));
        }
        at = start + 2;
    }
    None
}

struct Run<'r, 't> {
    language: Language,
    text: &'t str,
    pieces: &'r [Piece<'t>],
    closes: &'r [Option<usize>],
    around: &'r Surroundings<'r>,
    notes: &'r mut Notes,
    names: HashMap<String, Value>,
    out: String,
}

impl<'t> Run<'_, 't> {
    fn write(&mut self, range: Range<usize>, depth: usize) {
        let mut at = range.start;
        while at < range.end && depth < DEPTH && self.out.len() < LIMIT {
            if self.around.scope.fuel.is_gone() {
                return self.give_up(at);
            }
            let before = self.out.len();
            match self.pieces[at] {
                Piece::Words(words) => self.out.push_str(words),
                Piece::Output { inside, at } => self.output(inside, at),
                Piece::Tag { name, arguments, .. } => {
                    let close = self.closes[at].filter(|close| *close < range.end);
                    self.tag(name, arguments, at, close, depth);
                    at = close.unwrap_or(at);
                }
            }
            self.around.scope.fuel.spend(self.out.len().saturating_sub(before));
            at += 1;
        }
    }

    fn give_up(&mut self, at: usize) {
        let tags = self.pieces[..=at].iter().rev().find_map(|piece| match piece {
            Piece::Words(_) => None,
            Piece::Output { at, .. } | Piece::Tag { at, .. } => Some(*at),
        });
        self.notes.give_up(self.text, tags.unwrap_or(0));
    }

    /// The text between two tags as it is written.
    fn between(&self, open: usize, close: usize) -> &'t str {
        match (self.pieces[open], self.pieces[close]) {
            (Piece::Tag { end, .. }, Piece::Tag { at, .. }) => self.text.get(end..at).unwrap_or_default(),
            _ => "",
        }
    }

    /// Notes that the tag at `at` was left out.
    fn left_out(&mut self, tag: String, at: usize) {
        if let Piece::Tag { at, .. } = self.pieces[at] {
            self.notes.drop(tag, self.text, at);
        }
    }

    fn output(&mut self, inside: &str, at: usize) {
        let given = self.with_scope(|scope| expression(inside, scope));
        match given.unknown {
            Some(filter) if filter.starts_with('|') => self.notes.drop(filter, self.text, at),
            Some(_) => self.notes.drop(format!("{{{{ {inside} }}}}"), self.text, at),
            None => {}
        }
        self.out.push_str(&shown(&given.value));
    }

    /// What the text itself has named comes before what the site says.
    fn with_scope<T>(&self, ask: impl FnOnce(&Scope<'_>) -> T) -> T {
        let value = |name: &str| self.names.get(name).cloned().or_else(|| (self.around.scope.value)(name));
        ask(&Scope { value: &value, ..self.around.scope })
    }

    fn tag(&mut self, name: &str, arguments: &str, at: usize, close: Option<usize>, depth: usize) {
        let inner = at + 1..close.unwrap_or(at + 1);
        match (name, close) {
            ("raw" | "verbatim", Some(close)) => self.out.push_str(self.between(at, close)),
            ("comment" | "more", _) => {}
            ("highlight", Some(close)) => {
                let code = pieces::code(first_word(arguments), self.between(at, close));
                self.out.push_str(&code);
            }
            ("codeblock" | "code", Some(close)) => {
                let code = pieces::code(language_in(arguments), self.between(at, close));
                self.out.push_str(&code);
            }
            ("assign" | "set", _) if arguments.contains('=') => {
                let (name, words) = arguments.split_once('=').unwrap_or_default();
                let given = self.with_scope(|scope| expression(words, scope));
                self.names.insert(name.trim().to_owned(), given.value);
            }
            ("capture" | "set", Some(_)) => {
                let before = std::mem::take(&mut self.out);
                self.write(inner, depth + 1);
                let captured = std::mem::replace(&mut self.out, before);
                self.names.insert(arguments.to_owned(), Value::Text(captured));
            }
            ("if" | "unless", Some(_)) => self.branch(name, arguments, inner, depth),
            ("for", Some(_)) => self.repeat(arguments, at, inner, depth),
            _ => self.other(name, arguments, at, close, depth),
        }
    }

    fn branch(&mut self, name: &str, condition: &str, inner: Range<usize>, depth: usize) {
        let mut holds_now = self.with_scope(|scope| holds(condition, scope)) == (name == "if");
        let (mut start, mut at) = (inner.start, inner.start);
        while at < inner.end {
            if let Piece::Tag { name: "else" | "elsif" | "elif" | "elseif", arguments, .. } = self.pieces[at] {
                if holds_now {
                    break;
                }
                holds_now = arguments.is_empty() || self.with_scope(|scope| holds(arguments, scope));
                start = at + 1;
            }
            self.around.scope.fuel.spend(0);
            at = self.closes[at].unwrap_or(at) + 1;
        }
        if holds_now {
            self.write(start..at.min(inner.end), depth + 1);
        }
    }

    fn repeat(&mut self, arguments: &str, at: usize, inner: Range<usize>, depth: usize) {
        let Some((name, list)) = arguments.split_once(" in ") else { return };
        let given = self.with_scope(|scope| expression(list.split(" limit").next().unwrap_or_default(), scope));
        let Value::List(all) = given.value else {
            return self.left_out(format!("{{% for {arguments} %}}"), at);
        };
        for value in all {
            if !self.around.scope.fuel.spend(0) {
                return self.give_up(at);
            }
            self.names.insert(name.trim().to_owned(), value);
            self.write(inner.clone(), depth + 1);
        }
        self.names.remove(name.trim());
    }

    /// Tags of one generator, of other sites, and those nobody knows.
    fn other(&mut self, name: &str, arguments: &str, at: usize, close: Option<usize>, depth: usize) {
        let inner = at + 1..close.unwrap_or(at + 1);
        if let Some(made) = self.made(name, arguments, close.is_some()) {
            return self.out.push_str(&made);
        }
        if matches!((name, self.language, close), ("blockquote" | "quote" | "pullquote", Language::Hexo, Some(_))) {
            self.out.push_str("<blockquote>\n\n");
            self.write(inner, depth + 1);
            return self.out.push_str("\n\n</blockquote>");
        }
        // Tags that only part or end blocks are told of with these.
        if !name.starts_with("end") && !["else", "elsif", "elif", "elseif", "break", "continue"].contains(&name) {
            self.left_out(format!("{{% {name} %}}"), at);
        }
        self.write(inner, depth + 1);
    }

    /// What a tag becomes whose meaning is known.
    fn made(&self, name: &str, arguments: &str, has_text: bool) -> Option<String> {
        let given = Arguments::of(arguments);
        let first = given.places.first().map_or("", String::as_str);
        let words = given.places.get(1).map_or(first, String::as_str);
        match (name, self.language) {
            ("link" | "post_url", Language::Jekyll) | ("post_path", Language::Hexo) => {
                (self.around.link)(arguments.trim())
            }
            ("post_link", Language::Hexo) => (self.around.link)(first).map(|address| pieces::link(&address, words)),
            ("asset_path", Language::Hexo) => Some(first.to_owned()),
            ("asset_link", Language::Hexo) => Some(pieces::link(first, words)),
            ("asset_img" | "img", Language::Hexo) => {
                let source = given.places.iter().find(|word| word.contains('.'))?;
                Some(format!("<img src=\"{}\" alt=\"\">", escape(source)))
            }
            (name, _) if !has_text => pieces::embed(name, &given),
            _ => None,
        }
    }
}

fn first_word(arguments: &str) -> &str {
    arguments.split_whitespace().next().unwrap_or_default().trim_matches(['"', '\'', ','])
}

/// `lang:js` among the arguments of Hexo's `codeblock`.
fn language_in(arguments: &str) -> &str {
    arguments.split_whitespace().find_map(|word| word.strip_prefix("lang:")).unwrap_or_default()
}
