//! Episodes, films and pictures of a post, as front matter names them.

use url::Url;

use super::flaw::{Flaw, quote};
use super::front::{Matter, Value};
use crate::domain::post::Media;

/// Keys that name the picture of a post, the surest first.
const IMAGE: [&str; 10] = [
    "image",
    "cover",
    "featured_image",
    "thumbnail",
    "banner",
    "hero_image",
    "hero",
    "og_image",
    "images",
    "cover_image",
];

/// Keys that name what is played or fetched.
const ENCLOSURE: [&str; 9] =
    ["enclosure", "enclosures", "audio", "podcast", "audio_url", "mp3", "episode", "video", "podcast_url"];

/// Keys of a table that hold the address.
const ADDRESS: [&str; 9] = ["url", "src", "file", "href", "image", "relative", "path", "mp3", "audio"];

/// What endings of names mean.
const KINDS: [(&str, &str); 22] = [
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("aac", "audio/aac"),
    ("ogg", "audio/ogg"),
    ("oga", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("webm", "video/webm"),
    ("ogv", "video/ogg"),
    ("mov", "video/quicktime"),
    ("pdf", "application/pdf"),
    ("epub", "application/epub+zip"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
];

/// Files of one kind that are kept of a post.
pub(super) const MOST: usize = 10;

/// Reads them all: one picture, then what is played. `address` makes what the
/// author wrote absolute. What is not understood is passed over with a word.
pub(super) fn read(matter: &Matter, address: impl Fn(&str) -> Option<Url>, oddities: &mut Vec<Flaw>) -> Vec<Media> {
    let mut media: Vec<Media> = Vec::new();
    let image = IMAGE.iter().filter_map(|key| of(matter.get(key)?, matter, &address).into_iter().next());
    media.extend(image.map(|image| Media { kind: image_kind(&image), ..image }).next());
    for key in ENCLOSURE {
        let Some(value) = matter.get(key) else { continue };
        let found = of(value, matter, &address);
        let is_known = |one: &&Media| !one.kind.is_empty() && !one.is_image();
        if let Some(odd) = found.iter().find(|one| !is_known(one)) {
            let reason = format!("`{key}` is passed over: nothing says what kind of file {} is", quote(&odd.url));
            let flaw = Flaw::new(reason).at(matter.line_of(key));
            oddities.push(flaw.with_help("give it a `type`, like audio/mpeg"));
        }
        for one in found.iter().filter(is_known) {
            if media.len() < MOST && media.iter().all(|known| known.url != one.url) {
                media.push(one.clone());
            }
        }
    }
    media
}

/// A picture without a known ending is a picture all the same: addresses of image servers have none.
fn image_kind(image: &Media) -> String {
    if image.is_image() { image.kind.clone() } else { "image/jpeg".to_owned() }
}

/// The files a value names: a text, a table, or a list of those.
fn of(value: &Value, matter: &Matter, address: &impl Fn(&str) -> Option<Url>) -> Vec<Media> {
    match value {
        Value::Text(text) => one(text, None, matter, address).into_iter().collect(),
        Value::List(values) => values.iter().flat_map(|value| of(value, matter, address)).collect(),
        Value::Table(table) => {
            let inside = Matter::gathered(table.clone());
            let written = ADDRESS.iter().find_map(|key| inside.text(key));
            written.and_then(|written| one(written, Some(&inside), matter, address)).into_iter().collect()
        }
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

fn one(
    written: &str,
    inside: Option<&Matter>,
    matter: &Matter,
    address: &impl Fn(&str) -> Option<Url>,
) -> Option<Media> {
    // WordPress and its exports write address, length and type on three lines.
    let mut lines = written.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, second, third) = (lines.next()?, lines.next(), lines.next());
    let url = address(first).filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let said = |keys: &[&str]| keys.iter().find_map(|key| inside.and_then(|table| table.text(key)));
    let beside = |keys: &[&str]| keys.iter().find_map(|key| matter.text(key));
    let kind = said(&["type", "mime_type", "mimetype"]).or(third).or_else(|| beside(&["enclosure_type", "audio_type"]));
    let kind = kind.filter(|kind| is_kind(kind)).map(str::to_ascii_lowercase);
    let bytes = said(&["length", "size", "bytes", "filesize"]).or(second);
    let bytes =
        bytes.or_else(|| beside(&["enclosure_length", "audio_length", "podcast_bytes", "audio_bytes", "filesize"]));
    let seconds =
        said(&["duration", "seconds"]).or_else(|| beside(&["duration", "podcast_duration", "audio_duration"]));
    Some(Media {
        kind: kind.unwrap_or_else(|| kind_of(&url)),
        url: url.into(),
        bytes: bytes.and_then(|bytes| bytes.parse().ok()),
        seconds: seconds.and_then(playing_time),
    })
}

/// What the ending of a name says; empty when nothing.
pub(super) fn kind_of(url: &Url) -> String {
    let ending = url.path().rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    KINDS.iter().find(|(known, _)| *known == ending).map_or("", |(_, kind)| *kind).to_owned()
}

/// Whether a text has the form of a media type.
pub(super) fn is_kind(text: &str) -> bool {
    let is_token =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    text.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
}

/// `1:02:03`, `62:03` or `3723` as seconds.
fn playing_time(text: &str) -> Option<u32> {
    text.trim().split(':').try_fold(0_u32, |sum, part| {
        let part: f64 = part.trim().parse().ok().filter(|part: &f64| (0.0..1e7).contains(part))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be within 0 and 10 million"
        )]
        let whole = part as u32;
        sum.checked_mul(60)?.checked_add(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::front;

    fn media(yaml: &str) -> (Vec<Media>, Vec<String>) {
        let text = format!("---\n{yaml}\n---\nx\n");
        let (matter, _) = front::split(&text).unwrap().unwrap();
        let mut oddities = Vec::new();
        let base = Url::parse("https://blog.example/2026/post/").unwrap();
        let found = read(&matter, |written| base.join(written).ok(), &mut oddities);
        (found, oddities.into_iter().map(|flaw| flaw.reason).collect())
    }

    fn a(url: &str, kind: &str, bytes: Option<u64>, seconds: Option<u32>) -> Media {
        Media { url: format!("https://blog.example{url}"), kind: kind.into(), bytes, seconds }
    }

    #[test]
    fn episodes_and_pictures_are_found_however_authors_write_them() {
        let episode = || a("/a.mp3", "audio/mpeg", Some(123), Some(3723));
        let table = [
            ("audio: /a.mp3\nenclosure_length: 123\nduration: 1:02:03", vec![episode()]),
            ("enclosure:\n  url: /a.mp3\n  length: 123\n  type: audio/mpeg\n  duration: 3723", vec![episode()]),
            ("podcast: {file: /a.mp3, bytes: '123', duration: '62:03'}", vec![episode()]),
            ("enclosure: |\n  /a.mp3\n  123\n  audio/mpeg\nduration: 3723", vec![episode()]),
            ("image: cover.webp", vec![a("/2026/post/cover.webp", "image/webp", None, None)]),
            ("cover:\n  image: /c.png\n  alt: x", vec![a("/c.png", "image/png", None, None)]),
            ("images: [/1.jpg, /2.jpg]", vec![a("/1.jpg", "image/jpeg", None, None)]),
            ("image: /dynamic?id=1", vec![a("/dynamic?id=1", "image/jpeg", None, None)]),
            (
                "mp3: /a.mp3\nvideo: https://blog.example/b.mp4\nbanner: /c.gif",
                vec![
                    a("/c.gif", "image/gif", None, None),
                    a("/a.mp3", "audio/mpeg", None, None),
                    a("/b.mp4", "video/mp4", None, None),
                ],
            ),
            ("title: x", vec![]),
            ("image: false\naudio:", vec![]),
            ("image: 'data:image/png;base64,AAAA'\naudio: 'javascript:alert(1)'", vec![]),
        ];
        for (yaml, expected) in table {
            assert_eq!(media(yaml), (expected, vec![]), "{yaml}");
        }
    }

    #[test]
    fn what_is_no_file_of_a_known_kind_is_passed_over_with_a_word() {
        let (found, said) = media("audio: https://player.example/embed/1");
        assert_eq!(found, []);
        assert!(said[0].starts_with("`audio` is passed over"), "{said:?}");
        assert_eq!(media("duration: -1:00\naudio: /a.ogg").0, [a("/a.ogg", "audio/ogg", None, None)]);
    }
}
