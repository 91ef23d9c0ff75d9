//! What the relay says no to, and whom that concerns.

use postroom::domain::Cadence;
use postroom::domain::delivery::State as Row;
use postroom::domain::edition::State;
use postroom::domain::time::Span;
use postroom::system;

use super::office::{Office, Setup};
use super::readers::address;
use crate::faultsink::{Act, Script, Step};

/// A daily edition of one post for these readers, handed over as far as the relay lets it.
async fn edition(setup: Setup<'_>, names: &[&str]) -> Office {
    let office = Office::set_up(setup).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, names, Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    office
}

async fn scripted(script: Script, names: &[&str]) -> Office {
    edition(Setup { script, ..Setup::default() }, names).await
}

#[tokio::test]
async fn a_4xx_at_any_step_is_tried_again_when_its_back_off_is_over() {
    for step in [Step::Rcpt, Step::Data, Step::Dot] {
        let office =
            scripted(Script::new().first(2, step, "soft", Act::say("450 4.2.0 later")), &["soft", "jane"]).await;
        assert_eq!((office.got("soft").len(), office.got("jane").len()), (0, 1), "{step:?}");
        for minutes in [10, 20] {
            let entry = office.books.entry("soft").await;
            assert_eq!((entry.state, entry.reason.as_str()), (Row::Queued, "450 4.2.0 later"), "{step:?}");
            assert_eq!(entry.not_before, office.ctx.now().plus(Span::minutes(minutes)), "{step:?}");
            office.set(entry.not_before.minus(Span(1)));
            office.tick().await;
            assert_eq!(office.books.entry("soft").await, entry, "{step:?}: tried too early");
            office.set(entry.not_before);
            office.tick().await;
        }
        let entry = office.books.entry("soft").await;
        assert_eq!((entry.state, entry.attempts), (Row::Accepted, 3), "{step:?}");
        assert_eq!(office.editions().await[0].state, State::Finished);
        office.close().await;
    }
}

#[tokio::test]
async fn a_5xx_about_a_recipient_is_final_for_this_edition_and_the_next_one_tries_again() {
    for step in [Step::Rcpt, Step::Data, Step::Dot] {
        let office =
            scripted(Script::new().first(1, step, "full", Act::say("552 5.2.2 mailbox full")), &["full", "jane"]).await;
        let entry = office.books.entry("full").await;
        assert_eq!((entry.state, entry.reason.as_str()), (Row::Refused, "552 5.2.2 mailbox full"), "{step:?}");
        office.run_until("2026-05-20 06:00", Span::hours(4)).await;
        assert_eq!(office.books.entry("full").await.attempts, 1, "{step:?}");
        assert_eq!(office.ctx.store.suppression(&address("full")).await.unwrap(), None);
        office.post("beta");
        office.tick_at("2026-05-20 07:00").await;
        assert_eq!(office.got("full"), ["beta"], "{step:?}");
        office.close().await;
    }
}

#[tokio::test]
async fn a_mailbox_that_does_not_exist_gets_no_mail_ever_again() {
    let office =
        scripted(Script::new().first(1, Step::Rcpt, "gone", Act::say("550 5.1.1 no such user")), &["gone", "jane"])
            .await;
    assert_eq!(office.books.entry("gone").await.state, Row::Refused);
    let (why, _) = office.ctx.store.suppression(&address("gone")).await.unwrap().unwrap();
    assert!(why.contains("550 5.1.1 no such user"), "{why}");
    for day in [20, 21] {
        office.post(&format!("p{day}"));
        office.tick_at(&format!("2026-05-{day} 07:00")).await;
    }
    assert_eq!((office.got("gone").len(), office.got("jane").len()), (0, 3));
    assert_eq!(office.editions().await[2].audience, 1);
    office.close().await;
}

#[tokio::test]
async fn who_is_not_reached_by_several_editions_and_for_a_week_gets_no_more() {
    let script = Script::new()
        .on(Step::Rcpt, "odd@", Act::say("550 go away"))
        .on(Step::Rcpt, "full@", Act::say("552 5.2.2 mailbox full"))
        .on(Step::Rcpt, "strict@", Act::say("550 5.7.1 policy"))
        .first(3, Step::Rcpt, "back@", Act::say("550 go away"));
    let names = ["odd", "full", "strict", "back", "jane", "john", "jack", "jill"];
    let office = scripted(script, &names).await;
    let suppressed = async |name: &str| office.ctx.store.suppression(&address(name)).await.unwrap();
    let day = async |day: u32| {
        office.post(&format!("of-{day}"));
        office.tick_at(&format!("2026-05-{day} 07:00")).await;
    };
    // Many within a few days say little.
    for one in [20, 21, 22, 25] {
        day(one).await;
        assert!(suppressed("odd").await.is_none(), "day {one}");
    }
    day(26).await;
    let (why, _) = suppressed("odd").await.unwrap();
    assert_eq!(why, "not reached by 6 editions in a row: 550 go away");
    assert!(suppressed("full").await.is_some());
    day(27).await;
    assert_eq!(office.mails("jane").len(), 7);
    for name in ["strict", "back", "jane"] {
        assert!(suppressed(name).await.is_none(), "{name}");
    }
    let tried = |name: &str| {
        office.sink.commands().iter().filter(|line| line.starts_with(&format!("RCPT TO:<{name}@"))).count()
    };
    assert_eq!((tried("odd"), tried("full"), tried("strict")), (6, 6, 7));
    office.close().await;
}

#[tokio::test]
async fn an_address_suppressed_after_the_seal_is_not_mailed_and_its_row_says_why() {
    let more = "[[newsletters]]\nid = \"one\"\n[[newsletters]]\nid = \"two\"\n";
    let script = Script::new().first(1, Step::Rcpt, "gone", Act::say("550 5.1.1 no such user"));
    let mut office = Office::set_up(Setup { script, more, connections: 1, ..Setup::default() }).await;
    for newsletter in ["one", "two"] {
        office.join_to(newsletter, &["gone", "jane"], Cadence::Daily).await;
    }
    office.post("alpha");
    // Both editions are sealed before the relay says anything.
    office.stop().await;
    office.tick_sealing("2026-05-19 07:00").await;
    office.start().await;
    office.hand_over().await;
    let rows = office.books.deliveries().await;
    let gone: Vec<_> = rows.iter().filter(|entry| entry.address.starts_with("gone")).collect();
    assert_eq!((gone[0].state, gone[1].state), (Row::Refused, Row::Suppressed), "{gone:?}");
    assert!(gone[1].reason.contains("550 5.1.1 no such user"), "{gone:?}");
    assert_eq!(office.got("jane").len(), 2);
    office.close().await;
}

#[tokio::test]
async fn a_delivery_put_off_for_too_long_expires_and_says_what_the_relay_said() {
    let office =
        scripted(Script::new().on(Step::Rcpt, "never", Act::say("451 4.2.1 not now")), &["never", "jane"]).await;
    office.run_until("2026-05-21 09:00", Span::hours(1)).await;
    let entry = office.books.entry("never").await;
    assert_eq!((entry.state, entry.reason.as_str()), (Row::Expired, "451 4.2.1 not now"));
    assert!((20..=30).contains(&entry.attempts), "{entry:?}");
    assert_eq!(office.editions().await[0].state, State::Finished);
    office.close().await;
}

#[tokio::test]
async fn a_relay_that_refuses_the_sender_pauses_the_edition_and_burns_nobody() {
    let names: Vec<String> = (0..24).map(|n| format!("r{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for reply in ["550 5.7.1 we do not know you", "553 5.1.8 no such sender domain", "550 no"] {
        let office = scripted(Script::new().on(Step::Mail, "", Act::say(reply)), &names).await;
        assert_eq!(office.books.count(Row::Queued).await, 24, "{reply}");
        let edition = office.editions().await.remove(0);
        assert_eq!(edition.state, State::Paused, "{reply}");
        assert!(edition.reason.as_ref().unwrap().contains(reply), "{edition:?}");
        let tries = office.sink.commands().iter().filter(|command| command.starts_with("MAIL")).count();
        // Each of three connections has one in hand and one announced.
        assert!(tries <= 9, "{tries} tries to say {reply}");
        office.sink.becomes(Script::new());
        office.wait(Span::hours(1));
        assert!(office.approve(1).await);
        office.hand_over().await;
        assert_eq!(office.books.count(Row::Accepted).await, 24, "{reply}");
        office.close().await;
    }
}

#[tokio::test]
async fn refusals_of_our_reputation_pause_the_edition_and_go_out_once_that_is_mended() {
    let names: Vec<String> = (0..44).map(|n| format!("r{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (step, names) in [(Step::Rcpt, &names[..]), (Step::Dot, &names[..]), (Step::Dot, &names[..3])] {
        let office = scripted(Script::new().on(step, "", Act::say("550 5.7.26 no DMARC")), names).await;
        assert_eq!(office.editions().await[0].state, State::Paused, "{step:?} {}", names.len());
        assert_eq!(office.books.count(Row::Queued).await, names.len(), "nobody is burnt");
        let tries: i64 = office.books.deliveries().await.iter().map(|entry| entry.attempts).sum();
        assert!(tries <= 29, "{tries} tries");
        assert_eq!(office.ctx.store.suppression(&address("r0")).await.unwrap(), None);
        office.sink.becomes(Script::new());
        office.wait(Span::days(3));
        assert!(office.approve(1).await);
        office.hand_over().await;
        assert_eq!(office.books.count(Row::Accepted).await, names.len());
        office.close().await;
    }
}

#[tokio::test]
async fn who_is_refused_again_after_the_operator_let_it_go_on_stops_it_no_more() {
    let names: Vec<String> = (0..50).map(|n| format!("strict{n}")).collect();
    let many: Vec<&str> = names.iter().map(String::as_str).chain(["jane"]).collect();
    for (names, stops) in [(&["strict1", "strict2", "jane"][..], 1), (&many, 2)] {
        // Approved like any: only who was refused before a release is known to the operator.
        let more = "[[newsletters]]\nid = \"posts\"\napproval = true\n";
        let script = Script::new().on(Step::Dot, "strict", Act::say("550 5.7.1 policy"));
        let office = edition(Setup { script, more, ..Setup::default() }, names).await;
        assert!(office.approve(1).await);
        office.hand_over().await;
        for stop in 1..=stops {
            assert_eq!(office.editions().await[0].state, State::Paused, "{stop} of {stops}");
            office.wait(Span::hours(1));
            assert!(office.approve(1).await);
            office.hand_over().await;
        }
        assert_eq!(office.editions().await[0].state, State::Finished, "{:#?}", office.books.deliveries().await);
        assert_eq!((office.got("jane").len(), office.books.count(Row::Refused).await), (1, names.len() - 1));
        assert_eq!(office.ctx.store.suppression(&address("strict1")).await.unwrap(), None);
        office.close().await;
    }
}

#[tokio::test]
async fn one_strict_domain_among_many_refuses_for_itself_alone() {
    let script = Script::new().on(Step::Dot, "strict", Act::say("554 5.7.1 policy"));
    let office = scripted(script, &["strict", "a", "b", "c", "d"]).await;
    assert_eq!(office.books.entry("strict").await.state, Row::Refused);
    assert_eq!((office.books.count(Row::Accepted).await, office.editions().await[0].state), (4, State::Finished));
    office.close().await;
}

#[tokio::test]
async fn an_edition_too_large_for_the_relay_is_paused_and_burns_nobody() {
    let at_dot = Script::new().on(Step::Dot, "", Act::say("552 5.3.4 message too big"));
    for script in [Script::new().keyword("SIZE 1000"), at_dot] {
        let office = scripted(script, &["jane", "joe", "jim", "jack", "jill"]).await;
        let edition = office.editions().await.remove(0);
        assert_eq!((edition.state, office.books.count(Row::Queued).await), (State::Paused, 5), "{edition:?}");
        assert!(edition.reason.as_ref().unwrap().contains("5.3.4"), "{edition:?}");
        assert!(office.cancel(1).await);
        assert_eq!(office.books.count(Row::Cancelled).await, 5);
        office.close().await;
    }
}

#[tokio::test]
async fn an_edition_that_pauses_by_itself_says_so_in_the_log() {
    let mut office = Office::open(Script::new().on(Step::Mail, "", Act::say("550 5.7.1 not you"))).await;
    office.stop().await;
    // By the clock of the machine, which a command goes by.
    office.set(system::now());
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    let sent = office.answer(&["send", &newsletter, "--cadence", "daily"]).await;
    let line = sent.err.lines().find(|line| line.contains("edition paused")).unwrap_or_default();
    assert!(line.contains("warn") && line.contains("550 5.7.1 not you"), "{}{}", sent.out, sent.err);
    assert_eq!(office.editions().await[0].state, State::Paused);
    office.close().await;
}

#[tokio::test]
async fn a_bounce_says_something_of_the_address_it_came_from_and_of_no_other() {
    let script = Script::new().on(Step::Rcpt, "mistyped@", Act::say("550 5.1.1 no such mailbox here"));
    let office = scripted(script, &["jane"]).await;
    let (jane, mistyped) = (office.subscription("jane").await, address("mistyped"));
    let (store, now) = (&office.ctx.store, office.ctx.now());
    store.ask_to_move(&jane, &mistyped, Span::days(2), now).await.unwrap();
    office.hand_over().await;
    assert!(store.suppression(&mistyped).await.unwrap().is_some(), "it is not tried again");
    assert!(store.suppression(&jane.address).await.unwrap().is_none(), "jane still gets her mail");
    office.close().await;
}
