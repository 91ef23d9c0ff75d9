//! The web inbox on loopback: every caught message as its reader sees it, and
//! the same as JSON.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::mailbox::{Caught, Mailbox};
use super::screens::{self, List, Pane, Place, View};
use crate::views::tokens;

/// The one picture the sample posts use.
const WINDOW: &[u8] = include_bytes!("posts/window.png");

/// What the inbox shows, and where it stands.
pub struct Inbox {
    /// The mail.
    pub mailbox: Arc<Mailbox>,
    /// Its own address and the demo's others.
    pub place: Place,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    to: String,
    view: Option<String>,
    open: Option<String>,
    since: Option<u64>,
}

/// The routes of the inbox.
pub fn router(inbox: Inbox) -> Router {
    let inbox = Arc::new(inbox);
    Router::new()
        .route("/", get(first))
        .route("/messages", get(all))
        .route("/messages/{id}", get(one))
        .route("/messages/{id}/html", get(html_part))
        .route("/list", get(list))
        .route("/api/messages", get(api_list))
        .route("/api/messages/{id}", get(api_one))
        .route("/pictures/window.png", get(async || ([(CONTENT_TYPE, "image/png")], WINDOW)))
        .route(
            "/inbox.css",
            get(async || ([(CONTENT_TYPE, "text/css; charset=utf-8")], tokens::fill(include_str!("inbox.css")))),
        )
        .route(
            "/inbox.js",
            get(async || ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("inbox.js"))),
        )
        .layer(from_fn_with_state(Arc::clone(&inbox), guard))
        .with_state(inbox)
}

/// Answers only to its own name, so that no web site can read the inbox
/// through a name that points here, and says what a page may load.
async fn guard(State(inbox): State<Arc<Inbox>>, request: Request, next: Next) -> Response {
    let url = &inbox.place.inbox_url;
    let port = url.rsplit_once(':').map_or("80", |(_, port)| port);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if ![format!("127.0.0.1:{port}"), format!("localhost:{port}")].iter().any(|own| own == host) {
        return (StatusCode::MISDIRECTED_REQUEST, format!("this inbox answers as {url} only\n")).into_response();
    }
    let mut response = next.run(request).await;
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
         frame-src 'self'; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        inbox.place.public_url
    );
    let headers = response.headers_mut();
    if let (false, Ok(policy)) = (headers.contains_key(CONTENT_SECURITY_POLICY), HeaderValue::from_str(&policy)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn first(State(inbox): State<Arc<Inbox>>, Query(asked): Query<Asked>) -> Html<String> {
    match inbox.mailbox.first_edition() {
        Some(message) => inbox.page(&asked, &Pane::Message(&message, View::named(asked.view.as_deref()))),
        None => inbox.page(&asked, &Pane::Waiting),
    }
}

async fn all(State(inbox): State<Arc<Inbox>>, Query(asked): Query<Asked>) -> Html<String> {
    inbox.page(&asked, &Pane::Nothing)
}

async fn one(State(inbox): State<Arc<Inbox>>, Path(id): Path<u64>, Query(asked): Query<Asked>) -> Response {
    match inbox.mailbox.get(id) {
        Some(message) => {
            inbox.page(&asked, &Pane::Message(&message, View::named(asked.view.as_deref()))).into_response()
        }
        None => (StatusCode::NOT_FOUND, inbox.page(&asked, &Pane::Gone)).into_response(),
    }
}

/// The HTML part alone, as a mail program shows it: nothing runs, nothing is
/// loaded from elsewhere, links open in a new tab.
async fn html_part(State(inbox): State<Arc<Inbox>>, Path(id): Path<u64>) -> Response {
    let Some(html) = inbox.mailbox.get(id).and_then(|message| message.open().html) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src {} data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox",
        inbox.place.inbox_url
    );
    ([(CONTENT_SECURITY_POLICY, policy)], Html(opening_links_outside(&html))).into_response()
}

/// The page with `<base target>` as the first thing in its head: the one
/// change made to a message, and every web mail makes it.
fn opening_links_outside(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    let at = html.find("<head>").map_or(0, |at| at + "<head>".len());
    let (before, after) = html.split_at(at);
    // Without a head nothing may come before the doctype, so it goes last.
    if at == 0 { format!("{html}{BASE}") } else { format!("{before}{BASE}{after}") }
}

/// The rows, for the script; 204 while nothing has come after `since`.
async fn list(State(inbox): State<Arc<Inbox>>, Query(asked): Query<Asked>) -> Response {
    let open = asked.open.as_deref().and_then(|id| id.parse().ok());
    let list = inbox.list(&asked.to, open);
    if asked.since.is_some_and(|since| since >= list.latest) {
        return StatusCode::NO_CONTENT.into_response();
    }
    ([("x-latest", list.latest.to_string())], Html(screens::rows(&list).into_string())).into_response()
}

async fn api_list(State(inbox): State<Arc<Inbox>>, Query(asked): Query<Asked>) -> Json<Value> {
    let rows = inbox.list(&asked.to, None).messages;
    Json(rows.iter().map(|message| facts(message)).collect())
}

async fn api_one(State(inbox): State<Arc<Inbox>>, Path(id): Path<u64>) -> Response {
    let Some(message) = inbox.mailbox.get(id) else {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": "no such message" }))).into_response();
    };
    let (mut facts, opened) = (facts(&message), message.open());
    facts["html"] = json!(opened.html);
    facts["text"] = json!(opened.text);
    facts["headers"] =
        opened.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>().into();
    facts["raw"] = String::from_utf8_lossy(&message.raw).into();
    Json(facts).into_response()
}

fn facts(message: &Caught) -> Value {
    json!({
        "id": message.id,
        "from": message.from,
        "to": message.recipients(),
        "subject": message.subject,
        "received": message.received.rfc3339(),
        "edition": message.edition,
    })
}

impl Inbox {
    fn page(&self, asked: &Asked, pane: &Pane<'_>) -> Html<String> {
        let open = match pane {
            Pane::Message(message, _) => Some(message.id),
            _ => None,
        };
        Html(screens::page(&self.place, &self.list(&asked.to, open), pane).into_string())
    }

    fn list(&self, to: &str, open: Option<u64>) -> List {
        let (latest, wanted) = (*self.mailbox.arrivals().borrow(), to.trim().to_lowercase());
        let mut messages = self.mailbox.newest_first();
        messages.retain(|message| message.recipients().to_lowercase().contains(&wanted));
        List { messages, to: to.trim().to_owned(), open, latest }
    }
}
