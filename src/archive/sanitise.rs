//! The allow-list all post HTML passes through. What comes out holds no
//! script, no style, no relative address and no control character, and
//! passing it through again changes nothing.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use ammonia::{Builder, UrlRelative};
use url::Url;

use super::embeds;
use super::flaw::Flaw;
use super::markup::{self, Token};
use super::straight;

/// Elements that stay. Others go and leave their content.
const TAGS: &[&str] = &[
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Elements that go with their content.
const REFUSED: &[&str] = &[
    "applet", "audio", "button", "canvas", "embed", "head", "iframe", "math", "noembed", "noframes", "noscript",
    "object", "script", "select", "style", "svg", "template", "textarea", "title", "video",
];

/// Attributes that stay on one element.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["class", "href", "rel"]),
    ("code", &["class"]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("del", &["datetime"]),
    ("details", &["open"]),
    ("img", &["alt", "height", "src", "width"]),
    ("ins", &["datetime"]),
    ("ol", &["reversed", "start", "type"]),
    ("li", &["value"]),
    ("pre", &["class"]),
    ("section", &["class"]),
    ("sup", &["class"]),
    ("td", &["align", "colspan", "headers", "rowspan"]),
    ("th", &["align", "colspan", "headers", "rowspan", "scope"]),
    ("time", &["datetime"]),
];

/// Attributes that stay on every element.
const EVERYWHERE: &[&str] = &["dir", "id", "lang", "title"];

/// Classes that mean something to the mails and feeds made from a post.
const CLASSES: &[&str] = &["footnote-backref", "footnote-ref", "footnotes"];

/// Schemes of addresses that stay.
pub(super) const SCHEMES: &[&str] = &["http", "https", "mailto", "sms", "tel", "xmpp"];

/// The deepest nesting of elements. Parsing takes time in its square.
pub(super) const DEPTH_LIMIT: usize = 256;

/// How often HTML is passed through before it is given up. Real posts need
/// two rounds; what needs more was built to be read in two ways.
const ROUNDS: usize = 8;

/// Plain text as HTML, in an attribute too.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Cleans the HTML of a post whose address is `base`.
///
/// # Errors
/// Elements are nested too deep.
pub(super) fn sanitise(html: &str, base: &Url) -> Result<String, Flaw> {
    straight::clean(html, base).map_or_else(|| sanitise_any(html, base), Ok)
}

/// The long way, through a parser of whatever there may be.
fn sanitise_any(html: &str, base: &Url) -> Result<String, Flaw> {
    if markup::is_deeper_than(DEPTH_LIMIT, html) {
        return Err(Flaw::new(format!("elements are nested more than {DEPTH_LIMIT} deep")));
    }
    let builder = builder(base);
    let mut clean = pass(&builder, &embeds::linked(html, base));
    for _ in 0..ROUNDS {
        let again = pass(&builder, &clean);
        if again == clean {
            return Ok(clean);
        }
        clean = again;
    }
    Ok(format!("<p>{}</p>", ammonia::clean_text(&super::text::plain(&clean))))
}

fn pass(builder: &Builder<'_>, html: &str) -> String {
    let clean = builder.clean(&printable(html)).to_string();
    let clean = printable(&clean);
    if clean.contains("<img") { without_empty_images(&clean) } else { clean.into_owned() }
}

fn builder(base: &Url) -> Builder<'static> {
    let mut builder = Builder::empty();
    builder
        .tags(set(TAGS))
        .clean_content_tags(set(REFUSED))
        .tag_attributes(ATTRIBUTES.iter().map(|(tag, names)| (*tag, set(names))).collect::<HashMap<_, _>>())
        .generic_attributes(set(EVERYWHERE))
        .url_schemes(set(SCHEMES))
        .url_relative(UrlRelative::RewriteWithBase(base.clone()))
        .link_rel(None)
        .strip_comments(true)
        .attribute_filter(filter);
    builder
}

fn set(names: &[&'static str]) -> HashSet<&'static str> {
    names.iter().copied().collect()
}

/// Whether an attribute stays on an element that stays.
pub(super) fn is_allowed(element: &str, attribute: &str) -> bool {
    let own = ATTRIBUTES.iter().find(|(known, _)| *known == element);
    EVERYWHERE.contains(&attribute) || own.is_some_and(|(_, names)| names.contains(&attribute))
}

/// Classes that mean something, pictures from the web; everything else as it is.
pub(super) fn filter<'v>(element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match attribute {
        "class" => {
            let kept: Vec<&str> = value.split_ascii_whitespace().filter_map(class).collect();
            (!kept.is_empty()).then(|| Cow::Owned(kept.join(" ")))
        }
        // Only a scheme has letters before the first colon.
        "src" if element == "img" => {
            let scheme =
                value.split_once(':').map(|(scheme, _)| scheme.trim()).filter(|s| !s.contains(['/', '?', '#', '.']));
            let refused = scheme.is_some_and(|s| !s.eq_ignore_ascii_case("http") && !s.eq_ignore_ascii_case("https"));
            (!refused && !value.trim().is_empty()).then_some(Cow::Borrowed(value))
        }
        _ => Some(Cow::Borrowed(value)),
    }
}

/// `language-rust,ignore` is `language-rust`.
fn class(name: &str) -> Option<&str> {
    if name.starts_with("language-") || name.starts_with("lang-") {
        return name.split([',', '{', ';']).next().filter(|name| !name.ends_with('-'));
    }
    CLASSES.contains(&name).then_some(name)
}

/// Drops what XML 1.0 cannot hold and what the marks of personal fields in
/// mail are made of: all control characters but tab and newline.
fn printable(text: &str) -> Cow<'_, str> {
    let wanted = |c: char| (!c.is_control() || c == '\t' || c == '\n') && !matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.chars().all(wanted) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|c| wanted(*c)).collect())
    }
}

/// A picture whose source was refused would be a broken one.
fn without_empty_images(html: &str) -> String {
    let mut kept = String::with_capacity(html.len());
    for (range, token) in markup::tokens(html) {
        match token {
            Token::Open { name: "img", attributes } if markup::attribute(attributes, "src").is_none() => {}
            _ => kept.push_str(&html[range]),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(html: &str) -> String {
        sanitise(html, &Url::parse("https://example.org/blog/post/").unwrap()).unwrap()
    }

    #[test]
    fn what_a_post_is_made_of_stays() {
        for html in [
            r#"<h2 id="a">A</h2>"#,
            r#"<pre><code class="language-rust">fn main() {}</code></pre>"#,
            r#"<table><thead><tr><th align="right">a</th></tr></thead><tbody><tr><td colspan="2">b</td></tr></tbody></table>"#,
            r#"<figure><img src="https://example.org/a.png" alt="A" width="10" height="20"><figcaption>c</figcaption></figure>"#,
            r#"<details open=""><summary>a</summary><p dir="rtl" lang="ar">b</p></details>"#,
            r#"<p><abbr title="b">a</abbr><kbd>c</kbd><sub>d</sub><sup>e</sup></p>"#,
            "<dl><dt>a</dt><dd>b</dd></dl>",
            r#"<sup class="footnote-ref"><a href="https://example.org/blog/post/#fn-1" id="fnref-1">1</a></sup>"#,
            r#"<section class="footnotes"><ol><li id="fn-1"><p>a</p></li></ol></section>"#,
        ] {
            assert_eq!(clean(html), html);
        }
    }

    #[test]
    fn what_acts_or_hides_goes() {
        for (html, kept) in [
            ("a<script>alert(1)</script>b", "a<a href=\"https://example.org/blog/post/\">See what is shown here</a>b"),
            ("<style>p{}</style><p style=\"x\" onclick=\"y\" class=\"z\">a</p>", "<p>a</p>"),
            ("<a href=\"javascript:alert(1)\">a</a>", "<a>a</a>"),
            ("<a href=\" jav&#9;ascript:alert(1)\">a</a>", "<a>a</a>"),
            ("<a href=\"data:text/html,x\">a</a>", "<a>a</a>"),
            (
                "a<img src=\"data:image/png;base64,AAAA\" alt=\"x\">b",
                "a<a href=\"https://example.org/blog/post/\">x</a>b",
            ),
            ("a<img alt=\"x\">b<img src=\"mailto:x\">", "ab"),
            (
                "<iframe src=\"https://example.org\">x</iframe><form><input>a</form>",
                "<a href=\"https://example.org/\">Open example.org</a>a",
            ),
            ("<svg><a href=\"#\">x</a></svg><math><mi>x</mi></math>a", "a"),
            ("<!-- a -->b", "b"),
            ("<font color=red>a</font>", "a"),
            ("a\u{1}\u{0}b&#2;c\u{7f}\u{85}d\re&#13;f\u{ffff}", "abcdef"),
            ("<code class=\"hljs language-rust,ignore x\">a</code>", "<code class=\"language-rust\">a</code>"),
        ] {
            assert_eq!(clean(html), kept, "{html}");
        }
    }

    #[test]
    fn addresses_become_absolute_against_the_posts_own() {
        for (html, kept) in [
            ("<a href=\"../x\">a</a>", "<a href=\"https://example.org/blog/x\">a</a>"),
            ("<a href=\"#b\">a</a>", "<a href=\"https://example.org/blog/post/#b\">a</a>"),
            ("<a href=\"//b.example/c\">a</a>", "<a href=\"https://b.example/c\">a</a>"),
            ("<a href=\"mailto:a@example.org\">a</a>", "<a href=\"mailto:a@example.org\">a</a>"),
            ("<img src=\"/a.png\">", "<img src=\"https://example.org/a.png\">"),
            ("<img src=\"a b.png\">", "<img src=\"https://example.org/blog/post/a%20b.png\">"),
            ("<q cite=\"/s\">a</q>", "<q>a</q>"),
        ] {
            assert_eq!(clean(html), kept);
        }
    }

    #[test]
    fn what_comrak_writes_goes_the_short_way() {
        let text = "# A\n\nb *c* [d](/e \"f & g\") `h`\n\n- i\n  - j\n\n1. k\n\n> l ![m](n.png)\n\n|o|p|\n|-|:-:|\n|q|r|\n\n\
            ---\n\n```rust\ns < t\n```\n\n<!-- more -->\n\nu[^1] \"v\" https://w.example<br>~~x~~\n\n[^1]: y\n";
        let html = super::super::markdown::render(text, false, super::super::markdown::HeadingIds::GitHub).html;
        let base = Url::parse("https://example.org/blog/post/").unwrap();
        assert_eq!(straight::clean(&html, &base), Some(sanitise_any(&html, &base).unwrap()));
    }

    #[test]
    fn too_deep_is_said_and_unclosed_is_closed() {
        let base = Url::parse("https://example.org/").unwrap();
        assert!(sanitise(&"<div>".repeat(100_000), &base).is_err());
        assert!(sanitise(&"<p>a".repeat(10_000), &base).is_ok());
        assert_eq!(clean("<p><b>a"), "<p><b>a</b></p>");
    }

    /// Elements in order, here and there one that is not where it belongs.
    fn tree() -> impl Strategy<Value = String> {
        let words = "([a-z \n\t\u{a0}é字]|&(amp|lt|gt|quot|nbsp);){0,6}";
        let leaf = prop_oneof![
            4 => words,
            1 => Just("<br />".to_owned()),
            1 => Just("<hr>".to_owned()),
            1 => Just("<!-- more -->".to_owned()),
            1 => "<img src=\"[a-z/:.]{0,8}\" alt=\"[a-z\u{a0}]{0,3}(&quot;)?\" ?/?>",
            1 => "[a-z<>&\u{7f}\u{85}\u{ffff}\r;\"]{0,4}",
        ];
        let attributes = "( (href|class|id|title|data-x|src)(=\"(https?://|[a-z]{0,4}:|)[a-z/?#.{}% -]{0,6}(&(amp|quot);)?\")?){0,2}";
        leaf.prop_recursive(5, 40, 5, move |inner| {
            let names = prop_oneof![6 => proptest::sample::select(TAGS), 1 => proptest::sample::select(REFUSED)];
            let plain = (names, attributes, proptest::collection::vec(inner.clone(), 0..4));
            let list = proptest::collection::vec(inner.clone(), 0..4);
            prop_oneof![
                4 => plain.prop_map(|(name, attributes, inner)| format!("<{name}{attributes}>{}</{name}>", inner.concat())),
                1 => list.prop_map(|items| format!("<ul>\n<li>{}</li>\n</ul>", items.join("</li>\n<li>"))),
                1 => inner.prop_map(|cell| format!("<table>\n<tbody><tr><td>{cell}</td>\n</tr></tbody></table>")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_short_way_leads_where_the_long_one_does(html in proptest::collection::vec(tree(), 1..4)) {
            let (html, base) = (html.concat(), Url::parse("https://example.org/post/").unwrap());
            if let Some(short) = straight::clean(&html, &base) {
                prop_assert_eq!(&sanitise_any(&html, &base).unwrap(), &short);
                prop_assert_eq!(straight::clean(&short, &base), Some(short));
            }
        }

        #[test]
        fn a_second_time_changes_nothing_and_nothing_acts(
            html in "([a-z <>&;\"'=\u{1}\n]|</?(p|a|b|i|pre|table|tr|td|div|svg|math|style|script|img|li|ul|h1|code|select|mi|title|form)( (href|src|class|id)=\"?[a-z:/#&;]{0,8}\"?)?>|<!--|-->|&#[0-9]{1,3};){0,30}"
        ) {
            let base = Url::parse("https://example.org/post/").unwrap();
            let once = sanitise(&html, &base).unwrap();
            prop_assert_eq!(&sanitise(&once, &base).unwrap(), &once);
            let lower = once.to_lowercase();
            for refused in ["<script", "<style", "<svg", "<math", "<!--", "<form", " onclick"] {
                prop_assert!(!lower.contains(refused), "{}", once);
            }
            prop_assert!(once.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        }
    }
}
