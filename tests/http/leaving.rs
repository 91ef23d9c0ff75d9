//! Links of mails: looked at by scanners, pressed by readers and strangers.

use postroom::domain::edition::State;
use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;
use postroom::domain::{Address, Cadence};

use super::house::House;

#[tokio::test]
async fn looking_at_a_link_changes_not_one_byte() {
    let house = House::new().await;
    for (address, status) in [
        ("pending@example.com", Status::Pending),
        ("active@example.com", Status::Active),
        ("former@example.com", Status::Unsubscribed),
    ] {
        let id = house.reader(address, status).await.id;
        let before = house.bytes();
        for path in [
            format!("/confirm/{}", house.token(Purpose::Confirm, id)),
            format!("/s/{}", house.token(Purpose::Manage, id)),
            format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, id)),
        ] {
            for method in ["GET", "HEAD", "OPTIONS"] {
                let reply = house.ask(method, &path, &[], "").await;
                assert_eq!(reply.header("cache-control"), "no-store", "{method}");
                assert_eq!(reply.header("referrer-policy"), "no-referrer", "{method}");
                assert_eq!(reply.header("x-robots-tag"), "noindex", "{method}");
                assert!(!reply.body.contains(address), "the address is masked");
            }
        }
        assert_eq!(house.bytes(), before, "{status:?}");
    }
}

#[tokio::test]
async fn confirming_takes_the_button_and_a_link_of_the_last_seven_days() {
    let house = House::new().await;
    let reader = house.reader("jane@example.com", Status::Pending).await;
    let path = format!("/confirm/{}", house.token(Purpose::Confirm, reader.id));
    let question = house.get(&path).await;
    assert!(question.body.contains("j***@example.com") && question.body.contains(&format!("action=\"{path}\"")));
    let welcome = house.post(&path, "email=jane%40example.com").await;
    assert_eq!(welcome.status, 200);
    assert!(welcome.body.contains("You are subscribed") && welcome.body.contains("href=\"/s/"));
    assert_eq!(house.subscription(reader.id).await.status, Status::Active);
    assert_eq!(house.post(&path, "").await.status, 200, "pressing twice is no fault");
    house.wait(Span::days(7));
    for method in ["GET", "POST"] {
        let late = house.ask(method, &path, &[], "").await;
        assert_eq!(late.status, 410);
        assert!(late.body.contains("This link has expired") && late.body.contains(&format!("action=\"{path}/again\"")));
    }
}

#[tokio::test]
async fn one_press_on_the_page_of_an_expired_link_mails_a_new_one_and_says_the_same_to_everybody() {
    let house = House::new().await;
    let (mut links, mut answers) = (Vec::new(), Vec::new());
    for (name, status) in [("p", Status::Pending), ("a", Status::Active), ("q", Status::Pending)] {
        let reader = house.reader(&format!("{name}@example.com"), status).await;
        links.push(format!("/confirm/{}", house.token(Purpose::Confirm, reader.id)));
    }
    house.wait(Span::days(8));
    assert_eq!(house.post("/subscribe", "email=q%40example.com").await.status, 303, "written to just now");
    let before = house.letters("p@example.com").await;
    for link in &links {
        let page = house.get(link).await;
        assert!(page.status == 410 && !page.body.contains("example.com"), "no address is shown: {}", page.body);
        for _ in 0..2 {
            let started = tokio::time::Instant::now();
            let sent = house.post(&format!("{link}/again"), "").await;
            assert!(started.elapsed().as_millis() >= 100, "in even time, whether there was anything to write or not");
            answers.push((sent.status, sent.header("location").to_owned(), sent.body.clone(), sent.headers.len()));
        }
    }
    assert_eq!(answers[0].1, "/subscribe/sent");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(house.letters("p@example.com").await.len(), before.len() + 1, "one a day, however often it is pressed");
    assert_eq!(house.letters("a@example.com").await.last().unwrap(), "already");
    assert_eq!(house.letters("q@example.com").await, ["confirm", "confirm"], "the first and that of today");
    assert_eq!(house.post("/confirm/x/again", "").await.status, 404);
}

#[tokio::test]
async fn the_welcome_shows_the_latest_edition_of_its_own_newsletter() {
    let house =
        House::with("[[newsletters]]\nid = \"a\"\ntitle = \"A\"\n[[newsletters]]\nid = \"b\"\ntitle = \"B\"\n").await;
    let first = house.reader("joe@example.com", Status::Active).await;
    house.edition(State::Sending).await;
    let path = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, first.id));
    assert_eq!(house.post(&path, "").await.status, 200);
    assert_eq!(house.ctx.store.finish_editions(house.ctx.now()).await.unwrap(), [1]);
    for (newsletter, shown) in [("a", true), ("b", false)] {
        house.post(&format!("/subscribe/{newsletter}"), "email=jane%40example.com").await;
        let jane = house.ctx.store.subscriptions_of(&Address::parse("jane@example.com").unwrap()).await.unwrap();
        let id = jane.iter().find(|one| one.newsletter == newsletter).unwrap().id;
        let welcome =
            house.post(&format!("/confirm/{}", house.token(Purpose::Confirm, id)), "email=jane%40example.com").await;
        assert_eq!(welcome.body.contains("/editions/1\""), shown, "{newsletter}: {}", welcome.body);
    }
}

#[tokio::test]
async fn a_token_does_one_job_only() {
    let house = House::new().await;
    let id = house.reader("jane@example.com", Status::Active).await.id;
    let before = house.bytes();
    let all = [Purpose::Confirm, Purpose::Manage, Purpose::Unsubscribe];
    for purpose in all {
        let token = house.token(purpose, id);
        for (owner, path) in [
            (Purpose::Confirm, format!("/confirm/{token}")),
            (Purpose::Manage, format!("/s/{token}")),
            (Purpose::Unsubscribe, format!("/s/{token}/unsubscribe")),
            (Purpose::Unsubscribe, format!("/s/{token}/undo")),
            (Purpose::Unsubscribe, format!("/s/{token}/less")),
        ] {
            if owner != purpose {
                let reply = house.post(&path, "cadence=daily").await;
                assert_eq!(reply.status, 404);
                assert!(reply.body.contains("damaged or from an old mail"), "{}", reply.body);
            }
        }
    }
    assert_eq!(house.bytes(), before);
}

#[tokio::test]
async fn one_click_acts_at_once_however_it_is_sent_and_however_often() {
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let variants: [(&[(&str, &str)], &str); 7] = [
        (&[("content-type", "application/x-www-form-urlencoded")], "List-Unsubscribe=One-Click"),
        (&[("content-type", "application/x-www-form-urlencoded; charset=UTF-8")], "List-Unsubscribe=One-Click\r\n"),
        (&[("content-type", "multipart/form-data; boundary=b")], multipart),
        (&[("content-type", "text/plain")], "List-Unsubscribe=One-Click"),
        (&[], "List-Unsubscribe=One-Click"),
        (&[("cookie", "a=b"), ("origin", "null")], "List-Unsubscribe=One-Click"),
        (&[("user-agent", ""), ("accept", "application/json")], "List-Unsubscribe=One-Click"),
    ];
    let house = House::new().await;
    for (n, (headers, body)) in variants.into_iter().enumerate() {
        let id = house.reader(&format!("reader{n}@example.com"), Status::Active).await.id;
        let path = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, id));
        for _ in 0..3 {
            let reply = house.ask("POST", &path, headers, body).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "Unsubscribed.\n"), "variant {n}");
            assert_eq!((reply.header("location"), reply.header("set-cookie")), ("", ""));
            assert_eq!(house.subscription(id).await.status, Status::Unsubscribed);
        }
        let consents = house.ctx.store.consents(id).await.unwrap();
        let left: Vec<&str> = consents.iter().filter(|c| c.act == "unsubscribed").map(|c| c.source.as_str()).collect();
        assert_eq!(left, ["mail"], "recorded once");
    }
    // A mail program that lets its reader see the answer shows a page and not a word.
    let id = house.reader("seen@example.com", Status::Active).await.id;
    let path = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, id));
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let seen = house.ask("POST", &path, &browser, "List-Unsubscribe=One-Click").await;
    assert_eq!((seen.status, seen.header("location")), (200, ""));
    assert!(seen.body.contains("will get no more mail from") && seen.body.contains("Undo"), "{}", seen.body);
    let gone = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, 9_999));
    let reply = house.post(&gone, "List-Unsubscribe=One-Click").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "Unsubscribed.\n"));
    assert_eq!(house.get(&gone).await.status, 410);
}

#[tokio::test]
async fn leaving_by_the_button_can_be_undone_for_seven_days() {
    let house = House::new().await;
    let id = house.reader("jane@example.com", Status::Active).await.id;
    let path = format!("/s/{}", house.token(Purpose::Unsubscribe, id));
    assert!(house.get(&format!("{path}/unsubscribe")).await.body.contains("Only less often: monthly"));
    let done = house.post(&format!("{path}/unsubscribe"), "").await;
    assert!(done.body.contains("will get no more mail") && done.body.contains(&format!("action=\"{path}/undo\"")));
    assert_eq!(house.subscription(id).await.status, Status::Unsubscribed);
    let undone = house.post(&format!("{path}/undo"), "").await;
    assert!(undone.body.contains("You are subscribed again"));
    assert_eq!(house.subscription(id).await.status, Status::Active);
    house.post(&format!("{path}/unsubscribe"), "").await;
    house.wait(Span::days(7));
    let late = house.post(&format!("{path}/undo"), "").await;
    assert_eq!(late.status, 410);
    assert!(late.body.contains("Too late to undo"));
    assert!(!house.get(&format!("{path}/unsubscribe")).await.body.contains("/undo"));
    assert_eq!(house.subscription(id).await.status, Status::Unsubscribed);
}

#[tokio::test]
async fn less_often_is_the_rarest_cadence_before_and_after_leaving() {
    let house = House::new().await;
    for leave_first in [false, true] {
        let id = house.reader(&format!("jane{leave_first}@example.com"), Status::Active).await.id;
        let path = format!("/s/{}", house.token(Purpose::Unsubscribe, id));
        if leave_first {
            house.post(&format!("{path}/unsubscribe"), "").await;
        }
        let reply = house.post(&format!("{path}/less"), "").await;
        assert!(reply.body.contains("Less often from now on"), "{}", reply.body);
        let now = house.subscription(id).await;
        assert_eq!((now.status, now.cadence), (Status::Active, Cadence::Monthly));
    }
}

#[tokio::test]
async fn nobody_is_told_it_is_done_when_it_could_not_be_written() {
    let house = House::new().await;
    let id = house.reader("jane@example.com", Status::Active).await.id;
    let path = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, id));
    house.ctx.store.close().await;
    let reply = house.post(&path, "List-Unsubscribe=One-Click").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "60"));
}

#[tokio::test]
async fn an_address_typed_by_a_stranger_changes_nothing_until_its_reader_confirms() {
    let house = House::new().await;
    let old_link = |id| format!("/confirm/{}", house.token(Purpose::Confirm, id));
    let reader = house.reader("jane@example.com", Status::Active).await;
    let old = old_link(reader.id);
    house.wait(Span::minutes(1));
    let undo = format!("/s/{}/undo", house.token(Purpose::Unsubscribe, reader.id));
    assert_eq!(house.post(&undo.replace("/undo", "/unsubscribe"), "").await.status, 200);
    let left = house.subscription(reader.id).await;
    house.wait(Span::hours(1));
    assert_eq!(house.post("/subscribe", "email=jane%40example.com&cadence=monthly").await.status, 303);
    let now = house.subscription(reader.id).await;
    let kept = |one: &postroom::domain::subscription::Subscription| (one.status, one.cadence, one.unsubscribed);
    assert_eq!((kept(&now), now.wish), (kept(&left), Some(Cadence::Monthly)));
    assert_eq!(house.get(&old).await.status, 410, "a link from before counts for nothing");
    assert_eq!(house.post(&old, "").await.status, 410);
    assert_eq!(house.post(&undo, "").await.status, 200, "what the page promised");
    assert_eq!(house.subscription(reader.id).await.cadence, Cadence::Weekly);
    // Asked for again and confirmed, it is what was asked for.
    house.post(&undo.replace("/undo", "/unsubscribe"), "").await;
    house.wait(Span::hours(1));
    house.post("/subscribe", "email=jane%40example.com&cadence=monthly").await;
    let link = format!("/confirm/{}", house.token(Purpose::Confirm, reader.id));
    assert!(house.get(&link).await.body.contains("action=\"/confirm/"));
    assert_eq!(house.subscription(reader.id).await.status, Status::Unsubscribed);
    assert_eq!(house.post(&link, "email=jane%40example.com").await.status, 200);
    let back = house.subscription(reader.id).await;
    assert_eq!(
        (back.status, back.cadence, back.wish, back.unsubscribed),
        (Status::Active, Cadence::Monthly, None, None)
    );
    assert!(!house.get(&link).await.body.contains("/s/"), "a used link gives nothing away");
}
