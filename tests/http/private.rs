//! A subscriber's own feed, as its reader, its readers' friends and the world meet it.

use postroom::domain::subscription::{Consent, ConsentAct, Status};
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;

use super::house::House;

/// The addresses on a page of preferences.
fn addresses(page: &str) -> Vec<String> {
    let found = page.split("value=\"https://news.blog.test").skip(1);
    found.filter_map(|rest| rest.split_once('"')).map(|(path, _)| path.to_owned()).collect()
}

#[tokio::test]
async fn a_subscribers_own_feed_has_every_post_in_full_until_its_address_ends() {
    let house = House::new().await;
    house.closed_post("secret", "For subscribers").await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, reader.id));
    let page = house.get(&manage).await.body;
    assert!(addresses(&page).is_empty() && page.contains("Make an address"), "{page}");
    let made = house.post(&format!("{manage}/feed"), "act=open").await;
    let paths = addresses(&made.body);
    assert_eq!((made.status, paths.len()), (200, 3), "{}", made.body);
    for path in &paths {
        let feed = house.get(path).await;
        assert_eq!(feed.status, 200, "{path}");
        assert!(feed.body.contains("At length."), "{}", feed.body);
        assert_eq!(feed.header("cache-control"), "private, max-age=300");
        assert_eq!((feed.header("x-robots-tag"), feed.header("referrer-policy")), ("noindex", "no-referrer"));
        assert!(!feed.header("link").contains("hub"));
        let again = house.ask("GET", path, &[("if-none-match", feed.header("etag"))], "").await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
    }
    // A new address ends the old one, within the same second too.
    let renewed = addresses(&house.post(&format!("{manage}/feed"), "act=open").await.body);
    assert_eq!(house.get(&paths[0]).await.status, 410);
    assert_eq!(house.get(&renewed[0]).await.status, 200);
    house.post(&format!("{manage}/feed"), "act=close").await;
    assert_eq!(house.get(&renewed[0]).await.status, 410);
    // Whoever leaves reads no more.
    house.wait(Span::minutes(1));
    let last = addresses(&house.post(&format!("{manage}/feed"), "act=open").await.body);
    assert_eq!(house.get(&last[0]).await.status, 200);
    let consent = Consent { act: ConsentAct::Unsubscribed, source: "form".into(), words: "x".into(), network: None };
    house.ctx.store.unsubscribe(reader.id, &consent, house.ctx.now()).await.unwrap();
    assert_eq!(house.get(&last[0]).await.status, 410);
    assert_eq!(house.post(&format!("{manage}/feed"), "act=open").await.status, 410);
    // No other token does its job.
    for purpose in [Purpose::Manage, Purpose::Unsubscribe, Purpose::Confirm] {
        let path = format!("/private/{}/feed.xml", house.token(purpose, reader.id));
        assert_eq!(house.get(&path).await.status, 404, "{purpose:?}");
    }
}

#[tokio::test]
async fn a_site_without_posts_for_subscribers_offers_no_feed_of_ones_own() {
    let house = House::new().await;
    house.posts(&[("one", "Open to all")]).await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let page = house.get(&format!("/s/{}", house.token(Purpose::Manage, reader.id))).await;
    assert!(!page.body.contains("Your own feed"), "{}", page.body);
}
