//! Rust files taken apart just far enough to hold the rules against them: code without comments and strings, the
//! strings by themselves, and the rooms a file names.

use super::PROJECT;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// One Rust file.
pub struct Source {
    /// From the project's folder: `src/store/db.rs`.
    pub path: String,
    /// The top-level module it belongs to: `store`.
    pub room: String,
    /// All of it.
    pub text: String,
    /// The strings in its code, each with the line it begins on.
    pub strings: Vec<(usize, String)>,
    tokens: Vec<Token>,
}

struct Token {
    line: usize,
    text: String,
}

/// The Rust files under `src` or `tests`, in the order of their names; taken apart once for all tests.
pub fn sources(folder: &str) -> &'static [Source] {
    static SRC: LazyLock<Vec<Source>> = LazyLock::new(|| read("src"));
    static TESTS: LazyLock<Vec<Source>> = LazyLock::new(|| read("tests"));
    if folder == "src" { &SRC } else { &TESTS }
}

fn read(folder: &str) -> Vec<Source> {
    let top = Path::new(PROJECT);
    walkdir::WalkDir::new(top.join(folder))
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("an entry").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file");
            Source::new(&path.strip_prefix(top).expect("inside").display().to_string(), text)
        })
        .collect()
}

impl Source {
    fn new(path: &str, text: String) -> Source {
        let room = path.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs").to_owned();
        let (tokens, strings) = Scanner::scan(&text);
        Source { path: path.to_owned(), room, text, strings, tokens }
    }

    /// How many levels below the crate this file's module lies: 1 for `src/app.rs` and `src/store/mod.rs`.
    /// `fields_test.rs` is the `tests` of `fields.rs`, a level below it.
    fn depth(&self) -> usize {
        let inside = self.path.split('/').skip(1).map(|part| part.trim_end_matches(".rs"));
        let levels = inside.filter(|part| !matches!(*part, "mod" | "lib" | "main")).count();
        levels + usize::from(self.path.ends_with("_test.rs"))
    }

    /// The rooms named by `crate::x`, `crate::{x, y}`, `postroom::x` and by climbing with `super`, with their lines.
    pub fn imported_rooms(&self) -> Vec<(usize, String)> {
        let mut found = vec![];
        // One entry a brace: whether it opened a module written in place.
        let mut braces: Vec<bool> = vec![];
        let mut at = 0;
        while at < self.tokens.len() {
            match self.word(at) {
                "{" => braces.push(at >= 2 && self.word(at - 2) == "mod"),
                "}" => drop(braces.pop()),
                "crate" => self.rooms_after(at + 1, &mut found),
                "postroom" if self.room == "main" => self.rooms_after(at + 1, &mut found),
                "super" => {
                    let mut climbed = 1;
                    while self.word(at + 1) == "::" && self.word(at + 2) == "super" {
                        climbed += 1;
                        at += 2;
                    }
                    if climbed == self.depth() + braces.iter().filter(|module| **module).count() {
                        self.rooms_after(at + 1, &mut found);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// `::name` or `::{name::..., name}` from here on.
    fn rooms_after(&self, at: usize, found: &mut Vec<(usize, String)>) {
        if self.word(at) != "::" {
            return;
        }
        if self.word(at + 1) != "{" {
            found.push((self.tokens[at].line, self.word(at + 1).to_owned()));
            return;
        }
        let mut depth = 0;
        for index in at + 1..self.tokens.len() {
            match self.word(index) {
                "{" => depth += 1,
                "}" => depth -= 1,
                word if depth == 1 && matches!(self.word(index - 1), "{" | ",") => {
                    found.push((self.tokens[index].line, word.to_owned()));
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The lines where this sequence of tokens, written as in the code, begins.
    pub fn lines_with(&self, sequence: &str) -> Vec<usize> {
        let (wanted, _) = Scanner::scan(sequence);
        let matches =
            |at: &usize| wanted.iter().enumerate().all(|(offset, token)| self.word(at + offset) == token.text);
        (0..self.tokens.len()).filter(matches).map(|at| self.tokens[at].line).collect()
    }

    /// The public functions that give one of these types, with their lines.
    pub fn functions_giving(&self, types: &[&str]) -> Vec<(usize, String)> {
        let mut found = vec![];
        for at in 0..self.tokens.len() {
            if self.word(at) == "pub" && self.word(at + 1) == "fn" {
                let body = (at..self.tokens.len()).find(|end| self.word(*end) == "{").unwrap_or(at);
                let arrow = (at..body).rfind(|inside| self.word(*inside) == "-" && self.word(inside + 1) == ">");
                if arrow.is_some_and(|arrow| (arrow..body).any(|inside| types.contains(&self.word(inside)))) {
                    found.push((self.tokens[at].line, self.word(at + 2).to_owned()));
                }
            }
        }
        found
    }

    /// Whether the code, its unit tests left out, uses this function.
    pub fn uses(&self, function: &str) -> bool {
        let tests = (0..self.tokens.len()).find(|at| self.word(*at) == "cfg" && self.word(at + 2) == "test");
        (0..tests.unwrap_or(self.tokens.len())).any(|at| self.word(at) == function && self.is_use(at))
    }

    /// Whether the code calls this function by its bare name or a path.
    pub fn calls(&self, function: &str) -> bool {
        let is_call = |at: usize| !matches!(self.word(at.wrapping_sub(1)), "fn" | ".") && self.word(at + 1) == "(";
        (0..self.tokens.len()).any(|at| self.word(at) == function && is_call(at))
    }

    /// Whether the code calls this function by a path.
    pub fn calls_in_another_room(&self, function: &str) -> bool {
        let is_call = |at: usize| self.word(at.wrapping_sub(1)) == "::" && self.word(at + 1) == "(";
        (0..self.tokens.len()).any(|at| self.word(at) == function && is_call(at))
    }

    /// Whether the name here is used, rather than defined, imported or handed on.
    fn is_use(&self, at: usize) -> bool {
        let before = self.word(at.wrapping_sub(1));
        before != "fn" && (self.word(at + 1) == "(" || (matches!(before, "(" | ",") && self.word(at + 1) == ")"))
    }

    /// The lines of `allow` and `expect` attributes that give no reason.
    pub fn unexplained_silences(&self) -> Vec<usize> {
        let mut lines = vec![];
        for at in 0..self.tokens.len() {
            let attribute = self.word(at) == "["
                && (self.word(at.wrapping_sub(1)) == "#" || self.word(at.wrapping_sub(2)) == "#")
                && matches!(self.word(at + 1), "allow" | "expect");
            if attribute {
                let end = (at..self.tokens.len()).find(|end| self.word(*end) == "]").unwrap_or(at);
                if !(at..end).any(|inside| self.word(inside) == "reason") {
                    lines.push(self.tokens[at].line);
                }
            }
        }
        lines
    }

    /// Lines that hold more than space and comments.
    pub fn lines_of_code(&self) -> usize {
        let mut lines: Vec<_> = self.tokens.iter().map(|token| token.line).collect();
        lines.dedup();
        lines.len()
    }
}

/// Splits Rust into words and signs, leaving comments out and strings aside.
struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
    strings: Vec<(usize, String)>,
}

impl<'a> Scanner<'a> {
    fn scan(text: &'a str) -> (Vec<Token>, Vec<(usize, String)>) {
        let mut scanner = Scanner { rest: text, line: 1, tokens: vec![], strings: vec![] };
        while !scanner.rest.is_empty() {
            scanner.step();
        }
        (scanner.tokens, scanner.strings)
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn step(&mut self) {
        let rest = self.rest;
        let line = self.line;
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.take(block_comment(rest));
        } else if let Some((opening, length)) = string(rest) {
            let text = &self.take(length)[opening..];
            self.strings.push((line, text.to_owned()));
            self.tokens.push(Token { line, text: "\"\"".to_owned() });
        } else if let Some(length) = character(rest) {
            self.take(length);
            self.tokens.push(Token { line, text: "''".to_owned() });
        } else if word > 0 {
            let text = self.take(word).to_owned();
            self.tokens.push(Token { line, text });
        } else if rest.starts_with("::") {
            self.take(2);
            self.tokens.push(Token { line, text: "::".to_owned() });
        } else {
            let sign = rest.chars().next().expect("something is left");
            self.take(sign.len_utf8());
            if !sign.is_whitespace() {
                self.tokens.push(Token { line, text: sign.to_string() });
            }
        }
    }
}

/// The length of a block comment, others inside it counted.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match &rest.as_bytes()[at..rest.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Where the content of a string begins, and the length of all of it, when one begins here.
fn string(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !after[hashes..].starts_with('"') || (hashes > 0 && !prefix.ends_with('r')) {
        return None;
    }
    let opening = prefix.len() + hashes + 1;
    let body = &rest[opening..];
    if prefix.ends_with('r') {
        let closing = format!("\"{}", "#".repeat(hashes));
        return Some((opening, opening + body.find(&closing).map_or(body.len(), |at| at + closing.len())));
    }
    let mut escaped = false;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((opening, opening + at + 1)),
            _ => {}
        }
    }
    Some((opening, rest.len()))
}

/// The length of a character literal, when one and not a lifetime begins here.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    if let Some(escape) = body.strip_prefix('\\') {
        return Some(2 + escape.char_indices().skip(1).find(|(_, c)| *c == '\'')?.0 + 1);
    }
    let first = body.chars().next()?;
    body[first.len_utf8()..].starts_with('\'').then(|| 2 + first.len_utf8())
}

#[test]
fn a_source_is_read_for_what_it_imports() {
    let text = "
//! crate::store in a comment
use crate::{domain::Post, tasks};
fn f<'a>(x: &'a str) -> char { let _ = \"crate::http \\\" //\"; let _ = r#\"crate::app \"/*\"#; super::run(); '\\'' }
mod tests { use super::*; use super::super::views; /* crate::feeds /* */ */ }
#[allow(dead_code)] #![expect(unused, reason = \"x\")]
";
    let source = Source::new("src/app.rs", text.to_owned());
    let rooms: Vec<_> = source.imported_rooms();
    let named: Vec<_> = rooms.iter().map(|(line, room)| (*line, room.as_str())).collect();
    assert_eq!(named, [(3, "domain"), (3, "tasks"), (4, "run"), (5, "views")]);
    assert_eq!(source.strings.len(), 3);
    assert_eq!(source.unexplained_silences(), [6]);
    assert_eq!(source.lines_of_code(), 4);
}
