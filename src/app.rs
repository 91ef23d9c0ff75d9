//! The wiring: settings become a context; pages, tasks and the watcher start;
//! and everything stops in order.

mod delivery;
mod mail;
mod systemd;
pub mod templates;

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::delivery::{Delivery, start_delivery};
use self::systemd::Pulse;
use crate::archive::{Archive, Rules};
use crate::context::{Clock, Context, Ids, Site, Wake};
use crate::domain::time::Span;
use crate::domain::{Fault, Timestamp};
use crate::fetch::Fetcher;
use crate::http;
use crate::settings::{Settings, secrets};
use crate::store::{Store, StoreError, beside, network};
use crate::tasks::{Step, compose, ingest, publish, tell, tend};
use crate::telemetry;
use crate::transport;

/// How long pages and tasks may take to end once a stop is asked for.
const GRACE: Duration = Duration::from_secs(15);

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What the operator can mend, all of it.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Fault>),
    /// Another process works on this database.
    #[error("{0}")]
    Locked(String),
    /// The disk of the database failed while it ran: what was on its way there
    /// may be gone, and this process must not write again.
    #[error("the disk of the database failed: {0}")]
    Disk(String),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl StartError {
    fn fault(fault: Fault) -> Self {
        Self::Faults(vec![fault])
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

/// Builds what every task and handler is given.
///
/// # Errors
/// A fault of the settings or their files, or of the database.
pub async fn context(settings: Settings, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Arc<Context>, StartError> {
    let archive = Arc::new(Archive::new(rules(&settings)).map_err(StartError::fault)?);
    let (words, looks) = templates::read(&settings).map_err(StartError::Faults)?;
    let relays = settings
        .relays
        .iter()
        .map(|relay| transport::open(mail::relay(relay)))
        .collect::<Result<_, _>>()
        .map_err(StartError::fault)?;
    let signers = mail::signers(&settings).map_err(StartError::fault)?;
    homes(&settings).map_err(StartError::Faults)?;
    let keys = secrets::open_ring(&settings.keys.file, |bytes| ids.fill(bytes)).map_err(StartError::fault)?;
    let store = Store::open(&settings.database.file).await?;
    store.mirror_newsletters(&settings.newsletters, clock.now()).await?;
    Ok(Arc::new(Context {
        archive,
        relays,
        fetcher: fetcher(&settings),
        signers,
        keys,
        store,
        clock,
        ids,
        words,
        looks,
        site: Site::default(),
        wake: Wake::default(),
        settings,
    }))
}

/// What asks servers of others. Networks inside are closed to it, but for those
/// the operator opened to feeds.
pub fn fetcher(settings: &Settings) -> Fetcher {
    let agent = format!("Postroom/{} (+{})", env!("CARGO_PKG_VERSION"), settings.http.public_url);
    let open = settings.archive.feed_networks.clone();
    Fetcher::new(agent, Arc::new(move |address| open.iter().any(|network| network.contains(address))))
}

/// Whether there is a folder for what Postroom keeps; it is never made here,
/// where a slip in the settings would become a second, empty Postroom. And
/// whether the database is on a disk of this machine.
///
/// # Errors
/// A fault for each folder that is not there or will not do.
pub fn homes(settings: &Settings) -> Result<(), Vec<Fault>> {
    let missing = |(key, file): (&str, &Path)| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())?.display();
        let fault = Fault::new(key, format!("there is no folder {folder}"));
        Some(fault.with_help(format!("make it: mkdir -p {folder}")))
    };
    let kept = [("database.url", settings.database.file.as_path()), ("keys.file", &settings.keys.file)];
    let mut faults: Vec<Fault> = kept.into_iter().filter_map(missing).collect();
    faults.extend(away(&settings.database.file));
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Why a database cannot lie where it does: over a network a lock keeps nobody
/// out, and what is called written may not be.
fn away(database: &Path) -> Option<Fault> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let kind = network(folder)?;
    let fault = Fault::new("database.url", format!("{} is on a network file system ({kind})", folder.display()));
    Some(fault.with_help("name a folder on a disk of this machine; posts may be anywhere"))
}

/// The rules the archive room reads by.
pub fn rules(settings: &Settings) -> Rules {
    Rules {
        root: settings.archive.path.clone(),
        include: settings.archive.include.clone(),
        exclude: settings.archive.exclude.clone(),
        permalink: settings.archive.permalink.clone(),
        dialect: settings.archive.dialect.clone(),
        site_url: settings.site.url.clone(),
        zone: settings.site.timezone,
        language: settings.site.language.clone(),
        newsletters: settings.newsletters.iter().map(|newsletter| newsletter.id.clone()).collect(),
    }
}

/// Proof that no other process works on this database; given up on drop, and
/// by the operating system when the process dies.
pub struct Instance {
    _lock: File,
}

impl Instance {
    /// Takes the lock beside the database file.
    ///
    /// # Errors
    /// [`StartError::Locked`] when another process holds it.
    pub fn claim(database: &Path) -> Result<Self, StartError> {
        let path = beside(database, ".lock");
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if lock.try_lock().is_err() {
            let holder = std::fs::read_to_string(&path).unwrap_or_default();
            let holder = holder.trim();
            let process = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
            return Err(StartError::Locked(format!(
                "another Postroom{process} works on the database {}",
                database.display()
            )));
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).context("cannot write the lock")?;
        Ok(Self { _lock: lock })
    }
}

/// Runs everything until `stop` is cancelled. Then nothing more is leased, and
/// what the relay has in hand is finished while pages and tasks come to their end.
///
/// # Errors
/// When it cannot start.
pub async fn serve(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), StartError> {
    let _instance = Instance::claim(&ctx.settings.database.file)?;
    let listen = ctx.settings.http.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| StartError::fault(closed(listen, &error)))?;
    let ticks = watch::Sender::new(0);
    let scheduler = tick_every_second(&ticks, &stop).await?;
    let mut published = String::new();
    first_look(&ctx, &mut published).await;
    compress(&ctx, &stop);
    let delivery = start_delivery(&ctx, ticks.clone(), stop.child_token()).await?;
    let tasks = TaskTracker::new();
    tasks.spawn(watch_archive(Arc::clone(&ctx), published, ticks.subscribe(), stop.clone()));
    if !ctx.settings.feeds.hubs.is_empty() {
        tasks.spawn(tell_hubs(Arc::clone(&ctx), ticks.subscribe(), stop.clone()));
    }
    let pulse = Pulse::default();
    tasks.spawn(keep_time(Arc::clone(&ctx), ticks.subscribe(), pulse.clone(), stop.clone()));
    tasks.spawn(systemd::report(Arc::clone(&ctx), ticks.subscribe(), pulse, stop.clone()));
    tasks.spawn(http::serve(listener, ctx.settings.http.clone(), http::router(Arc::clone(&ctx)), stop.clone()));
    tasks.close();
    systemd::ready();
    telemetry::serving(listen, &ctx.settings.http.public_url);
    tokio::select! {
        () = stop.cancelled() => systemd::stopping(),
        why = ctx.store.failed() => return Err(StartError::Disk(why.to_owned())),
    }
    // A task that hangs, at a network drive say, must not keep the outcomes from the ledger.
    let (_, delivered) = tokio::join!(tokio::time::timeout(GRACE, tasks.wait()), delivery.stop());
    delivered?;
    let mut scheduler = scheduler;
    scheduler.shutdown().await.context("cannot stop the ticker")?;
    ctx.store.close().await;
    telemetry::stopped();
    Ok(())
}

/// Why we cannot listen where we should.
fn closed(listen: SocketAddr, error: &io::Error) -> Fault {
    let (reason, help) = match error.kind() {
        io::ErrorKind::AddrInUse => {
            (format!("another program listens on {listen} already"), "stop it, or choose another port")
        }
        io::ErrorKind::PermissionDenied => {
            (format!("we may not listen on {listen}"), "choose a port above 1023 and put a web server in front")
        }
        _ => (format!("we cannot listen on {listen}: {error}"), "name an address of this machine, like 127.0.0.1:8025"),
    };
    Fault::new("http.listen", reason).with_help(help)
}

/// The ticker. It only says that a second has passed: what is due is a stored row.
///
/// A repeated job of the scheduler never comes again once it is later than its
/// period, as after the machine slept; one by the clock does. When the clock is
/// set back, that one waits until it is where it was, so a second has passed
/// for us, too, when nothing was heard for a few.
async fn tick_every_second(ticks: &watch::Sender<u64>, stop: &CancellationToken) -> anyhow::Result<JobScheduler> {
    const EVERY_SECOND: &str = "* * * * * *";
    let scheduler = JobScheduler::new().await?;
    let told = ticks.clone();
    let job = Job::new(EVERY_SECOND, move |_, _| told.send_modify(|n| *n += 1))?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    let (ticks, stop) = (ticks.clone(), stop.clone());
    tokio::spawn(stop.run_until_cancelled_owned(async move {
        let mut heard = ticks.subscribe();
        loop {
            if tokio::time::timeout(SILENCE, heard.changed()).await.is_err() {
                ticks.send_modify(|n| *n += 1);
            }
        }
    }));
    Ok(scheduler)
}

/// The scheduler is not waited for any longer.
const SILENCE: Duration = Duration::from_secs(3);

/// Feeds are there before the first request.
async fn first_look(ctx: &Context, published: &mut String) {
    look(ctx, ctx.now()).await;
    refresh(ctx, published).await;
}

/// How long the hints of one change of the archive come in.
const BURST: Duration = Duration::from_millis(20);

/// Follows the archive: at every hint of the watcher, while a file is being
/// written, and at every `rescan`.
async fn watch_archive(
    ctx: Arc<Context>,
    mut published: String,
    mut tick: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let hinted = Arc::clone(&ctx);
    let watching = ctx.archive.watch(move || hinted.wake.archive.notify_one());
    if let Err(fault) = &watching {
        telemetry::archive_fault(fault);
    }
    // What was written since the first look, and before the watcher listened, gave no hint.
    let mut next = ctx.now();
    loop {
        let hint = tokio::select! {
            () = stop.cancelled() => return,
            () = ctx.wake.archive.notified() => true,
            changed = tick.changed() => {
                if changed.is_err() { return }
                false
            }
        };
        if hint {
            // One change is several hints; the last of them tells that a writer is done.
            tokio::time::sleep(BURST).await;
            let _ = ctx.wake.archive.notified().now_or_never();
        }
        let now = ctx.now();
        if hint || now >= next {
            let waiting = look(&ctx, now).await;
            // A file written within the last two seconds has to rest first.
            next = now.plus(if waiting { Span::seconds(2) } else { ctx.settings.archive.rescan });
        }
        if refresh(&ctx, &mut published).await {
            compress(&ctx, &stop);
        }
    }
}

/// Tells hubs of feeds that changed: at once, and again later those that did not hear.
async fn tell_hubs(ctx: Arc<Context>, mut tick: watch::Receiver<u64>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = ctx.wake.hubs.notified() => {}
            changed = tick.changed() => if changed.is_err() { return },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            told = tell::step(&ctx, ctx.now()) => telemetry::task_ended("tell", &told),
        }
    }
}

/// One look through the archive; true when a file has to be looked at again soon.
async fn look(ctx: &Context, now: Timestamp) -> bool {
    if ctx.store.is_full() {
        return true;
    }
    let looked = ingest::step(ctx, now).await;
    telemetry::task_ended("ingest", &looked);
    match looked {
        Ok(Ok(looked)) => {
            looked.faults.iter().for_each(telemetry::archive_fault);
            looked.waiting > 0
        }
        Ok(Err(fault)) => {
            telemetry::archive_unreadable(&fault);
            false
        }
        Err(_) => false,
    }
}

/// Publishes what changed; whether anything did.
async fn refresh(ctx: &Context, published: &mut String) -> bool {
    let done = publish::step(ctx, published, ctx.now()).await;
    telemetry::task_ended("publish", &done);
    matches!(done, Ok(Step::Worked(_)))
}

/// Compresses what was published, after it is: readers who come meanwhile have
/// theirs compressed at once.
fn compress(ctx: &Arc<Context>, stop: &CancellationToken) {
    let (ctx, stop) = (Arc::clone(ctx), stop.clone());
    drop(tokio::task::spawn_blocking(move || ctx.site.prepare(|| !stop.is_cancelled())));
}

/// Composes what falls due and tends the outbox, every second.
async fn keep_time(ctx: Arc<Context>, mut tick: watch::Receiver<u64>, pulse: Pulse, stop: CancellationToken) {
    loop {
        let now = ctx.now();
        telemetry::task_ended("compose", &compose::step(&ctx, now).await);
        telemetry::task_ended("tend", &tend::step(&ctx, now).await);
        pulse.beat(*tick.borrow());
        tokio::select! {
            () = stop.cancelled() => return,
            changed = tick.changed() => if changed.is_err() { return },
        }
    }
}
