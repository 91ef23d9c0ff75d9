//! What all workers of a relay know of it: whether it is worth a try, and how
//! fast mail may go to it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard as StdGuard, PoisonError, RwLock};

use chrono_tz::Tz;
use tokio::sync::{Mutex, MutexGuard};

use crate::context::Context;
use crate::domain::Timestamp;
use crate::domain::delivery::Report;
use crate::domain::pace::{Domains, Pace, Wait};
use crate::domain::time::Span;
use crate::settings;
use crate::store::Mail;

/// How soon a relay is tried again that refused our login: more often could lock us out.
const LOGIN_RETRY: Span = Span::minutes(15);
/// What has to wait for the relay's rate for longer than this goes back, and
/// to another relay if there is one.
const PATIENCE: Span = Span::seconds(5);
/// Editions are leased for so long ahead, for the feeder looks once a second.
const AHEAD: Span = Span::seconds(2);

/// So many domains that are slowed are told of.
const TOLD: usize = 100;
/// Before the words in which a relay or domain asked.
const SLOWED: &str = "asked to slow down: ";

/// One relay.
pub(super) struct Relay {
    /// Waits between tries while it cannot be reached.
    not_before: AtomicI64,
    failures: AtomicU32,
    /// A connection came about since the last failure.
    reached: AtomicBool,
    trial: Mutex<()>,
    trouble: RwLock<Option<String>>,
    /// Something limits it: only then what follows is asked.
    limited: AtomicBool,
    pace: StdMutex<Pace>,
    domains_limited: AtomicBool,
    domains: StdMutex<Domains>,
}

/// Leave to hand one message over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// It is counted.
    Go,
    /// Not here for now.
    Back,
    /// Not before then.
    Wait(Timestamp),
}

/// A message counted among those in hand for its domain.
pub(super) struct InHand {
    ctx: Arc<Context>,
    relay: Arc<Relay>,
    domain: String,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.relay.domains().done(&self.domain);
        self.ctx.wake.outbox.notify_one();
    }
}

impl Relay {
    /// As it is set up, and nothing known of it.
    pub(super) fn new(settings: &settings::Relay, zone: Tz, now: Timestamp) -> Self {
        let pace = Pace::new(&settings.rates, settings.warm_up, zone, now);
        let domains = Domains::new(settings.per_domain.clone());
        Self {
            not_before: AtomicI64::default(),
            failures: AtomicU32::default(),
            reached: AtomicBool::default(),
            trial: Mutex::default(),
            trouble: RwLock::default(),
            limited: AtomicBool::new(pace.is_limited()),
            pace: StdMutex::new(pace),
            domains_limited: AtomicBool::new(domains.are_limited()),
            domains: StdMutex::new(domains),
        }
    }

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
    pub(super) fn works(&self, domain: &str, now: Timestamp) {
        self.failures.store(0, Ordering::Relaxed);
        self.not_before.store(0, Ordering::Relaxed);
        self.paced(|pace| pace.accepted(now));
        if self.domains_limited.load(Ordering::Relaxed) {
            self.with_domains(|domains| domains.accepted(domain, now));
        }
    }

    /// A connection came about, unless another found out meanwhile that it is of no use.
    pub(super) fn reached(&self, now: Timestamp) {
        if self.is_down(now) {
            return;
        }
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

    /// Nothing may go to it now.
    pub(super) fn is_waited_for(&self, now: Timestamp) -> bool {
        self.is_down(now) || self.limited.load(Ordering::Relaxed) && self.paced(|pace| pace.next_free(now)) > now
    }

    /// Until when its rate is used up, when that is not over at once.
    fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.limited.load(Ordering::Relaxed) {
            return None;
        }
        let free = self.paced(|pace| pace.next_free(now));
        (free > now.plus(PATIENCE)).then_some(free)
    }

    /// How many more may be leased for it, beside those that wait on the way.
    pub(super) fn room(&self, what: Mail, waiting: usize, now: Timestamp) -> usize {
        if self.is_down(now) || self.waits_until(now).is_some() {
            return 0;
        }
        // Letters pass editions, so those that wait take nothing from them.
        if what == Mail::Letters || !self.limited.load(Ordering::Relaxed) {
            return usize::MAX;
        }
        let room = self.paced(|pace| pace.room(now, AHEAD));
        usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(waiting)
    }

    /// Leave to hand one over now, which is counted then.
    pub(super) fn permit(&self, now: Timestamp) -> Permit {
        if self.is_down(now) {
            return Permit::Back;
        }
        if !self.limited.load(Ordering::Relaxed) {
            return Permit::Go;
        }
        self.paced(|pace| match pace.next_free(now) {
            free if free <= now => {
                pace.take(now);
                Permit::Go
            }
            free if free > now.plus(PATIENCE) => Permit::Back,
            free => Permit::Wait(free),
        })
    }

    /// How far back it has to be known what went to it.
    pub(super) fn memory(&self) -> Option<Span> {
        self.paced(|pace| pace.memory())
    }

    /// What went to it before, from the ledger.
    pub(super) fn remember(&self, left: &[(Timestamp, u32)], now: Timestamp) {
        self.paced(|pace| left.iter().for_each(|(at, many)| pace.remember(*at, *many, now)));
    }

    /// It asks to slow down: until when it is left alone, when that is new.
    pub(super) fn slow(&self, asked: &str, now: Timestamp) -> Option<Timestamp> {
        self.paced(|pace| pace.slow(asked, now).then(|| pace.next_free(now)))
    }

    /// It has taken what it takes in a day: the same.
    pub(super) fn spent(&self, asked: &str, now: Timestamp) -> Option<Timestamp> {
        self.paced(|pace| pace.spent(asked, now).then(|| pace.next_free(now)))
    }

    /// A domain asks through it to slow down: the same.
    pub(super) fn slow_domain(&self, domain: &str, asked: &str, now: Timestamp) -> Option<Timestamp> {
        let rate = self.paced(|pace| pace.rate(now));
        self.with_domains(|domains| {
            domains.slow(domain, asked, rate, now).then(|| domains.recall(domain, now)).flatten()
        })
    }

    /// What mail waits for that would go to it.
    pub(super) fn waits(&self, name: &str, now: Timestamp) -> Vec<Wait> {
        let wait = |domain: Option<&str>, reason: String, until| Wait {
            relay: name.to_owned(),
            domain: domain.map(str::to_owned),
            reason,
            until,
        };
        let mut waits = Vec::new();
        if self.limited.load(Ordering::Relaxed) {
            let slowed = self.paced(|pace| pace.slowed().map(|(asked, until)| (asked.to_owned(), until)));
            waits.extend(slowed.map(|(asked, until)| wait(None, format!("{SLOWED}{asked}"), until)));
        }
        let is_told = |until: Timestamp| waits.iter().any(|wait| wait.until == until);
        if self.is_down(now) {
            let reason = self.trouble().unwrap_or_else(|| "it failed".into());
            waits.insert(0, wait(None, reason, Timestamp(self.not_before.load(Ordering::Relaxed))));
        } else if let Some(until) = self.waits_until(now).filter(|until| !is_told(*until)) {
            waits.insert(0, wait(None, "it has had what it may have by its rates".into(), until));
        }
        if self.domains_limited.load(Ordering::Relaxed) {
            let domains = self.domains();
            let slowed = domains.slowed(now).into_iter().take(TOLD);
            waits.extend(slowed.map(|(domain, asked, until)| wait(Some(domain), format!("{SLOWED}{asked}"), until)));
        }
        waits
    }

    /// Lets a message to `domain` take this relay: whether it was counted
    /// against a limit.
    ///
    /// # Errors
    /// When it may not now: its turn.
    pub(super) fn admit(&self, domain: &str, now: Timestamp) -> Result<bool, Timestamp> {
        if !self.domains_limited.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.with_domains(|domains| domains.admit(domain, now)).map(|()| true)
    }

    /// A new turn for a message whose domain asked for a pause since it was
    /// let go, or got a limit.
    pub(super) fn recall(&self, domain: &str, admitted: bool, now: Timestamp) -> Option<Timestamp> {
        if !self.domains_limited.load(Ordering::Relaxed) {
            return None;
        }
        self.with_domains(|domains| match admitted {
            true => domains.recall(domain, now),
            false => domains.admit(domain, now).err(),
        })
    }

    /// Counts an admitted message among those in hand for its domain, when they are limited.
    pub(super) fn in_hand(self: &Arc<Self>, ctx: &Arc<Context>, domain: &str) -> Option<InHand> {
        let counted = self.domains_limited.load(Ordering::Relaxed) && self.domains().are_counted();
        counted.then(|| InHand { ctx: Arc::clone(ctx), relay: Arc::clone(self), domain: domain.to_owned() })
    }

    fn paced<T>(&self, act: impl FnOnce(&mut Pace) -> T) -> T {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = act(&mut pace);
        self.limited.store(pace.is_limited(), Ordering::Relaxed);
        answer
    }

    fn domains(&self) -> StdGuard<'_, Domains> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_domains<T>(&self, act: impl FnOnce(&mut Domains) -> T) -> T {
        let mut domains = self.domains();
        let answer = act(&mut domains);
        self.domains_limited.store(domains.are_limited(), Ordering::Relaxed);
        answer
    }
}
