//! Posts -> feeds: every feed made anew when a public post has changed.

use crate::context::Context;
use crate::domain::Timestamp;
use crate::feeds::{self, Before, Masthead, Stamp};
use crate::telemetry;

use super::Step;

/// Publishes the feeds when the set of public posts, or one of them, is not
/// what was published last; `published` remembers what that was.
///
/// # Errors
/// Those of the store or of a feed writer; what was published stays.
pub async fn step(ctx: &Context, published: &mut String, now: Timestamp) -> anyhow::Result<Step> {
    let fingerprint = ctx.store.public_fingerprint(now).await?;
    if *published == fingerprint {
        return Ok(Step::Idle);
    }
    let posts = ctx.store.public_posts(now).await?;
    let masthead = masthead(ctx);
    let stamps = ctx.store.published().await?.into_iter();
    let stamps = stamps.map(|(path, (etag, modified))| (path, Stamp { etag, modified })).collect();
    let before = Before { assets: ctx.site.all(), stamps, now };
    let count = posts.len();
    let files = tokio::task::spawn_blocking(move || feeds::publish(&masthead, &posts, &before)).await??;
    // Remembered before anybody sees them: a date once shown stands for one body only.
    let stamps = files.iter().map(|(path, file)| (path.as_str(), file.etag.as_str(), file.modified));
    ctx.store.remember_published(stamps.collect()).await?;
    telemetry::feeds_published(files.len(), count);
    ctx.site.replace(files.into_iter().collect());
    *published = fingerprint;
    Ok(Step::Worked(1))
}

fn masthead(ctx: &Context) -> Masthead {
    let (site, feeds) = (&ctx.settings.site, &ctx.settings.feeds);
    Masthead {
        title: site.title.clone(),
        description: site.description.clone(),
        language: site.language.clone(),
        author: site.author.clone(),
        site_url: site.url.clone(),
        public_url: ctx.settings.http.public_url.clone(),
        full_text: feeds.full_text,
        hubs: feeds.hubs.clone(),
        items: feeds.items,
        stylesheet: ctx.looks.feed_css.clone(),
    }
}
