//! What the operator does by hand while the engine runs: stopping and going on, resolving doubts, trying once more.

use postroom::domain::delivery::{State as Row, Verdict};
use postroom::domain::edition::State;
use postroom::domain::time::Span;
use postroom::domain::{Address, Cadence};

use super::office::{Office, Setup};
use super::readers::address;
use crate::faultsink::{Act, Gate, Script, Step};

const CONNECTIONS: usize = 3;

/// What stops sending.
#[derive(Clone, Copy, Debug)]
enum Stop {
    All,
    Edition,
    Cancel,
}

impl Stop {
    async fn stop(self, office: &Office) {
        let (store, now) = (&office.ctx.store, office.ctx.now());
        assert!(match self {
            Self::All => store.pause(now).await.unwrap(),
            Self::Edition => store.pause_edition(1, "by the operator").await.unwrap(),
            Self::Cancel => store.cancel_edition(1, "by the operator", now).await.unwrap(),
        });
    }

    async fn go_on(self, office: &Office) -> bool {
        let (store, now) = (&office.ctx.store, office.ctx.now());
        match self {
            Self::All => store.resume(now).await.unwrap(),
            Self::Edition | Self::Cancel => store.approve_edition(1, now.plus(Span::hours(48)), now).await.unwrap(),
        }
    }
}

fn names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("reader{number}")).collect()
}

/// An edition for so many readers, sealed; nothing of it is awaited.
async fn sealed(script: Script, readers: usize) -> Office {
    let office = Office::set_up(Setup { script, connections: CONNECTIONS, ..Setup::default() }).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    let names = names(readers);
    office.join_to(&newsletter, &names.iter().map(String::as_str).collect::<Vec<_>>(), Cadence::Daily).await;
    office.post("alpha");
    office.set(super::office::at("2026-05-19 07:00"));
    office.compose().await;
    office
}

async fn in_hand(office: &Office) -> usize {
    office.books.count(Row::Leased).await + office.books.count(Row::HandingOver).await
}

#[tokio::test]
async fn no_mark_is_granted_once_a_stop_is_committed_and_what_waited_goes_on_later() {
    for (stop, keyword) in [
        (Stop::All, "SIZE 0"),
        (Stop::All, "PIPELINING"),
        (Stop::Edition, "SIZE 0"),
        (Stop::Edition, "PIPELINING"),
        (Stop::Cancel, "SIZE 0"),
        (Stop::Cancel, "PIPELINING"),
    ] {
        let gate = Gate::default();
        let script = Script::new().keyword(keyword).on(Step::Dot, "", Act::say("250 2.0.0 taken").behind(&gate));
        let office = sealed(script, 30).await;
        // Every connection has handed its content over and waits for the answer.
        office.until("all are at the dot", async || office.books.count(Row::HandingOver).await == CONNECTIONS).await;
        gate.reached_by(CONNECTIONS).await;
        stop.stop(&office).await;
        gate.open();
        office.until("nothing is in hand", async || in_hand(&office).await == 0).await;
        office.tend().await;
        assert_eq!(office.sink.accepted().len(), CONNECTIONS, "{stop:?} {keyword}: more than was in hand left");
        let left = if matches!(stop, Stop::Cancel) { Row::Cancelled } else { Row::Queued };
        assert_eq!(office.books.count(left).await, 30 - CONNECTIONS, "{stop:?} {keyword}");
        assert_eq!(stop.go_on(&office).await, !matches!(stop, Stop::Cancel), "{stop:?} {keyword}");
        office.hand_over().await;
        let all = if matches!(stop, Stop::Cancel) { CONNECTIONS } else { 30 };
        assert_eq!(office.sink.accepted().len(), all, "{stop:?} {keyword}");
        office.close().await;
    }
}

#[tokio::test]
async fn a_stop_costs_the_relay_a_connection_for_each_worker_and_not_for_each_copy() {
    let gate = Gate::default();
    let script = Script::new().keyword("PIPELINING").on(Step::Dot, "", Act::say("250 2.0.0 taken").behind(&gate));
    let office = sealed(script, 300).await;
    gate.reached_by(CONNECTIONS).await;
    Stop::Edition.stop(&office).await;
    gate.open();
    office.until("nothing is in hand", async || in_hand(&office).await == 0).await;
    assert!(office.sink.connections() <= 3 * CONNECTIONS, "{} connections", office.sink.connections());
    office.close().await;
}

#[tokio::test]
async fn while_all_sending_is_paused_letters_wait_too_and_only_a_test_leaves() {
    let office = Office::open(Script::new()).await;
    Stop::All.stop(&office).await;
    assert!(!office.ctx.store.pause(office.ctx.now()).await.unwrap(), "it was paused already");
    let confirming = address("new");
    let body = format!("email={confirming}&newsletter={}&cadence=daily", office.ctx.settings.newsletters[0].id);
    let (status, page) =
        office.ask("POST", "https://news.blog.test/subscribe", "application/x-www-form-urlencoded", &body).await;
    assert!(status < 400, "{status} {page}");
    let expires = office.ctx.now().plus(Span::hours(1));
    office.ctx.store.queue_test(&address("operator"), expires, office.ctx.now()).await.unwrap();
    office.until("the test has left", async || office.sink.accepted().len() == 1).await;
    assert_eq!(office.sink.accepted()[0].to, address("operator").as_str());
    // However long it takes: the time stands still.
    office.wait(Span::hours(24 * 30));
    office.tend().await;
    assert_eq!(office.books.entry("new").await.state, Row::Queued);
    assert!(office.ctx.store.resume(office.ctx.now()).await.unwrap());
    assert!(!office.ctx.store.resume(office.ctx.now()).await.unwrap(), "it was resumed already");
    office.hand_over().await;
    assert_eq!(office.sink.accepted_by(confirming.as_str()).len(), 1);
    office.close().await;
}

#[tokio::test]
async fn an_edition_that_was_paused_for_long_is_still_tried_for_as_long_as_any() {
    let office = sealed(Script::new().first(1, Step::Rcpt, "reader1@", Act::say("450 4.2.0 later")), 5).await;
    office.hand_over().await;
    Stop::All.stop(&office).await;
    office.wait(Span::hours(24 * 5));
    office.tend().await;
    assert_eq!(office.books.entry("reader1").await.state, Row::Queued, "it expired during the pause");
    assert!(Stop::All.go_on(&office).await);
    office.hand_over().await;
    assert_eq!(office.books.entry("reader1").await.state, Row::Accepted);
    office.close().await;
}

#[tokio::test]
async fn a_relay_that_loses_answers_stops_the_edition_and_resuming_counts_doubts_anew() {
    let script = Script::new().on(Step::Dot, "", Act::HangUp.after_taking());
    let office = sealed(script, 60).await;
    let mut before = 0;
    for round in 1..=2 {
        let paused = async || office.editions().await[0].state == State::Paused && in_hand(&office).await == 0;
        office.until("the edition is paused", paused).await;
        let uncertain = office.books.count(Row::Uncertain).await;
        // One more than there are connections stops it; each connection may have one in hand just then.
        let doubts = uncertain - std::mem::replace(&mut before, uncertain);
        assert!((CONNECTIONS + 1..=2 * CONNECTIONS).contains(&doubts), "round {round}: {doubts}");
        let reason = office.editions().await[0].reason.clone().unwrap();
        assert!(reason.contains("loses answers"), "{reason}");
        office.wait(Span::seconds(1));
        assert!(Stop::Edition.go_on(&office).await);
    }
    office.sink.becomes(Script::new());
    office.until("it is paused or done", async || in_hand(&office).await == 0).await;
    Stop::Edition.go_on(&office).await;
    office.hand_over().await;
    assert_eq!(office.books.count(Row::Accepted).await + office.books.count(Row::Uncertain).await, 60);
    office.close().await;
}

#[tokio::test]
async fn what_nobody_can_know_is_settled_by_the_operator_and_stays_listed() {
    let script =
        Script::new().first(1, Step::Dot, "lost", Act::HangUp).first(1, Step::Dot, "had", Act::HangUp.after_taking());
    let mut office = Office::set_up(Setup { script, mail: "uncertain = \"hold\"", ..Setup::default() }).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &["lost1", "lost2", "had", "jane"], Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    office.wait(Span::hours(10));
    office.hand_over().await;
    assert_eq!(office.books.count(Row::Uncertain).await, 3, "what is held was sent again");
    assert_eq!(resolve(&office, Verdict::Accepted, Some("jane")).await, 0, "there was no doubt");
    assert_eq!(resolve(&office, Verdict::Accepted, Some("had")).await, 1);
    assert_eq!(resolve(&office, Verdict::Refused, Some("lost1")).await, 1);
    office.wait(Span::hours(100));
    assert_eq!(resolve(&office, Verdict::Resend, None).await, 1);
    assert_eq!(resolve(&office, Verdict::Resend, None).await, 0, "nothing was left to resolve");
    office.hand_over().await;
    assert_eq!(office.editions().await[0].state, State::Finished);
    assert_eq!(office.got("lost2"), ["alpha"]);
    assert_eq!(office.got("lost1"), [""; 0]);
    let listed = office.ctx.store.possible_duplicates(1).await.unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    office.stop().await;
    office.close().await;
}

async fn resolve(office: &Office, verdict: Verdict, name: Option<&str>) -> u64 {
    let (to, now): (Option<Vec<Address>>, _) = (name.map(|name| vec![address(name)]), office.ctx.now());
    office.ctx.store.resolve(1, verdict, to.as_deref(), now.plus(Span::hours(48)), now).await.unwrap()
}

#[tokio::test]
async fn failed_deliveries_are_tried_once_more_but_not_to_those_who_left_or_must_not_be_mailed() {
    let script = Script::new().first(1, Step::Rcpt, "full", Act::say("552 5.2.2 mailbox full")).first(
        1,
        Step::Rcpt,
        "gone",
        Act::say("550 5.1.1 no such user"),
    );
    let office = Office::open(script).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &["full1", "full2", "full3", "gone", "jane"], Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    assert_eq!(office.books.count(Row::Refused).await, 4);
    assert_eq!(office.editions().await[0].state, State::Finished);
    office.leave("full3").await;
    let (now, expires) = (office.ctx.now(), office.ctx.now().plus(Span::hours(48)));
    let one = office.ctx.store.retry(1, Some(&[address("full1")]), expires, now).await.unwrap();
    assert_eq!((one.queued, one.left), (1, 0));
    assert_eq!(office.editions().await[0].state, State::Sending);
    office.hand_over().await;
    let all = office.ctx.store.retry(1, None, expires, now).await.unwrap();
    assert_eq!((all.queued, all.left), (1, 2));
    office.hand_over().await;
    for (name, copies) in [("full1", 1), ("full2", 1), ("full3", 0), ("gone", 0), ("jane", 1)] {
        assert_eq!(office.got(name).len(), copies, "{name}");
    }
    assert_eq!(office.editions().await[0].state, State::Finished);
    office.close().await;
}

#[tokio::test]
async fn verify_names_what_is_wrong_with_the_books() {
    let office = sealed(Script::new(), 4).await;
    office.hand_over().await;
    assert_eq!(office.ctx.store.verify(1).await.unwrap(), [""; 0]);
    for (damage, mend, told) in [
        ("UPDATE editions SET audience = 5", "UPDATE editions SET audience = 4", "its audience is 5"),
        (
            "UPDATE deliveries SET state = 'queued', settled = NULL WHERE id = 2",
            "UPDATE deliveries SET state = 'accepted', settled = created WHERE id = 2",
            "delivery 2 is queued",
        ),
        (
            "UPDATE deliveries SET settled = NULL WHERE id = 3",
            "UPDATE deliveries SET settled = created WHERE id = 3",
            "its time of settling is not set",
        ),
        (
            "UPDATE deliveries SET attempts = 2 WHERE id = 1",
            "UPDATE deliveries SET attempts = 1 WHERE id = 1",
            "delivery 1 counts 2 attempts",
        ),
        (
            "UPDATE attempts SET outcome = 'deferred' WHERE delivery_id = 4",
            "UPDATE attempts SET outcome = 'accepted' WHERE delivery_id = 4",
            "delivery 4 is accepted, and 0 attempts were accepted",
        ),
    ] {
        office.books.forge(damage).await;
        let found = office.ctx.store.verify(1).await.unwrap().join("\n");
        assert!(found.contains(told), "{damage}: {found}");
        office.books.forge(mend).await;
        assert_eq!(office.ctx.store.verify(1).await.unwrap(), [""; 0], "{mend}");
    }
    office.close().await;
}

#[tokio::test]
async fn what_a_stop_left_in_hand_is_said_to_be_that_and_no_fault() {
    let mut office = sealed(Script::new(), 4).await;
    office.hand_over().await;
    office.stop().await;
    let damage = "state = 'handing_over', settled = NULL, attempts = 0, run_id = (SELECT MAX(id) FROM runs)";
    office
        .books
        .forge(&format!(
            "DELETE FROM attempts WHERE delivery_id = 1; UPDATE editions SET state = 'sending'; \
        UPDATE deliveries SET {damage} WHERE id = 1"
        ))
        .await;
    let told = office.command(&["editions", "verify", "1"]).await;
    assert!(told.contains("1 delivery was in hand when the service stopped") && !told.contains("bug"), "{told}");
    office.start().await;
    let told = office.command(&["editions", "verify", "1"]).await;
    assert!(told.contains("1 uncertain") && !told.contains("in hand"), "{told}");
    office.close().await;
}
