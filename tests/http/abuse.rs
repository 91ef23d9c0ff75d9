//! Forms sent in by machines: to fill somebody's inbox, to find out who reads, to wear the service down.

use axum::body::Body;
use axum::http::Request;
use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::http::Peer;

use super::house::{House, Reply, START};

async fn enter(house: &House, address: &str, from: [u8; 4]) -> Reply {
    let typed: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
    let mut request = Request::post("/subscribe")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("email={typed}")))
        .unwrap();
    request.extensions_mut().insert(Peer(from.into()));
    house.send(request).await
}

/// How many mails wait in the outbox.
async fn waiting(house: &House) -> i64 {
    house.ctx.store.outbox().await.unwrap().open
}

#[tokio::test]
async fn a_form_sent_in_faster_than_a_person_types_takes_a_second_press() {
    let house = House::new().await;
    let page = house.get("/subscribe").await.body;
    let since = START.0 / 1_000;
    assert!(page.contains(&format!("name=\"since\" value=\"{since}\"")), "{page}");
    let form = format!("email=jane%40example.com&since={since}");
    let quick = house.post("/subscribe", &form).await;
    assert!(quick.status == 422 && quick.body.contains("Press the button once more."), "{}", quick.body);
    assert!(quick.body.contains("value=\"jane@example.com\"") && quick.body.contains(&format!("value=\"{since}\"")));
    assert_eq!(waiting(&house).await, 0);
    house.wait(Span::seconds(2));
    assert_eq!(house.post("/subscribe", &form).await.status, 303);
    for odd in ["", "x", "-1", "99999999999999", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(house.post("/subscribe", &format!("email=a%40example.com&since={odd}")).await.status, 303, "{odd}");
    }
}

#[tokio::test]
async fn one_victim_gets_one_mail_a_day_and_three_a_month_whoever_asks() {
    let house = House::new().await;
    for n in 0..200_u8 {
        assert_eq!(enter(&house, "victim@example.com", [10, n, 1, 1]).await.status, 303);
    }
    assert_eq!(house.letters("victim@example.com").await, ["confirm"]);
    for _ in 0..40 {
        house.wait(Span::hours(25));
        enter(&house, "victim@example.com", [10, 1, 1, 1]).await;
    }
    let month = house.letters("victim@example.com").await.len();
    assert!((5..=6).contains(&month), "{month} in 42 days");
}

#[tokio::test]
async fn many_spellings_of_one_inbox_are_one_victim() {
    let house = House::new().await;
    let mut answers = Vec::new();
    for n in 0..25_u8 {
        let dotted: String = "victimname"
            .chars()
            .enumerate()
            .flat_map(|(i, c)| match n >> (i % 5) & 1 {
                1 => vec![c, '.'],
                _ => vec![c],
            })
            .collect();
        for address in [format!("{}@gmail.com", dotted.trim_end_matches('.')), format!("victimname+{n}@googlemail.com")]
        {
            answers.push(enter(&house, &address, [10, n, 2, 2]).await.status);
        }
    }
    assert!(answers.iter().all(|status| *status == 303), "{answers:?}");
    assert_eq!(waiting(&house).await, 1);
    house.wait(Span::hours(24));
    enter(&house, "victimname@gmail.com", [10, 1, 2, 2]).await;
    assert!(waiting(&house).await <= 2);
}

#[tokio::test]
async fn ten_thousand_victims_from_one_network_get_twenty_mails_and_from_all_networks_a_bounded_number() {
    let house = House::new().await;
    for n in 0..60 {
        enter(&house, &format!("victim{n}@example.com"), [203, 0, 113, n]).await;
    }
    assert_eq!(waiting(&house).await, 20);
    let mut refused = 0;
    for n in 0..700_u32 {
        let [_, _, high, low] = n.to_be_bytes();
        let reply = enter(&house, &format!("crowd{n}@example.com"), [100, high, low, 1]).await;
        refused += u32::from(reply.status == 429);
    }
    assert_eq!((waiting(&house).await, refused), (600, 120), "then nobody, for a while");
    house.wait(Span::minutes(1));
    assert_eq!(enter(&house, "late@example.com", [9, 9, 9, 9]).await.status, 303);
}

#[tokio::test]
async fn confirmation_mail_holds_nothing_that_was_typed() {
    let house = House::new().await;
    let odd = "email=jane%40example.com&name=Buy+now&newsletter=&cadence=&subject=Buy+now&newsletter2=%3Cb%3E";
    assert_eq!(house.post("/subscribe", odd).await.status, 303);
    let reader = postroom::domain::Address::parse("jane@example.com").unwrap();
    let consents =
        house.ctx.store.consents(house.ctx.store.subscriptions_of(&reader).await.unwrap()[0].id).await.unwrap();
    assert!(!format!("{consents:?}").contains("Buy now"));
}

#[tokio::test]
async fn every_answer_there_is_carries_a_policy_that_lets_nothing_run() {
    let house = House::new().await;
    house.closed_post("secret", "For subscribers").await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(postroom::domain::token::Purpose::Manage, reader.id));
    let all = [
        "/",
        "/archive",
        "/archive?q=x",
        "/posts/secret",
        "/editions",
        "/feeds",
        "/subscribe",
        "/subscribe/sent",
        "/none",
        "/confirm/x",
        "/s/x",
        "/healthz",
        "/feed.xml",
        "/page.css",
        "/icon.svg",
        "/embed.js",
        "/robots.txt",
        &manage,
    ];
    for path in all {
        for method in ["GET", "POST", "PUT", "OPTIONS"] {
            let reply = house.ask(method, path, &[], "").await;
            let policy = reply.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'") && !policy.contains("script"),
                "{method} {path}: {policy}"
            );
            assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"), "{method} {path}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff", "{method} {path}");
            assert!(!reply.header("referrer-policy").is_empty() && !reply.header("cache-control").is_empty());
        }
    }
}

#[tokio::test]
async fn no_header_of_a_request_changes_a_page_that_anybody_may_keep() {
    let house = House::new().await;
    house.posts(&[("one", "The first")]).await;
    let plain = house.get("/posts/one").await;
    let headers = [
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "http"),
        ("x-original-url", "/none"),
        ("x-rewrite-url", "/none"),
        ("x-http-method-override", "POST"),
        ("accept-language", "de"),
        ("cookie", "a=b"),
        ("user-agent", "x"),
        ("origin", "https://evil.test"),
        ("authorization", "Basic eDp5"),
        ("x-forwarded-prefix", "/e"),
    ];
    for header in headers {
        let reply = house.ask("GET", "/posts/one", &[header], "").await;
        assert_eq!(
            (reply.status, &reply.body, &reply.headers),
            (plain.status, &plain.body, &plain.headers),
            "{header:?}"
        );
    }
}
