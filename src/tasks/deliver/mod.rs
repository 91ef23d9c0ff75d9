//! Outbox -> relays: leases batches, hands each message over on one of several
//! connections, and writes down what happened to each.
//!
//! ```text
//! ledger --leases--> feeder --turns by weight--> lanes --> workers, a connection each --> relay
//!    ^                 |                                      |
//!    +----- marks, outcomes, what is given back or put off ---+
//! ```
//! All of it runs on one thread, but for signatures and the writing to the disk.
//! Letters somebody waits for (confirm, welcome) have a lane of their own, so
//! that they never stand behind an edition. Pace is kept at two places: nothing
//! is leased that its relay or its domain would not take now, and a worker
//! takes nothing out of a lane before its relay's rate lets it go.

mod books;
mod lane;
mod relay;
mod worker;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::lane::{BATCH, Fed, Feeder};
use self::relay::Relay;
use self::worker::Worker;
use super::letter::Variants;
use crate::context::Context;
use crate::domain::Timestamp;
use crate::domain::delivery::Kind;
use crate::domain::edition::State;
use crate::domain::pace::{Turns, Wait};
use crate::domain::time::Span;
use crate::store::{Leased, Ledger, Mail};
use crate::telemetry;

/// What is in hand may take so long after a stop was asked for.
const GRACE: Span = Span::seconds(60);

/// The engine of one run.
pub struct Engine {
    ctx: Arc<Context>,
    ledger: Ledger,
    run: i64,
    variants: Variants,
    /// Where letters are signed, on as many processors as there are.
    signing: Handle,
    /// In the order of the settings.
    relays: Vec<Arc<Relay>>,
    turns: StdMutex<Turns>,
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
    /// hand is finished. `signing` is a runtime that letters may keep busy.
    pub fn new(ctx: Arc<Context>, ledger: Ledger, run: i64, signing: Handle, stop: CancellationToken) -> Arc<Self> {
        let (zone, now) = (ctx.settings.site.timezone, ctx.now());
        let relays = ctx.settings.relays.iter().map(|relay| Arc::new(Relay::new(relay, zone, now))).collect();
        let turns = StdMutex::new(Turns::new(ctx.settings.relays.iter().map(|relay| relay.weight)));
        let (variants, doubted) = (Variants::default(), StdMutex::default());
        let (halted, unusable) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { ctx, ledger, run, variants, signing, relays, turns, doubted, halted, unusable, stop })
    }

    /// Why no relay could be used at the last try; `None` once one can.
    pub fn trouble(&self) -> Option<String> {
        let troubles: Option<Vec<_>> = self.relays.iter().map(|relay| relay.trouble()).collect();
        troubles?.into_iter().next()
    }

    /// Whether mail has to wait: every relay is down or has had what it may have now.
    pub fn is_waiting(&self) -> bool {
        let now = self.ctx.now();
        self.relays.iter().all(|relay| relay.is_waited_for(now))
    }

    /// Runs until stopped; `tick` says when to look again with nothing else to wake it.
    pub async fn run(self: Arc<Self>, mut tick: watch::Receiver<u64>) {
        self.remember(&mut tick).await;
        let connections: Vec<usize> = self.ctx.relays.iter().map(|relay| relay.connections()).collect();
        let (letters, editions, queues) = lane::lanes(&connections);
        let workers = TaskTracker::new();
        for (relay, queue) in queues.into_iter().enumerate() {
            let queue = Arc::new(Mutex::new(queue));
            for _ in 0..connections[relay] {
                workers.spawn(Worker::new(Arc::clone(&self), relay).run(Arc::clone(&queue)));
            }
        }
        let mut told = Vec::new();
        while !self.stop.is_cancelled() {
            let fed = [self.feed(&letters).await, self.feed(&editions).await];
            self.tell(&mut told).await;
            if fed.contains(&Fed::Some) {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.ctx.wake.outbox.notified() => {}
                ticked = tick.changed() => if ticked.is_err() { break },
                () = letters.room(), if fed[0] == Fed::Full => {}
                () = editions.room(), if fed[1] == Fed::Full => {}
            }
        }
        drop((letters, editions));
        workers.close();
        // What is in hand is finished; a relay that takes longer leaves an uncertain row, listed.
        let _ = tokio::time::timeout(GRACE.duration(), workers.wait()).await;
    }

    /// Fills the windows of the rates with what left before this run.
    async fn remember(&self, tick: &mut watch::Receiver<u64>) {
        for (relay, transport) in self.relays.iter().zip(&self.ctx.relays) {
            let Some(span) = relay.memory() else { continue };
            while !self.stop.is_cancelled() {
                let now = self.ctx.now();
                let left = self.ctx.store.handed_over(transport.name(), span, now).await;
                telemetry::task_ended("remember", &left);
                if let Ok(left) = left {
                    relay.remember(&left, now);
                    break;
                }
                let _ = self.stop.run_until_cancelled(tick.changed()).await;
            }
        }
    }

    /// Leases as much as the relays take just now.
    async fn feed(&self, feeder: &Feeder) -> Fed {
        let now = self.ctx.now();
        if self.ctx.store.is_full() || feeder.what == Mail::Editions && self.is_quiet(now) {
            return Fed::Nothing;
        }
        let takes = |(index, relay): (usize, &Arc<Relay>)| relay.room(feeder.what, feeder.waiting(index), now);
        let takes: Vec<usize> = self.relays.iter().enumerate().map(takes).collect();
        let mut room: Vec<usize> = takes.iter().enumerate().map(|(i, takes)| feeder.free(i).min(*takes)).collect();
        let limit = room.iter().fold(0, |sum: usize, room| sum.saturating_add(*room)).min(BATCH);
        if limit == 0 {
            return if takes.iter().any(|takes| *takes > 0) { Fed::Full } else { Fed::Nothing };
        }
        let leased = match self.ctx.store.is_due(feeder.what, now).await {
            Ok(true) => self.ledger.lease(feeder.what, limit, now).await,
            Ok(false) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        telemetry::task_ended("lease", &leased);
        match leased {
            Ok(leased) if leased.is_empty() => Fed::Nothing,
            Ok(leased) => {
                crate::failpoint!("lease");
                let turns = leased.into_iter().filter_map(|leased| self.dispatch(feeder, leased, &mut room, now));
                self.put_off(turns.collect()).await;
                Fed::Some
            }
            Err(_) => Fed::Nothing,
        }
    }

    /// Sends one on its way to the relay whose turn it is; when its domain may
    /// have nothing more now at any of them, its turn.
    fn dispatch(
        &self,
        feeder: &Feeder,
        leased: Leased,
        room: &mut [usize],
        now: Timestamp,
    ) -> Option<(i64, Timestamp)> {
        let domain = leased.address.domain();
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut passed, mut later) = (Vec::new(), None::<Timestamp>);
        while let Some(index) = turns.next(|index| room[index] > 0 && !passed.contains(&index)) {
            match self.relays[index].admit(domain, now) {
                Ok(admitted) => {
                    room[index] -= 1;
                    let in_hand = self.relays[index].in_hand(&self.ctx, domain);
                    feeder.feed(index, leased, admitted, in_hand);
                    return None;
                }
                Err(turn) => {
                    passed.push(index);
                    later = Some(later.map_or(turn, |later| later.min(turn)));
                }
            }
        }
        Some((leased.id, later.unwrap_or(now)))
    }

    /// Writes down what mail waits for, when that is not what was `told` last.
    async fn tell(&self, told: &mut Vec<Wait>) {
        let now = self.ctx.now();
        let waits = self.relays.iter().zip(&self.ctx.relays);
        let waits: Vec<_> = waits.flat_map(|(relay, transport)| relay.waits(transport.name(), now)).collect();
        if waits != *told {
            let written = self.ctx.store.tell_waits(self.run, &waits).await;
            telemetry::task_ended("waits", &written);
            if written.is_ok() {
                *told = waits;
            }
        }
    }

    async fn put_off(&self, turns: Vec<(i64, Timestamp)>) {
        // What cannot be put off now is put off once the ledger can be written.
        if let Err(error) = self.ledger.put_off(turns).await {
            self.ledger_failed(&error);
        }
    }

    /// No edition leaves now.
    fn is_quiet(&self, now: Timestamp) -> bool {
        let settings = &self.ctx.settings;
        settings.mail.quiet_hours.is_some_and(|hours| hours.contain(settings.site.timezone, now))
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
}
