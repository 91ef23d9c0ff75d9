//! What the log says, and how: one function per event, so that the same thing
//! is always said in the same words. A subscriber is an id; whatever looks like
//! an address, in the reply of a relay for one, is masked where lines are
//! written. The ledger has it in full.
//!
//! On a terminal a line is `09:07:13 info  sealed edition edition=42`; under
//! journald it is `<6>sealed edition edition=42`, for the journal adds the time.

mod events;
mod lines;

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::EnvFilter;

use crate::domain::Timestamp;
pub use events::*;

/// Libraries that talk too much at `info`.
const QUIETED: &str = "tokio_cron_scheduler=warn,sqlx=warn,hyper=warn,rustls=warn";

/// Starts the log on standard error. `filter` is a word of the kind of `info`
/// or `postroom=debug,sqlx=info`; `now` tells the time of a line.
///
/// # Errors
/// When `filter` cannot be understood, or a log was started before.
pub fn start(filter: &str, now: fn() -> Timestamp) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(format!("{QUIETED},{filter}"))
        .map_err(|error| format!("`{filter}` is not a log filter: {error}"))?;
    let lines = lines::Lines { journal: is_journal(), now };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(!lines.journal && colours(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .event_format(lines)
        .try_init()
        .map_err(|error| error.to_string())
}

/// Whether standard output or error may be coloured: a terminal that can, and
/// an operator who did not say no.
pub fn colours(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !set("NO_COLOR") && !dumb
}

/// Whether standard error is the journal's own stream: systemd names it by
/// device and inode, so that a redirected one is not mistaken for it.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let file = std::io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from);
    let metadata = file.and_then(|file| file.metadata());
    metadata.is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}
