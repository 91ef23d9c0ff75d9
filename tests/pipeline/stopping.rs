//! Stopping, in order and not, and what the next run makes of it.

use std::sync::Arc;
use std::time::Duration;

use postroom::app::{self, Instance, StartError};
use postroom::domain::Cadence;
use postroom::domain::delivery::State as Row;
use postroom::domain::edition::State;
use postroom::domain::time::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::office::{Office, Setup, at};
use crate::faultsink::{Act, Gate, Script, Step};

fn crowd(size: usize) -> Vec<String> {
    (0..size).map(|n| format!("r{n}")).collect()
}

#[tokio::test]
async fn a_stop_under_load_leaves_nothing_uncertain_and_the_next_run_goes_on() {
    let names = crowd(80);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for pipelining in [true, false] {
        let script = Script::new().pause(Duration::from_millis(2));
        let mut office = Office::sealed(Setup { script, pipelining, connections: 5, ..Setup::default() }, &names).await;
        for part in [10, 30, 50] {
            office.start().await;
            office.sink.wait_for(part).await;
            office.stop().await;
            let rows = office.books.deliveries().await;
            let is_whole = |state| matches!(state, Row::Accepted | Row::Queued);
            assert!(rows.iter().all(|row| is_whole(row.state) && row.uncertain == 0), "{rows:#?}");
            assert_eq!(office.books.count(Row::Accepted).await, office.sink.accepted().len());
        }
        assert!(office.sink.accepted().len() < names.len(), "the stops came too late to prove anything");
        office.start().await;
        office.hand_over().await;
        assert_eq!(office.sink.accepted().len(), names.len());
        office.close().await;
    }
}

#[tokio::test]
async fn a_stop_waits_for_the_answer_to_the_dot() {
    let gate = Gate::default();
    let script = Script::new().on(Step::Dot, "slow", Act::say("250 2.0.0 taken").behind(&gate));
    let mut office = Office::sealed(Setup { script, connections: 1, ..Setup::default() }, &["slow", "next"]).await;
    office.start().await;
    gate.reached_by(1).await;
    let open = async {
        // The stop has been asked for when this runs: both are polled in turn.
        tokio::task::yield_now().await;
        gate.open();
    };
    tokio::join!(office.stop(), open);
    assert_eq!(office.books.entry("slow").await.state, Row::Accepted);
    assert_eq!(office.books.entry("next").await.state, Row::Queued);
    office.close().await;
}

#[tokio::test]
async fn after_a_crash_leases_come_back_and_what_was_marked_is_listed_and_sent_once_more() {
    let script = Script::new()
        .first(1, Step::Rcpt, "leased", Act::Silence)
        .first(1, Step::Data, "marked", Act::Silence)
        .first(1, Step::Dot, "taken", Act::Silence.after_taking());
    let names = ["done", "leased", "marked", "taken", "waiting1", "waiting2"];
    // A connection for each, so that none waits behind another.
    let mut office = Office::sealed(Setup { script, connections: names.len(), ..Setup::default() }, &names).await;
    let doomed = office.start_doomed();
    let (held, through) = ([Row::Leased, Row::HandingOver, Row::HandingOver], [Row::Accepted; 3]);
    office
        .until("three connections hang and the rest is through", async || {
            let mut states = Vec::new();
            for name in ["leased", "marked", "taken", "done", "waiting1", "waiting2"] {
                states.push(office.books.entry(name).await.state);
            }
            states == [held, through].concat() && office.sink.accepted_by("taken@readers.test").len() == 1
        })
        .await;
    Office::kill(doomed).await;

    office.start().await;
    for name in ["marked", "taken"] {
        let entry = office.books.entry(name).await;
        assert_eq!((entry.state, entry.reason.as_str()), (Row::Uncertain, "stopped during hand-over"), "{name}");
    }
    let listed = office.ctx.store.possible_duplicates(1).await.unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    office.hand_over().await;
    assert_eq!((office.got("leased").len(), office.got("marked").len(), office.got("taken").len()), (1, 0, 1));
    office.run_until("2026-05-19 07:30", Span::minutes(15)).await;
    assert_eq!(names.map(|name| office.mails(name).len()), [1, 1, 1, 2, 1, 1]);
    assert_eq!(office.editions().await[0].state, State::Finished);
    office.close().await;
}

#[tokio::test]
async fn crashes_under_load_lose_nobody_and_cost_at_most_a_copy_a_connection_each_listed() {
    const CONNECTIONS: usize = 4;
    let names = crowd(70);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for pipelining in [true, false] {
        let script = Script::new().pause(Duration::from_millis(2));
        let setup = Setup { script, pipelining, connections: CONNECTIONS, ..Setup::default() };
        let mut office = Office::sealed(setup, &names).await;
        for (crash, part) in [15, 35, 50].into_iter().enumerate() {
            let doomed = office.start_doomed();
            office.sink.wait_for(part).await;
            Office::kill(doomed).await;
            // The next run begins with what this one left.
            office.start().await;
            office.stop().await;
            let uncertain = office.books.count(Row::Uncertain).await;
            assert!(uncertain <= CONNECTIONS * (crash + 1), "{uncertain} after {} crashes", crash + 1);
        }
        office.start().await;
        office.hand_over().await;
        office.run_until("2026-05-19 07:30", Span::minutes(15)).await;
        assert_eq!(office.books.count(Row::Accepted).await, names.len());
        let extra = office.sink.accepted().len() - names.len();
        assert!(extra <= office.ctx.store.possible_duplicates(1).await.unwrap().len(), "{extra} copies too many");
        office.close().await;
    }
}

#[tokio::test]
async fn cancelling_while_it_is_sent_calls_back_all_that_has_not_left() {
    for pipelining in [true, false] {
        let (gate, early) = (Gate::default(), Gate::default());
        let script = Script::new()
            .on(Step::Rcpt, "leased", Act::say("250 2.1.5 ok").behind(&early))
            .on(Step::Dot, "first", Act::say("250 2.0.0 taken").behind(&gate))
            .on(Step::Dot, "put-off", Act::say("450 4.2.0 later").behind(&gate))
            .on(Step::Dot, "lost", Act::HangUp.behind(&gate));
        let setup = Setup { script, pipelining, connections: 6, ..Setup::default() };
        let mut office = Office::sealed(setup, &["first", "put-off", "lost", "leased1", "leased2", "leased3"]).await;
        office.start().await;
        gate.reached_by(3).await;
        early.reached_by(3).await;
        assert!(office.cancel(1).await);
        assert!(!office.cancel(1).await, "cancelled twice");
        gate.open();
        early.open();
        office.until("nothing is in hand", async || office.books.in_hand().await == 0).await;
        office.tend().await;
        let states = async |name| office.books.entry(name).await.state;
        assert_eq!(states("first").await, Row::Accepted, "what was with the relay stays");
        assert_eq!(states("lost").await, Row::Cancelled);
        assert_eq!(office.ctx.store.possible_duplicates(1).await.unwrap().len(), 1, "what may have left is listed");
        for name in ["put-off", "leased1", "leased2", "leased3"] {
            let entry = office.books.entry(name).await;
            assert_eq!((entry.state, entry.reason.as_str()), (Row::Cancelled, "edition cancelled"), "{name}");
        }
        office.run_until("2026-05-20 12:00", Span::hours(6)).await;
        assert_eq!(office.sink.accepted().len(), 1, "nothing is sent again");
        office.close().await;
    }
}

#[tokio::test]
async fn serve_does_it_all_by_itself_and_lets_no_second_one_near() {
    let mut office = Office::open(Script::new()).await;
    office.stop().await;
    office.join("jane", Cadence::Daily).await;
    let (ctx, stop) = (office.another_context().await, CancellationToken::new());
    let serving = tokio::spawn(app::serve(ctx.clone(), stop.clone()));
    office.until("the feeds are there", async || ctx.site.get("/feed.xml").is_some()).await;

    let second = app::serve(office.another_context().await, CancellationToken::new()).await;
    let told = second.unwrap_err();
    assert!(matches!(told, StartError::Locked(_)), "{told:?}");
    assert!(told.to_string().contains(&std::process::id().to_string()), "{told}");

    office.post("alpha");
    let published =
        async || ctx.site.get("/feed.xml").is_some_and(|feed| String::from_utf8_lossy(&feed.body).contains("alpha"));
    office.until("the feeds have the new post", published).await;
    office.set(at("2026-05-19 07:00"));
    office.sink.wait_for(1).await;
    office.until("the edition is finished", async || office.editions().await[0].state == State::Finished).await;
    assert_eq!(office.got("jane"), ["alpha"]);

    stop.cancel();
    serving.await.unwrap().unwrap();
    Instance::claim(&office.ctx.settings.database.file).unwrap();
    office.close().await;
}

#[tokio::test]
async fn a_stop_ends_the_leasing_at_once_though_a_page_is_still_being_asked_for() {
    let gate = Gate::default();
    let script = Script::new().on(Step::Dot, "", Act::say("250 2.0.0 taken").behind(&gate));
    let names = crowd(30);
    let office =
        Office::sealed(Setup { script, ..Setup::default() }, &names.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut ctx = Arc::into_inner(office.another_context().await).unwrap();
    ctx.settings.http.listen = listen;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(app::serve(Arc::new(ctx), stop.clone()));
    gate.reached_by(3).await;
    let mut reader = TcpStream::connect(listen).await.unwrap();
    let head = "POST /subscribe HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n";
    reader.write_all(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "the rest of it is awaited");
    stop.cancel();
    gate.open();
    office.until("nothing is in hand", async || office.books.in_hand().await == 0).await;
    assert_eq!((office.sink.accepted().len(), office.books.count(Row::Queued).await), (3, 27));
    drop(reader);
    serving.await.unwrap().unwrap();
    office.close().await;
}
