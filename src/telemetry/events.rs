//! One function per event.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tracing::{debug, error, info, warn};

use crate::domain::delivery::{State, Tally};
use crate::domain::edition::Edition;
use crate::domain::{Cadence, Fault, Timestamp};

/// The service is up.
pub fn serving(listen: SocketAddr, public_url: &str) {
    info!(%listen, public_url, "serving");
}

/// The settings work and are probably not what was meant.
pub fn settings_warning(fault: &Fault) {
    warn!(line = fault.line, reason = fault.reason, "settings, {}", fault.place);
}

/// A stop was asked for; what is in hand is finished first.
pub fn stopping(signal: &str) {
    info!(signal, "stopping");
}

/// Everything in hand is finished.
pub fn stopped() {
    info!("stopped");
}

/// Why each task that fails has failed the last time.
static FAILING: Mutex<BTreeMap<&str, String>> = Mutex::new(BTreeMap::new());

/// What became of a step of a task that is tried again at the next tick. Said
/// when it fails, fails for another reason, or no longer fails: a disk that is
/// full overnight shall not fill the journal as well.
pub fn task_ended<T>(task: &'static str, outcome: &Result<T, impl Display>) {
    let mut failing = FAILING.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(_) => {
            if failing.remove(task).is_some() {
                info!(task, "task works again");
            }
        }
        Err(error) => {
            let reason = format!("{error:#}");
            if failing.get(task) != Some(&reason) {
                error!(task, reason, "task failed, will be tried again");
                failing.insert(task, reason);
            }
        }
    }
}

/// The archive was looked through and something had changed.
pub fn archive_read(read: usize, unchanged: usize, waiting: usize, faults: usize) {
    info!(read, unchanged, waiting, faults, "read the archive");
}

/// A post could not be read.
pub fn archive_fault(fault: &Fault) {
    warn!(line = fault.line, reason = fault.reason, "fault in {}", fault.place);
}

/// The archive cannot be read at all; the last state is kept.
pub fn archive_unreadable(fault: &Fault) {
    error!(reason = fault.reason, "archive unreadable, keeping what was known: {}", fault.place);
}

/// Posts became public; a baseline is never mailed.
pub fn posts_public(count: u64, newest: i64, baseline: bool) {
    info!(count, newest, baseline, "posts became public");
}

/// The feeds were made anew.
pub fn feeds_published(files: usize, posts: usize) {
    info!(files, posts, "published feeds");
}

/// An edition was sealed.
pub fn edition_sealed(edition: &Edition, variants: usize) {
    info!(
        edition = edition.number,
        newsletter = edition.newsletter,
        cadence = edition.cadence.as_str(),
        slot = edition.slot.rfc3339(),
        audience = edition.audience,
        variants,
        "sealed edition"
    );
}

/// A slot passed and there was nothing new for anybody.
pub fn nothing_new(newsletter: &str, cadence: Cadence, slot: Timestamp) {
    debug!(newsletter, cadence = cadence.as_str(), slot = slot.rfc3339(), "nothing new");
}

/// An edition waits for the operator.
pub fn edition_held(edition: i64, reason: &str) {
    warn!(edition, reason, "edition held, run `postroom editions approve {edition}` to let it go");
}

/// The editions that are paused and why, as was said last.
static PAUSED: Mutex<BTreeMap<i64, String>> = Mutex::new(BTreeMap::new());

/// The editions that are paused now, by a fault of the sender's, most likely:
/// each is said once for every time.
pub fn editions_paused(paused: &BTreeMap<i64, String>) {
    let mut said = PAUSED.lock().unwrap_or_else(PoisonError::into_inner);
    for (edition, reason) in paused.iter().filter(|(edition, reason)| said.get(edition) != Some(reason)) {
        warn!(edition, reason, "edition paused, run `postroom editions resume {edition}` to let it go on");
    }
    said.clone_from(paused);
}

/// Every delivery of an edition is settled.
pub fn edition_finished(edition: i64, tally: &Tally) {
    info!(
        edition,
        audience = tally.audience,
        accepted = tally.of(State::Accepted),
        refused = tally.of(State::Refused),
        suppressed = tally.of(State::Suppressed),
        expired = tally.of(State::Expired),
        cancelled = tally.of(State::Cancelled),
        "edition finished"
    );
}

/// A connection to the relay is ready.
pub fn relay_connected(relay: &str) {
    debug!(relay, "relay connected");
}

/// The relay cannot be reached or will not have us.
pub fn relay_failed(relay: &str, reason: &str, again: Timestamp) {
    warn!(relay, reason, again = again.rfc3339(), "relay failed, waiting");
}

/// The relay asks to slow down, and is.
pub fn relay_slowed(relay: &str, reason: &str, again: Timestamp) {
    warn!(relay, reason, again = again.rfc3339(), "relay wants less, slowing down");
}

/// Mail for a domain is to slow down, and does; other mail does not.
pub fn domain_slowed(domain: &str, reason: &str, again: Timestamp) {
    warn!(domain, reason, again = again.rfc3339(), "a domain wants less, slowing down for it");
}

/// The relay took a message.
pub fn delivery_accepted(delivery: i64, relay: &str) {
    debug!(delivery, relay, "accepted");
}

/// The relay said no for good.
pub fn delivery_refused(delivery: i64, reason: &str) {
    warn!(delivery, reason, "refused");
}

/// The relay said no for now.
pub fn delivery_deferred(delivery: i64, attempt: u32, reason: &str, again: Timestamp) {
    info!(delivery, attempt, reason, again = again.rfc3339(), "deferred");
}

/// Nobody can know whether the relay took a message.
pub fn delivery_uncertain(delivery: i64, reason: &str) {
    warn!(delivery, reason, "uncertain");
}

/// Requests that nobody confirmed were forgotten.
pub fn unconfirmed_purged(count: u64) {
    info!(count, "forgot requests that were never confirmed");
}

/// Deliveries ran out of time.
pub fn deliveries_expired(count: u64) {
    warn!(count, "expired");
}

/// Uncertain deliveries go out once more, now that the wait for evidence is over.
pub fn uncertain_resent(count: u64) {
    warn!(count, "sending uncertain deliveries once more");
}

/// The ledger could not be written or read: nothing leaves until it can be.
pub fn ledger_failed(reason: &str) {
    error!(reason, "the ledger cannot be used, sending waits");
}

/// What was wrong with the disk of the database when last looked.
static DISK: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// What is wrong with the disk of the database, each with a word for it: said
/// when it begins, and when it is over.
pub fn disk_troubles(troubles: &[(&'static str, String)]) {
    let mut said = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    for (trouble, reason) in troubles.iter().filter(|(trouble, _)| !said.contains(trouble)) {
        error!(trouble, reason, "trouble with the disk");
    }
    for trouble in said.iter().filter(|trouble| troubles.iter().all(|(other, _)| other != *trouble)) {
        info!(trouble, "the trouble is over");
    }
    *said = troubles.iter().map(|(trouble, _)| *trouble).collect();
}

/// The database is an older copy that was put back: all sending is paused.
pub fn restored(reason: &str) {
    error!(reason, "all sending is paused, run `postroom resume` to let it go on");
}

/// The disk did not do what it was told: nothing more is written, the service ends.
pub fn disk_failed(reason: &str) {
    error!(reason, "the disk of the database failed");
}

/// It can be used again.
pub fn ledger_works() {
    info!("the ledger can be used again");
}

/// A message could not be made; its delivery is refused.
pub fn letter_failed(delivery: i64, reason: &str) {
    error!(delivery, reason, "message could not be made");
}

/// A crash left deliveries behind: leased ones go back, marked ones are uncertain.
pub fn recovered(leased: u64, uncertain: u64) {
    warn!(leased, uncertain, "recovered from a crash");
}

/// A request was answered. `route` is the pattern it matched, for paths carry tokens.
pub fn request(method: &str, route: &str, status: u16, took: std::time::Duration) {
    debug!(method, route, status, took_ms = took.as_secs_f64() * 1_000.0, "answered a request");
}

/// A request could not be answered for a reason of ours.
pub fn request_failed(reason: &str) {
    error!(reason, "a request failed");
}

/// A hub could not be told of a feed that changed.
pub fn hub_deaf(hub: &str, reason: &str, again: Timestamp) {
    warn!(hub, reason, again = again.rfc3339(), "a hub could not be told");
}

/// A feed that posts come from is somewhere else now, for good.
pub fn source_moved(source: &str, location: &str) {
    info!(source, location, "a feed has moved");
}
