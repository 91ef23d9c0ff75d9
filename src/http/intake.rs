//! What comes in: bodies within a limit of size and time, forms, and the
//! network a request came from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::answer::Failure;
use crate::views::pages::faults::Fault;

/// A body may hold this many bytes: forms are small.
pub const BODY_LIMIT: usize = 64 * 1_024;

/// It must be here within this time, however slowly it drips.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Address of the other end of the connection, put into requests by the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// A request's headers, its peer and its whole body.
pub struct Intake {
    /// As sent.
    pub headers: HeaderMap,
    /// As sent.
    pub body: Bytes,
    peer: Option<Peer>,
}

impl<S: Send + Sync> FromRequest<S> for Intake {
    type Rejection = Response;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let peer = request.extensions().get::<Peer>().copied();
        DefaultBodyLimit::max(BODY_LIMIT).apply(&mut request);
        match tokio::time::timeout(BODY_DEADLINE, Bytes::from_request(request, state)).await {
            Ok(body) => Ok(Self { headers, body: body.map_err(IntoResponse::into_response)?, peer }),
            Err(_) => Err(Failure::Page(Fault::Slow).into_response()),
        }
    }
}

impl Intake {
    /// Where the request came from. A proxy on this machine is believed about
    /// the last hop before it, the rightmost entry of `X-Forwarded-For`;
    /// whatever stands left of that was written by others.
    pub fn client(&self) -> Option<IpAddr> {
        let peer = self.peer?.0.to_canonical();
        if !peer.is_loopback() {
            return Some(peer);
        }
        let last = self.headers.get_all("x-forwarded-for").iter().next_back();
        let hop = last.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        Some(hop.map_or(peer, |hop| hop.to_canonical()))
    }

    /// The fields of a web form.
    ///
    /// # Errors
    /// 415 for anything else, 400 for a field given twice or bytes that are no text.
    pub fn form(&self) -> Result<BTreeMap<String, String>, Failure> {
        if media_type(&self.headers) != "application/x-www-form-urlencoded" {
            return Err(Failure::Page(Fault::Kind));
        }
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(&self.body) {
            // The decoder puts this character where bytes are no UTF-8.
            let garbled = value.contains('\u{fffd}');
            if garbled || fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Failure::Page(Fault::Garbled));
            }
        }
        Ok(fields)
    }

    /// Whether a mail program asks for RFC 8058: urlencoded or multipart, as
    /// either is allowed to it.
    pub fn is_one_click(&self) -> bool {
        let has = |needle: &[u8]| self.body.windows(needle.len()).any(|part| part == needle);
        has(b"List-Unsubscribe") && has(b"One-Click")
    }

    /// Whether somebody looks at the answer: a browser asks for a page by name,
    /// a mail program's server for anything at all.
    pub fn wants_page(&self) -> bool {
        let accepts = self.headers.get_all(ACCEPT).iter();
        accepts.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
    }
}

/// Whether the body says it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/json"
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    let whole = value.and_then(Result::ok).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let intake = Intake { headers, body: Bytes::new(), peer: Some(Peer(peer.parse().unwrap())) };
        intake.client().map(|address| address.to_string())
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed_and_only_about_its_last_hop() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(from("127.0.0.1", &["198.51.100.1, 203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(from("::1", &["198.51.100.1", "2001:db8::7"]).as_deref(), Some("2001:db8::7"));
        assert_eq!(from("::ffff:127.0.0.1", &["nonsense"]).as_deref(), Some("127.0.0.1"));
        assert_eq!(from("127.0.0.1", &[]).as_deref(), Some("127.0.0.1"));
    }
}
