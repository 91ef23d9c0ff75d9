//! How often one network may try: so many at once, then one an interval.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;
use crate::domain::time::Span;

/// Networks remembered at once. A flood from more of them than this is refused
/// as a whole, or let pass, rather than let memory grow.
const NETWORKS: usize = 10_000;

/// One site's neighbourhood: IPv4 /24, IPv6 /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// The first three bytes.
    V4([u8; 3]),
    /// The first six bytes.
    V6([u8; 6]),
}

impl Network {
    /// Stands for all of them together.
    pub const ALL: Self = Self::V4([0; 3]);
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

/// A bucket of `burst` tries for each network, one more every `interval`.
#[derive(Debug)]
pub struct Limiter {
    burst: i64,
    interval: Span,
    /// Whether a network is let pass that there is no room to remember.
    lets_strangers_pass: bool,
    /// When each network's bucket is full again.
    full_at: Mutex<HashMap<Network, Timestamp>>,
}

impl Limiter {
    /// An empty memory, closed to a flood of networks: for what costs others something.
    pub fn new(burst: i64, interval: Span) -> Self {
        Self { burst, interval, lets_strangers_pass: false, full_at: Mutex::default() }
    }

    /// The same, open to a flood of networks: for what costs us little.
    pub fn lenient(burst: i64, interval: Span) -> Self {
        Self { lets_strangers_pass: true, ..Self::new(burst, interval) }
    }

    /// Takes one try.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn take(&self, network: Network, now: Timestamp) -> Result<(), Span> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= NETWORKS && !full_at.contains_key(&network) {
            full_at.retain(|_, at| *at > now);
            if full_at.len() >= NETWORKS {
                return if self.lets_strangers_pass { Ok(()) } else { Err(self.interval) };
            }
        }
        let capacity = Span(self.burst * self.interval.0);
        // A clock set back must not lock anybody out for longer than a full bucket takes.
        let at = full_at.get(&network).copied().unwrap_or(now).clamp(now, now.plus(capacity));
        let wait = at.plus(self.interval).since(now.plus(capacity));
        let taken = wait.0 <= 0;
        full_at.insert(network, if taken { at.plus(self.interval) } else { at });
        if taken { Ok(()) } else { Err(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_network_has_its_burst_then_one_try_an_interval() {
        let limiter = Limiter::new(3, Span::minutes(3));
        let (start, here) = (Timestamp(1_000_000), network("203.0.113.5"));
        assert!((0..3).all(|_| limiter.take(here, start).is_ok()));
        assert_eq!(limiter.take(network("203.0.113.200"), start), Err(Span::minutes(3)));
        assert_eq!(limiter.take(network("203.0.114.5"), start), Ok(()));
        let later = start.plus(Span::minutes(2));
        assert_eq!(limiter.take(here, later), Err(Span::minutes(1)));
        assert_eq!(limiter.take(here, start.plus(Span::minutes(3))), Ok(()));
        assert!(limiter.take(here, start.plus(Span::minutes(3))).is_err());
        let much_later = start.plus(Span::hours(24));
        assert!((0..3).all(|_| limiter.take(here, much_later).is_ok()));
        assert!(limiter.take(here, much_later).is_err());
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_long() {
        let limiter = Limiter::new(2, Span::minutes(1));
        let here = network("2001:db8:1::1");
        assert!(limiter.take(here, Timestamp(1_000_000_000_000)).is_ok());
        assert_eq!(limiter.take(network("2001:db8:1:ffff::2"), Timestamp(0)), Err(Span::minutes(1)));
        assert_eq!(limiter.take(here, Timestamp(60_000)), Ok(()));
    }

    #[test]
    fn a_flood_of_networks_is_refused_rather_than_remembered() {
        let (limiter, lenient) = (Limiter::new(2, Span::minutes(1)), Limiter::lenient(2, Span::minutes(1)));
        for n in 0..NETWORKS {
            let bytes = u16::try_from(n).unwrap().to_be_bytes();
            for limiter in [&limiter, &lenient] {
                assert!(limiter.take(Network::V4([10, bytes[0], bytes[1]]), Timestamp(0)).is_ok());
            }
        }
        assert!((0..9).all(|_| lenient.take(network("203.0.113.5"), Timestamp(0)).is_ok()));
        assert!(limiter.take(network("203.0.113.5"), Timestamp(0)).is_err());
        assert!(limiter.take(network("203.0.113.5"), Timestamp(60_001)).is_ok());
    }
}
