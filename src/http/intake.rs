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

use super::Shared;
use super::answer::Failure;
use crate::settings::Http;
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
    client: Option<IpAddr>,
}

impl FromRequest<Shared> for Intake {
    type Rejection = Response;

    async fn from_request(mut request: Request, state: &Shared) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let peer = request.extensions().get::<Peer>().copied();
        let client = peer.map(|peer| client(&state.ctx.settings.http, peer.0, &headers));
        DefaultBodyLimit::max(BODY_LIMIT).apply(&mut request);
        match tokio::time::timeout(BODY_DEADLINE, Bytes::from_request(request, state)).await {
            Ok(body) => Ok(Self { headers, body: body.map_err(IntoResponse::into_response)?, client }),
            Err(_) => Err(Failure::Page(Fault::Slow).into_response()),
        }
    }
}

impl Intake {
    /// Where the request came from.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
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

/// Where a request came from. A proxy that is trusted is believed about the hop
/// before it, the rightmost entry of `X-Forwarded-For` but for those of more
/// such proxies; whatever stands left of that was written by others.
pub fn client(http: &Http, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let mut hops = entries.map_while(|entry| entry.trim().parse::<IpAddr>().ok());
    let mut client = peer.to_canonical();
    while http.trusts(client)
        && let Some(hop) = hops.next()
    {
        client = hop.to_canonical();
    }
    client
}

/// Whether the body says it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/json"
}

/// Whether a program asks, which is told in JSON: it sends some, or asks for it.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    is_json(headers) || accepts.any(|value| value.contains("application/json"))
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    let whole = value.and_then(Result::ok).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let http = Http {
            tries_per_network: 20,
            tries: 720,
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: String::new(),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::1".parse().unwrap()],
        };
        client(&http, peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_the_hop_before_it() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(from("127.0.0.1", &["198.51.100.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(from("::1", &["198.51.100.1", "2001:db8::7"]), "2001:db8::7");
        assert_eq!(from("::ffff:127.0.0.1", &["nonsense"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("10.1.2.3", &["198.51.100.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(from("fd00::1", &["203.0.113.7, 10.9.9.9"]), "203.0.113.7");
        assert_eq!(from("fd00::2", &["203.0.113.7"]), "fd00::2");
        assert_eq!(from("10.1.2.3", &["203.0.113.7, nonsense"]), "10.1.2.3");
    }
}
