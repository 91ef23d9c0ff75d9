//! The preferences of a subscription, as its reader meets them.

use postroom::domain::Cadence;
use postroom::domain::edition;
use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;

use super::house::House;

#[tokio::test]
async fn preferences_show_what_is_true_after_saving() {
    let house = House::new().await;
    let id = house.reader("jane@example.com", Status::Active).await.id;
    let path = format!("/s/{}", house.token(Purpose::Manage, id));
    assert!(house.get(&path).await.body.contains("value=\"weekly\" required checked"));
    let saved = house.post(&path, "cadence=monthly").await;
    assert!(saved.body.contains("Saved.") && saved.body.contains("value=\"monthly\" required checked"));
    assert_eq!(house.subscription(id).await.cadence, Cadence::Monthly);
    assert_eq!(house.post(&path, "cadence=hourly").await.status, 400);
    assert_eq!(house.post(&path, "").await.status, 400);
    assert_eq!(house.subscription(id).await.cadence, Cadence::Monthly);
}

#[tokio::test]
async fn a_pause_needs_a_day_keeps_the_cadence_and_ends_by_itself_or_by_a_choice() {
    let house = House::new().await;
    let id = house.reader("jane@example.com", Status::Active).await.id;
    let path = format!("/s/{}", house.token(Purpose::Manage, id));
    for day in ["", "2026-05-22", "2020-01-01", "2099-01-01", "tomorrow"] {
        let refused = house.post(&path, &format!("cadence=paused&until={day}")).await;
        assert_eq!(refused.status, 422, "{day}");
        assert!(refused.body.contains("href=\"#until\"") && refused.body.contains("id=\"until-error\""), "{day}");
        assert_eq!(house.subscription(id).await.paused_until, None, "{day}");
    }
    let saved = house.post(&path, "cadence=paused&until=2026-06-10").await;
    assert!(saved.body.contains("Nothing is sent until 10 June 2026."), "{}", saved.body);
    assert!(saved.body.contains("value=\"paused\" required checked") && saved.body.contains("value=\"2026-06-10\""));
    let now = house.subscription(id).await;
    assert_eq!(now.cadence, Cadence::Weekly);
    assert_eq!(now.paused_until.map(|until| until.rfc3339()).as_deref(), Some("2026-06-09T22:00:00Z"));
    let newsletter = house.ctx.settings.newsletters[0].id.clone();
    let audience = async || {
        let groups = house.ctx.store.groups(&newsletter, Cadence::Weekly, &[], house.ctx.now()).await.unwrap();
        groups.iter().map(|group: &edition::Group| group.count).sum::<i64>()
    };
    assert_eq!(audience().await, 0);
    house.wait(Span::days(20));
    assert_eq!(audience().await, 1, "over by itself");
    assert!(house.get(&path).await.body.contains("value=\"weekly\" required checked"));
    house.post(&path, "cadence=paused&until=2026-12-24").await;
    house.post(&path, "cadence=weekly&until=2026-12-24").await;
    assert_eq!(house.subscription(id).await.paused_until, None, "a cadence ends it, whatever day still stands there");
}

#[tokio::test]
async fn only_topics_of_the_newsletter_can_be_chosen_and_none_means_all() {
    let house = House::new().await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let path = format!("/s/{}", house.token(Purpose::Manage, reader.id));
    assert!(!house.get(&path).await.body.contains("topic:"), "nothing to choose between");
    house.posts_about(&[("one", &["Größe", "Rust"]), ("two", &["Rust"])]).await;
    let page = house.get(&path).await.body;
    assert!(page.contains("name=\"topic:größe\"") && page.contains("name=\"topic:rust\""), "{page}");
    let saved = house.post(&path, "cadence=weekly&topic%3Arust=on&topic%3Anone=on").await;
    assert!(saved.body.contains("name=\"topic:rust\" checked"), "{}", saved.body);
    assert_eq!(house.subscription(reader.id).await.topics, ["rust"]);
    house.posts_about(&[("three", &["Other"]), ("four", &["More"])]).await;
    let kept = house.get(&path).await.body;
    assert!(kept.contains("name=\"topic:rust\" checked"), "a topic without posts stays chosen: {kept}");
    house.post(&path, "cadence=weekly").await;
    assert!(house.subscription(reader.id).await.topics.is_empty());
    assert_eq!(house.subscription(reader.id).await.covered_until, reader.covered_until, "nothing skipped or repeated");
}
