//! Editions that wait for the operator.

use postroom::domain::Cadence;
use postroom::domain::delivery::State as Row;
use postroom::domain::edition::State;
use postroom::domain::time::Span;
use postroom::system;

use super::office::{Office, Setup};
use crate::faultsink::Script;

#[tokio::test]
async fn too_many_posts_at_once_wait_for_approval_however_long_and_then_go() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Weekly).await;
    office.join("joe", Cadence::Each).await;
    (0..21).for_each(|n| office.post(&format!("p{n}")));
    office.run_until("2026-05-25 12:00", Span::hours(3)).await;
    assert!(office.sink.accepted().is_empty());
    let editions = office.editions().await;
    assert!(editions.iter().all(|edition| edition.state == State::Held), "{editions:?}");
    assert!(editions[0].reason.as_ref().unwrap().contains("unusually many posts"), "{editions:?}");
    for edition in editions {
        assert!(office.approve(edition.number).await);
        assert!(!office.approve(edition.number).await, "approved twice");
    }
    office.hand_over().await;
    for name in ["jane", "joe"] {
        assert_eq!(office.mails(name)[0].posts.len(), 21, "{name}");
    }
    assert!(office.editions().await.iter().all(|edition| edition.state == State::Finished));
    office.close().await;
}

#[tokio::test]
async fn a_large_part_of_the_archive_at_once_waits_and_a_few_posts_do_not() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    for (day, posts, state) in [(19, 5, State::Finished), (20, 6, State::Held), (21, 1, State::Finished)] {
        (0..posts).for_each(|n| office.post(&format!("p{day}-{n}")));
        office.tick_at(&format!("2026-05-{day} 07:00")).await;
        assert_eq!(office.editions().await.last().unwrap().state, state, "{posts} posts");
    }
    office.close().await;
}

#[tokio::test]
async fn a_cancelled_edition_settles_and_its_posts_come_in_no_other() {
    let office = Office::open(Script::new()).await;
    for name in ["jane", "joe", "jim"] {
        office.join(name, Cadence::Daily).await;
    }
    (0..21).for_each(|n| office.post(&format!("p{n}")));
    office.tick_at("2026-05-19 07:00").await;
    assert!(office.cancel(1).await);
    assert_eq!(office.books.count(Row::Cancelled).await, 3);
    assert!(!office.approve(1).await, "what is cancelled stays so");
    office.post("news");
    office.run_until("2026-05-21 12:00", Span::hours(3)).await;
    assert_eq!(office.got("jane"), ["news"]);
    office.close().await;
}

#[tokio::test]
async fn a_newsletter_that_asks_for_approval_holds_every_edition_and_each_goes_by_itself() {
    let more = "[[newsletters]]\nid = \"posts\"\napproval = true\n";
    let office = Office::set_up(Setup { more, ..Setup::default() }).await;
    office.join("jane", Cadence::Daily).await;
    for day in [19, 20] {
        office.post(&format!("p{day}"));
        office.tick_at(&format!("2026-05-{day} 07:00")).await;
    }
    assert!(office.approve(2).await);
    office.hand_over().await;
    assert_eq!(office.got("jane"), ["p20"]);
    assert!(office.approve(1).await);
    office.hand_over().await;
    assert_eq!(office.got("jane"), ["p20", "p19"]);
    office.close().await;
}

#[tokio::test]
async fn a_test_goes_out_past_what_waits_and_sets_off_nothing_that_would_leave() {
    let more = "[[newsletters]]\nid = \"posts\"\napproval = true\n";
    let mut office = Office::set_up(Setup { more, ..Setup::default() }).await;
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    office.stop().await;
    let told = office.command(&["test", "first@readers.test"]).await;
    assert!(told.contains("accepted it") && !told.contains("set off"), "{told}");
    // By the clock of the machine, which a command goes by: else it would be too old.
    office.set(system::now());
    assert!(office.approve(1).await);
    let told = office.command(&["test", "second@readers.test"]).await;
    assert!(told.contains("It would set off 1 other mail, so it waits with them"), "{told}");
    let took: Vec<_> = office.sink.accepted().iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(took, ["first@readers.test"]);
    office.wait(Span::hours(1));
    office.start().await;
    office.hand_over().await;
    assert_eq!((office.mails("second").len(), office.mails("jane").len()), (1, 1));
    office.close().await;
}

/// Puts so many posts at once where `jane` gets one more: the state of that edition.
async fn after_upheaval(posts: usize, happens: impl Fn(&Office, &str)) -> (State, String) {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    for few in 0..4 {
        (0..5).for_each(|n| office.post(&format!("p{few}-{n}")));
        office.look().await;
    }
    office.tick_at("2026-05-19 07:00").await;
    assert_eq!(office.editions().await[0].state, State::Finished);
    (0..posts).for_each(|n| happens(&office, &format!("p{}-{}", n / 5, n % 5)));
    office.look().await;
    office.post("news");
    office.tick_at("2026-05-20 07:00").await;
    let edition = office.editions().await.remove(1);
    if edition.state == State::Held {
        // Another one waits as well, until the operator has let one go.
        assert!(office.cancel(2).await);
        for (number, day) in [(3, 21), (4, 22)] {
            office.post(&format!("news-{day}"));
            office.tick_at(&format!("2026-05-{day} 07:00")).await;
            let is_held = office.editions().await.last().unwrap().state == State::Held;
            assert_eq!((is_held, is_held && office.approve(number).await), (number == 3, number == 3));
        }
    }
    office.close().await;
    (edition.state, edition.reason.unwrap_or_default())
}

#[tokio::test]
async fn a_large_part_of_the_archive_that_changes_or_vanishes_at_once_holds_the_next_edition() {
    let vanish = |office: &Office, slug: &str| office.remove(&format!("{slug}.md"));
    let change = |office: &Office, slug: &str| office.post_with(slug, "tags: [new]");
    for (posts, is_held) in [(5, false), (6, true)] {
        for (state, reason) in [after_upheaval(posts, vanish).await, after_upheaval(posts, change).await] {
            assert_eq!((state == State::Held, reason.contains("changed or vanished")), (is_held, is_held), "{reason}");
        }
    }
}
