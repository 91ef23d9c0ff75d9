//! Posts for subscribers on the web: whoever reads by mail opens them in a
//! browser by a link from any mail, or by one they ask for. The link leaves a
//! cookie, signed and out of reach of scripts, that says no more than that.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer::{Answer, page};
use super::intake::Intake;
use super::leaving::open_both;
use super::reading::address_of;
use super::{Shared, Web, cookies, evenly};
use crate::domain::Address;
use crate::domain::subscription::{Status, Subscription};
use crate::domain::time::Span;
use crate::domain::token::Purpose;
use crate::store::StoreError;
use crate::views::pages::confirm::Broken;
use crate::views::pages::posts as post_pages;

const READER: &str = "postroom-reader";

/// Where the reader was when they asked for a link: the end of a path.
const WANTS: &str = "postroom-wants";

/// How long a browser is known; every link begins it anew.
const KNOWN: Span = Span::days(180);

/// How long what was asked for is remembered.
const REMEMBERED: Span = Span::hours(24);

/// Whether the browser of a request is that of somebody who is subscribed now,
/// at the address the browser was let in by.
///
/// # Errors
/// Those of the store.
pub async fn is_reader(web: &Web, headers: &HeaderMap) -> Result<bool, StoreError> {
    let token = cookies::get(headers, READER).and_then(|text| web.ctx.keys.open(Purpose::Read, text));
    let Some(token) = token.filter(|token| token.issued.plus(KNOWN) > web.ctx.now()) else { return Ok(false) };
    let subscription = web.ctx.store.subscription(token.subscription).await?;
    let is_theirs = |one: &Subscription| one.status == Status::Active && !one.is_left_behind(token.issued);
    Ok(subscription.as_ref().is_some_and(is_theirs))
}

/// What is one reader's, or could be, is kept by nobody on the way.
pub fn keep_private(response: &mut Response) {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response.headers_mut().append(VARY, HeaderValue::from_static("Cookie"));
}

/// `GET /s/TOKEN/read`, `GET /s/TOKEN/read/SLUG`: to the post, or to the one a
/// link was asked for at, or to all. Nothing is changed but in this browser.
pub async fn enter(State(web): State<Shared>, Path(parts): Path<Vec<(String, String)>>, headers: HeaderMap) -> Answer {
    let part = |name: &str| parts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (subscription, _) = open_both(&web, Purpose::Manage, part("token").unwrap_or_default()).await?;
    if subscription.status != Status::Active {
        return Err(web.broken(Broken::Ended, &subscription));
    }
    let wanted = part("slug").map(address_of).or_else(|| cookies::get(&headers, WANTS).map(str::to_owned));
    let to = wanted.filter(|slug| is_slug(slug)).map_or_else(|| "/archive".to_owned(), |slug| format!("/posts/{slug}"));
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response();
    cookies::set(&web, READER, &web.fresh(Purpose::Read, &subscription), KNOWN, &mut response);
    Ok(response)
}

/// One part of a path, encoded, and nothing that leads out of it.
fn is_slug(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*' | b'%');
    text.bytes().all(is_plain) && !text.bytes().all(|byte| byte == b'.')
}

/// `POST /posts/SLUG/link`: a link by mail for who is subscribed; for everybody
/// the same answer.
pub async fn ask(State(web): State<Shared>, Path(slug): Path<String>, intake: Intake) -> Answer {
    let typed = intake.form()?.remove("email").unwrap_or_default();
    web.take_try(&intake)?;
    let site = web.site();
    let Ok(address) = Address::parse(&typed) else {
        return Ok(page(422, post_pages::ask_for_link(&site, &address_of(&slug)).into_string()));
    };
    // Only for a subscriber is anything written.
    evenly(web.ctx.store.send_reading_link(&address, web.ctx.settings.mail.expire, site.now)).await?;
    web.ctx.wake.outbox.notify_one();
    let mut response = page(200, post_pages::link_sent(&site).into_string());
    cookies::set(&web, WANTS, &address_of(&slug), REMEMBERED, &mut response);
    Ok(response)
}
