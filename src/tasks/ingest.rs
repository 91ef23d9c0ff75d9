//! Archive -> posts: one look through the folder and at the feeds of others, taken
//! into the store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::gather::{Gathered, gather};
use crate::archive::{Known, Scan, Stamp, remote};
use crate::context::Context;
use crate::domain::{Fault, Timestamp};
use crate::store::{Ingest, Ingested, KnownFile};
use crate::telemetry;

/// What one look found and changed.
#[derive(Debug)]
pub struct Looked {
    /// What the store made of it.
    pub ingested: Ingested,
    /// What is wrong with single files.
    pub faults: Vec<Fault>,
    /// How many files were read.
    pub read: usize,
    /// What is odd about single files.
    pub warnings: Vec<Fault>,
    /// Files still being written: look again soon.
    pub waiting: usize,
}

/// Looks through the archive and takes in what changed. A folder that is
/// missing or suddenly empty is a fault and changes nothing: it is far more
/// often an unmounted disk than a decision.
///
/// # Errors
/// The fault of the folder, or the store's.
pub async fn step(ctx: &Context, now: Timestamp) -> anyhow::Result<Result<Looked, Fault>> {
    let looked = loop {
        // A stale look is one that another process overtook.
        match look(ctx, now).await? {
            Ok(looked) if looked.ingested.stale => {}
            looked => break looked,
        }
    };
    ctx.site.set_archive_fault(looked.as_ref().err().cloned());
    Ok(looked)
}

async fn look(ctx: &Context, now: Timestamp) -> anyhow::Result<Result<Looked, Fault>> {
    let rendered_by = rendered_by(ctx);
    let began_after = ctx.store.looks().await?;
    let known = ctx.store.known_files(&rendered_by).await?;
    let (remote, local): (Vec<_>, Vec<_>) = known.into_iter().partition(|(path, _)| remote::is_remote(path));
    let remote: Vec<String> = remote.into_iter().map(|(path, _)| path).collect();
    let local = Arc::new(local.into_iter().map(|(path, file)| (path, to_known(file))).collect());
    let mut scan = match scan(ctx, &local, now).await? {
        Ok(scan) => scan,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut gathered = gather(ctx, &rendered_by, now).await?;
    keep_remote(&mut scan, &remote, &gathered);
    let known = local.keys().chain(&remote).map(String::as_str);
    let ingested = take_in(ctx, (&scan, known), &mut gathered, (&rendered_by, began_after), now).await?;
    if !ingested.stale {
        // After the posts: what is not taken in must be asked for again.
        keep_sources(ctx, &gathered).await?;
    }
    scan.faults.append(&mut gathered.faults);
    scan.warnings.append(&mut gathered.warnings);
    if ingested.changed_anything() || !scan.faults.is_empty() {
        let read = scan.read.len() + gathered.entries.len();
        telemetry::archive_read(read, scan.unchanged.len(), scan.waiting.len(), scan.faults.len());
    }
    if ingested.published > 0 {
        telemetry::posts_public(ingested.published, ctx.store.newest_seq().await?, ingested.baseline);
    }
    let Scan { read, faults, warnings, waiting, .. } = scan;
    let read = read.len() + gathered.entries.len();
    Ok(Ok(Looked { ingested, read, faults, warnings, waiting: waiting.len() }))
}

/// Remembers the feeds of the settings; writes nothing where there never was one.
async fn keep_sources(ctx: &Context, gathered: &Gathered) -> anyhow::Result<()> {
    if ctx.store.sources().await? != gathered.sources {
        ctx.store.keep_sources(&gathered.sources).await?;
    }
    Ok(())
}

/// One look through the folder, where there is one.
async fn scan(
    ctx: &Context,
    known: &Arc<HashMap<String, Known>>,
    now: Timestamp,
) -> anyhow::Result<Result<Scan, Fault>> {
    if !ctx.settings.archive.has_folder {
        return Ok(Ok(Scan::default()));
    }
    let (archive, all) = (Arc::clone(&ctx.archive), Arc::clone(known));
    let scanned = tokio::task::spawn_blocking(move || archive.scan(&all, now)).await?;
    let suddenly_empty = |scan: &Scan| {
        let nothing = scan.read.is_empty() && scan.unchanged.is_empty() && scan.waiting.is_empty();
        nothing && !known.is_empty()
    };
    Ok(match scanned {
        Ok(scan) if suddenly_empty(&scan) => {
            let folder = ctx.settings.archive.path.display().to_string();
            Err(Fault::new(folder, "the archive folder is suddenly empty, so what was known is kept")
                .with_help("mount or restore the folder; to remove every post for good, leave one in it"))
        }
        scanned => scanned,
    })
}

/// What came from a feed stays when the feed drops it, which most do after
/// twenty entries; it goes with the feed, when the settings name it no more.
fn keep_remote(scan: &mut Scan, known: &[String], gathered: &Gathered) {
    let read: HashSet<&str> = gathered.entries.iter().map(|entry| entry.path.as_str()).collect();
    let is_kept = |path: &str| gathered.sources.iter().any(|source| remote::is_from(path, &source.url));
    scan.unchanged.extend(known.iter().filter(|path| !read.contains(path.as_str()) && is_kept(path)).cloned());
}

/// Takes the scan into the store; not where it has nothing to say, which is
/// nearly always.
async fn take_in(
    ctx: &Context,
    (scan, mut known): (&Scan, impl Iterator<Item = &str>),
    gathered: &mut Gathered,
    (rendered_by, began_after): (&str, i64),
    now: Timestamp,
) -> anyhow::Result<Ingested> {
    let present: HashSet<&str> =
        scan.unchanged.iter().chain(&scan.waiting).chain(&scan.held).map(String::as_str).collect();
    let is_silent = scan.read.is_empty() && gathered.entries.is_empty() && gathered.old.is_empty();
    if is_silent && known.all(|path| present.contains(path)) && ctx.store.is_at_rest(&present, now).await? {
        return Ok(Ingested::default());
    }
    let archive = &ctx.settings.archive;
    let files = scan.read.iter().map(|read| (&read.entry, read.stamp.size, read.stamp.modified));
    let old = std::mem::take(&mut gathered.old);
    let ingest = Ingest {
        read: files.chain(gathered.entries.iter().map(|entry| (entry, 0, now))).collect(),
        present,
        max_age: archive.max_age,
        guard_posts: i64::try_from(archive.guard_posts).unwrap_or(i64::MAX),
        guard_share: archive.guard_share,
        rendered_by,
        old,
        began_after,
    };
    Ok(ctx.store.ingest(&ingest, now).await?)
}

/// What posts depend on besides their files: a change renders all of them again.
fn rendered_by(ctx: &Context) -> String {
    format!("{} {}", env!("CARGO_PKG_VERSION"), ctx.archive.fingerprint())
}

fn to_known(file: KnownFile) -> Known {
    let stamp = file.stamp.map(|(size, modified)| Stamp { size, modified });
    Known { identity: file.identity, url: file.url, stamp }
}
