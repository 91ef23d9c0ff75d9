//! Links from one post to another by its file, as generators allow them: they
//! become the address of that post.

use super::dialect::Place;
use super::flaw::Flaw;
use super::markup::{self, Token};
use super::names::Name;
use super::post::{self, Setting};
use super::sanitise::escape;
use super::walk::Kind;
use super::{MAX_BYTES, address, fields, front};

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
        ENDINGS.iter().map(|ending| format!("{path}{ending}")).find(|path| set.rules.root.join(path).is_file())
    })?;
    Some(address_of(set, &found)? + fragment)
}

/// The path without `.` and `..`; `None` when it leaves the archive.
fn within(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The address of the post in a file of the archive.
fn address_of(set: Setting<'_>, path: &str) -> Option<String> {
    let full = set.rules.root.join(path);
    let data = std::fs::symlink_metadata(&full).ok().filter(|data| data.is_file() && data.len() <= MAX_BYTES)?;
    let kind = Kind::of(path.rsplit_once('.')?.1)?;
    let mut bytes = Vec::with_capacity(usize::try_from(data.len()).ok()?);
    std::io::Read::read_to_end(&mut std::fs::File::open(full).ok()?, &mut bytes).ok()?;
    let text = post::decode(&bytes).ok()?;
    let mut matter = front::split(&text).ok()?.map(|(matter, _)| matter).unwrap_or_default();
    let (folder, inside) = set.site.within(path)?;
    matter.fill(set.site.dialect.defaults(set.site, &inside));
    let habits = set.site.dialect.habits(set.site);
    let mut unsaid: Vec<Flaw> = Vec::new();
    let fields = fields::read(&matter, set.rules.zone, &habits, &mut unsaid).ok()?;
    let name = Name::of(path);
    let date = post::date(&fields, &name, set).ok()?;
    let title = fields.title.clone().or_else(|| set.site.dialect.title(&name)).unwrap_or_default();
    let slug = fields.slug.clone().unwrap_or_else(|| name.slug.clone());
    let place = Place { folder, path: &inside, kind, beside_index: false };
    let parts = address::Parts {
        place,
        name: &Name::of(&inside),
        path: &name.path,
        matter: &matter,
        fields: &fields,
        habits: &habits,
        title: &title,
        slug: &slug,
        date,
    };
    address::of(parts, set, &mut unsaid).ok().map(String::from)
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
            Some(address) => out.push_str(&piece.replacen(value, &escape(&address), 1)),
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
