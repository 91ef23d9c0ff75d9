//! Tables of a post in a mail: narrow ones stay, wide ones become blocks of
//! `label: value`, because a phone can neither fit nor scroll them.

use super::markup::{Token, end_of};

/// Columns a phone can show.
const COLUMNS: usize = 3;

/// What a cell of a simple table does not hold.
const BLOCKS: [&str; 13] =
    ["p", "div", "ul", "ol", "dl", "table", "pre", "blockquote", "figure", "hr", "h2", "h3", "h4"];

type Cell = Vec<Token>;

struct Row {
    cells: Vec<Cell>,
    is_header: bool,
}

/// Rewrites every table of more than [`COLUMNS`] columns whose first row names
/// them; gives all header cells their scope.
pub fn narrow(tokens: Vec<Token>) -> Vec<Token> {
    let mut made = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].opens(&["table"]) {
            let end = end_of(&tokens, at);
            match blocks(&tokens[at..end]) {
                Some(blocks) => made.extend(blocks),
                None => made.extend(tokens[at..end].iter().cloned().map(scoped)),
            }
            at = end;
        } else {
            made.push(tokens[at].clone());
            at += 1;
        }
    }
    made
}

fn scoped(mut token: Token) -> Token {
    if let Token::Open(tag) = &mut token
        && tag.name == "th"
        && tag.get("scope").is_none()
    {
        tag.set("scope", "col");
    }
    token
}

/// A wide table as one paragraph for each row; `None` to keep it.
fn blocks(table: &[Token]) -> Option<Vec<Token>> {
    let inner = &table[1..];
    if inner.iter().any(|token| token.opens(&BLOCKS)) {
        return None;
    }
    let rows = rows(inner);
    let (labels, rows) = rows.split_first().filter(|(first, _)| first.is_header)?;
    let widest = rows.iter().map(|row| row.cells.len()).max().unwrap_or_default();
    if labels.cells.len().max(widest) <= COLUMNS {
        return None;
    }
    let mut made = Vec::new();
    for row in rows {
        made.push(Token::open("p", &[]));
        for (i, cell) in row.cells.iter().enumerate() {
            if i > 0 {
                made.push(Token::open("br", &[]));
            }
            if let Some(label) = labels.cells.get(i).filter(|label| !label.is_empty()) {
                made.push(Token::open("b", &[]));
                made.extend(label.iter().cloned());
                made.extend([Token::words(":"), Token::close("b"), Token::words(" ")]);
            }
            made.extend(cell.iter().cloned());
        }
        made.push(Token::close("p"));
    }
    Some(made)
}

fn rows(tokens: &[Token]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].opens(&["tr"]) {
            rows.push(Row { cells: Vec::new(), is_header: true });
        } else if tokens[at].opens(&["td", "th"])
            && let Some(row) = rows.last_mut()
        {
            row.is_header &= tokens[at].opens(&["th"]);
            let end = end_of(tokens, at);
            row.cells.push(tokens[at + 1..end.saturating_sub(1).max(at + 1)].to_vec());
            at = end;
            continue;
        }
        at += 1;
    }
    rows
}
