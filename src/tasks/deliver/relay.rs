//! Whether the relay is worth a try, as all workers know it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::Timestamp;
use crate::domain::delivery::Report;
use crate::domain::time::Span;

/// How soon a relay is tried again that refused our login: more often could lock us out.
const LOGIN_RETRY: Span = Span::minutes(15);

/// Waits between tries while the relay cannot be reached.
#[derive(Default)]
pub(super) struct Relay {
    not_before: AtomicI64,
    failures: AtomicU32,
    /// A connection came about since the last failure.
    reached: AtomicBool,
    trial: Mutex<()>,
    trouble: RwLock<Option<String>>,
}

impl Relay {
    /// 5 s, 10 s, 20 s, ... up to five minutes between tries.
    pub(super) fn failed(&self, report: &Report, now: Timestamp) -> Timestamp {
        self.set_trouble(Some(report.reason()));
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).min(6);
        let login = report.reply.as_ref().is_some_and(|reply| matches!(reply.code, 530 | 534 | 535 | 538));
        let again = now.plus(if login { LOGIN_RETRY } else { Span::seconds((5 << failures).min(300)) });
        self.not_before.store(again.0, Ordering::Relaxed);
        self.reached.store(false, Ordering::Relaxed);
        again
    }

    /// It took a message.
    pub(super) fn works(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.not_before.store(0, Ordering::Relaxed);
    }

    /// A connection came about.
    pub(super) fn reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
        self.set_trouble(None);
    }

    /// Why the last try failed; `None` once one does not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Leave to connect. Until a connection has come about only one worker has
    /// it at a time: a relay that is down, or does not let us in, is asked by
    /// one and not by all at once.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if self.reached.load(Ordering::Relaxed) {
            return None;
        }
        let turn = self.trial.lock().await;
        (!self.reached.load(Ordering::Relaxed)).then_some(turn)
    }

    pub(super) fn is_down(&self, now: Timestamp) -> bool {
        self.not_before.load(Ordering::Relaxed) > now.0
    }
}
