//! The stream of a connection. lettre opens the connection over it and then
//! stands aside: it can neither say how much of a message the relay took nor
//! send the next message's commands with it, and takes replies for broken that
//! are not, which after the dot would turn *accepted* into *uncertain*.
//!
//! - Replies reach lettre one line at a time, bounded and cleaned: it reads a
//!   line of any length into memory, takes a byte outside UTF-8 or a reply
//!   without text (`250`) for a fault, and panics on an EHLO line of blanks.
//! - TLS begins here, not in lettre, which keeps what came before the handshake
//!   in its buffer and would take it for replies of the encrypted relay.
//! - [`Wire::is_quiet`] sees a relay that spoke unasked or hung up.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::reply::{self, BYTES, LINE, LINES};
use super::tls::Trust;
use crate::domain::delivery::Reply;

/// lettre takes no line over 1,000 bytes: longer text is cut here.
const SHOWN: usize = 900;

type Socket = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// One handle of a shared stream: lettre holds one, the session another. Both
/// are used by the same task in turn, so the lock is always free.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Empty only while TLS begins.
    socket: Option<Socket>,
    peer: SocketAddr,
    /// Read, not yet handed to lettre.
    inbox: Vec<u8>,
    /// A clean line that lettre is reading.
    line: Vec<u8>,
    /// Of the reply being read.
    lines: usize,
    bytes: usize,
    ended: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        let socket = Some(Either::Left(stream));
        let (inbox, line) = (Vec::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { socket, peer, inbox, line, lines: 0, bytes: 0, ended: false })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins TLS.
    ///
    /// # Errors
    /// When the handshake fails, or the relay sent anything in clear beyond its
    /// answer to STARTTLS: that is how replies are slipped in (RFC 3207, RFC 2920).
    pub(super) async fn encrypt(&self, trust: &Trust) -> io::Result<()> {
        if !self.is_quiet() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the relay spoke before TLS began"));
        }
        let Some(Either::Left(plain)) = self.state().socket.take() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let stream = trust.encrypt(plain).await?;
        self.state().socket = Some(Either::Right(Box::new(stream)));
        Ok(())
    }

    /// TLS has begun.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.state().socket, Some(Either::Right(_)))
    }

    /// Nothing is waiting to be read and the relay has not hung up. Costs no round trip.
    pub(super) fn is_quiet(&self) -> bool {
        let mut state = self.state();
        let empty = state.line.is_empty() && state.inbox.is_empty() && !state.ended;
        empty && state.fill(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// The relay has closed its side.
    pub(super) fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// One complete reply.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn reply(&self) -> Result<Reply, String> {
        poll_fn(|cx| self.state().poll_reply(cx)).await
    }
}

impl State {
    /// Reads once into the inbox; 0 is the end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let mut space = [0; 4_096];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
        self.inbox.extend_from_slice(buffer.filled());
        self.ended = buffer.filled().is_empty();
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, String>> {
        loop {
            if let Some(reply) = reply::take(&mut self.inbox)? {
                return Poll::Ready(Ok(reply));
            }
            match ready!(self.fill(cx)) {
                Ok(0) => return Poll::Ready(Err(reply::CLOSED.into())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(reply::trouble(&error))),
            }
        }
    }

    /// Moves one complete line from the inbox to lettre's reading place.
    fn next_line(&mut self) -> io::Result<bool> {
        let refuse = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        let Some(end) = self.inbox.iter().position(|&byte| byte == b'\n') else {
            return if self.inbox.len() > LINE { refuse(reply::LONG_LINE) } else { Ok(false) };
        };
        self.lines += 1;
        self.bytes += end + 1;
        if end > LINE || self.lines > LINES || self.bytes > BYTES {
            return refuse(reply::LONG);
        }
        self.line = cleaned(&self.inbox[..end]);
        self.inbox.drain(..=end);
        Ok(true)
    }
}

/// A reply line as lettre understands it: UTF-8, never over its bound, with the
/// blank after the code that RFC 5321 section 4.2 allows a relay to leave out.
fn cleaned(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line).replace(char::is_control, " ");
    let text = text.trim_end();
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = text.as_bytes()[..end].to_vec();
    if out.len() == 3 {
        out.push(b' ');
    }
    out.extend_from_slice(b"\r\n");
    out
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.state().peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        while state.line.is_empty() {
            if !state.next_line()? && ready!(state.fill(cx))? == 0 {
                // What is left of a line is no reply.
                return Poll::Ready(Ok(()));
            }
        }
        let count = state.line.len().min(buf.remaining());
        buf.put_slice(&state.line[..count]);
        state.line.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        // What comes next is a new reply, with bounds of its own.
        (state.lines, state.bytes) = (0, 0);
        match &mut state.socket {
            Some(socket) => Pin::new(socket).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.state().socket {
            Some(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state().socket {
            Some(socket) => Pin::new(socket).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state().socket {
            Some(socket) => Pin::new(socket).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_reply_line_is_made_what_lettre_can_read() {
        assert_eq!(cleaned(b"250\r"), b"250 \r\n");
        assert_eq!(cleaned(b"250"), b"250 \r\n");
        assert_eq!(cleaned(b"250-  \t\r"), b"250-\r\n");
        assert_eq!(cleaned(b"250 caf\xe9 \0x\r"), "250 caf\u{fffd}  x\r\n".as_bytes());
        assert_eq!(cleaned(&[b'x'; 1_500]).len(), SHOWN + 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_lettre_gets_one_short_line_of_text(line in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let clean = String::from_utf8(cleaned(&line)).unwrap();
            let inner = clean.strip_suffix("\r\n").unwrap();
            prop_assert!(inner.len() <= SHOWN && !inner.contains(char::is_control));
        }
    }

    async fn pair() -> (Wire, TcpStream) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(addr), listener.accept());
        (Wire::new(ours.unwrap(), addr), theirs.unwrap().0)
    }

    #[tokio::test]
    async fn lines_come_one_at_a_time_and_the_rest_is_noticed() {
        let (mut wire, mut relay) = pair().await;
        assert!(wire.is_quiet());
        relay.write_all(b"250-a\r\n250 b\n250 unasked\r\n").await.unwrap();
        let mut buffer = [0; 100];
        let mut next = async || {
            let count = wire.read(&mut buffer).await.unwrap();
            String::from_utf8_lossy(&buffer[..count]).into_owned()
        };
        assert_eq!((next().await.as_str(), next().await.as_str()), ("250-a\r\n", "250 b\r\n"));
        assert!(!wire.is_quiet());
    }

    #[tokio::test]
    async fn an_endless_line_and_an_endless_reply_are_cut_off() {
        for chunk in [vec![b'x'; 1_000], b"250-more\r\n".to_vec()] {
            let (mut wire, mut relay) = pair().await;
            let writing = tokio::spawn(async move { while relay.write_all(&chunk).await.is_ok() {} });
            let mut sink = Vec::new();
            let error = wire.read_to_end(&mut sink).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(sink.len() <= BYTES && wire.state().inbox.len() <= LINE + 4_096);
            drop(wire);
            writing.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_hang_up_is_seen_and_half_a_line_is_no_reply() {
        let (mut wire, mut relay) = pair().await;
        relay.write_all(b"250 half a li").await.unwrap();
        drop(relay);
        assert_eq!(wire.read(&mut [0; 100]).await.unwrap(), 0);
        assert!(wire.has_ended() && !wire.is_quiet());
    }
}
