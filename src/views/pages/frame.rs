//! What stands around every page: head, navigation, foot.

use chrono_tz::Tz;
use maud::{DOCTYPE, Markup, html};

use crate::domain::Timestamp;
use crate::views::direction::Direction;
use crate::views::words::Words;

/// What every page knows of the site it stands on.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The words, and the language they are in.
    pub words: &'a Words,
    /// Name of the site.
    pub title: &'a str,
    /// One sentence on what it is.
    pub description: &'a str,
    /// BCP 47 tag of its posts.
    pub language: &'a str,
    /// Absolute address of the operator's own site.
    pub home: &'a str,
    /// Absolute address of these pages, without a slash at its end.
    pub public_url: &'a str,
    /// Where the operator can be reached on paper.
    pub postal_address: Option<&'a str>,
    /// Dates are those of this zone.
    pub zone: Tz,
    /// The present instant.
    pub now: Timestamp,
}

/// Which entry of the navigation a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// The archive.
    Posts,
    /// Past editions.
    Editions,
    /// Feeds, for people.
    Feeds,
    /// The form.
    Subscribe,
    /// None of them.
    Elsewhere,
}

/// What goes into a page's head.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Stands before the site's name in the title bar; empty for the first page.
    pub title: &'a str,
    /// Entry of the navigation.
    pub tab: Tab,
    /// Absolute address search engines should prefer; without one the page asks not to be listed.
    pub canonical: Option<&'a str>,
}

/// The style sheet of all pages, its tokens to be filled in.
pub const STYLES: &str = include_str!("../../../templates/page.css");

/// The icon browsers show beside the title.
pub const ICON: &str = include_str!("../../../templates/icon.svg");

impl Site<'_> {
    /// A whole page around `main`.
    pub fn page(&self, head: Head<'_>, main: Markup) -> Markup {
        let words = self.words;
        let language = words.language();
        html! {
            (DOCTYPE)
            html lang=(language) dir=(Direction::of_language(&language).as_str()) {
                (self.head(head))
                body {
                    a.skip href="#main" { (words.say("page.frame.skip", &[])) }
                    header {
                        // The first page has the name as its heading.
                        @if !head.title.is_empty() { a.brand href="/" { (self.title) } }
                        (self.navigation(head.tab))
                    }
                    main #main { (main) }
                    (self.foot())
                }
            }
        }
    }

    fn head(&self, head: Head<'_>) -> Markup {
        let feed = |format: &str| format!("{} ({format})", self.title);
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { @if !head.title.is_empty() { (head.title) " · " } (self.title) }
                @if let Some(address) = head.canonical {
                    link rel="canonical" href=(address);
                } @else {
                    meta name="robots" content="noindex";
                }
                link rel="stylesheet" href="/page.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="alternate" type="application/atom+xml" title=(feed("Atom")) href="/atom.xml";
                link rel="alternate" type="application/feed+json" title=(feed("JSON Feed")) href="/feed.json";
                link rel="alternate" type="application/rss+xml" title=(feed("RSS")) href="/feed.xml";
            }
        }
    }

    fn navigation(&self, tab: Tab) -> Markup {
        let words = self.words;
        let entries = [
            (Tab::Posts, "/archive", words.say("page.frame.posts", &[])),
            (Tab::Editions, "/editions", words.say("page.frame.editions", &[])),
            (Tab::Feeds, "/feeds", words.say("page.frame.feeds", &[])),
            (Tab::Subscribe, "/subscribe", words.say("page.frame.subscribe", &[])),
        ];
        html! {
            nav aria-label=(words.say("page.frame.nav", &[])) {
                ul {
                    @for (entry, address, name) in entries {
                        li { a href=(address) aria-current=[(entry == tab).then_some("page")] { (name) } }
                    }
                }
            }
        }
    }

    fn foot(&self) -> Markup {
        let words = self.words;
        html! {
            footer {
                @if !self.is_ours(self.home) {
                    p { a href=(self.home) { (words.say("page.frame.back", &[("site", self.title)])) } }
                }
                @if let Some(address) = self.postal_address { p { (address) } }
            }
        }
    }

    /// Whether an address is one of these pages.
    pub fn is_ours(&self, address: &str) -> bool {
        address.strip_prefix(self.public_url).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// `lang` and `dir` of text in the posts' language, `None` where the page speaks it already.
    pub fn tongue<'b>(&'b self, language: Option<&'b str>) -> Option<(&'b str, &'static str)> {
        let language = language.unwrap_or(self.language);
        (language != self.words.language()).then(|| (language, Direction::of_language(language).as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_is_small_and_takes_every_colour_from_the_tokens() {
        let css = crate::views::tokens::fill(STYLES);
        assert!(css.len() <= 8 * 1_024, "{} bytes", css.len());
        for left in ["light(", "dark(", "font(", "url(", "@import", "http://", "//"] {
            assert!(!css.contains(left), "{left}");
        }
        let template = include_str!("../../../templates/page.css");
        assert!(!template.contains('#'), "a colour beside the tokens");
    }
}
