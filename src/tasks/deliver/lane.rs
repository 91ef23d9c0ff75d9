//! Leased deliveries on their way to the workers: a lane for letters and one
//! for editions to each relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{self, FutureExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::relay::{InHand, Permit, Relay};
use crate::context::Context;
use crate::domain::time::Span;
use crate::store::{Leased, Mail};

/// Editions are leased by so many at a time: a lease costs a commit.
pub(super) const BATCH: usize = 200;
/// Letters leased at once.
const LETTERS: usize = 50;
/// A wait for a rate is looked at again after this.
const LOOK: Span = Span(100);

/// A leased delivery and its place among the leases.
pub(super) struct Work {
    pub(super) leased: Leased,
    /// It was counted against the limits of its domain.
    pub(super) admitted: bool,
    /// It was counted against the rate of the relay, and may go.
    pub(super) may_go: bool,
    _in_hand: Option<InHand>,
    _place: OwnedSemaphorePermit,
}

/// What came of feeding the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    Some,
    Nothing,
    Full,
}

/// The ends of the lanes where deliveries come in, one for each relay.
pub(super) struct Feeder {
    pub(super) what: Mail,
    batch: usize,
    lanes: Vec<Lane>,
}

struct Lane {
    places: Arc<Semaphore>,
    /// How many wait in it.
    waiting: Arc<AtomicUsize>,
    out: mpsc::UnboundedSender<Work>,
}

/// Both ends of all lanes, for relays with so many connections each.
pub(super) fn lanes(connections: &[usize]) -> (Feeder, Feeder, Vec<Queue>) {
    let mut letters = Feeder { what: Mail::Letters, batch: 1, lanes: Vec::new() };
    let mut editions = Feeder { what: Mail::Editions, batch: BATCH, lanes: Vec::new() };
    let queues = connections.iter().map(|workers| Queue {
        letters: letters.lane(LETTERS),
        // A worker holds two, so that even with all of them stuck there is room for a batch; and
        // while one is on its way there are two more.
        editions: editions.lane(3 * BATCH + 2 * workers),
        head: None,
        workers: *workers,
    });
    let queues = queues.collect();
    (letters, editions, queues)
}

impl Feeder {
    fn lane(&mut self, places: usize) -> Out {
        // As many as there are places can ever be in it.
        let (out, way_out) = mpsc::unbounded_channel();
        let (places, waiting) = (Arc::new(Semaphore::new(places)), Arc::new(AtomicUsize::new(0)));
        self.lanes.push(Lane { places, waiting: Arc::clone(&waiting), out });
        Out { waiting, work: way_out }
    }

    /// Free places on the way to a relay; none when a batch does not fit.
    pub(super) fn free(&self, relay: usize) -> usize {
        let free = self.lanes[relay].places.available_permits();
        if free < self.batch { 0 } else { free }
    }

    /// How many wait on the way to a relay.
    pub(super) fn waiting(&self, relay: usize) -> usize {
        self.lanes[relay].waiting.load(Ordering::Relaxed)
    }

    /// Waits until a batch fits where none does.
    pub(super) async fn room(&self) {
        let full = self.lanes.iter().filter(|lane| lane.places.available_permits() < self.batch);
        let batch = u32::try_from(self.batch).unwrap_or(1);
        let room: Vec<_> = full.map(|lane| lane.places.acquire_many(batch).map(drop).boxed()).collect();
        if !room.is_empty() {
            future::select_all(room).await;
        }
    }

    /// Sends one on its way to a relay.
    pub(super) fn feed(&self, relay: usize, leased: Leased, admitted: bool, in_hand: Option<InHand>) {
        let lane = &self.lanes[relay];
        // Only the feeder takes places, and it has seen that there are some.
        if let Ok(place) = Arc::clone(&lane.places).try_acquire_owned() {
            lane.waiting.fetch_add(1, Ordering::Relaxed);
            // The other end goes away only after this one.
            let _ = lane.out.send(Work { leased, admitted, may_go: false, _in_hand: in_hand, _place: place });
        }
    }
}

/// The end of a lane where deliveries come out.
struct Out {
    work: mpsc::UnboundedReceiver<Work>,
    waiting: Arc<AtomicUsize>,
}

/// Where the workers of a relay take from: letters first.
pub(super) struct Queue {
    letters: Out,
    editions: Out,
    /// The one that waits until the relay's rate lets it go; a letter that comes meanwhile passes it.
    head: Option<Work>,
    workers: usize,
}

impl Queue {
    /// The next delivery, as soon as the relay's rate lets it go; `None` when
    /// there will be no more.
    pub(super) async fn next(&mut self, relay: &Relay, ctx: &Context, stop: &CancellationToken) -> Option<Work> {
        if self.head.is_none() {
            self.head = tokio::select! {
                biased;
                Some(work) = self.letters.work.recv() => Some(work),
                Some(work) = self.editions.work.recv() => Some(work),
                else => return None,
            };
        }
        let may_go = loop {
            let now = ctx.now();
            if ctx.store.is_full() {
                break false;
            }
            let pause = match relay.permit(now) {
                Permit::Go => break true,
                Permit::Back => break false,
                Permit::Wait(until) => until.since(now).min(LOOK),
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause.duration())).await.is_none() {
                break false;
            }
        };
        self.first(may_go)
    }

    /// One more for a worker that has something in hand, when that leaves no other idle.
    pub(super) fn spare(&mut self, relay: &Relay, ctx: &Context) -> Option<Work> {
        let waiting = self.letters.work.len() + self.editions.work.len() + usize::from(self.head.is_some());
        if waiting < self.workers || ctx.store.is_full() || relay.permit(ctx.now()) != Permit::Go {
            return None;
        }
        self.first(true)
    }

    /// Letters pass what waits. Only now it no longer waits, for only now it is
    /// counted: the feeder must never see less than there is.
    fn first(&mut self, may_go: bool) -> Option<Work> {
        let first = self.letters.work.try_recv().ok();
        let first = first.or_else(|| self.head.take()).or_else(|| self.editions.work.try_recv().ok())?;
        let lane = if first.leased.edition.is_some() { &self.editions } else { &self.letters };
        lane.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(Work { may_go, ..first })
    }
}
