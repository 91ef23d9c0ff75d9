//! What systemd is told: that the service is up, what comes next, that it
//! lives, that it ends. Nothing happens where no systemd asked for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// The keeper of time may take so many ticks for a step: sealing a large
/// edition takes a few.
const PATIENCE: u64 = 30;
/// The database may take so long: longer than a lock of another process is
/// waited for, and less than systemd waits for a word (`WatchdogSec`).
const DEADLINE: Duration = Duration::from_secs(20);

/// The service is up.
pub(super) fn ready() {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

/// A stop was asked for.
pub(super) fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// The tick at which the keeper of time ended a step last.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// A step has ended.
    pub(super) fn beat(&self, tick: u64) {
        self.0.store(tick, Ordering::Relaxed);
    }

    fn is_felt(&self, tick: u64) -> bool {
        tick.saturating_sub(self.0.load(Ordering::Relaxed)) <= PATIENCE
    }
}

/// Tells what comes next, and, as long as the keeper of time and the database
/// both go on, that the service lives: a task that fails is tried again, but
/// one that hangs only a restart can help.
pub(super) async fn report(ctx: Arc<Context>, mut tick: watch::Receiver<u64>, pulse: Pulse, stop: CancellationToken) {
    let mut told = String::new();
    loop {
        let now = *tick.borrow_and_update();
        if pulse.is_felt(now) && ctx.store.answers(DEADLINE).await {
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        let status = next_slot(&ctx).await;
        if status != told {
            let _ = sd_notify::notify(&[NotifyState::Status(&status)]);
            told = status;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = tick.changed() => if changed.is_err() { return },
        }
    }
}

/// `next: posts weekly Fri 22 May 09:00`
async fn next_slot(ctx: &Context) -> String {
    let slots = ctx.store.next_slots().await.unwrap_or_default();
    let say = |due: &crate::store::Due| {
        let at = due.slot.in_zone(ctx.settings.site.timezone).format("%a %e %b %H:%M");
        format!("next: {} {} {at}", due.newsletter, due.cadence)
    };
    slots.first().map(say).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_of_time_that_hangs_is_noticed_and_one_that_is_slow_is_not() {
        let pulse = Pulse::default();
        assert!(pulse.is_felt(PATIENCE) && !pulse.is_felt(PATIENCE + 1));
        pulse.beat(100);
        assert!(pulse.is_felt(100 + PATIENCE) && !pulse.is_felt(101 + PATIENCE));
    }
}
