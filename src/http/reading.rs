//! Pages and files that are only read.

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::{Answer, Failure, open_policy, page, public_page};
use super::intake::{Peer, client};
use super::limit::Network;
use super::{Shared, Web};
use crate::domain::Timestamp;
use crate::domain::edition::{Edition, State as EditionState};
use crate::feeds::{Asset, FORMATS};
use crate::store::Found;
use crate::views::pages::editions::{self as edition_pages, EditionLine};
use crate::views::pages::faults::Fault;
use crate::views::pages::feeds::{self as feed_pages, FeedLine, Feeds};
use crate::views::pages::form::Form;
use crate::views::pages::posts as post_pages;

/// Posts on the first page.
const LATEST: usize = 5;

/// Editions on their page.
const EDITIONS: i64 = 200;

/// `/`
pub async fn home(State(web): State<Shared>) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    let latest = &shelves.posts[..shelves.posts.len().min(LATEST)];
    Ok(public_page(post_pages::home(&site, latest, &Form::new(web.newsletters())).into_string()))
}

/// `/archive`
pub async fn archive(State(web): State<Shared>) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    Ok(public_page(post_pages::archive(&site, &shelves.posts).into_string()))
}

/// `/posts/SLUG`
pub async fn post(State(web): State<Shared>, Path(slug): Path<String>) -> Answer {
    let site = web.site();
    match web.ctx.store.post_by_slug(&slug, site.now).await? {
        Found::Post(post) => {
            let mut response = public_page(post_pages::post(&site, &post).into_string());
            open_policy(&mut response, "'self'");
            Ok(response)
        }
        Found::Gone => Err(Failure::Page(Fault::PostRemoved)),
        Found::Unknown => Err(Failure::Page(Fault::Unknown)),
    }
}

/// `/editions`
pub async fn editions(State(web): State<Shared>) -> Answer {
    let editions = web.ctx.store.editions(EDITIONS).await?;
    let lines: Vec<_> = editions.into_iter().filter(has_gone_out).filter_map(|edition| line(&web, edition)).collect();
    Ok(public_page(edition_pages::editions(&web.site(), &lines).into_string()))
}

/// A held edition waits for the operator; a cancelled one was taken back.
fn has_gone_out(edition: &Edition) -> bool {
    matches!(edition.state, EditionState::Sending | EditionState::Paused | EditionState::Finished)
}

/// How lists and the welcome name an edition; not at all one without a page.
pub fn line(web: &Web, edition: Edition) -> Option<EditionLine> {
    let newsletter = web.newsletter(&edition.newsletter).map(|newsletter| newsletter.title.clone());
    Some(EditionLine {
        number: edition.number,
        subject: edition.public_subject?,
        newsletter: newsletter.unwrap_or(edition.newsletter),
        sealed: edition.sealed,
    })
}

/// `/editions/N`: the mail as it was sent, but for what is subscribers' alone, with links for everybody where a
/// subscriber's own would stand.
pub async fn edition(State(web): State<Shared>, Path(number): Path<String>) -> Answer {
    let unknown = Failure::Page(Fault::Unknown);
    let number: i64 = number.parse().map_err(|_| unknown)?;
    let edition = web.ctx.store.edition(number).await?.ok_or(unknown)?;
    match edition.state {
        EditionState::Held => return Err(unknown),
        EditionState::Cancelled => return Err(Failure::Page(Fault::EditionCancelled)),
        EditionState::Sending | EditionState::Paused | EditionState::Finished => {}
    }
    let html = web.ctx.store.public_copy(number).await?.ok_or(unknown)?;
    let mut response = public_page(edition_pages::public_copy(&web.site(), number, &html));
    open_policy(&mut response, "'unsafe-inline'");
    Ok(response)
}

/// `/feeds`
pub async fn feeds(State(web): State<Shared>) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    let line = |topic: Option<&str>, folder: &str, latest: Option<Timestamp>| FeedLine {
        topic: topic.map(str::to_owned),
        latest,
        addresses: FORMATS.iter().map(|f| (f.name, web.ctx.public(&format!("{folder}/{}", f.file)))).collect(),
    };
    let mut lines = vec![line(None, "", shelves.posts.first().map(|post| post.date))];
    for topic in &shelves.topics {
        let folder = format!("/topics/{}", encoded(&topic.slug));
        lines.push(line(Some(&topic.name), &folder, Some(topic.latest)));
    }
    let full_text = web.ctx.settings.feeds.full_text;
    Ok(public_page(feed_pages::feeds(&site, &Feeds { lines: &lines, full_text }).into_string()))
}

/// A slug as it stands in an address; letters of every script are allowed in it.
fn encoded(slug: &str) -> String {
    url::form_urlencoded::byte_serialize(slug.as_bytes()).collect()
}

/// Refuses networks that ask for feeds without end. Programs on this machine, and
/// a proxy that does not say for whom it speaks, are nobody's network.
pub async fn polled(State(web): State<Shared>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>();
    let client = peer.map(|peer| client(&web.ctx.settings.http, peer.0, request.headers()));
    match client.filter(|client| !web.ctx.settings.http.trusts(*client)) {
        Some(client) => match web.polls.take(Network::from(client), web.ctx.now()) {
            Ok(()) => next.run(request).await,
            Err(wait) => Failure::TooMany(wait).into_response(),
        },
        None => next.run(request).await,
    }
}

/// A feed of all posts, or the style sheet of feeds.
pub async fn published(State(web): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Answer {
    let asset = web.ctx.site.get(uri.path()).ok_or(Failure::Page(Fault::Unknown))?;
    Ok(seen_by_people(&headers, send(&asset, &method, &headers)))
}

/// A feed of one topic.
pub async fn published_topic(
    State(web): State<Shared>,
    Path((topic, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let asset = web.ctx.site.get(&format!("/topics/{topic}/{file}")).ok_or(Failure::Page(Fault::Unknown))?;
    Ok(seen_by_people(&headers, send(&asset, &method, &headers)))
}

/// A browser shows a feed that goes by its own media type as bare text, and one
/// that goes by XML's as its style sheet says. Only a browser about to show what
/// it gets names a document as the destination (Fetch Metadata): feed readers
/// always get the type of the feed.
fn seen_by_people(headers: &HeaderMap, mut response: Response) -> Response {
    const DESTINATION: &str = "sec-fetch-dest";
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_xml = kind.split(';').next().is_some_and(|kind| kind.ends_with("+xml"));
    if is_xml || response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().append(VARY, HeaderValue::from_static("Sec-Fetch-Dest"));
    }
    if is_xml && headers.get(DESTINATION).is_some_and(|destination| destination == "document") {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"));
    }
    response
}

/// The style sheet and the icon of pages.
pub async fn file(State(web): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Answer {
    let file = web.files.iter().find(|(path, _)| *path == uri.path());
    let (_, asset) = file.ok_or(Failure::Page(Fault::Unknown))?;
    Ok(send(asset, &method, &headers))
}

fn send(asset: &Asset, method: &Method, headers: &HeaderMap) -> Response {
    let joined = |name: HeaderName| {
        let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    let (encodings, tags, since) = (joined(ACCEPT_ENCODING), joined(IF_NONE_MATCH), joined(IF_MODIFIED_SINCE));
    let answer = asset.answer(method.as_str(), encodings.as_deref(), tags.as_deref(), since.as_deref());
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if status.is_success() || status == StatusCode::NOT_MODIFIED {
        Response::new(Body::from(Bytes::from_owner(answer.body)))
    } else {
        page(answer.status, String::new())
    };
    *response.status_mut() = status;
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
