//! `serve`: runs until a signal says stop, then finishes what is in hand.

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, Stage};
use crate::app::{self, Instance, StartError};
use crate::settings::Settings;
use crate::store::Store;
use crate::telemetry;

/// Fifteen minutes in microseconds.
const LONGEST_LOOK: u32 = 900_000_000;

/// Runs the service. Ctrl-C stops it in order like `systemctl stop`; a second
/// signal stops it at once, which the ledger survives like any crash.
pub fn run(stage: &Stage) -> Result<(), Failure> {
    examine(&stage.settings()?)?;
    stage.in_context(async |ctx| {
        for warning in &ctx.settings.warnings {
            telemetry::settings_warning(warning);
        }
        let stop = CancellationToken::new();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let told = stop.clone();
        let watch = tokio::spawn(async move {
            let interrupted = tokio::select! {
                _ = interrupt.recv() => true,
                _ = terminate.recv() => false,
            };
            telemetry::stopping(if interrupted { "Ctrl-C" } else { "SIGTERM" });
            told.cancel();
            tokio::spawn(async move {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                std::process::exit(130);
            });
            interrupted
        });
        match app::serve(ctx, stop).await {
            Err(StartError::Disk(why)) => end(&why),
            done => done?,
        }
        // Nothing but a signal ends the service in order.
        if watch.await.unwrap_or(false) { Err(Failure::Interrupted) } else { Ok(()) }
    })
}

/// Ends as a crash does, with nothing written and nothing closed: a restart
/// reads what is truly on the disk and goes on from there.
fn end(why: &str) -> ! {
    let failure = Failure::from(StartError::Disk(why.to_owned()));
    telemetry::disk_failed(why);
    eprint!("{}", failure.message());
    std::process::exit(failure.code().into())
}

/// Looks the database through before anything is written into it. A second
/// service is turned away first: it need not read what another works on.
fn examine(settings: &Settings) -> Result<(), Failure> {
    app::homes(settings)?;
    let file = &settings.database.file;
    let _instance = Instance::claim(file)?;
    // A large file on a slow disk takes longer than systemd waits for a start.
    let _ = sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(LONGEST_LOOK)]);
    Ok(tokio::runtime::Runtime::new()?.block_on(Store::check(file))?)
}
