//! Two files that would be the same post, or stand at the same address: none
//! of them can be told to be the right one, so neither is published.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::names::Name;
use super::{Known, Scan};
use crate::domain::Fault;

/// Gives posts that come again under one name (`2023-04-01-report.md`,
/// `2024-04-01-report.md`) the date prefix back as part of their identity:
/// all but the first, which is the one already known or else the oldest.
/// A file keeps the identity it is known by.
pub(super) fn part(scan: &mut Scan, known: &HashMap<String, Known>) {
    if scan.read.is_empty() {
        return;
    }
    let silent = scan.unchanged.iter().chain(&scan.waiting).chain(&scan.held);
    let mut taken: HashSet<String> = silent.filter_map(|path| Some(known.get(path)?.identity.clone())).collect();
    let mut fresh: Vec<_> = scan.read.iter_mut().map(|read| &mut read.entry).filter(|e| e.guid.is_none()).collect();
    fresh.sort_by_key(|entry| (!known.contains_key(&entry.path), entry.date));
    for entry in fresh {
        let dated = Name::of(&entry.path).path;
        let before = known.get(&entry.path).map(|known| &known.identity);
        if before == Some(&dated) || before != Some(&entry.identity) && taken.contains(&entry.identity) {
            entry.identity = dated;
        }
        taken.insert(entry.identity.clone());
    }
}

/// Moves the files of `scan.read` that share an identity or an address with
/// another file into `scan.held`. Files that were not read stand for what is
/// known of them; they were published as they are and stay so.
pub(super) fn hold(scan: &mut Scan, known: &HashMap<String, Known>) {
    if scan.read.is_empty() {
        return;
    }
    let silent = || scan.unchanged.iter().chain(&scan.waiting).chain(&scan.held);
    let standing: Vec<(&String, &Known)> = silent().filter_map(|path| Some((path, known.get(path)?))).collect();
    let mut places = Places::default();
    for (path, known) in standing {
        places.put(("identity", &known.identity), path);
        places.put(("address", &known.url), path);
    }
    let mut fresh = HashSet::new();
    for entry in scan.read.iter().map(|read| &read.entry) {
        places.put(("identity", &entry.identity), &entry.path);
        places.put(("address", &entry.url), &entry.path);
        fresh.insert(entry.path.as_str());
    }
    let mut faults: BTreeMap<Vec<&str>, Fault> = BTreeMap::new();
    for ((kind, value), paths) in &places.shared {
        let Some(first) = paths.iter().find(|path| fresh.contains(*path)) else { continue };
        let group: Vec<&str> = paths.iter().copied().collect();
        // Told once: files of one identity mostly have one address, too.
        faults.insert(group, fault(first, kind, value, paths));
    }
    let held: BTreeSet<String> =
        faults.keys().flatten().filter(|p| fresh.contains(*p)).map(|p| (*p).to_owned()).collect();
    scan.faults.extend(faults.into_values().collect::<Vec<_>>());
    scan.read.retain(|read| !held.contains(&read.entry.path));
    scan.held.extend(held);
}

/// Which files claim an identity or an address; of most there is one.
#[derive(Default)]
struct Places<'p> {
    first: HashMap<(&'static str, &'p str), &'p str>,
    shared: BTreeMap<(&'static str, &'p str), BTreeSet<&'p str>>,
}

impl<'p> Places<'p> {
    fn put(&mut self, place: (&'static str, &'p str), path: &'p str) {
        let first = *self.first.entry(place).or_insert(path);
        if first != path {
            self.shared.entry(place).or_default().extend([first, path]);
        }
    }
}

fn fault(first: &str, kind: &str, value: &str, paths: &BTreeSet<&str>) -> Fault {
    let others: Vec<String> = paths.iter().filter(|path| **path != first).map(|path| format!("`{path}`")).collect();
    Fault::new(first, format!("the same {kind} as {}: `{value}`", others.join(", "))).with_help(
        "give one of them another `slug`, `permalink` or `id`, or remove it; until then neither is published",
    )
}
