//! A full post made fit for mail: the same content once as HTML that survives
//! every client, once as text.

mod code;
mod links;
pub mod markup;
mod plain;
mod tables;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;
use css_inline::CSSInliner;

use super::direction::Direction;
use super::field::clean;
use super::model::{Extent, PostItem, SiteModel};
use super::tokens::MAIL_MEASURE;
use super::words::Words;
use markup::{Tag, Token, end_of, read, write};

/// Lines of one block of code shown in a mail.
const CODE_LINES: usize = 40;

/// A post's content for both parts of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Balanced HTML with inline styles, no class of its own but those of `mail-full.css`.
    pub html: String,
    /// 72 columns, its links listed at the end.
    pub text: String,
}

impl Body {
    /// Makes both from a post's HTML. Cut code says so and links to the post.
    pub fn of(words: &Words, site: &SiteModel, post: &PostItem) -> Self {
        // The sanitiser decodes references like `&#x11;`, so control characters are taken out after it.
        let sanitised = SANITISER.clean(&post.html).to_string();
        let mut content = read(&clean(&sanitised));
        level_headings(&mut content);
        fit_images(&mut content);
        links::name(words, &mut content);
        // The rest of what can be read nowhere else would be nowhere.
        if post.extent != Extent::Whole {
            cut_code(words, &mut content, &post.url);
        }
        links::lead_within(&mut content, &post.url);
        let content = tables::narrow(content);
        let text = plain::text(words, &content);
        let (_, direction) = post.reads(&site.language);
        let html = inline(&write(&for_clients(code::colour(content), direction)), &site.style.post, direction);
        Self { html: clean(&html).into_owned(), text: clean(&text).into_owned() }
    }
}

/// The archive has sanitised already; this narrows it to what mail can show
/// and gives the one spelling [`read`] understands.
static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .link_rel(None)
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .generic_attributes(HashSet::from(["lang", "dir", "id"]))
        .rm_tags(["area", "map", "nav", "center", "tt", "acronym", "data"])
        .add_tag_attributes("th", ["scope"])
        .add_tag_attributes("pre", ["class"])
        .add_tag_attributes("code", ["class"]);
    builder
});

/// Headings of the content begin at the second level, the title being the
/// first, and none skips a level.
fn level_headings(tokens: &mut [Token]) {
    let mut above: Vec<u8> = Vec::new();
    let mut now = String::new();
    for token in tokens {
        match token {
            Token::Open(tag) => {
                let Some(level) = heading_level(&tag.name) else { continue };
                above.retain(|higher| *higher < level);
                above.push(level);
                now = format!("h{}", (above.len() + 1).min(6));
                tag.name.clone_from(&now);
            }
            Token::Close(name) if heading_level(name).is_some() => name.clone_from(&now),
            _ => {}
        }
    }
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// Every picture has an `alt` and is no wider than the text; one whose address
/// mail cannot show (data, relative) becomes its words.
fn fit_images(tokens: &mut [Token]) {
    for token in tokens {
        let Token::Open(tag) = token else { continue };
        if tag.name != "img" {
            continue;
        }
        if !tag.get("src").is_some_and(|src| src.starts_with("https://") || src.starts_with("http://")) {
            *token = Token::Text(tag.get("alt").unwrap_or_default().to_owned());
            continue;
        }
        if tag.get("alt").is_none() {
            tag.set("alt", "");
        }
        tag.remove("align");
        let width = tag.get("width").and_then(|width| width.parse::<u32>().ok());
        if width.is_none_or(|width| width > MAIL_MEASURE) {
            // A height without its width would squeeze the picture.
            tag.remove("height");
            tag.remove("width");
        }
        if width.is_some_and(|width| width > MAIL_MEASURE) {
            tag.set("width", &MAIL_MEASURE.to_string());
        }
    }
}

/// Ends blocks of code after [`CODE_LINES`] lines with a link to the rest.
fn cut_code(words: &Words, tokens: &mut Vec<Token>, url: &str) {
    let mut at = 0;
    while let Some(start) = (at..tokens.len()).find(|&i| tokens[i].opens(&["pre"])) {
        let end = end_of(tokens, start);
        at = end;
        let mut lines = 0;
        for token in &mut tokens[start..end] {
            let Token::Text(text) = token else { continue };
            let kept = text.split_inclusive('\n').take(CODE_LINES.saturating_sub(lines)).map(str::len).sum();
            lines += text.matches('\n').count();
            text.truncate(kept);
        }
        if lines > CODE_LINES {
            let rest = [
                Token::open("p", &[]),
                Token::open("a", &[("href", &links::escaped(url))]),
                Token::words(&words.say("mail.post.rest", &[])),
                Token::close("a"),
                Token::close("p"),
            ];
            at += rest.len();
            tokens.splice(end..end, rest);
        }
    }
}

fn open_tags(tokens: &[Token]) -> impl Iterator<Item = &Tag> {
    tokens.iter().filter_map(|token| match token {
        Token::Open(tag) => Some(tag),
        _ => None,
    })
}

/// Code stands in a cell with a ground of its own, because Outlook gives
/// padding to cells only, and reads from left to right among whatever; unused
/// ids go.
fn for_clients(tokens: Vec<Token>, around: Direction) -> Vec<Token> {
    let places: HashMap<String, ()> =
        open_tags(&tokens).filter_map(|tag| tag.get("href")?.strip_prefix('#')).map(|p| (p.to_owned(), ())).collect();
    let table =
        [("role", "presentation"), ("width", "100%"), ("cellpadding", "0"), ("cellspacing", "0"), ("border", "0")];
    let mut made = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        if let Token::Open(tag) = &mut token
            && tag.get("id").is_some_and(|id| !places.contains_key(id))
        {
            tag.remove("id");
        }
        if let Token::Open(tag) = &mut token
            && around == Direction::Rtl
            && tag.name == "code"
        {
            tag.set("dir", "ltr");
        }
        let (opens, closes) = (token.opens(&["pre"]), token.closes("pre"));
        if opens {
            made.extend([Token::open("table", &table), Token::open("tbody", &[]), Token::open("tr", &[])]);
            made.push(match around {
                Direction::Ltr => Token::open("td", &[("class", "c")]),
                Direction::Rtl => Token::open("td", &[("class", "c"), ("dir", "ltr"), ("align", "left")]),
            });
        }
        made.push(token);
        if closes {
            made.extend(["td", "tr", "tbody", "table"].map(Token::close));
        }
    }
    made
}

/// Writes the post's style sheet into its elements.
fn inline(html: &str, css: &str, direction: Direction) -> String {
    let css = match direction {
        Direction::Ltr => css.to_owned(),
        Direction::Rtl => mirrored(css),
    };
    let inliner = CSSInliner::options().load_remote_stylesheets(false).minify_css(true).build();
    inliner.inline_fragment(html, &css).unwrap_or_else(|_| html.to_owned())
}

/// Left for right and right for left; four-sided shorthands too.
fn mirrored(css: &str) -> String {
    css.replace("left", "\u{0}")
        .replace("right", "left")
        .replace('\u{0}', "right")
        .replace("6px 12px 6px 0", "6px 0 6px 12px")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    pub(super) fn body(html: &str, language: &str) -> Body {
        let site = SiteModel {
            title: String::new(),
            url: String::new(),
            public_url: String::new(),
            language: "en".into(),
            postal_address: None,
            zone: chrono_tz::UTC,
            style: crate::views::style::Style::usual(),
        };
        let post = PostItem {
            subject: None,
            extent: Default::default(),
            title: "A title".into(),
            url: "https://e.org/p/?a=1&b=2".into(),
            date: Timestamp(0),
            minutes: 1,
            summary: String::new(),
            html: html.into(),
            language: Some(language.into()),
            authors: Vec::new(),
            reply_url: None,
            opens: None,
        };
        Body::of(&Words::english(), &site, &post)
    }

    fn shape(html: &str) -> Vec<String> {
        read(&body(html, "en").html)
            .into_iter()
            .filter_map(|token| match token {
                Token::Open(tag) => Some(tag.name),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn headings_start_at_the_second_level_and_skip_none() {
        assert_eq!(shape("<h1>a</h1><h4>b</h4><h6>c</h6><h4>d</h4><h2>e</h2>"), ["h2", "h3", "h4", "h3", "h3"]);
        assert_eq!(shape("<h3>a</h3><h2>b</h2><h3>c</h3>"), ["h2", "h2", "h3"]);
    }

    #[test]
    fn pictures_fit_the_text_and_those_mail_cannot_show_become_their_words() {
        let made = body(
            "<img src='https://e.org/a.png' width=1104 height=800><img src='data:image/png;base64,AA' alt='A &lt; B'>\
             <img src='https://e.org/b.png' width=20 height=10 alt=dot class=x style='float:left' onload=x>",
            "en",
        );
        assert!(made.html.contains("width=\"552\"") && !made.html.contains("800"), "{}", made.html);
        assert!(made.html.contains("alt=\"\"") && made.html.contains("A &lt; B"), "{}", made.html);
        assert!(made.html.contains("height=\"10\""), "{}", made.html);
        for gone in ["data:", "float", "onload", "class=\"x\""] {
            assert!(!made.html.contains(gone), "{gone} in {}", made.html);
        }
    }

    #[test]
    fn long_code_is_cut_with_a_link_to_the_rest_and_short_code_is_whole_in_both_parts() {
        let lines = |n: usize| (1..=n).map(|i| format!("line {i} &lt;\n")).collect::<String>();
        let short = body(&format!("<pre><code>{}</code></pre>", lines(40)), "en");
        assert!(short.html.contains("line 40") && short.text.contains("    line 40 <"), "{}", short.text);
        assert!(!short.html.contains("rest of this code"));
        let long = body(&format!("<pre><code>{}</code></pre><p>after</p>", lines(41)), "en");
        assert!(long.html.contains("line 40") && !long.html.contains("line 41"));
        assert!(long.html.contains("https://e.org/p/?a=1&amp;b=2"), "{}", long.html);
        assert!(long.text.contains("The rest of this code is on the web [1]"), "{}", long.text);
        assert!(long.text.ends_with("[1] https://e.org/p/?a=1&b=2"), "{}", long.text);
    }

    #[test]
    fn wide_tables_become_blocks_and_narrow_ones_name_their_columns() {
        let row = |cell: &str, n: usize| format!("<tr>{}</tr>", format!("<{cell}>x</{cell}>").repeat(n));
        let table = |n| format!("<table><thead>{}</thead><tbody>{}</tbody></table>", row("th", n), row("td", n));
        assert!(!shape(&table(4)).contains(&"table".to_owned()));
        let narrow = body(&table(3), "en").html;
        assert_eq!(narrow.matches("scope=\"col\"").count(), 3, "{narrow}");
        // Without names for its columns a wide table stays one.
        assert!(shape(&format!("<table>{}</table>", row("td", 5))).contains(&"table".to_owned()));
    }

    #[test]
    fn markup_that_is_not_closed_cannot_leave_its_cell() {
        let made = body("</td></tr></table><div><b>x<script>alert(1)</script><style>p{}</style>", "en").html;
        assert_eq!(made.matches("<div").count(), made.matches("</div>").count(), "{made}");
        assert!(!made.contains("</td>") && !made.contains("script") && !made.contains("p{}"), "{made}");
    }

    #[test]
    fn a_post_read_from_right_to_left_has_its_sides_turned_but_not_its_code() {
        let made =
            body("<blockquote>א</blockquote><ul><li>ב</li></ul><pre>x = 1;</pre><p><code>f()</code></p>", "he").html;
        assert!(made.contains("padding-right") && made.contains("border-right"), "{made}");
        assert!(made.contains("class=\"c\" align=\"left\" dir=\"ltr\""), "{made}");
        assert!(made.contains("<code dir=\"ltr\""), "{made}");
    }
}
