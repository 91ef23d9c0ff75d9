//! One file per arrow: each moves what is due from one place to the next.
//!
//! | task | from | to |
//! |---|---|---|
//! | [`ingest`] | archive | posts |
//! | [`gather`] | feeds of others | entries for [`ingest`] |
//! | [`publish`] | posts | feeds |
//! | [`tell`] | feeds that changed | hubs |
//! | [`compose`] | posts and subscriptions that are due | a sealed edition in the outbox |
//! | [`deliver`] | outbox | relay, and what it answered into the ledger |
//! | [`tend`] | what time has overtaken | expired, resent, finished |
//!
//! Each has a step that can be called at any time, any number of times; the
//! loops in `app` only say when. Tasks never call each other: they meet in the
//! store.

pub mod compose;
pub mod deliver;
pub mod gather;
pub mod ingest;
pub mod letter;
pub mod publish;
pub mod tell;
pub mod tend;

/// Whether a step found anything to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many things were done.
    Worked(u64),
    /// Nothing was due.
    Idle,
}

impl Step {
    /// `Idle` for nothing.
    pub fn of(n: u64) -> Self {
        if n == 0 { Self::Idle } else { Self::Worked(n) }
    }
}
