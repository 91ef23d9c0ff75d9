//! Links that a mail can carry: each with a name, those inside the post leading inside the mail.

use std::collections::HashSet;

use super::markup::{Token, end_of};
use super::open_tags;
use crate::views::words::Words;

/// A link needs a name: a picture alone without words gets one, a link around
/// nothing goes.
pub(super) fn name(words: &Words, tokens: &mut [Token]) {
    let is_named = |token: &Token| match token {
        Token::Text(text) => !text.trim().is_empty(),
        Token::Open(tag) => tag.name == "img" && tag.get("alt").is_some_and(|alt| !alt.trim().is_empty()),
        Token::Close(_) => false,
    };
    let mut at = 0;
    while let Some(start) = (at..tokens.len()).find(|&i| tokens[i].opens(&["a"])) {
        let end = end_of(tokens, start);
        at = start + 1;
        if tokens[start..end].iter().any(is_named) {
            continue;
        }
        let picture = tokens[start..end].iter_mut().find_map(|token| match token {
            Token::Open(tag) if tag.name == "img" => Some(tag),
            _ => None,
        });
        match picture {
            Some(picture) => picture.set("alt", &escaped(&words.say("mail.post.picture", &[]))),
            None => {
                if let Token::Open(tag) = &mut tokens[start] {
                    tag.remove("href");
                }
            }
        }
    }
}

/// Links to a place inside the content work inside the mail: their address is
/// the place alone, and the place also has the `name` some clients need. A link
/// to a place that is not here loses its address.
pub(super) fn lead_within(tokens: &mut Vec<Token>, url: &str) {
    let here = format!("{}#", url.replace('&', "&amp;"));
    let ids: HashSet<String> = open_tags(tokens).filter_map(|tag| tag.get("id")).map(str::to_owned).collect();
    let mut wanted = HashSet::new();
    for token in tokens.iter_mut() {
        let Token::Open(tag) = token else { continue };
        let Some(place) = tag.get("href").and_then(|to| to.strip_prefix('#').or_else(|| to.strip_prefix(&here))) else {
            continue;
        };
        let place = place.to_owned();
        if ids.contains(&place) {
            tag.set("href", &format!("#{place}"));
            wanted.insert(place);
        } else if tag.get("href").is_some_and(|to| to.starts_with('#')) {
            tag.remove("href");
        }
    }
    let mut linked = Vec::with_capacity(tokens.len());
    for token in tokens.drain(..) {
        let name = match &token {
            Token::Open(tag) => tag.get("id").filter(|id| wanted.contains(*id)).map(str::to_owned),
            _ => None,
        };
        let is_link = token.opens(&["a"]);
        linked.push(token);
        match (name, is_link, linked.last_mut()) {
            (Some(name), true, Some(Token::Open(tag))) => tag.set("name", &name),
            (Some(name), false, _) => linked.extend([Token::open("a", &[("name", &name)]), Token::close("a")]),
            _ => {}
        }
    }
    *tokens = linked;
}

/// Ready to stand in an attribute.
pub(super) fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use crate::views::body::tests::body;

    #[test]
    fn every_link_has_a_name_in_both_parts() {
        let made =
            body("<a href='https://e.org/1'><img src='https://e.org/a.png'></a> <a href='https://e.org/2'> </a>", "en");
        assert!(made.html.contains("alt=\"Picture\"") && !made.html.contains("e.org/2"), "{}", made.html);
        assert_eq!(made.text, "[Picture] [1]\n\nLinks:\n[1] https://e.org/1");
    }

    #[test]
    fn links_to_a_place_inside_work_inside_and_lead_nowhere_else() {
        let made = body(
            "<p>a<sup><a href='https://e.org/p/?a=1&amp;b=2#fn'>1</a></sup> <a href='#gone'>b</a></p>\
             <ol><li id='fn'>note <a href='#x'>↩</a></li></ol><p id='unused'>c</p>",
            "en",
        );
        assert!(made.html.contains("href=\"#fn\"") && made.html.contains("name=\"fn\""), "{}", made.html);
        assert!(!made.html.contains("#gone") && !made.html.contains("unused"), "{}", made.html);
        assert_eq!(made.text, "a¹ b\n\n1. note ↩\n\nc".replace(" ↩", ""), "{}", made.text);
    }
}
