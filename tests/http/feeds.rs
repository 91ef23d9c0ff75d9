//! Feeds that are made when they are asked for keep what readers' programs rely on, as the ones made before do.

use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;

use super::house::House;

/// A house with pages of archives, and the address of a reader's own feed in it.
async fn house() -> (House, String) {
    let house = House::with("[feeds]\nitems = 2\n").await;
    house.posts(&[("one", "One"), ("two", "Two"), ("three", "Three"), ("four", "Four"), ("five", "Five")]).await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    house.ctx.store.open_private_feed(reader.id, house.ctx.now()).await.unwrap();
    let token = house.token(Purpose::Feed, reader.id);
    (house, format!("/private/{token}/feed.xml"))
}

#[tokio::test]
async fn pages_of_archives_and_own_feeds_are_asked_for_by_tag_and_by_date() {
    let (house, own) = house().await;
    for path in ["/archive/1/feed.xml", "/summary/archive/1/atom.xml", own.as_str()] {
        let first = house.get(path).await;
        assert_eq!((first.status, first.header("accept-ranges")), (200, "none"), "{path}");
        assert!(first.header("vary").to_ascii_lowercase().contains("accept-encoding"), "{path}");
        let (tag, date) = (first.header("etag").to_owned(), first.header("last-modified").to_owned());
        assert!(tag.starts_with('"') && !date.is_empty(), "{path}: {tag} {date}");
        house.wait(Span::hours(1));
        for known in [("if-none-match", tag.as_str()), ("if-modified-since", date.as_str())] {
            let again = house.ask("GET", path, &[known, ("range", "bytes=0-9")], "").await;
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known:?}");
            assert_eq!((again.header("etag"), again.header("last-modified")), (tag.as_str(), date.as_str()), "{path}");
        }
        let part = house.ask("GET", path, &[("range", "bytes=0-9")], "").await;
        assert_eq!((part.status, &part.body), (200, &first.body), "{path}");
        let head = house.ask("HEAD", path, &[("accept-encoding", "gzip")], "").await;
        let got = house.ask("GET", path, &[("accept-encoding", "gzip")], "").await;
        for name in ["etag", "content-length", "content-encoding", "content-type", "last-modified", "vary"] {
            assert_eq!(head.header(name), got.header(name), "{path} {name}");
        }
        assert_eq!((head.body.as_str(), head.header("content-encoding")), ("", "gzip"), "{path}");
        assert_ne!(head.header("etag"), tag, "{path}: other bytes have another tag");
    }
}

#[tokio::test]
async fn a_date_from_before_a_change_gets_the_new_bytes_within_one_second_too() {
    let (house, own) = house().await;
    for (path, late) in [("/archive/1/feed.xml", "Late"), (own.as_str(), "Later")] {
        let first = house.get(path).await;
        let date = first.header("last-modified").to_owned();
        house.posts(&[("one", late), ("two", late), ("three", late), ("four", late), ("five", late)]).await;
        let again = house.ask("GET", path, &[("if-modified-since", date.as_str())], "").await;
        assert_eq!(again.status, 200, "{path}");
        assert_ne!(again.header("last-modified"), date, "{path}");
    }
}
