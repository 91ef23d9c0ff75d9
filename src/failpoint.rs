//! Named places at which a test lets the process die as if the machine had
//! gone: `POSTROOM_FAILPOINT=dot:17` ends it when `dot` is reached for the
//! 17th time, `panic at dot:17` as a fault of ours would. Only in builds with debug assertions; elsewhere nothing of this
//! is compiled. `tests/crash/run` uses all of them.

#[cfg(debug_assertions)]
use std::sync::LazyLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicUsize, Ordering};

/// The place, and how often it is passed before the end.
#[cfg(debug_assertions)]
static ARMED: LazyLock<Option<(String, AtomicUsize)>> = LazyLock::new(|| {
    let wanted = std::env::var("POSTROOM_FAILPOINT").ok()?;
    let (place, count) = wanted.rsplit_once(':')?;
    Some((place.to_owned(), AtomicUsize::new(count.parse().ok()?)))
});

/// Whether it is here and now that the process is to die.
#[cfg(debug_assertions)]
pub fn reached(place: &str) -> bool {
    match &*ARMED {
        Some((armed, left)) if armed == place => left.fetch_sub(1, Ordering::Relaxed) == 1,
        _ => false,
    }
}

/// Dies without a last word when this place is armed and its time has come.
#[cfg(debug_assertions)]
pub fn pass(place: &str) {
    if reached(place) {
        std::process::abort();
    }
    assert!(!reached(&format!("panic at {place}")), "a test wants it so");
}

/// A named place where a test may let the process die; nothing in a release build.
#[macro_export]
macro_rules! failpoint {
    ($place:literal) => {
        #[cfg(debug_assertions)]
        $crate::failpoint::pass($place);
    };
}
