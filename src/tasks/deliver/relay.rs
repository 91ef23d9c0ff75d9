//! Whether the relay is worth a try, as all workers know it.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::domain::Timestamp;
use crate::domain::time::Span;

/// Waits between tries while the relay cannot be reached.
#[derive(Default)]
pub(super) struct Relay {
    not_before: AtomicI64,
    failures: AtomicU32,
    trouble: RwLock<Option<String>>,
}

impl Relay {
    /// 5 s, 10 s, 20 s, ... up to five minutes between tries.
    pub(super) fn failed(&self, now: Timestamp, reason: &str) -> Timestamp {
        self.set_trouble(Some(reason.to_owned()));
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).min(6);
        let again = now.plus(Span::seconds((5 << failures).min(300)));
        self.not_before.store(again.0, Ordering::Relaxed);
        again
    }

    pub(super) fn works(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.not_before.store(0, Ordering::Relaxed);
        self.set_trouble(None);
    }

    /// Why the last try failed; `None` once one does not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(super) fn is_down(&self, now: Timestamp) -> bool {
        self.not_before.load(Ordering::Relaxed) > now.0
    }
}
