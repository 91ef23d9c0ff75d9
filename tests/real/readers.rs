//! Feeds among readers and judges of feeds.

use super::site::Site;
use super::{PROJECT, counterparts, script};
use std::path::Path;

const RELAY: &str = "url = \"smtp://127.0.0.1:9\"";

#[test]
fn every_feed_holds_to_its_standard_and_all_tell_the_same_posts() {
    if !counterparts(&["python", "jing"]) {
        return;
    }
    let site = Site::new(RELAY, "", "");
    site.baseline();
    let out = site.path("public");
    site.postroom(&["build", "--out", out.to_str().expect("a plain path")]);
    script("feeds.py", [out.as_os_str(), "20".as_ref()]);
}

#[test]
fn feeds_of_posts_with_everything_that_can_go_wrong_hold_to_their_standards_too() {
    if !counterparts(&["python", "jing"]) {
        return;
    }
    for (variant, posts) in [("full", "3"), ("summaries", "3"), ("empty", "0")] {
        let folder = Path::new(PROJECT).join("tests/golden/feeds").join(variant);
        script("feeds.py", [folder.as_os_str(), posts.as_ref()]);
    }
}

#[test]
fn newsboat_reads_the_feeds_and_is_told_when_nothing_changed() {
    if !counterparts(&["newsboat", "sqlite3", "python3"]) {
        return;
    }
    let site = Site::new(RELAY, "", "");
    site.baseline();
    let serve = site.serve();
    for feed in ["feed.xml", "atom.xml"] {
        script("newsboat.sh", [format!("http://127.0.0.1:{}/{feed}", site.port), "20".to_owned()]);
    }
    serve.stop();
}

#[test]
fn a_feed_that_did_not_change_is_not_sent_again() {
    let site = Site::new(RELAY, "", "");
    site.baseline();
    let serve = site.serve();
    for (path, kind) in [
        ("/feed.xml", "application/rss+xml"),
        ("/atom.xml", "application/atom+xml"),
        ("/feed.json", "application/feed+json"),
    ] {
        let first = serve.get(path, &[]);
        assert_eq!(first.status, 200, "{path}: {first:?}");
        assert!(first.header("content-type").is_some_and(|given| given.starts_with(kind)), "{path}: {first:?}");
        let (etag, modified) = (first.header("etag"), first.header("last-modified"));
        let (etag, modified) = (etag.expect("an ETag"), modified.expect("a Last-Modified"));
        for known in [("If-None-Match", etag), ("If-Modified-Since", modified)] {
            let again = serve.get(path, &[known]);
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} with {known:?}");
        }
    }
    serve.stop();
}
