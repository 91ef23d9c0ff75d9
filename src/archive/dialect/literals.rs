//! The plain values in a script: what a generator configured by a program says
//! of itself without the program being run.

use super::super::front::{Table, Value};

/// `key: 'value'` and `key = "value"` of JavaScript and TypeScript, nested as
/// they are written. Of several with one name the first counts.
pub(super) fn script(text: &str) -> Table {
    let mut reader = Reader { rest: text, python: false };
    let mut root = Table::new();
    reader.block(&mut root, 0);
    flatten(root)
}

/// `NAME = "value"` of Python, at the beginning of a line.
pub(super) fn python(text: &str) -> Table {
    let mut reader = Reader { rest: text, python: true };
    let mut root = Table::new();
    reader.block(&mut root, 0);
    root
}

/// What stands in `const config = {..}` counts as standing at the top, too.
fn flatten(root: Table) -> Table {
    let mut top = root.clone();
    for (_, value) in root {
        if let Value::Table(inside) = value {
            inside.into_iter().for_each(|pair| put(&mut top, pair.0, pair.1));
        }
    }
    top
}

fn put(table: &mut Table, key: String, value: Value) {
    match (table.iter_mut().find(|(name, _)| *name == key), value) {
        (None, value) => table.push((key, value)),
        (Some((_, Value::Table(mine))), Value::Table(theirs)) => {
            theirs.into_iter().for_each(|pair| put(mine, pair.0, pair.1));
        }
        _ => {}
    }
}

/// Deeper nesting is not looked into.
const DEPTH: usize = 24;

struct Reader<'a> {
    rest: &'a str,
    python: bool,
}

impl<'a> Reader<'a> {
    /// Reads up to the bracket that closes this block.
    fn block(&mut self, table: &mut Table, depth: usize) {
        let mut key = None::<String>;
        let mut last = String::new();
        while let Some(c) = self.rest.chars().next() {
            match c {
                _ if self.comment() || self.prefix() => {}
                '"' | '\'' | '`' => {
                    let text = self.string(c);
                    match key.take() {
                        Some(key) => put(table, key, Value::Text(text)),
                        None => last = text,
                    }
                }
                '{' | '(' | '[' if depth < DEPTH => {
                    self.skip(1);
                    let mut inside = Table::new();
                    if c == '['
                        && key.is_some()
                        && let Some(list) = self.list()
                    {
                        put(table, key.take().unwrap_or_default(), list);
                        continue;
                    }
                    self.block(&mut inside, depth + 1);
                    match key.take() {
                        Some(key) if !inside.is_empty() => put(table, key, Value::Table(inside)),
                        Some(_) => {}
                        // The object a function is called with or gives back.
                        None => inside.into_iter().for_each(|pair| put(table, pair.0, pair.1)),
                    }
                }
                '}' | ')' | ']' => {
                    self.skip(1);
                    if depth > 0 {
                        return;
                    }
                }
                ':' | '=' if !self.rest[1..].starts_with(['=', '>']) => {
                    self.skip(1);
                    key = (!last.is_empty()).then(|| std::mem::take(&mut last));
                }
                ',' | ';' => {
                    self.skip(1);
                    (key, last) = (None, String::new());
                }
                '\n' if self.python && depth == 0 => {
                    self.skip(1);
                    (key, last) = (None, String::new());
                }
                _ if c.is_alphanumeric() || c == '_' || c == '$' => {
                    let word = self.word();
                    match key.take_if(|_| ["true", "false", "True", "False"].contains(&word)) {
                        Some(key) => put(table, key, Value::Bool(word.eq_ignore_ascii_case("true"))),
                        // `const config: Config = {`: the type between name and value is none.
                        None => {
                            last = key
                                .take()
                                .filter(|_| word.starts_with(char::is_uppercase))
                                .unwrap_or_else(|| word.to_owned())
                        }
                    }
                }
                _ => self.skip(c.len_utf8()),
            }
        }
    }

    /// A list of plain texts, the opening bracket read already.
    fn list(&mut self) -> Option<Value> {
        let before = self.rest;
        let mut items = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            match self.rest.chars().next() {
                Some(']') => {
                    self.skip(1);
                    return Some(Value::List(items));
                }
                Some(quote @ ('"' | '\'' | '`')) => items.push(Value::Text(self.string(quote))),
                _ if self.comment() || self.prefix() => {}
                _ => {
                    self.rest = before;
                    return None;
                }
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Whether the `u` or `r` of `u"text"` stood here, which is skipped.
    fn prefix(&mut self) -> bool {
        let stood =
            self.python && self.rest.starts_with(['u', 'U', 'r', 'R']) && self.rest[1..].starts_with(['"', '\'']);
        if stood {
            self.skip(1);
        }
        stood
    }

    /// Whether a comment stood here, which is skipped.
    fn comment(&mut self) -> bool {
        let end = if self.rest.starts_with(if self.python { "#" } else { "//" }) {
            self.rest.find('\n').unwrap_or(self.rest.len())
        } else if !self.python && self.rest.starts_with("/*") {
            self.rest.find("*/").map_or(self.rest.len(), |at| at + 2)
        } else {
            return false;
        };
        self.skip(end);
        true
    }

    /// A text in quotes, three of them in Python.
    fn string(&mut self, quote: char) -> String {
        let triple = quote.to_string().repeat(3);
        if self.python && self.rest.starts_with(&triple) {
            let inside = &self.rest[3..];
            let end = inside.find(&triple).unwrap_or(inside.len());
            self.skip(3 + end + 3);
            return inside[..end].to_owned();
        }
        let (mut text, mut escaped, mut end) = (String::new(), false, self.rest.len());
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    text.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                _ if c == quote => {
                    end = at + 1;
                    break;
                }
                _ => text.push(c),
            }
        }
        self.skip(end);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let (_, value) = table.iter().find(|(key, _)| key == first)?;
        match (rest, value) {
            (None, value) => Some(value),
            (Some(rest), Value::Table(inside)) => at(inside, rest),
            _ => None,
        }
    }

    #[test]
    fn a_script_is_read_for_its_plain_values() {
        let table = script(
            "import { x } from 'y';\n// title: 'no'\n/* url: 'no' */\nconst config: Config = {\n  title: 'It\\'s',\n\
               url: \"https://a.example\", draft: cond ? 1 : 2,\n  presets: [['classic', { blog: { path: './blog' } }]],\n  \
               nested: { title: 'inner', on: true, list: ['a', 'b'] },\n};\nexport default config;\n",
        );
        let text = |path| match at(&table, path) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        assert_eq!(text("title"), Some("It's"));
        assert_eq!(text("url"), Some("https://a.example"));
        assert_eq!(text("nested.title"), Some("inner"));
        assert_eq!(at(&table, "nested.on"), Some(&Value::Bool(true)));
        assert_eq!(
            at(&table, "nested.list"),
            Some(&Value::List(vec![Value::Text("a".into()), Value::Text("b".into())]))
        );
        assert_eq!(text("presets.blog.path"), Some("./blog"));
    }

    #[test]
    fn a_call_around_the_object_does_not_hide_it() {
        let table = script("import x from 'x'\nexport default defineConfig({ site: 'https://a.example', base: '/b' })");
        assert_eq!(at(&table, "site"), Some(&Value::Text("https://a.example".into())));
        let table = script("module.exports = function (c) { c.add('x'); return { dir: { input: 'src' } } }");
        assert_eq!(at(&table, "dir.input"), Some(&Value::Text("src".into())));
    }

    #[test]
    fn python_is_read_by_lines() {
        let table = python(
            "import os\n# SITEURL = 'no'\nSITENAME = u'A \\'b\\''\nUSE = False\nPATHS = [\n  'a',\n  u'b',\n]\nSUB = r\"c\"\nX = {'TITLE': 'no'}\n",
        );
        assert_eq!(at(&table, "SITENAME"), Some(&Value::Text("A 'b'".into())));
        assert_eq!(at(&table, "USE"), Some(&Value::Bool(false)));
        assert_eq!(at(&table, "PATHS"), Some(&Value::List(vec![Value::Text("a".into()), Value::Text("b".into())])));
        assert_eq!(at(&table, "SUB"), Some(&Value::Text("c".into())));
        assert_eq!(at(&table, "TITLE"), None);
    }

    #[test]
    fn broken_scripts_are_read_to_their_end() {
        for text in ["{{{{", "'", "a: '\\", "]]]", "/*", &"[".repeat(10_000), "x = [1, 2"] {
            script(text);
            python(text);
        }
    }
}
