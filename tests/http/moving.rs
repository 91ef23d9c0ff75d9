//! A new address, as its owner, a stranger and the owner of the old one meet it.

use postroom::domain::Address;
use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;

use super::house::House;

const NEW: &str = "email=jane%40new.example";

#[tokio::test]
async fn the_old_address_keeps_until_the_new_one_says_yes() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, jane.id));
    let wrong = house.post(&format!("{manage}/address"), "email=jane").await;
    assert!(wrong.status == 422 && wrong.body.contains("href=\"#email\""), "{}", wrong.body);
    let asked = house.post(&format!("{manage}/address"), NEW).await;
    assert!(asked.status == 200 && asked.body.contains("j***@new.example"), "{}", asked.body);
    assert_eq!(house.letters("jane@new.example").await, ["moving"]);
    assert_eq!(house.subscription(jane.id).await.address.as_str(), "jane@example.com");
    let link = format!("/s/{}/move", house.token(Purpose::Move, jane.id));
    let question = house.get(&link).await;
    assert!(question.body.contains("j***@example.com") && question.body.contains("j***@new.example"));
    assert_eq!(house.post(&link, "").await.status, 422, "a button pressed by a machine");
    assert_eq!(house.post(&link, "email=jane%40example.com").await.status, 422);
    assert_eq!(house.subscription(jane.id).await.address.as_str(), "jane@example.com");
    // In the browser it was asked for in one click does.
    let known = house.ask("GET", &link, &[("cookie", asked.cookie())], "").await;
    assert!(!known.body.contains("name=\"email\""), "{}", known.body);
    let done = house.post_with(&link, asked.cookie(), "").await;
    assert!(done.status == 200 && done.body.contains("Mail goes to j***@new.example from now on."), "{}", done.body);
    let moved = house.subscription(jane.id).await;
    assert_eq!((moved.address.as_str(), moved.status), ("jane@new.example", Status::Active));
    assert_eq!(house.letters("jane@example.com").await, ["moved"], "whom it was taken from hears of it");
    assert_eq!(house.ctx.store.consents(jane.id).await.unwrap().last().unwrap().act, "moved");
    assert_eq!(house.get(&link).await.status, 410, "a link works once");
}

#[tokio::test]
async fn a_link_works_for_seven_days_and_only_the_last_one() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    let ask = format!("/s/{}/address", house.token(Purpose::Manage, jane.id));
    house.post(&ask, NEW).await;
    let first = format!("/s/{}/move", house.token(Purpose::Move, jane.id));
    house.wait(Span::minutes(1));
    house.post(&ask, "email=jane%40third.example").await;
    assert_eq!(house.post(&first, NEW).await.status, 410);
    let last = format!("/s/{}/move", house.token(Purpose::Move, jane.id));
    house.wait(Span::days(7));
    assert_eq!(house.post(&last, "email=jane%40third.example").await.status, 410);
    for purpose in [Purpose::Manage, Purpose::Unsubscribe, Purpose::Confirm] {
        assert_eq!(house.get(&format!("/s/{}/move", house.token(purpose, jane.id))).await.status, 404, "{purpose:?}");
    }
}

#[tokio::test]
async fn one_mail_a_day_goes_to_an_address_somebody_else_enters() {
    let house = House::new().await;
    for n in 0..5 {
        let reader = house.reader(&format!("reader{n}@example.com"), Status::Active).await;
        house
            .post(&format!("/s/{}/address", house.token(Purpose::Manage, reader.id)), "email=victim%40x.example")
            .await;
    }
    assert_eq!(house.letters("victim@x.example").await, ["moving"]);
}

#[tokio::test]
async fn an_address_that_reads_already_gets_nothing_twice_and_misses_nothing() {
    let house = House::new().await;
    let store = &house.ctx.store;
    for (name, status) in [("active", Status::Active), ("pending", Status::Pending), ("former", Status::Unsubscribed)] {
        let old = house.reader(&format!("old-{name}@example.com"), Status::Active).await;
        let new = house.reader(&format!("new-{name}@example.com"), status).await;
        house.post(&format!("/s/{}", house.token(Purpose::Manage, old.id)), "cadence=monthly").await;
        let typed = format!("email=new-{name}%40example.com");
        house.post(&format!("/s/{}/address", house.token(Purpose::Manage, old.id)), &typed).await;
        let done = house.post(&format!("/s/{}/move", house.token(Purpose::Move, old.id)), &typed).await;
        assert_eq!(done.status, 200, "{name}: {}", done.body);
        let (old_now, new_now) = (house.subscription(old.id).await, house.subscription(new.id).await);
        assert_eq!((old_now.status, new_now.status), (Status::Unsubscribed, Status::Active), "{name}");
        assert_eq!(new_now.covered_until, old.covered_until, "{name}");
        let kept = if status == Status::Active { "weekly" } else { "monthly" };
        assert_eq!(new_now.cadence.as_str(), kept, "{name}");
        let all = store.subscriptions_of(&Address::parse(&format!("new-{name}@example.com")).unwrap()).await.unwrap();
        assert_eq!(all.len(), 1, "{name}");
    }
}
