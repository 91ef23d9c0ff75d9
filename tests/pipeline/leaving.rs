//! Coming and going: an unsubscribe that is committed before hand-over is honoured, whenever it comes.

use postroom::domain::Cadence;
use postroom::domain::delivery::State as Row;
use postroom::domain::subscription::{Consent, ConsentAct, Status};
use postroom::domain::time::Span;

use super::office::{Office, Setup};
use super::readers::address;
use crate::faultsink::{Act, Gate, Script, Step};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn from_the_form_to_the_first_edition_and_out_by_one_click() {
    let office = Office::open(Script::new()).await;
    office.post("before");
    office.tick().await;
    office.subscribe("jane").await;
    office.tick().await;
    assert_eq!(office.subscription("jane").await.status, Status::Pending);
    office.confirm("jane").await;
    office.wait(Span::hours(1));
    office.post("after");
    office.tick_at("2026-05-22 09:00").await;
    let mails = office.mails("jane");
    let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(
        (mails.len(), subjects[2], mails[2].posts.join(" ").as_str()),
        (3, "About after", "after"),
        "{subjects:?}"
    );
    // A scanner looks at every link, then the reader's mail program asks as RFC 8058 says.
    let url = mails[2].one_click();
    assert_eq!(office.ask("GET", &url, FORM, "").await.0, 200);
    assert_eq!(office.subscription("jane").await.status, Status::Active);
    for _ in 0..2 {
        assert_eq!(office.ask("POST", &url, FORM, "List-Unsubscribe=One-Click").await.0, 200);
    }
    assert_eq!(office.subscription("jane").await.status, Status::Unsubscribed);
    office.post("later");
    office.run_until("2026-06-02 12:00", Span::hours(12)).await;
    assert_eq!(office.mails("jane").len(), 3);
    office.close().await;
}

#[tokio::test]
async fn a_confirmation_that_failed_does_not_keep_the_next_one_back() {
    let office = Office::open(Script::new().first(1, Step::Rcpt, "full", Act::say("552 5.2.2 mailbox full"))).await;
    office.subscribe("full").await;
    assert_eq!(office.books.entry("full").await.state, Row::Refused);
    office.subscribe("full").await;
    office.subscribe("full").await;
    assert_eq!(office.mails("full").len(), 1, "one that went out does");
    office.confirm("full").await;
    assert_eq!(office.subscription("full").await.status, Status::Active);
    office.close().await;
}

#[tokio::test]
async fn one_reader_leaves_by_one_click_and_the_next_edition_reaches_all_the_others() {
    let office = Office::open(Script::new()).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &["jane", "joe", "jim"], Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    let url = office.mails("joe")[0].one_click();
    assert_eq!(office.ask("POST", &url, FORM, "List-Unsubscribe=One-Click").await.0, 200);
    office.post("beta");
    office.tick_at("2026-05-20 07:00").await;
    let got = ["jane", "joe", "jim"].map(|name| office.got(name).len());
    assert_eq!((got, office.editions().await[1].audience), ([2, 1, 2], 2));
    office.close().await;
}

#[tokio::test]
async fn an_unsubscribe_between_seal_and_mark_is_honoured_and_the_row_says_so() {
    for pipelining in [true, false] {
        let gate = Gate::default();
        let script = Script::new().on(Step::Dot, "first", Act::say("250 2.0.0 taken").behind(&gate));
        let office = Office::set_up(Setup { script, pipelining, connections: 1, ..Setup::default() }).await;
        let newsletter = office.ctx.settings.newsletters[0].id.clone();
        office.join_to(&newsletter, &["first", "leased", "stays"], Cadence::Daily).await;
        office.post("alpha");
        office.tick_sealing("2026-05-19 07:00").await;
        office.wake();
        gate.reached_by(1).await;
        assert_eq!(office.books.entry("leased").await.state, Row::Leased);
        office.leave("leased").await;
        gate.open();
        office.hand_over().await;
        let entry = office.books.entry("leased").await;
        assert_eq!((entry.state, entry.reason.as_str(), entry.attempts), (Row::Cancelled, "unsubscribed", 0));
        assert_eq!(entry.settled, Some(office.ctx.now()));
        assert_eq!(["first", "leased", "stays"].map(|name| office.mails(name).len()), [1, 0, 1]);
        office.close().await;
    }
}

#[tokio::test]
async fn a_copy_that_was_leased_before_its_reader_moved_goes_to_the_new_address_and_to_no_other() {
    // The new address is nobody's, or somebody's who never confirmed: then what is on its way is theirs now.
    for (pipelining, is_known) in [(true, false), (false, false), (true, true)] {
        let gate = Gate::default();
        let script = Script::new().on(Step::Dot, "first", Act::say("250 2.0.0 taken").behind(&gate));
        let office = Office::set_up(Setup { script, pipelining, connections: 1, ..Setup::default() }).await;
        let newsletter = office.ctx.settings.newsletters[0].id.clone();
        office.join_to(&newsletter, &["first", "moves", "stays"], Cadence::Daily).await;
        if is_known {
            office.subscribe("new").await;
        }
        office.post("alpha");
        office.tick_sealing("2026-05-19 07:00").await;
        office.wake();
        gate.reached_by(1).await;
        assert_eq!(office.books.entry("moves").await.state, Row::Leased);
        let (reader, consent) = (office.subscription("moves").await, consent(ConsentAct::Moved));
        let (store, now) = (&office.ctx.store, office.ctx.now());
        let moved = store.move_to(&reader, &address("new"), &consent, Span::days(2), now).await.unwrap().unwrap();
        assert_eq!((moved.address.as_str(), moved.status), ("new@readers.test", Status::Active));
        gate.open();
        office.hand_over().await;
        let editions = ["first", "moves", "new", "stays"]
            .map(|name| office.got(name).iter().filter(|posts| *posts == "alpha").count());
        assert_eq!(editions, [1, 0, 1, 1], "pipelining {pipelining}, known {is_known}");
        let mails = office.mails("new");
        let manage = mails.last().unwrap().one_click().replace("/unsubscribe", "");
        let leave = office.ask("GET", &format!("{manage}/unsubscribe"), FORM, "").await;
        assert!(leave.0 == 200, "{}", leave.1);
        assert_eq!(office.ctx.store.verify(1).await.unwrap(), Vec::<String>::new());
        let undo = office.mails("moves").last().unwrap().link("https://news.blog.test/s/");
        assert!(undo.ends_with("/back"), "{undo}");
        let taken_back = office.ask("POST", &undo, FORM, "email=moves%40readers.test").await;
        assert_eq!(taken_back.0, 200, "{}", taken_back.1);
        assert_eq!(office.subscription("moves").await.status, Status::Active);
        office.close().await;
    }
}

fn consent(act: ConsentAct) -> Consent {
    Consent { act, source: "form".into(), words: "yes".into(), network: None }
}

#[tokio::test]
async fn an_unsubscribe_before_the_lease_takes_the_row_out_of_the_queue() {
    let mut office = Office::open(Script::new()).await;
    let newsletter = office.ctx.settings.newsletters[0].id.clone();
    office.join_to(&newsletter, &["leaves", "stays"], Cadence::Daily).await;
    office.post("alpha");
    office.stop().await;
    office.tick_sealing("2026-05-19 07:00").await;
    office.leave("leaves").await;
    let entry = office.books.entry("leaves").await;
    assert_eq!((entry.state, entry.reason.as_str()), (Row::Cancelled, "unsubscribed"));
    office.start().await;
    office.hand_over().await;
    assert_eq!((office.got("leaves").len(), office.got("stays").len()), (0, 1));
    office.close().await;
}

#[tokio::test]
async fn who_takes_leaving_back_gets_what_came_meanwhile_once() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    let url = office.mails("jane")[0].one_click();
    office.ask("POST", &url, FORM, "List-Unsubscribe=One-Click").await;
    office.post("beta");
    office.run_until("2026-05-21 12:00", Span::hours(6)).await;
    assert_eq!(office.got("jane"), ["alpha"]);
    assert_eq!(office.ask("POST", &url.replace("/unsubscribe", "/undo"), FORM, "").await.0, 200);
    office.run_until("2026-05-24 12:00", Span::hours(6)).await;
    assert_eq!(office.got("jane"), ["alpha", "beta"]);
    office.close().await;
}

#[tokio::test]
async fn a_former_reader_who_asks_again_gets_the_mail_to_confirm_and_one_a_day_for_all_newsletters() {
    let more = "[[newsletters]]\nid = \"a\"\ntitle = \"A\"\n[[newsletters]]\nid = \"b\"\ntitle = \"B\"\n";
    let office = Office::set_up(Setup { more, ..Setup::default() }).await;
    let ask = async |newsletter: &str| {
        let body = format!("{{\"email\": \"jane@readers.test\", \"newsletter\": \"{newsletter}\"}}");
        let answer = office.ask("POST", "https://news.blog.test/subscribe", "application/json", &body).await;
        assert_eq!(answer.0, 202, "{}", answer.1);
        office.hand_over().await;
    };
    ask("a").await;
    ask("b").await;
    assert_eq!(office.mails("jane").len(), 1, "whoever types in another's address bombs them with one mail");
    office.wait(Span::minutes(1));
    office.confirm("jane").await;
    ask("b").await;
    assert_eq!(office.mails("jane").len(), 3, "a welcome, and the next question, for the first was answered");
    office.wait(Span::minutes(1));
    office.confirm("jane").await;
    office.wait(Span::days(2));
    let subscription = office.ctx.store.subscriptions_of(&address("jane")).await.unwrap().remove(0);
    let consent = Consent { act: ConsentAct::Unsubscribed, source: "form".into(), words: "bye".into(), network: None };
    office.ctx.store.unsubscribe(subscription.id, &consent, office.ctx.now()).await.unwrap();
    office.wait(Span::minutes(1));
    ask(&subscription.newsletter).await;
    assert_eq!(office.mails("jane").len(), 5);
    office.confirm("jane").await;
    let back = office.ctx.store.subscription(subscription.id).await.unwrap().unwrap();
    assert_eq!(back.status, Status::Active);
    office.close().await;
}

#[tokio::test]
async fn who_cannot_use_the_link_may_ask_by_mail_where_somebody_reads_it() {
    for (mail, address) in [
        ("", "news@blog.test"),
        ("reply_to = \"jane@blog.test\"", "jane@blog.test"),
        ("bounce_address = \"lost@blog.test\"", "news@blog.test"),
        ("reply_to = \"jane@blog.test\"\nunsubscribe_address = \"leave@blog.test\"", "leave@blog.test"),
    ] {
        let office = Office::set_up(Setup { mail, ..Setup::default() }).await;
        office.join("jane", Cadence::Weekly).await;
        office.post("alpha");
        office.tick_at("2026-05-22 09:00").await;
        let header = office.mails("jane")[0].header("List-Unsubscribe");
        assert!(header.starts_with("<https://"), "{header}");
        assert!(header.ends_with(&format!(", <mailto:{address}?subject=unsubscribe>")), "{header}");
        office.close().await;
    }
}
