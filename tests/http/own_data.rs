//! What is kept about a reader: theirs alone to take away, and to have erased.

use postroom::domain::Address;
use postroom::domain::subscription::Status;
use postroom::domain::token::Purpose;
use serde_json::Value;

use super::house::House;

#[tokio::test]
async fn whoever_types_the_address_takes_everything_away_that_names_them() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    house.reader("joe@example.com", Status::Active).await;
    let path = format!("/s/{}/data", house.token(Purpose::Manage, jane.id));
    let page = house.get(&path).await;
    assert!(page.status == 200 && page.body.contains("j***@example.com") && !page.body.contains("jane@"));
    for typed in ["", "email=", "email=j***%40example.com", "email=joe%40example.com"] {
        let refused = house.post(&path, typed).await;
        assert!(refused.status == 422 && !refused.body.contains("consents"), "{typed}: {}", refused.body);
    }
    let taken = house.post(&path, "email=Jane%40example.com").await;
    assert_eq!((taken.status, taken.header("content-type")), (200, "application/json"));
    assert_eq!(taken.header("content-disposition"), "attachment; filename=\"my-data.json\"");
    let data: Value = serde_json::from_str(&taken.body).unwrap();
    assert_eq!(data["address"], "jane@example.com");
    assert_eq!(data["subscriptions"][0]["status"], "active");
    assert_eq!(data["subscriptions"][0]["consents"].as_array().unwrap().len(), 2);
    assert_eq!(data["mails"].as_array().unwrap().len(), 2, "{data}");
    assert!(!taken.body.contains("joe"));
}

#[tokio::test]
async fn erased_means_gone_and_takes_the_address() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    let path = format!("/s/{}", house.token(Purpose::Manage, jane.id));
    assert_eq!(house.post(&format!("{path}/erase"), "").await.status, 422);
    assert!(house.ctx.store.subscription(jane.id).await.unwrap().is_some());
    let done = house.post(&format!("{path}/erase"), "email=jane%40example.com").await;
    assert!(done.status == 200 && done.body.contains("Everything is erased"), "{}", done.body);
    let address = Address::parse("jane@example.com").unwrap();
    assert!(house.ctx.store.subscription(jane.id).await.unwrap().is_none());
    assert!(house.ctx.store.deliveries_to(&address).await.unwrap().is_empty());
    assert_eq!(house.get(&path).await.status, 410);
    let leave = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, jane.id));
    assert_eq!(house.post(&leave, "List-Unsubscribe=One-Click").await.status, 200, "a mail program is never refused");
}
