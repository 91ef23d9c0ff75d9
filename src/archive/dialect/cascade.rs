//! Hugo's `cascade`: fields a section gives to all pages below it.

use globset::Glob;
use walkdir::WalkDir;

use super::super::front::{self, Matter, Table, Value};
use super::super::walk::relative;
use super::{Site, hugo};
use crate::archive::{MAX_BYTES, MAX_DEPTH};

/// The cascades of the sections, each with its folder, the deepest first; last
/// of all the configuration's.
pub(super) fn sections(site: &Site) -> Vec<(String, Table)> {
    let content = site.folder.join(site.content());
    let mut found = Vec::new();
    let files = WalkDir::new(&content).max_depth(MAX_DEPTH).into_iter().filter_map(Result::ok);
    for file in files.filter(|file| file.file_type().is_file()) {
        let is_section = file.file_name().to_string_lossy().starts_with("_index.");
        if !is_section || file.metadata().map_or(true, |data| data.len() > MAX_BYTES) {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).unwrap_or_default().replace("\r\n", "\n");
        let Ok(Some((matter, _))) = front::split(text.trim_start_matches('\u{feff}')) else { continue };
        if let Some(cascade) = matter.get("cascade") {
            let folder = relative(file.path().parent().unwrap_or(&content), &content);
            found.push((folder, vec![("cascade".to_owned(), cascade.clone())]));
        }
    }
    found.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
    let of_site = site.config.get("cascade");
    found.extend(of_site.map(|cascade| (String::new(), vec![("cascade".to_owned(), cascade.clone())])));
    found
}

/// What the sections above a page, by its path below the content's folder, give it.
pub(super) fn defaults(site: &Site, path: &str) -> Table {
    let mut given = Matter::default();
    for (folder, table) in &site.sections {
        let is_above =
            folder.is_empty() || path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'));
        for (_, cascade) in table.iter().filter(|_| is_above) {
            match cascade {
                Value::List(all) => all.iter().for_each(|one| take(one, site, path, &mut given)),
                one => take(one, site, path, &mut given),
            }
        }
    }
    given.table().clone()
}

fn take(cascade: &Value, site: &Site, path: &str, given: &mut Matter) {
    let Value::Table(table) = cascade else { return };
    let is_target = |key: &str| front::same_key(key, "target");
    let is_meant = table.iter().filter(|(key, _)| is_target(key)).all(|(_, target)| fits(target, site, path));
    if is_meant {
        given.fill(table.iter().filter(|(key, _)| !is_target(key)).cloned().collect());
    }
}

/// Whether a target means a page; of several one is enough.
fn fits(target: &Value, site: &Site, path: &str) -> bool {
    let targets: &[Value] = match target {
        Value::List(targets) => targets,
        one => std::slice::from_ref(one),
    };
    let names = [format!("/{}", hugo::page_path(site, path)), format!("/{path}")].map(|name| name.to_lowercase());
    let is_on = |pattern: &str| {
        let glob = Glob::new(&pattern.to_lowercase()).map(|glob| glob.compile_matcher());
        glob.is_ok_and(|glob| names.iter().any(|name| glob.is_match(name)))
    };
    let says = |key: &str, value: &Value| match (key.to_lowercase().as_str(), value) {
        ("path", Value::Text(pattern)) => is_on(pattern),
        ("kind", Value::Text(kind)) => kind.contains("page"),
        // Posts are in the first language, and are published.
        _ => true,
    };
    let is_one = |target: &Value| match target {
        Value::Table(target) => target.iter().all(|(key, value)| says(key, value)),
        _ => false,
    };
    targets.iter().any(is_one)
}
