//! A subscriber's own feed: every post in full, at an address that is theirs
//! alone and ends when they say so or leave.

use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, Method};

use super::answer::{Answer, Failure};
use super::choosing::{Said, choices};
use super::following::send;
use super::intake::Intake;
use super::leaving::open_both;
use super::{Shared, Web};
use crate::domain::Post;
use crate::domain::subscription::Status;
use crate::domain::token::{Purpose, Token};
use crate::feeds::{self, FORMATS};
use crate::store::StoreError;
use crate::telemetry;
use crate::views::pages::confirm::Broken;
use crate::views::pages::faults::Fault;

/// What may keep it, and how long: nobody but who asked.
const OWN: HeaderValue = HeaderValue::from_static("private, max-age=300");

/// `GET /private/TOKEN/feed.xml`
pub async fn feed(
    State(web): State<Shared>,
    Path((token, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let unknown = Failure::Page(Fault::Unknown);
    let format = FORMATS.iter().find(|format| format.file == file).ok_or(unknown)?;
    let opened = web.ctx.keys.open(Purpose::Feed, &token).ok_or(unknown)?;
    let issued = web.ctx.store.private_feed(opened.subscription).await?;
    if issued != Some(opened.issued) {
        return Err(Failure::GONE);
    }
    let shelves = web.library.shelves(&web.ctx, web.ctx.now()).await?;
    let catalogue = &shelves.catalogue;
    let items: Vec<usize> = catalogue.shelf("").map(|shelf| shelf.items.clone()).unwrap_or_default();
    let items = &items[..items.len().min(web.ctx.settings.feeds.items)];
    let posts = web.ctx.with_bodies(catalogue, items).await?;
    let posts: Vec<&Post> = posts.iter().collect();
    let public = web.ctx.site.get("/atom.xml").map(|asset| asset.feed_id).filter(|id| !id.is_empty());
    let id = public.unwrap_or_else(|| web.ctx.public("/atom.xml")) + "#subscriber";
    let path = format!("/private/{token}/{file}");
    let made = feeds::private(&web.ctx.masthead(), &posts, (&path, &id), format).map_err(|error| {
        telemetry::request_failed(&error.to_string());
        Failure::Page(Fault::Broken)
    })?;
    // A post that left changes it too, whatever the dates of those that stay.
    let asset = made.modified_at(shelves.modified);
    let mut response = send(&asset, &method, &headers);
    response.headers_mut().insert(CACHE_CONTROL, OWN);
    Ok(response)
}

/// `POST /s/TOKEN/feed`: a new address, or none.
pub async fn manage(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, newsletter) = open_both(&web, Purpose::Manage, &token).await?;
    if subscription.status != Status::Active {
        return Err(web.broken(Broken::Ended, &subscription));
    }
    match intake.form()?.get("act").map(String::as_str) {
        Some("open") => {
            web.ctx.store.open_private_feed(subscription.id, web.ctx.now()).await?;
        }
        Some("close") => web.ctx.store.close_private_feed(subscription.id).await?,
        _ => return Err(Failure::Page(Fault::Garbled)),
    }
    choices(&web, &subscription, newsletter, &token, Said::Nothing).await
}

/// The addresses of a subscriber's own feed, by format; `None` where there is
/// none and nothing to read in it that is not open to all.
///
/// # Errors
/// Those of the store.
pub async fn addresses(web: &Web, subscription: i64) -> Result<Option<Vec<(&'static str, String)>>, StoreError> {
    let Some(issued) = web.ctx.store.private_feed(subscription).await? else {
        return Ok(web.ctx.store.has_closed_posts().await?.then(Vec::new));
    };
    let token = web.ctx.keys.seal(Purpose::Feed, Token { subscription, issued });
    let address = |file: &str| web.ctx.public(&format!("/private/{token}/{file}"));
    Ok(Some(FORMATS.iter().map(|format| (format.name, address(format.file))).collect()))
}
