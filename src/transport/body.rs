//! The parts of a message: UTF-8 text in CRLF lines, made 7-bit by whichever
//! of quoted-printable and base64 is shorter (RFC 2045 sections 6.7 and 6.8).
//!
//! A part is encoded once for all copies of a mail. What differs from copy to
//! copy are its *personal* lines, those with a control character for a field;
//! only they are filled and encoded for each reader. That works because
//! quoted-printable starts afresh on every line, and base64 every 57 bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{canonical, dots};

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

/// Whole encoded lines, ready for the wire and for a signature.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoded {
    /// CRLF lines, leading dots doubled.
    pub(super) wire: Vec<u8>,
    /// How many dots that added.
    pub(super) dots: usize,
    /// The same lines as DKIM sees them.
    pub(super) canonical: Vec<u8>,
}

impl Encoded {
    /// Appends one line, given without its line end.
    pub(super) fn push(&mut self, line: &str) {
        self.dots += dots::push_line(&mut self.wire, line.as_bytes());
        canonical::push_line(&mut self.canonical, line.as_bytes());
    }

    /// One stretch of text in CRLF lines, the end of the last one left out.
    pub(super) fn of(text: &str) -> Self {
        let mut encoded = Self::default();
        text.split("\r\n").for_each(|line| encoded.push(line));
        encoded
    }
}

/// A piece of a copy: shared by all, or this reader's own.
pub(super) enum Piece<'a> {
    Shared(&'a Encoded),
    Own(Encoded),
}

impl Piece<'_> {
    pub(super) fn encoded(&self) -> &Encoded {
        match self {
            Self::Shared(encoded) => encoded,
            Self::Own(encoded) => encoded,
        }
    }
}

/// A run of lines of a part.
#[derive(Debug)]
enum Run {
    Ready(Encoded),
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
    base64: Option<(Encoded, usize)>,
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
            let encoded = quoted_printable::encode_to_str(line);
            all.add(line, &encoded);
            if line.contains(is_field) {
                quoted.push(Run::Ready(std::mem::take(&mut ready)));
                quoted.push(Run::Personal(line.to_owned()));
            } else {
                lengths.add(line, &encoded);
                encoded.split("\r\n").for_each(|line| ready.push(line));
            }
        }
        quoted.push(Run::Ready(ready));
        let base64 = all.prefer_base64().then(|| shared_base64(&text));
        Self { which, text, quoted, lengths, base64 }
    }

    /// The pieces of one copy, its header first.
    ///
    /// # Errors
    /// When a control character other than a tab stands for no field: no post
    /// can hold one.
    pub(super) fn pieces(&self, fill: Fill<'_>) -> Result<Vec<Piece<'_>>, String> {
        let mut lengths = self.lengths;
        let mut pieces = vec![Piece::Own(Encoded::default())];
        for run in &self.quoted {
            pieces.push(match run {
                Run::Ready(encoded) => Piece::Shared(encoded),
                Run::Personal(line) => {
                    let (filled, mut own) = (self.filled(line, fill)?, Encoded::default());
                    for line in filled.split("\r\n") {
                        let encoded = quoted_printable::encode_to_str(line);
                        lengths.add(line, &encoded);
                        encoded.split("\r\n").for_each(|line| own.push(line));
                    }
                    Piece::Own(own)
                }
            });
        }
        if !lengths.prefer_base64() {
            pieces[0] = self.header("quoted-printable");
            return Ok(pieces);
        }
        let (shared, from) = self.base64.as_ref().map_or((None, 0), |(ready, end)| (Some(ready), *end));
        let rest = self.filled(&self.text[from..], fill)?;
        let mut pieces = vec![self.header("base64")];
        pieces.extend(shared.map(Piece::Shared));
        if !rest.is_empty() {
            pieces.push(Piece::Own(lines_of_base64(&rest)));
        }
        Ok(pieces)
    }

    fn header(&self, encoding: &str) -> Piece<'static> {
        let subtype = self.which.subtype();
        Piece::Own(Encoded::of(&format!(
            "Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
        )))
    }

    fn filled(&self, text: &str, fill: Fill<'_>) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len() + 256);
        for c in text.chars() {
            if !is_field(c) {
                filled.push(c);
            } else if let Some(value) = fill(self.which, c) {
                filled.push_str(&with_crlf(&value));
            } else {
                let subtype = self.which.subtype();
                return Err(format!("the text/{subtype} part holds the control character U+{:04X}", u32::from(c)));
            }
        }
        Ok(filled)
    }
}

/// Base64 of the text up to its first personal line, as far as that is whole lines; and where it ends.
fn shared_base64(text: &str) -> (Encoded, usize) {
    let mut end = text.find(is_field).unwrap_or(text.len()) / BLOCK * BLOCK;
    while !text.is_char_boundary(end) {
        end -= BLOCK;
    }
    let shared = if end == 0 { Encoded::default() } else { lines_of_base64(&text[..end]) };
    (shared, end)
}

/// A control character that stands for a personal field.
fn is_field(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\r' | '\n')
}

fn lines_of_base64(text: &str) -> Encoded {
    let (digits, mut encoded) = (STANDARD.encode(text), Encoded::default());
    let mut rest = digits.as_str();
    loop {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        encoded.push(line);
        rest = more;
        if rest.is_empty() {
            return encoded;
        }
    }
}

/// `CRLF`, bare `CR` and bare `LF` all become `CRLF`.
pub(super) fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        out.push_str(&rest[..at]);
        out.push_str("\r\n");
        rest = rest[at..].strip_prefix("\r\n").unwrap_or(&rest[at + 1..]);
    }
    out.push_str(rest);
    out
}
