//! What the engine writes for its workers: letters, marks, outcomes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use super::Engine;
use crate::domain::Timestamp;
use crate::domain::delivery::{self, Mark, Outcome, Report, Settlement, State};
use crate::settings::Uncertain;
use crate::store::{Leased, Settling, StoreError};
use crate::tasks::letter;
use crate::telemetry;
use crate::transport::Message;

/// Why a mark was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// The ledger said no.
    Denied,
    /// The ledger could not be written.
    Failed,
    /// A stop came first.
    Stopped,
}

/// What became of the request for a mark.
#[derive(Default)]
pub(super) struct Asked(OnceLock<Without>);

impl Asked {
    /// `None` when the mark was granted, or not asked for.
    pub(super) fn without(&self) -> Option<Without> {
        self.0.get().copied()
    }

    fn note(&self, why: Without) -> Mark {
        self.0.get_or_init(|| why);
        Mark::Denied
    }
}

impl Engine {
    /// The message of a delivery. A signature takes longer than all else a
    /// message needs, so those are made beside the one thread of the engine.
    pub(super) async fn write(self: &Arc<Self>, leased: &Leased) -> anyhow::Result<Message> {
        if self.ctx.signers.is_empty() {
            return letter::write(&self.ctx, &self.variants, leased).await;
        }
        let (engine, leased) = (Arc::clone(self), leased.clone());
        self.signing.spawn(async move { letter::write(&engine.ctx, &engine.variants, &leased).await }).await?
    }

    /// The last question before content leaves.
    pub(super) async fn mark(&self, leased: &Leased, after: Option<i64>, asked: &Asked) -> Mark {
        if self.stop.is_cancelled() {
            return asked.note(Without::Stopped);
        }
        match self.ledger.mark(leased, after, self.ctx.now()).await {
            Ok(Mark::Granted) => {
                crate::failpoint!("mark");
                Mark::Granted
            }
            Ok(Mark::Denied) => asked.note(Without::Denied),
            Err(error) => {
                self.ledger_failed(&error);
                asked.note(Without::Failed)
            }
        }
    }

    pub(super) async fn give_back(&self, leased: &Leased) {
        // What cannot be given back now is given back once the ledger can be written.
        if let Err(error) = self.ledger.give_back(vec![leased.id]).await {
            self.ledger_failed(&error);
        }
    }

    /// Says so once, however many workers find it out.
    pub(super) fn ledger_failed(&self, error: &StoreError) {
        if !self.unusable.swap(true, Ordering::Relaxed) {
            telemetry::ledger_failed(&error.to_string());
        }
    }

    pub(super) fn ledger_works(&self) {
        if self.unusable.load(Ordering::Relaxed) && self.unusable.swap(false, Ordering::Relaxed) {
            telemetry::ledger_works();
        }
    }

    pub(super) fn settlement(&self, leased: &Leased, report: &Report, now: Timestamp) -> Settlement {
        let settlement = delivery::settle(report, leased.attempts + 1, now, leased.expires, self.ctx.jitter());
        if settlement.state != State::Uncertain {
            return settlement;
        }
        let mail = &self.ctx.settings.mail;
        let look_again = match mail.uncertain {
            Uncertain::Resend => now.plus(mail.uncertain_wait),
            Uncertain::Hold => Timestamp(i64::MAX),
        };
        Settlement { not_before: Some(look_again), ..settlement }
    }
}

/// The outcome in the log.
pub(super) fn tell(settling: &Settling) {
    let Settling { delivery, number, report, settlement, relay, .. } = settling;
    if report.outcome == Outcome::Withheld {
        return;
    }
    match settlement.state {
        State::Accepted => telemetry::delivery_accepted(*delivery, relay),
        State::Refused => telemetry::delivery_refused(*delivery, &report.reason()),
        State::Uncertain => telemetry::delivery_uncertain(*delivery, &report.reason()),
        State::Expired => telemetry::deliveries_expired(1),
        _ => {
            let again = settlement.not_before.unwrap_or_default();
            telemetry::delivery_deferred(*delivery, *number, &report.reason(), again);
        }
    }
}
