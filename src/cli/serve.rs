//! `serve`: runs until a signal says stop, then finishes what is in hand.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, Stage};
use crate::{app, telemetry};

/// Runs the service. Ctrl-C stops it in order like `systemctl stop`; a second
/// signal stops it at once, which the ledger survives like any crash.
pub fn run(stage: &Stage) -> Result<(), Failure> {
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
        app::serve(ctx, stop).await?;
        // Nothing but a signal ends the service in order.
        if watch.await.unwrap_or(false) { Err(Failure::Interrupted) } else { Ok(()) }
    })
}
