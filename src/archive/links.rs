//! Links from one post to another by its file, as generators allow them: they
//! become the address of that post.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::flaw::Flaw;
use super::markup::{self, Token};
use super::names::Name;
use super::post::{self, Setting, Source};
use super::sanitise::escape;
use super::scan;
use super::walk::Found;
use super::{Known, Scan};

/// Every file the walk found, and the addresses that are known. A link leads
/// to these alone: never through a link of the file system, or out of the archive.
#[derive(Default)]
pub(super) struct Files {
    found: HashMap<String, Found>,
    /// Of files that are as they were, and of those asked for.
    addresses: Mutex<HashMap<String, Option<String>>>,
}

/// What links between files are written with, in every generator.
const MARKS: [&str; 9] = [".md", "{filename}", "|filename|", "@/", "post_", "{% link", "{%- link", "ref ", ".html"];

/// More files than this are not looked for in every text: all are rendered again.
const MANY: usize = 20;

impl Files {
    pub fn of(files: &[Found], known: &HashMap<String, Known>) -> Self {
        let found: HashMap<String, Found> = files.iter().map(|found| (found.path.clone(), found.clone())).collect();
        let unchanged =
            known.iter().filter(|(path, known)| found.get(*path).is_some_and(|f| known.stamp == Some(f.stamp)));
        let addresses = unchanged.map(|(path, known)| (path.clone(), Some(known.url.clone()))).collect();
        Self { found, addresses: Mutex::new(addresses) }
    }

    /// The address of the post in a file.
    fn address(&self, path: &str, set: Setting<'_>) -> Option<String> {
        if let Some(address) = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return address.clone();
        }
        let address = self.found.get(path).and_then(|found| address_in(found, set));
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.insert(path.to_owned(), address.clone());
        address
    }

    /// The unchanged files that may link to one whose address is new, another
    /// one or none any more: they have to be rendered again.
    pub fn stale(&self, scan: &Scan, known: &HashMap<String, Known>) -> Vec<Found> {
        let read = scan.read.iter().map(|read| &read.entry);
        let moved = read.filter(|entry| known.get(&entry.path).is_none_or(|known| known.url != entry.url));
        let gone = known.keys().filter(|path| !self.found.contains_key(*path));
        let paths = moved.map(|entry| &entry.path).chain(gone);
        let names: HashSet<String> = paths.map(|path| Name::of(path).last).collect();
        let unchanged = scan.unchanged.iter().filter_map(|path| self.found.get(path));
        let names_one = |found: &&Found| {
            let bytes = scan::bytes(found).ok().flatten().unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            MARKS.iter().any(|mark| text.contains(mark)) && names.iter().any(|name| text.contains(name.as_str()))
        };
        match names.len() {
            0 => Vec::new(),
            many if many > MANY => unchanged.cloned().collect(),
            _ => unchanged.filter(names_one).cloned().collect(),
        }
    }
}

fn address_in(found: &Found, set: Setting<'_>) -> Option<String> {
    let bytes = scan::bytes(found).ok()??;
    let text = post::decode(&bytes).ok()?;
    let source = Source { path: &found.path, kind: found.kind, beside_index: found.beside_index, bytes: &bytes };
    let mut unsaid: Vec<Flaw> = Vec::new();
    post::place_of(source, &text, set, &mut unsaid).ok().map(|placed| placed.url.into())
}

/// Endings a link may leave out.
const ENDINGS: [&str; 7] = ["", ".md", ".markdown", ".mdx", ".html", "/index.md", "/index.mdx"];

/// The address of the file that `target` names in the file `from`: a path from
/// there, from the content's or the site's folder, or the name of a post.
pub(super) fn resolve(set: Setting<'_>, from: &str, target: &str) -> Option<String> {
    let (path, fragment) = target.find(['#', '?']).map_or((target, ""), |at| target.split_at(at));
    let path = path.trim().trim_matches(['"', '\'']);
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let bare = path.trim_start_matches('/');
    let content = set.site.content();
    let of_site = |path: String| path.strip_prefix(set.site.prefix()).map(str::to_owned);
    let places = [
        (!path.starts_with('/')).then(|| format!("{folder}/{path}")),
        of_site(format!("{content}{bare}")),
        of_site(bare.to_owned()),
        of_site(format!("{content}_posts/{bare}")),
        Some(bare.to_owned()),
    ];
    let found = places.into_iter().flatten().filter_map(|path| within(&path)).find_map(|path| {
        ENDINGS.iter().map(|ending| format!("{path}{ending}")).find(|path| set.files.found.contains_key(path))
    })?;
    Some(set.files.address(&found, set)? + fragment)
}

/// The path without `.` and `..`; `None` when it leaves the archive.
pub(super) fn within(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Turns links to files into links to posts; those that lead nowhere stay.
pub(super) fn relink(html: String, from: &str, set: Setting<'_>) -> String {
    if ![
        "href=\"@/",
        "%7Bfilename%7D",
        "%7Bstatic%7D",
        "%7Battach%7D",
        "{filename}",
        "{static}",
        "{attach}",
        ".md",
        ".mdx",
    ]
    .iter()
    .any(|mark| html.contains(mark))
    {
        return html;
    }
    let mut out = String::with_capacity(html.len());
    for (range, token) in markup::tokens(&html) {
        let piece = &html[range];
        let key = match token {
            Token::Open { name, .. } if name.eq_ignore_ascii_case("a") => "href",
            Token::Open { name, .. } if name.eq_ignore_ascii_case("img") => "src",
            _ => {
                out.push_str(piece);
                continue;
            }
        };
        let Token::Open { attributes, .. } = token else { continue };
        let value = markup::attribute(attributes, key).unwrap_or_default();
        match target(value, from, set) {
            // By its place in the tag: another attribute may hold the same text.
            Some(address) => {
                let at = value.as_ptr().addr() - piece.as_ptr().addr();
                out.push_str(&piece[..at]);
                out.push_str(&escape(&address));
                out.push_str(&piece[at + value.len()..]);
            }
            None => out.push_str(piece),
        }
    }
    out
}

fn target(value: &str, from: &str, set: Setting<'_>) -> Option<String> {
    let value = markup::resolve(value).replace("%7B", "{").replace("%7D", "}");
    if let Some(path) = value.strip_prefix("@/") {
        return resolve(set, from, &format!("/{path}"));
    }
    for mark in ["{filename}", "|filename|"] {
        if let Some(path) = value.strip_prefix(mark) {
            return resolve(set, from, path);
        }
    }
    for mark in ["{static}", "{attach}", "|static|"] {
        if let Some(path) = value.strip_prefix(mark) {
            let (_, inside) = set.site.within(from)?;
            let folder = inside.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
            return set.addresses.below_site(&within(&path)?).map(String::from);
        }
    }
    let path = value.split(['#', '?']).next().unwrap_or_default();
    let is_file = [".md", ".mdx", ".markdown"].iter().any(|ending| path.ends_with(ending));
    (is_file && !value.contains(':') && !value.starts_with("//")).then(|| resolve(set, from, &value)).flatten()
}
