//! Markdown with JSX, and Docusaurus' admonitions.

use std::borrow::Cow;

use super::Notes;

/// Leaves out imports and comments, and turns `:::note` into a quotation.
/// Components go by the allow-list later; here they are only told of.
pub(super) fn render<'t>(text: &'t str, notes: &mut Notes) -> Cow<'t, str> {
    let is_plain =
        !text.contains(":::") && !text.contains("{/*") && !text.contains("import ") && !text.contains("export ");
    let has_component =
        text.match_indices('<').any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_uppercase()));
    if is_plain && !has_component {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let (mut fence, mut boxes, mut statement, mut comment) = (None::<String>, 0_usize, false, false);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let bare = line.trim_start();
        let mut written = Cow::Borrowed(line);
        if let Some(open) = &fence {
            if bare.starts_with(open.as_str()) && bare.trim_start_matches(['`', '~']).trim().is_empty() {
                fence = None;
            }
        } else if bare.starts_with("```") || bare.starts_with("~~~") {
            let mark = if bare.starts_with('`') { '`' } else { '~' };
            fence = Some(bare.chars().take_while(|c| *c == mark).collect());
        } else if statement {
            // An import over several lines ends at a blank one.
            statement = !bare.is_empty();
            continue;
        } else if comment {
            comment = !line.contains("*/}");
            continue;
        } else if is_statement(line) {
            statement = true;
            continue;
        } else if bare.starts_with("{/*") {
            comment = !line.contains("*/}");
            continue;
        } else if let Some(words) = bare.strip_prefix(":::") {
            let words = words.trim_start_matches(':').trim();
            if words.is_empty() {
                boxes = boxes.saturating_sub(1);
                out.push('\n');
                continue;
            }
            let quoted = "> ".repeat(boxes);
            boxes += 1;
            out.push_str(&format!("{quoted}> **{}**\n{quoted}>\n", title(words)));
            continue;
        } else {
            components(line, text, start, notes);
            if line.contains("{/*") {
                written = Cow::Owned(without_comments(line));
            }
        }
        out.push_str(&"> ".repeat(boxes));
        out.push_str(&written);
        out.push('\n');
    }
    Cow::Owned(out)
}

/// `import x from 'y'` and `export const z = 1` at the beginning of a line.
fn is_statement(line: &str) -> bool {
    let import =
        line.strip_prefix("import ").is_some_and(|rest| rest.contains(" from ") || rest.starts_with(['\'', '"', '{']));
    let export = ["const ", "let ", "default ", "function "];
    import || line.strip_prefix("export ").is_some_and(|rest| export.iter().any(|word| rest.starts_with(word)))
}

/// `note[Mind this]`, `tip Mind this`: the title, else the name of the box.
fn title(words: &str) -> String {
    let words = words.split('{').next().unwrap_or(words).trim();
    let end = words.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(words.len());
    let (name, rest) = words.split_at(end);
    let rest = rest.trim();
    let rest = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(rest);
    let mut letters = name.chars();
    let name =
        letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str());
    if rest.is_empty() { name } else { rest.to_owned() }
}

/// Tells of components, whose look is not known here; their words stay.
fn components(line: &str, text: &str, start: usize, notes: &mut Notes) {
    let mut code = false;
    for (at, c) in line.char_indices() {
        match c {
            '`' => code = !code,
            '<' if !code => {
                let rest = &line[at + 1..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
                let name = &rest[..end];
                let is_component = name.starts_with(|c: char| c.is_ascii_uppercase())
                    && name.contains(|c: char| c.is_ascii_lowercase());
                if is_component && rest[end..].starts_with([' ', '/', '>']) {
                    notes.drop(format!("<{name}>"), text, start);
                }
            }
            _ => {}
        }
    }
}

fn without_comments(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{/*") {
        out.push_str(before);
        rest = after.split_once("*/}").map_or("", |(_, after)| after);
    }
    out + rest
}
