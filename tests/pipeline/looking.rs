//! What a look at the archive costs when there is nothing to see, and that time alone is seen all the same.

use postroom::domain::time::Span;
use postroom::tasks::{Step, publish};

use super::office::{Office, at};
use crate::faultsink::Script;

#[tokio::test]
async fn a_look_that_finds_nothing_new_writes_nothing_and_feeds_are_left_as_they_are() {
    let office = Office::open(Script::new()).await;
    office.post("alpha");
    office.write("broken.md", "title: [", "This one stays faulty.");
    office.look().await;
    let mut published = String::new();
    publish::step(&office.ctx, &mut published, office.ctx.now()).await.unwrap();
    let before = office.ctx.store.looks().await.unwrap();
    office.wait(Span::hours(1));
    assert!(!office.look().await.ingested.changed_anything());
    assert_eq!(office.ctx.store.looks().await.unwrap(), before);
    assert_eq!(publish::step(&office.ctx, &mut published, office.ctx.now()).await.unwrap(), Step::Idle);
    office.close().await;
}

#[tokio::test]
async fn feeds_follow_what_time_alone_makes_public_and_ends() {
    let office = Office::open(Script::new()).await;
    office.post_dated("later", at("2026-05-20 12:00"), "expires: 2026-05-22T12:00:00Z");
    let mut published = String::new();
    let shows = async |published: &mut String| {
        office.look().await;
        publish::step(&office.ctx, published, office.ctx.now()).await.unwrap();
        let feed = office.ctx.site.get("/feed.json").unwrap();
        String::from_utf8(feed.body.to_vec()).unwrap().contains("About later")
    };
    assert!(!shows(&mut published).await);
    office.set(at("2026-05-20 12:00"));
    assert!(shows(&mut published).await);
    // It ends for readers at its second, whenever the next look is.
    office.set(at("2026-05-22 16:00"));
    publish::step(&office.ctx, &mut published, office.ctx.now()).await.unwrap();
    let feed = office.ctx.site.get("/feed.json").unwrap();
    assert!(!String::from_utf8(feed.body.to_vec()).unwrap().contains("About later"));
    assert!(!shows(&mut published).await);
    office.close().await;
}

#[tokio::test]
async fn a_feed_follows_a_post_whose_file_is_as_it_was_and_whose_links_lead_elsewhere_now() {
    let office = Office::open(Script::new()).await;
    office.post("target");
    office.write("source.md", "title: Source\ndate: 2026-05-10", "See [there](target.md).");
    let mut published = String::new();
    let shows = async |published: &mut String, words: &str| {
        office.look().await;
        publish::step(&office.ctx, published, office.ctx.now()).await.unwrap();
        let feed = office.ctx.site.get("/feed.xml").unwrap();
        String::from_utf8(feed.body.to_vec()).unwrap().contains(words)
    };
    assert!(shows(&mut published, "/target/\">there").await);
    office.write("target.md", "title: About target\ndate: 2026-05-10\nslug: moved", "Elsewhere.");
    assert!(shows(&mut published, "/moved/\">there").await);
    office.close().await;
}
