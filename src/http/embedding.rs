//! What the operator's own site may ask of this one from its readers' browsers,
//! and no other site: the form, and the rest of a post for its subscribers.

use axum::extract::{MatchedPath, Path, Request, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::{Answer, Failure, page};
use super::{Shared, members};
use crate::domain::post::Access;
use crate::store::Found;
use crate::views::pages::faults::Fault;
use crate::views::pages::posts;

/// What may be asked from there.
const LENT: [&str; 3] = ["/subscribe", "/subscribe/{newsletter}", REST];

/// `GET /posts/SLUG/rest`
pub const REST: &str = "/posts/{slug}/rest";

/// Lets a browser hand answers to the operator's own site.
pub async fn lend(State(web): State<Shared>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let is_lent = route.is_some_and(|route| LENT.contains(&route.as_str()));
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = next.run(request).await;
    if is_lent {
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin.filter(|origin| origin.as_bytes() == web.site_origin.as_bytes()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
    response
}

/// `GET /posts/SLUG/rest`: a whole post as a piece of a page, for who may read
/// it; for everybody else nothing, which is no fault.
pub async fn rest(State(web): State<Shared>, Path(slug): Path<String>, headers: HeaderMap) -> Answer {
    let Found::Post(post) = web.ctx.store.post_by_slug(&slug, web.ctx.now()).await? else {
        return Err(Failure::Page(Fault::Unknown));
    };
    let may_read = post.entry.access == Access::Public || members::is_reader(&web, &headers).await?;
    let mut response = match may_read {
        true => page(200, posts::rest(&post)),
        false => StatusCode::NO_CONTENT.into_response(),
    };
    members::keep_private(&mut response);
    Ok(response)
}
