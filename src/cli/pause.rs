//! `pause` and `resume`: all sending.

use std::io::Write;

use super::{Failure, Stage, output};

/// Stops all sending.
pub fn pause(stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.at_desk(async |desk| {
        let paused = desk.store.pause(desk.now).await?;
        let open = desk.store.outbox().await?.open;
        match paused {
            true => writeln!(out, "Paused: nothing is handed over but your own tests, {} wait", output::number(open))?,
            false => writeln!(out, "Paused already, {} wait", output::number(open))?,
        }
        writeln!(out, "To let it go on: postroom resume")?;
        Ok(())
    })
}

/// Lets it go on.
pub fn resume(stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.at_desk(async |desk| {
        if !desk.store.resume(desk.now).await? {
            return Err(Failure::refused("sending is not paused", "`postroom status` shows what is being sent"));
        }
        writeln!(out, "Sending goes on. To watch it: postroom status --watch")?;
        Ok(())
    })
}
