//! What well-known tags become: words, links and pictures every reader can show.

use super::super::sanitise::escape;

/// The arguments of a tag: `a "b c" key=value`.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub places: Vec<String>,
    pub named: Vec<(String, String)>,
}

impl Arguments {
    /// Reads arguments parted by blanks or commas; `=` or `:` part names and values.
    pub fn of(text: &str) -> Self {
        let mut arguments = Self::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (word, after) = word(rest);
            rest = after.trim_start();
            match rest.strip_prefix('=') {
                Some(after) if !word.1 => {
                    let (value, after) = self::word(after.trim_start());
                    arguments.named.push((word.0, value.0));
                    rest = after;
                }
                _ => match word
                    .0
                    .split_once(':')
                    .filter(|(key, value)| !word.1 && !key.is_empty() && !value.starts_with('/'))
                {
                    Some((key, value)) if !value.is_empty() => arguments.named.push((key.to_owned(), value.to_owned())),
                    _ if word.0.is_empty() && !word.1 => {}
                    _ => arguments.places.push(word.0),
                },
            }
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        }
        arguments
    }

    /// A named argument, else the one at a place.
    pub fn get(&self, name: &str, place: usize) -> Option<&str> {
        let named = self.named.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        named.or_else(|| self.places.get(place).map(String::as_str)).filter(|text| !text.is_empty())
    }
}

/// The first word of a text, whether it stood in quotes, and the rest.
fn word(text: &str) -> ((String, bool), &str) {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`' | '“' | '”')) {
        let inside = &text[quote.len_utf8()..];
        let close = if quote == '“' { '”' } else { quote };
        let end = inside.match_indices(close).map(|(at, _)| at).find(|at| !inside[..*at].ends_with('\\'));
        let end = end.unwrap_or(inside.len());
        let rest = inside.get(end + close.len_utf8()..).unwrap_or_default();
        return ((inside[..end].replace("\\\"", "\""), true), rest);
    }
    let end = text.find(|c: char| c.is_whitespace() || c == '=' || c == ',').unwrap_or(text.len());
    if end == 0 {
        let first = text.chars().next().map_or(0, char::len_utf8);
        return ((String::new(), false), &text[first..]);
    }
    ((text[..end].to_owned(), false), &text[end..])
}

/// A link to something that stood here.
pub(super) fn link(address: &str, words: &str) -> String {
    format!("<a href=\"{}\">{}</a>", escape(address), escape(words))
}

/// A film or another thing shown by another site: a link to it. `None` when
/// the tag is not one of these.
pub(super) fn embed(tag: &str, arguments: &Arguments) -> Option<String> {
    let id = || arguments.get("id", 0);
    let (address, words) = match tag.to_ascii_lowercase().as_str() {
        "youtube" | "youtubeembed" => (with_base("https://www.youtube.com/watch?v=", id()?), "Watch on YouTube"),
        "vimeo" => (with_base("https://vimeo.com/", id()?), "Watch on Vimeo"),
        "streamable" => (with_base("https://streamable.com/", id()?), "Watch on Streamable"),
        "gist" => {
            let address = match (arguments.get("url", 9), arguments.places.first(), arguments.places.get(1)) {
                (Some(url), ..) => url.to_owned(),
                (None, Some(user), Some(id)) if !id.contains('.') => format!("https://gist.github.com/{user}/{id}"),
                (None, Some(id), _) => with_base("https://gist.github.com/", id),
                _ => return None,
            };
            (address, "Read on GitHub Gist")
        }
        "tweet" | "twitter" | "x" => {
            let user = arguments.get("user", 9).unwrap_or("i");
            (with_base(&format!("https://x.com/{user}/status/"), id()?), "Read on X")
        }
        "instagram" => (with_base("https://www.instagram.com/p/", id()?), "See on Instagram"),
        "jsfiddle" => (with_base("https://jsfiddle.net/", id()?), "See on JSFiddle"),
        _ => return None,
    };
    Some(link(&address, words))
}

/// An address in the place of an id stays what it is.
fn with_base(base: &str, id: &str) -> String {
    if id.starts_with("http://") || id.starts_with("https://") { id.to_owned() } else { format!("{base}{id}") }
}

/// A picture with what is said about it.
pub(super) fn figure(arguments: &Arguments) -> Option<String> {
    let source = arguments.get("src", 0)?;
    let alt = arguments.get("alt", 99).or_else(|| arguments.get("caption", 99)).unwrap_or_default();
    let mut picture = format!("<img src=\"{}\" alt=\"{}\"", escape(source), escape(alt));
    for size in ["width", "height"] {
        if let Some(value) = arguments
            .get(size, 99)
            .map(|value| value.trim_end_matches("px"))
            .filter(|v| v.bytes().all(|b| b.is_ascii_digit()))
        {
            picture.push_str(&format!(" {size}=\"{value}\""));
        }
    }
    picture.push('>');
    if let Some(address) = arguments.get("link", 99) {
        picture = format!("<a href=\"{}\">{picture}</a>", escape(address));
    }
    let words: Vec<String> = [("title", true), ("caption", false), ("attr", false)]
        .into_iter()
        .filter_map(|(name, strong)| Some((arguments.get(name, 99)?, strong)))
        .map(|(words, strong)| if strong { format!("<strong>{}</strong>", escape(words)) } else { words.to_owned() })
        .collect();
    let caption =
        if words.is_empty() { String::new() } else { format!("<figcaption>{}</figcaption>", words.join(" ")) };
    Some(format!("<figure>{picture}{caption}</figure>"))
}

/// Code between fences no line of it can close.
pub(super) fn code(language: &str, code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let language: String = language.chars().filter(|c| c.is_alphanumeric() || "+#-_.".contains(*c)).collect();
    format!("\n\n{fence}{language}\n{}\n{fence}\n\n", code.trim_matches('\n'))
}
