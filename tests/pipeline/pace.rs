//! How fast mail leaves: rates, warm-up, quiet hours, what relays and domains ask for, and several relays.

use std::collections::BTreeMap;

use postroom::domain::Cadence;
use postroom::domain::delivery::State;
use postroom::domain::time::Span;

use super::office::{Office, Setup};
use super::readers::address;
use crate::faultsink::{self, Act, Gate, Script, Sink, Step};

/// Readers `NAME0@DOMAIN` and on.
fn crowd(many: usize, name: &str, domain: &str) -> Vec<String> {
    (0..many).map(|n| format!("{name}{n}@{domain}")).collect()
}

/// An office with a sealed daily edition of one post, of which nothing has left.
async fn sealed(setup: Setup<'_>, readers: &[String]) -> Office {
    let mut office = Office::set_up(setup).await;
    office.stop().await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    let readers: Vec<&str> = readers.iter().map(String::as_str).collect();
    office.join_to(&newsletter, &readers, Cadence::Daily).await;
    office.post("alpha");
    office.tick_sealing("2026-05-19 07:00").await;
    office
}

/// With this in `[relay]`, begun.
async fn with(relay: &str, script: Script, readers: &[String]) -> Office {
    let mut office = sealed(Setup { script, more: relay, ..Setup::default() }, readers).await;
    office.start().await;
    office
}

impl Office {
    /// Waits until so many are accepted, nothing is in hand, and nothing more leaves.
    async fn comes_to(&self, accepted: usize) {
        let what = format!("{accepted} are accepted");
        self.until(&what, async || self.accepted() >= accepted && self.in_hand().await == 0).await;
        let looks = std::cell::Cell::new(0);
        self.until("looked a few times more", async || looks.replace(looks.get() + 1) > 20).await;
        assert_eq!((self.accepted(), self.in_hand().await), (accepted, 0), "{:#?}", self.books.deliveries().await);
    }

    /// Queues a letter that somebody waits for.
    async fn letter(&self, name: &str) {
        let now = self.ctx.now();
        self.ctx.store.queue_test(&address(name), now.plus(Span::days(1)), now).await.unwrap();
    }

    fn accepted(&self) -> usize {
        self.sink.accepted().len() + self.others.iter().map(|sink| sink.accepted().len()).sum::<usize>()
    }

    async fn in_hand(&self) -> usize {
        self.books.count(State::Leased).await + self.books.count(State::HandingOver).await
    }

    /// Lets time pass by the second until everything is settled; how long that took.
    async fn to_the_end(&self, step: Span) -> Span {
        let begun = self.ctx.now();
        while self.books.open().await > 0 {
            assert!(self.ctx.now().since(begun) < Span::days(2), "{:#?}", self.books.deliveries().await);
            self.wait(step);
            let looks = std::cell::Cell::new(0);
            let is_idle = async || self.books.count(State::HandingOver).await == 0;
            self.until("at rest", async || is_idle().await && looks.replace(looks.get() + 1) > 3).await;
        }
        self.tend().await;
        self.ctx.now().since(begun)
    }
}

/// `status` says why mail waits, and `why` that this concerns a reader who waits because of `what`.
async fn tells(office: &Office, wait: &str, what: &str) {
    office.until("it is told", async || !office.ctx.store.waits().await.unwrap().is_empty()).await;
    let status = office.command(&["status"]).await;
    assert!(status.contains(&format!("Waiting: {wait}")), "{status}");
    let waits = office.books.deliveries().await.into_iter().find(|entry| entry.state == State::Queued).unwrap();
    let story = office.command(&["why", &waits.address]).await;
    assert!(story.contains(&format!("; {what}: ")), "{story}");
}

fn to_domain(sink: &Sink, domain: &str) -> usize {
    sink.accepted().iter().filter(|message| message.to.ends_with(domain)).count()
}

fn tries(sink: &Sink, domain: &str) -> usize {
    sink.commands().iter().filter(|line| line.starts_with("RCPT") && line.contains(domain)).count()
}

#[tokio::test]
async fn a_rate_is_kept_and_a_restart_does_not_exceed_it() {
    let mut office = with("rate = [\"10/m\", \"25/h\"]", Script::new(), &crowd(40, "r", "a.test")).await;
    office.comes_to(10).await;
    let name = office.sink.addr.to_string();
    tells(&office, &format!("{name}: it has had what it may have by its rates"), &name).await;
    office.wait(Span::seconds(55));
    office.stop().await;
    office.start().await;
    office.comes_to(10).await;
    office.wait(Span::seconds(6));
    office.comes_to(20).await;
    office.wait(Span::seconds(61));
    office.comes_to(25).await;
    office.stop().await;
    office.wait(Span::minutes(50));
    office.start().await;
    office.comes_to(25).await;
    office.wait(Span::minutes(9));
    office.comes_to(35).await;
    office.close().await;
}

#[tokio::test]
async fn a_letter_does_not_stand_behind_an_edition_that_waits_for_the_rate() {
    let office = with("rate = \"5/m\"", Script::new(), &crowd(20, "r", "a.test")).await;
    office.comes_to(5).await;
    office.letter("jane").await;
    office.wait(Span::seconds(61));
    office.until("jane has her letter", async || office.mails("jane").len() == 1).await;
    office.comes_to(10).await;
    office.close().await;
}

#[tokio::test]
async fn a_warm_up_grows_day_by_day() {
    let office = with("warm_up = \"6 from 2026-05-19\"", Script::new(), &crowd(40, "r", "a.test")).await;
    assert!(office.approve(1).await, "it takes longer than mail is tried");
    office.comes_to(6).await;
    for (wall, accepted) in [("2026-05-20 06:00", 9), ("2026-05-20 07:30", 15), ("2026-05-21 00:00", 20)] {
        office.set(super::office::at(wall));
        office.comes_to(accepted).await;
    }
    office.close().await;
}

#[tokio::test]
async fn quiet_hours_keep_editions_back_and_letters_not_and_end_by_themselves() {
    let setup = Setup { mail: "quiet_hours = \"22:00-08:30\"", ..Setup::default() };
    let mut office = sealed(setup, &crowd(5, "r", "a.test")).await;
    office.start().await;
    office.letter("jane").await;
    office.comes_to(1).await;
    assert_eq!(office.mails("jane").len(), 1);
    office.set(super::office::at("2026-05-19 08:29"));
    office.comes_to(1).await;
    office.set(super::office::at("2026-05-19 08:30"));
    office.comes_to(6).await;
    office.close().await;
}

#[tokio::test]
async fn a_full_provider_waits_alone_and_everything_arrives() {
    for reply in ["450 4.7.0 too many messages", "421 4.7.28 unusual rate", "452 4.2.1 receiving mail at a high rate"] {
        for step in [Step::Rcpt, Step::Dot] {
            let hang_up = reply.starts_with("421");
            let act = if hang_up { Act::SayAndHangUp(reply.into()) } else { Act::say(reply) };
            let readers = [crowd(60, "f", "full.test"), crowd(60, "o", "other.test")].concat();
            let office = with("", Script::new().on(step, "f", act), &readers).await;
            // The clock stands still: nobody waits for anything.
            office.comes_to(60).await;
            assert_eq!(to_domain(&office.sink, "other.test"), 60, "{reply} at {step:?}");
            // What three connections had in hand and announced.
            let tried = tries(&office.sink, "full.test");
            assert!(tried <= 9, "{tried} tries, {reply} at {step:?}");
            for entry in office.books.deliveries().await.iter().filter(|entry| entry.address.ends_with("full.test")) {
                let wait = entry.not_before.since(office.ctx.now());
                assert_eq!(entry.state, State::Queued);
                assert!(wait > Span(0) && wait <= Span::minutes(if entry.attempts > 0 { 13 } else { 10 }), "{entry:?}");
            }
            let wait = format!("mail to full.test by {}: asked to slow down: {reply}", office.sink.addr);
            tells(&office, &wait, "full.test").await;
            office.sink.becomes(Script::new());
            let took = office.to_the_end(Span::seconds(30)).await;
            assert_eq!(to_domain(&office.sink, "full.test"), 60, "{reply} at {step:?}");
            assert!(took <= Span::hours(1), "{took}");
            office.close().await;
        }
    }
}

#[tokio::test]
async fn each_domain_has_its_own_rate() {
    let readers = [crowd(30, "a", "a.test"), crowd(30, "b", "b.test"), crowd(3, "c", "c.test")].concat();
    let office = with("per_domain = \"10/m\"", Script::new(), &readers).await;
    office.comes_to(23).await;
    assert_eq!((to_domain(&office.sink, "a.test"), to_domain(&office.sink, "c.test")), (10, 3));
    let took = office.to_the_end(Span::seconds(10)).await;
    assert!(took >= Span::seconds(110) && took <= Span::minutes(6), "{took}");
    office.close().await;
}

#[tokio::test]
async fn so_many_for_a_domain_are_in_hand_at_once() {
    let gate = Gate::default();
    let script = Script::new().on(Step::Dot, "a", Act::say("250 ok").behind(&gate));
    let readers = [crowd(20, "a", "a.test"), crowd(20, "b", "b.test")].concat();
    let office = with("per_domain = [\"2 connections\"]", script, &readers).await;
    gate.reached_by(2).await;
    let took = async {
        while to_domain(&office.sink, "b.test") < 20 {
            office.wait(Span(100));
            let looks = std::cell::Cell::new(0);
            office.until("looked", async || looks.replace(looks.get() + 1) > 2).await;
        }
    };
    took.await;
    assert_eq!((to_domain(&office.sink, "a.test"), tries(&office.sink, "a.test")), (0, 2));
    gate.open();
    office.to_the_end(Span::seconds(1)).await;
    assert_eq!(to_domain(&office.sink, "a.test"), 20);
    office.close().await;
}

#[tokio::test]
async fn a_relay_that_asks_to_slow_down_is_obeyed_and_nobody_fails() {
    let script = Script::new().first(1, Step::Dot, "r1@", Act::say("451 4.3.0 queue is full"));
    let office = with("", script, &crowd(60, "r", "a.test")).await;
    office.until("it has asked", async || office.sink.commands().iter().any(|line| line.contains("<r1@"))).await;
    let took = office.to_the_end(Span::seconds(2)).await;
    assert_eq!((office.books.count(State::Accepted).await, office.accepted()), (60, 60));
    assert!(took >= Span::minutes(10) && took <= Span::minutes(15), "{took}");
    office.close().await;
}

#[tokio::test]
async fn a_spent_quota_rests_the_relay_for_an_hour() {
    let script = Script::new().on(Step::Dot, "", Act::say("454 Throttling failure: Daily message quota exceeded"));
    let office = with("", script, &crowd(60, "r", "a.test")).await;
    office.until("it was told", async || tries(&office.sink, "a.test") > 0).await;
    office.comes_to(0).await;
    let tried = tries(&office.sink, "a.test");
    assert!(tried <= 9, "{tried} tries");
    let name = office.sink.addr.to_string();
    tells(&office, &format!("{name}: asked to slow down: 454 Throttling failure"), &name).await;
    office.sink.becomes(Script::new());
    office.wait(Span::minutes(59));
    office.comes_to(0).await;
    office.wait(Span::minutes(1));
    office.comes_to(60).await;
    office.close().await;
}

/// A second relay, and an office that shares by weight: three for the first, one for the second.
async fn two(first: Script, second: Script, lines: &str, readers: &[String]) -> Office {
    let other = faultsink::start(second).await;
    let more = format!("weight = 3\n{lines}\n[[relay]]\nurl = \"smtp://{}\"\nconnections = 3", other.addr);
    let mut office = sealed(Setup { script: first, more: &more, ..Setup::default() }, readers).await;
    office.others.push(other);
    office.start().await;
    office
}

/// How many attempts the ledger has for each relay.
async fn shares(office: &Office) -> Vec<usize> {
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    for entry in office.books.deliveries().await {
        for attempt in office.ctx.store.attempts(entry.id).await.unwrap() {
            *shares.entry(attempt.relay).or_default() += 1;
        }
    }
    office.ctx.relays.iter().map(|relay| shares.remove(relay.name()).unwrap_or_default()).collect()
}

#[tokio::test]
async fn relays_share_the_mail_by_weight() {
    let office = two(Script::new(), Script::new(), "", &crowd(80, "r", "a.test")).await;
    office.comes_to(80).await;
    assert_eq!((office.sink.accepted().len(), office.others[0].accepted().len()), (60, 20));
    assert_eq!(shares(&office).await, [60, 20]);
    office.close().await;
}

#[tokio::test]
async fn a_relay_that_is_down_or_at_its_rate_is_passed_over() {
    let down = || Script::new().on(Step::Greeting, "", Act::SayAndHangUp("421 4.3.2 closed".into()));
    for (script, lines, at_first) in [(down(), "", 0), (Script::new(), "rate = \"7/h\"", 7)] {
        let office = two(script, Script::new(), lines, &crowd(80, "r", "a.test")).await;
        office.comes_to(80).await;
        assert_eq!((office.sink.accepted().len(), office.others[0].accepted().len()), (at_first, 80 - at_first));
        // Letters, too.
        office.letter("jane").await;
        office
            .until("jane has her letter", async || office.others[0].accepted_by(address("jane").as_str()).len() == 1)
            .await;
        office.close().await;
    }
}

#[tokio::test]
async fn what_a_domain_is_refused_at_one_relay_goes_by_the_other() {
    let script = Script::new().on(Step::Rcpt, "f", Act::say("450 4.7.0 too many messages"));
    let office = two(script, Script::new(), "", &crowd(80, "f", "full.test")).await;
    office.until("those that were refused wait", async || office.in_hand().await == 0 && office.accepted() > 70).await;
    let tried = tries(&office.sink, "full.test");
    assert!(tried <= 9, "{tried} tries");
    assert_eq!(office.accepted() + tried, 80);
    office.sink.becomes(Script::new());
    office.to_the_end(Span::seconds(30)).await;
    assert_eq!(office.accepted(), 80);
    office.close().await;
}

#[tokio::test]
async fn an_edition_that_cannot_be_out_before_it_is_given_up_waits_for_the_operator() {
    let setup = || Setup { more: "rate = \"10/d\"", ..Setup::default() };
    let office = sealed(setup(), &crowd(20, "r", "a.test")).await;
    assert_eq!(office.editions().await[0].reason, None, "a day is in time");
    office.close().await;

    let mut office = sealed(setup(), &crowd(40, "r", "a.test")).await;
    let reason = office.editions().await[0].reason.clone().unwrap_or_default();
    assert_eq!(
        reason,
        "it takes about 3d by relay.rate and relay.warm_up, and after 2d mail is given up (mail.expire)"
    );
    office.start().await;
    assert!(office.approve(1).await);
    office.comes_to(10).await;
    office.close().await;
}
