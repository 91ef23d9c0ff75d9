//! Postroom: feeds and email digests for a blog kept as files.
//!
//! This page is the map of the crate: what happens, in which room, what always
//! holds, and where to change what.
//!
//! # From above
//!
//! A post appears in a folder. Postroom reads it, publishes it in the feeds,
//! and at the moment a newsletter's cadence says so composes an edition of the
//! posts each subscriber has not had yet. The edition is sealed together with
//! one delivery row for every recipient; the rows are handed to the relay one
//! message at a time, and what it answered to each is written down.
//!
//! ```text
//! posts, a folder of files
//!     |  archive, ingest
//!     v
//! the store  ---publish--->  feeds  ---+
//!     |   ^                            |
//!     |   +--- join, change, leave ----+-- http <---> readers
//!     |  compose                                         ^
//!     v                                                  |
//! sealed edition: a delivery row for everyone            |
//!     |  deliver, transport                              |
//!     +-------------- SMTP --------------> the relay ----+
//! ```
//!
//! Nothing in this picture calls its neighbour: each arrow is a task that looks
//! into the store for what is due, moves it one step, and may be killed at any
//! moment. [`tasks`] lists them; [`app`] only says when they look.
//!
//! # The rooms, in the order data flows
//!
//! | room | what happens there | may import, beside [`domain`] |
//! |---|---|---|
//! | [`archive`] | bytes become posts, by the rules of the site's generator | |
//! | [`feeds`] | posts become bytes: RSS, Atom, JSON Feed; pure | |
//! | [`views`] | models become mails and pages; pure | |
//! | [`fetch`] | an address becomes its bytes: the client's side of HTTP, kept out of networks inside | |
//! | [`transport`] | a message becomes a report: SMTP, DKIM, or a folder | |
//! | [`store`] | the only SQL: named operations, domain types in and out | |
//! | [`context`] | what every task and handler is given | the rooms above, [`settings`] |
//! | [`tasks`] | one file per arrow of the picture | the rooms above |
//! | [`http`] | the pages readers reach, the route table on one screen | the rooms above but [`tasks`] |
//! | [`app`] | the wiring: settings become a context; start, and stop in order | the rooms above |
//! | [`cli`] | one file per command family; the demo | all |
//!
//! Beside the flow stand [`domain`], the nouns and their rules, which imports
//! nothing and does nothing but compute; [`settings`], read once and judged
//! whole; [`system`], the machine's clock and randomness; [`telemetry`], one
//! function per event of the log; [`mod@failpoint`], where tests let it die. The first six rooms never import each other
//! nor the settings. `tests/house.rs` holds all of this.
//!
//! # What always holds
//!
//! - **The promise.** For everyone in a sealed edition there is a row that ends
//!   as accepted, refused, suppressed, expired or cancelled, with the reason;
//!   `audience` is their sum and what is still open. A crash makes at most one
//!   extra copy per open connection, and each is listed as uncertain before it
//!   is sent again. The table of states is at the top of [`domain::delivery`].
//! - **The commit points.** An edition is sealed in one transaction, with every
//!   delivery and every `covered_until` ([`store::Store::seal`]). No byte of a
//!   message's content leaves before its mark is durable, and no connection gets
//!   its next mark before its last outcome is ([`store::Ledger`]). No transaction
//!   is ever open while SMTP is spoken.
//! - **One road out.** Every mail is a row of the outbox first, the confirmation
//!   of a subscription too.
//! - **Never twice, never skipped.** A post gets its sequence number when it
//!   first becomes public, for ever; a subscription is owed what lies between
//!   its `covered_until` and the newest. Dates have no say in that.
//! - **What is due is a stored row.** Ticks only say that time has passed, so a
//!   restart neither skips nor doubles anything.
//! - **One clock, one source of chance:** [`system`]. Everybody else is given
//!   `now` and bytes, so that tests can give others. While the settings stay as
//!   they are, the same row gives the same message, byte for byte.
//! - **GET changes nothing**, links are built from the settings alone, a token
//!   does the one job it was made for ([`domain::token`]).
//! - **A bad post, page or row is a [`domain::Fault`]** with its place, line and
//!   cure, and stops nothing else. A refused mail is an outcome, not an error.
//!
//! # Where do I change ...
//!
//! | what | where |
//! |---|---|
//! | what a relay's refusal means | `src/domain/delivery/replies.txt`, with an example |
//! | a word of a mail or page | `templates/words/*.toml` |
//! | a colour; a style sheet | [`views::tokens`]; `templates/*.css` |
//! | a mail | [`views::letter`] or [`views::email`] and [`views::text`]; its sample in [`views::samples`] |
//! | a page | a file of [`views::pages`] with its sample, a handler in `src/http`, a line in [`http::router`] |
//! | a header of our mail; the signature | [`transport::message`]; [`transport::dkim`] |
//! | how SMTP is spoken, deadlines | `src/transport/session.rs`; [`transport::relay`] |
//! | what a reply of the relay means, back-off | [`domain::delivery`] |
//! | when an edition falls due; what is in it | [`domain::cadence`]; [`tasks::compose`] |
//! | a generator of sites and its rules | one file in `src/archive/dialect`, one line in its table |
//! | a dialect of front matter | one file in `src/archive/front`, one line in its table |
//! | a feed format | one file in `src/feeds`, one line in [`feeds::FORMATS`] |
//! | a setting | `config/default.toml`, a field in `src/settings/mod.rs`, a line in `src/settings/sections.rs` |
//! | a table or an index | a file in `migrations`, a line in `src/store/db.rs`, the operation in [`store`] |
//! | a command | `src/cli/arguments.rs`, its examples in `src/cli/help.rs`, its file in `src/cli` |
//! | a line of the log | [`telemetry`] |
//! | the demo | `src/cli/demo` |
//! | a rule of this house | `tests/house.rs` |
//!
//! To read the program from its beginning: [`app::serve`], then [`tasks`], then
//! [`domain::delivery`].
pub mod app;
pub mod archive;
pub mod cli;
pub mod context;
pub mod domain;
pub mod failpoint;
pub mod feeds;
pub mod fetch;
pub mod http;
pub mod settings;
pub mod store;
pub mod system;
pub mod tasks;
pub mod telemetry;
pub mod transport;
pub mod views;
