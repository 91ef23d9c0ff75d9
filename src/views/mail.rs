//! Mail: an edition or a letter, rendered. An edition that would be cut short
//! by a reader's inbox is shortened here instead, where it can say so.

use super::email;
pub use super::letter::{already, confirm, goodbye, moved, moving, reading, test, welcome};
use super::model::{EditionMail, Extent};
use super::sheet::{Look, Row, Sheet};
use super::text;
use super::words::Words;

/// Encoded HTML above this many bytes is told to the operator.
pub const LARGE: usize = 75_000;
/// Encoded HTML above this many bytes is shortened: Gmail shows about 102,000
/// and hides the rest, the unsubscribe link first.
pub const MOST: usize = 90_000;
/// Encoded HTML that is above this many bytes all the same, because a post in it
/// can be read nowhere else, waits for the operator.
pub const REFUSED: usize = 98_000;
/// What filling the personal fields may add, in encoded bytes.
const PERSONAL: usize = 1_000;

/// A mail, rendered. An edition's parts hold [`super::field`] marks until they
/// are filled for one reader; a letter's are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line without control characters, at most 78 characters.
    pub subject: String,
    /// What inboxes show beside the subject; already inside `html`.
    pub preheader: String,
    /// The HTML part, lines of any length, UTF-8.
    pub html: String,
    /// The text part, lines ended by `\n`.
    pub text: String,
    /// How many posts show less than was asked for, because of the size.
    pub shortened: usize,
    /// How many posts are left to the page of all posts.
    pub more: usize,
}

impl Mail {
    /// Size of the HTML part as it travels, in bytes.
    pub fn encoded(&self) -> usize {
        encoded(&self.html)
    }
}

/// Renders one variant of an edition: both parts from one sheet. Over
/// [`MOST`] the longest posts become summaries, then titles, then are left to
/// the page of all posts. A post that can be read nowhere else stays whole.
pub fn edition(words: &Words, mail: &EditionMail) -> Mail {
    let mut sheet = Sheet::of(words, mail);
    loop {
        let (subject, preheader) = (sheet.subject(words), sheet.preheader());
        let html = email::edition(words, &sheet, &subject, &preheader);
        let over = (encoded(&html) + PERSONAL).saturating_sub(MOST);
        if over == 0 || !shorten(&mut sheet, over) {
            let text = text::edition(words, &sheet, &subject);
            let shortened = sheet.rows.iter().filter(|row| row.look < row.wished).count();
            return Mail { subject, preheader, html, text, shortened, more: sheet.more };
        }
    }
}

/// Size of a part as it travels: quoted-printable or base64, whichever is smaller.
pub fn encoded(part: &str) -> usize {
    let base64 = part.len().div_ceil(3) * 4;
    quoted_printable::encode(part).len().min(base64 + base64 / 76 * 2)
}

/// Takes about `over` encoded bytes out of a sheet, longest posts first; false
/// when there is nothing left to take.
fn shorten(sheet: &mut Sheet, over: usize) -> bool {
    let can_shrink = |row: &&Row| row.post.extent != Extent::Whole;
    let most = sheet.rows.iter().filter(can_shrink).map(|row| row.look).max();
    if most <= Some(Look::Title) {
        return leave_out(sheet, over);
    }
    let is_longest = |row: &Row| can_shrink(&row) && Some(row.look) == most;
    let mut longest: Vec<usize> = (0..sheet.rows.len()).filter(|&i| is_longest(&sheet.rows[i])).collect();
    longest.sort_by_key(|&i| std::cmp::Reverse(shown(&sheet.rows[i])));
    let mut gained = 0;
    for i in longest {
        if gained >= over {
            break;
        }
        let row = &mut sheet.rows[i];
        gained += shown(row);
        row.look = if row.look == Look::Full { Look::Summary } else { Look::Title };
        row.body = None;
    }
    true
}

/// What a row's look costs beyond the next smaller one, about.
fn shown(row: &Row) -> usize {
    row.body.as_ref().map_or_else(|| encoded(&row.post.summary), |body| encoded(&body.html))
}

/// Leaves the last posts to the page of all posts; the lead stays.
fn leave_out(sheet: &mut Sheet, over: usize) -> bool {
    let (mut gained, before) = (0, sheet.more);
    let can_go = |row: &Row| row.post.extent != Extent::Whole;
    while gained < over {
        let Some(last) = sheet.rows.iter().rposition(can_go).filter(|last| *last > 0) else { break };
        let row = sheet.rows.remove(last);
        // The markup of a title row is some 500 bytes beside its words.
        gained += 500 + encoded(&row.post.title) + row.post.url.len();
        sheet.more += 1;
    }
    sheet.more > before
}
