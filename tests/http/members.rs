//! Posts for subscribers: who opens them, and that nobody else sees a word of
//! what is hidden, at any address there is.

use std::collections::BTreeSet;

use postroom::domain::Cadence;
use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;
use postroom::tasks::{compose, publish};

use super::house::{House, Reply};

/// What only subscribers may read of the post in [`House::closed_post`].
const HIDDEN: &str = "At length.";

/// A house with a post for subscribers, published, and mailed to one reader; her id.
async fn house_with_secret() -> (House, i64) {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    house.posts(&[("old", "From before")]).await;
    house.closed_post("secret", "For subscribers").await;
    let newsletter = &house.ctx.settings.newsletters[0];
    let newest_seq = house.ctx.store.newest_seq().await.unwrap();
    let wanted =
        compose::Wanted { newsletter, cadence: Cadence::Weekly, slot: house.ctx.now(), newest_seq, since: None };
    let sealed = compose::seal(&house.ctx, &wanted, None, house.ctx.now()).await.unwrap();
    assert_eq!(sealed, compose::Sealed::Edition(1, 1));
    publish::step(&house.ctx, &mut String::new(), house.ctx.now()).await.unwrap();
    (house, jane.id)
}

async fn seen_with(house: &House, path: &str, cookie: &str) -> Reply {
    house.ask("GET", path, &[("cookie", cookie)], "").await
}

/// Every path of ours that a document mentions, in whatever way.
fn paths(body: &str) -> BTreeSet<String> {
    let absolute = body.split("https://news.blog.test").skip(1);
    let relative = body.split("=\"/").skip(1).map(|rest| ("/", rest));
    let end = |c: char| c.is_whitespace() || "\"'<>()#\\,?".contains(c);
    let cut = |rest: &str| rest.split(end).next().unwrap_or_default().to_owned();
    let found = absolute.map(cut).chain(relative.map(|(slash, rest)| format!("{slash}{}", cut(rest))));
    found.filter(|path| path.starts_with('/')).collect()
}

#[tokio::test]
async fn no_public_address_shows_a_word_of_what_is_for_subscribers() {
    let (house, jane) = house_with_secret().await;
    let former = house.reader("former@example.com", Status::Unsubscribed).await.id;
    let cookie = |purpose, id| format!("postroom-reader={}", house.token(purpose, id));
    let worthless = [
        String::new(),
        cookie(Purpose::Manage, jane),
        cookie(Purpose::Feed, jane),
        cookie(Purpose::Read, former),
        cookie(Purpose::Read, 999),
        "postroom-reader=x".to_owned(),
        format!("postroom-asked={}", house.token(Purpose::Read, jane)),
    ];
    let starts = [
        "/",
        "/sitemap.xml",
        "/robots.txt",
        "/feeds.opml",
        "/posts/secret",
        "/posts/secret/link",
        "/editions/1",
        "/archive?q=length",
        "/archive?q=secret",
        "/none",
        "/embed.js",
        "/private/x/feed.xml",
        "/healthz",
        "/readyz",
    ];
    let mut left: Vec<String> = starts.map(str::to_owned).into();
    let mut seen = BTreeSet::new();
    while let Some(path) = left.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        for cookie in &worthless {
            for method in ["GET", "POST"] {
                let form = [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie.as_str())];
                let reply = house.ask(method, &path, &form, "").await;
                assert!(!format!("{reply:?}").contains(HIDDEN), "{method} {path} with `{cookie}`");
                if method == "GET" {
                    left.extend(paths(&reply.body));
                }
            }
        }
    }
    for known in ["/posts/secret", "/editions/1", "/atom.xml", "/summary/feed.json", "/topics/gr%C3%B6%C3%9Fe/feed.xml"]
    {
        assert!(seen.contains(known), "{known} was never looked at: {seen:?}");
    }
    // The reader's own browser sees it at one address, and nobody on the way keeps it.
    let own = cookie(Purpose::Read, jane);
    let (mut shown, mut kept) = (Vec::new(), Vec::new());
    for path in &seen {
        let reply = seen_with(&house, path, &own).await;
        if reply.body.contains(HIDDEN) {
            shown.push(path.as_str());
            kept.push(reply.header("cache-control").to_owned() + " " + reply.header("vary"));
        }
    }
    assert_eq!((shown, kept), (vec!["/posts/secret"], vec!["private, no-store Cookie".to_owned()]));
    assert_eq!(house.get("/posts/secret").await.header("cache-control"), "private, no-store");
}

#[tokio::test]
async fn a_link_from_a_mail_opens_the_post_in_this_browser_while_its_reader_is_subscribed() {
    let (house, jane) = house_with_secret().await;
    let mail = house.ctx.store.variant(1).await.unwrap().unwrap();
    assert!(mail.html.contains("/read/secret\"") && mail.text.contains("/read/secret\n"), "{}", mail.text);
    let before = house.bytes();
    let link = format!("/s/{}/read/secret", house.token(Purpose::Manage, jane));
    let entered = house.get(&link).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/posts/secret"));
    assert!(entered.header("set-cookie").ends_with("; Path=/; Max-Age=15552000; HttpOnly; SameSite=Lax; Secure"));
    assert_eq!(house.bytes(), before, "looking changes nothing but the browser");
    let cookie = entered.cookie().to_owned();
    assert!(seen_with(&house, "/posts/secret", &cookie).await.body.contains(HIDDEN));
    house.wait(Span::days(180));
    assert!(!seen_with(&house, "/posts/secret", &cookie).await.body.contains(HIDDEN), "known for half a year");
    let cookie = house.get(&format!("/s/{}/read", house.token(Purpose::Manage, jane))).await.cookie().to_owned();
    assert!(seen_with(&house, "/posts/secret", &cookie).await.body.contains(HIDDEN));
    house.post(&format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, jane)), "").await;
    assert!(!seen_with(&house, "/posts/secret", &cookie).await.body.contains(HIDDEN));
    assert_eq!(house.get(&link).await.status, 410);
    for purpose in [Purpose::Read, Purpose::Unsubscribe, Purpose::Confirm] {
        assert_eq!(house.get(&format!("/s/{}/read", house.token(purpose, jane))).await.status, 404, "{purpose:?}");
    }
}

#[tokio::test]
async fn no_link_leads_out_of_the_site() {
    let (house, jane) = house_with_secret().await;
    let read = format!("/s/{}/read", house.token(Purpose::Manage, jane));
    for slug in ["%2F%2Fevil.test", "..", "..%2F..%2Fs", "https:%2F%2Fevil.test", "a%0d%0ab", "%5Cevil.test"] {
        let to = house.get(&format!("{read}/{slug}")).await;
        let location = to.header("location");
        assert!(
            location == "/archive" || location.starts_with("/posts/") && !location[7..].contains('/'),
            "{location}"
        );
    }
    for wants in ["//evil.test", "/evil", "..", "https://evil.test", "a b"] {
        assert_eq!(seen_with(&house, &read, &format!("postroom-wants={wants}")).await.header("location"), "/archive");
    }
}

#[tokio::test]
async fn a_link_by_mail_goes_to_subscribers_alone_and_nobody_is_told_who_is_one() {
    let (house, _) = house_with_secret().await;
    house.reader("pending@example.com", Status::Pending).await;
    let mut answers = Vec::new();
    for name in ["jane", "pending", "nobody"] {
        let reply = house.post("/posts/secret/link", &format!("email={name}%40example.com")).await;
        assert_eq!((reply.status, reply.cookie()), (200, "postroom-wants=secret"));
        answers.push(format!("{:?}{}", reply.headers, reply.body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let reading = async |to: &str| house.letters(to).await.iter().filter(|kind| *kind == "reading").count();
    house.post("/posts/secret/link", "email=jane%40example.com").await;
    assert_eq!(reading("jane@example.com").await, 1, "one an hour");
    assert_eq!((reading("pending@example.com").await, reading("nobody@example.com").await), (0, 0));
    house.wait(Span::hours(1));
    house.post("/posts/secret/link", "email=Jane%40example.com").await;
    assert_eq!(reading("jane@example.com").await, 2);
    let link = format!("/s/{}/read", house.token(Purpose::Manage, 1));
    assert_eq!(seen_with(&house, &link, "postroom-wants=secret").await.header("location"), "/posts/secret");
    assert_eq!(house.get(&link).await.header("location"), "/archive");
    assert_eq!(house.post("/posts/secret/link", "email=jane").await.status, 422);
}
