//! `build`: feeds and pages as files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Component, Path};
use std::sync::Arc;

use anyhow::Context as _;

use super::arguments::Build;
use super::{Failure, Stage, output, plan};
use crate::context::Context;
use crate::feeds::{ArchivePage, Catalogue};
use crate::http::{self, tree};
use crate::tasks::publish;

/// What the last build wrote, in its folder: a line for each path. What is on
/// it and not written any more goes; whatever else lies there is not ours.
const LIST: &str = ".postroom-files";

/// Files that are not ours and named; more are counted.
const NAMED: usize = 3;

/// Writes every feed and page below a folder, and removes those that are gone.
pub fn run(options: &Build, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.in_context(async |ctx| {
        plan::look(&ctx).await?;
        publish::step(&ctx, &mut String::new(), ctx.now()).await?;
        let mut folder = Folder::open(&options.out)?;
        let catalogue = ctx.catalogue(ctx.now()).await?;
        feeds(&ctx, &catalogue, &mut folder).await?;
        if !options.feeds_only {
            pages(&ctx, &catalogue, &mut folder).await?;
        }
        let (written, foreign) = (folder.written.len(), std::mem::take(&mut folder.foreign));
        let removed = folder.close()?;
        let count = |n: usize| output::counted(i64::try_from(n).unwrap_or(i64::MAX), "file", "files");
        writeln!(out, "Wrote {} to {}", count(written), options.out.display())?;
        if removed > 0 {
            writeln!(out, "Removed {} that an earlier build wrote", count(removed))?;
        }
        if !foreign.is_empty() {
            let more = if foreign.len() > NAMED { ", ..." } else { "" };
            let named = foreign[..foreign.len().min(NAMED)].join(", ");
            writeln!(out, "Left {} alone that no build wrote: {named}{more}", count(foreign.len()))?;
        }
        Ok(())
    })
}

/// Feeds, their archives, and the lists of them.
async fn feeds(ctx: &Context, catalogue: &Catalogue, folder: &mut Folder<'_>) -> Result<(), Failure> {
    for (path, asset) in ctx.site.all().iter() {
        folder.put(path.trim_start_matches('/'), &asset.body)?;
    }
    for page in ArchivePage::all(&ctx.masthead(), catalogue) {
        let asset = ctx.archive_page(catalogue, &page).await?;
        folder.put(page.path().trim_start_matches('/'), &asset.body)?;
    }
    Ok(())
}

/// The pages, as the service would give them.
async fn pages(ctx: &Arc<Context>, catalogue: &Catalogue, folder: &mut Folder<'_>) -> Result<(), Failure> {
    let router = http::router(Arc::clone(ctx));
    for path in tree::pages(ctx, catalogue) {
        if let Some(body) = tree::page(&router, &path).await {
            folder.put(&tree::file_of(&path), &body)?;
        }
    }
    Ok(())
}

/// The folder that is written to.
struct Folder<'a> {
    out: &'a Path,
    /// What an earlier build wrote.
    listed: BTreeSet<String>,
    /// What this one wrote.
    written: BTreeSet<String>,
    /// What is there and was written by somebody else.
    foreign: Vec<String>,
}

impl<'a> Folder<'a> {
    fn open(out: &'a Path) -> Result<Self, Failure> {
        let listed = match fs::read_to_string(out.join(LIST)) {
            Ok(text) => text.lines().filter(|path| is_below(path)).map(str::to_owned).collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {LIST}"))?,
        };
        Ok(Self { out, listed, written: BTreeSet::new(), foreign: Vec::new() })
    }

    /// Writes a file, unless one of somebody else's is there.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        if !is_below(path) {
            return Err(anyhow::anyhow!("{path} is no name of a file"))?;
        }
        let file = self.out.join(path);
        let there = fs::read(&file).ok();
        if !self.listed.contains(path) && there.as_ref().is_some_and(|there| there != bytes) {
            self.foreign.push(path.to_owned());
            return Ok(());
        }
        // A file that is the same keeps its time: who copies what is newer copies less.
        if there.is_none_or(|there| there != bytes) {
            put(&file, bytes)?;
        }
        self.written.insert(path.to_owned());
        Ok(())
    }

    /// Removes what an earlier build wrote and this one did not, folders left
    /// empty included, and writes the list for the next; how many it removed.
    fn close(self) -> Result<usize, Failure> {
        let mut removed = 0;
        for path in self.listed.difference(&self.written) {
            match fs::remove_file(self.out.join(path)) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot remove {path}"))?,
            }
            // Only where nothing else is in it; the folder itself stays.
            for folder in Path::new(path).ancestors().skip(1).take_while(|folder| *folder != Path::new("")) {
                let _ = fs::remove_dir(self.out.join(folder));
            }
        }
        let list: String = self.written.iter().map(|path| format!("{path}\n")).collect();
        put(&self.out.join(LIST), list.as_bytes())?;
        Ok(removed)
    }
}

fn is_below(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
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
