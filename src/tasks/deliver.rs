//! Outbox -> relay: leases batches, hands each message over on one of several
//! connections, and writes down what happened to each.
//!
//! A connection belongs to one worker. Before the first byte of a message's
//! content the worker has the ledger's mark; after the answer it tells the
//! ledger the outcome and may prepare its next message, whose mark the ledger
//! grants only once that outcome is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::Context;
use crate::domain::Timestamp;
use crate::domain::delivery::{self, Mark, Outcome, Phase, Report, Settlement, State};
use crate::domain::time::Span;
use crate::settings::Uncertain;
use crate::store::{Leased, Ledger, Settling};
use crate::telemetry;
use crate::transport::Connection;

use super::letter::{self, Variants};

/// Deliveries leased at once, over all connections.
const LEASES: usize = 200;
/// A connection that had nothing to do for this long is closed.
const IDLE: Span = Span::seconds(5);
/// What is in hand may take so long after a stop was asked for.
const GRACE: Span = Span::seconds(60);
/// How often an unwritable ledger is tried again.
const LEDGER_RETRY: Span = Span::seconds(1);

/// A leased delivery and its place among the leases.
type Work = (Leased, OwnedSemaphorePermit);

/// The engine of one run.
pub struct Engine {
    ctx: Arc<Context>,
    ledger: Ledger,
    run: i64,
    variants: Variants,
    relay: Relay,
    stop: CancellationToken,
}

/// Whether the relay is worth a try, shared by all workers.
#[derive(Default)]
struct Relay {
    not_before: AtomicI64,
    failures: AtomicU32,
}

impl Relay {
    /// 5 s, 10 s, 20 s, ... up to five minutes between tries.
    fn failed(&self, now: Timestamp) -> Timestamp {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).min(6);
        let again = now.plus(Span::seconds((5 << failures).min(300)));
        self.not_before.store(again.0, Ordering::Relaxed);
        again
    }

    fn works(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.not_before.store(0, Ordering::Relaxed);
    }

    fn is_down(&self, now: Timestamp) -> bool {
        self.not_before.load(Ordering::Relaxed) > now.0
    }
}

impl Engine {
    /// An engine for one run. It ends when `stop` is cancelled and what is in
    /// hand is finished.
    pub fn new(ctx: Arc<Context>, ledger: Ledger, run: i64, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { ctx, ledger, run, variants: Variants::default(), relay: Relay::default(), stop })
    }

    /// Runs until stopped; `tick` says when to look again with nothing else to wake it.
    pub async fn run(self: Arc<Self>, mut tick: tokio::sync::watch::Receiver<u64>) {
        let (work, waiting) = mpsc::channel::<Work>(LEASES);
        let waiting = Arc::new(Mutex::new(waiting));
        let workers = TaskTracker::new();
        for _ in 0..self.ctx.transport.connections() {
            workers.spawn(Arc::clone(&self).work(Arc::clone(&waiting)));
        }
        let leases = Arc::new(Semaphore::new(LEASES));
        while !self.stop.is_cancelled() {
            let leased = match self.lease(&leases).await {
                Ok(leased) => leased,
                Err(error) => {
                    telemetry::task_failed("deliver", &format!("{error:#}"));
                    Vec::new()
                }
            };
            if leased.is_empty() {
                tokio::select! {
                    () = self.stop.cancelled() => break,
                    () = self.ctx.wake.outbox.notified() => {}
                    _ = tick.changed() => {}
                }
                continue;
            }
            for one in leased {
                if work.send(one).await.is_err() {
                    break;
                }
            }
        }
        drop(work);
        workers.close();
        // What is in hand is finished; a relay that takes longer leaves an uncertain row, listed.
        let _ = tokio::time::timeout(GRACE.duration(), workers.wait()).await;
    }

    /// Waits for free places, then leases as many deliveries.
    async fn lease(&self, leases: &Arc<Semaphore>) -> anyhow::Result<Vec<Work>> {
        let now = self.ctx.now();
        if self.relay.is_down(now) {
            return Ok(Vec::new());
        }
        let first = tokio::select! {
            () = self.stop.cancelled() => return Ok(Vec::new()),
            permit = Arc::clone(leases).acquire_owned() => permit?,
        };
        let mut permits = vec![first];
        while let Ok(permit) = Arc::clone(leases).try_acquire_owned() {
            permits.push(permit);
        }
        let leased = self.ctx.store.lease(self.run, i64::try_from(permits.len())?, now).await?;
        Ok(leased.into_iter().zip(permits).collect())
    }

    async fn work(self: Arc<Self>, waiting: Arc<Mutex<mpsc::Receiver<Work>>>) {
        let mut connection: Option<Box<dyn Connection>> = None;
        loop {
            let next = async { waiting.lock().await.recv().await };
            let Ok(next) = tokio::time::timeout(IDLE.duration(), next).await else {
                if let Some(idle) = connection.take() {
                    idle.close().await;
                }
                continue;
            };
            let Some((leased, _place)) = next else { break };
            connection = self.one(leased, connection).await;
        }
        if let Some(connection) = connection {
            connection.close().await;
        }
    }

    /// Hands one delivery over; the connection, when it may be used again.
    async fn one(&self, leased: Leased, connection: Option<Box<dyn Connection>>) -> Option<Box<dyn Connection>> {
        if self.stop.is_cancelled() || self.relay.is_down(self.ctx.now()) {
            self.give_back(&leased).await;
            return connection;
        }
        let (envelope, content) = match letter::write(&self.ctx, &self.variants, &leased).await {
            Ok(letter) => letter,
            Err(error) => {
                let reason = format!("{error:#}");
                telemetry::letter_failed(leased.id, &reason);
                let report = Report { outcome: Outcome::Refused, phase: Phase::Connect, reply: None, detail: reason };
                self.settle(&leased, report, self.ctx.now()).await;
                return connection;
            }
        };
        let mut connection = self.connected(connection, &leased).await?;
        let started = self.ctx.now();
        let mark = async {
            match self.ledger.mark(leased.id).await {
                Ok(mark) => mark,
                Err(error) => {
                    telemetry::ledger_failed(&error.to_string());
                    // Nothing left: put the row back once the ledger can be written.
                    self.settle(&leased, Report::withheld(Phase::Rcpt), started).await;
                    Mark::Denied
                }
            }
        };
        let report = connection.hand_over(&envelope, &content, Box::pin(mark)).await;
        if report.outcome != Outcome::Withheld {
            self.settle(&leased, report, started).await;
        }
        if connection.is_usable() {
            return Some(connection);
        }
        connection.close().await;
        None
    }

    /// A usable connection; without one the delivery goes back untried.
    async fn connected(&self, connection: Option<Box<dyn Connection>>, leased: &Leased) -> Option<Box<dyn Connection>> {
        if let Some(connection) = connection {
            if connection.is_usable() {
                return Some(connection);
            }
            connection.close().await;
        }
        let relay = self.ctx.transport.name();
        match self.ctx.transport.connect().await {
            Ok(connection) => {
                self.relay.works();
                telemetry::relay_connected(relay);
                Some(connection)
            }
            Err(report) => {
                let now = self.ctx.now();
                // Workers that fail together count as one failure.
                if !self.relay.is_down(now) {
                    telemetry::relay_failed(relay, &report.reason(), self.relay.failed(now));
                }
                self.give_back(leased).await;
                None
            }
        }
    }

    async fn give_back(&self, leased: &Leased) {
        // A row that cannot be given back now is taken back when the next run begins.
        if let Err(error) = self.ledger.give_back(vec![leased.id]).await {
            telemetry::ledger_failed(&error.to_string());
        }
    }

    /// Makes an outcome durable, however long the ledger cannot be written:
    /// what the relay answered is known only here.
    async fn settle(&self, leased: &Leased, report: Report, started: Timestamp) {
        let ended = self.ctx.now();
        let settling = Settling {
            delivery: leased.id,
            settlement: self.settlement(leased, &report, ended),
            report,
            relay: self.ctx.transport.name().to_owned(),
            started,
            ended,
        };
        tell(&settling, leased.attempts + 1);
        while let Err(error) = self.ledger.settle(settling.clone()).await {
            telemetry::ledger_failed(&error.to_string());
            if self.stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(LEDGER_RETRY.duration()).await;
        }
    }

    fn settlement(&self, leased: &Leased, report: &Report, now: Timestamp) -> Settlement {
        let settlement = delivery::settle(report, leased.attempts + 1, now, leased.expires, self.ctx.jitter());
        if settlement.state != State::Uncertain {
            return settlement;
        }
        let mail = &self.ctx.settings.mail;
        let look_again = match mail.uncertain {
            Uncertain::Resend => now.plus(mail.uncertain_wait),
            Uncertain::Hold => Timestamp(i64::MAX),
        };
        Settlement { not_before: Some(look_again), ..settlement }
    }
}

fn tell(settling: &Settling, attempt: u32) {
    let Settling { delivery, report, settlement, relay, .. } = settling;
    match settlement.state {
        State::Accepted => telemetry::delivery_accepted(*delivery, relay),
        State::Refused => telemetry::delivery_refused(*delivery, &report.reason()),
        State::Uncertain => telemetry::delivery_uncertain(*delivery, &report.reason()),
        State::Expired => telemetry::deliveries_expired(1),
        _ => {
            let again = settlement.not_before.unwrap_or_default();
            telemetry::delivery_deferred(*delivery, attempt, &report.reason(), again);
        }
    }
}
