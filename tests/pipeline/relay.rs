//! A relay in trouble: nothing is lost, nobody is counted against, and it is not beset.

use std::cell::Cell;

use postroom::domain::Cadence;
use postroom::domain::delivery::State as Row;
use postroom::domain::edition::State;
use postroom::domain::time::Span;
use postroom::transport::relay::Tls;
use postroom::transport::{RelayConfig, Route};

use super::office::{Office, Setup};
use crate::faultsink::tls::{AUTHORITY, Certificate, Tls as Offer};
use crate::faultsink::{Act, Script, Step};

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// An edition for twelve readers, sealed.
async fn sealed(setup: Setup<'_>) -> Office {
    let office = Office::set_up(setup).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &NAMES, Cadence::Daily).await;
    office.post("alpha");
    office.tick_sealing("2026-05-19 07:00").await;
    office
}

/// Waits until the relay was tried so often and all deliveries are back in the queue; tries no more until the clock moves.
async fn tried(office: &Office, connections: usize) {
    office
        .until("the relay is tried", async || {
            office.sink.connections() >= connections && office.books.count(Row::Queued).await == NAMES.len()
        })
        .await;
    for _ in 0..2 {
        office.until("once more", async || office.books.count(Row::Queued).await == NAMES.len()).await;
    }
    assert_eq!(office.sink.connections(), connections, "tried again though the clock stood still");
    assert!(office.books.deliveries().await.iter().all(|entry| entry.attempts == 0), "nobody was tried");
}

async fn all_get_it(office: &Office) {
    office.run_to_end().await;
    all_got_it(office).await;
}

async fn all_got_it(office: &Office) {
    assert_eq!(office.books.count(Row::Accepted).await, NAMES.len());
    assert_eq!(office.editions().await[0].state, State::Finished);
}

#[tokio::test]
async fn a_relay_that_is_down_is_tried_ever_more_seldom_and_nothing_is_lost() {
    let ladder = [5, 10, 20, 40, 80, 160, 300, 300];
    for (act, ladder) in [
        (Act::HangUp, &ladder[..]),
        (Act::say("554 5.3.2 not today"), &ladder[..2]),
        (Act::say("421 4.3.2 come back later"), &ladder[..2]),
    ] {
        let script = Script::new().on(Step::Greeting, "", act);
        let office = sealed(Setup { script, ..Setup::default() }).await;
        for (tries, seconds) in ladder.iter().enumerate() {
            tried(&office, tries + 1).await;
            office.wait(Span(seconds * 1_000 - 1));
            tried(&office, tries + 1).await;
            office.wait(Span(1));
        }
        office.sink.becomes(Script::new());
        all_get_it(&office).await;
        office.close().await;
    }
}

#[tokio::test]
async fn a_refused_login_is_tried_four_times_an_hour_by_one_connection_and_burns_nobody() {
    let offer = || Script::new().tls(Offer::offered(Certificate::Good));
    let relay = |addr: std::net::SocketAddr| RelayConfig {
        username: Some("postroom".into()),
        password: Some("hunter2".to_owned().into()),
        trusted: Some(AUTHORITY.to_vec()),
        connections: 5,
        ..RelayConfig::new(Route::Smtp { host: "127.0.0.1".into(), port: addr.port(), tls: Tls::Required })
    };
    let script = offer().login("postroom", "changed");
    let office = sealed(Setup { script, relay: Some(relay), ..Setup::default() }).await;
    for quarter in 1..=4 {
        tried(&office, quarter).await;
        office.wait(Span::minutes(15));
    }
    let logins = office.sink.commands().iter().filter(|command| command.starts_with("AUTH")).count();
    assert_eq!(logins, 4, "{:?}", office.sink.commands());
    office.sink.becomes(offer().login("postroom", "hunter2"));
    all_get_it(&office).await;
    office.close().await;
}

#[tokio::test]
async fn a_relay_out_of_order_rests_whatever_its_code_and_burns_nobody() {
    for (step, reply, rest) in [
        (Step::Mail, "530 5.7.0 log in first", Span::minutes(15)),
        (Step::Rcpt, "530 5.7.1 Authentication required", Span::minutes(15)),
        (Step::Rcpt, "503 5.5.1 bad sequence of commands", Span::seconds(5)),
        (Step::Dot, "502 5.5.1 not today", Span::seconds(5)),
    ] {
        let office = sealed(Setup { script: Script::new().on(step, "", Act::say(reply)), ..Setup::default() }).await;
        office.until("it is told", async || !office.ctx.store.waits().await.unwrap().is_empty()).await;
        office.hand_over_or_wait().await;
        let tries = || office.sink.commands().iter().filter(|command| command.starts_with("MAIL")).count();
        let tried = tries();
        assert!(tried <= 6, "{tried} tries to say {reply}");
        office.wait(Span(rest.0 - 1));
        office.hand_over_or_wait().await;
        let are_back = async || office.books.count(Row::Queued).await == NAMES.len();
        office.until("what was in hand is back in the queue", are_back).await;
        assert_eq!(tries(), tried, "{reply}");
        assert_eq!(office.editions().await[0].state, State::Sending, "{reply}");
        let wait = office.ctx.store.waits().await.unwrap().remove(0);
        assert_eq!(wait.reason, reply);
        office.sink.becomes(Script::new());
        all_get_it(&office).await;
        office.close().await;
    }
}

#[tokio::test]
async fn what_breaks_before_the_dot_is_a_definite_no_and_goes_out_once() {
    for pipelining in [true, false] {
        for step in [Step::Rcpt, Step::Data] {
            for act in [Act::HangUp, Act::Reset] {
                let script = Script::new().first(1, step, "a", act).first(1, step, "g", Act::say("421 4.3.2 closing"));
                let office = sealed(Setup { script, pipelining, ..Setup::default() }).await;
                office.run_to_end().await;
                let rows = office.books.deliveries().await;
                assert!(rows.iter().all(|row| row.state == Row::Accepted && row.uncertain == 0), "{step:?} {rows:#?}");
                assert_eq!(office.sink.accepted().len(), NAMES.len(), "{step:?}");
                office.close().await;
            }
        }
    }
}

#[tokio::test]
async fn a_relay_that_closes_every_connection_after_two_messages_gets_all_of_them() {
    for pipelining in [true, false] {
        // The first letter of three recipients each: their connection ends with them.
        let mut script = Script::new();
        for name in ["b", "d", "f", "h"] {
            script = script.on(Step::Dot, name, Act::SayAndHangUp("250 2.0.0 taken, and good-bye".into()));
        }
        let office = sealed(Setup { script, pipelining, connections: 2, ..Setup::default() }).await;
        office.run_to_end().await;
        let rows = office.books.deliveries().await;
        assert!(rows.iter().all(|row| row.state == Row::Accepted && row.uncertain == 0), "{rows:#?}");
        office.close().await;
    }
}

#[tokio::test]
async fn whoever_is_greylisted_for_five_minutes_has_it_at_the_second_try() {
    for reply in ["451 4.7.1 Greylisted, come back in five minutes", "450 4.2.0 later"] {
        let mut script = Script::new();
        for name in NAMES {
            script = script.first(1, Step::Rcpt, &format!("{name}@"), Act::say(reply));
        }
        let office = sealed(Setup { script, ..Setup::default() }).await;
        office.hand_over().await;
        assert!(office.books.deliveries().await.iter().all(|row| (row.state, row.attempts) == (Row::Queued, 1)));
        assert!(office.ctx.store.waits().await.unwrap().is_empty(), "nothing is slowed by it");
        office.wait(Span::minutes(13));
        office.hand_over().await;
        assert!(office.books.deliveries().await.iter().all(|row| (row.state, row.attempts) == (Row::Accepted, 2)));
        office.tend().await;
        all_got_it(&office).await;
        office.close().await;
    }
}

#[tokio::test]
async fn connections_that_hang_keep_no_other_waiting_and_come_to_an_end() {
    for (step, pipelining) in [(Step::Rcpt, true), (Step::Data, false)] {
        let script = Script::new().on(step, "a@", Act::Silence).on(step, "b@", Act::Silence);
        let more = "command_deadline = \"400ms\"\ndata_deadline = \"400ms\"";
        let office = sealed(Setup { script, pipelining, more, ..Setup::default() }).await;
        office.until("the others have it", async || office.books.count(Row::Accepted).await == NAMES.len() - 2).await;
        office.until("nothing hangs", async || office.books.in_hand().await == 0).await;
        for name in ["a", "b"] {
            let entry = office.books.entry(name).await;
            assert_eq!((entry.state, entry.uncertain), (Row::Queued, 0), "{entry:?}");
            assert!(entry.reason.contains("no answer to"), "{entry:?}");
        }
        office.sink.becomes(Script::new());
        all_get_it(&office).await;
        assert_eq!(office.sink.accepted().len(), NAMES.len());
        office.close().await;
    }
}

#[tokio::test]
async fn a_relay_busy_for_everybody_is_left_alone_and_tried_by_few() {
    let script = Script::new().on(Step::Mail, "", Act::say("451 4.3.0 too busy"));
    let office = sealed(Setup { script, ..Setup::default() }).await;
    let tried = async || office.books.deliveries().await.iter().map(|entry| entry.attempts).sum::<i64>();
    let handed = async || office.books.count(Row::HandingOver).await;
    office.until("somebody is put off", async || tried().await > 0 && handed().await == 0).await;
    assert!(tried().await <= 6, "{} were tried", tried().await);
    office.sink.becomes(Script::new());
    office.run_to_end().await;
    all_got_it(&office).await;
    office.close().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_read_for_a_moment_refuses_nobody() {
    let mut office = Office::open(Script::new()).await;
    office.stop().await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &NAMES, Cadence::Daily).await;
    office.post("alpha");
    office.tick_sealing("2026-05-19 07:00").await;
    office.books.rename("variants", "away").await;
    office.start().await;
    // What is given back untried is leased again: the engine looks in vain a few times.
    let looks = Cell::new(0);
    let leased = async || office.books.count(Row::Leased).await > 0 && looks.replace(looks.get() + 1) > 3;
    office.until("letters cannot be written", leased).await;
    assert_eq!(office.sink.connections(), 0);
    office.books.rename("away", "variants").await;
    all_get_it(&office).await;
    office.close().await;
}

#[tokio::test]
async fn what_could_not_be_given_back_is_once_the_ledger_can_be_written() {
    let mut office = Office::open(Script::new().on(Step::Greeting, "", Act::say("421 4.3.2 down"))).await;
    office.stop().await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &NAMES, Cadence::Daily).await;
    office.post("alpha");
    office.tick_sealing("2026-05-19 07:00").await;
    office
        .books
        .forge(
            "CREATE TRIGGER full BEFORE UPDATE ON deliveries WHEN OLD.state = 'leased'
             BEGIN SELECT RAISE(FAIL, 'the disk is full'); END",
        )
        .await;
    office.start().await;
    let failed = async || office.sink.connections() > 0 && office.books.count(Row::Leased).await == NAMES.len();
    office.until("the relay is down and nothing can be given back", failed).await;
    office.sink.becomes(Script::new());
    office.books.forge("DROP TRIGGER full").await;
    all_get_it(&office).await;
    office.close().await;
}
