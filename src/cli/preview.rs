//! `preview`: mails and pages as files, to be looked at.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::arguments::Preview;
use super::subscribers::offered;
use super::{Failure, Stage, output, plan, stage};
use crate::context::Context;
use crate::domain::subscription::{Status, Subscription};
use crate::domain::{Address, Cadence, Newsletter, Timestamp};
use crate::tasks::compose::{self, Plan, PlannedVariant};
use crate::views::field::{self, Values};
use crate::views::mail::Mail;
use crate::views::pages;
use crate::views::samples::SAMPLES;
use crate::views::words::Words;

/// Posts shown when nothing is new.
const SAMPLE: usize = 5;

/// Writes the next edition, or samples.
pub fn run(options: &Preview, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.in_context(async |ctx| {
        let folder = folder(options, &ctx)?;
        if let Some(name) = &options.sample {
            return samples(&ctx, name, &folder, out);
        }
        let newsletter = stage::newsletter(&ctx.settings, options.newsletter.as_deref())?;
        let cadence = offered(newsletter, options.cadence)?;
        plan::look(&ctx).await?;
        edition(&ctx, newsletter, cadence, &folder, out).await
    })
}

fn folder(options: &Preview, ctx: &Context) -> Result<PathBuf, Failure> {
    let folder = options.out.clone().unwrap_or_else(|| {
        let mut random = [0; 8];
        ctx.ids.fill(&mut random);
        std::env::temp_dir().join(format!("postroom-preview-{:016x}", u64::from_le_bytes(random)))
    });
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

async fn edition(
    ctx: &Context,
    newsletter: &Newsletter,
    cadence: Cadence,
    folder: &Path,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let now = ctx.now();
    let slot = newsletter.next_slot(cadence, now).unwrap_or(now);
    let mut plan = plan::of(ctx, newsletter, cadence, slot, now).await?;
    if plan.variants.is_empty() {
        let posts = newest(ctx, &plan).await?;
        if posts.is_empty() {
            return Err(Failure::refused("there is no post to show", "write one into the archive folder"));
        }
        writeln!(out, "Nothing is new for anybody, so this shows the newest posts the way an edition would")?;
        plan.variants.push(PlannedVariant { language: None, posts, groups: Vec::new(), audience: 0 });
    }
    let number = ctx.store.next_number().await?;
    let mut rows = Vec::new();
    for (index, variant) in plan.variants.iter().enumerate() {
        let mail = compose::render(ctx, &plan, variant, number);
        let name = if index == 0 { "edition".to_owned() } else { format!("edition-{}", index + 1) };
        let words = ctx.words_for(variant.language.as_deref());
        let html = put(ctx, (&plan, words), &mail, &name, folder)?;
        let audience = format!("to {}{}", output::number(variant.audience), plan::in_language(variant));
        let size = format!("html {}   text {}", output::size(mail.encoded()), output::size(mail.text.len()));
        rows.push(vec![format!("\"{}\"", mail.subject), audience, size]);
        rows.push(vec![html.display().to_string()]);
    }
    for row in rows {
        writeln!(out, "{}", output::plain(&row.join("   ")))?;
    }
    Ok(())
}

/// The newest public posts of the newsletter.
async fn newest(ctx: &Context, plan: &Plan<'_>) -> Result<Vec<crate::domain::Post>, Failure> {
    let mut posts = ctx.store.public_posts(ctx.now()).await?;
    posts.retain(|post| plan.wanted.newsletter.takes(&post.entry));
    posts.sort_by_key(|post| std::cmp::Reverse(post.entry.date));
    posts.truncate(if plan.wanted.cadence == Cadence::Each { 1 } else { SAMPLE });
    Ok(posts)
}

/// Writes one sample, or all of them.
fn samples(ctx: &Context, name: &str, folder: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let (mut written, mut known) = (0, Vec::new());
    let wanted = |one: &str| name == "all" || name == one;
    for sample in &SAMPLES {
        known.push(sample.name);
        if wanted(sample.name) {
            let mail = sample.filled(&ctx.words);
            write(&folder.join(format!("{}.html", sample.name)), &mail.html)?;
            write(&folder.join(format!("{}.txt", sample.name)), &mail.text)?;
            written += 1;
        }
    }
    for (page, html) in pages::samples::standalone(&ctx.words, &ctx.looks.page_css) {
        known.push(page);
        if wanted(page) {
            write(&folder.join(format!("page-{page}.html")), &html)?;
            written += 1;
        }
    }
    if written == 0 {
        let known = known.join(", ");
        return Err(Failure::usage(
            format!("there is no sample `{}`", output::plain(name)),
            format!("there is all, {known}"),
        ));
    }
    let folder = std::path::absolute(folder)?;
    writeln!(out, "Wrote {} to {}", output::counted(written, "sample", "samples"), folder.display())?;
    Ok(())
}

/// Writes both parts as a made-up reader gets them; the path of the HTML one.
fn put(
    ctx: &Context,
    (plan, words): (&Plan<'_>, &Words),
    mail: &Mail,
    name: &str,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let newsletter = plan.wanted.newsletter;
    let reader = reader(newsletter, plan.wanted.cadence, ctx.now()).map_err(|reason| anyhow::anyhow!(reason))?;
    let values = Values {
        why: field::why(words, ctx.settings.site.timezone, &newsletter.title, &reader),
        unsubscribe_url: ctx.public("/s/PREVIEW/unsubscribe"),
        manage_url: ctx.public("/s/PREVIEW"),
    };
    let html = folder.join(format!("{name}.html"));
    write(&html, &field::fill(&mail.html, &values, true))?;
    write(&folder.join(format!("{name}.txt")), &field::fill(&mail.text, &values, false))?;
    Ok(std::path::absolute(&html)?)
}

fn reader(newsletter: &Newsletter, cadence: Cadence, now: Timestamp) -> Result<Subscription, String> {
    Ok(Subscription {
        id: 0,
        subscriber_id: 0,
        address: Address::parse("reader@example.org")?,
        newsletter: newsletter.id.clone(),
        status: Status::Active,
        cadence,
        wish: None,
        language: None,
        topics: Vec::new(),
        covered_until: 0,
        paused_until: None,
        created: now,
        confirmed: Some(now),
        unsubscribed: None,
        moved: None,
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Ok(fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?)
}
