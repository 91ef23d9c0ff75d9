//! The parts of a message: UTF-8 text in CRLF lines, made 7-bit by whichever
//! of quoted-printable and base64 is shorter (RFC 2045 sections 6.7 and 6.8).
//!
//! A part is encoded once for all copies of a mail. What differs from copy to
//! copy are its *personal* lines, those with a control character for a field;
//! only they are filled and encoded for each reader. That works because
//! quoted-printable starts afresh on every line, and base64 every 57 bytes.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{canonical, dkim, dots};

/// No encoded line is longer (RFC 2045).
const LINE: usize = 76;
/// So many bytes make one line of base64.
const BLOCK: usize = LINE / 4 * 3;

/// Which of the two alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// The written text part.
    Text,
    /// The HTML part.
    Html,
}

impl Alternative {
    fn subtype(self) -> &'static str {
        match self {
            Self::Text => "plain",
            Self::Html => "html",
        }
    }
}

/// Gives what stands in the place of a personal field, named by its control
/// character, in one of the alternatives; `None` when it knows no such field.
pub type Fill<'a> = &'a dyn Fn(Alternative, char) -> Option<String>;

/// Whole encoded lines that all copies share, ready for the wire and for a signature.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoded {
    /// CRLF lines, leading dots doubled.
    wire: Vec<u8>,
    /// How many dots that added.
    dots: usize,
    /// The same lines as DKIM sees them.
    canonical: Vec<u8>,
}

impl Encoded {
    /// Appends one line, given without its line end.
    fn push(&mut self, line: &str) {
        self.dots += dots::push_line(&mut self.wire, line.as_bytes());
        canonical::push_line(&mut self.canonical, line.as_bytes());
    }
}

/// A stretch of a copy: shared by all, or this reader's own.
#[derive(Clone, Debug)]
enum Piece {
    Shared(Arc<Encoded>),
    /// Where in the bytes that are its own.
    Own(Range<usize>),
}

/// A copy's lines, of which only its own are kept in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Copy {
    pieces: Vec<Piece>,
    own: Vec<u8>,
    dots: usize,
    /// What the signatures are over: the body as DKIM sees it.
    hash: Option<dkim::Hash>,
}

impl Copy {
    /// An empty one; hashed as it grows when it will be signed.
    pub(super) fn new(is_signed: bool) -> Self {
        Self { hash: is_signed.then(dkim::Hash::default), own: Vec::with_capacity(4_096), ..Self::default() }
    }

    /// Lines of its own that are whole already: nothing in them is doubled.
    pub(super) fn of(wire: Vec<u8>, dots: usize) -> Self {
        Self { pieces: vec![Piece::Own(0..wire.len())], own: wire, dots, hash: None }
    }

    /// Appends lines of this reader's, given with CRLF between them.
    pub(super) fn push(&mut self, text: &str) {
        let start = self.own.len();
        for line in text.split("\r\n") {
            self.dots += dots::push_line(&mut self.own, line.as_bytes());
            if let Some(hash) = &mut self.hash {
                hash.line(line.as_bytes());
            }
        }
        match self.pieces.last_mut() {
            Some(Piece::Own(before)) => before.end = self.own.len(),
            _ => self.pieces.push(Piece::Own(start..self.own.len())),
        }
    }

    fn share(&mut self, encoded: &Arc<Encoded>) {
        self.dots += encoded.dots;
        if let Some(hash) = &mut self.hash {
            hash.canonical(&encoded.canonical);
        }
        self.pieces.push(Piece::Shared(Arc::clone(encoded)));
    }

    /// Puts the head before it.
    pub(super) fn put_first(&mut self, head: &str) {
        let start = self.own.len();
        self.own.extend_from_slice(head.as_bytes());
        self.pieces.insert(0, Piece::Own(start..self.own.len()));
    }

    /// What the signatures are over, taken out of it.
    pub(super) fn hashed(&mut self) -> Option<dkim::Hashed> {
        self.hash.take().map(dkim::Hash::finish)
    }

    /// Its lines as they travel, in order.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Shared(encoded) => &encoded.wire[..],
            Piece::Own(range) => &self.own[range.clone()],
        })
    }

    /// How many dots were doubled.
    pub(super) fn dots(&self) -> usize {
        self.dots
    }
}

/// A run of lines of a part.
#[derive(Debug)]
enum Run {
    Ready(Arc<Encoded>),
    Personal(String),
}

/// One part, encoded as far as it is the same in every copy.
#[derive(Debug)]
pub(super) struct Part {
    which: Alternative,
    /// In CRLF lines, nothing filled.
    text: String,
    quoted: Vec<Run>,
    /// Of the ready lines.
    lengths: Lengths,
    /// Whole lines of base64 up to where in the text; made when that is the shorter encoding.
    base64: Option<(Arc<Encoded>, usize)>,
}

/// How long lines are as they are, and in quoted-printable.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    plain: usize,
    quoted: usize,
}

impl Lengths {
    fn add(&mut self, plain: &str, quoted: &str) {
        self.plain += plain.len() + 2;
        self.quoted += quoted.len() + 2;
    }

    /// Each line but the last has a line end.
    fn prefer_base64(self) -> bool {
        let (plain, quoted) = (self.plain.saturating_sub(2), self.quoted.saturating_sub(2));
        let digits = plain.div_ceil(3) * 4;
        quoted > digits + digits.saturating_sub(1) / LINE * 2
    }
}

impl Part {
    /// Encodes what every copy has.
    pub(super) fn new(which: Alternative, text: &str) -> Self {
        let text = with_crlf(text);
        let (mut quoted, mut lengths, mut ready) = (Vec::new(), Lengths::default(), Encoded::default());
        let mut all = Lengths::default();
        for line in text.split("\r\n") {
            let encoded = quoted_printable(line);
            all.add(line, &encoded);
            if line.contains(is_field) {
                quoted.push(Run::Ready(std::mem::take(&mut ready).into()));
                quoted.push(Run::Personal(line.to_owned()));
            } else {
                lengths.add(line, &encoded);
                encoded.split("\r\n").for_each(|line| ready.push(line));
            }
        }
        quoted.push(Run::Ready(ready.into()));
        let base64 = all.prefer_base64().then(|| shared_base64(&text));
        Self { which, text, quoted, lengths, base64 }
    }

    /// Appends this part as one reader has it, its header first.
    ///
    /// # Errors
    /// When a control character other than a tab stands for no field: no post
    /// can hold one.
    pub(super) fn write(&self, fill: Fill<'_>, copy: &mut Copy) -> Result<(), String> {
        let (mut lengths, mut own) = (self.lengths, Vec::new());
        for run in &self.quoted {
            if let Run::Personal(line) = run {
                let mut lines = Vec::new();
                for line in self.filled(line, fill)?.split("\r\n") {
                    let encoded = quoted_printable(line);
                    lengths.add(line, &encoded);
                    lines.push(encoded.into_owned());
                }
                own.push(lines);
            }
        }
        if lengths.prefer_base64() {
            return self.write_base64(fill, copy);
        }
        copy.push(&self.header("quoted-printable"));
        let mut own = own.iter();
        for run in &self.quoted {
            match run {
                Run::Ready(encoded) => copy.share(encoded),
                Run::Personal(_) => own.next().into_iter().flatten().for_each(|line| copy.push(line)),
            }
        }
        Ok(())
    }

    fn write_base64(&self, fill: Fill<'_>, copy: &mut Copy) -> Result<(), String> {
        let (shared, from) = self.base64.as_ref().map_or((None, 0), |(ready, end)| (Some(ready), *end));
        let rest = self.filled(&self.text[from..], fill)?;
        copy.push(&self.header("base64"));
        if let Some(shared) = shared {
            copy.share(shared);
        }
        if !rest.is_empty() {
            lines_of_base64(&rest, |line| copy.push(line));
        }
        Ok(())
    }

    fn header(&self, encoding: &str) -> String {
        let subtype = self.which.subtype();
        format!("Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n")
    }

    fn filled(&self, text: &str, fill: Fill<'_>) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len() + 256);
        let mut rest = text;
        while let Some(at) = rest.find(is_field) {
            let (plain, field) = rest.split_at(at);
            filled.push_str(plain);
            // A control character is one byte long.
            rest = &field[1..];
            let mark = char::from(field.as_bytes()[0]);
            let Some(value) = fill(self.which, mark) else {
                let subtype = self.which.subtype();
                return Err(format!("the text/{subtype} part holds the control character U+{:04X}", u32::from(mark)));
            };
            push_with_crlf(&mut filled, &value);
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Base64 of the text up to its first personal line, as far as that is whole lines; and where it ends.
fn shared_base64(text: &str) -> (Arc<Encoded>, usize) {
    let mut end = text.find(is_field).unwrap_or(text.len()) / BLOCK * BLOCK;
    while !text.is_char_boundary(end) {
        end -= BLOCK;
    }
    let mut shared = Encoded::default();
    if end > 0 {
        lines_of_base64(&text[..end], |line| shared.push(line));
    }
    (shared.into(), end)
}

/// A control character that stands for a personal field.
fn is_field(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\r' | '\n')
}

fn lines_of_base64(text: &str, mut push: impl FnMut(&str)) {
    let digits = STANDARD.encode(text);
    let mut rest = digits.as_str();
    loop {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        push(line);
        rest = more;
        if rest.is_empty() {
            return;
        }
    }
}

/// `CRLF`, bare `CR` and bare `LF` all become `CRLF`.
pub(super) fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    push_with_crlf(&mut out, text);
    out
}

fn push_with_crlf(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        out.push_str(&rest[..at]);
        out.push_str("\r\n");
        rest = rest[at..].strip_prefix("\r\n").unwrap_or(&rest[at + 1..]);
    }
    out.push_str(rest);
}

/// One line in quoted-printable, of several lines perhaps. One of plain words,
/// as most are, stays what it is, and that is seen sooner than made.
fn quoted_printable(line: &str) -> Cow<'_, str> {
    let is_plain = |&byte: &u8| matches!(byte, b' '..=b'~') && byte != b'=';
    if line.len() <= LINE && !line.ends_with(' ') && line.as_bytes().iter().all(is_plain) {
        Cow::Borrowed(line)
    } else {
        Cow::Owned(quoted_printable::encode_to_str(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_line_seen_to_be_plain_is_what_encoding_would_make_of_it(line in "[ -~]{0,80}|\\PC{0,80}") {
            prop_assert_eq!(quoted_printable(&line), quoted_printable::encode_to_str(&line));
        }
    }
}
