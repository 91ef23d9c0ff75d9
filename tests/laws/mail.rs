//! Making a mail: no value ends a header early, every line is within its bounds, and a parser that is not ours reads
//! every value back as it was given.

use mail_parser::{Address as Parsed, HeaderValue, MessageParser, MimeHeaders};
use postroom::domain::{Address, Timestamp};
use postroom::transport::Content;
use postroom::transport::message::{Head, List, Mailbox, Own, Template, Unsubscribe, build};

/// A personal field, and the other one.
const FIELDS: [char; 2] = ['\u{11}', '\u{12}'];

/// The values of a mail, anything a person may have typed.
pub struct Said {
    name: String,
    subject: String,
    title: String,
    edition: String,
    link: String,
    text: String,
    html: String,
    /// What stands in the place of [`FIELDS`].
    fills: [String; 2],
}

impl Said {
    /// The bytes between 0xFF, which stands in no text.
    fn read(input: &[u8]) -> Self {
        let mut parts = input.split(|byte| *byte == 0xff).map(|part| String::from_utf8_lossy(part).into_owned());
        let mut next = || parts.next().unwrap_or_default();
        // In the order in which a mail shows them; a field's value has no field in it.
        Self {
            name: next(),
            subject: next(),
            title: next(),
            edition: next(),
            link: next(),
            text: next(),
            html: next(),
            fills: [next(), next()].map(|value| value.replace(|c: char| c != '\n' && c.is_control(), "")),
        }
    }
}

/// Makes a mail of any bytes. Panics when the law is broken.
pub fn holds(input: &[u8]) {
    let said = Said::read(input);
    let address = Address::parse("jane.doe@example.org").unwrap();
    let mailbox = Mailbox { name: Some(&said.name), address: &address };
    let link = format!("https://news.example.org/{}", said.link);
    let head = Head {
        from: mailbox,
        reply_to: Some(mailbox),
        subject: &said.subject,
        list: Some(List { title: &said.title, id: "weekly.news.example.org" }),
        edition: Some(&said.edition),
        auto_submitted: true,
    };
    let own = Own {
        to: mailbox,
        date: Timestamp(1_790_000_000_000),
        message_id: "abc.def@news.example.org",
        unsubscribe: Some(Unsubscribe { url: &link, mailto: Some("mailto:leave@news.example.org") }),
    };
    let fill = |_, c| FIELDS.iter().position(|field| *field == c).map(|at| said.fills[at].clone());
    match Template::new(&head, &said.text, &said.html).and_then(|template| template.copy(&own, &fill, &[])) {
        Ok(copy) => {
            let slow = build(&head, &own, &said.filled(&said.text), &said.filled(&said.html), &[]).unwrap();
            assert!(slow == copy, "a copy filled in is the copy that was never shared");
            is_well_formed(&copy);
            reads_back(&said, &link.replace('(', "%28").replace(')', "%29"), &copy);
        }
        Err(why) => assert!(said.is_unfit(), "refused without fault: {why}"),
    }
}

impl Said {
    /// A CR that a field follows is a line end whatever the field begins with.
    fn filled(&self, part: &str) -> String {
        let part = part.replace("\r\n", "\n").replace('\r', "\n");
        FIELDS.iter().zip(&self.fills).fold(part, |part, (field, value)| part.replace(*field, value))
    }

    /// Something in it can stand in no mail.
    fn is_unfit(&self) -> bool {
        let breaks = |value: &str| value.contains(|c: char| c < ' ' && c != '\t');
        let unknown = |part: &str| part.contains(|c: char| c < ' ' && !"\t\r\n\u{11}\u{12}".contains(c));
        let no_link =
            |link: &str| link.len() > 900 || !link.bytes().all(|b| b.is_ascii_graphic() && !b"<>,\"\\".contains(&b));
        [&self.name, &self.subject, &self.title, &self.edition].into_iter().any(|value| breaks(value))
            || no_link(&self.link)
            || unknown(&self.text)
            || unknown(&self.html)
    }
}

/// RFC 5322 section 2.1.1, RFC 2045 section 6.7, and one of each header.
fn is_well_formed(copy: &Content) {
    let message = String::from_utf8(copy.message()).unwrap();
    assert!(message.is_ascii() && message.ends_with("\r\n"));
    assert!(!message.replace("\r\n", "").contains(['\r', '\n', '\0']), "bare CR, LF or NUL");
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    assert!(head.split("\r\n").all(|line| line.len() <= 998 && !line.trim().is_empty()), "a line of {head}");
    assert!(body.split("\r\n").all(|line| line.len() <= 76), "a body line is too long");
    let fields = head.split("\r\n").filter(|line| !line.starts_with(' '));
    let mut names: Vec<_> = fields.map(|line| line.split_once(':').unwrap().0).collect();
    names.sort_unstable();
    let expected = [
        "Auto-Submitted",
        "Content-Type",
        "Date",
        "From",
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Message-ID",
        "Postroom-Edition",
        "Reply-To",
        "Subject",
        "To",
    ];
    assert_eq!(names, expected);
    let again = Content::new(message.as_bytes()).unwrap();
    assert!(again == *copy, "the same message, stuffed by itself");
}

fn reads_back(said: &Said, link: &str, copy: &Content) {
    let message = copy.message();
    let mail = MessageParser::default().parse(&message).unwrap();
    let plain = |value: &str| value.replace('\t', " ");
    assert_eq!(mail.subject().unwrap_or_default(), plain(&said.subject));
    for field in [mail.from(), mail.to(), mail.reply_to()] {
        assert_eq!(mailbox(field), (plain(&said.name).trim().to_owned(), "jane.doe@example.org".to_owned()));
    }
    assert_eq!(mail.message_id(), Some("abc.def@news.example.org"));
    let HeaderValue::Address(list) = mail.list_id() else { panic!("{:?}", mail.list_id()) };
    assert_eq!(mailbox(Some(list)), (plain(&said.title).trim().to_owned(), "weekly.news.example.org".to_owned()));
    let HeaderValue::Address(ways) = mail.list_unsubscribe() else { panic!("{:?}", mail.list_unsubscribe()) };
    assert_eq!(ways.first().and_then(|way| way.address()), Some(link));
    for (part, words) in [(mail.text_part(0), &said.text), (mail.html_part(0), &said.html)] {
        let expected = said.filled(words).replace('\n', "\r\n");
        assert_eq!(part.unwrap().text_contents().unwrap(), expected);
        assert!(part.unwrap().content_type().is_some());
    }
}

fn mailbox(address: Option<&Parsed<'_>>) -> (String, String) {
    let one = address.unwrap().first().unwrap();
    (one.name().unwrap_or_default().to_owned(), one.address().unwrap_or_default().to_owned())
}
