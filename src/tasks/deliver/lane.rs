//! Leased deliveries on their way to the workers.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::store::{Leased, Mail};

/// Editions are leased by so many at a time: a lease costs a commit.
const BATCH: u32 = 200;
/// Letters leased at once.
const LETTERS: usize = 50;

/// A leased delivery and its place among the leases.
pub(super) struct Work {
    pub(super) leased: Leased,
    _place: OwnedSemaphorePermit,
}

/// What came of feeding a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    Some,
    Nothing,
    Full,
}

/// The end of a lane where deliveries come in.
pub(super) struct Feeder {
    pub(super) what: Mail,
    places: Arc<Semaphore>,
    batch: u32,
    lane: mpsc::UnboundedSender<Work>,
}

/// Both ends of both lanes; letters first.
pub(super) fn lanes(connections: usize) -> (Feeder, Feeder, Queue) {
    // A worker holds two, so that even with all of them stuck there is room for a batch.
    let room = 2 * BATCH as usize + 2 * connections;
    let (letters, letters_out) = lane(Mail::Letters, LETTERS, 1);
    let (editions, editions_out) = lane(Mail::Editions, room, BATCH);
    let queue = Queue { letters: letters_out, editions: editions_out, workers: connections };
    (letters, editions, queue)
}

fn lane(what: Mail, places: usize, batch: u32) -> (Feeder, mpsc::UnboundedReceiver<Work>) {
    // As many as there are places can ever be in it.
    let (lane, out) = mpsc::unbounded_channel();
    (Feeder { what, places: Arc::new(Semaphore::new(places)), batch, lane }, out)
}

impl Feeder {
    /// Places for a batch, when there are as many.
    pub(super) fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_many_owned(self.batch).ok()
    }

    /// Waits until there are.
    pub(super) async fn room(&self) {
        let _ = self.places.acquire_many(self.batch).await;
    }

    /// Sends a batch on its way.
    pub(super) fn feed(&self, leased: Vec<Leased>, mut places: OwnedSemaphorePermit) -> Fed {
        if leased.is_empty() {
            return Fed::Nothing;
        }
        for leased in leased {
            if let Some(place) = places.split(1) {
                // The other end goes away only after this one.
                let _ = self.lane.send(Work { leased, _place: place });
            }
        }
        Fed::Some
    }
}

/// The end where workers take from.
pub(super) struct Queue {
    letters: mpsc::UnboundedReceiver<Work>,
    editions: mpsc::UnboundedReceiver<Work>,
    workers: usize,
}

impl Queue {
    /// The next delivery; `None` when there will be no more.
    pub(super) async fn next(&mut self) -> Option<Work> {
        tokio::select! {
            biased;
            Some(work) = self.letters.recv() => Some(work),
            Some(work) = self.editions.recv() => Some(work),
            else => None,
        }
    }

    /// One more for a worker that has something in hand, when that leaves no other idle.
    pub(super) fn spare(&mut self) -> Option<Work> {
        if self.letters.len() + self.editions.len() < self.workers {
            return None;
        }
        self.letters.try_recv().or_else(|_| self.editions.try_recv()).ok()
    }
}
