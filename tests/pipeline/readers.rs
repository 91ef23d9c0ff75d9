//! Readers: how they come, what they get, and how they leave.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use postroom::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use postroom::domain::{Address, Cadence};
use postroom::http;
use postroom::store::NewSubscription;
use tower::ServiceExt;

use super::mail::Mail;
use super::office::Office;

impl Office {
    /// A reader of the first newsletter, `NAME@readers.test`.
    pub async fn join(&self, name: &str, cadence: Cadence) -> Subscription {
        let newsletter = self.ctx.settings.newsletters[0].id.clone();
        self.join_to(&newsletter, &[name], cadence).await;
        self.subscription(name).await
    }

    pub async fn join_to(&self, newsletter: &str, names: &[&str], cadence: Cadence) {
        let consent = Consent {
            act: ConsentAct::Vouched,
            source: "import".into(),
            words: "asked at the fair".into(),
            network: None,
        };
        let new: Vec<_> = names
            .iter()
            .map(|name| NewSubscription { address: address(name), cadence, status: Status::Active, since: None })
            .collect();
        let added = self.ctx.store.add_subscriptions(newsletter, &new, &consent, self.ctx.now()).await.unwrap();
        assert_eq!(added.added, names.len() as u64, "{added:?}");
    }

    /// The only subscription of a reader.
    pub async fn subscription(&self, name: &str) -> Subscription {
        let mut all = self.ctx.store.subscriptions_of(&address(name)).await.unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Fills in the form.
    pub async fn subscribe(&self, name: &str) {
        let body = format!("{{\"email\": \"{}\"}}", address(name));
        let (status, answer) = self.ask("POST", "https://news.blog.test/subscribe", "application/json", &body).await;
        assert_eq!(status, 202, "{answer}");
        self.hand_over().await;
    }

    /// Types the address and presses the button behind the link of the confirmation mail.
    pub async fn confirm(&self, name: &str) {
        let link = self.mails(name).last().expect("a confirmation mail").link("https://news.blog.test/confirm/");
        let typed = format!("email={}", address(name).to_string().replace('+', "%2B"));
        let (status, answer) = self.ask("POST", &link, "application/x-www-form-urlencoded", &typed).await;
        assert_eq!(status, 200, "{answer}");
        self.hand_over().await;
    }

    /// Leaves the way the button of a page does.
    pub async fn leave(&self, name: &str) {
        let consent =
            Consent { act: ConsentAct::Unsubscribed, source: "form".into(), words: "bye".into(), network: None };
        let id = self.subscription(name).await.id;
        self.ctx.store.unsubscribe(id, &consent, self.ctx.now()).await.unwrap();
    }

    /// Takes leaving back.
    pub async fn come_back(&self, name: &str) {
        let consent =
            Consent { act: ConsentAct::Returned, source: "form".into(), words: "sorry".into(), network: None };
        let id = self.subscription(name).await.id;
        let back = self.ctx.store.undo_unsubscribe(id, &consent, self.ctx.now()).await.unwrap();
        assert_eq!(back.expect("within seven days").status, Status::Active);
    }

    /// Every mail the relay took for a reader.
    pub fn mails(&self, name: &str) -> Vec<Mail> {
        self.sink.accepted_by(address(name).as_str()).into_iter().map(Mail::read).collect()
    }

    /// The posts of each mail a reader got: `["alpha beta", "gamma"]`.
    pub fn got(&self, name: &str) -> Vec<String> {
        self.mails(name).iter().map(|mail| mail.posts.join(" ")).collect()
    }

    /// A request to the pages; status and body of the answer.
    pub async fn ask(&self, method: &str, url: &str, kind: &str, body: &str) -> (u16, String) {
        let path = url.strip_prefix("https://news.blog.test").expect("a link of ours");
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = http::router(Arc::clone(&self.ctx)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// `NAME@readers.test`, or a whole address.
pub fn address(name: &str) -> Address {
    let whole = if name.contains('@') { name.to_owned() } else { format!("{name}@readers.test") };
    Address::parse(&whole).unwrap()
}
