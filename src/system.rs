//! The only reader of the machine's clock and of its randomness. Everything
//! else is given the present as an argument, so that tests can give it another.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::Ed25519KeyPair;

use crate::context::{Clock, Ids};
use crate::domain::Timestamp;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// The present instant; a clock set before 1970 counts as 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The machine's source of unpredictable bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn fill(&self, bytes: &mut [u8]) {
        fill(bytes);
    }
}

/// Fills `bytes` with unpredictable ones. A machine without randomness is not
/// one to make keys on: the process ends at once rather than go on with zeros.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn fill(bytes: &mut [u8]) {
    if aws_lc_rs::rand::fill(bytes).is_err() {
        std::process::abort();
    }
}

/// A new RSA key of 2048 bits, PKCS#8. As [`fill`] without randomness.
pub fn rsa_key() -> Vec<u8> {
    let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048);
    key.and_then(|key| AsDer::<Pkcs8V1Der<'_>>::as_der(&key))
        .map_or_else(|_| std::process::abort(), |der| der.as_ref().to_vec())
}

/// A new Ed25519 key, PKCS#8. As [`fill`] without randomness.
pub fn ed25519_key() -> Vec<u8> {
    let key = Ed25519KeyPair::generate();
    key.and_then(|key| key.to_pkcs8v1()).map_or_else(|_| std::process::abort(), |der| der.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_of_this_century_and_bytes_differ() {
        assert!(SystemClock.now() > Timestamp(1_700_000_000_000));
        let (mut a, mut b) = ([0; 32], [0; 32]);
        SystemIds.fill(&mut a);
        SystemIds.fill(&mut b);
        assert_ne!(a, b);
    }
}
