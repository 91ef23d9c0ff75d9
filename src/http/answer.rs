//! Answers: the one mapping from what went wrong to status and page, and the
//! headers every response carries.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::Instant;

use super::{Shared, Web, intake};
use crate::domain::time::Span;
use crate::store::StoreError;
use crate::telemetry;
use crate::views::pages::Site;
use crate::views::pages::confirm::{Broken, broken};
use crate::views::pages::faults::{Fault, fault, sentences};
use crate::views::pages::form::Form;
use crate::views::words::Words;

const PAGE: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const NO_INDEX: HeaderName = HeaderName::from_static("x-robots-tag");

/// Nothing runs, nothing is fetched from elsewhere, nobody frames a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Why a request is not answered as it hoped.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// A fixed page.
    Page(Fault),
    /// A link that leads nowhere any more, with a way to a new one, in the words of its reader where those are not
    /// the site's.
    Link(Broken, Option<&'static Words>),
    /// Too many tries; come back after this long.
    TooMany(Span),
}

impl Failure {
    /// No token of ours.
    pub const DAMAGED: Self = Self::Link(Broken::Damaged, None);
    /// The subscription a token was for is gone.
    pub const GONE: Self = Self::Link(Broken::Ended, None);
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        telemetry::request_failed(&error.to_string());
        Self::Page(match error {
            StoreError::Value(_) => Fault::Broken,
            _ => Fault::Unavailable,
        })
    }
}

impl IntoResponse for Failure {
    /// The status alone; [`dress`] puts the page around it, which needs the
    /// site's words.
    fn into_response(self) -> Response {
        let status = match self {
            Self::Page(fault) => fault.status(),
            Self::Link(Broken::Damaged, _) => 404,
            Self::Link(Broken::Moved | Broken::Ended | Broken::TooLate, _) => 410,
            Self::TooMany(_) => 429,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let wait = match self {
            Self::TooMany(wait) => Some(wait.0.div_euclid(1_000) + 1),
            Self::Page(Fault::Unavailable) => Some(60),
            _ => None,
        };
        if let Some(seconds) = wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// What a handler of pages gives back.
pub type Answer = Result<Response, Failure>;

/// A response that is whole as it is, whatever its status.
#[derive(Clone, Copy)]
struct Whole;

/// A page.
pub fn page(status: u16, html: String) -> Response {
    whole(status, PAGE, html)
}

/// A page anybody may keep for a minute.
pub fn public_page(html: String) -> Response {
    let mut response = page(200, html);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}

/// A JSON document.
pub fn document(status: u16, value: &serde_json::Value) -> Response {
    whole(status, JSON, value.to_string())
}

/// A line or two for machines.
pub fn plain(status: u16, text: String) -> Response {
    whole(status, "text/plain; charset=utf-8", text)
}

fn whole(status: u16, media_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.extensions_mut().insert(Whole);
    response
}

/// A policy that also lets pictures in, from wherever the author has them, for
/// pages with posts; `styles` lets a mail keep the styles written into it.
pub fn open_policy(response: &mut Response, styles: &str) {
    let policy =
        POLICY.replace("img-src 'self'", "img-src *").replace("style-src 'self'", &format!("style-src {styles}"));
    if let Ok(value) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, value);
    }
}

/// No such address.
pub async fn unknown() -> Failure {
    Failure::Page(Fault::Unknown)
}

/// Puts a page around every bare error, headers on every response, and one
/// line in the log.
pub async fn dress(State(web): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let (method, path) = (request.method().clone(), request.uri().path());
    let secret = ["/s/", "/confirm/", "/private/"].iter().any(|prefix| path.starts_with(prefix));
    let is_json = intake::wants_json(request.headers());
    let mut response = next.run(request).await;
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && response.extensions().get::<Whole>().is_none() {
        response = furnish(&web, &response, is_json);
    }
    guard(&mut response, secret);
    let route = route.as_deref().unwrap_or("none");
    telemetry::request(method.as_str(), route, status.as_u16(), started.elapsed());
    response
}

/// The whole answer to a bare error, ours or the router's own.
fn furnish(web: &Web, bare: &Response, is_json: bool) -> Response {
    let failure = bare.extensions().get::<Failure>().copied();
    let failure = failure.unwrap_or_else(|| Failure::Page(of_status(bare.status())));
    let (site, status) = (web.site(), bare.status().as_u16());
    let matter = match failure {
        Failure::Link(why, own) => {
            let site = Site { words: own.unwrap_or(site.words), ..site };
            let language = own.map(Words::language);
            let again = Form { language: language.as_deref(), ..Form::new(web.newsletters()) };
            return page(status, broken(&site, why, &again).into_string());
        }
        Failure::Page(matter) => matter,
        Failure::TooMany(wait) => Fault::TooMany(u32::try_from(wait.0 / 60_000 + 1).unwrap_or(u32::MAX)),
    };
    let mut response = if is_json {
        document(status, &json!({ "schema": 1, "status": "refused", "reason": sentences(&site, &matter).1 }))
    } else {
        page(status, fault(&site, &matter).into_string())
    };
    for (name, value) in bare.headers().iter().filter(|(name, _)| *name == RETRY_AFTER || *name == "allow") {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// What the router and its extractors mean by their statuses.
fn of_status(status: StatusCode) -> Fault {
    match status {
        StatusCode::NOT_FOUND => Fault::Unknown,
        StatusCode::METHOD_NOT_ALLOWED => Fault::Method,
        StatusCode::REQUEST_TIMEOUT => Fault::Slow,
        StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Fault::Kind,
        status if status.is_client_error() => Fault::Garbled,
        _ => Fault::Broken,
    }
}

/// Puts what every answer carries on this one; `secret` where its address is.
pub fn guard(response: &mut Response, secret: bool) {
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(fixed(POLICY));
    headers.insert(REFERRER_POLICY, fixed(if secret { "no-referrer" } else { "strict-origin-when-cross-origin" }));
    if secret {
        headers.insert(NO_INDEX, fixed("noindex"));
        // A reader's own feed may be kept by the reader's own program.
        let is_own = headers.get(CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"private"));
        if !is_own {
            headers.insert(CACHE_CONTROL, fixed("no-store"));
        }
    }
    headers.entry(CACHE_CONTROL).or_insert(fixed("no-store"));
}
