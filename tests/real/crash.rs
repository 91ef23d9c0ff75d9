//! `kill -9` in the middle of sending: nobody is left out, and every copy too many was announced.
//!
//! Needs nothing but the binary; the mail server is this test's own, and its journal is the truth.

use super::site::Site;
use super::{PROJECT, counterparts, wait_until};
use crate::faultsink::{self, Message, Script, Sink};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

const READERS: usize = 2_000;
const CONNECTIONS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);

/// What the server took, by recipient.
fn copies(sink: &Sink) -> HashMap<String, Vec<Message>> {
    let mut copies = HashMap::<String, Vec<Message>>::new();
    for message in sink.accepted() {
        copies.entry(message.to.clone()).or_default().push(message);
    }
    copies
}

#[test]
fn killed_while_sending_it_goes_on_with_no_one_left_out_and_every_extra_copy_listed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // A pause at the dot, as a real relay makes one: there is always a message whose answer is awaited.
    let sink = runtime.block_on(faultsink::start(Script::new().pause(Duration::from_millis(10))));
    let relay = format!("url = \"smtp://{}\"\nconnections = {CONNECTIONS}", sink.addr);
    let newsletter = "[[newsletters]]\nid = \"posts\"\ndefault_cadence = \"each\"\nsettle = \"0s\"";
    let site = Site::new(&relay, "uncertain_wait = \"1s\"", newsletter);
    site.baseline();
    let readers: Vec<_> = (1..=READERS).map(|number| format!("reader{number}@readers.test")).collect();
    site.import(&readers);

    let serve = site.serve();
    site.settled_post("news", Duration::ZERO);
    wait_until(PATIENCE, "the middle of the edition", || (sink.accepted().len() > READERS / 2).then_some(()));
    serve.kill();
    let before = sink.accepted().len();
    assert!(before < READERS, "the kill came too late to prove anything: {before}");

    let serve = site.serve();
    let edition = wait_until(PATIENCE, "the end of the edition", || {
        let shown = site.json(&["editions", "show", "1", "--duplicates"]);
        (shown["open"] == 0).then_some(shown)
    });
    serve.stop();

    let copies = copies(&sink);
    let missing: Vec<_> = readers.iter().filter(|reader| !copies.contains_key(*reader)).collect();
    assert!(missing.is_empty(), "never reached the server: {missing:?}\n{edition:#}");
    assert_eq!(copies.len(), READERS, "somebody who never subscribed got mail");

    let twice: BTreeSet<_> = copies.iter().filter(|(_, all)| all.len() > 1).map(|(reader, _)| reader.clone()).collect();
    let extra = sink.accepted().len() - READERS;
    let uncertain: BTreeSet<String> = listed(&edition);
    eprintln!("killed after {before} of {READERS}: {extra} extra copies, {} listed as uncertain", uncertain.len());
    assert!(extra <= CONNECTIONS, "{extra} extra copies with {CONNECTIONS} connections: {twice:?}");
    assert!(uncertain.len() <= CONNECTIONS, "more doubts than connections: {uncertain:?}");
    assert!(twice.is_subset(&uncertain), "copies nobody announced: {twice:?}, listed: {uncertain:?}\n{edition:#}");
    for (reader, all) in copies {
        assert!(all.iter().all(|copy| copy.bytes == all[0].bytes), "{reader}'s copies differ");
    }
}

/// The crash suite in short: every named place, some moments, some stops in order, power, disk, instances, damage.
/// `tests/crash/run` alone does the whole of it.
#[test]
fn the_short_crash_suite_keeps_the_promise() {
    if !counterparts(&["python3", "cc"]) {
        return;
    }
    let mut suite = super::command("python3");
    suite.arg(Path::new(PROJECT).join("tests/crash/run")).arg("--short");
    suite.args(["--binary", env!("CARGO_BIN_EXE_postroom")]);
    eprint!("{}", super::run(&mut suite));
}

/// Whom the edition's ledger names as possibly reached twice.
fn listed(edition: &serde_json::Value) -> BTreeSet<String> {
    let rows = edition["deliveries"].as_array().unwrap_or_else(|| panic!("no list of duplicates in {edition:#}"));
    rows.iter().map(|row| row["address"].as_str().expect("an address").to_owned()).collect()
}
