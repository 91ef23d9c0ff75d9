//! What every task and handler is given.

use crate::domain::Timestamp;

/// The only clock a task or handler sees.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The only source of chance.
pub trait Ids: Send + Sync {
    /// Fills `bytes` with unpredictable ones.
    fn fill(&self, bytes: &mut [u8]);
}
