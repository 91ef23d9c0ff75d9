//! When an edition falls due: daylight saving, downtime, and posts that settle.

use postroom::domain::Cadence;
use postroom::domain::time::Span;
use postroom::tasks::{Step, compose};

use super::office::{Office, Setup, at};
use crate::faultsink::Script;

/// A newsletter whose daily slot the clock skips in March and repeats in October.
const AT_NIGHT: &str = "[[newsletters]]\nid = \"night\"\ndaily = \"02:30\"\n";

async fn at_night(start: &str) -> Office {
    let office = Office::set_up(Setup { start, more: AT_NIGHT, ..Setup::default() }).await;
    office.join("jane", Cadence::Daily).await;
    office
}

/// A post every day, and one at every hour of the night of the change; the slots of all editions.
async fn slots_of(office: &Office, days: [&str; 3], step: Span) -> Vec<String> {
    let [before, change, after] = days;
    let night = at(&format!("{change} 00:00"));
    office.post("evening");
    office.run_until(&format!("{before} 23:59"), Span::hours(3)).await;
    let mut hour = 0;
    while office.ctx.now() < at(&format!("{change} 09:00")) {
        if office.ctx.now().since(night).0 / Span::hours(1).0 > hour {
            hour += 1;
            office.post(&format!("night-{hour}"));
        }
        office.wait(step);
        office.tick().await;
    }
    office.run_until(&format!("{after} 12:00"), Span::hours(1)).await;
    let slot = |edition: postroom::domain::edition::Edition| edition.slot.in_zone(super::office::ZONE).to_rfc3339();
    office.editions().await.into_iter().map(slot).collect()
}

#[tokio::test]
async fn a_slot_in_the_hour_the_clock_skips_comes_once_right_after_it() {
    let office = at_night("2026-03-27 12:00").await;
    let slots = slots_of(&office, ["2026-03-28", "2026-03-29", "2026-03-30"], Span::minutes(30)).await;
    assert_eq!(slots, ["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]);
    office.close().await;
}

#[tokio::test]
async fn a_slot_in_the_hour_the_clock_repeats_comes_once() {
    for step in [Span::minutes(15), Span::minutes(65)] {
        let office = at_night("2026-10-23 12:00").await;
        let slots = slots_of(&office, ["2026-10-24", "2026-10-25", "2026-10-26"], step).await;
        let days: Vec<_> = slots.iter().map(|slot| &slot[..10]).collect();
        assert_eq!(days, ["2026-10-24", "2026-10-25", "2026-10-26"], "looking every {step}: {slots:?}");
        assert_eq!(slots[1], "2026-10-25T02:30:00+02:00", "looking every {step}");
        office.close().await;
    }
}

#[tokio::test]
async fn a_service_begun_between_the_two_passes_of_the_repeated_hour_waits_for_the_next_day() {
    // 02:45 the first time round; 02:30 will come once more this night.
    let office = at_night("2026-10-25 02:45").await;
    office.post("alpha");
    office.run_until("2026-10-25 12:00", Span::minutes(15)).await;
    assert!(office.editions().await.is_empty(), "{:?}", office.editions().await);
    office.tick_at("2026-10-26 02:30").await;
    assert_eq!(office.got("jane"), ["alpha"]);
    office.close().await;
}

#[tokio::test]
async fn downtime_over_several_slots_gives_one_edition_for_all() {
    let mut office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.join("joe", Cadence::Weekly).await;
    office.join("jim", Cadence::Each).await;
    office.post("alpha");
    office.tick().await;
    office.stop().await;
    for day in 26..30 {
        office.set(at(&format!("2026-05-{day} 12:00")));
        office.post(&format!("p{day}"));
    }
    office.set(at("2026-06-03 20:00"));
    office.start().await;
    office.tick().await;
    office.wait(Span::minutes(10));
    office.tick().await;
    for name in ["jane", "joe"] {
        assert_eq!(office.got(name), ["p29 p28 p27 p26 alpha"], "{name}");
    }
    // Alpha had settled long ago; the others have to settle once they are seen.
    assert_eq!(office.got("jim"), ["alpha", "p29 p28 p27 p26"]);
    let slots: Vec<_> = office.editions().await.iter().map(|edition| edition.slot).collect();
    assert!(slots.contains(&at("2026-06-03 07:00")) && slots.contains(&at("2026-05-29 09:00")), "{slots:?}");
    office.run_until("2026-06-06 12:00", Span::hours(5)).await;
    assert_eq!(office.sink.accepted().len(), 4);
    office.close().await;
}

#[tokio::test]
async fn a_slot_that_finds_nothing_new_passes_without_an_edition() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.run_until("2026-05-21 12:00", Span::hours(5)).await;
    office.post("alpha");
    office.tick_at("2026-05-22 07:00").await;
    office.run_until("2026-05-25 12:00", Span::hours(5)).await;
    let editions = office.editions().await;
    assert_eq!((editions.len(), editions[0].number), (1, 1), "{editions:?}");
    office.close().await;
}

#[tokio::test]
async fn each_waits_until_a_post_has_settled_and_takes_together_what_has() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Each).await;
    office.post("alpha");
    office.tick().await;
    office.wait(Span::minutes(6));
    office.post("beta");
    office.tick().await;
    office.wait(Span::minutes(3));
    office.post_dated("alpha", at("2026-05-18 12:00"), "summary: mended in time");
    office.tick().await;
    assert!(office.got("jane").is_empty());
    office.wait(Span::minutes(1));
    office.tick().await;
    assert_eq!(office.got("jane"), ["alpha"]);
    assert!(office.mails("jane")[0].text.contains("mended in time"));
    office.post("gamma");
    office.tick().await;
    office.wait(Span::minutes(10));
    office.tick().await;
    assert_eq!(office.got("jane"), ["alpha", "gamma beta"]);
    office.close().await;
}

#[tokio::test]
async fn a_clock_set_back_repeats_nothing_and_one_set_forward_skips_nothing() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.join("joe", Cadence::Each).await;
    office.post("alpha");
    office.tick_at("2026-05-20 07:00").await;
    office.set(at("2026-05-19 06:00"));
    office.post("beta");
    office.tick_at("2026-05-19 07:00").await;
    office.run_until("2026-05-22 12:00", Span::hours(3)).await;
    assert_eq!(office.got("jane"), ["alpha", "beta"]);
    // Settled by the clock that was set back, alpha waited for beta.
    assert_eq!(office.got("joe"), ["beta alpha"]);
    office.close().await;
}

#[tokio::test]
async fn two_composers_at_one_slot_seal_one_edition() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.join("joe", Cadence::Each).await;
    for day in 19..=22 {
        office.post(&format!("p{day}"));
        office.look().await;
        office.set(at(&format!("2026-05-{day} 07:00")));
        let (other, now) = (office.another_context().await, office.ctx.now());
        let (one, two) = tokio::join!(compose::step(&office.ctx, now), compose::step(&other, now));
        let sealed = |step| if let Step::Worked(n) = step { n } else { 0 };
        assert_eq!(sealed(one.unwrap()) + sealed(two.unwrap()), 2, "day {day}");
        office.hand_over().await;
    }
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (4, 4));
    office.close().await;
}

#[tokio::test]
async fn readers_who_come_while_an_edition_is_sealed_are_not_in_it_and_disturb_nobody() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    office.look().await;
    office.set(at("2026-05-19 07:00"));
    let names: Vec<String> = (0..15).map(|n| format!("late{n}")).collect();
    let joining = async {
        for name in &names {
            office.join(name, Cadence::Daily).await;
        }
    };
    let (sealed, ()) = tokio::join!(compose::step(&office.ctx, office.ctx.now()), joining);
    assert_eq!(sealed.unwrap(), Step::Worked(1));
    office.hand_over().await;
    assert_eq!((office.got("jane").len(), office.sink.accepted().len()), (1, 1));
    office.post("beta");
    office.tick_at("2026-05-20 07:00").await;
    assert_eq!(office.sink.accepted().len(), 1 + 16);
    office.close().await;
}
