//! A message -> [`Report`]: hands finished bytes to a relay (or into a folder)
//! and says exactly how far that came. Knows nothing of the outbox: whether
//! content may leave is asked through the mark, what became of it is told by
//! the report. Making the bytes (headers, encodings, DKIM) is done here too.

mod body;
mod canonical;
mod commands;
pub mod dkim;
mod dots;
mod file;
mod header;
pub mod message;
pub mod relay;
mod reply;
mod session;
mod smtp;
mod tls;
mod wire;

use futures_util::future::BoxFuture;

use crate::domain::Fault;
use crate::domain::delivery::{Mark, Report};

pub use message::{Content, Envelope, Message};
pub use relay::{RelayConfig, Route};

/// The ledger's answer to "may the content leave?", and the message that will
/// be handed over after this one where one is ready by then. It is awaited to
/// its end, never dropped half-way: a mark may be durable although nobody listens.
pub type MarkFuture<'a> = BoxFuture<'a, (Mark, Option<&'a Message>)>;

/// A way out for mail.
pub trait Transport: Send + Sync {
    /// What the attempts ledger calls it: `smtp.example.net:587`, `file:outbox`.
    fn name(&self) -> &str;

    /// How many connections may be open at once, at least 1.
    fn connections(&self) -> usize;

    /// Opens a connection that is ready for a message: greeted, encrypted and
    /// logged in as configured.
    ///
    /// # Errors
    /// A report of phase `connect`. It is always `deferred`, even when the
    /// relay answered 5xx: that it will not have *us* says nothing about any recipient.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, Report>>;
}

/// An open connection. One task owns it and hands over one message at a time.
pub trait Connection: Send {
    /// Hands one message over.
    ///
    /// Content leaves only after `mark` answers [`Mark::Granted`]; MAIL, RCPT
    /// and DATA may travel before, and when they are refused the mark is not
    /// asked for.
    ///
    /// Where the relay allows it, MAIL, RCPT and DATA of the message that comes
    /// after this one travel with this one's content. Should another one come
    /// instead, or none, only the connection is lost.
    ///
    /// Every phase has its own deadline, so the future always ends: do not put
    /// a timeout around it. Dropping it half-way makes the connection unusable
    /// and leaves the fate of a marked message unknown.
    fn hand_over<'a>(&'a mut self, message: &'a Message, mark: MarkFuture<'a>) -> BoxFuture<'a, Report>;

    /// Whether another message may be handed over. Costs no round trip; asked
    /// right before reuse it also notices that the relay has hung up meanwhile.
    /// `false` is for ever: close it.
    fn is_usable(&self) -> bool;

    /// Ends the connection politely when that is possible, within 5 s.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Makes the way out that `config` describes. Nothing is connected yet.
///
/// # Errors
/// What is wrong with the configuration: a password that would travel in
/// clear, a certificate that cannot be read, a machine that trusts none.
pub fn open(config: RelayConfig) -> Result<Box<dyn Transport>, Fault> {
    match config.route.clone() {
        Route::Folder(path) => Ok(Box::new(file::Folder::new(path, config.connections.max(1)))),
        Route::Smtp { host, port, tls } => Ok(Box::new(smtp::Smtp::new(config, host, port, tls)?)),
    }
}
