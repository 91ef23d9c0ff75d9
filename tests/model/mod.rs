//! The promise of the ledger in every order of events chance can think of: the real store and the real ledger on a
//! real file, a relay that is a counter, and after every step the five parts of the promise.

mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;

use world::World;

/// One event. Numbers choose a connection, a reader, a way it can end.
#[derive(Clone, Copy, Debug)]
enum Event {
    Lease(usize),
    Mark(usize),
    Take(usize),
    Reply(usize, usize),
    ReplyAndMark(usize, usize),
    GiveBack,
    Crash,
    Restart,
    ZombieMark,
    ZombieTake(usize),
    ZombieReply(usize, usize),
    Unsubscribe(usize),
    PauseAll,
    ResumeAll,
    PauseEdition,
    ApproveEdition,
    CancelEdition,
    Hours(i64),
    Resolve(usize),
    Retry,
}

fn event() -> impl Strategy<Value = Event> {
    let connection = || 0..world::CONNECTIONS;
    prop_oneof![
        8 => (1..5_usize).prop_map(Event::Lease),
        12 => connection().prop_map(Event::Mark),
        10 => connection().prop_map(Event::Take),
        8 => (connection(), 0..3_usize).prop_map(|(connection, how)| Event::Reply(connection, how)),
        4 => (connection(), 0..3_usize).prop_map(|(connection, how)| Event::ReplyAndMark(connection, how)),
        1 => Just(Event::GiveBack),
        5 => Just(Event::Crash),
        1 => Just(Event::Restart),
        2 => Just(Event::ZombieMark),
        2 => connection().prop_map(Event::ZombieTake),
        2 => (connection(), 0..3_usize).prop_map(|(connection, how)| Event::ZombieReply(connection, how)),
        2 => (0..world::READERS).prop_map(Event::Unsubscribe),
        1 => Just(Event::PauseAll),
        2 => Just(Event::ResumeAll),
        1 => Just(Event::PauseEdition),
        2 => Just(Event::ApproveEdition),
        1 => Just(Event::CancelEdition),
        4 => (1..60_i64).prop_map(Event::Hours),
        2 => (0..3_usize).prop_map(Event::Resolve),
        1 => Just(Event::Retry),
    ]
}

async fn run(events: &[Event]) {
    let mut world = World::new().await;
    for event in events {
        match *event {
            Event::Lease(limit) => world.lease(limit).await,
            Event::Mark(connection) => world.mark(connection).await,
            Event::Take(connection) => world.take(connection),
            Event::Reply(connection, how) => world.reply(connection, how).await,
            Event::ReplyAndMark(connection, how) => world.reply_and_mark(connection, how).await,
            Event::GiveBack => world.give_back().await,
            Event::Crash => world.crash().await,
            Event::Restart => world.restart().await,
            Event::ZombieMark => world.zombie_mark().await,
            Event::ZombieTake(connection) => world.zombie_take(connection),
            Event::ZombieReply(connection, how) => world.zombie_reply(connection, how).await,
            Event::Unsubscribe(reader) => world.unsubscribe(reader).await,
            Event::PauseAll => world.pause_all().await,
            Event::ResumeAll => world.resume_all().await,
            Event::PauseEdition => world.pause_edition().await,
            Event::ApproveEdition => world.approve_edition().await,
            Event::CancelEdition => world.cancel_edition().await,
            Event::Hours(hours) => world.hours(hours).await,
            Event::Resolve(verdict) => world.resolve(verdict).await,
            Event::Retry => world.retry().await,
        }
        world.check(&format!("after {event:?}")).await;
    }
    world.come_to_rest().await;
}

proptest! {
    // PROPTEST_CASES asks for more.
    #![proptest_config(Config {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    })]

    #[test]
    fn the_promise_holds_whatever_happens_in_whatever_order(events in prop::collection::vec(event(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&events));
    }
}
