//! What the operator's own site may ask for from its readers' browsers, and nobody else's.

use axum::body::Body;
use axum::http::Request;
use postroom::domain::subscription::Status;
use postroom::domain::token::Purpose;
use postroom::http::Peer;

use super::house::House;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OWN: (&str, &str) = ("origin", "https://blog.test");
const JSON: (&str, &str) = ("accept", "application/json");

#[tokio::test]
async fn the_form_is_answered_in_json_to_a_script_of_the_operators_site() {
    let house = House::new().await;
    let sent = house.ask("POST", "/subscribe", &[FORM, OWN, JSON], "email=jane%40example.com").await;
    assert_eq!((sent.status, sent.header("content-type")), (202, "application/json"));
    let lent = |reply: &super::Reply| {
        let headers = ["access-control-allow-origin", "access-control-allow-credentials"];
        headers.map(|name| reply.header(name).to_owned())
    };
    assert_eq!(lent(&sent), ["https://blog.test", "true"]);
    assert!(sent.cookie().starts_with("postroom-asked="), "known again when the mail is followed there");
    let wrong = house.ask("POST", "/subscribe", &[FORM, OWN, JSON], "email=jane").await;
    assert_eq!((wrong.status, lent(&wrong)[0].as_str()), (422, "https://blog.test"), "it may read what was wrong");
    let mut refused = sent.status;
    for _ in 0..25 {
        let mut request =
            Request::post("/subscribe").header(FORM.0, FORM.1).header(OWN.0, OWN.1).header(JSON.0, JSON.1);
        request.extensions_mut().unwrap().insert(Peer([203, 0, 113, 7].into()));
        let reply = house.send(request.body(Body::from("email=jane%40example.com")).unwrap()).await;
        refused = reply.status;
        assert_eq!(lent(&reply)[0], "https://blog.test", "{refused}");
    }
    assert_eq!(refused, 429);
    for other in
        ["https://evil.test", "http://blog.test", "https://blog.test.evil.test", "https://blog.test:444", "null"]
    {
        let reply = house.ask("POST", "/subscribe", &[FORM, ("origin", other), JSON], "email=a%40example.com").await;
        assert_eq!(lent(&reply), ["", ""], "{other}");
        assert!(!format!("{reply:?}").contains("evil"), "{other}");
    }
}

#[tokio::test]
async fn nothing_else_is_lent_to_any_site() {
    let house = House::new().await;
    house.closed_post("secret", "For subscribers").await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, reader.id));
    for path in
        ["/", "/feed.xml", "/posts/secret", "/archive", "/none", "/confirm/x", &manage, &format!("{manage}/data")]
    {
        for method in ["GET", "POST", "OPTIONS"] {
            let reply = house.ask(method, path, &[FORM, OWN, JSON], "").await;
            assert_eq!(reply.header("access-control-allow-origin"), "", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_rest_of_a_post_is_for_its_readers_and_nobody_on_the_way_keeps_it() {
    let house = House::new().await;
    house.closed_post("secret", "For subscribers").await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let cookie = format!("postroom-reader={}", house.token(Purpose::Read, reader.id));
    let open = house.ask("GET", "/posts/secret/rest", &[OWN, ("cookie", &cookie)], "").await;
    assert!(open.status == 200 && open.body.starts_with("<p>At length.</p>"), "{}", open.body);
    let shut = house.ask("GET", "/posts/secret/rest", &[OWN], "").await;
    assert_eq!((shut.status, shut.body.as_str()), (204, ""));
    for reply in [&open, &shut] {
        assert_eq!(reply.header("cache-control"), "private, no-store");
        let varies: Vec<_> = reply.headers.get_all("vary").iter().collect();
        assert_eq!(varies, ["Cookie", "Origin"]);
    }
    assert_eq!(house.get("/posts/none/rest").await.status, 404);
    let script = house.get("/embed.js").await;
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert!(script.body.len() <= 5 * 1_024 && script.body.contains("\"https://news.blog.test\""));
}

#[tokio::test]
async fn a_post_ends_with_the_way_to_its_comments_and_a_form_that_needs_no_other_page() {
    let house = House::with("comments_url = \"https://talk.test/{slug}?of={url}\"\n").await;
    house.posts(&[("one", "The first")]).await;
    let page = house.get("/posts/one").await.body;
    assert!(page.contains("<a href=\"https://talk.test/one?of=https://blog.test/one/\">Leave a reply</a>"), "{page}");
    let form = page.split("<form").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(
        form.contains("action=\"/subscribe\"") && form.contains("name=\"website\"") && form.contains("name=\"since\"")
    );
    assert!(form.contains("label for=\"email\"") && !form.contains("radio"), "{form}");
    house.wait(postroom::domain::time::Span::seconds(3));
    let newsletter = &house.ctx.settings.newsletters[0].id;
    let sent = house.post("/subscribe", &format!("email=jane%40example.com&newsletter={newsletter}&website=")).await;
    assert_eq!(sent.status, 303);
    assert_eq!(house.letters("jane@example.com").await, ["confirm"]);
    house.closed_post("secret", "For subscribers").await;
    assert!(!house.get("/posts/secret").await.body.contains("talk.test"), "nothing to reply to yet");
    let plain = House::new().await;
    plain.posts(&[("one", "The first")]).await;
    assert!(!plain.get("/posts/one").await.body.contains("Leave a reply"), "no comments, and no address to collect");
}
