//! Mail as a reader's program sees it.

use crate::faultsink::Message;

/// A mail as the relay took it.
#[derive(Debug)]
pub struct Mail {
    pub subject: String,
    /// The posts it links to, by slug, in its order.
    pub posts: Vec<String>,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Mail {
    pub fn read(message: Message) -> Self {
        let parsed = mail_parser::MessageParser::default().parse(&message.bytes).unwrap();
        let text = parsed.body_text(0).unwrap().into_owned();
        let mut posts: Vec<String> = Vec::new();
        for rest in text.split("https://blog.test/").skip(1) {
            if let Some(slug) = rest.split('/').nth(2).filter(|slug| !posts.iter().any(|post| post == slug)) {
                posts.push(slug.to_owned());
            }
        }
        Self { subject: parsed.subject().unwrap().to_owned(), posts, text, bytes: message.bytes }
    }

    /// The address in the text that begins so.
    pub fn link(&self, start: &str) -> String {
        let found = self.text.split_whitespace().find(|word| word.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in {}", self.text)).to_owned()
    }

    /// Where a mail program's own button leads (RFC 8058).
    pub fn one_click(&self) -> String {
        assert_eq!(self.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        let header = self.header("List-Unsubscribe");
        header.split(['<', '>']).find(|part| part.starts_with("https:")).expect("an https address").to_owned()
    }

    /// The value of a header in one line.
    pub fn header(&self, name: &str) -> String {
        let text = String::from_utf8_lossy(&self.bytes).replace("\r\n ", " ").replace("\r\n\t", " ");
        let found = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }
}
