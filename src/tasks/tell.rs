//! Changed feeds -> hubs (WebSub): each hub is told of each feed that changed,
//! until it has heard.

use crate::context::Context;
use crate::domain::Timestamp;
use crate::domain::time::Span;
use crate::store::Ping;
use crate::telemetry;

use super::Step;

/// Hubs told in one step.
const AT_ONCE: i64 = 20;

/// The first wait after a hub did not hear; each is twice the one before.
const FIRST_WAIT: Span = Span::minutes(1);

/// No wait is longer.
const LONGEST_WAIT: Span = Span::hours(6);

/// Tells hubs what they have yet to hear of, one after the other.
///
/// # Errors
/// Those of the store. A hub that cannot be told is tried again later.
pub async fn step(ctx: &Context, now: Timestamp) -> anyhow::Result<Step> {
    let pings = ctx.store.due_pings(AT_ONCE, now).await?;
    let mut told = 0;
    for ping in pings {
        if !ctx.settings.feeds.hubs.contains(&ping.hub) {
            // The operator took the hub out of the settings.
            ctx.store.pinged(&ping).await?;
            continue;
        }
        match tell(ctx, &ping).await {
            Ok(()) => {
                ctx.store.pinged(&ping).await?;
                told += 1;
            }
            Err(reason) => {
                let due = ctx.now().plus(wait(ping.attempts, ctx.jitter()));
                telemetry::hub_deaf(&ping.hub, &reason, due);
                ctx.store.ping_later(&ping, due).await?;
            }
        }
    }
    Ok(Step::of(told))
}

async fn tell(ctx: &Context, ping: &Ping) -> Result<(), String> {
    let form = [("hub.mode", "publish"), ("hub.url", ping.topic.as_str())];
    let answer = ctx.fetcher.post(&ping.hub, &form).await.map_err(|error| error.to_string())?;
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(format!("it answered {}", answer.status)) }
}

/// How long to wait after so many tries, a little more or less so that the
/// world does not come back at once.
fn wait(attempts: i64, jitter: f64) -> Span {
    let doubled = FIRST_WAIT.0.saturating_mul(1 << attempts.clamp(0, 20));
    let whole = doubled.min(LONGEST_WAIT.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a wait is a few hours")]
    let more = (whole as f64 * 0.2 * jitter) as i64;
    Span(whole + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        assert_eq!(wait(0, 0.0), Span::minutes(1));
        assert_eq!(wait(3, 0.0), Span::minutes(8));
        assert_eq!(wait(99, 0.0), LONGEST_WAIT);
        assert!(wait(3, 0.99) < wait(4, 0.0));
    }
}
