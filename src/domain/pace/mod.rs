//! Pace: how fast mail may leave, so that a relay's limit is kept, a provider
//! that asks us to slow down is heard, and nobody's night is disturbed.
//!
//! | what | by | says |
//! |---|---|---|
//! | [`Rate`] | the operator | so many within any such span |
//! | [`WarmUp`] | the operator | so many on the first day, half as many more each day |
//! | [`Throttle`] | answers of a relay or a domain | so many a second, until they prove that more is welcome |
//! | [`QuietHours`] | the operator | no editions now |
//! | [`Turns`] | weights | which relay is next |
//! | [`forecast()`] | the limits of the operator | how long an edition will take |
//!
//! Pure: what counts is told, `now` is an argument.

mod domains;
mod forecast;
mod quiet;
mod rate;
mod relay;
mod throttle;
mod turns;

use crate::domain::Timestamp;

pub use domains::{Domains, PerDomain};
pub use forecast::{Course, FURTHEST, forecast};
pub use quiet::QuietHours;
pub use rate::{Rate, WarmUp, Window};
pub use relay::Pace;
pub use throttle::Throttle;
pub use turns::Turns;

/// Something that mail waits for; told to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What the ledger calls the relay.
    pub relay: String,
    /// Only mail for this domain waits; without one all of the relay's.
    pub domain: Option<String>,
    /// `it asked to slow down: 451 4.3.0 too busy`
    pub reason: String,
    /// When it is tried again, or its pause was over.
    pub until: Timestamp,
}
