//! One look at the archive: what is new, what is as it was, what must wait.

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::num::NonZero;
use std::thread;

use super::dialect::{Place, Site, Take};
use super::flaw::Flaw;
use super::links::Files;
use super::post::{self, No, Setting, Source};
use super::walk::{self, Found};
use super::{Archive, Known, MAX_BYTES, Read, Scan, collide};
use crate::domain::time::Span;
use crate::domain::{Entry, Fault, Timestamp};

/// A file changed less than this before or after `now` may still be written to.
pub(super) const SETTLE: Span = Span::seconds(2);

/// Fewer files than this are not worth a second thread.
const FEW: usize = 16;

pub(super) fn scan(archive: &Archive, known: &HashMap<String, Known>, now: Timestamp) -> Result<Scan, Fault> {
    let root = &archive.rules.root;
    let before = identity_of(archive)?;
    let site = Site::of(root, archive.rules.dialect.as_deref());
    if let Some(fault) = site.fault() {
        return Err(fault);
    }
    let walk = walk::walk(root, &archive.filter, &|path| site.within(path).is_some())?;
    if walk.files.is_empty() && walk.closed.is_empty() && !known.is_empty() {
        let reason = format!("the folder {} is empty, and {} posts of it are known", root.display(), known.len());
        return Err(Fault::new("archive.path", reason).with_help("look whether it is mounted; nothing was changed"));
    }
    let mut scan = Scan { warnings: walk.warnings, ..Scan::default() };
    for (path, fault) in walk.closed {
        shut(&mut scan, known, &path, fault, true);
    }
    for (path, fault) in walk.aside {
        shut(&mut scan, known, &path, fault, false);
    }
    let posts = posts(&mut scan, &walk.files, known, &site);
    let fresh = sort(archive, &mut scan, posts, known, now);
    if !fresh.is_empty() || is_any_gone(known, &walk.files) {
        render(archive, &site, &mut scan, (&walk.files, &fresh), known, now);
    }
    if identity_of(archive)? != before {
        return Err(Fault::new(root.display().to_string(), "the archive was exchanged while it was read"));
    }
    collide::part(&mut scan, known);
    collide::hold(&mut scan, known);
    scan.faults.sort();
    scan.warnings.sort();
    Ok(scan)
}

/// Reads what is new, then what links to a post that came, moved or went.
fn render(
    archive: &Archive,
    site: &Site,
    scan: &mut Scan,
    (all, fresh): (&[Found], &[Found]),
    known: &HashMap<String, Known>,
    now: Timestamp,
) {
    let files = Files::of(all, known);
    let set = Setting { rules: &archive.rules, addresses: &archive.addresses, site, files: &files };
    for (found, seen) in fresh.iter().zip(read_all(fresh, set)) {
        take(scan, known, found, settled(seen, now));
    }
    let stale = files.stale(scan, known);
    let again: HashSet<&str> = stale.iter().map(|found| found.path.as_str()).collect();
    scan.unchanged.retain(|path| !again.contains(path.as_str()));
    for (found, seen) in stale.iter().zip(read_all(&stale, set)) {
        take(scan, known, found, settled(seen, now));
    }
    if !stale.is_empty() {
        scan.read.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
    }
}

/// Whether a known file is not there.
fn is_any_gone(known: &HashMap<String, Known>, files: &[Found]) -> bool {
    let there = files.iter().filter(|found| known.contains_key(&found.path)).count();
    there < known.len()
}

/// The files the site's generator takes for posts.
fn posts<'f>(scan: &mut Scan, files: &'f [Found], known: &HashMap<String, Known>, site: &Site) -> Vec<&'f Found> {
    let mut posts = Vec::new();
    for found in files {
        let Some((folder, path)) = site.within(&found.path) else { continue };
        let place = Place { folder, path: &path, kind: found.kind, beside_index: found.beside_index };
        match site.dialect.takes(site, &place) {
            Take::Post => posts.push(found),
            Take::Other => {}
            Take::Odd(reason) => take(scan, known, found, Seen::No(No::Stranger(Flaw::new(reason)))),
        }
    }
    posts
}

/// Parts files into those as they were, those to wait for, and those to read.
/// A new post always rests, for it may be mailed; the change of a known one
/// need not when its writer is heard to be done.
fn sort(
    archive: &Archive,
    scan: &mut Scan,
    files: Vec<&Found>,
    known: &HashMap<String, Known>,
    now: Timestamp,
) -> Vec<Found> {
    let mut fresh = Vec::new();
    for found in files {
        let age = now.since(found.stamp.modified);
        let known = known.get(&found.path);
        if known.is_some_and(|known| known.stamp == Some(found.stamp)) {
            scan.unchanged.push(found.path.clone());
        } else if age <= Span(-SETTLE.0)
            || age >= SETTLE
            || known.is_some() && archive.closed.is_whole(&found.full, found.stamp)
        {
            fresh.push(found.clone());
        } else {
            scan.waiting.push(found.path.clone());
        }
    }
    fresh
}

/// A path that cannot be looked into: a fault where posts are known at or
/// below it or it is a folder nobody knows; a warning where one file is, if
/// `tells` says so.
fn shut(scan: &mut Scan, known: &HashMap<String, Known>, path: &str, fault: Fault, tells: bool) {
    let is_below = |known: &str| known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut lost: Vec<String> = known.keys().filter(|known| is_below(known)).cloned().collect();
    lost.sort();
    match (lost.is_empty(), fault.reason.starts_with("skipped")) {
        (true, true) if tells => scan.warnings.push(fault),
        (true, true) => {}
        _ => scan.faults.push(fault),
    }
    scan.held.extend(lost);
}

/// What came of one file.
enum Seen {
    Post(Box<Entry>, Vec<Flaw>),
    No(No),
    /// Changed or vanished meanwhile.
    Restless,
}

/// Reads files, on up to four threads when there are many.
fn read_all(files: &[Found], set: Setting<'_>) -> Vec<Seen> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(4);
    if files.len() < FEW || threads < 2 {
        return files.iter().map(|found| read(found, set)).collect();
    }
    let part = |files: &[Found]| files.iter().map(|found| read(found, set)).collect::<Vec<_>>();
    thread::scope(|scope| {
        let parts = files.chunks(files.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|files| scope.spawn(move || part(files))).collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn read(found: &Found, set: Setting<'_>) -> Seen {
    match bytes(found) {
        Ok(Some(bytes)) => {
            let mut oddities = Vec::new();
            let source =
                Source { path: &found.path, kind: found.kind, beside_index: found.beside_index, bytes: &bytes };
            match post::read(source, set, &mut oddities) {
                Ok(entry) => Seen::Post(Box::new(entry), oddities),
                Err(no) => Seen::No(no),
            }
        }
        Ok(None) => Seen::Restless,
        Err(e) if e.kind() == ErrorKind::NotFound => Seen::Restless,
        Err(e) => Seen::No(No::Broken(Flaw::new(format!("cannot be read: {e}")))),
    }
}

/// The bytes of a file, if it is the same from first to last: found, opened,
/// read. A link put in its place meanwhile is another file.
pub(super) fn bytes(found: &Found) -> std::io::Result<Option<Vec<u8>>> {
    let outside = std::fs::symlink_metadata(&found.full)?;
    if !outside.is_file() {
        return Ok(None);
    }
    let file = File::open(&found.full)?;
    let opened = file.metadata()?;
    let same = |data: &Metadata| data.is_file() && walk::stamp(data) == found.stamp && place(data) == place(&outside);
    let mut bytes = Vec::with_capacity(usize::try_from(found.stamp.size.min(MAX_BYTES)).unwrap_or(0));
    (&file).take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let whole = u64::try_from(bytes.len()).is_ok_and(|length| length == found.stamp.size);
    Ok((whole && same(&opened) && same(&file.metadata()?)).then_some(bytes))
}

/// Device and number of a file.
#[cfg(unix)]
fn place(data: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (data.dev(), data.ino())
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Which folder the archive is just now: another one after an unmount.
fn identity_of(archive: &Archive) -> Result<(u64, u64), Fault> {
    let root = &archive.rules.root;
    match std::fs::metadata(root) {
        Ok(data) if data.is_dir() => Ok(place(&data)),
        Ok(_) => Err(walk::unreadable(root, &ErrorKind::NotADirectory.into())),
        Err(e) => Err(walk::unreadable(root, &e)),
    }
}

/// A post cannot have been changed later than now: readers would be shown it
/// as the newest until that day.
fn settled(mut seen: Seen, now: Timestamp) -> Seen {
    if let Seen::Post(entry, oddities) = &mut seen
        && let Some(said) = entry.updated.filter(|said| *said > now.max(entry.date))
    {
        entry.updated = Some(now);
        let reason = format!("it says it was changed at {}, which is yet to come: taken as now", said.rfc3339());
        oddities.push(Flaw::new(reason));
    }
    seen
}

/// Puts what came of one file where it belongs. A file that is known and is
/// no post any more is a fault: its last good version stands.
fn take(scan: &mut Scan, known: &HashMap<String, Known>, found: &Found, seen: Seen) {
    let path = &found.path;
    match seen {
        Seen::Post(entry, oddities) => {
            for flaw in oddities {
                let told = if flaw.withholds { &mut scan.faults } else { &mut scan.warnings };
                told.push(flaw.in_file(path));
            }
            scan.read.push(Read { entry: *entry, stamp: found.stamp });
        }
        Seen::Restless => scan.waiting.push(path.clone()),
        Seen::No(No::Broken(flaw)) => {
            scan.faults.push(flaw.in_file(path));
            scan.held.push(path.clone());
        }
        Seen::No(No::Stranger(flaw)) => {
            let fault = flaw.in_file(path);
            if known.contains_key(path) {
                scan.faults.push(fault)
            } else {
                scan.warnings.push(fault)
            }
            scan.held.push(path.clone());
        }
    }
}

#[cfg(test)]
#[path = "scan_test.rs"]
mod tests;
