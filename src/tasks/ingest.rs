//! Archive -> posts: one look through the folder, taken into the store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::archive::{Known, Scan, Stamp};
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
    let archive = Arc::clone(&ctx.archive);
    let remembered = known.iter().map(|(path, file)| (path.clone(), to_known(file))).collect::<HashMap<_, _>>();
    let scanned = tokio::task::spawn_blocking(move || archive.scan(&remembered, now)).await?;
    let scan = match scanned {
        Ok(scan) => scan,
        Err(fault) => return Ok(Err(fault)),
    };
    if let Some(fault) = suddenly_empty(ctx, &scan).await? {
        return Ok(Err(fault));
    }
    let ingested = take_in(ctx, &scan, (&rendered_by, began_after), now).await?;
    if ingested.changed_anything() || !scan.faults.is_empty() {
        telemetry::archive_read(scan.read.len(), scan.unchanged.len(), scan.waiting.len(), scan.faults.len());
    }
    if ingested.published > 0 {
        telemetry::posts_public(ingested.published, ctx.store.newest_seq().await?, ingested.baseline);
    }
    let Scan { read, faults, warnings, waiting, .. } = scan;
    Ok(Ok(Looked { ingested, read: read.len(), faults, warnings, waiting: waiting.len() }))
}

async fn take_in(
    ctx: &Context,
    scan: &Scan,
    (rendered_by, began_after): (&str, i64),
    now: Timestamp,
) -> anyhow::Result<Ingested> {
    let present: HashSet<&str> =
        scan.unchanged.iter().chain(&scan.waiting).chain(&scan.held).map(String::as_str).collect();
    let archive = &ctx.settings.archive;
    let ingest = Ingest {
        read: scan.read.iter().map(|read| (&read.entry, read.stamp.size, read.stamp.modified)).collect(),
        present,
        max_age: archive.max_age,
        guard_posts: i64::try_from(archive.guard_posts).unwrap_or(i64::MAX),
        guard_share: archive.guard_share,
        rendered_by,
        began_after,
    };
    Ok(ctx.store.ingest(&ingest, now).await?)
}

async fn suddenly_empty(ctx: &Context, scan: &Scan) -> anyhow::Result<Option<Fault>> {
    let nothing = scan.read.is_empty() && scan.unchanged.is_empty() && scan.waiting.is_empty();
    if !nothing || ctx.store.present_posts().await? == 0 {
        return Ok(None);
    }
    let folder = ctx.settings.archive.path.display().to_string();
    Ok(Some(
        Fault::new(folder, "the archive folder is suddenly empty, so what was known is kept")
            .with_help("mount or restore the folder; to remove every post for good, leave one in it"),
    ))
}

/// What posts depend on besides their files: a change renders all of them again.
fn rendered_by(ctx: &Context) -> String {
    format!("{} {}", env!("CARGO_PKG_VERSION"), ctx.archive.fingerprint())
}

fn to_known(file: &KnownFile) -> Known {
    Known {
        identity: file.identity.clone(),
        url: file.url.clone(),
        stamp: file.stamp.map(|(size, modified)| Stamp { size, modified }),
    }
}
