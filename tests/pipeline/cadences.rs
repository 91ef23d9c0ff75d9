//! Who is owed what: cadences, newsletters, topics, and readers who come, change and rest.

use postroom::domain::Cadence;
use postroom::domain::subscription::{Consent, ConsentAct};
use postroom::domain::time::Span;
use postroom::store::Choices;
use postroom::tasks::compose::Sealed;

use super::office::{Office, Setup, at};
use crate::faultsink::Script;

#[tokio::test]
async fn changing_how_often_neither_skips_nor_repeats() {
    let office = Office::open(Script::new()).await;
    let jane = office.join("jane", Cadence::Daily).await.id;
    let change = async |cadence| office.ctx.store.set_cadence(jane, cadence).await.unwrap();
    let mut written = Vec::new();
    // A post every twelve hours, and a change of mind a while after every second one.
    for (day, cadence) in [
        (19, Cadence::Weekly),
        (20, Cadence::Each),
        (21, Cadence::Weekly),
        (22, Cadence::Monthly),
        (23, Cadence::Daily),
        (24, Cadence::Each),
        (25, Cadence::Daily),
    ] {
        for (hour, until) in [("06:00", "10:00"), ("18:00", "22:00")] {
            office.set(at(&format!("2026-05-{day} {hour}")));
            let slug = format!("p{day}-{}", &hour[..2]);
            office.post(&slug);
            written.push(slug);
            office.tick().await;
            office.run_until(&format!("2026-05-{day} {until}"), Span::minutes(60)).await;
        }
        change(cadence).await;
        office.tick().await;
    }
    office.run_until("2026-05-27 12:00", Span::hours(3)).await;
    let mut got: Vec<String> = office.mails("jane").into_iter().flat_map(|mail| mail.posts).collect();
    got.sort();
    assert_eq!(got, written);
    office.close().await;
}

#[tokio::test]
async fn who_changes_to_each_gets_at_once_what_was_still_owed() {
    let office = Office::open(Script::new()).await;
    let jane = office.join("jane", Cadence::Weekly).await.id;
    office.join("joe", Cadence::Each).await;
    office.post("alpha");
    office.run_until("2026-05-19 12:00", Span::hours(4)).await;
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (0, 1));
    office.ctx.store.set_cadence(jane, Cadence::Each).await.unwrap();
    office.wait(Span::seconds(1));
    office.tick().await;
    assert_eq!(office.got("jane"), ["alpha"]);
    office.run_until("2026-05-25 12:00", Span::hours(6)).await;
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (1, 1));
    office.close().await;
}

#[tokio::test]
async fn every_cadence_of_a_newsletter_gets_every_post_once_at_its_own_slots() {
    let office = Office::open(Script::new()).await;
    for (name, cadence) in
        [("each", Cadence::Each), ("daily", Cadence::Daily), ("weekly", Cadence::Weekly), ("monthly", Cadence::Monthly)]
    {
        office.join(name, cadence).await;
    }
    for day in 19..=23 {
        office.set(at(&format!("2026-05-{day} 12:00")));
        office.post(&format!("p{day}"));
        office.tick().await;
        office.wait(Span::minutes(10));
        office.tick().await;
        office.run_until(&format!("2026-05-{} 11:00", day + 1), Span::hours(4)).await;
    }
    office.run_until("2026-06-02 12:00", Span::hours(8)).await;
    assert_eq!(office.got("each"), ["p19", "p20", "p21", "p22", "p23"]);
    assert_eq!(office.got("daily"), ["p19", "p20", "p21", "p22", "p23"]);
    assert_eq!(office.got("weekly"), ["p21 p20 p19", "p23 p22"]);
    assert_eq!(office.got("monthly"), ["p23 p22 p21 p20 p19"]);
    office.close().await;
}

const TWO: &str = "[[newsletters]]\nid = \"all\"\n[[newsletters]]\nid = \"rust\"\ntopics = [\"rust\"]\n";

#[tokio::test]
async fn each_newsletter_takes_the_posts_of_its_topics_and_a_reader_of_two_gets_both() {
    let office = Office::set_up(Setup { more: TWO, ..Setup::default() }).await;
    office.join_to("all", &["jane", "joe"], Cadence::Weekly).await;
    office.join_to("rust", &["jane", "jim"], Cadence::Weekly).await;
    office.post_with("about-rust", "tags: [Rust, Compilers]");
    office.tick().await;
    office.post("about-bread");
    office.tick_at("2026-05-22 09:00").await;
    assert_eq!(office.got("joe"), ["about-bread about-rust"]);
    assert_eq!(office.got("jim"), ["about-rust"]);
    let mut janes = office.got("jane");
    janes.sort();
    assert_eq!(janes, ["about-bread about-rust", "about-rust"]);
    let ids: Vec<_> = office.mails("jane").iter().map(|mail| mail.header("List-Id")).collect();
    assert!(ids[0] != ids[1], "{ids:?}");
    office.close().await;
}

#[tokio::test]
async fn readers_who_have_had_different_posts_get_different_variants_of_one_edition() {
    let office = Office::open(Script::new()).await;
    office.join("first", Cadence::Weekly).await;
    for (slug, reader) in [("alpha", "second"), ("beta", "third"), ("gamma", "last")] {
        office.post(slug);
        office.tick().await;
        office.wait(Span::hours(1));
        office.join(reader, Cadence::Weekly).await;
    }
    office.join("twin", Cadence::Weekly).await;
    office.tick_at("2026-05-22 09:00").await;
    assert_eq!(office.got("first"), ["gamma beta alpha"]);
    assert_eq!(office.got("second"), ["gamma beta"]);
    assert_eq!(office.got("third"), ["gamma"]);
    assert!(office.got("last").is_empty() && office.got("twin").is_empty());
    let editions = office.editions().await;
    assert_eq!((editions.len(), editions[0].audience), (1, 3));
    office.wait(Span::hours(1));
    office.post("delta");
    office.tick_at("2026-05-29 09:00").await;
    for reader in ["first", "second", "third", "last", "twin"] {
        assert_eq!(office.got(reader).last().unwrap(), "delta", "{reader}");
    }
    office.close().await;
}

#[tokio::test]
async fn who_joins_between_seal_and_send_is_not_in_the_edition_and_gets_the_next() {
    let mut office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Weekly).await;
    office.post("alpha");
    office.stop().await;
    office.set(at("2026-05-22 09:00"));
    office.compose().await;
    office.join("joe", Cadence::Weekly).await;
    office.start().await;
    office.hand_over().await;
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (1, 0));
    office.wait(Span::hours(1));
    office.post("beta");
    office.tick_at("2026-05-29 09:00").await;
    assert_eq!((office.got("jane"), office.got("joe")), (vec!["alpha".into(), "beta".into()], vec!["beta".to_owned()]));
    office.close().await;
}

#[tokio::test]
async fn send_now_takes_the_posts_and_the_regular_slot_does_not_repeat_them() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Weekly).await;
    office.join("joe", Cadence::Each).await;
    office.post("alpha");
    office.tick().await;
    office.send(Cadence::Weekly).await;
    office.send(Cadence::Each).await;
    office.hand_over().await;
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (1, 1));
    office.run_until("2026-05-25 12:00", Span::hours(12)).await;
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (1, 1));
    office.post("beta");
    office.run_until("2026-06-01 12:00", Span::hours(12)).await;
    assert_eq!(
        (office.got("jane"), office.got("joe")),
        (vec!["alpha".into(), "beta".into()], vec!["alpha".into(), "beta".to_owned()])
    );
    office.close().await;
}

#[tokio::test]
async fn older_posts_asked_for_come_once_to_each_reader_whatever_they_change() {
    let office = Office::open(Script::new()).await;
    let since = office.ctx.now().minus(Span::days(7));
    let jane = office.join("jane", Cadence::Weekly).await.id;
    office.send_since(Cadence::Weekly, since).await;
    office.hand_over().await;
    office.ctx.store.set_cadence(jane, Cadence::Daily).await.unwrap();
    office.join("joe", Cadence::Daily).await;
    office.post("alpha");
    office.look().await;
    office.wait(Span::seconds(1));
    office.send_since(Cadence::Daily, since).await;
    office.hand_over().await;
    assert_eq!((office.got("jane"), office.got("joe")), (vec!["old".into(), "alpha".into()], vec!["alpha old".into()]));
    office.wait(Span::seconds(1));
    assert_eq!(office.send_since(Cadence::Daily, since).await, Sealed::Nothing);
    // For the audit: what was there before was asked for.
    office.books.forge("UPDATE posts SET mailable = 1").await;
    office.close().await;
}

/// A reader who chose a language on the page of their preferences.
async fn speak(office: &Office, name: &str, language: &str) {
    let subscription = office.subscription(name).await;
    let choices = Choices {
        cadence: None,
        language: office.ctx.choice_of_language(language),
        topics: Vec::new(),
        paused_until: None,
    };
    let consent = Consent { act: ConsentAct::Chose, source: "form".into(), words: language.into(), network: None };
    office.ctx.store.choose(subscription.id, &choices, &consent, office.ctx.now()).await.unwrap();
}

#[tokio::test]
async fn every_reader_gets_the_frame_of_an_edition_and_every_letter_in_their_own_language() {
    let office = Office::open(Script::new()).await;
    for (name, language) in [("jane", "en"), ("karl", "de"), ("uwe", "de"), ("omar", "ar")] {
        office.join(name, Cadence::Daily).await;
        speak(&office, name, language).await;
    }
    office.post("alpha");
    office.post("beta");
    office.look().await;
    office.compose().await;
    assert!(office.command(&["plan"]).await.contains("nothing new so far"), "sealed");
    office.run_until("2026-05-20 08:00", Span::hours(1)).await;
    let only = |name: &str| office.mails(name).remove(0);
    let (jane, karl, omar) = (only("jane"), only("karl"), only("omar"));
    for mail in [&jane, &karl, &omar] {
        assert_eq!(mail.posts, jane.posts, "the same posts");
    }
    assert!(jane.text.contains("You get this because") && jane.subject.ends_with("and 1 more"), "{}", jane.text);
    assert!(karl.text.contains("Sie erhalten diese Mail"), "{}", karl.text);
    assert!(karl.text.contains("Abbestellen:") && !karl.text.contains("Unsubscribe"), "{}", karl.text);
    assert!(omar.text.contains("omar@readers.test") && omar.text.contains("إلغاء الاشتراك"), "{}", omar.text);
    assert!(String::from_utf8_lossy(&omar.bytes).contains("multipart/alternative"));
    let (_, public) = office.ask("GET", "https://news.blog.test/editions/1", "text/html", "").await;
    assert!(public.contains("Unsubscribe") || public.contains("Subscribe"), "the site's own language: {public}");
    assert!(!public.contains("Abbestellen"), "{public}");
    // A change between the seal and the way out: what is frozen is filled in as it was frozen.
    office.set(at("2026-05-21 06:00"));
    office.post("gamma");
    office.tick_sealing("2026-05-21 07:00").await;
    speak(&office, "karl", "en").await;
    office.run_until("2026-05-21 09:00", Span::hours(1)).await;
    let last = office.mails("karl").pop().unwrap();
    assert!(last.posts == ["gamma"] && last.text.contains("Sie erhalten diese Mail"), "{}", last.text);
    office.leave("uwe").await;
    office.close().await;
}

#[tokio::test]
async fn who_asks_in_another_language_is_answered_and_welcomed_in_it() {
    let office = Office::open(Script::new()).await;
    let body = r#"{"email": "marie@readers.test", "language": "fr"}"#;
    let asked = office.ask("POST", "https://news.blog.test/subscribe", "application/json", body).await;
    assert_eq!(asked.0, 202, "{asked:?}");
    office.hand_over().await;
    assert!(office.mails("marie")[0].subject.starts_with("Confirmez"), "{:?}", office.mails("marie")[0].subject);
    office.confirm("marie").await;
    assert!(office.mails("marie")[1].text.contains("Se désabonner"), "{}", office.mails("marie")[1].text);
    office.close().await;
}
