//! Whether the disk has room; what time has overtaken: deliveries too old to try or of a cancelled edition,
//! uncertain ones whose wait is over, editions whose every delivery is settled, requests
//! nobody confirmed; and which editions stand still.

use crate::context::Context;
use crate::domain::Timestamp;
use crate::domain::token::CONFIRM_WITHIN;
use crate::store::Store;
use crate::telemetry;

use super::Step;

/// Tends the outbox once, and notes whether the database let it.
///
/// # Errors
/// Those of the store.
pub async fn step(ctx: &Context, now: Timestamp) -> anyhow::Result<Step> {
    ctx.store.keep_reserve();
    let troubles = Store::troubles(&ctx.settings.database.file);
    telemetry::disk_troubles(&troubles.iter().map(|one| (one.as_str(), one.to_string())).collect::<Vec<_>>());
    ctx.site.set_disk_troubles(troubles);
    let done = tended(ctx, now).await;
    if let Some(error) = done.as_ref().err().and_then(|error| error.downcast_ref()) {
        ctx.store.note(error);
    }
    ctx.site.set_store_failing(done.is_err());
    done
}

async fn tended(ctx: &Context, now: Timestamp) -> anyhow::Result<Step> {
    ctx.store.beat(now).await?;
    let resent = ctx.store.resend_uncertain(now.plus(ctx.settings.mail.expire), now).await?;
    if resent > 0 {
        telemetry::uncertain_resent(resent);
        ctx.wake.outbox.notify_one();
    }
    telemetry::editions_paused(&ctx.store.paused_editions().await?);
    let withdrawn = ctx.store.withdraw(now).await?;
    let expired = ctx.store.expire(now).await?;
    if expired > 0 {
        telemetry::deliveries_expired(expired);
    }
    let finished = ctx.store.finish_editions(now).await?;
    for number in &finished {
        telemetry::edition_finished(*number, &ctx.store.tally(*number).await?);
    }
    // A link to confirm must not lead to what is forgotten already.
    let kept = ctx.settings.mail.keep_unconfirmed.max(CONFIRM_WITHIN);
    let until = now.minus(kept);
    let purged = ctx.store.purge_unconfirmed(until).await? + ctx.store.purge_moves(until).await?;
    if purged > 0 {
        telemetry::unconfirmed_purged(purged);
    }
    Ok(Step::of(purged + resent + withdrawn + expired + finished.len() as u64))
}
