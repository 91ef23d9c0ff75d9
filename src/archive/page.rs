//! A page of HTML that has no front matter: its head says what it is.

use super::front::{Matter, Table, Value};
use super::markup::{self, Token};
use super::text;

/// What a page says of itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page<'a> {
    pub matter: Matter,
    /// The post within the page.
    pub body: &'a str,
}

/// Reads a page: `<title>` or else `<h1>`; `<meta>` for date, description and
/// author, else `<time datetime>`; the content of `<article>`, `<main>` or
/// `<body>`, the first that is there.
pub(super) fn read(html: &str) -> Page<'_> {
    let mut table = Table::new();
    let mut say = |key: &str, value: &str| {
        let value = text::one_line(value);
        if !value.is_empty() && table.iter().all(|(known, _)| known != key) {
            table.push((key.to_owned(), Value::Text(value)));
        }
    };
    for (_, token) in markup::tokens(html) {
        if let Token::Open { name, attributes } = token {
            let get = |wanted| markup::attribute(attributes, wanted).map(markup::resolve);
            match name.to_ascii_lowercase().as_str() {
                "meta" => {
                    let about = get("name").or_else(|| get("property")).unwrap_or_default().to_lowercase();
                    if let Some((_, key)) = METAS.iter().find(|(name, _)| *name == about) {
                        say(key, &get("content").unwrap_or_default());
                    }
                }
                "html" => say("lang", &get("lang").unwrap_or_default()),
                // A page's own date comes before the dates it speaks of, so the first counts.
                "time" => say("created", &get("datetime").unwrap_or_default()),
                _ => {}
            }
        }
    }
    say("title", &content(html, "title").map(markup::resolve).unwrap_or_default());
    say("headline", &content(html, "h1").map(text::plain).unwrap_or_default());
    let body = ["article", "main", "body"].iter().find_map(|element| content(html, element)).unwrap_or(html);
    Page { matter: Matter::gathered(table), body }
}

/// What `<meta>` calls a field.
const METAS: [(&str, &str); 6] = [
    ("date", "date"),
    ("dcterms.date", "date"),
    ("article:published_time", "date"),
    ("article:modified_time", "updated"),
    ("description", "description"),
    ("author", "author"),
];

/// The content of the first element of that name.
fn content<'a>(html: &'a str, element: &str) -> Option<&'a str> {
    let mut tokens = markup::tokens(html).skip_while(|(_, token)| !token.opens(element));
    let start = tokens.next()?.0.end;
    let mut depth = 1_usize;
    for (range, token) in tokens {
        depth = depth + usize::from(token.opens(element)) - usize::from(token.closes(element));
        if depth == 0 {
            return Some(&html[start..range.start]);
        }
    }
    Some(&html[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_by_its_head_and_its_article() {
        let page = read(
            "<!doctype html><html lang=de><head><title>A &amp; <b></title>\
             <meta name=\"date\" content=\"2024-05-31\"><meta content='Ann' name=Author>\
             </head><body><nav>no</nav><ARTICLE><h1>B</h1><article>c</article></ARTICLE>no</body></html>",
        );
        let get = |key| page.matter.get(key).cloned();
        let text = |text: &str| Some(Value::Text(text.into()));
        assert_eq!(page.body, "<h1>B</h1><article>c</article>");
        assert_eq!(get("title"), text("A & <b>"));
        assert_eq!((get("date"), get("author"), get("lang")), (text("2024-05-31"), text("Ann"), text("de")));
    }

    #[test]
    fn a_page_without_a_head_is_read_by_its_heading_and_time() {
        let page = read("<h1>A <em>title</em></h1><p><time datetime=\"2024-05-31\">today</time>");
        assert_eq!(page.matter.get("headline"), Some(&Value::Text("A title".into())));
        assert_eq!(page.matter.get("created"), Some(&Value::Text("2024-05-31".into())));
        assert!(page.body.starts_with("<h1>"));
    }
}
