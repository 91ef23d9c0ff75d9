//! The accept loop: what a public port needs and `axum::serve` lacks, deadlines
//! for request heads and for taking answers, and bounds on connections.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::intake::Peer;
use super::patience::Patient;
use crate::settings::Http;
use crate::telemetry;

/// Open connections at once; more wait in the system's queue. Well below the
/// usual limit of 1,024 open files, which the database and the relay share.
const CONNECTIONS: usize = 512;

/// Of those, from one address: one client must not keep everybody else out,
/// least of all from leaving. A proxy speaks for many.
const FROM_ONE: usize = 64;

/// A request's head must be here within this time, on a kept connection too.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// A request's head may be this large.
const HEAD_LIMIT: usize = 32 * 1_024;

/// How long requests in hand may take once a stop is asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Something of an answer must be taken within this time. Readers on a slow
/// line take it in small pieces, but take it.
const TAKE_DEADLINE: Duration = Duration::from_secs(30);

/// What one client may take up.
struct Limits {
    head: Duration,
    take: Duration,
    connections: usize,
    from_one: usize,
    /// Who speaks for many.
    is_proxy: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

/// Serves until `stop`, then lets requests in hand finish.
pub async fn serve(listener: TcpListener, http: Http, router: Router, stop: CancellationToken) {
    let limits = Limits {
        head: HEAD_DEADLINE,
        take: TAKE_DEADLINE,
        connections: CONNECTIONS,
        from_one: FROM_ONE,
        is_proxy: Box::new(move |peer| http.trusts(peer)),
    };
    serve_within(&limits, listener, router, stop).await;
}

/// How many connections each address has.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// One connection of an address, as long as it lasts.
struct Guest(Counts, IpAddr);

impl Guest {
    /// `None` when the address has as many as it may.
    fn admit(counts: &Counts, peer: IpAddr, most: usize) -> Option<Self> {
        let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(peer).or_default();
        (*count < most).then(|| *count += 1).map(|()| Self(Arc::clone(counts), peer))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.1) {
            *count -= 1;
        }
        all.retain(|_, count| *count > 0);
    }
}

async fn serve_within(limits: &Limits, listener: TcpListener, router: Router, stop: CancellationToken) {
    let (graceful, slots) = (GracefulShutdown::new(), Arc::new(Semaphore::new(limits.connections)));
    let counts = Counts::default();
    loop {
        let next = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
        let (slot, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                // Out of files, most likely: they come back when connections end.
                telemetry::request_failed(&format!("cannot accept a connection: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let most = if (limits.is_proxy)(peer.ip()) { usize::MAX } else { limits.from_one };
        let Some(guest) = Guest::admit(&counts, peer.ip().to_canonical(), most) else { continue };
        let connection = graceful.watch(connection(stream, peer, router.clone(), limits));
        tokio::spawn(async move {
            // A reader who hangs up half-way is no event.
            let _ = connection.await;
            drop((slot, guest));
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: &Limits,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + use<> {
    // Answers are small: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(match router.oneshot(request).await {
                Ok(response) => response,
            })
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(Patient::new(stream, limits.take)), service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::State;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    async fn start(router: Router, from_one: usize) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let limits = Limits {
            head: Duration::from_millis(100),
            take: Duration::from_millis(100),
            connections: 2,
            from_one,
            is_proxy: Box::new(|_| false),
        };
        let until = stop.clone();
        (address, stop, tokio::spawn(async move { serve_within(&limits, listener, router, until).await }))
    }

    #[tokio::test]
    async fn an_answer_nobody_takes_is_not_kept() {
        let large = || async { vec![b'x'; 64 << 20] };
        let router = Router::new().route("/large", get(large)).route("/", get(|| async { "whole" }));
        let (address, stop, serving) = start(router, usize::MAX).await;
        let mut takers = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            takers.push(stream);
        }
        // There are two places, and both are taken until the deadline frees them.
        let mut good = asking(address).await;
        assert!(all(&mut good).await.ends_with("whole"));
        stop.cancel();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn one_address_has_no_more_connections_than_it_may() {
        let gates = Arc::new((Notify::new(), Notify::new()));
        let handler = |State(gates): State<Arc<(Notify, Notify)>>| async move {
            gates.0.notify_one();
            gates.1.notified().await;
            "whole"
        };
        let router = Router::new().route("/", get(handler)).with_state(Arc::clone(&gates));
        let (address, stop, serving) = start(router, 1).await;
        let mut first = asking(address).await;
        gates.0.notified().await;
        let mut second = TcpStream::connect(address).await.unwrap();
        let _ = second.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(all(&mut second).await, "", "closed at once");
        gates.1.notify_one();
        assert!(all(&mut first).await.ends_with("whole"));
        stop.cancel();
        serving.await.unwrap();
    }

    /// A connection with one whole request on it.
    async fn asking(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        stream
    }

    async fn all(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn half_a_head_is_not_waited_for_and_a_huge_one_is_refused() {
        let (address, stop, serving) = start(Router::new().route("/", get(|| async { "whole" })), 9).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: a").await.unwrap();
        assert!(!all(&mut slow).await.contains("whole"));
        let mut huge = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(4 * HEAD_LIMIT));
        let _ = huge.write_all(head.as_bytes()).await;
        assert!(!all(&mut huge).await.contains("whole"));
        let mut good = asking(address).await;
        assert!(all(&mut good).await.ends_with("whole"));
        stop.cancel();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_stop_lets_the_request_in_hand_finish_and_takes_no_more() {
        let gates = Arc::new((Notify::new(), Notify::new()));
        let handler = |State(gates): State<Arc<(Notify, Notify)>>| async move {
            gates.0.notify_one();
            gates.1.notified().await;
            "finished"
        };
        let (address, stop, serving) =
            start(Router::new().route("/", get(handler)).with_state(Arc::clone(&gates)), 9).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        gates.0.notified().await;
        stop.cancel();
        gates.1.notify_one();
        assert!(all(&mut stream).await.ends_with("finished"));
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
