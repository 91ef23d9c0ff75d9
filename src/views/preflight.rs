//! What readers' inboxes would hold against a post or a mail, told to the
//! operator before it is sent. Sentences for `check`, `plan` and `send -n`.

use std::collections::BTreeSet;

use super::body::markup::{Tag, Token, read};
use super::mail::{LARGE, Mail};
use super::sheet::SUBJECT;
use crate::domain::Entry;

/// Pictures that some of the large mail programs do not show, by the end of their name.
const UNSHOWN: [(&str, &str); 3] =
    [("svg", "Gmail and Outlook do"), ("webp", "Outlook for Windows does"), ("avif", "most mail programs do")];

/// What is wrong with a post once it travels by mail.
pub fn of_post(entry: &Entry) -> Vec<String> {
    let subject = entry.send.subject.as_ref().unwrap_or(&entry.title);
    let length = subject.chars().count();
    let mut told = Vec::new();
    if length > SUBJECT {
        told.push(format!(
            "a subject of {length} characters is cut after {SUBJECT}; `subject` in its front matter is shorter"
        ));
    }
    let tags = tags(&entry.html);
    let places: BTreeSet<&str> = tags.iter().filter_map(|tag| tag.get("id").or(tag.get("name"))).collect();
    for tag in &tags {
        match tag.name.as_str() {
            "img" => told.extend(picture(tag)),
            "a" => told.extend(tag.get("href").and_then(|href| link(href, &entry.url, &places))),
            _ => {}
        }
    }
    told.dedup();
    told
}

fn picture(tag: &Tag) -> Vec<String> {
    let source = tag.get("src").unwrap_or_default();
    let name = source.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let mut told = Vec::new();
    if tag.get("alt").is_none() {
        told.push(format!(
            "the picture `{name}` has no words (alt) for who cannot see it; alt=\"\" says it needs none"
        ));
    }
    if let Some((_, who)) = UNSHOWN.iter().find(|(known, _)| *known == ending) {
        told.push(format!("{who} not show the picture `{name}`; PNG, JPEG and GIF are shown everywhere"));
    }
    if source.starts_with("data:") {
        told.push("a picture written into the text itself is shown by few mail programs; make it a file".into());
    }
    told
}

/// What is wrong with where a link leads, as far as it can be told from here.
fn link(href: &str, post: &str, places: &BTreeSet<&str>) -> Option<String> {
    // Within the post, which the archive writes with the post's own address.
    if let Some(place) = href.strip_prefix(post).unwrap_or(href).strip_prefix('#') {
        let is_there = place.is_empty() || places.contains(place);
        return (!is_there).then(|| format!("the link #{place} leads to no place in the post"));
    }
    let Ok(url) = url::Url::parse(href) else {
        return Some(format!("the link `{href}` leads nowhere from a mail: it is not a whole address"));
    };
    let here = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];
    let is_here = url.host_str().is_some_and(|host| here.contains(&host) || host.ends_with(".localhost"));
    is_here.then(|| format!("the link {href} leads to the reader's own machine"))
}

/// Where the links and pictures of a post lead on the web, each once.
pub fn addresses(entry: &Entry) -> BTreeSet<String> {
    let tags = tags(&entry.html);
    let all = tags.iter().filter_map(|tag| match tag.name.as_str() {
        "a" => tag.get("href"),
        "img" => tag.get("src"),
        _ => None,
    });
    let whole = all.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    whole.map(|url| url.split('#').next().unwrap_or_default().replace("&amp;", "&")).collect()
}

/// What is to be said of a mail that is ready.
pub fn of_mail(mail: &Mail) -> Vec<String> {
    let size = mail.encoded();
    let mut told = Vec::new();
    if mail.shortened > 0 {
        told.push(format!("{} of its posts are shorter than asked for, so that Gmail does not cut it", mail.shortened));
    }
    if mail.more > 0 {
        told.push(format!("{} of its posts are left to the page of all posts, for the same reason", mail.more));
    }
    if size > LARGE {
        told.push(format!("its HTML takes {} KB; Gmail hides what is beyond 102 KB", size / 1_000));
    }
    told
}

fn tags(html: &str) -> Vec<Tag> {
    let tokens = read(html).into_iter();
    tokens.filter_map(|token| if let Token::Open(tag) = token { Some(tag) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_inboxes_hold_against_pictures_and_links_is_told() {
        let post = "https://e.org/p/";
        let html = "<p id=\"there\"><img src=\"https://e.org/a.png\" alt=\"\"><img src=\"https://e.org/b.webp?x\">\
                    <a href=\"#there\">1</a><a href=\"https://e.org/p/#gone\">2</a><a href=\"https://e.org/#x\">3</a><a href=\"page.html\">4</a>\
                    <a href=\"http://localhost:1313/p/\">5</a><a href=\"mailto:j@e.org\">6</a>";
        let places = BTreeSet::from(["there"]);
        let tags = tags(html);
        let told: Vec<String> = tags.iter().filter(|tag| tag.name == "img").flat_map(picture).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].starts_with("the picture `b.webp` has no words")
                && told[1].starts_with("Outlook for Windows does not")
        );
        let hrefs = tags.iter().filter_map(|tag| tag.get("href"));
        let told: Vec<String> = hrefs.filter_map(|href| link(href, post, &places)).collect();
        assert_eq!(
            told,
            [
                "the link #gone leads to no place in the post",
                "the link `page.html` leads nowhere from a mail: it is not a whole address",
                "the link http://localhost:1313/p/ leads to the reader's own machine",
            ]
        );
    }

    #[test]
    fn a_mail_says_what_was_shortened_and_how_near_it_is_to_being_cut() {
        let mail = |bytes: usize, shortened, more| Mail {
            subject: String::new(),
            preheader: String::new(),
            html: "x".repeat(bytes),
            text: String::new(),
            shortened,
            more,
        };
        assert_eq!(of_mail(&mail(60_000, 0, 0)), Vec::<String>::new());
        assert_eq!(of_mail(&mail(89_000, 2, 3)).len(), 3);
    }
}
