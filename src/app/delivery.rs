//! Delivery as a whole: taken up where the last run left it, and ended in order.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::settings::Uncertain;
use crate::store::Ledger;
use crate::tasks::deliver::Engine;
use crate::telemetry;

/// The running engine: ledger, workers, and the run they belong to.
pub struct Delivery {
    ctx: Arc<Context>,
    run: i64,
    stop: CancellationToken,
    engine: Arc<Engine>,
    workers: JoinHandle<()>,
    /// Goes with this value: the engine ends then, without a goodbye, as on a crash.
    _alive: oneshot::Sender<()>,
    _ticker: watch::Sender<u64>,
}

/// Takes back what earlier runs left and starts handing over, until `stop` is
/// cancelled.
///
/// # Errors
/// Those of the store.
pub async fn start_delivery(
    ctx: &Arc<Context>,
    ticks: watch::Sender<u64>,
    stop: CancellationToken,
) -> anyhow::Result<Delivery> {
    ctx.store.keep_reserve();
    let now = ctx.now();
    let mail = &ctx.settings.mail;
    let resend_at = (mail.uncertain == Uncertain::Resend).then(|| now.plus(mail.uncertain_wait));
    if ctx.store.begin_generation(now).await? {
        telemetry::restored(&ctx.store.pause_reason().await?.unwrap_or_default());
    }
    let (run, recovered) = ctx.store.begin_run(env!("CARGO_PKG_VERSION"), resend_at, now).await?;
    if recovered.returned + recovered.uncertain > 0 {
        telemetry::recovered(recovered.returned, recovered.uncertain);
    }
    let connections = ctx.relays.iter().map(|relay| relay.connections()).sum();
    // On a thread of its own all these short steps follow each other; spread
    // over several, each would have to wake another first, which costs more than itself.
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot begin to deliver")?;
    let ledger = {
        let _there = runtime.enter();
        Ledger::start(ctx.store.clone(), run, connections)
    };
    let engine = Engine::new(Arc::clone(ctx), ledger, run, Handle::current(), stop.clone());
    let delivering = Arc::clone(&engine).run(ticks.subscribe());
    let (alive, lost) = oneshot::channel();
    let workers = spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                () = delivering => {}
                _ = lost => {}
            }
        });
    });
    Ok(Delivery { ctx: Arc::clone(ctx), run, stop, engine, workers, _alive: alive, _ticker: ticks })
}

impl Delivery {
    /// Why the relay cannot be used, if it could not at the last try.
    pub fn trouble(&self) -> Option<String> {
        self.engine.trouble()
    }

    /// Whether mail has to wait: every relay is down or has had what it may have now.
    pub fn is_waiting(&self) -> bool {
        self.engine.is_waiting()
    }

    /// Stops leasing, finishes what is in hand, ends the run.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.workers.await?;
        self.ctx.store.end_run(self.run, self.ctx.now()).await?;
        self.ctx.store.next_generation().await?;
        Ok(())
    }
}
