//! The sizes of pictures that lie on the site: a reader's program leaves room
//! for them before they have come.

use std::path::{Path, PathBuf};

use super::links::within;
use super::markup::{self, Token};
use super::post::Setting;

/// Folders of a site whose files go where they stand below it, whichever the generator.
const FOLDERS: [&str; 6] = ["static", "public", "source", "content", "src", ""];

/// Gives width and height to every picture that has neither and whose file is there.
pub(super) fn sized(html: String, from: &str, set: Setting<'_>) -> String {
    if !html.contains("<img") {
        return html;
    }
    let mut out = String::with_capacity(html.len());
    for (range, token) in markup::tokens(&html) {
        let piece = &html[range];
        let size = match token {
            Token::Open { name, attributes } if name.eq_ignore_ascii_case("img") => unsized_source(attributes),
            _ => None,
        };
        match size.and_then(|source| measure(&source, from, set)) {
            Some((width, height)) => {
                let (open, rest) = piece.split_at("<img".len());
                out.push_str(&format!("{open} width=\"{width}\" height=\"{height}\"{rest}"));
            }
            None => out.push_str(piece),
        }
    }
    out
}

/// The address of a picture that says nothing of its size.
fn unsized_source(attributes: &str) -> Option<String> {
    let says = |name: &str| markup::attribute(attributes, name).is_some();
    let source = markup::attribute(attributes, "src").filter(|_| !says("width") && !says("height"))?;
    Some(markup::resolve(source).trim().to_owned())
}

fn measure(source: &str, from: &str, set: Setting<'_>) -> Option<(usize, usize)> {
    let site = set.addresses.site().as_str();
    let (path, is_rooted) = match source.strip_prefix(site) {
        Some(path) => (path, true),
        None => (source, source.starts_with('/')),
    };
    if path.starts_with("//") || path.split('/').next()?.contains(':') {
        return None;
    }
    let path = path.split(['?', '#']).next()?;
    let path = percent_decoded(path)?;
    let folder = &set.site.folder;
    if is_rooted {
        let path = within(&path)?;
        return FOLDERS.iter().find_map(|root| size_of(&folder.join(root).join(&path), folder));
    }
    let beside = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = within(&format!("{beside}/{path}"))?;
    size_of(&set.rules.root.join(path), folder)
}

/// The size of the picture in a file of the site: an ordinary one, reached
/// without leaving the folder through a link.
fn size_of(file: &Path, folder: &Path) -> Option<(usize, usize)> {
    let real: PathBuf = file.canonicalize().ok()?;
    let is_ours = real.starts_with(folder.canonicalize().ok()?) && real.is_file();
    let size = is_ours.then(|| imagesize::size(real).ok()).flatten()?;
    (size.width > 0 && size.height > 0).then_some((size.width, size.height))
}

fn percent_decoded(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}
