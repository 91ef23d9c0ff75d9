//! The router as a browser, a mail program, a scanner and an attacker meet it.

mod abuse;
mod choosing;
mod embedding;
mod feeds;
mod house;
mod language;
mod leaving;
mod members;
mod moving;
mod own_data;
mod private;
mod scanners;
mod vouched;

use axum::body::Body;
use axum::http::Request;
use house::{House, Reply};
use postroom::domain::edition::State;
use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;
use postroom::http::{BODY_LIMIT, Peer};

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn every_page_answers_and_carries_its_headers() {
    let house = House::new().await;
    house.posts(&[("one", "The first"), ("two", "The second post")]).await;
    for path in ["/", "/archive", "/posts/one", "/editions", "/feeds", "/subscribe", "/subscribe/sent"] {
        let reply = house.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("cache-control"), "public, max-age=60", "{path}");
        assert!(reply.header("content-security-policy").starts_with("default-src 'none'; style-src 'self';"), "{path}");
    }
    for path in ["/", "/posts/one", "/subscribe", "/none", "/posts/none", "/feed.xml", "/page.css", "/healthz"] {
        let (get, head) = (house.get(path).await, house.ask("HEAD", path, &[], "").await);
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.headers, get.headers, "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
    }
    let post = house.get("/posts/one").await;
    assert!(post.header("content-security-policy").contains("img-src *;"));
    assert!(post.body.contains("At length."));
    let home = house.get("/").await.body;
    assert!(home.contains("The first") && home.contains("https://blog.test/two/"), "{home}");
    let feeds = house.get("/feeds").await.body;
    assert!(feeds.contains("https://news.blog.test/topics/gr%C3%B6%C3%9Fe/atom.xml"), "{feeds}");
}

#[tokio::test]
async fn lists_follow_the_posts() {
    let house = House::new().await;
    assert!(house.get("/archive").await.body.contains("Nothing has been published yet."));
    house.posts(&[("one", "The first"), ("two", "The second post")]).await;
    assert!(house.get("/archive").await.body.contains("The second post"));
    house.wait(Span::minutes(1));
    house.posts(&[("one", "The first, put right")]).await;
    let archive = house.get("/archive").await.body;
    assert!(archive.contains("The first, put right") && !archive.contains("The second post"), "{archive}");
    assert_eq!(house.get("/posts/two").await.status, 410);
    assert_eq!(house.get("/posts/three").await.status, 404);
}

#[tokio::test]
async fn titles_are_searched_and_what_was_searched_for_is_shown_in_its_field_alone() {
    let house = House::new().await;
    house.posts(&[("one", "Ärger with the linker"), ("two", "A linker script"), ("three", "On <b>tags</b>")]).await;
    let found = house.get("/archive?q=LINKER+%C3%A4rger").await;
    assert!(found.body.contains("Ärger with") && !found.body.contains("A linker script"), "{}", found.body);
    assert!(found.body.contains("1 post has these words in its title.") && found.body.contains("content=\"noindex\""));
    assert!(house.get("/archive?q=linker").await.body.contains("2 posts have"));
    let none = house.get("/archive?q=%3Cscript%3E%22onload").await.body;
    assert!(none.contains("No title has all of these words.") && !none.contains("<script"), "{none}");
    assert!(none.contains("value=\"&lt;script&gt;&quot;onload\""), "{none}");
    let all = house.get("/archive?q=+&x=1").await.body;
    assert!(all.contains("A linker script") && all.contains("rel=\"canonical\""));
    let long = house.get(&format!("/archive?q={}", "zebra".repeat(5_000))).await;
    assert_eq!(long.status, 200);
    assert!(long.body.len() < 10_000);
    assert!(
        house.get("/none").await.body.contains("action=\"/archive\""),
        "a page that is not there offers the search"
    );
    assert_eq!(house.ask("GET", "/archive?q=%ff%fe", &[], "").await.status, 200);
}

#[tokio::test]
async fn published_files_are_served_with_their_validators() {
    let house = House::new().await;
    let feed = house.get("/feed.xml").await;
    assert_eq!((feed.status, feed.body.as_str()), (200, "<rss/>"));
    let again = house.ask("GET", "/feed.xml", &[("if-none-match", feed.header("etag"))], "").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let head = house.ask("HEAD", "/feed.xml", &[], "").await;
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (200, "6", ""));
    assert_eq!(house.get("/topics/gr%C3%B6%C3%9Fe/atom.xml").await.body, "<feed/>");
    assert_eq!(house.get("/topics/none/atom.xml").await.status, 404);
    // Whoever opens a feed in a browser sees its style sheet at work; readers get the type of the feed.
    assert_eq!(feed.header("content-type"), "application/rss+xml");
    let seen = house.ask("GET", "/feed.xml", &[("sec-fetch-dest", "document")], "").await;
    assert_eq!(seen.header("content-type"), "application/xml; charset=utf-8");
    assert_eq!((seen.header("etag"), &seen.body), (feed.header("etag"), &feed.body));
    let css = house.get("/page.css").await;
    assert_eq!((css.status, css.header("content-type")), (200, "text/css; charset=utf-8"));
    assert_eq!(house.ask("GET", "/page.css", &[("if-none-match", css.header("etag"))], "").await.status, 304);
    assert_eq!(house.get("/icon.svg").await.header("content-type"), "image/svg+xml");
}

#[tokio::test]
async fn a_range_is_not_given_and_no_reader_is_told_otherwise() {
    let house = House::new().await;
    let whole = house.get("/feed.xml").await;
    assert_eq!(whole.header("accept-ranges"), "none");
    let etag = whole.header("etag").to_owned();
    for conditions in [vec![("range", "bytes=0-2")], vec![("range", "bytes=99-"), ("if-range", etag.as_str())]] {
        let reply = house.ask("GET", "/feed.xml", &conditions, "").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "<rss/>"), "{conditions:?}");
    }
    let known = [("range", "bytes=0-2"), ("if-none-match", etag.as_str())];
    assert_eq!(house.ask("GET", "/feed.xml", &known, "").await.status, 304);
}

#[tokio::test]
async fn only_who_asks_for_feeds_without_end_is_told_to_wait() {
    let house = House::new().await;
    let ask = async |from: &str| {
        let request = Request::builder().uri("/feed.xml").extension(Peer(from.parse().unwrap()));
        house.send(request.body(Body::empty()).unwrap()).await
    };
    // A service that reads forty feeds for its readers, from three addresses of one network, every hour for a day.
    for _ in 0..24 {
        for n in 0..120 {
            assert_eq!(ask(["203.0.113.5", "203.0.113.6", "203.0.113.7"][n % 3]).await.status, 200);
        }
        house.wait(Span::hours(1));
    }
    let mut refused = Vec::new();
    for _ in 0..2_400 {
        refused.extend(Some(ask("198.51.100.1").await).filter(|reply| reply.status != 200));
        house.wait(Span::seconds(1));
    }
    assert_eq!(ask("127.0.0.1").await.status, 200, "this machine is nobody's network");
    assert!((800..1_000).contains(&refused.len()), "{}", refused.len());
    let wait: u64 = refused[0].header("retry-after").parse().unwrap();
    assert!(refused.iter().all(|reply| reply.status == 429) && (1..=6).contains(&wait), "{wait}");
    assert_eq!(ask("203.0.113.5").await.status, 200, "others notice nothing");
}

#[tokio::test]
async fn an_edition_is_shown_without_anybodys_links_and_only_once_it_has_gone_out() {
    let house = House::new().await;
    house.reader("jane@example.com", Status::Active).await;
    house.edition(State::Held).await;
    assert_eq!(house.get("/editions/1").await.status, 404);
    assert!(!house.get("/editions").await.body.contains("A subject"));
    house.ctx.store.approve_edition(1, house.ctx.now(), house.ctx.now()).await.unwrap();
    let mail = house.get("/editions/1").await;
    assert_eq!(mail.status, 200);
    assert!(mail.body.contains("Hello") && mail.body.contains("https://news.blog.test/subscribe"), "{}", mail.body);
    assert!(!mail.body.contains(char::is_control) && !mail.body.contains("/s/"), "{}", mail.body);
    assert!(mail.header("content-security-policy").contains("style-src 'unsafe-inline';"));
    assert!(house.get("/editions").await.body.contains("href=\"/editions/1\""));
    for wrong in ["/editions/2", "/editions/-1", "/editions/x", "/editions/99999999999999999999"] {
        assert_eq!(house.get(wrong).await.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_gets_a_fixed_page_that_shows_nothing_of_the_request() {
    let house = House::new().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let large = "x".repeat(BODY_LIMIT + 1);
    let cases: [(&str, &str, Headers, &str, u16); 14] = [
        ("GET", "/zebra", &[], "", 404),
        ("GET", "/posts/..%2f..%2fzebra", &[], "", 404),
        ("GET", "/posts/zebra%00", &[], "", 404),
        ("GET", "/posts/%ff%fezebra", &[], "", 400),
        ("POST", "/", &[form], "zebra=1", 405),
        ("DELETE", "/subscribe", &[], "", 405),
        ("GET", "/s/zebra/undo", &[], "", 405),
        ("POST", "/subscribe", &[("content-type", "text/zebra")], "zebra", 415),
        ("POST", "/subscribe", &[], "email=zebra@example.com", 415),
        ("POST", "/subscribe", &[form], &large, 413),
        ("POST", "/subscribe", &[form], "email=zebra@example.com&email=zebra@example.org", 400),
        ("POST", "/subscribe", &[form], "email=zebra%ff@example.com", 400),
        ("POST", "/s/zebra/unsubscribe", &[form], "List-Unsubscribe=One-Click", 404),
        ("GET", "/subscribe/zebra", &[], "", 404),
    ];
    for (method, path, headers, body, status) in cases {
        let reply = house.ask(method, path, headers, body).await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert!(reply.body.contains("<h1>") && !reply.body.contains("zebra"), "{method} {path}: {}", reply.body);
        assert_eq!(reply.header("cache-control"), "no-store", "{method} {path}");
    }
    assert!(house.ask("DELETE", "/subscribe", &[], "").await.header("allow").contains("POST"));
}

#[tokio::test]
async fn a_host_header_is_never_believed() {
    let house = House::new().await;
    house.posts(&[("one", "The first")]).await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, reader.id));
    let evil = [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "host=evil.test"),
        ("origin", "https://evil.test"),
    ];
    for path in ["/", "/archive", "/posts/one", "/feeds", "/subscribe", "/subscribe/sent", "/none", &manage] {
        let reply = house.ask("GET", path, &evil, "").await;
        assert!(!format!("{reply:?}").contains("evil"), "{path}");
    }
    let mut headers = evil.to_vec();
    headers.push(("content-type", "application/x-www-form-urlencoded"));
    let reply = house.ask("POST", "/subscribe", &headers, "email=new@example.com").await;
    assert_eq!((reply.status, reply.header("location")), (303, "/subscribe/sent"));
}

/// All of a reply but the mark in its cookie, which says of each address only that it was sent in.
fn shown(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie");
    let mark = cookie.trim_start_matches("postroom-asked=").split(';').next().unwrap_or_default();
    assert_eq!(mark.len(), 28, "{cookie}");
    format!("{} {:?} {}", reply.status, reply.headers, reply.body).replace(mark, "")
}

#[tokio::test]
async fn every_address_gets_the_same_answer() {
    let house = House::new().await;
    house.reader("pending@example.com", Status::Pending).await;
    house.reader("active@example.com", Status::Active).await;
    house.reader("former@example.com", Status::Unsubscribed).await;
    let who = ["new", "pending", "active", "former"];
    let (mut forms, mut documents) = (Vec::new(), Vec::new());
    for name in who {
        forms.push(shown(&house.post("/subscribe", &format!("email={name}%40example.com&cadence=weekly")).await));
        let body = format!("{{\"email\":\"{name}@example.com\"}}");
        documents.push(shown(&house.ask("POST", "/subscribe", &[("content-type", "application/json")], &body).await));
    }
    assert!(forms.iter().all(|reply| *reply == forms[0]), "{forms:?}");
    assert!(documents.iter().all(|reply| *reply == documents[0]), "{documents:?}");
    assert!(documents[0].ends_with(r#"{"schema":1,"status":"confirmation sent"}"#), "{}", documents[0]);
    assert!(documents[0].starts_with("202 "));
}

#[tokio::test]
async fn a_faulty_form_is_answered_at_its_fields_and_as_json_where_json_was_sent() {
    let more = "[[newsletters]]\nid = \"a\"\ntitle = \"Letter A\"\ncadences = [\"weekly\"]\n\
                default_cadence = \"weekly\"\n[[newsletters]]\nid = \"b\"\ntitle = \"Letter B\"\n";
    let house = House::with(more).await;
    let reply = house.post("/subscribe", "email=jane%3Cb%3E&newsletter=a&cadence=daily").await;
    assert_eq!(reply.status, 422);
    assert!(reply.body.contains("id=\"email-error\"") && reply.body.contains("href=\"#cadence\""), "{}", reply.body);
    assert!(reply.body.contains("value=\"jane&lt;b&gt;\"") && reply.body.contains("Letter A is sent"));
    let reply = house.ask("POST", "/subscribe", &[("content-type", "application/json; charset=utf-8")], "{}").await;
    assert_eq!((reply.status, reply.header("content-type")), (422, "application/json"));
    let fields: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (fields["faults"][0]["field"].as_str(), fields["faults"][1]["field"].as_str()),
        (Some("email"), Some("newsletter"))
    );
    let garbled = house.ask("POST", "/subscribe", &[("content-type", "application/json")], "{\"email\":1}").await;
    assert_eq!((garbled.status, garbled.header("content-type")), (400, "application/json"));
    assert_eq!(house.post("/subscribe", "email=a%40example.com&newsletter=b&cadence=").await.status, 303);
    assert!(house.get("/subscribe/b").await.body.contains("Subscribe to Letter B"));
    assert_eq!(house.post("/subscribe/b", "email=b%40example.com").await.status, 303);
    let json = [("content-type", "application/json")];
    assert_eq!(house.ask("POST", "/subscribe/a", &json, "{\"email\":\"c@example.com\"}").await.status, 202);
    let other = house.post("/subscribe/b", "email=b%40example.com&newsletter=a").await;
    assert!(other.status == 422 && other.body.contains("Subscribe to Letter B"), "{}", other.body);
    assert_eq!(house.post("/subscribe/none", "email=b%40example.com").await.status, 404);
}

#[tokio::test]
async fn the_field_nobody_sees_stops_whoever_fills_it_in() {
    let house = House::new().await;
    let before = house.bytes();
    let reply = house.post("/subscribe", "email=bot%40example.com&website=http%3A%2F%2Fx.test").await;
    assert_eq!((reply.status, reply.header("location")), (303, "/subscribe/sent"));
    assert_eq!(house.bytes(), before);
}

#[tokio::test]
async fn one_network_may_enter_twenty_addresses_an_hour() {
    let house = House::new().await;
    let enter = async |n: usize, from: [u8; 4]| {
        let mut request = Request::post("/subscribe")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("email=reader{n}%40example.com")))
            .unwrap();
        request.extensions_mut().insert(Peer(from.into()));
        house.send(request).await
    };
    for n in 0..20 {
        assert_eq!(enter(n, [203, 0, 113, 7]).await.status, 303);
    }
    let refused = enter(20, [203, 0, 113, 200]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "181"));
    assert!(refused.body.contains("Try again in 4 minutes."), "{}", refused.body);
    assert_eq!(enter(21, [203, 0, 114, 7]).await.status, 303);
    house.wait(Span::minutes(3));
    assert_eq!(enter(22, [203, 0, 113, 7]).await.status, 303);
}

#[tokio::test]
async fn health_says_what_is_wrong_without_saying_where() {
    let house = House::new().await;
    assert_eq!(house.get("/healthz").await.body, "alive\n");
    assert_eq!(house.get("/readyz").await.body, "ready\n");
    house.ctx.site.set_archive_fault(Some(postroom::domain::Fault::new("/secret/posts", "not there")));
    let reply = house.get("/readyz").await;
    assert_eq!((reply.status, reply.body.as_str()), (503, "the archive cannot be read\n"));
    house.ctx.store.close().await;
    postroom::tasks::tend::step(&house.ctx, house.ctx.now()).await.unwrap_err();
    let reply = house.get("/readyz").await;
    assert!(reply.body.starts_with("the database cannot be written\n"), "{}", reply.body);
    let page = house.get("/archive").await;
    assert_eq!((page.status, page.header("retry-after")), (503, "60"));
    assert!(page.body.contains("Not possible just now"));
}
