//! Many addresses of one inbox, entered to fill it: each is new to the store, so
//! it is remembered here which of them was entered last.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::time::Span;
use crate::domain::{Address, Timestamp};

/// Inboxes remembered at once, and for how long.
const INBOXES: usize = 10_000;
const MEMORY: Span = Span::hours(24);

/// The address entered for each inbox, and when.
#[derive(Debug, Default)]
pub struct Aliases(Mutex<HashMap<String, (String, Timestamp)>>);

impl Aliases {
    /// Whether an address may be written to: not when another one of the same
    /// inbox was within a day.
    pub fn admit(&self, address: &Address, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= INBOXES {
            known.retain(|_, (_, at)| at.plus(MEMORY) > now);
            // More of them in a day than there is room for: the limits of networks are what is left.
            if known.len() >= INBOXES {
                known.clear();
            }
        }
        let (key, inbox) = (address.key(), address.inbox());
        match known.get(&inbox) {
            Some((other, at)) if *other != key && at.plus(MEMORY) > now => false,
            _ => {
                known.insert(inbox, (key, now));
                true
            }
        }
    }
}
