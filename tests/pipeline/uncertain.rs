//! The one moment in which nobody can know: after the dot, before its answer.

use postroom::domain::Cadence;
use postroom::domain::delivery::State as Row;
use postroom::domain::edition::State;
use postroom::domain::time::Span;
use serde_json::Value;

use super::office::{Office, Setup};
use super::readers::address;
use crate::faultsink::{Act, Script, Step};

/// A relay that loses its answer to the first `times` messages for readers that begin with "lost".
fn loses(times: usize, act: Act) -> Script {
    Script::new().first(times, Step::Dot, "lost", act)
}

/// An edition for `lost` and `jane`, handed over.
async fn edition(setup: Setup<'_>) -> Office {
    let office = Office::set_up(setup).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &["lost", "jane"], Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    let entry = office.books.entry("lost").await;
    assert_eq!((entry.state, entry.uncertain), (Row::Uncertain, 1), "{entry:?}");
    assert_eq!(office.got("jane"), ["alpha"]);
    office
}

#[tokio::test]
async fn a_lost_answer_is_listed_and_the_mail_sent_once_more_byte_for_byte() {
    for pipelining in [true, false] {
        for act in [Act::Reset, Act::Raw(b"what?\r\n".to_vec())] {
            for copies in [1, 2] {
                let act = if copies == 2 { act.clone().after_taking() } else { act.clone() };
                let office = edition(Setup { script: loses(1, act), pipelining, ..Setup::default() }).await;
                let listed = office.ctx.store.possible_duplicates(1).await.unwrap();
                assert_eq!(listed.iter().map(|row| row.address.as_str()).collect::<Vec<_>>(), ["lost@readers.test"]);
                // What could change the mail: its post, its edition's newsletter, the reader's mind.
                let id = office.subscription("lost").await.id;
                office.ctx.store.set_cadence(id, Cadence::Monthly).await.unwrap();
                office.write("alpha.md", "title: Another", "Quite another text.");
                office.run_until("2026-05-19 07:29", Span::minutes(29)).await;
                assert_eq!(office.books.entry("lost").await.state, Row::Uncertain, "it waits for evidence");
                office.tick_at("2026-05-19 07:30").await;
                let entry = office.books.entry("lost").await;
                assert_eq!((entry.state, entry.uncertain, entry.attempts), (Row::Accepted, 1, 2));
                assert_eq!(office.mails("lost").len(), copies);
                // The step that finds nothing open any more may come a second after the last answer.
                office.tick_at("2026-05-19 07:31").await;
                assert_eq!(office.editions().await[0].state, State::Finished);
                office.close().await;
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_made_good_however_long_the_edition_was_paused() {
    let office = edition(Setup { script: loses(1, Act::HangUp), ..Setup::default() }).await;
    assert!(office.ctx.store.pause_edition(1, "over the weekend").await.unwrap());
    office.run_until("2026-05-22 12:00", Span::hours(12)).await;
    assert!(office.approve(1).await);
    assert_eq!(office.books.entry("lost").await.state, Row::Uncertain, "it is listed before it is sent again");
    office.hand_over().await;
    assert_eq!((office.got("lost"), office.editions().await[0].state), (vec!["alpha".to_owned()], State::Finished));
    office.close().await;
}

#[tokio::test]
async fn a_lost_answer_is_made_good_though_nothing_ran_for_days() {
    let mut office = edition(Setup { script: loses(1, Act::HangUp), ..Setup::default() }).await;
    office.stop().await;
    office.wait(Span::days(5));
    office.tend().await;
    assert_eq!(office.books.entry("lost").await.state, Row::Queued);
    office.start().await;
    office.hand_over().await;
    assert_eq!((office.got("lost"), office.editions().await[0].state), (vec!["alpha".to_owned()], State::Finished));
    office.close().await;
}

#[tokio::test]
async fn a_cancelled_edition_leaves_no_doubt_open_and_every_doubt_listed() {
    let office = edition(Setup { script: loses(2, Act::HangUp.after_taking()), ..Setup::default() }).await;
    assert!(office.cancel(1).await);
    let entry = office.books.entry("lost").await;
    assert_eq!(entry.state, Row::Cancelled);
    assert!(entry.reason.starts_with("edition cancelled, the relay may have it: "), "{entry:?}");
    assert_eq!((office.books.open().await, office.ctx.store.possible_duplicates(1).await.unwrap().len()), (0, 1));
    office.run_until("2026-05-20 12:00", Span::hours(5)).await;
    assert_eq!(office.mails("lost").len(), 1, "it was sent again");
    let status = office.command(&["status"]).await;
    assert!(status.contains("Outbox: empty") && !status.contains("uncertain"), "{status}");
    office.close().await;
}

#[tokio::test]
async fn what_is_uncertain_twice_waits_for_the_operator() {
    let office = edition(Setup { script: loses(2, Act::HangUp.after_taking()), ..Setup::default() }).await;
    office.run_until("2026-05-23 12:00", Span::hours(5)).await;
    let entry = office.books.entry("lost").await;
    assert_eq!((entry.state, entry.uncertain), (Row::Uncertain, 2));
    assert_eq!(office.mails("lost").len(), 2);
    assert_eq!(office.editions().await[0].state, State::Sending, "it is not finished");
    office.close().await;
}

#[tokio::test]
async fn an_operator_who_wants_to_decide_is_left_to() {
    let setup = Setup { script: loses(1, Act::HangUp), mail: "uncertain = \"hold\"", ..Setup::default() };
    let office = edition(setup).await;
    office.run_until("2026-05-23 12:00", Span::hours(5)).await;
    assert_eq!(office.books.entry("lost").await.state, Row::Uncertain);
    assert!(office.got("lost").is_empty());
    let told: Value =
        serde_json::from_str(&office.command(&["editions", "show", "1", "--uncertain", "--json"]).await).unwrap();
    assert!(told["deliveries"][0]["state"] == "uncertain" && told["deliveries"][0]["not_before"].is_null(), "{told}");
    office.close().await;
}

#[tokio::test]
async fn who_leaves_while_it_is_uncertain_is_not_sent_it_again() {
    let office = edition(Setup { script: loses(1, Act::HangUp.after_taking()), ..Setup::default() }).await;
    office.leave("lost").await;
    office.tick_at("2026-05-19 08:00").await;
    let entry = office.books.entry("lost").await;
    assert_eq!((entry.state, entry.reason.as_str()), (Row::Cancelled, "unsubscribed"));
    assert_eq!((office.mails("lost").len(), office.editions().await[0].state), (1, State::Finished));
    office.close().await;
}

#[tokio::test]
async fn a_welcome_sent_once_more_is_the_same_though_an_edition_went_out_meanwhile() {
    let more = "[[newsletters]]\nid = \"posts\"\ndefault_cadence = \"daily\"\ndaily = \"12:10\"\n";
    let script = Script::new().first(1, Step::Dot, "lost", Act::say("250 2.0.0 taken")).first(
        1,
        Step::Dot,
        "lost",
        Act::HangUp.after_taking(),
    );
    let office = Office::set_up(Setup { script, more, ..Setup::default() }).await;
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    office.tick().await;
    office.subscribe("lost").await;
    office.confirm("lost").await;
    assert_eq!(office.books.entry("lost").await.state, Row::Uncertain, "the welcome");
    office.tick_at("2026-05-18 12:10").await;
    assert_eq!(office.got("jane"), ["alpha"]);
    office.tick_at("2026-05-18 12:40").await;
    let mails = office.mails("lost");
    assert_eq!((mails.len(), office.books.entry("lost").await.state), (3, Row::Accepted));
    assert!(mails[1].bytes == mails[2].bytes, "{}\n---\n{}", mails[1].text, mails[2].text);
    assert!(office.ctx.store.suppression(&address("lost")).await.unwrap().is_none());
    office.close().await;
}
