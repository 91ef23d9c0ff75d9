//! Posts -> feeds: every feed made anew when a public post or an edition has changed.

use std::collections::HashMap;

use super::Step;
use crate::context::Context;
use crate::domain::Timestamp;
use crate::feeds::{self, Asset, Before, Catalogue, Stamp};
use crate::store::Published;
use crate::telemetry;

/// Publishes the feeds when the set of public posts, one of them, or the list of
/// editions is not what was published last; `published` remembers what that was.
///
/// # Errors
/// Those of the store or of a feed writer; what was published stays.
pub async fn step(ctx: &Context, published: &mut String, now: Timestamp) -> anyhow::Result<Step> {
    let fingerprint = ctx.published_from(now).await?;
    if *published == fingerprint {
        return Ok(Step::Idle);
    }
    let masthead = ctx.masthead();
    let mut catalogue = ctx.catalogue(now).await?;
    catalogue.revise(&ctx.store.revisions().await?);
    let count = catalogue.items.len();
    let stamps: HashMap<String, Stamp> = ctx.store.published().await?.into_iter().map(to_stamp).collect();
    let before = Before { assets: ctx.site.all(), stamps, now };
    let shown = feeds::shown(&masthead, &catalogue, &before);
    fill(ctx, &mut catalogue, &shown).await?;
    let (files, before) = tokio::task::spawn_blocking(move || {
        feeds::publish(&masthead, &catalogue, &before).map(|files| (files, before))
    })
    .await??;
    let changed: Vec<String> = files.iter().filter_map(|file| changed_feed(file, &before)).collect();
    // Remembered before anybody sees them: a date once shown stands for one body only.
    let stamps: Vec<_> = files.iter().map(|(path, file)| (path.as_str(), to_published(file))).collect();
    let hubs = &ctx.settings.feeds.hubs;
    ctx.store.remember_published(&stamps, (hubs, &changed), now).await?;
    telemetry::feeds_published(files.len(), count);
    ctx.site.replace(files.into_iter().collect());
    *published = fingerprint;
    if !hubs.is_empty() && !changed.is_empty() {
        ctx.wake.hubs.notify_one();
    }
    Ok(Step::Worked(1))
}

/// Puts the bodies of these posts where the catalogue has them.
async fn fill(ctx: &Context, catalogue: &mut Catalogue, posts: &[i64]) -> anyhow::Result<()> {
    let mut bodies = ctx.store.bodies(posts).await?;
    for post in &mut catalogue.items {
        if let Some(html) = bodies.remove(&post.id) {
            post.entry.html = html;
        }
    }
    Ok(())
}

/// The address of a feed that readers knew otherwise before.
fn changed_feed((path, file): &(String, Asset), before: &Before) -> Option<String> {
    let was = before.stamps.get(path).filter(|was| !file.feed_id.is_empty() && was.etag != file.etag)?;
    let own = file.links.strip_prefix('<').and_then(|links| links.split_once('>'));
    Some(own.map_or_else(|| was.feed_id.clone(), |(own, _)| own.to_owned()))
}

fn to_stamp((path, file): (String, Published)) -> (String, Stamp) {
    (path, Stamp { etag: file.etag, modified: file.modified, feed_id: file.feed_id })
}

fn to_published(file: &Asset) -> Published {
    Published { etag: file.etag.clone(), modified: file.modified, feed_id: file.feed_id.clone() }
}
