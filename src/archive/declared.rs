//! Feeds as the parser can take them. It ends the program, and all sending with
//! it, where a feed names another encoding later than in its first 64 bytes;
//! blank lines above are enough for that.

use std::borrow::Cow;

/// The longest name of an encoding that is passed on.
const LONGEST: usize = 20;

/// The same feed with one short declaration at its beginning, or none.
pub(super) fn short(body: &[u8]) -> Cow<'_, [u8]> {
    if let Some(text) = utf16(body) {
        return Cow::Owned(undeclared(text.trim_start_matches('\u{feff}').as_bytes(), &[]));
    }
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
    // What stands in the strings of a JSON Feed declares nothing.
    if text.starts_with(b"{") || find(text, b"<?xml").is_none() {
        return Cow::Borrowed(body);
    }
    let declaration = text.strip_prefix(b"<?xml").filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace));
    let end = declaration.and_then(|rest| find(rest, b"?>"));
    let (declaration, rest) = match declaration.zip(end) {
        Some((declaration, end)) => (&declaration[..end], &declaration[end + 2..]),
        None => (&[][..], text),
    };
    Cow::Owned(match encoding(declaration) {
        Some(name) => undeclared(rest, &[b"<?xml version=\"1.0\" encoding=\"", name, b"\"?>"].concat()),
        None => undeclared(rest, &[]),
    })
}

/// `text` after `first`, none of its own declarations read as one.
fn undeclared(text: &[u8], first: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(first.len() + text.len());
    out.extend_from_slice(first);
    let mut rest = text;
    while let Some(at) = find(rest, b"<?xml") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"<?XML");
        rest = &rest[at + 5..];
    }
    out.extend_from_slice(rest);
    out
}

/// The encoding a declaration names. Not the one that hides letters of markup
/// behind signs of its own: what it would declare could not be seen here.
fn encoding(declaration: &[u8]) -> Option<&[u8]> {
    let after = &declaration[find(declaration, b"encoding")? + 8..];
    let value = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|b| matches!(b, b'"' | b'\''))?;
    let name = value[1..].split(|b| *b == quote).next()?;
    let is_name = name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'));
    (is_name && name.len() <= LONGEST && find(name, b"2022").is_none()).then_some(name)
}

/// The text of UTF-16, which begins with its mark or with a `<`.
fn utf16(body: &[u8]) -> Option<String> {
    let read: fn([u8; 2]) -> u16 = match body {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, b'<', ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = body.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
    Some(String::from_utf16_lossy(&units))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(body: &[u8]) -> String {
        String::from_utf8_lossy(&short(body)).into_owned()
    }

    #[test]
    fn a_declaration_is_short_at_the_beginning_and_nowhere_else() {
        for (body, text) in [
            ("<rss>", "<rss>"),
            ("<?xml version='1.0'?><rss>", "<rss>"),
            ("\n\n <?xml  version=\"1.0\"\n encoding = 'KOI8-R' standalone='no' ?><rss>", SHORT),
            ("<rss><?xml encoding='utf-16'?>", "<rss><?XML encoding='utf-16'?>"),
            ("<?xml encoding='ISO-2022-JP'?><a>", "<a>"),
            ("<?xml-stylesheet href='a'?><a>", "<?XML-stylesheet href='a'?><a>"),
            ("{\"a\": \"<?xml encoding='utf-16'?>\"}", "{\"a\": \"<?xml encoding='utf-16'?>\"}"),
        ] {
            assert_eq!(made(body.as_bytes()), text);
        }
    }

    const SHORT: &str = "<?xml version=\"1.0\" encoding=\"KOI8-R\"?><rss>";

    #[test]
    fn utf_16_is_read_in_both_orders() {
        let units: Vec<u16> = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\"?><a>é".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for body in [&little[..], &big[..], &little[2..], &big[2..]] {
            assert_eq!(made(body), "<?XML version=\"1.0\" encoding=\"utf-16\"?><a>é");
        }
    }
}
