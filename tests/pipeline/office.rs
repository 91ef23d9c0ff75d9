//! A whole service with a clock of its own: what [`postroom::app`] runs by the second is run here step by step.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use postroom::app::{self, Delivery};
use postroom::context::{Clock, Context, Ids};
use postroom::domain::delivery::State;
use postroom::domain::edition::Edition;
use postroom::domain::time::Span;
use postroom::domain::{Cadence, Fault, Timestamp};
use postroom::settings::Settings;
use postroom::tasks::compose::{self, Sealed, Wanted};
use postroom::tasks::ingest::{self, Looked};
use postroom::tasks::tend;
use postroom::transport::{self, RelayConfig};
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::audit::Books;
use crate::cli::{self, Answer};
use crate::faultsink::{self, Script, Sink};

/// The zone of the site.
pub const ZONE: Tz = chrono_tz::Europe::Berlin;
/// When every test begins: a Monday.
pub const START: &str = "2026-05-18 12:00";

/// An instant on the wall clock of the site.
pub fn at(wall: &str) -> Timestamp {
    let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").unwrap();
    wall.and_local_timezone(ZONE).earliest().unwrap().into()
}

/// A clock that stands still until it is told.
pub struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Chance that is the same every time: back-off is drawn out by nothing.
pub struct NoChance;

impl Ids for NoChance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// How an office is set up.
pub struct Setup<'a> {
    pub script: Script,
    pub start: &'a str,
    pub connections: usize,
    /// Whether the relay takes commands in groups, as most do.
    pub pipelining: bool,
    /// Another way to the relay than the settings can say.
    pub relay: Option<fn(SocketAddr) -> RelayConfig>,
    /// More lines of `[mail]`.
    pub mail: &'a str,
    /// More lines of `[relay]`, then more sections.
    pub more: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { script: Script::new(), start: START, connections: 3, pipelining: true, relay: None, mail: "", more: "" }
    }
}

/// A whole service. End every test with [`Office::close`].
pub struct Office {
    pub ctx: Arc<Context>,
    pub sink: Sink,
    /// More relays, for the audit.
    pub others: Vec<Sink>,
    pub books: Books,
    clock: Arc<Hands>,
    ticks: watch::Sender<u64>,
    delivery: Option<Delivery>,
    /// Files get times of change of their own, however fast they are written.
    pub writes: AtomicU64,
    folder: tempfile::TempDir,
    closed: bool,
}

impl Office {
    /// An office in which all is as usual, with one old post.
    pub async fn open(script: Script) -> Self {
        Self::set_up(Setup { script, ..Setup::default() }).await
    }

    pub async fn set_up(setup: Setup<'_>) -> Self {
        let script = if setup.pipelining { setup.script.keyword("PIPELINING") } else { setup.script };
        let sink = faultsink::start(script).await;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("posts")).unwrap();
        let toml = format!(
            "[site]\ntitle = \"The Test Blog\"\nurl = \"https://blog.test\"\ntimezone = \"{ZONE}\"\n\
             postal_address = \"1 Test Street\"\n[http]\npublic_url = \"https://news.blog.test\"\n\
             listen = \"127.0.0.1:0\"\n{}\nurl = \"smtp://{}\"\nconnections = {}\n{}\n\
             [mail]\nfrom = \"news@blog.test\"\n{}\n",
            if setup.more.contains("[[relay]]") { "[[relay]]" } else { "[relay]" },
            sink.addr,
            setup.connections,
            setup.more,
            setup.mail
        );
        fs::write(folder.path().join("postroom.toml"), toml).unwrap();
        let clock = Arc::new(Hands(AtomicI64::new(at(setup.start).0)));
        let mut ctx = context(folder.path(), &clock).await;
        if let Some(relay) = setup.relay {
            let mut own = Arc::into_inner(ctx).unwrap();
            own.relays = vec![transport::open(relay(sink.addr)).unwrap()];
            ctx = Arc::new(own);
        }
        let books = Books::of(&ctx).await;
        let mut office = Self {
            ctx,
            sink,
            others: Vec::new(),
            books,
            clock,
            ticks: watch::Sender::new(0),
            delivery: None,
            writes: AtomicU64::new(0),
            folder,
            closed: false,
        };
        office.post("old");
        assert!(office.look().await.ingested.baseline);
        office.start().await;
        office
    }

    /// One with a daily edition for these readers that nobody hands over yet.
    pub async fn sealed(setup: Setup<'_>, names: &[&str]) -> Self {
        let mut office = Self::set_up(setup).await;
        office.stop().await;
        let newsletter = office.ctx.settings.newsletters[0].id.clone();
        office.join_to(&newsletter, names, Cadence::Daily).await;
        office.post("alpha");
        office.tick_sealing("2026-05-19 07:00").await;
        office
    }

    /// Another process on the same files: a context of its own.
    pub async fn another_context(&self) -> Arc<Context> {
        context(self.folder.path(), &self.clock).await
    }

    /// Another process that hands over, until [`Office::kill`].
    pub fn start_doomed(&self) -> Runtime {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (folder, clock, ticks) = (self.folder.path().to_owned(), Arc::clone(&self.clock), self.ticks.clone());
        runtime.spawn(async move {
            let ctx = context(&folder, &clock).await;
            let _delivery = app::start_delivery(&ctx, ticks, CancellationToken::new()).await.unwrap();
            std::future::pending::<()>().await;
        });
        runtime
    }

    /// Kills it: no thread of it does anything any more.
    pub async fn kill(doomed: Runtime) {
        const PATIENCE: Duration = Duration::from_secs(20);
        let began = Instant::now();
        task::spawn_blocking(move || doomed.shutdown_timeout(PATIENCE)).await.unwrap();
        assert!(began.elapsed() < PATIENCE, "it lives on");
    }

    /// Begins to hand over.
    pub async fn start(&mut self) {
        assert!(self.delivery.is_none(), "it runs already");
        let delivery = app::start_delivery(&self.ctx, self.ticks.clone(), CancellationToken::new()).await;
        self.delivery = Some(delivery.unwrap());
    }

    /// Stops as `serve` does on a signal.
    pub async fn stop(&mut self) {
        self.delivery.take().expect("it does not run").stop().await.unwrap();
    }

    /// Lets time pass without anything being done in it.
    pub fn wait(&self, span: Span) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, time: Timestamp) {
        self.clock.0.store(time.0, Ordering::SeqCst);
    }

    /// One look through the archive.
    pub async fn look(&self) -> Looked {
        self.try_look().await.unwrap()
    }

    /// The same where the archive may be at fault.
    pub async fn try_look(&self) -> Result<Looked, Fault> {
        ingest::step(&self.ctx, self.ctx.now()).await.unwrap()
    }

    /// One look through the archive and at what is due; nothing is handed over by it.
    pub async fn compose(&self) {
        self.look().await;
        compose::step(&self.ctx, self.ctx.now()).await.unwrap();
    }

    /// One second of the service: every task once, until nothing more is to be done now.
    pub async fn tick(&self) {
        self.compose().await;
        self.hand_over().await;
    }

    /// Sets the clock and seals what is due; nothing is handed over.
    pub async fn tick_sealing(&self, wall: &str) {
        self.set(at(wall));
        self.compose().await;
    }

    /// Sets the clock, then one second of the service.
    pub async fn tick_at(&self, wall: &str) {
        self.set(at(wall));
        self.tick().await;
    }

    /// Runs by the `step` until `end`.
    pub async fn run_until(&self, end: &str, step: Span) {
        let end = at(end);
        while self.ctx.now() < end {
            self.set(self.ctx.now().plus(step).min(end));
            self.tick().await;
        }
    }

    /// Waits until the engine has nothing to do just now, then tends the outbox.
    pub async fn hand_over(&self) {
        self.tend().await;
        if self.books.due(self.ctx.now()).await > 0 {
            self.until("the outbox has nothing due", async || self.books.due(self.ctx.now()).await == 0).await;
        }
        self.tend().await;
    }

    /// Lets time pass until every delivery is settled, whatever the relay's troubles.
    pub async fn run_to_end(&self) {
        for _ in 0..500 {
            self.wait(Span::minutes(2));
            self.hand_over_or_wait().await;
            if self.books.open().await == 0 {
                return;
            }
        }
        panic!("not settled: {:#?}", self.books.deliveries().await);
    }

    /// Hands over what may go while the clock stands still: a relay that is down or at its rate leaves the rest queued
    /// or on the way to it.
    pub async fn hand_over_or_wait(&self) {
        let is_waiting = || self.delivery.as_ref().is_some_and(|delivery| delivery.is_waiting());
        let is_quiet = async || {
            self.books.due(self.ctx.now()).await == 0
                || (is_waiting() && self.books.count(State::HandingOver).await == 0 && is_waiting())
        };
        self.tend().await;
        self.until("the outbox has nothing to do", is_quiet).await;
        self.tend().await;
    }

    /// Has the engine look.
    pub fn wake(&self) {
        self.ticks.send_modify(|n| *n += 1);
    }

    pub async fn tend(&self) {
        tend::step(&self.ctx, self.ctx.now()).await.unwrap();
    }

    /// Looks again and again, the engine being woken each time, until something is so; panics after two minutes,
    /// which no machine is too busy for: what hangs hangs for ever.
    pub async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let wait = async {
            let mut looks = tokio::time::interval(Duration::from_millis(5));
            loop {
                self.wake();
                if is_so().await {
                    return;
                }
                looks.tick().await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(120), wait).await;
        assert!(came.is_ok(), "waited in vain until {what}: {:#?}", self.books.deliveries().await);
    }

    /// `postroom send`: seals what subscribers have not had.
    pub async fn send(&self, cadence: Cadence) -> Sealed {
        let newest_seq = self.ctx.store.newest_seq().await.unwrap();
        let (newsletter, now) = (&self.ctx.settings.newsletters[0], self.ctx.now());
        let wanted = Wanted { newsletter, cadence, slot: now, newest_seq, since: None };
        compose::seal(&self.ctx, &wanted, None, now).await.unwrap()
    }

    /// `postroom send --since`: with posts of the baseline dated since then.
    pub async fn send_since(&self, cadence: Cadence, since: Timestamp) -> Sealed {
        let newest_seq = self.ctx.store.newest_seq().await.unwrap();
        let (newsletter, now) = (&self.ctx.settings.newsletters[0], self.ctx.now());
        let wanted = Wanted { newsletter, cadence, slot: now, newest_seq, since: Some(since) };
        compose::seal(&self.ctx, &wanted, None, now).await.unwrap()
    }

    /// All editions, oldest first.
    pub async fn editions(&self) -> Vec<Edition> {
        let mut editions = self.ctx.store.editions(1_000).await.unwrap();
        editions.reverse();
        editions
    }

    /// `editions approve`
    pub async fn approve(&self, number: i64) -> bool {
        let now = self.ctx.now();
        self.ctx.store.approve_edition(number, now.plus(self.ctx.settings.mail.expire), now).await.unwrap()
    }

    /// `editions cancel`
    pub async fn cancel(&self, number: i64) -> bool {
        self.ctx.store.cancel_edition(number, "by the operator", self.ctx.now()).await.unwrap()
    }

    /// What a command of the operator's says.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let answer = self.answer(arguments).await;
        assert_eq!(answer.code, 0, "{}", answer.err);
        answer.out
    }

    /// All that a command says, which may fail.
    pub async fn answer(&self, arguments: &[&str]) -> Answer {
        let folder = self.folder.path().to_owned();
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        // Apart, for the relay lives in this thread.
        let run = move || cli::run(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        task::spawn_blocking(run).await.unwrap()
    }

    /// Stops, and holds the ledger against the relay's journal.
    pub async fn close(mut self) {
        if self.delivery.is_some() {
            self.stop().await;
        }
        self.closed = true;
        let sinks: Vec<&Sink> = std::iter::once(&self.sink).chain(&self.others).collect();
        self.books.audit(&self.ctx, &sinks).await;
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        assert!(self.closed || std::thread::panicking(), "a test must end with close(): its audit");
    }
}

async fn context(folder: &Path, clock: &Arc<Hands>) -> Arc<Context> {
    let settings = Settings::load(Some(&folder.join("postroom.toml"))).unwrap();
    app::context(settings, Arc::clone(clock) as Arc<dyn Clock>, Arc::new(NoChance)).await.unwrap()
}
