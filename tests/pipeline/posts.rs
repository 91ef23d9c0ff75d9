//! From a file to a mail: what is news and what is not.

use std::collections::BTreeSet;

use postroom::domain::Cadence;
use postroom::domain::time::Span;
use postroom::store::Ingest;
use postroom::tasks::{ingest, publish};

use super::office::{Office, at};
use crate::faultsink::Script;

#[tokio::test]
async fn what_was_there_before_is_never_mailed() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Weekly).await;
    office.join("joe", Cadence::Each).await;
    office.run_until("2026-06-12 12:00", Span::hours(24)).await;
    assert!(office.sink.accepted().is_empty() && office.editions().await.is_empty());
    office.close().await;
}

#[tokio::test]
async fn a_new_post_is_mailed_at_its_slot_and_never_again() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Weekly).await;
    office.post("alpha");
    office.run_until("2026-05-22 08:59", Span::hours(6)).await;
    assert!(office.got("jane").is_empty());
    office.tick_at("2026-05-22 09:00").await;
    assert_eq!(office.got("jane"), ["alpha"]);
    office.run_until("2026-06-12 12:00", Span::hours(12)).await;
    assert_eq!(office.got("jane"), ["alpha"]);
    let editions = office.editions().await;
    assert_eq!(editions.len(), 1, "{editions:?}");
    assert_eq!(editions[0].slot, at("2026-05-22 09:00"));
    office.close().await;
}

#[tokio::test]
async fn who_comes_after_a_post_does_not_get_it() {
    let office = Office::open(Script::new()).await;
    office.join("early", Cadence::Weekly).await;
    office.post("alpha");
    office.tick().await;
    office.join("late", Cadence::Weekly).await;
    office.wait(Span::hours(1));
    office.post("beta");
    office.tick_at("2026-05-22 09:00").await;
    assert_eq!((office.got("early"), office.got("late")), (vec!["beta alpha".into()], vec!["beta".to_owned()]));
    office.close().await;
}

#[tokio::test]
async fn a_post_that_was_mailed_is_no_news_when_it_is_edited_moved_or_comes_back() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    for slug in ["edited", "renamed", "away", "both"] {
        office.post(slug);
    }
    office.tick_at("2026-05-19 07:00").await;
    assert_eq!(office.got("jane").len(), 1);
    office.post_with("edited", "tags: [new]");
    office.rename("renamed.md", "elsewhere/other-name.md");
    office.remove("away.md");
    office.rename("both.md", "2026/both.md");
    office.tick_at("2026-05-20 07:00").await;
    office.post_dated("2026/both", at("2026-05-18 12:00"), "summary: edited and moved");
    office.post_dated("away", at("2026-05-18 12:00"), "");
    office.run_until("2026-05-25 12:00", Span::hours(6)).await;
    assert_eq!(office.got("jane").len(), 1, "{:?}", office.got("jane"));
    office.close().await;
}

#[tokio::test]
async fn a_post_edited_and_moved_between_two_looks_is_no_news_either() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post("renamed");
    office.post("same-place");
    office.tick_at("2026-05-19 07:00").await;
    let feed_ids = async || {
        let posts = office.ctx.store.public_posts(office.ctx.now()).await.unwrap();
        posts.into_iter().map(|post| post.feed_id).collect::<BTreeSet<_>>()
    };
    let before = feed_ids().await;
    // As a deployment brings it: under another name, or under another title in another folder.
    let date = at("2026-05-18 12:00").rfc3339();
    office.remove("renamed.md");
    office.write("better-name.md", &format!("title: About renamed\ndate: {date}"), "Better words, too.");
    office.remove("same-place.md");
    let front = format!("title: A better title\ndate: {date}\nslug: same-place");
    office.write("folder/index/same-place.md", &front, "Better words, too.");
    office.run_until("2026-05-22 12:00", Span::hours(6)).await;
    assert_eq!(office.got("jane").len(), 1, "{:?}", office.got("jane"));
    assert_eq!(feed_ids().await, before);
    office.close().await;
}

#[tokio::test]
async fn a_draft_and_a_post_of_the_future_are_mailed_once_when_they_become_public() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post_with("draft", "draft: true");
    office.post_dated("future", at("2026-05-21 10:00"), "");
    office.run_until("2026-05-20 12:00", Span::hours(6)).await;
    assert!(office.got("jane").is_empty());
    office.post("draft");
    office.tick_at("2026-05-21 07:00").await;
    assert_eq!(office.got("jane"), ["draft"]);
    office.run_until("2026-05-24 12:00", Span::hours(6)).await;
    assert_eq!(office.got("jane"), ["draft", "future"]);
    assert_eq!(office.editions().await[1].slot, at("2026-05-22 07:00"));
    office.close().await;
}

#[tokio::test]
async fn a_post_taken_back_before_its_slot_is_not_mailed_until_it_is_public_again() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.join("joe", Cadence::Each).await;
    let (soon, date) = (at("2026-05-22 10:00"), office.ctx.now());
    for slug in ["drafted", "deleted", "put-off", "expired", "kept"] {
        office.post(slug);
    }
    office.tick().await;
    office.wait(Span::minutes(5));
    office.post_dated("drafted", date, "draft: true");
    office.remove("deleted.md");
    office.post_dated("put-off", soon, "");
    office.post_dated("expired", date, "expires: 2026-05-18");
    office.run_until("2026-05-20 12:00", Span::hours(4)).await;
    assert_eq!((office.got("jane"), office.got("joe")), (vec!["kept".to_owned()], vec!["kept".to_owned()]));
    office.post_dated("drafted", date, "");
    office.post_dated("deleted", date, "");
    office.run_until("2026-05-25 12:00", Span::hours(6)).await;
    for reader in ["jane", "joe"] {
        let mut got = office.got(reader);
        got[1..].sort();
        assert!(got[1..] == ["deleted drafted", "put-off"] || got[1..] == ["drafted deleted", "put-off"], "{got:?}");
    }
    office.close().await;
}

#[tokio::test]
async fn what_is_sealed_stays_as_it_was_sealed() {
    let mut office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    office.stop().await;
    office.set(at("2026-05-19 07:00"));
    office.compose().await;
    office.write("alpha.md", "title: Something else", "Nothing as it was.");
    office.post("beta");
    office.look().await;
    office.start().await;
    office.hand_over().await;
    let mails = office.mails("jane");
    assert_eq!((mails.len(), mails[0].subject.as_str()), (1, "About alpha"));
    assert!(mails[0].text.contains("What is to be said about alpha."), "{}", mails[0].text);
    office.close().await;
}

#[tokio::test]
async fn a_file_still_being_written_waits_until_it_rests() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.set(at("2026-05-19 07:00"));
    office.post("alpha");
    office.set_modified("alpha.md", office.ctx.now().minus(Span::seconds(1)));
    assert_eq!(office.look().await.waiting, 1);
    office.tick().await;
    assert!(office.got("jane").is_empty());
    office.tick_at("2026-05-20 07:00").await;
    assert_eq!(office.got("jane"), ["alpha"]);
    office.close().await;
}

#[tokio::test]
async fn a_look_that_another_one_overtook_takes_nothing_back() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    let began_after = office.ctx.store.looks().await.unwrap();
    office.post("alpha");
    office.look().await;
    let slow = Ingest {
        read: Vec::new(),
        present: ["old.md"].into(),
        max_age: Span::days(14),
        guard_posts: 20,
        guard_share: 0.25,
        rendered_by: "before",
        old: Default::default(),
        began_after,
    };
    let ingested = office.ctx.store.ingest(&slow, office.ctx.now()).await.unwrap();
    assert!(ingested.stale && !ingested.changed_anything(), "{ingested:?}");
    office.tick_at("2026-05-19 07:00").await;
    assert_eq!(office.got("jane"), ["alpha"]);
    office.close().await;
}

#[tokio::test]
async fn a_post_dated_long_ago_goes_to_the_feeds_only() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post_dated("ancient", at("2026-05-01 12:00"), "");
    office.post_dated("recent", at("2026-05-10 12:00"), "");
    office.tick_at("2026-05-19 07:00").await;
    assert_eq!(office.got("jane"), ["recent"]);
    let public = office.ctx.store.public_posts(office.ctx.now()).await.unwrap();
    assert!(public.iter().any(|post| post.entry.slug == "ancient"));
    office.close().await;
}

#[tokio::test]
async fn an_archive_that_is_gone_or_empty_for_a_while_takes_nothing_back_and_mails_nothing_again() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    let folder = office.ctx.settings.archive.path.clone();
    let away = folder.with_file_name("away");
    std::fs::rename(&folder, &away).unwrap();
    assert!(office.try_look().await.is_err(), "a missing folder");
    std::fs::create_dir(&folder).unwrap();
    assert!(office.try_look().await.is_err(), "an empty folder");
    assert!(office.ctx.site.archive_fault().is_some());
    assert_eq!(office.ctx.store.public_posts(office.ctx.now()).await.unwrap().len(), 2);
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();
    office.post("beta");
    office.run_until("2026-05-22 12:00", Span::hours(5)).await;
    assert_eq!(office.got("jane"), ["alpha", "beta"]);
    assert!(office.ctx.site.archive_fault().is_none());
    office.close().await;
}

#[tokio::test]
async fn feeds_follow_every_edit_and_move_though_the_author_says_nothing_of_it() {
    let office = Office::open(Script::new()).await;
    let (date, mut published) = (office.ctx.now(), String::new());
    let mut feed = async || {
        office.look().await;
        publish::step(&office.ctx, &mut published, office.ctx.now()).await.unwrap();
        String::from_utf8(office.ctx.site.get("/feed.xml").unwrap().body.to_vec()).unwrap()
    };
    office.post_dated("alpha", date, "updated: 2026-05-18T12:00:00+02:00");
    assert!(feed().await.contains("About alpha"));
    for title in ["Once", "Twice"] {
        office.write("alpha.md", &format!("title: {title}\ndate: {}\nupdated: {0}", date.rfc3339()), "Put right.");
        assert!(feed().await.contains(title), "an edit under the old `updated`");
    }
    office.rename("alpha.md", "omega.md");
    assert!(feed().await.contains("/2026/05/omega/"), "a move");
    office.remove("old.md");
    office.post_dated("new", date, "");
    let feed = feed().await;
    assert!(feed.contains("/new/") && !feed.contains("/old/"), "{feed}");
    office.close().await;
}

#[tokio::test]
async fn posts_of_one_name_and_those_out_of_sight_stay_what_they_are_when_all_is_rendered_again() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    let posts = office.ctx.settings.archive.path.clone();
    office.post("hidden");
    office.write("2026-05-18-report.md", "title: The newer", "First of its name to come.");
    office.tick_at("2026-05-19 07:00").await;
    office.write("2026-04-30-report.md", "title: The older", "Came later.");
    office.tick_at("2026-05-20 07:00").await;
    let all = async || {
        let posts = office.ctx.store.public_posts(office.ctx.now()).await.unwrap();
        posts.into_iter().map(|post| (post.entry.title, post.feed_id, post.entry.identity)).collect::<BTreeSet<_>>()
    };
    let (before, mails) = (all().await, office.got("jane").len());
    assert_eq!((before.len(), mails), (4, 1), "one is too old for mail");
    // The rules change, and in the same look a file cannot be read.
    let settings = posts.with_file_name("postroom.toml");
    let toml = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, toml.replace("[site]", "[site]\nlanguage = \"de\"")).unwrap();
    office.write("hidden.md", "title: About hidden", &"x".repeat(6 << 20));
    let ctx = office.another_context().await;
    let done = ingest::step(&ctx, ctx.now()).await.unwrap().unwrap().ingested;
    assert_eq!((done.added, done.changed, done.moved, done.removed), (0, 0, 0, 0));
    assert_eq!(all().await, before);
    office.post_dated("hidden", at("2026-05-18 12:00"), "");
    let known = ctx.store.known_files("other rules").await.unwrap();
    assert!(known.len() == 4 && known.values().all(|file| file.stamp.is_none()), "{known:?}");
    let looked = ingest::step(&ctx, ctx.now()).await.unwrap().unwrap();
    assert_eq!((looked.ingested.added, looked.ingested.removed, looked.read), (0, 0, 1), "only what was out of sight");
    office.close().await;
}

#[tokio::test]
async fn an_id_its_author_writes_or_takes_back_makes_no_new_post_of_a_file() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    office.post("alpha");
    office.tick_at("2026-05-19 07:00").await;
    for front in ["id: tag:blog.test,2026:alpha", "id: tag:blog.test,2026:other", ""] {
        office.post_dated("alpha", at("2026-05-18 12:00"), front);
        let done = office.look().await.ingested;
        assert_eq!((done.added, done.changed, done.removed), (0, 1, 0), "{front}");
    }
    // An id goes where its author takes it, and nothing is left of the post that was there.
    office.post_with("beta", "id: beta");
    office.tick_at("2026-05-20 07:00").await;
    office.remove("beta.md");
    office.post_with("alpha", "id: beta");
    let done = office.look().await.ingested;
    assert_eq!((done.added, done.changed, done.removed), (0, 1, 1));
    office.close().await;
}

#[tokio::test]
async fn a_file_that_comes_back_as_it_was_was_not_edited() {
    let office = Office::open(Script::new()).await;
    office.post("alpha");
    office.look().await;
    let folder = office.ctx.settings.archive.path.clone();
    std::fs::rename(folder.join("alpha.md"), folder.with_file_name("alpha.md")).unwrap();
    assert_eq!(office.look().await.ingested.removed, 1);
    office.wait(Span::hours(1));
    std::fs::rename(folder.with_file_name("alpha.md"), folder.join("alpha.md")).unwrap();
    assert_eq!(office.look().await.ingested.changed, 1, "feeds follow");
    let public = office.ctx.store.public_posts(office.ctx.now()).await.unwrap();
    assert!(public.iter().all(|post| post.edited.is_none()), "{public:?}");
    office.close().await;
}

#[tokio::test]
async fn two_posts_of_one_slug_have_a_page_each_and_one_that_left_hides_none() {
    let office = Office::open(Script::new()).await;
    let page = async |slug: &str| office.ask("GET", &format!("https://news.blog.test/posts/{slug}"), "", "").await;
    for (path, year) in [("one/report.md", 2024), ("two/report.md", 2025)] {
        office.write(path, &format!("title: Of {year}\ndate: {year}-05-01"), "Words.");
    }
    office.look().await;
    let (first, second) = (page("report").await, page("report-2").await);
    assert!(first.1.contains("Of 2024") && second.1.contains("Of 2025"), "{first:?} {second:?}");
    office.remove("two/report.md");
    office.look().await;
    assert_eq!((page("report").await.0, page("report-2").await.0), (200, 410));
    office.close().await;
}

#[tokio::test]
async fn readers_that_ask_by_date_are_told_of_every_change_though_the_service_began_anew() {
    let office = Office::open(Script::new()).await;
    let feed = async |ctx: &postroom::context::Context| {
        publish::step(ctx, &mut String::new(), ctx.now()).await.unwrap();
        let asset = ctx.site.get("/feed.xml").unwrap();
        (asset.etag.clone(), asset.modified)
    };
    office.post("alpha");
    office.look().await;
    let before = feed(&office.ctx).await;
    office.wait(Span::hours(1));
    assert_eq!(feed(&*office.another_context().await).await, before, "nothing changed");
    // A newer post goes: what is left is older than what was shown.
    office.remove("alpha.md");
    office.look().await;
    let after = feed(&*office.another_context().await).await;
    assert!(after.0 != before.0 && after.1 > before.1, "{before:?} {after:?}");
    office.close().await;
}
