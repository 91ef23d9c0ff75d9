//! `build`: the feeds as files.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;

use super::arguments::Build;
use super::{Failure, Stage, output, plan};
use crate::tasks::publish;

/// Writes every feed below a folder.
pub fn run(options: &Build, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.in_context(async |ctx| {
        plan::look(&ctx).await?;
        publish::step(&ctx, &mut String::new(), ctx.now()).await?;
        let site = ctx.site.all();
        let mut paths: Vec<_> = site.keys().collect();
        paths.sort();
        for path in &paths {
            if let Some(asset) = site.get(*path) {
                put(&options.out.join(path.trim_start_matches('/')), &asset.body)?;
            }
        }
        let count = output::counted(i64::try_from(paths.len()).unwrap_or(i64::MAX), "file", "files");
        writeln!(out, "Wrote {count} to {}", options.out.display())?;
        Ok(())
    })
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
