//! Feeds and the page about them, lists and style sheets: files made once, read
//! by programs again and again.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use super::answer::{Answer, Failure, guard, page, public_page};
use super::intake::{Peer, client};
use super::joining::language_of;
use super::limit::Network;
use super::reading::address_of;
use super::{Shared, Web};
use crate::domain::time::Span;
use crate::feeds::{ArchivePage, Asset, Catalogue, FORMATS, Kind, OPML_PATH, Shelf};
use crate::telemetry;
use crate::views::pages::faults::Fault;
use crate::views::pages::feeds::{self as feed_pages, About, FeedLine, Feeds};

/// `/feeds`
pub async fn feeds(State(web): State<Shared>) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    let full_text = web.ctx.settings.feeds.full_text;
    let lines: Vec<FeedLine> =
        shelves.catalogue.shelves.iter().map(|shelf| line(&web, &shelves.catalogue, shelf)).collect();
    let opml = web.ctx.public(OPML_PATH);
    Ok(public_page(feed_pages::feeds(&site, &Feeds { lines: &lines, full_text, opml: &opml }).into_string()))
}

fn line(web: &Web, catalogue: &Catalogue, shelf: &Shelf) -> FeedLine {
    let addresses = |below: &str| {
        let folder = address_of(&format!("{}{below}", shelf.folder));
        FORMATS.iter().map(|f| (f.name, web.ctx.public(&format!("{folder}/{}", f.file)))).collect()
    };
    let has_summaries = web.ctx.settings.feeds.full_text && shelf.kind != Kind::Editions;
    FeedLine {
        about: match shelf.kind {
            Kind::Site => About::Posts,
            Kind::Topic => About::Topic(shelf.name.clone()),
            Kind::Author => About::Author(shelf.name.clone()),
            Kind::Editions => About::Editions(shelf.name.clone()),
        },
        latest: catalogue.latest(shelf),
        addresses: addresses(""),
        summaries: if has_summaries { addresses("/summary") } else { Vec::new() },
    }
}

/// Refuses networks that ask for feeds without end.
pub async fn polled(State(web): State<Shared>, request: Request, next: Next) -> Response {
    match admit(&web, &request) {
        Ok(()) => next.run(request).await,
        Err(wait) => Failure::TooMany(wait).into_response(),
    }
}

/// Takes one try of the network a request comes from. Programs on this machine, and
/// a proxy that does not say for whom it speaks, are nobody's network.
///
/// # Errors
/// How long it has to wait.
fn admit(web: &Web, request: &Request) -> Result<(), Span> {
    let http = &web.ctx.settings.http;
    let peer = request.extensions().get::<Peer>();
    let client = peer.map(|peer| client(http, peer.0, request.headers())).filter(|client| !http.trusts(*client));
    client.map_or(Ok(()), |client| web.polls.take(Network::from(client), web.ctx.now()))
}

/// Answers at once who asks for a published file, as most who ask do, and leads
/// everybody else to the table of routes: the way through it costs more than
/// such an answer.
#[derive(Clone)]
pub struct Swift {
    /// What handlers share.
    pub web: Shared,
    /// Who answers everything else, and the same files where they are asked for in another spelling.
    pub routes: Router,
}

impl Service<Request> for Swift {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match published(&self.web, &request) {
            Some(response) => Box::pin(ready(Ok(response))),
            None => Box::pin(self.routes.clone().oneshot(request)),
        }
    }
}

/// A published file for who asks for it under its path and may have it.
fn published(web: &Web, request: &Request) -> Option<Response> {
    let started = Instant::now();
    let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let files = web.ctx.site.all();
    let asset = files.get(path)?;
    admit(web, request).ok()?;
    let mut response = seen_by_people(headers, send(asset, method, headers));
    if !matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
        return None;
    }
    guard(&mut response, false);
    telemetry::request(method.as_str(), path, response.status().as_u16(), started.elapsed());
    Some(response)
}

/// A file of the site as a whole.
pub async fn site(State(web): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Answer {
    let asset = web.ctx.site.get(uri.path()).ok_or(Failure::Page(Fault::Unknown))?;
    Ok(seen_by_people(&headers, send(&asset, &method, &headers)))
}

/// A feed in a folder, or a page of a feed's archive.
pub async fn below(
    State(web): State<Shared>,
    Path(parts): Path<Vec<(String, String)>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let folder = uri.path().split('/').nth(1).unwrap_or_default();
    let path = parts.iter().fold(format!("/{folder}"), |path, (_, part)| format!("{path}/{part}"));
    if let Some(asset) = web.ctx.site.get(&path) {
        return Ok(seen_by_people(&headers, send(&asset, &method, &headers)));
    }
    let asset = archive_page(&web, &path).await?.ok_or(Failure::Page(Fault::Unknown))?;
    Ok(seen_by_people(&headers, send(&asset, &method, &headers)))
}

/// A page of a feed's archive, made now.
async fn archive_page(web: &Web, path: &str) -> Result<Option<Asset>, Failure> {
    let shelves = web.library.shelves(&web.ctx, web.ctx.now()).await?;
    let Some(page) = ArchivePage::at(&web.ctx.masthead(), &shelves.catalogue, path) else { return Ok(None) };
    match web.ctx.archive_page(&shelves.catalogue, &page).await {
        // Its posts may be older than its links to the pages beside it.
        Ok(asset) => Ok(Some(asset.modified_at(shelves.modified))),
        Err(error) => {
            telemetry::request_failed(&error.to_string());
            Err(Failure::Page(Fault::Unavailable))
        }
    }
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

/// The style sheet and the icon of pages, and the word to robots.
pub async fn file(State(web): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Answer {
    let file = web.files.iter().find(|(path, _)| *path == uri.path());
    let (_, asset) = file.ok_or(Failure::Page(Fault::Unknown))?;
    Ok(send(asset, &method, &headers))
}

/// `/embed.js`, `/embed.js?language=TAG`
pub async fn script(State(web): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Answer {
    let language = language_of(&web, &uri);
    let script = web.scripts.iter().find(|(spoken, _)| *spoken == language);
    let (_, asset) = script.ok_or(Failure::Page(Fault::Unknown))?;
    Ok(send(asset, &method, &headers))
}

/// The answer to one request for a file.
pub fn send(asset: &Asset, method: &Method, headers: &HeaderMap) -> Response {
    let joined = |name: HeaderName| {
        let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let first = values.next()?;
        let more: Vec<&str> = values.collect();
        Some(if more.is_empty() { Cow::Borrowed(first) } else { Cow::Owned(format!("{first}, {}", more.join(", "))) })
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
    response.headers_mut().reserve(16);
    for (name, value) in answer.headers {
        let value = match value {
            Cow::Borrowed(value) => HeaderValue::from_str(value),
            Cow::Owned(value) => HeaderValue::from_maybe_shared(Bytes::from(value)),
        };
        if let Ok(value) = value {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
