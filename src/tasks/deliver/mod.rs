//! Outbox -> relay: leases batches, hands each message over on one of several
//! connections, and writes down what happened to each.
//!
//! ```text
//! store --lease--> lanes --> workers, a connection each --> relay
//!   ^                           |
//!   +--- ledger: marks, outcomes, what is given back
//! ```
//! Letters somebody waits for (confirm, welcome) have a lane of their own, so
//! that they never stand behind an edition.

mod lane;
mod relay;
mod worker;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::lane::{Fed, Feeder};
use self::relay::Relay;
use self::worker::Worker;
use super::letter::Variants;
use crate::context::Context;
use crate::domain::delivery::Kind;
use crate::domain::edition::State;
use crate::domain::time::Span;
use crate::store::{Leased, Ledger};
use crate::telemetry;

/// What is in hand may take so long after a stop was asked for.
const GRACE: Span = Span::seconds(60);

/// The engine of one run.
pub struct Engine {
    ctx: Arc<Context>,
    ledger: Ledger,
    run: i64,
    variants: Variants,
    relay: Relay,
    /// Editions of which the relay refused a copy for a reason that is not its
    /// recipient's: before every further copy the store is asked about them.
    doubted: StdMutex<HashSet<i64>>,
    /// A mark was denied: before every further copy the store is asked whether
    /// copies may leave at all. Being denied at the mark costs a connection.
    halted: AtomicBool,
    /// The ledger could not be used at the last try.
    unusable: AtomicBool,
    stop: CancellationToken,
}

impl Engine {
    /// An engine for one run. It ends when `stop` is cancelled and what is in
    /// hand is finished.
    pub fn new(ctx: Arc<Context>, ledger: Ledger, run: i64, stop: CancellationToken) -> Arc<Self> {
        let (variants, relay, doubted) = (Variants::default(), Relay::default(), StdMutex::default());
        let (halted, unusable) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { ctx, ledger, run, variants, relay, doubted, halted, unusable, stop })
    }

    /// Why the relay could not be used at the last try; `None` once it can.
    pub fn trouble(&self) -> Option<String> {
        self.relay.trouble()
    }

    /// Runs until stopped; `tick` says when to look again with nothing else to wake it.
    pub async fn run(self: Arc<Self>, mut tick: watch::Receiver<u64>) {
        let connections = self.ctx.transport.connections();
        let (mut letters, mut editions, queue) = lane::lanes(connections);
        let (queue, workers) = (Arc::new(Mutex::new(queue)), TaskTracker::new());
        for _ in 0..connections {
            workers.spawn(Worker::new(Arc::clone(&self)).run(Arc::clone(&queue)));
        }
        while !self.stop.is_cancelled() {
            let fed = [self.feed(&mut letters).await, self.feed(&mut editions).await];
            if fed.contains(&Fed::Some) {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.ctx.wake.outbox.notified() => {}
                _ = tick.changed() => {}
                () = editions.room(), if fed[1] == Fed::Full => {}
            }
        }
        drop((letters, editions));
        workers.close();
        // What is in hand is finished; a relay that takes longer leaves an uncertain row, listed.
        let _ = tokio::time::timeout(GRACE.duration(), workers.wait()).await;
    }

    /// Leases as much as a lane has room for.
    async fn feed(&self, lane: &mut Feeder) -> Fed {
        let now = self.ctx.now();
        if self.relay.is_down(now) {
            return Fed::Nothing;
        }
        let Some(places) = lane.free() else { return Fed::Full };
        let limit = i64::try_from(places.num_permits()).unwrap_or(i64::MAX);
        let leased = self.ctx.store.lease(self.run, lane.what, limit, now).await;
        telemetry::task_ended("lease", &leased);
        match leased {
            Ok(leased) => {
                if !leased.is_empty() {
                    crate::failpoint!("lease");
                }
                lane.feed(leased, places)
            }
            Err(_) => Fed::Nothing,
        }
    }

    fn doubt(&self, edition: Option<i64>) {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner).extend(edition);
    }

    /// Whether this delivery's edition, or all sending, was stopped since it was leased.
    async fn is_called_off(&self, leased: &Leased) -> bool {
        if leased.kind != Kind::Test && self.halted.load(Ordering::Relaxed) {
            // When the store cannot say, the mark will.
            if self.ctx.store.may_leave(leased.edition).await.is_ok_and(|may_leave| !may_leave) {
                return true;
            }
            self.halted.store(false, Ordering::Relaxed);
        }
        let doubted = |number: &i64| self.doubted.lock().unwrap_or_else(PoisonError::into_inner).contains(number);
        let Some(number) = leased.edition.filter(doubted) else { return false };
        // When the store cannot say, the mark will.
        let edition = self.ctx.store.edition(number).await;
        edition.is_ok_and(|edition| edition.is_some_and(|edition| edition.state != State::Sending))
    }

    /// Nothing may be begun now.
    fn must_wait(&self) -> bool {
        self.stop.is_cancelled() || self.relay.is_down(self.ctx.now())
    }
}
