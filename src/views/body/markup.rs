//! A post's HTML as a flat list of tags and texts, to be changed and written
//! again. It reads only what the sanitiser writes: balanced, lower case, every
//! attribute in double quotes; anything else it meets becomes text.

/// One piece of markup. Texts and attribute values stay escaped as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A start tag.
    Open(Tag),
    /// An end tag.
    Close(String),
    /// What stands between tags.
    Text(String),
}

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Lower case.
    pub name: String,
    /// Names and escaped values in their order.
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    /// A tag with these attributes.
    pub fn new(name: &str, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { name: name.to_owned(), attributes }
    }

    /// The escaped value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Sets an attribute to an escaped value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.attributes.push((name.to_owned(), value.to_owned()));
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, name: &str) {
        self.attributes.retain(|(n, _)| n != name);
    }
}

impl Token {
    /// A start tag with attributes.
    pub fn open(name: &str, attributes: &[(&str, &str)]) -> Self {
        Self::Open(Tag::new(name, attributes))
    }

    /// An end tag.
    pub fn close(name: &str) -> Self {
        Self::Close(name.to_owned())
    }

    /// Words, escaped here.
    pub fn words(text: &str) -> Self {
        Self::Text(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
    }

    /// Whether this opens one of `names`.
    pub fn opens(&self, names: &[&str]) -> bool {
        matches!(self, Self::Open(tag) if names.contains(&tag.name.as_str()))
    }

    /// Whether this closes `name`.
    pub fn closes(&self, name: &str) -> bool {
        matches!(self, Self::Close(closed) if closed == name)
    }
}

/// Takes markup apart.
pub fn read(html: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let at = rest.find('<').unwrap_or(rest.len());
        if at > 0 {
            tokens.push(Token::Text(rest[..at].to_owned()));
            rest = &rest[at..];
            continue;
        }
        let (token, length) = tag(rest).unwrap_or_else(|| (Token::words("<"), 1));
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens
}

/// Writes tokens as markup.
pub fn write(tokens: &[Token]) -> String {
    let mut html = String::new();
    for token in tokens {
        match token {
            Token::Text(text) => html.push_str(text),
            Token::Close(name) => html.extend(["</", name, ">"]),
            Token::Open(tag) => {
                html.extend(["<", &tag.name]);
                for (name, value) in &tag.attributes {
                    html.extend([" ", name, "=\"", value, "\""]);
                }
                html.push('>');
            }
        }
    }
    html
}

/// The index after the end tag that matches the start tag at `start`, or the end of all.
pub fn end_of(tokens: &[Token], start: usize) -> usize {
    let Some(Token::Open(tag)) = tokens.get(start) else { return start + 1 };
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        if token.opens(&[&tag.name]) {
            depth += 1;
        } else if token.closes(&tag.name) {
            depth -= 1;
            if depth == 0 {
                return i + 1;
            }
        }
    }
    tokens.len()
}

/// The tag at the start of `text` and its length in bytes.
fn tag(text: &str) -> Option<(Token, usize)> {
    if let Some(inner) = text.strip_prefix("</") {
        let name = &inner[..inner.find('>')?];
        return is_name(name).then(|| (Token::close(name), name.len() + 3));
    }
    let mut rest = text.strip_prefix('<')?;
    let name = &rest[..rest.find([' ', '>'])?];
    if !is_name(name) {
        return None;
    }
    rest = &rest[name.len()..];
    let mut attributes = Vec::new();
    while let Some(attribute) = rest.strip_prefix(' ') {
        let (name, value) = attribute.split_once("=\"")?;
        let (value, after) = value.split_once('"')?;
        attributes.push((name.to_owned(), value.to_owned()));
        rest = after;
    }
    let rest = rest.strip_prefix('>')?;
    Some((Token::Open(Tag { name: name.to_owned(), attributes }), text.len() - rest.len()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_again() {
        let html = r#"<p>a &amp; b <a href="https://e.org/?a>b&amp;c" title="">x<br></a></p><h2 id="é">3 < 4 <b</h2>"#;
        let written = write(&read(html));
        assert_eq!(written, html.replace("3 < 4 <b", "3 &lt; 4 &lt;b"));
    }

    #[test]
    fn the_end_of_an_element_is_that_of_the_same_depth() {
        let tokens = read("<ul><li>a<ul><li>b</li></ul></li></ul><p>c</p>");
        assert_eq!(tokens[end_of(&tokens, 0)], Token::open("p", &[]));
        assert_eq!(end_of(&read("<ul><li>"), 0), 2);
    }
}
