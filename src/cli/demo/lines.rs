//! Lines off the wire, bounded: what the catcher reads commands and messages with.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// RFC 5321 section 4.5.3.1.6: 1,000 octets with the line end; one more for a stuffed dot.
const MAX_TEXT_LINE: usize = 999;

/// One line without its end.
#[derive(Debug, PartialEq)]
pub struct Line {
    bytes: Vec<u8>,
    /// It ended in CRLF, not in a lone LF.
    crlf: bool,
    /// Nothing was cut off.
    whole: bool,
}

impl Line {
    /// The text of a command: `None` when it is too long or not ASCII. People
    /// try servers by hand, so a lone LF may end a command.
    pub fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.bytes).ok().filter(|text| self.whole && text.is_ascii())?;
        Some(text.trim_end())
    }
}

/// Reads up to the next LF, keeping no more than `limit` bytes of it. `None`
/// at the end of the stream.
///
/// # Errors
/// What the stream says.
pub async fn read(reader: &mut (impl AsyncBufRead + Unpin), limit: usize) -> io::Result<Option<Line>> {
    let mut line = Line { bytes: Vec::new(), crlf: false, whole: true };
    loop {
        let seen = reader.fill_buf().await?;
        if seen.is_empty() {
            return Ok(None);
        }
        let end = seen.iter().position(|&b| b == b'\n');
        let text = &seen[..end.unwrap_or(seen.len())];
        if let Some(&last) = text.last() {
            line.crlf = last == b'\r';
        }
        // One byte over the limit may still be the CR of the line end.
        let room = (limit + 1).saturating_sub(line.bytes.len()).min(text.len());
        line.whole &= room == text.len();
        line.bytes.extend_from_slice(&text[..room]);
        let used = text.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            if line.crlf && line.whole {
                line.bytes.pop();
            }
            line.whole &= line.bytes.len() <= limit;
            return Ok(Some(line));
        }
    }
}

/// What came after DATA.
#[derive(Debug, PartialEq)]
pub enum Content {
    /// A message, un-dot-stuffed, each line ended by CRLF.
    Whole(Vec<u8>),
    /// More than the limit; read to its end and thrown away.
    TooBig,
    /// Read to its end, not fit to be passed on; the reply says why.
    Malformed(&'static str),
    /// The stream ended or fell silent before the final dot.
    Broken,
}

/// Reads a message up to its final dot: CRLF, dot, CRLF and nothing else ends
/// it, so that no second message can hide behind a sloppier line end.
///
/// # Errors
/// What the stream says.
pub async fn read_content(
    reader: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
    patience: Duration,
) -> io::Result<Content> {
    let (mut raw, mut wrong, mut after_crlf) = (Vec::new(), None, true);
    loop {
        let Ok(line) = tokio::time::timeout(patience, read(reader, MAX_TEXT_LINE)).await else {
            return Ok(Content::Broken);
        };
        let Some(line) = line? else { return Ok(Content::Broken) };
        if after_crlf && line.crlf && line.bytes == b"." {
            return Ok(wrong.unwrap_or(Content::Whole(raw)));
        }
        if wrong.is_none() {
            wrong = append(&mut raw, &line, after_crlf, limit);
        }
        after_crlf = line.crlf;
    }
}

/// Appends one line; says what is wrong with it, or with the message now.
fn append(raw: &mut Vec<u8>, line: &Line, after_crlf: bool, limit: usize) -> Option<Content> {
    if !line.crlf || line.bytes.contains(&b'\r') {
        return Some(Content::Malformed("554 5.6.0 a line end is not CRLF"));
    }
    let stuffed = after_crlf && line.bytes.first() == Some(&b'.');
    let text = &line.bytes[usize::from(stuffed)..];
    if !line.whole || text.len() > MAX_TEXT_LINE - 1 {
        return Some(Content::Malformed("554 5.6.0 a line is longer than 998 octets"));
    }
    raw.extend_from_slice(text);
    raw.extend_from_slice(b"\r\n");
    (raw.len() > limit).then_some(Content::TooBig)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn content(wire: &[u8]) -> Content {
        // A buffer of three bytes, so that every line crosses its edge.
        let mut reader = tokio::io::BufReader::with_capacity(3, wire);
        read_content(&mut reader, 4_000, Duration::from_secs(1)).await.unwrap()
    }

    #[tokio::test]
    async fn dots_are_unstuffed_and_only_the_lone_dot_ends() {
        let whole = |text: &str| Content::Whole(text.as_bytes().to_vec());
        assert_eq!(content(b"a\r\n..\r\n...b\r\n.c\r\n.\r\nQUIT\r\n").await, whole("a\r\n.\r\n..b\r\nc\r\n"));
        assert_eq!(content(b".\r\n").await, whole(""));
        assert_eq!(content(b"\xff\r\n.\r\n").await, Content::Whole(b"\xff\r\n".to_vec()));
    }

    #[tokio::test]
    async fn a_lone_line_feed_ends_neither_line_nor_message() {
        for wire in [&b"a\n.\nb\r\n.\r\n"[..], b"a\n.\r\nb\r\n.\r\n", b"a\r\n.\nb\r\n.\r\n", b"a\rb\r\n.\r\n"] {
            assert!(matches!(content(wire).await, Content::Malformed(reply) if reply.contains("CRLF")), "{wire:?}");
        }
        assert_eq!(content(b"a\n.\n").await, Content::Broken);
    }

    #[tokio::test]
    async fn bounds_hold_for_lines_and_messages() {
        let longest = [vec![b'x'; 998], b"\r\n".to_vec()].concat();
        let stuffed = [b".".to_vec(), vec![b'.'; 998], b"\r\n".to_vec()].concat();
        let end = b".\r\n".to_vec();
        assert_eq!(content(&[longest.clone(), end.clone()].concat()).await, Content::Whole(longest.clone()));
        assert!(matches!(content(&[stuffed, end.clone()].concat()).await, Content::Whole(raw) if raw.len() == 1_000));
        let longer = [b"x".to_vec(), longest.clone(), end.clone()].concat();
        assert!(matches!(content(&longer).await, Content::Malformed(reply) if reply.contains("998")));
        let endless = [vec![b'x'; 100_000], b"\r\n".to_vec(), end.clone()].concat();
        assert!(matches!(content(&endless).await, Content::Malformed(_)));
        assert_eq!(content(&[longest.repeat(5), end].concat()).await, Content::TooBig);
    }

    #[tokio::test]
    async fn a_command_may_end_in_a_lone_line_feed_and_is_bounded() {
        let mut wire = &b"NOOP\nQUIT\r\nTOOLONGCOMMAND\r\n\xff\r\nabcdefgh\r\nrest"[..];
        let mut texts = Vec::new();
        while let Some(line) = read(&mut wire, 8).await.unwrap() {
            texts.push(line.text().map(str::to_owned));
        }
        assert_eq!(texts, [Some("NOOP".into()), Some("QUIT".into()), None, None, Some("abcdefgh".into())]);
    }
}
