//! Hands over from a command when no service runs, and watches until it is
//! done: `send` and `test` work with a service and without one.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Failure, output};
use crate::app::{self, Delivery, Instance, StartError};
use crate::context::Context;
use crate::tasks::tend;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// So many looks without any progress mean that nothing more is to be done now.
const PATIENCE: u32 = 40;
/// The same when the relay cannot be used: one more try would be waited for in vain.
const LITTLE_PATIENCE: u32 = 4;

/// How far something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of so many.
    pub all: i64,
    /// Not settled yet.
    pub open: i64,
    /// Anything that changes when something happens, like the number of attempts.
    pub signs: i64,
}

/// Why the watching ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything is settled.
    Settled,
    /// Nothing more can be done now.
    Waiting,
    /// The relay cannot be used, for this reason.
    Unusable(String),
    /// Ctrl-C.
    Interrupted,
    /// A service does the work, and nobody watches, or there is nothing to see.
    Elsewhere,
}

/// The engine, here.
struct Here {
    _instance: Instance,
    delivery: Delivery,
    ticks: watch::Sender<u64>,
}

impl Here {
    /// Starts it; `None` when a service has it.
    async fn start(ctx: &Arc<Context>) -> Result<Option<Self>, Failure> {
        let instance = match Instance::claim(&ctx.settings.database.file) {
            Ok(instance) => instance,
            Err(StartError::Locked(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let ticks = watch::Sender::new(0);
        let delivery = app::start_delivery(ctx, ticks.clone(), CancellationToken::new()).await?;
        Ok(Some(Self { _instance: instance, delivery, ticks }))
    }
}

/// Whether a service hands over what is in the outbox.
///
/// # Errors
/// When that cannot be found out.
pub fn is_served(ctx: &Context) -> Result<bool, Failure> {
    match Instance::claim(&ctx.settings.database.file) {
        Ok(_) => Ok(false),
        Err(StartError::Locked(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Hands over what is in the outbox, or lets the service do it, and shows how
/// far `look` says it is, on a terminal as a bar.
///
/// # Errors
/// Those of database and relay settings.
pub async fn follow(
    ctx: &Arc<Context>,
    look: impl AsyncFn(&Context) -> Result<Progress, Failure>,
) -> Result<Ended, Failure> {
    let here = Here::start(ctx).await?;
    if here.is_none() && !std::io::stderr().is_terminal() {
        return Ok(Ended::Elsewhere);
    }
    let bar = bar();
    let ended = watch(ctx, here.as_ref(), &bar, look).await;
    bar.finish_and_clear();
    if let Some(here) = here {
        here.delivery.stop().await?;
        tend::step(ctx, ctx.now()).await?;
    }
    ended
}

async fn watch(
    ctx: &Context,
    here: Option<&Here>,
    bar: &ProgressBar,
    look: impl AsyncFn(&Context) -> Result<Progress, Failure>,
) -> Result<Ended, Failure> {
    let mut timer = tokio::time::interval(LOOK);
    let (mut before, mut still) = (Progress::default(), 0);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            _ = tokio::signal::ctrl_c() => return Ok(Ended::Interrupted),
        }
        if let Some(here) = here {
            here.ticks.send_modify(|n| *n += 1);
            tend::step(ctx, ctx.now()).await?;
        }
        let now = look(ctx).await?;
        bar.set_length(u64::try_from(now.all).unwrap_or_default());
        bar.set_position(u64::try_from(now.all - now.open).unwrap_or_default());
        if now.open == 0 {
            return Ok(Ended::Settled);
        }
        still = if now == before { still + 1 } else { 0 };
        before = now;
        if let Some(ended) = gives_up(here.map(|here| here.delivery.trouble()), still) {
            return Ok(ended);
        }
    }
}

/// A service may wait for its relay as long as it likes; a command does not.
/// `trouble` is that of the relay if it is tried here.
fn gives_up(trouble: Option<Option<String>>, still: u32) -> Option<Ended> {
    match trouble {
        Some(Some(reason)) if still >= LITTLE_PATIENCE => Some(Ended::Unusable(reason)),
        _ if still < PATIENCE => None,
        Some(_) => Some(Ended::Waiting),
        None => Some(Ended::Elsewhere),
    }
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} settled  {per_sec}  {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What is told when not everything is settled; `None` when everything is.
///
/// # Errors
/// Ctrl-C, after it was told.
pub fn tell(ctx: &Context, ended: Ended, left: &str, out: &mut dyn Write) -> Result<bool, Failure> {
    match ended {
        Ended::Settled => return Ok(true),
        Ended::Elsewhere => {
            writeln!(out, "The running service hands it to the relay. To watch it: postroom status --watch")?
        }
        Ended::Unusable(reason) => {
            writeln!(out, "The relay {} cannot be used: {}", ctx.relay_names(), output::plain(&reason))?;
            writeln!(out, "{left}: `postroom serve` goes on trying")?;
        }
        Ended::Waiting => writeln!(out, "{left}: `postroom serve` goes on trying")?,
        Ended::Interrupted => {
            writeln!(out, "Stopped watching. What is left goes out while `postroom serve` runs")?;
            return Err(Failure::Interrupted);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_watches_without_end() {
        let down = || Some(Some("connection refused".to_owned()));
        assert_eq!(gives_up(down(), LITTLE_PATIENCE - 1), None);
        assert_eq!(gives_up(down(), LITTLE_PATIENCE), Some(Ended::Unusable("connection refused".into())));
        for (trouble, ended) in [(Some(None), Ended::Waiting), (None, Ended::Elsewhere)] {
            assert_eq!(gives_up(trouble.clone(), PATIENCE - 1), None);
            assert_eq!(gives_up(trouble, PATIENCE), Some(ended));
        }
    }
}
