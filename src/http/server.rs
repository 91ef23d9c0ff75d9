//! The accept loop: what a public port needs and `axum::serve` lacks, a
//! deadline for request heads and a bound on connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
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
use crate::telemetry;

/// Open connections at once; more wait in the system's queue. Well below the
/// usual limit of 1,024 open files, which the database and the relay share.
const CONNECTIONS: usize = 512;

/// A request's head must be here within this time, on a kept connection too.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// A request's head may be this large.
const HEAD_LIMIT: usize = 32 * 1_024;

/// How long requests in hand may take once a stop is asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop`, then lets requests in hand finish.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_within(HEAD_DEADLINE, listener, router, stop).await;
}

async fn serve_within(head_deadline: Duration, listener: TcpListener, router: Router, stop: CancellationToken) {
    let (graceful, slots) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
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
        let connection = graceful.watch(connection(stream, peer, router.clone(), head_deadline));
        tokio::spawn(async move {
            // A reader who hangs up half-way is no event.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head_deadline: Duration,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send {
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
        .header_read_timeout(head_deadline)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::State;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    async fn start(router: Router) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = serve_within(Duration::from_millis(100), listener, router, stop.clone());
        (address, stop, tokio::spawn(serving))
    }

    async fn all(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn half_a_head_is_not_waited_for_and_a_huge_one_is_refused() {
        let (address, stop, serving) = start(Router::new().route("/", get(|| async { "whole" }))).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: a").await.unwrap();
        assert!(!all(&mut slow).await.contains("whole"));
        let mut huge = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(4 * HEAD_LIMIT));
        let _ = huge.write_all(head.as_bytes()).await;
        assert!(!all(&mut huge).await.contains("whole"));
        let mut good = TcpStream::connect(address).await.unwrap();
        good.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
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
            start(Router::new().route("/", get(handler)).with_state(Arc::clone(&gates))).await;
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
