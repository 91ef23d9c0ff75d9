//! `postroom demo`: a whole Postroom in one temporary folder, with a blog to
//! send, readers to send it to, and a mail catcher for a relay. The service is
//! the real one: what is seen here is what `serve` does.
//!
//! ```text
//! samples --> folder --> app::serve --SMTP--> catcher --> mailbox --> inbox --> browser
//! ```

pub mod catcher;
mod folder;
mod guide;
pub mod inbox;
mod lines;
pub mod mailbox;
pub mod samples;
pub mod screens;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use self::catcher::Catcher;
use self::folder::Folder;
use self::guide::Guide;
use self::inbox::Inbox;
use self::mailbox::Mailbox;
use self::samples::READERS;
use self::screens::Place;
use super::Failure;
use super::arguments::Demo;
use crate::app::{self, StartError};
use crate::context::Context;
use crate::domain::subscription::{Consent, ConsentAct, Status};
use crate::domain::{Address, Cadence};
use crate::settings::Settings;
use crate::store::NewSubscription;
use crate::system::{self, SystemClock, SystemIds};
use crate::tasks::compose::{self, Wanted};
use crate::tasks::ingest;
use crate::telemetry;

/// The first digest comes within a second or two; after this long the guide is shown without it.
const FIRST_DIGEST: Duration = Duration::from_secs(10);
/// How long requests of the inbox may take once the demo ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs the demo until Ctrl-C.
///
/// # Errors
/// When it cannot start; a port that is taken is replaced by another.
pub(super) fn run(options: &Demo, out: &mut dyn Write) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = Folder::make(options.keep)
            .with_context(|| format!("cannot make a folder in {}", std::env::temp_dir().display()))?;
        let doors = Doors::open(options.port).await?;
        let path = folder.path().to_owned();
        let program = program();
        let guide = Guide {
            program: &program,
            inbox_url: &doors.place(&folder).inbox_url,
            public_url: &doors.place(&folder).public_url,
            folder: &path,
            keep: options.keep,
            now: system::now(),
            colours: telemetry::colours(&io::stdout()),
        };
        if let Some(change) = &doors.change {
            writeln!(out, "{change}")?;
        }
        play(doors, &folder, &guide, out).await?;
        drop(folder);
        Ok(write!(out, "{}", guide.closing())?)
    })
}

/// How this program was called, as it can be typed again.
fn program() -> String {
    std::env::args().next().filter(|name| name.contains('/')).unwrap_or_else(|| "postroom".into())
}

/// Where the demo is reached: three ports of loopback, each free.
struct Doors {
    /// The service opens this one itself.
    pages: u16,
    inbox: TcpListener,
    smtp: TcpListener,
    /// What is not as it was asked for, a sentence.
    change: Option<String>,
}

impl Doors {
    async fn open(port: u16) -> io::Result<Self> {
        let (pages, pages_change) = opened(port, "pages are").await?;
        let pages_port = pages.local_addr()?.port();
        let (inbox, inbox_change) = opened(pages_port.checked_add(1).unwrap_or(0), "inbox is").await?;
        let smtp = TcpListener::bind(("127.0.0.1", 0)).await?;
        // Beside a port nobody asked for, another one is no change.
        let change = pages_change.or(inbox_change.filter(|_| pages_port == port));
        Ok(Self { pages: pages_port, inbox, smtp, change })
    }

    fn place(&self, folder: &Folder) -> Place {
        let inbox = self.inbox.local_addr().map_or(0, |address| address.port());
        Place {
            public_url: format!("http://127.0.0.1:{}", self.pages),
            inbox_url: format!("http://127.0.0.1:{inbox}"),
            archive: folder.archive().display().to_string(),
        }
    }
}

/// Opens a port, or a free one when something else has it.
async fn opened(port: u16, what: &str) -> io::Result<(TcpListener, Option<String>)> {
    match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => Ok((listener, None)),
        Err(error) => {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let other = listener.local_addr()?.port();
            let why = if error.kind() == io::ErrorKind::AddrInUse { "is taken" } else { "cannot be used" };
            Ok((listener, Some(format!("Port {port} {why}, so the {what} at {other}"))))
        }
    }
}

/// Everything between the empty folder and Ctrl-C.
async fn play(doors: Doors, folder: &Folder, guide: &Guide<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let place = doors.place(folder);
    folder.write_settings(doors.pages, doors.smtp.local_addr()?.port())?;
    let ctx = furnish(folder, &place.inbox_url).await?;
    let (mailbox, stop) = (Arc::new(Mailbox::new(system::now)), CancellationToken::new());
    let mut signals = Signals::listen()?;
    let mut arrivals = mailbox.arrivals();
    let catcher = tokio::spawn(Catcher::new(Arc::clone(&mailbox), stop.clone()).serve(doors.smtp));
    let router = inbox::router(Inbox { mailbox: Arc::clone(&mailbox), place });
    let inbox = axum::serve(doors.inbox, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let inbox = tokio::spawn(inbox.into_future());
    let end = CancellationToken::new();
    let mut service = tokio::spawn(app::serve(ctx, end.clone()));
    let digest = arrivals.wait_for(|_| mailbox.first_edition().is_some());
    let ended = tokio::select! {
        _ = tokio::time::timeout(FIRST_DIGEST, digest) => false,
        () = signals.any() => true,
        early = &mut service => return finished(early),
    };
    if !ended {
        write!(out, "{}", guide.opening())?;
        out.flush()?;
        tokio::select! {
            () = signals.any() => {}
            early = &mut service => return finished(early),
        }
    }
    // The service first: what it has in hand is still taken.
    end.cancel();
    let done = finished(service.await);
    stop.cancel();
    let _ = tokio::time::timeout(FAREWELL, async { (catcher.await, inbox.await) }).await;
    done
}

fn finished(service: Result<Result<(), StartError>, JoinError>) -> Result<(), Failure> {
    Ok(service.map_err(anyhow::Error::from)??)
}

/// What ends the demo: Ctrl-C, the word of whoever runs it, or a terminal that
/// was closed. Each leaves nothing behind.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self { interrupt: interrupt?, terminate: terminate?, hang_up: hang_up? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// A blog with a past, forty readers, six new posts, and the digest of them
/// sealed: everything `serve` needs to have something to send at once.
async fn furnish(folder: &Folder, pictures_url: &str) -> Result<Arc<Context>, Failure> {
    let now = system::now();
    folder.write_posts(false, now, pictures_url)?;
    let ctx = app::context(settings(folder)?, Arc::new(SystemClock), Arc::new(SystemIds)).await?;
    look(&ctx).await?;
    subscribe_readers(&ctx).await?;
    folder.write_posts(true, now, pictures_url)?;
    look(&ctx).await?;
    let newsletter = &ctx.settings.newsletters[0];
    let newest_seq = ctx.store.newest_seq().await?;
    let wanted = Wanted { newsletter, cadence: Cadence::Weekly, slot: now, newest_seq, since: None };
    compose::seal(&ctx, &wanted, None, now).await?;
    Ok(ctx)
}

/// The demo's settings alone: what the environment says is meant for a real
/// Postroom, and could name a real relay.
fn settings(folder: &Folder) -> Result<Settings, Failure> {
    let text = std::fs::read_to_string(folder.settings())?;
    Ok(Settings::parse(&text, folder.path(), &Default::default())?)
}

async fn look(ctx: &Context) -> Result<(), Failure> {
    let looked = ingest::step(ctx, ctx.now()).await?.map_err(|fault| Failure::Settings(vec![fault]))?;
    if looked.faults.is_empty() { Ok(()) } else { Err(Failure::Settings(looked.faults)) }
}

async fn subscribe_readers(ctx: &Context) -> Result<(), Failure> {
    let new: Vec<_> = READERS
        .iter()
        .filter_map(|(address, cadence)| {
            Some(NewSubscription {
                address: Address::parse(address).ok()?,
                cadence: *cadence,
                status: Status::Active,
                since: None,
            })
        })
        .collect();
    let consent = Consent {
        act: ConsentAct::Vouched,
        source: "operator".into(),
        words: "A sample reader of the demo".into(),
        network: None,
    };
    for newsletter in &ctx.settings.newsletters {
        ctx.store.add_subscriptions(&newsletter.id, &new, &consent, ctx.now()).await?;
    }
    Ok(())
}
