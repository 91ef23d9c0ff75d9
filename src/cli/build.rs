//! `build`: the feeds as files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Component, Path};

use anyhow::Context as _;

use super::arguments::Build;
use super::{Failure, Stage, output, plan};
use crate::tasks::publish;

/// What the last build wrote, in its folder: a line for each path. What is on
/// it and not written any more goes; whatever else lies there is not ours.
const LIST: &str = ".postroom-files";

/// Writes every feed below a folder, and removes those of topics that are gone.
pub fn run(options: &Build, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.in_context(async |ctx| {
        plan::look(&ctx).await?;
        publish::step(&ctx, &mut String::new(), ctx.now()).await?;
        let site = ctx.site.all();
        let mut paths = BTreeSet::new();
        for (path, asset) in site.iter() {
            let path = path.trim_start_matches('/');
            put(&options.out.join(path), &asset.body)?;
            paths.insert(path);
        }
        let removed = remove_others(&options.out, &paths)?;
        let list: String = paths.iter().map(|path| format!("{path}\n")).collect();
        put(&options.out.join(LIST), list.as_bytes())?;
        let count = |n: usize| output::counted(i64::try_from(n).unwrap_or(i64::MAX), "file", "files");
        writeln!(out, "Wrote {} to {}", count(paths.len()), options.out.display())?;
        if removed > 0 {
            writeln!(out, "Removed {} that an earlier build wrote", count(removed))?;
        }
        Ok(())
    })
}

/// Removes what an earlier build wrote and this one did not, folders left empty included.
fn remove_others(out: &Path, written: &BTreeSet<&str>) -> Result<usize, Failure> {
    let listed = match fs::read_to_string(out.join(LIST)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("cannot read {LIST}"))?,
    };
    let is_below = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    let mut removed = 0;
    for path in listed.lines().filter(|path| !written.contains(path) && is_below(Path::new(path))) {
        match fs::remove_file(out.join(path)) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot remove {path}"))?,
        }
        // Only where nothing else is in it; the folder itself stays.
        for folder in Path::new(path).ancestors().skip(1).take_while(|folder| *folder != Path::new("")) {
            let _ = fs::remove_dir(out.join(folder));
        }
    }
    Ok(removed)
}

/// Writes a file whole or not at all: a web server may be reading it.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let said = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(said)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, path)).with_context(said)?;
    Ok(())
}
