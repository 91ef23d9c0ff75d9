//! Requests to servers of others, each over a connection of its own. A name is
//! looked up once; the addresses found are judged, and the connection goes to
//! one of those: what a name stands for a moment later does not matter. No
//! proxy, no cookie, no setting of the environment has a say.
//!
//! Size, time and redirects have limits; every hop is judged anew.

mod guard;
mod unpack;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// A body may have this many bytes, unpacked too.
const LARGEST: usize = 10 << 20;

/// Redirects that are followed.
const HOPS: usize = 5;

/// A whole exchange, redirects included, takes no longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A connection is there within this time, to one address.
const CONNECT: Duration = Duration::from_secs(8);

/// Addresses of a name that are tried.
const TRIED: usize = 4;

/// What went wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address cannot be asked for.
    #[error("`{0}` is no web address that can be asked")]
    Address(String),
    /// It leads into a network nobody outside may reach.
    #[error("{0} leads to {1}, which is no address of the public internet")]
    Inside(String, IpAddr),
    /// Nothing answers there.
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, String),
    /// The answer did not come in time.
    #[error("no answer within {} seconds", DEADLINE.as_secs())]
    Slow,
    /// The answer is larger than any feed.
    #[error("the answer is larger than {} MiB", LARGEST >> 20)]
    Large,
    /// It sends from one place to the next.
    #[error("it redirects more than {HOPS} times")]
    Hops,
    /// The answer cannot be read.
    #[error("the answer is garbled: {0}")]
    Garbled(String),
}

/// An answer, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status of the last hop.
    pub status: u16,
    /// Where the last hop was.
    pub url: String,
    /// Where it moved for good: the last address that permanent redirects alone
    /// lead to, where they do (RFC 9110 sections 15.4.2 and 15.4.9).
    pub moved: Option<String>,
    /// Validator, to be sent the next time.
    pub etag: Option<String>,
    /// The other validator.
    pub last_modified: Option<String>,
    /// When to come back, as it was said: seconds or a date.
    pub retry_after: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// What the body says it is.
    pub content_type: Option<String>,
    /// Unpacked.
    pub body: Vec<u8>,
}

/// What is known of an address already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// [`Answer::etag`] of the last time.
    pub etag: Option<String>,
    /// [`Answer::last_modified`] of the last time.
    pub last_modified: Option<String>,
}

/// Says of an address that is no public one whether it may be reached.
pub type Allows = dyn Fn(IpAddr) -> bool + Send + Sync;

/// Makes requests.
#[derive(Clone)]
pub struct Fetcher {
    tls: Option<TlsConnector>,
    allows: Arc<Allows>,
    agent: String,
}

impl Fetcher {
    /// `agent` says who asks. `allows` is the operator's word on addresses
    /// inside. Where the machine trusts no certificate only `http` works.
    pub fn new(agent: String, allows: Arc<Allows>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.ok().map(|config| config.with_root_certificates(roots).with_no_client_auth());
        Self { tls: config.map(|config| TlsConnector::from(Arc::new(config))), allows, agent }
    }

    /// Asks for a feed, if it is not as it is `known`.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn feed(&self, url: &str, known: &Known) -> Result<Answer, FetchError> {
        within(self.follow(url, known)).await
    }

    /// Posts a form, to an address the operator configured: it is not judged.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer, FetchError> {
        let url = web(url)?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/x-www-form-urlencoded"));
        let exchange = async {
            let response = self.send(&url, "POST", headers, body, &|_| true).await?;
            answer(&url, None, response).await
        };
        within(exchange).await
    }

    async fn follow(&self, url: &str, known: &Known) -> Result<Answer, FetchError> {
        let (mut url, mut moved, mut for_good) = (web(url)?, None, true);
        for _ in 0..=HOPS {
            let mut headers = HeaderMap::new();
            let wanted =
                "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5";
            put(&mut headers, ACCEPT, Some(wanted));
            put(&mut headers, ACCEPT_ENCODING, Some("gzip"));
            put(&mut headers, IF_NONE_MATCH, known.etag.as_deref());
            put(&mut headers, IF_MODIFIED_SINCE, known.last_modified.as_deref());
            let allows = |address| guard::is_public(address) || (self.allows)(address);
            let response = self.send(&url, "GET", headers, String::new(), &allows).await?;
            let status = response.status().as_u16();
            let target = text(response.headers(), &LOCATION).filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
            let Some(target) = target else { return answer(&url, moved, response).await };
            let next = url.join(&target).map_err(|_| FetchError::Address(target.clone()))?;
            let next = web(next.as_str())?;
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(FetchError::Garbled("it redirects from https to http".into()));
            }
            for_good &= matches!(status, 301 | 308);
            if for_good {
                moved = Some(next.to_string());
            }
            url = next;
        }
        Err(FetchError::Hops)
    }

    async fn send(
        &self,
        url: &Url,
        method: &str,
        headers: HeaderMap,
        body: String,
        allows: &(dyn Fn(IpAddr) -> bool + Sync),
    ) -> Result<Response<Incoming>, FetchError> {
        let stream = connect(url, allows).await?;
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::builder().method(method).uri(target).body(Full::new(Bytes::from(body)));
        let request = request.as_mut().map_err(|error| FetchError::Garbled(error.to_string()))?;
        *request.headers_mut() = headers;
        put(request.headers_mut(), HOST, Some(&url[url::Position::BeforeHost..url::Position::AfterPort]));
        put(request.headers_mut(), USER_AGENT, Some(&self.agent));
        let request = std::mem::take(request);
        if url.scheme() == "http" {
            return exchange(stream, request, url).await;
        }
        let unreachable = |reason: String| FetchError::Unreachable(name(url), reason);
        let tls = self.tls.as_ref().ok_or_else(|| unreachable("this machine cannot speak TLS".into()))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let server = ServerName::try_from(host).map_err(|error| unreachable(error.to_string()))?;
        let stream = tls.connect(server, stream).await.map_err(|error| unreachable(error.to_string()))?;
        exchange(stream, request, url).await
    }
}

async fn within<T>(work: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
    tokio::time::timeout(DEADLINE, work).await.unwrap_or(Err(FetchError::Slow))
}

/// An address that may be asked: a web address without a name and password.
fn web(text: &str) -> Result<Url, FetchError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    url.ok_or_else(|| FetchError::Address(text.chars().filter(|c| !c.is_control()).take(200).collect()))
}

/// What people call the place.
fn name(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Connects to an address of the host that may be reached. One that may not
/// spoils them all: an honest name does not stand for both.
async fn connect(url: &Url, allows: &(dyn Fn(IpAddr) -> bool + Sync)) -> Result<TcpStream, FetchError> {
    let unreachable = |reason: String| FetchError::Unreachable(name(url), reason);
    let port = url.port_or_known_default().unwrap_or(80);
    let found: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        Some(Host::Domain(host)) => lookup_host((host, port)).await.map_err(|e| unreachable(e.to_string()))?.collect(),
        None => Vec::new(),
    };
    if let Some(inside) = found.iter().find(|address| !allows(address.ip().to_canonical())) {
        return Err(FetchError::Inside(name(url), inside.ip()));
    }
    let mut last = "it has no address".to_owned();
    for address in found.into_iter().take(TRIED) {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("no connection within {} seconds", CONNECT.as_secs()),
        }
    }
    Err(unreachable(last))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>, url: &Url) -> Result<Response<Incoming>, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let unreachable = |error: hyper::Error| FetchError::Unreachable(name(url), error.to_string());
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(unreachable)?;
    // It ends with the answer, or when the answer is given up.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(unreachable)
}

/// The answer with its body, read up to the limit.
async fn answer(url: &Url, moved: Option<String>, response: Response<Incoming>) -> Result<Answer, FetchError> {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| FetchError::Garbled(error.to_string()))?;
        if let Some(data) = frame.data_ref() {
            if body.len() + data.len() > LARGEST {
                return Err(FetchError::Large);
            }
            body.extend_from_slice(data);
        }
    }
    let coding = text(&head.headers, &CONTENT_ENCODING);
    Ok(Answer {
        status: head.status.as_u16(),
        url: url.to_string(),
        moved,
        etag: text(&head.headers, &ETAG),
        last_modified: text(&head.headers, &LAST_MODIFIED),
        retry_after: text(&head.headers, &RETRY_AFTER),
        cache_control: text(&head.headers, &CACHE_CONTROL),
        content_type: text(&head.headers, &CONTENT_TYPE),
        body: unpack::unpack(coding.as_deref(), body, LARGEST)?,
    })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A header; one that cannot stand in a request is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(Ok(value)) = value.map(hyper::header::HeaderValue::from_str) {
        headers.insert(name, value);
    }
}
