//! The nouns: what a post, a newsletter, a subscription, an edition and a
//! delivery are, and the rules they obey. Pure: nothing here waits, reads a
//! clock, touches a file or knows SQL; `now` is always an argument.

pub mod address;
pub mod cadence;
pub mod delivery;
pub mod directives;
pub mod edition;
pub mod erasure;
pub mod fault;
pub mod newsletter;
pub mod pace;
pub mod post;
pub mod subscription;
pub mod time;
pub mod token;

pub use address::Address;
pub use cadence::Cadence;
pub use fault::Fault;
pub use newsletter::Newsletter;
pub use post::{Entry, Post};
pub use time::Timestamp;
