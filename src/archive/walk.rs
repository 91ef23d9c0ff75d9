//! Which files of the folder may be posts. Nothing is opened here.

use std::collections::{BTreeMap, HashSet};
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use globset::{Glob, GlobSet, GlobSetBuilder};
use walkdir::{DirEntry, WalkDir};

use super::{MAX_BYTES, MAX_DEPTH, Stamp};
use crate::domain::{Fault, Timestamp};

/// The include and exclude patterns of the settings.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, Fault> {
        let set = |key: &str, patterns: &[String]| {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                let glob = Glob::new(pattern).map_err(|e| Fault::new(key, format!("`{pattern}`: {}", e.kind())))?;
                set.add(glob);
            }
            set.build().map_err(|e| Fault::new(key, e.to_string()))
        };
        let wanted = set("archive.include", include)?;
        let exclude = set("archive.exclude", exclude)?;
        Ok(Self { include: (!include.is_empty()).then_some(wanted), exclude })
    }

    fn takes(&self, path: &str) -> bool {
        self.include.as_ref().is_none_or(|set| set.is_match(path)) && !self.exclude.is_match(path)
    }
}

/// How the text of a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Markdown,
    /// Markdown with JSX.
    Mdx,
    Html,
}

impl Kind {
    pub fn of(extension: &str) -> Option<Self> {
        match extension {
            "md" | "markdown" | "mdown" | "mkd" | "mkdn" => Some(Self::Markdown),
            "mdx" => Some(Self::Mdx),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            _ => None,
        }
    }
}

/// A regular file that may be a post.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Archive-relative, `/` between its parts.
    pub path: String,
    pub full: PathBuf,
    pub kind: Kind,
    /// It lies beside an `index` file, whose post it may be a part of.
    pub beside_index: bool,
    pub stamp: Stamp,
}

/// What the folder holds.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub files: Vec<Found>,
    /// Paths that cannot be looked into; what is known at or below them stands.
    pub closed: Vec<(String, Fault)>,
    /// The same of what nobody asks for: it matters only where something was known.
    pub aside: Vec<(String, Fault)>,
    pub warnings: Vec<Fault>,
}

/// Files that lie beside posts everywhere and are never posts.
const COMPANIONS: &[&str] = &[
    "avif", "bmp", "css", "csv", "eot", "gif", "gz", "heic", "ico", "jpeg", "jpg", "js", "json", "m4a", "mjs", "mov",
    "mp3", "mp4", "ogg", "otf", "pdf", "png", "scss", "svg", "toml", "ts", "ttf", "tif", "tiff", "wav", "webm", "webp",
    "woff", "woff2", "xml", "yaml", "yml", "zip",
];

/// Endings of files that editors and copying programs leave or are still writing.
const UNFINISHED: &[&str] = &["bak", "crdownload", "orig", "part", "rej", "swo", "swp", "temp", "tmp"];

/// Looks through the folder; files that are no content of the site are passed over.
///
/// # Errors
/// The folder itself cannot be read.
pub(super) fn walk(root: &Path, filter: &Filter, is_content: &dyn Fn(&str) -> bool) -> Result<Walk, Fault> {
    let mut walk = Walk::default();
    let mut strangers = BTreeMap::<String, usize>::new();
    // Of one folder each, so that their paths differ where their names do.
    let by_name = |a: &DirEntry, b: &DirEntry| a.path().as_os_str().cmp(b.path().as_os_str());
    let entries = WalkDir::new(root).max_depth(MAX_DEPTH + 1).sort_by(by_name).into_iter();
    for entry in entries.filter_entry(|e| e.depth() == 0 || !is_special(e)) {
        match entry {
            Ok(entry) => {
                let path = relative(entry.path(), root);
                if !entry.file_type().is_file() || is_content(&path) {
                    sort(&entry, path, filter, &mut walk, &mut strangers);
                }
            }
            Err(e) if e.depth() == 0 => return Err(unreadable(root, &e.into())),
            Err(e) => {
                let path = e.path().map(|p| relative(p, root)).unwrap_or_default();
                // Gone since its folder was listed: as if it had not been there.
                if e.io_error().is_none_or(|e| e.kind() != ErrorKind::NotFound) {
                    let fault = Fault::new(&*path, format!("cannot be read: {}", plain(&e)));
                    walk.closed.push((path, fault));
                }
            }
        }
    }
    mark_companions(&mut walk.files);
    walk.warnings.extend(strangers.into_iter().map(|(kind, count)| stranger(&kind, count)));
    Ok(walk)
}

/// Hidden files, files of editors, and files that generators do not take for
/// posts (`_index.md`). Folders beginning with `_` do hold posts (`_posts`).
fn is_special(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    name.starts_with('.')
        || name.starts_with('~')
        || name.ends_with('~')
        || name.starts_with('#') && name.ends_with('#')
        || entry.file_type().is_dir() && name == "node_modules"
        || !entry.file_type().is_dir()
            && (name.starts_with('_') || UNFINISHED.iter().any(|e| ending.eq_ignore_ascii_case(e)))
}

/// Puts one entry where it belongs.
fn sort(entry: &DirEntry, path: String, filter: &Filter, walk: &mut Walk, strangers: &mut BTreeMap<String, usize>) {
    let mut warn = |reason: String| walk.warnings.push(Fault::new(&*path, reason));
    let kind = entry.file_type();
    if entry.depth() == 0 {
        return;
    }
    if kind.is_symlink() {
        // Where it stands may have been a folder of posts, whatever the patterns say of its own name.
        let found = (path.clone(), Fault::new(&*path, "skipped: a link, and links are not followed"));
        return if filter.takes(&path) { walk.closed.push(found) } else { walk.aside.push(found) };
    }
    if !kind.is_dir() && !filter.takes(&path) {
        return;
    }
    if entry.file_name().to_str().is_none_or(|name| name.contains(char::is_control)) {
        return warn("skipped: its name is not plain text".into());
    }
    if entry.depth() > MAX_DEPTH {
        return warn(format!("skipped: more than {MAX_DEPTH} folders deep"));
    }
    if kind.is_dir() {
        return;
    }
    if !kind.is_file() {
        let fault = Fault::new(&*path, "skipped: not a regular file");
        return walk.closed.push((path, fault));
    }
    let extension = entry.path().extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let Some(kind) = Kind::of(&extension) else {
        if !COMPANIONS.contains(&extension.as_str()) {
            *strangers.entry(extension).or_default() += 1;
        }
        return;
    };
    match entry.metadata() {
        Ok(data) if data.len() > MAX_BYTES => {
            let reason = format!("skipped: {} MiB, more than the 5 MiB a post may have", data.len().div_ceil(1 << 20));
            walk.closed.push((path.clone(), Fault::new(path, reason)));
        }
        Ok(data) => walk.files.push(Found {
            path,
            full: entry.path().to_owned(),
            kind,
            beside_index: false,
            stamp: stamp(&data),
        }),
        Err(e) => walk.closed.push((path.clone(), Fault::new(path, format!("cannot be read: {}", plain(&e))))),
    }
}

/// Marks the files in folders that are one post (`trip/index.md`).
fn mark_companions(files: &mut [Found]) {
    let place = |path: &str| path.rsplit_once('/').map(|(folder, file)| (folder.to_owned(), is_index(file)));
    let bundles: HashSet<String> = files.iter().filter_map(|f| place(&f.path).filter(|p| p.1)).map(|p| p.0).collect();
    for found in files {
        found.beside_index = place(&found.path).is_some_and(|(folder, index)| !index && bundles.contains(&folder));
    }
}

fn is_index(file: &str) -> bool {
    file.split('.').next().is_some_and(|stem| stem.eq_ignore_ascii_case("index"))
}

/// What a file looks like from outside.
pub(super) fn stamp(data: &Metadata) -> Stamp {
    let modified = data.modified().ok().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    });
    Stamp { size: data.len(), modified: Timestamp(modified) }
}

pub(super) fn relative(path: &Path, root: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let mut relative = String::with_capacity(path.as_os_str().len());
    for part in path.iter() {
        if !relative.is_empty() {
            relative.push('/');
        }
        relative.push_str(&part.to_string_lossy());
    }
    relative
}

/// Why there is no archive at all, at the key that names it.
pub(super) fn unreadable(root: &Path, e: &std::io::Error) -> Fault {
    let root = root.display();
    let reason = match e.kind() {
        ErrorKind::NotFound => format!("there is no folder {root}"),
        ErrorKind::NotADirectory => format!("{root} is a file and not a folder"),
        ErrorKind::PermissionDenied => format!("the folder {root} cannot be read: permission denied"),
        _ => format!("the folder {root} cannot be read: {e}"),
    };
    Fault::new("archive.path", reason).with_help("name the folder your posts are in")
}

fn plain(e: &walkdir::Error) -> String {
    e.io_error().map_or_else(|| e.to_string(), ToString::to_string)
}

fn stranger(extension: &str, count: usize) -> Fault {
    let place = if extension.is_empty() { "*".to_owned() } else { format!("*.{extension}") };
    let what = match extension {
        "" => "name without an ending",
        "rst" => "reStructuredText",
        "adoc" | "asciidoc" => "AsciiDoc",
        _ => "format",
    };
    let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    Fault::new(place, format!("{files} not understood: {what}"))
        .with_help("posts are Markdown (.md, .markdown, .mdx) or HTML (.html); exclude what is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        folder
    }

    fn paths(walk: &Walk) -> Vec<&str> {
        walk.files.iter().map(|f| f.path.as_str()).collect()
    }

    fn all() -> Filter {
        Filter::new(&[], &[]).unwrap()
    }

    #[test]
    fn posts_are_found_and_what_is_never_a_post_is_passed_over_in_silence() {
        let folder = archive(&[
            "b.md",
            "a/index.markdown",
            "_posts/c.HTML",
            "_index.md",
            ".git/d.md",
            ".hidden.md",
            "e.md~",
            "#f.md#",
            "g.md.swp",
            "~$h.md",
            "a/picture.png",
        ]);
        let walk = walk(folder.path(), &all(), &|_| true).unwrap();
        assert_eq!(paths(&walk), ["_posts/c.HTML", "a/index.markdown", "b.md"]);
        assert_eq!(walk.warnings, []);
    }

    #[test]
    fn files_beside_an_index_are_marked() {
        let folder = archive(&["trip/index.md", "trip/map.html", "a.md", "index.md"]);
        let walk = walk(folder.path(), &all(), &|_| true).unwrap();
        let marked: Vec<_> = walk.files.iter().filter(|f| f.beside_index).map(|f| f.path.as_str()).collect();
        assert_eq!(marked, ["trip/map.html"]);
    }

    #[test]
    fn unknown_endings_are_counted() {
        let folder = archive(&["a.rst", "b.rst", "LICENSE"]);
        let walk = walk(folder.path(), &all(), &|_| true).unwrap();
        let said: Vec<_> = walk.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["*: 1 file not understood: name without an ending", "*.rst: 2 files not understood: reStructuredText"]
        );
    }

    #[test]
    fn patterns_choose() {
        let folder = archive(&["blog/a.md", "blog/drafts/b.md", "docs/c.md"]);
        let filter = Filter::new(&["blog/**".into()], &["**/drafts/**".into()]).unwrap();
        assert_eq!(paths(&walk(folder.path(), &filter, &|_| true).unwrap()), ["blog/a.md"]);
        assert_eq!(Filter::new(&["[".into()], &[]).unwrap_err().place, "archive.include");
    }

    #[cfg(unix)]
    #[test]
    fn links_pipes_depth_and_size_are_skipped_with_a_reason() {
        let deep = format!("{}x.md", "d/".repeat(MAX_DEPTH));
        let folder = archive(&["real.md", "big.md", &deep]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.md")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(folder.path().join("pipe.md")).unwrap();
        let big = std::fs::File::options().write(true).open(folder.path().join("big.md")).unwrap();
        big.set_len(MAX_BYTES + 1).unwrap();
        let walk = walk(folder.path(), &all(), &|_| true).unwrap();
        drop(socket);
        assert_eq!(paths(&walk), ["real.md"]);
        let said: Vec<_> = walk.warnings.iter().map(|w| w.reason.as_str()).collect();
        assert_eq!(said, ["skipped: more than 16 folders deep"]);
        let closed: Vec<_> = walk.closed.iter().map(|(path, fault)| (path.as_str(), fault.reason.as_str())).collect();
        let link = "skipped: a link, and links are not followed";
        assert_eq!(closed[0].0, "big.md");
        assert_eq!(closed[1..], [("link.md", link), ("loop", link), ("pipe.md", "skipped: not a regular file")]);
    }

    #[test]
    fn a_missing_folder_is_a_fault() {
        let fault = walk(Path::new("no such folder"), &all(), &|_| true).unwrap_err();
        assert_eq!(fault.to_string(), "archive.path: there is no folder no such folder");
    }
}
