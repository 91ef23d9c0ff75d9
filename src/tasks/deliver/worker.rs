//! One worker and its connection. Before the first byte of a message's content
//! it has the ledger's mark; after the answer it sends the outcome to the
//! ledger and goes on to its next message, whose mark the ledger grants only
//! once that outcome is durable.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use futures_util::future::{FusedFuture, FutureExt};
use tokio::sync::Mutex;

use super::Engine;
use super::books::{Asked, Without, tell};
use super::lane::{Queue, Work};
use super::relay::Relay;
use crate::domain::Timestamp;
use crate::domain::delivery::{Outcome, Phase, Report, Slow};
use crate::domain::time::Span;
use crate::store::{Answer, Leased, Settling, StoreError};
use crate::telemetry;
use crate::transport::{Connection, Message};

/// A connection that had nothing to do for this long is closed.
const IDLE: Span = Span::seconds(5);
/// How often an unusable ledger is tried again.
const LEDGER_RETRY: Span = Span::seconds(1);

/// A delivery ready to be handed over.
struct Hand {
    work: Work,
    message: Message,
}

/// An outcome on its way to the disk.
struct Unsettled {
    settling: Arc<Settling>,
    answer: Result<Answer<()>, StoreError>,
}

/// Hands over one message at a time.
pub(super) struct Worker {
    engine: Arc<Engine>,
    relay: Arc<Relay>,
    /// Its place among the relays.
    index: usize,
    connection: Option<Box<dyn Connection>>,
    /// Nothing was handed over on this connection yet.
    fresh: bool,
    unsettled: Option<Unsettled>,
}

impl Worker {
    pub(super) fn new(engine: Arc<Engine>, index: usize) -> Self {
        let relay = Arc::clone(&engine.relays[index]);
        Self { engine, relay, index, connection: None, fresh: true, unsettled: None }
    }

    /// Works until the queue ends.
    pub(super) async fn run(mut self, queue: Arc<Mutex<Queue>>) {
        let (engine, relay) = (Arc::clone(&self.engine), Arc::clone(&self.relay));
        let mut next = None;
        loop {
            let hand = match next.take() {
                Some(hand) => hand,
                None => {
                    self.confirm().await;
                    let work = async { queue.lock().await.next(&relay, &engine.ctx, &engine.stop).await };
                    match tokio::time::timeout(IDLE.duration(), work).await {
                        Ok(Some(work)) => match self.prepare(work).await {
                            Some(hand) => hand,
                            None => continue,
                        },
                        Ok(None) => break,
                        Err(_) => {
                            self.hang_up().await;
                            continue;
                        }
                    }
                }
            };
            next = self.hand_over(&hand, &queue).await;
        }
        self.confirm().await;
        self.hang_up().await;
    }

    /// Writes the letter of what may be handed over now.
    async fn prepare(&mut self, work: Work) -> Option<Hand> {
        let work = self.admit(work).await?;
        let letter = self.engine.write(&work.leased).await;
        self.written(work, letter).await
    }

    /// What may be handed over now; all else goes back where it came from.
    async fn admit(&mut self, work: Work) -> Option<Work> {
        let engine = Arc::clone(&self.engine);
        let now = engine.ctx.now();
        let is_quiet = work.leased.edition.is_some() && engine.is_quiet(now);
        if !work.may_go || self.must_wait() || is_quiet || engine.is_called_off(&work.leased).await {
            engine.give_back(&work.leased).await;
            return None;
        }
        let Some(turn) = self.relay.recall(work.leased.address.domain(), work.admitted, now) else {
            return Some(work);
        };
        match engine.relays.len() {
            1 => engine.put_off(vec![(work.leased.id, turn)]).await,
            // It may be another's turn at once.
            _ => engine.give_back(&work.leased).await,
        }
        None
    }

    /// A delivery that can never be written is refused, with the reason.
    async fn written(&mut self, work: Work, letter: anyhow::Result<Message>) -> Option<Hand> {
        let engine = Arc::clone(&self.engine);
        let error = match letter {
            Ok(message) => return Some(Hand { work, message }),
            Err(error) => error,
        };
        if let Some(error) = error.downcast_ref() {
            engine.ledger_failed(error);
            engine.give_back(&work.leased).await;
            tokio::time::sleep(LEDGER_RETRY.duration()).await;
        } else {
            let reason = format!("{error:#}");
            telemetry::letter_failed(work.leased.id, &reason);
            let report = Report { outcome: Outcome::Refused, phase: Phase::Connect, reply: None, detail: reason };
            self.settle(&work.leased, report, engine.ctx.now()).await;
        }
        None
    }

    /// Hands one over; what comes next on this connection. Its letter is
    /// written while the disk writes the mark, which waits for nothing once it
    /// is there.
    async fn hand_over(&mut self, hand: &Hand, queue: &Mutex<Queue>) -> Option<Hand> {
        let (engine, leased) = (Arc::clone(&self.engine), &hand.work.leased);
        let Some(mut connection) = self.connected().await else {
            engine.give_back(leased).await;
            return None;
        };
        let spare = self.spare(queue).await;
        let (started, asked, letter) = (engine.ctx.now(), Asked::default(), OnceLock::new());
        let after = self.unsettled.as_ref().map(|before| before.settling.delivery);
        {
            let mut writing = pin!(
                async {
                    // The ledger goes first: it has the disk to wait for.
                    tokio::task::yield_now().await;
                    if let Some(work) = &spare {
                        let written = engine.write(&work.leased).await;
                        letter.get_or_init(|| written);
                    }
                }
                .fuse()
            );
            let mark = Box::pin(async {
                let mut asking = pin!(engine.mark(leased, after, &asked));
                let mark = tokio::select! {
                    biased;
                    mark = &mut asking => mark,
                    () = &mut writing => asking.await,
                };
                (mark, letter.get().and_then(|letter| letter.as_ref().ok()))
            });
            let report = connection.hand_over(&hand.message, mark).await;
            self.ended(leased, connection, report, started, &asked).await;
            if !writing.is_terminated() {
                writing.await;
            }
        }
        self.written(spare?, letter.into_inner()?).await
    }

    /// One more that may be handed over, when that leaves no other worker idle.
    async fn spare(&mut self, queue: &Mutex<Queue>) -> Option<Work> {
        let spare = queue.try_lock().ok().and_then(|mut queue| queue.spare(&self.relay, &self.engine.ctx));
        self.admit(spare?).await
    }

    async fn ended(
        &mut self,
        leased: &Leased,
        connection: Box<dyn Connection>,
        report: Report,
        started: Timestamp,
        asked: &Asked,
    ) {
        let engine = Arc::clone(&self.engine);
        if report.outcome == Outcome::Accepted {
            crate::failpoint!("reply");
        }
        let (fresh, usable) = (self.fresh, connection.is_usable());
        self.connection = Some(connection);
        self.fresh = false;
        match asked.without() {
            Some(Without::Denied) => engine.halted.store(true, Ordering::Relaxed),
            Some(Without::Stopped) => engine.give_back(leased).await,
            // Nothing left: the row goes back once the ledger can be written.
            Some(Without::Failed) => self.settle(leased, Report::withheld(report.phase), started).await,
            None if !usable && report.is_untried() => self.untried(leased, report, fresh, started).await,
            None => {
                self.learn(leased, &report);
                self.settle(leased, report, started).await;
            }
        }
        // What the relay answered is with the ledger before it is told goodbye.
        if !usable {
            self.hang_up().await;
        }
    }

    /// The connection was at its end before the relay had a word for this message.
    async fn untried(&mut self, leased: &Leased, report: Report, fresh: bool, started: Timestamp) {
        if report.slow().is_some() {
            self.learn(leased, &report);
            if report.phase == Phase::Rcpt {
                return self.settle(leased, report, started).await;
            }
        } else if fresh {
            self.relay_failed(&report);
            if report.phase == Phase::Rcpt {
                // It could be this recipient that the relay hangs up on: that counts, or it would be tried for ever.
                return self.settle(leased, report, started).await;
            }
        }
        self.engine.give_back(leased).await;
    }

    /// A usable connection, when there is or can be one.
    async fn connected(&mut self) -> Option<Box<dyn Connection>> {
        if self.must_wait() {
            self.hang_up().await;
            return None;
        }
        if self.connection.as_ref().is_some_and(|connection| connection.is_usable()) {
            return self.connection.take();
        }
        self.hang_up().await;
        let relay = Arc::clone(&self.relay);
        let _turn = relay.turn().await;
        if self.must_wait() {
            return None;
        }
        let transport = &self.engine.ctx.relays[self.index];
        match transport.connect().await {
            Ok(connection) => {
                relay.reached(self.engine.ctx.now());
                telemetry::relay_connected(transport.name());
                self.fresh = true;
                Some(connection)
            }
            Err(report) => {
                self.relay_failed(&report);
                None
            }
        }
    }

    /// Nothing may be begun now.
    fn must_wait(&self) -> bool {
        self.engine.stop.is_cancelled() || self.relay.is_down(self.engine.ctx.now())
    }

    /// What the ledger calls the relay.
    fn name(&self) -> &str {
        self.engine.ctx.relays[self.index].name()
    }

    fn relay_failed(&self, report: &Report) {
        let now = self.engine.ctx.now();
        // Workers that fail together count as one failure.
        if !self.relay.is_down(now) {
            telemetry::relay_failed(self.name(), &report.reason(), self.relay.failed(report, now));
        }
    }

    /// What a report says of more than its own delivery.
    fn learn(&self, leased: &Leased, report: &Report) {
        let (now, domain) = (self.engine.ctx.now(), leased.address.domain());
        if report.outcome == Outcome::Accepted {
            return self.relay.works(domain, now);
        }
        let asked = report.reason();
        match report.slow() {
            Some(Slow::Domain) => {
                if let Some(again) = self.relay.slow_domain(domain, &asked, now) {
                    telemetry::domain_slowed(domain, &asked, again);
                }
            }
            Some(Slow::Relay) => {
                if let Some(again) = self.relay.slow(&asked, now) {
                    telemetry::relay_slowed(self.name(), &asked, again);
                }
            }
            Some(Slow::Quota) => {
                if let Some(again) = self.relay.spent(&asked, now) {
                    telemetry::relay_slowed(self.name(), &asked, again);
                }
            }
            None if report.concerns_relay() => self.relay_failed(report),
            None if report.is_about_us() => self.engine.doubt(leased.edition),
            None => {}
        }
    }

    async fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    /// Sends an outcome on its way to the disk; the one before is there first.
    async fn settle(&mut self, leased: &Leased, report: Report, started: Timestamp) {
        self.confirm().await;
        let ended = self.engine.ctx.now();
        let settling = Arc::new(Settling {
            delivery: leased.id,
            number: leased.attempts + 1,
            settlement: self.engine.settlement(leased, &report, ended),
            report,
            relay: self.name().to_owned(),
            started,
            ended,
        });
        tell(&settling);
        let answer = self.engine.ledger.settle(Arc::clone(&settling)).await;
        self.unsettled = Some(Unsettled { settling, answer });
    }

    /// Waits until the outcome is durable, however long the ledger cannot be
    /// written: what the relay answered is known only here.
    async fn confirm(&mut self) {
        let Some(Unsettled { settling, mut answer }) = self.unsettled.take() else { return };
        loop {
            let done = match answer {
                Ok(answer) => answer.durable().await,
                Err(error) => Err(error),
            };
            let Err(error) = done else { return self.engine.ledger_works() };
            self.engine.ledger_failed(&error);
            if self.engine.stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(LEDGER_RETRY.duration()).await;
            answer = self.engine.ledger.settle(Arc::clone(&settling)).await;
        }
    }
}
