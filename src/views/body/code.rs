//! Code in colours. The colour of a word is a class here, which the post's
//! style sheet writes into the element, because many clients drop style sheets.

use std::sync::LazyLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::markup::{Tag, Token, end_of};

/// Reading them takes some 20 ms, so it waits for the first mail that needs them.
static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// What code is made of, by the beginning of its scope, and the class of each.
/// The innermost scope counts, in it the first line here that fits.
static KINDS: LazyLock<Vec<(Scope, Option<&'static str>)>> = LazyLock::new(|| {
    let kinds = [
        ("comment", Some("m")),
        ("punctuation.definition.comment", Some("m")),
        ("punctuation.definition.string", Some("o")),
        ("string", Some("o")),
        ("constant", Some("w")),
        ("keyword.operator", None),
        ("keyword", Some("d")),
        ("storage", Some("d")),
        ("markup.deleted", Some("d")),
        ("markup.inserted", Some("o")),
        ("entity.name", Some("a")),
        ("entity.other.attribute-name", Some("a")),
        ("support.function", Some("a")),
        ("support.type", Some("a")),
        ("support.class", Some("a")),
        ("variable.function", Some("a")),
    ];
    kinds.into_iter().filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, class))).collect()
});

/// Longer blocks stay as they are: the colours of a page of code weigh more
/// than its words, and a mail has a size.
const MOST: usize = 8_000;

/// Longer lines are not written by people.
const LONGEST_LINE: usize = 1_000;

/// Colours every block of code that names a language there is a grammar for.
pub fn colour(tokens: Vec<Token>) -> Vec<Token> {
    let mut made = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let open = &tokens[at];
        let end = if open.opens(&["pre"]) { end_of(&tokens, at) } else { at + 1 };
        // A block holds one element and its text, and nothing else: what is marked up already stays.
        let block = match (open, tokens.get(at + 1), tokens.get(at + 2)) {
            (Token::Open(pre), Some(Token::Open(code)), Some(Token::Text(text)))
                if pre.name == "pre" && code.name == "code" && end == at + 5 =>
            {
                language(code)
                    .or_else(|| language(pre))
                    .and_then(|grammar| Some((code, spans(grammar, &resolve(text))?)))
            }
            _ => None,
        };
        match block {
            Some((code, spans)) => {
                made.extend([open.clone(), Token::Open(code.clone())]);
                made.extend(spans);
                made.extend([Token::close("code"), Token::close("pre")]);
                at = end;
            }
            None => {
                made.push(open.clone());
                at += 1;
            }
        }
    }
    for token in &mut made {
        if let Token::Open(tag) = token
            && matches!(tag.name.as_str(), "pre" | "code")
        {
            tag.remove("class");
        }
    }
    made
}

/// Text as it was before the sanitiser escaped it.
fn resolve(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

/// The grammar of the language an element names.
fn language(tag: &Tag) -> Option<&'static SyntaxReference> {
    let classes = tag.get("class")?;
    let name = classes.split(' ').find_map(|class| class.strip_prefix("language-").or(class.strip_prefix("lang-")))?;
    let name = match name.to_ascii_lowercase().as_str() {
        "text" | "plain" | "plaintext" | "txt" | "none" | "console" => return None,
        "shell" | "sh-session" | "zsh" => "bash".to_owned(),
        "javascript" | "jsx" | "mjs" | "typescript" | "ts" | "tsx" => "js".to_owned(),
        "c++" => "cpp".to_owned(),
        "golang" => "go".to_owned(),
        "yml" => "yaml".to_owned(),
        "toml" | "ini" => return None,
        other => other.to_owned(),
    };
    GRAMMARS.find_syntax_by_token(&name).filter(|found| found.name != "Plain Text")
}

/// The words of code, those of a kind in an element of its class.
fn spans(grammar: &SyntaxReference, code: &str) -> Option<Vec<Token>> {
    if code.len() > MOST || code.lines().any(|line| line.len() > LONGEST_LINE) {
        return None;
    }
    let (mut state, mut stack) = (ParseState::new(grammar), ScopeStack::new());
    let mut found: Vec<(Option<&'static str>, String)> = Vec::new();
    for line in code.split_inclusive('\n') {
        let mut from = 0;
        let changes = state.parse_line(line, &GRAMMARS).ok()?;
        for (at, change) in changes {
            add(&mut found, kind(&stack), line.get(from..at)?);
            from = at;
            stack.apply(&change).ok()?;
        }
        add(&mut found, kind(&stack), line.get(from..)?);
    }
    let token = |(class, words): (Option<&str>, String)| match class {
        Some(class) => vec![Token::open("span", &[("class", class)]), Token::words(&words), Token::close("span")],
        None => vec![Token::words(&words)],
    };
    Some(found.into_iter().flat_map(token).collect())
}

/// Blanks have no colour, so they belong to whatever is before them.
fn add(found: &mut Vec<(Option<&'static str>, String)>, class: Option<&'static str>, words: &str) {
    match found.last_mut() {
        _ if words.is_empty() => {}
        Some((last, text)) if *last == class || words.trim().is_empty() => text.push_str(words),
        _ => found.push((class, words.to_owned())),
    }
}

fn kind(stack: &ScopeStack) -> Option<&'static str> {
    let of = |scope: &Scope| KINDS.iter().find(|(kind, _)| kind.is_prefix_of(*scope)).map(|(_, class)| *class);
    stack.as_slice().iter().rev().find_map(of).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::markup::{read, write};
    use super::*;

    fn coloured(html: &str) -> String {
        write(&colour(read(html)))
    }

    #[test]
    fn words_of_code_get_the_class_of_their_kind() {
        assert_eq!(
            coloured("<pre><code class=\"language-rust\">// a\nfn b() -&gt; &amp;str { \"c\" }\n</code></pre><p>d</p>"),
            "<pre><code><span class=\"m\">// a\n</span><span class=\"d\">fn </span><span class=\"a\">b</span>() -&gt; \
             &amp;<span class=\"d\">str </span>{ <span class=\"o\">\"c\" </span>}\n</code></pre><p>d</p>"
        );
    }

    #[test]
    fn what_has_no_grammar_or_is_marked_up_already_stays() {
        for inside in ["<code>a = 1</code>", "<code><b>a</b> = 1</code>", "a = 1"] {
            let html = format!("<pre>{inside}</pre>");
            assert_eq!(coloured(&html), html);
        }
        for language in ["nonsense", "text", "console"] {
            let html = format!("<pre><code class=\"language-{language}\">a = 1</code></pre>");
            assert_eq!(coloured(&html), "<pre><code>a = 1</code></pre>");
        }
    }

    #[test]
    fn no_grammar_breaks_or_changes_a_word() {
        let code = "class A < B { /* c */ def d(e): return \"f\" + 'g' # h\n  <i j='k'>&amp;</i> 10 0x1f $l @m ${n}\n";
        for grammar in GRAMMARS.syntaxes() {
            let spans = spans(grammar, code).unwrap_or_default();
            let words = spans.iter().filter_map(|token| match token {
                Token::Text(text) => Some(resolve(text)),
                _ => None,
            });
            assert_eq!(words.collect::<String>(), code, "{}", grammar.name);
        }
    }
}
