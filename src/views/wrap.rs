//! Lines of plain text, filled to a width in columns.

/// Width of a line of mail text, in columns.
pub const COLUMNS: usize = 72;

/// Fills lines of at most `width` columns, each after `indent` spaces, which
/// count. Words are never broken (an address must stay whole), nor at a no-break space, except between
/// the wide characters of scripts that write without spaces. Without a newline
/// at the end; empty for a text of no words.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut lines: Vec<(String, usize)> = Vec::new();
    let breaks = |c: char| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}');
    for word in text.split(breaks).filter(|word| !word.is_empty()) {
        for (i, piece) in breakable(word).into_iter().enumerate() {
            let columns = columns(piece);
            let gap = usize::from(i == 0);
            match lines.last_mut() {
                Some((line, used)) if indent + *used + gap + columns <= width => {
                    line.push_str(if gap == 1 { " " } else { "" });
                    line.push_str(piece);
                    *used += gap + columns;
                }
                _ => lines.push((piece.to_owned(), columns)),
            }
        }
    }
    let margin = " ".repeat(indent);
    lines.iter().map(|(line, _)| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

/// How many columns a text takes: wide characters two, marks that stand on another none.
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| if is_mark(c) { 0 } else { 1 + usize::from(is_wide(c)) }).sum()
}

/// A word in the pieces a line may end between: after a wide character, unless
/// what follows must not begin a line or this one must not end it.
fn breakable(word: &str) -> Vec<&str> {
    const NOT_FIRST: &str = "、。，．・：；？！）］｝〉》」』】〕ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ…";
    const NOT_LAST: &str = "（［｛〈《「『【〔";
    let (mut pieces, mut start) = (Vec::new(), 0);
    let mut before: Option<char> = None;
    for (at, c) in word.char_indices() {
        let may_break = before.is_some_and(|b| (is_wide(b) || is_wide(c)) && !NOT_LAST.contains(b));
        if may_break && !NOT_FIRST.contains(c) && !is_mark(c) {
            pieces.push(&word[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&word[start..]);
    pieces
}

/// East Asian wide and full-width characters and emoji, by block.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
}

/// Combining marks and joiners of the scripts met in titles.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{200b}'..='\u{200f}' | '\u{20d0}'..='\u{20f0}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_inside_the_width_and_addresses_stay_whole() {
        let text = "One two three https://example.org/a/very/long/address four";
        assert_eq!(wrap(text, 12, 2), "  One two\n  three\n  https://example.org/a/very/long/address\n  four");
        assert_eq!(wrap(" \n ", 10, 3), "");
        assert_eq!(wrap("Qui est\u{a0}?", 8, 0), "Qui\nest\u{a0}?");
    }

    #[test]
    fn wide_characters_take_two_columns_and_closing_marks_do_not_begin_a_line() {
        assert_eq!(columns("日本a"), 5);
        assert_eq!(wrap("日本語日本語。日本", 12, 0), "日本語日本\n語。日本");
        assert_eq!(columns("e\u{301}"), 1);
    }
}
