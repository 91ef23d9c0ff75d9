//! Programs that open every link of a mail before its reader does, and press
//! every button they find there: as mail gateways do.

use postroom::domain::subscription::Status;
use postroom::domain::time::Span;
use postroom::domain::token::Purpose;

use super::house::{House, Reply};

/// One form of a page: where it posts to, and its fields as they stand.
struct Found {
    action: String,
    body: String,
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

/// Every button of a page, with what a program sends that presses it without typing.
fn buttons(page: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for form in page.split("<form").skip(1).filter_map(|rest| rest.split_once("</form>")).map(|(form, _)| form) {
        let mut fields = url::form_urlencoded::Serializer::new(String::new());
        for tag in form.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let is_choice = tag.contains("type=\"radio\"") || tag.contains("type=\"checkbox\"");
            if let Some(name) = attribute(tag, "name").filter(|_| !is_choice || tag.contains(" checked")) {
                fields.append_pair(name, attribute(tag, "value").unwrap_or_default());
            }
        }
        let body = fields.finish();
        let own = attribute(form, "action").unwrap_or_default();
        for button in form.split("<button").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let action = attribute(button, "formaction").unwrap_or(own).to_owned();
            found.push(Found { action, body: body.clone() });
        }
    }
    found
}

/// Opens a link by GET and HEAD, and presses everything on its page and on the pages behind, without cookies.
async fn scan(house: &House, link: &str) -> Vec<Reply> {
    let mut replies = vec![house.ask("HEAD", link, &[], "").await];
    let first = house.get(link).await;
    for button in buttons(&first.body) {
        let second = house.post(&button.action, &button.body).await;
        for again in buttons(&second.body) {
            replies.push(house.post(&again.action, &again.body).await);
        }
        replies.push(second);
    }
    replies.push(first);
    replies
}

#[tokio::test]
async fn nobody_is_subscribed_or_moved_by_a_program_that_presses_the_buttons_behind_links() {
    let house = House::new().await;
    let asked = house.post("/subscribe", "email=jane%40example.com&cadence=weekly").await;
    let pending = house.reader("pending@example.com", Status::Pending).await;
    let active = house.reader("active@example.com", Status::Active).await;
    let ask = format!("/s/{}/address", house.token(Purpose::Manage, active.id));
    house.post(&ask, "email=a%40new.example&current=active%40example.com").await;
    let before = (house.subscription(pending.id).await, house.subscription(active.id).await);
    for link in [
        format!("/confirm/{}", house.token(Purpose::Confirm, pending.id)),
        format!("/s/{}/move", house.move_token(active.id, "a@new.example")),
    ] {
        let replies = scan(&house, &link).await;
        assert!(replies.iter().all(|reply| reply.status < 500), "{link}");
        assert!(replies.iter().any(|reply| reply.status == 422), "{link}: a button was pressed");
    }
    assert_eq!((house.subscription(pending.id).await, house.subscription(active.id).await), before);
    // A reader presses once, in the browser the form was sent from, and elsewhere types the address.
    let jane = postroom::domain::Address::parse("jane@example.com").unwrap();
    let jane = house.ctx.store.subscriptions_of(&jane).await.unwrap().remove(0);
    let link = format!("/confirm/{}", house.token(Purpose::Confirm, jane.id));
    let page = house.ask("GET", &link, &[("cookie", asked.cookie())], "").await;
    assert!(!page.body.contains("name=\"email\"") && page.body.contains("Confirm subscription"), "{}", page.body);
    assert_eq!(house.post_with(&link, asked.cookie(), "").await.status, 200);
    assert_eq!(house.subscription(jane.id).await.status, Status::Active);
    // The cookie of one address does not confirm another, and ends with the link.
    let other = format!("/confirm/{}", house.token(Purpose::Confirm, pending.id));
    assert_eq!(house.post_with(&other, asked.cookie(), "").await.status, 422);
    house.wait(Span::days(7));
    let late = format!("/confirm/{}", house.token(Purpose::Confirm, pending.id));
    assert!(house.ask("GET", &late, &[("cookie", asked.cookie())], "").await.body.contains("name=\"email\""));
}

#[tokio::test]
async fn a_reader_a_program_unsubscribed_hears_of_it_and_takes_it_back() {
    let house = House::new().await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let leave = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, reader.id));
    for button in buttons(&house.get(&leave).await.body).iter().filter(|button| button.action == leave) {
        house.post(&button.action, &button.body).await;
    }
    assert_eq!(house.subscription(reader.id).await.status, Status::Unsubscribed);
    assert!(house.letters("jane@example.com").await.contains(&"goodbye".to_owned()));
    assert_eq!(house.post(&leave.replace("/unsubscribe", "/undo"), "").await.status, 200);
    assert_eq!(house.subscription(reader.id).await.status, Status::Active);
}

#[tokio::test]
async fn a_mail_program_that_unsubscribes_is_not_answered_by_mail() {
    let house = House::new().await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let leave = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, reader.id));
    house.post(&leave, "List-Unsubscribe=One-Click").await;
    assert!(!house.letters("jane@example.com").await.contains(&"goodbye".to_owned()));
}

#[tokio::test]
async fn the_buttons_of_the_preferences_save_what_is_there_and_erase_nothing() {
    let house = House::new().await;
    house.posts_about(&[("one", &["Rust", "Radio"])]).await;
    let reader = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, reader.id));
    house.post(&manage, "cadence=monthly&topic%3Arust=on").await;
    let before = house.subscription(reader.id).await;
    for link in [manage.clone(), format!("{manage}/data")] {
        scan(&house, &link).await;
    }
    assert_eq!(house.subscription(reader.id).await, before);
}
