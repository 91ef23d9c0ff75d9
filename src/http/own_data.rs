//! What is kept about a reader: theirs to take away, and to have erased. A mail
//! that was passed on shows its links to others, so they also type the address.

use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_DISPOSITION;
use serde_json::{Value, json};

use super::answer::{Answer, Failure, document, page};
use super::intake::Intake;
use super::leaving::open_both;
use super::{Shared, Web, cookies};
use crate::domain::Address;
use crate::domain::subscription::Subscription;
use crate::domain::token::Purpose;
use crate::store::{Erased, StoreError};
use crate::views::pages::data::{self as data_pages, Data};
use crate::views::pages::faults::Fault;

/// `GET /s/TOKEN/data`
pub async fn question(State(web): State<Shared>, Path(token): Path<String>) -> Answer {
    let (subscription, _) = open_both(&web, Purpose::Manage, &token).await?;
    Ok(ask(&web, &subscription, &token, false))
}

/// `POST /s/TOKEN/data`
pub async fn download(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, _) = open_both(&web, Purpose::Manage, &token).await?;
    web.take_try(&intake)?;
    if !cookies::has_typed(&intake, "email", &subscription.address) {
        return Ok(ask(&web, &subscription, &token, true));
    }
    let mut response = document(200, &kept_about(&web, &subscription).await?);
    let name = HeaderValue::from_static("attachment; filename=\"my-data.json\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// `POST /s/TOKEN/erase`
pub async fn erase(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, _) = open_both(&web, Purpose::Manage, &token).await?;
    web.take_try(&intake)?;
    if !cookies::has_typed(&intake, "email", &subscription.address) {
        return Ok(ask(&web, &subscription, &token, true));
    }
    let mut salt = [0; 16];
    web.ctx.ids.fill(&mut salt);
    let salt = format!("{:032x}", u128::from_le_bytes(salt));
    match web.ctx.store.erase(&subscription, &salt, web.ctx.now()).await? {
        Erased::Done => Ok(page(200, data_pages::erased(&web.site_of(&subscription)).into_string())),
        Erased::Busy => Err(Failure::Page(Fault::Unavailable)),
    }
}

fn ask(web: &Web, subscription: &Subscription, token: &str, is_wrong: bool) -> axum::response::Response {
    let address = subscription.address.masked();
    let model = Data { address: &address, path: &format!("/s/{token}"), is_wrong };
    page(if is_wrong { 422 } else { 200 }, data_pages::data(&web.site_of(subscription), &model).into_string())
}

/// Everything that names a subscriber, whichever newsletter it belongs to.
async fn kept_about(web: &Web, whose: &Subscription) -> Result<Value, StoreError> {
    let store = &web.ctx.store;
    let addresses = store.addresses_of(whose.subscriber_id).await?;
    let (mut subscriptions, mut all, mut mails) = (Vec::new(), Vec::new(), Vec::new());
    for address in &addresses {
        all.extend(store.subscriptions_of(address).await?);
        mails.extend(store.deliveries_to(address).await?);
    }
    for one in all {
        let consents = store.consents(one.id).await?;
        let consents = consents.iter().map(|c| {
            json!({ "at": c.at.rfc3339(), "act": c.act, "source": c.source, "words": c.words, "network": c.network })
        });
        subscriptions.push(json!({
            "newsletter": one.newsletter,
            "status": one.status.as_str(),
            "cadence": one.cadence.as_str(),
            "language": one.language,
            "topics": one.topics,
            "paused_until": one.paused_until.map(|at| at.rfc3339()),
            "asked": one.created.rfc3339(),
            "confirmed": one.confirmed.map(|at| at.rfc3339()),
            "unsubscribed": one.unsubscribed.map(|at| at.rfc3339()),
            "own_feed_since": store.private_feed(one.id).await?.map(|at| at.rfc3339()),
            "consents": consents.collect::<Vec<_>>(),
        }));
    }
    let mails = mails.iter().map(|mail| {
        json!({
            "kind": mail.kind.as_str(),
            "edition": mail.edition,
            "written": mail.created.rfc3339(),
            "state": mail.state.as_str(),
            "reason": mail.reason,
            "settled": mail.settled.map(|at| at.rfc3339()),
        })
    });
    let suppressed = store.suppression(&whose.address).await?;
    Ok(json!({
        "schema": 1,
        "address": whose.address.as_str(),
        "addresses": addresses.iter().map(Address::as_str).collect::<Vec<_>>(),
        "subscriptions": subscriptions,
        "mails": mails.collect::<Vec<_>>(),
        "not_mailed": suppressed.map(|(why, since)| json!({ "why": why, "since": since.rfc3339() })),
    }))
}
