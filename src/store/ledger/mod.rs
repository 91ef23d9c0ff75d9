//! The ledger's writer: one task that makes leases, marks and outcomes durable.
//!
//! All requests waiting at one moment share one transaction (group commit), so
//! that a durable mark before every message costs a ride, not a disk write of
//! its own. What is granted is answered after the commit and in the order it came:
//! a connection whose outcome was sent before its next mark has it on the disk
//! when that mark is granted.

mod consequences;
mod lease;
mod rows;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use self::lease::Wanted;
use self::rows::Written;
use super::{Result, Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::delivery::{Mark, Report, Settlement};

pub use self::lease::{Leased, Mail};

/// The outcome of one attempt, on its way to the disk.
#[derive(Debug)]
pub struct Settling {
    /// Row id of the delivery.
    pub delivery: i64,
    /// Which try it was, from 1.
    pub number: u32,
    /// What the transport reported.
    pub report: Report,
    /// Where the delivery goes from here.
    pub settlement: Settlement,
    /// Which relay.
    pub relay: String,
    /// When the attempt began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

/// For which delivery a mark is asked.
#[derive(Clone, Copy)]
struct Asking {
    delivery: i64,
    /// When its subscription had last moved when its letter was written.
    moved: Option<Timestamp>,
    /// The one whose outcome has to be durable before.
    after: Option<i64>,
    now: Timestamp,
}

enum Request {
    Mark(Asking, oneshot::Sender<Result<Mark>>),
    Settle(Arc<Settling>, oneshot::Sender<Result<()>>),
    Lease(Wanted, oneshot::Sender<Result<Vec<Leased>>>),
    Return(Vec<i64>, oneshot::Sender<Result<()>>),
    /// Each with the time of its next turn.
    PutOff(Vec<(i64, Timestamp)>, oneshot::Sender<Result<()>>),
}

/// Requests in one transaction at most.
const BATCH: usize = 500;
/// Commits in a row before others may write.
const COMMITS: u32 = 10;
/// How long a request may wait for others to share its commit.
const PATIENCE: Duration = Duration::from_millis(5);
/// How soon what could not be given back is tried again when nobody asks for anything.
const RETRY: Duration = Duration::from_secs(1);

/// Whose marks and outcomes are written.
#[derive(Clone, Copy)]
struct Run {
    id: i64,
    connections: i64,
}

/// A handle to the writer; clone it for every worker. The writer ends when the
/// last handle is dropped.
#[derive(Clone, Debug)]
pub struct Ledger {
    requests: mpsc::Sender<Request>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mark(..) => "Mark",
            Self::Settle(..) => "Settle",
            Self::Lease(..) => "Lease",
            Self::Return(..) => "Return",
            Self::PutOff(..) => "PutOff",
        })
    }
}

impl Ledger {
    /// Starts the writer for one run, whose relay has so many connections.
    pub fn start(store: Store, run: i64, connections: usize) -> Self {
        let run = Run { id: run, connections: i64::try_from(connections).unwrap_or(i64::MAX) };
        let (requests, waiting) = mpsc::channel(BATCH);
        tokio::spawn(write(store, run, waiting));
        Self { requests }
    }

    /// Leases up to `limit` deliveries that may be handed over now: letters as
    /// they came, copies of the oldest edition first.
    ///
    /// # Errors
    /// When it could not: nothing is leased then.
    pub async fn lease(&self, what: Mail, limit: usize, now: Timestamp) -> Result<Vec<Leased>> {
        self.ask(|answer| Request::Lease(Wanted { what, limit, now }, answer)).await?.durable().await
    }

    /// Asks for the mark: answered once the row is durably `handing_over`, or
    /// once it is known that nothing may leave. `after` is the delivery that
    /// the same connection handed over before: without its outcome on the disk
    /// there is no mark, so that a crash leaves one uncertain row a connection.
    /// Nor is there one when its reader has moved since it was leased: the row
    /// waits for its next turn then, for the letter goes to the address before.
    ///
    /// # Errors
    /// When it could not be made durable: nothing may leave then either.
    pub async fn mark(&self, leased: &Leased, after: Option<i64>, now: Timestamp) -> Result<Mark> {
        let moved = leased.subscription.as_ref().and_then(|subscription| subscription.moved);
        let asking = Asking { delivery: leased.id, moved, after, now };
        self.ask(|answer| Request::Mark(asking, answer)).await?.durable().await
    }

    /// Sends an outcome on its way to the disk. What comes back answers when
    /// it is there; requests made later are answered later.
    ///
    /// # Errors
    /// When there is no writer.
    pub async fn settle(&self, settling: Arc<Settling>) -> Result<Answer<()>> {
        self.ask(|answer| Request::Settle(settling, answer)).await
    }

    /// Gives leased deliveries back untried.
    ///
    /// # Errors
    /// When it could not: the writer does it once it can write again.
    pub async fn give_back(&self, deliveries: Vec<i64>) -> Result<()> {
        if deliveries.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Request::Return(deliveries, answer)).await?.durable().await
    }

    /// Gives leased deliveries back untried, each until its turn comes.
    ///
    /// # Errors
    /// When it could not: the writer does it once it can write again.
    pub async fn put_off(&self, turns: Vec<(i64, Timestamp)>) -> Result<()> {
        if turns.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Request::PutOff(turns, answer)).await?.durable().await
    }

    /// Puts a request into the queue; its answer is awaited apart.
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request) -> Result<Answer<T>> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| stopped())?;
        Ok(Answer(answered))
    }
}

/// An answer of the writer that is still to come.
#[derive(Debug)]
pub struct Answer<T>(oneshot::Receiver<Result<T>>);

impl<T> Answer<T> {
    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// When it could not be made durable: a row whose mark is not known to be
    /// there must not be handed over, and one whose outcome is not stays
    /// `handing_over`, for the next run to list as uncertain.
    pub async fn durable(self) -> Result<T> {
        self.0.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StoreError {
    StoreError::Ledger("its writer is gone".into())
}

async fn write(store: Store, run: Run, mut waiting: mpsc::Receiver<Request>) {
    let mut batch = Vec::with_capacity(BATCH);
    // Deliveries whose outcome should be on the disk and is not.
    let mut unsettled = HashSet::new();
    // What is with the relay: marked, and nothing heard of it.
    let mut out = HashSet::new();
    let mut turn = Turn::default();
    // What could not be given back, or it would be nobody's until the next run.
    let mut kept = Vec::new();
    while next(&mut waiting, &mut batch, !kept.is_empty()).await {
        gather(&mut waiting, &mut batch, &mut out).await;
        batch.append(&mut kept);
        let early = |request: &mut Request| matches!(request, Request::Mark(Asking { after: Some(k), .. }, _) if unsettled.contains(k));
        for request in batch.extract_if(.., early) {
            answer(request, &mut Err(StoreError::Ledger("the outcome before it is not on the disk".into())));
        }
        let mut committed = turn.commit(&store, run, &batch).await;
        turn.end(committed.is_err() || waiting.is_empty());
        if let Err(error) = &committed {
            store.note(error);
            kept.extend(batch.iter().filter_map(Request::again));
        }
        for request in batch.drain(..) {
            if let Request::Settle(settling, _) = &request {
                match committed {
                    Ok(_) => unsettled.remove(&settling.delivery),
                    Err(_) => unsettled.insert(settling.delivery),
                };
            }
            if let (Request::Mark(asking, ..), Ok(written)) = (&request, &committed)
                && !written.denied.contains(&asking.delivery)
            {
                out.insert(asking.delivery);
            }
            answer(request, &mut committed);
        }
    }
}

/// The database's one writing connection, kept while there is more to write:
/// handing it to the next and getting it back costs as much as a small commit.
#[derive(Default)]
struct Turn {
    writer: Option<PoolConnection<Sqlite>>,
    commits: u32,
}

impl Turn {
    async fn commit(&mut self, store: &Store, run: Run, batch: &[Request]) -> Result<Written> {
        store.disk.make_ready().map_err(StoreError::Failed)?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(store.db.writer.acquire().await?),
        };
        rows::commit(writer, run, batch).await
    }

    /// After every commit: others have their turn when this one is over, or was long enough.
    fn end(&mut self, is_over: bool) {
        self.commits += 1;
        if is_over || self.commits >= COMMITS {
            *self = Self::default();
        }
    }
}

/// Waits for requests; false when there will be none. With something kept it
/// does not wait for long.
async fn next(waiting: &mut mpsc::Receiver<Request>, batch: &mut Vec<Request>, is_kept: bool) -> bool {
    let received = waiting.recv_many(batch, BATCH);
    match is_kept {
        true => tokio::time::timeout(RETRY, received).await.map_or(true, |count| count > 0),
        false => received.await > 0,
    }
}

/// Waits until as many ask for their mark as are with the relay, though never
/// for long: the fewer commits, the less each of them costs, and while one half
/// waits for the disk the other is with the relay.
async fn gather(waiting: &mut mpsc::Receiver<Request>, batch: &mut Vec<Request>, out: &mut HashSet<i64>) {
    let until = Instant::now() + PATIENCE;
    let mut marks: usize = batch.iter().map(|request| request.marks(out)).sum();
    while batch.len() < BATCH && marks < out.len() {
        match timeout_at(until, waiting.recv()).await {
            Ok(Some(request)) => {
                marks += request.marks(out);
                batch.push(request);
            }
            Ok(None) | Err(_) => return,
        }
    }
}

impl Request {
    /// How many marks it asks for; what comes back with it is no longer `out`.
    fn marks(&self, out: &mut HashSet<i64>) -> usize {
        match self {
            Self::Settle(settling, _) => {
                out.remove(&settling.delivery);
            }
            Self::Return(ids, _) => out.retain(|id| !ids.contains(id)),
            Self::Mark(..) | Self::Lease(..) | Self::PutOff(..) => {}
        }
        usize::from(matches!(self, Self::Mark(..)))
    }

    /// The same once more, where nobody else would ask; nobody waits for its answer.
    fn again(&self) -> Option<Self> {
        let nobody = || oneshot::channel().0;
        match self {
            Self::Return(ids, _) => Some(Self::Return(ids.clone(), nobody())),
            Self::PutOff(turns, _) => Some(Self::PutOff(turns.clone(), nobody())),
            Self::Mark(..) | Self::Settle(..) | Self::Lease(..) => None,
        }
    }
}

/// A worker that has gone away no longer wants its answer, so a failed send is no fault.
fn answer(request: Request, committed: &mut Result<Written>) {
    let failed = |error: &StoreError| StoreError::Ledger(error.to_string());
    match (request, committed) {
        (Request::Mark(asking, to), Ok(written)) => {
            let mark = if written.denied.contains(&asking.delivery) { Mark::Denied } else { Mark::Granted };
            let _ = to.send(Ok(mark));
        }
        (Request::Mark(.., to), Err(error)) => {
            let _ = to.send(Err(failed(error)));
        }
        (Request::Lease(_, to), Ok(written)) => {
            let _ = to.send(written.leased.pop_front().unwrap_or_else(|| Err(stopped())));
        }
        (Request::Lease(_, to), Err(error)) => {
            let _ = to.send(Err(failed(error)));
        }
        (Request::Settle(_, to) | Request::Return(_, to) | Request::PutOff(_, to), committed) => {
            let _ = to.send(committed.as_ref().map(|_| ()).map_err(failed));
        }
    }
}
