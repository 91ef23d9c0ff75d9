//! What neither mail nor a feed reader shows (films, frames, drawings, scripts)
//! becomes a link to where it can be seen.

use std::borrow::Cow;

use url::Url;

use super::markup::{self, Token};
use super::sanitise::escape;
use super::text;

/// Elements that show something of their own, and what a link to it says.
const SHOWS: [(&str, &str); 9] = [
    ("iframe", "Open"),
    ("video", "Watch the video"),
    ("audio", "Listen to the recording"),
    ("embed", "Open"),
    ("object", "Open"),
    ("applet", "Open"),
    ("canvas", "See the drawing"),
    ("svg", "See the drawing"),
    ("script", "See what is shown here"),
];

/// Scripts that change nothing a reader of the text would miss.
const QUIET: [&str; 12] = [
    "platform.twitter.com",
    "platform.x.com",
    "embed.js",
    "embeds.js",
    "mathjax",
    "katex",
    "analytics",
    "gtag",
    "highlight",
    "prism",
    "polyfill",
    "instantpage",
];

/// Replaces what cannot be shown by links; `base` is the post's own address.
pub(super) fn linked<'h>(html: &'h str, base: &Url) -> Cow<'h, str> {
    if !shows_something(html) {
        return Cow::Borrowed(html);
    }
    let mut out = String::with_capacity(html.len());
    let (mut end, mut links, mut has_script) = (0, 0_usize, false);
    // What is not closed once is looked for no more: a text of nothing else would take for ever.
    let mut open: Vec<&str> = Vec::new();
    for (range, token) in markup::tokens(html) {
        if range.start < end {
            continue;
        }
        links = (links + usize::from(token.opens("a"))).saturating_sub(usize::from(token.closes("a")));
        let Token::Open { name, attributes } = token else {
            out.push_str(&html[range]);
            continue;
        };
        let shows = SHOWS.iter().find(|(element, _)| element.eq_ignore_ascii_case(name));
        let (made, length) = match shows {
            Some((element, words)) => {
                let rest = if open.contains(element) { "" } else { &html[range.end..] };
                let inside = Inside::of(rest, element, attributes).unwrap_or_else(|| {
                    open.push(element);
                    Inside { attributes, content: "", length: 0 }
                });
                let made = inside.link(element, words, base, &mut has_script);
                (made, range.end + inside.length)
            }
            None if name.eq_ignore_ascii_case("img") && is_data(attributes) => {
                let words = markup::attribute(attributes, "alt").map(|alt| text::one_line(&markup::resolve(alt)));
                let words = words.filter(|alt| !alt.is_empty()).unwrap_or_else(|| "See the picture".into());
                (Some((base.to_string(), words)), range.end)
            }
            None => {
                out.push_str(&html[range]);
                continue;
            }
        };
        end = length;
        match made {
            // No link stands in another.
            Some((_, words)) if links > 0 => out.push_str(&escape(&words)),
            Some((address, words)) => {
                out.push_str(&format!("<a href=\"{}\">{}</a>", escape(&address), escape(&words)));
            }
            None => {}
        }
    }
    Cow::Owned(out)
}

/// Whether any of it is there at all: most posts have none.
fn shows_something(html: &str) -> bool {
    html.match_indices('<').any(|(at, _)| {
        let name = &html.as_bytes()[at + 1..];
        let begins =
            |element: &str| name.get(..element.len()).is_some_and(|n| n.eq_ignore_ascii_case(element.as_bytes()));
        SHOWS.iter().any(|(element, _)| begins(element))
    }) || html.contains("data:")
}

fn is_data(attributes: &str) -> bool {
    let source = markup::attribute(attributes, "src").unwrap_or_default().trim_start();
    source.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// An element that shows something, with what it holds.
struct Inside<'h> {
    attributes: &'h str,
    content: &'h str,
    /// The bytes after its start tag that belong to it.
    length: usize,
}

impl<'h> Inside<'h> {
    /// `None` when it is not closed.
    fn of(rest: &'h str, element: &str, attributes: &'h str) -> Option<Self> {
        let inside = |content: usize, length: usize| Self { attributes, content: &rest[..content], length };
        if element == "embed" {
            return Some(inside(0, 0));
        }
        if matches!(element, "iframe" | "script") {
            let close = format!("</{element}");
            let is_close =
                |at: &usize| rest.get(*at..at + close.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(&close));
            let at = rest.match_indices("</").map(|(at, _)| at).find(is_close)?;
            return Some(inside(at, rest[at..].find('>').map_or(rest.len(), |end| at + end + 1)));
        }
        let mut depth = 1_usize;
        markup::tokens(rest).find_map(|(range, token)| {
            depth = depth + usize::from(token.opens(element)) - usize::from(token.closes(element));
            (depth == 0).then(|| inside(range.start, range.end))
        })
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let value = text::one_line(&markup::resolve(markup::attribute(self.attributes, name)?));
        (!value.is_empty()).then_some(value)
    }

    /// Where what it shows is, as far as it says so.
    fn source(&self) -> Option<String> {
        let own = ["src", "data", "data-src"].iter().find_map(|name| self.attribute(name));
        own.or_else(|| {
            markup::tokens(self.content).find_map(|(_, token)| match token {
                Token::Open { name, attributes } if name.eq_ignore_ascii_case("source") => {
                    Some(markup::resolve(markup::attribute(attributes, "src")?).into_owned())
                }
                _ => None,
            })
        })
    }

    /// Address and words of the link in its place, if there is to be one.
    fn link(&self, element: &str, words: &str, base: &Url, has_script: &mut bool) -> Option<(String, String)> {
        let page = || base.to_string();
        let said = self.attribute("title").or_else(|| self.attribute("aria-label"));
        match element {
            "script" => {
                let source = self.source().unwrap_or_default();
                if let Some(gist) = source.strip_prefix("https://gist.github.com/") {
                    let gist = gist.split(".js").next().unwrap_or_default();
                    return Some((format!("https://gist.github.com/{gist}"), "Read on GitHub Gist".into()));
                }
                let kind = self.attribute("type").unwrap_or_default();
                let is_program = kind.is_empty() || kind == "module" || kind.contains("javascript");
                let is_quiet = QUIET.iter().any(|name| source.contains(name) || self.content.contains(name));
                if !is_program || is_quiet || std::mem::replace(has_script, true) {
                    return None;
                }
                Some((page(), words.to_owned()))
            }
            "svg" => {
                let is_drawing = self.attribute("aria-hidden").is_none()
                    && (said.is_some()
                        || self.attribute("role").is_some_and(|role| role == "img")
                        || self.content.len() > 1_000);
                is_drawing.then(|| (page(), said.unwrap_or_else(|| words.to_owned())))
            }
            "canvas" => Some((page(), said.unwrap_or_else(|| words.to_owned()))),
            _ => {
                let source = self.source().and_then(|source| base.join(source.trim()).ok());
                let source = source.filter(|source| matches!(source.scheme(), "http" | "https"));
                let Some(source) = source else {
                    return Some((page(), said.unwrap_or_else(|| "See it on the page".into())));
                };
                let (address, known) = watched(&source);
                let host = source.host_str().unwrap_or_default().trim_start_matches("www.").to_owned();
                let words = if words == "Open" { format!("Open {host}") } else { words.to_owned() };
                Some((address, said.or(known.map(str::to_owned)).unwrap_or(words)))
            }
        }
    }
}

/// The page of what a player shows, for players that are known.
fn watched(source: &Url) -> (String, Option<&'static str>) {
    let host = source.host_str().unwrap_or_default().trim_start_matches("www.");
    let last = source.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    match host {
        "youtube.com" | "youtube-nocookie.com" if source.path().starts_with("/embed/") => {
            (format!("https://www.youtube.com/watch?v={last}"), Some("Watch on YouTube"))
        }
        "player.vimeo.com" => (format!("https://vimeo.com/{last}"), Some("Watch on Vimeo")),
        _ => (source.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(html: &str) -> String {
        linked(html, &Url::parse("https://e.org/p/").unwrap()).into_owned()
    }

    #[test]
    fn what_is_shown_elsewhere_is_linked() {
        for (html, kept) in [
            (
                "a<iframe src=\"https://www.youtube.com/embed/abc?rel=0\"></iframe>b",
                "a<a href=\"https://www.youtube.com/watch?v=abc\">Watch on YouTube</a>b",
            ),
            (
                "<IFRAME title='A map' src=//maps.example/x><p>no</IFRAME >",
                "<a href=\"https://maps.example/x\">A map</a>",
            ),
            (
                "<video controls><source src=\"film.webm\"><p>no</p></video>",
                "<a href=\"https://e.org/p/film.webm\">Watch the video</a>",
            ),
            ("<embed src=x.swf>", "<a href=\"https://e.org/p/x.swf\">Open e.org</a>"),
            ("<object data=x.pdf><object>y</object></object>z", "<a href=\"https://e.org/p/x.pdf\">Open e.org</a>z"),
            ("<iframe src=\"javascript:x\"></iframe>", "<a href=\"https://e.org/p/\">See it on the page</a>"),
            ("<canvas id=c></canvas>", "<a href=\"https://e.org/p/\">See the drawing</a>"),
        ] {
            assert_eq!(made(html), kept);
        }
    }

    #[test]
    fn a_script_is_linked_once_and_a_quiet_one_not_at_all() {
        assert_eq!(
            made("<script>draw()</script>a<script src=b.js></script>"),
            "<a href=\"https://e.org/p/\">See what is shown here</a>a"
        );
        assert_eq!(
            made("<script src=\"https://gist.github.com/ann/1.js?file=a\"></script>"),
            "<a href=\"https://gist.github.com/ann/1\">Read on GitHub Gist</a>"
        );
        for quiet in [
            "<script async src=\"https://platform.twitter.com/widgets.js\"></script>",
            "<script type=\"application/ld+json\">{}</script>",
        ] {
            assert_eq!(made(quiet), "");
        }
    }

    #[test]
    fn pictures_in_the_text_itself_are_linked_and_ornaments_go() {
        assert_eq!(
            made("<img alt='A &amp; B' src='data:image/png;base64,AA'>"),
            "<a href=\"https://e.org/p/\">A &amp; B</a>"
        );
        assert_eq!(made("<svg role=img aria-label=Chart><path/></svg>"), "<a href=\"https://e.org/p/\">Chart</a>");
        assert_eq!(made("<a href=x><svg><path/></svg>a</a>"), "<a href=x>a</a>");
        assert_eq!(made("<a href=x><video src=y></video></a>"), "<a href=x>Watch the video</a>");
    }

    #[test]
    fn what_is_left_open_swallows_nothing() {
        assert_eq!(made("<video src=x>a<p>b"), "<a href=\"https://e.org/p/x\">Watch the video</a>a<p>b");
        assert_eq!(made("<svg>a"), "a");
        assert!(matches!(linked("a < b <p>", &Url::parse("https://e.org").unwrap()), Cow::Borrowed(_)));
    }
}
