//! A new address, as its owner, a stranger and the owner of the old one meet it.

use postroom::domain::subscription::{Consent, ConsentAct, Status};
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;
use postroom::domain::{Address, Cadence};
use postroom::store::NewSubscription;

use super::house::{House, Reply};

const NEW: &str = "email=jane%40new.example";
const OLD: &str = "&current=jane%40example.com";

#[tokio::test]
async fn the_old_address_keeps_until_the_new_one_says_yes() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, jane.id));
    let wrong = house.post(&format!("{manage}/address"), "email=jane&current=jane%40example.com").await;
    assert!(wrong.status == 422 && wrong.body.contains("href=\"#email\""), "{}", wrong.body);
    for (whose, status) in [("", 422), ("&current=joe%40example.com", 422)] {
        let passed_on = house.post(&format!("{manage}/address"), &format!("{NEW}{whose}")).await;
        assert!(passed_on.status == status && passed_on.body.contains("href=\"#current\""), "{}", passed_on.body);
    }
    assert!(house.letters("jane@new.example").await.is_empty(), "a link that was passed on moves nobody");
    let asked = house.post(&format!("{manage}/address"), &format!("{NEW}&current=jane%40example.com")).await;
    assert!(asked.status == 200 && asked.body.contains("j***@new.example"), "{}", asked.body);
    assert_eq!(house.letters("jane@new.example").await, ["moving"]);
    assert_eq!(house.subscription(jane.id).await.address.as_str(), "jane@example.com");
    let link = format!("/s/{}/move", house.move_token(jane.id, "jane@new.example"));
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
    house.post(&ask, &format!("{NEW}{OLD}")).await;
    let first = format!("/s/{}/move", house.move_token(jane.id, "jane@new.example"));
    house.wait(Span::minutes(1));
    house.post(&ask, &format!("{NEW}{OLD}")).await;
    assert_eq!(house.get(&first).await.status, 200, "asking once more takes no link away");
    house.post(&ask, &format!("email=jane%40third.example{OLD}")).await;
    assert_eq!(house.post(&first, NEW).await.status, 410);
    let last = format!("/s/{}/move", house.move_token(jane.id, "jane@third.example"));
    for purpose in [Purpose::Manage, Purpose::Unsubscribe, Purpose::Confirm, Purpose::Move] {
        assert_eq!(house.get(&format!("/s/{}/move", house.token(purpose, jane.id))).await.status, 404, "{purpose:?}");
    }
    house.wait(Span::days(7));
    let late = house.post(&last, "email=jane%40third.example").await;
    assert!(late.status == 410 && late.body.contains(&format!("action=\"{last}/again\"")), "{}", late.body);
    let sent = house.post(&format!("{last}/again"), "").await;
    assert!(sent.status == 200 && sent.body.contains("j***@third.example"), "{}", sent.body);
    assert_eq!(house.letters("jane@third.example").await, ["moving", "moving"]);
    assert_eq!(house.get(&last).await.status, 410, "the old one stays old");
    let fresh = format!("/s/{}/move", house.move_token(jane.id, "jane@third.example"));
    assert_eq!(house.get(&fresh).await.status, 200);
}

#[tokio::test]
async fn a_link_mailed_to_one_address_opens_nothing_for_another_asked_for_in_the_same_second() {
    let house = House::new().await;
    let mallory = house.reader("mallory@example.com", Status::Active).await;
    let victim = house.reader("victim@example.com", Status::Active).await;
    let ask = format!("/s/{}/address", house.token(Purpose::Manage, mallory.id));
    for to in ["evil%40x.example", "victim%40example.com"] {
        house.post(&ask, &format!("email={to}&current=mallory%40example.com")).await;
    }
    let mailed_to_mallory = format!("/s/{}/move", house.move_token(mallory.id, "evil@x.example"));
    let typed = house.post(&mailed_to_mallory, "email=victim%40example.com").await;
    assert_eq!(typed.status, 404, "{}", typed.body);
    assert_eq!(house.subscription(mallory.id).await.address.as_str(), "mallory@example.com");
    assert_eq!(house.subscription(victim.id).await.status, Status::Active);
}

#[tokio::test]
async fn one_mail_a_day_goes_to_an_address_somebody_else_enters() {
    let house = House::new().await;
    for n in 0..5 {
        let reader = house.reader(&format!("reader{n}@example.com"), Status::Active).await;
        house
            .post(
                &format!("/s/{}/address", house.token(Purpose::Manage, reader.id)),
                &format!("email=victim%40x.example&current=reader{n}%40example.com"),
            )
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
        let theirs = format!("{typed}&current=old-{name}%40example.com");
        house.post(&format!("/s/{}/address", house.token(Purpose::Manage, old.id)), &theirs).await;
        let to = format!("new-{name}@example.com");
        let done = house.post(&format!("/s/{}/move", house.move_token(old.id, &to)), &typed).await;
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

/// Jane, who has gone to another address a minute after her mail was sent: her subscription, and the tokens
/// of that mail to manage it and to leave.
async fn moved(house: &House) -> (i64, [String; 2]) {
    let jane = house.reader("jane@example.com", Status::Active).await;
    let mailed = [Purpose::Manage, Purpose::Unsubscribe].map(|purpose| house.token(purpose, jane.id));
    house.wait(Span::minutes(1));
    assert_eq!(move_to(house, &mailed[0], jane.id, "jane@new.example").await.status, 200);
    (jane.id, mailed)
}

async fn move_to(house: &House, manage: &str, id: i64, to: &str) -> Reply {
    let now = house.subscription(id).await.address;
    house.post(&format!("/s/{manage}/address"), &format!("email={to}&current={now}")).await;
    house.post(&format!("/s/{}/move", house.move_token(id, to)), &format!("email={to}")).await
}

#[tokio::test]
async fn mail_to_the_address_that_was_left_manages_nothing_and_still_lets_its_reader_leave() {
    let house = House::new().await;
    let (id, [manage, leave]) = moved(&house).await;
    let typed = "email=jane%40new.example&current=jane%40new.example&cadence=daily&act=open";
    for path in ["", "/data", "/read", "/read/one"] {
        let reply = house.get(&format!("/s/{manage}{path}")).await;
        assert!(reply.status == 410 && reply.body.contains("action=\"/subscribe\""), "{path}: {}", reply.body);
        assert!(!reply.body.contains("new.example"), "{path} tells the new address");
    }
    for path in ["", "/address", "/data", "/erase", "/feed"] {
        assert_eq!(house.post(&format!("/s/{manage}{path}"), typed).await.status, 410, "{path}");
    }
    assert_eq!(house.get(&format!("/s/{}", house.link_token(Purpose::Manage, id).await)).await.status, 200);
    let one_click = house.post(&format!("/s/{leave}/unsubscribe"), "List-Unsubscribe=One-Click").await;
    assert_eq!((one_click.status, house.subscription(id).await.status), (200, Status::Unsubscribed));
    assert_eq!(house.letters("jane@new.example").await.last().map(String::as_str), Some("goodbye"));
    let left = house.get(&format!("/s/{leave}/unsubscribe")).await;
    assert!(left.status == 200 && !left.body.contains("/undo"), "{}", left.body);
    for path in ["undo", "less"] {
        assert_eq!(house.post(&format!("/s/{leave}/{path}"), "").await.status, 410, "{path}");
    }
    let theirs = house.link_token(Purpose::Unsubscribe, id).await;
    assert_eq!(house.post(&format!("/s/{theirs}/undo"), "").await.status, 200, "by the mail to the new address");
}

#[tokio::test]
async fn a_link_to_confirm_that_went_to_the_address_that_was_left_confirms_nothing() {
    let house =
        House::with("[[newsletters]]\nid = \"a\"\ntitle = \"A\"\n[[newsletters]]\nid = \"b\"\ntitle = \"B\"\n").await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    house.post("/subscribe", "email=jane%40example.com&newsletter=b").await;
    let pending = house.ctx.store.subscriptions_of(&jane.address).await.unwrap().remove(1);
    let mailed = house.token(Purpose::Confirm, pending.id);
    let manage = house.token(Purpose::Manage, jane.id);
    house.wait(Span::minutes(1));
    assert_eq!(move_to(&house, &manage, jane.id, "jane@new.example").await.status, 200);
    assert_eq!(house.post(&format!("/confirm/{mailed}"), "email=jane%40new.example").await.status, 410);
}

#[tokio::test]
async fn whoever_reads_at_the_address_before_takes_the_move_back_for_seven_days() {
    for days in [6, 7] {
        let house = House::new().await;
        let (id, _) = moved(&house).await;
        let back = format!("/s/{}/back", house.back_token(id, "jane@example.com"));
        house.wait(Span::minutes(1));
        let thief = house.link_token(Purpose::Manage, id).await;
        let typed = "email=jane%40third.example&current=jane%40new.example";
        let onward = house.post(&format!("/s/{thief}/address"), typed).await;
        assert!(onward.status == 409 && onward.body.contains("until"), "moved on by a thief: {}", onward.body);
        assert!(house.letters("jane@third.example").await.is_empty());
        house.wait(Span(Span::days(days).0 - Span::minutes(2).0));
        if days == 7 {
            house.wait(Span::minutes(2));
            assert_eq!(house.post(&back, "email=jane%40example.com").await.status, 410);
            continue;
        }
        let question = house.get(&back).await;
        assert!(question.status == 200 && question.body.contains("j***@example.com"), "{}", question.body);
        assert_eq!(house.post(&back, "").await.status, 422, "a button pressed by a machine");
        let done = house.post(&back, "email=jane%40example.com").await;
        assert!(done.status == 200 && done.body.contains("Mail goes to j***@example.com"), "{}", done.body);
        let jane = house.subscription(id).await;
        assert_eq!((jane.address.as_str(), jane.status), ("jane@example.com", Status::Active));
        assert_eq!(house.get(&format!("/s/{thief}")).await.status, 410, "mail to the other address opens nothing");
        assert_eq!(house.post(&back, "email=jane%40example.com").await.status, 410, "once");
    }
}

#[tokio::test]
async fn a_move_to_an_address_that_reads_already_is_taken_back_without_taking_what_is_theirs() {
    let house =
        House::with("[[newsletters]]\nid = \"a\"\ntitle = \"A\"\n[[newsletters]]\nid = \"b\"\ntitle = \"B\"\n").await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    house.post("/subscribe", "email=jane%40example.com&newsletter=b").await;
    let other = house.ctx.store.subscriptions_of(&jane.address).await.unwrap().remove(1).id;
    house.post(&format!("/confirm/{}", house.token(Purpose::Confirm, other)), "email=jane%40example.com").await;
    let joe = house.reader("joe@new.example", Status::Active).await;
    let manage = house.token(Purpose::Manage, jane.id);
    house.wait(Span::minutes(1));
    assert_eq!(move_to(&house, &manage, jane.id, "joe@new.example").await.status, 200);
    assert_eq!(house.get(&format!("/s/{manage}")).await.status, 410);
    assert_eq!(house.subscription(other).await.address.as_str(), "joe@new.example");
    let back = format!("/s/{}/back", house.back_token(joe.id, "jane@example.com"));
    assert_eq!(house.post(&back, "email=jane%40example.com").await.status, 200);
    for (id, address) in [(jane.id, "jane@example.com"), (other, "jane@example.com"), (joe.id, "joe@new.example")] {
        let one = house.subscription(id).await;
        assert_eq!((one.address.as_str(), one.status), (address, Status::Active));
    }
}

#[tokio::test]
async fn a_move_onward_that_was_asked_for_before_does_not_take_the_way_back_from_who_was_moved() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    let joe = house.reader("joe@new.example", Status::Active).await;
    let (manage, theirs) = (house.token(Purpose::Manage, jane.id), house.token(Purpose::Manage, joe.id));
    let typed = "email=joe%40third.example&current=joe%40new.example";
    assert_eq!(house.post(&format!("/s/{theirs}/address"), typed).await.status, 200);
    let onward = format!("/s/{}/move", house.move_token(joe.id, "joe@third.example"));
    house.wait(Span::minutes(1));
    assert_eq!(move_to(&house, &manage, jane.id, "joe@new.example").await.status, 200);
    let back = format!("/s/{}/back", house.back_token(joe.id, "jane@example.com"));
    assert_eq!(house.get(&onward).await.status, 409);
    assert_eq!(house.post(&onward, "email=joe%40third.example").await.status, 409);
    assert_eq!(house.subscription(joe.id).await.address.as_str(), "joe@new.example");
    assert_eq!(house.post(&back, "email=jane%40example.com").await.status, 200);
    let jane = house.subscription(jane.id).await;
    assert_eq!((jane.address.as_str(), jane.status), ("jane@example.com", Status::Active));
    assert_eq!(house.post(&onward, "email=joe%40third.example").await.status, 200, "there is nothing to wait for");
}

#[tokio::test]
async fn a_reader_is_forgotten_with_the_addresses_they_had_before() {
    let house = House::new().await;
    let (id, _) = moved(&house).await;
    let known = house.reader("jane@known.example", Status::Active).await;
    house.wait(Span::days(7));
    let manage = house.link_token(Purpose::Manage, id).await;
    assert_eq!(move_to(&house, &manage, id, "jane@known.example").await.status, 200);
    let manage = house.link_token(Purpose::Manage, known.id).await;
    let data = house.post(&format!("/s/{manage}/data"), "email=jane%40known.example").await;
    for address in ["jane@example.com", "jane@new.example", "jane@known.example"] {
        assert!(data.body.contains(address), "{}", data.body);
    }
    let erased = house.post(&format!("/s/{manage}/erase"), "email=jane%40known.example").await;
    assert_eq!(erased.status, 200, "{}", erased.body);
    assert!(house.ctx.store.subscriptions_after(0, 9, None, None, None).await.unwrap().is_empty());
    for address in ["jane@example.com", "jane@new.example", "jane@known.example"] {
        let row = NewSubscription {
            address: Address::parse(address).unwrap(),
            cadence: Cadence::Weekly,
            status: Status::Active,
            since: None,
        };
        let consent =
            Consent { act: ConsentAct::Vouched, source: "import".into(), words: "list".into(), network: None };
        let added = house.ctx.store.add_subscriptions("posts", &[row], &consent, house.ctx.now()).await.unwrap();
        assert_eq!((added.added, added.unsubscribed), (0, 1), "{address}");
    }
}

#[tokio::test]
async fn what_was_opened_at_one_address_is_shut_when_mail_goes_to_another_and_when_it_comes_back() {
    for is_known in [false, true] {
        let house = House::new().await;
        house.closed_post("secret", "For subscribers").await;
        let jane = house.reader("jane@example.com", Status::Active).await;
        if is_known {
            house.reader("jane@new.example", Status::Pending).await;
        }
        let manage = house.token(Purpose::Manage, jane.id);
        let at_home = opened(&house, &manage).await;
        house.wait(Span::minutes(1));
        assert_eq!(move_to(&house, &manage, jane.id, "jane@new.example").await.status, 200);
        let new = Address::parse("jane@new.example").unwrap();
        let there = house.ctx.store.subscriptions_of(&new).await.unwrap().remove(0).id;
        let back = format!("/s/{}/back", house.back_token(there, "jane@example.com"));
        shut(&house, &at_home).await;
        house.wait(Span::minutes(1));
        let away = opened(&house, &house.link_token(Purpose::Manage, there).await).await;
        assert_eq!(house.post(&back, "email=jane%40example.com").await.status, 200);
        assert_eq!(house.subscription(jane.id).await.address.as_str(), "jane@example.com");
        if !is_known {
            shut(&house, &away).await;
        }
        house.wait(Span::minutes(1));
        opened(&house, &house.link_token(Purpose::Manage, jane.id).await).await;
    }
}

/// The cookie of a browser that was let in by a link, and the path of a feed made with it.
async fn opened(house: &House, manage: &str) -> (String, String) {
    let cookie = house.get(&format!("/s/{manage}/read")).await.cookie().to_owned();
    let page = house.post(&format!("/s/{manage}/feed"), "act=open").await.body;
    let feed = page.split("value=\"https://news.blog.test").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let post = house.ask("GET", "/posts/secret", &[("cookie", &cookie)], "").await;
    assert!(post.body.contains("At length.") && house.get(&feed).await.status == 200);
    (cookie, feed)
}

async fn shut(house: &House, (cookie, feed): &(String, String)) {
    let post = house.ask("GET", "/posts/secret", &[("cookie", cookie)], "").await;
    assert!(!post.body.contains("At length."), "{}", post.body);
    assert_eq!(house.get(feed).await.status, 410);
}
