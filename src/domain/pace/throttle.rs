//! Being asked to slow down, and what is done about it.

use crate::domain::time::{Span, Timestamp};

use super::{Rate, Window};

/// The pause after the first such answer; it doubles while nothing is accepted.
const PAUSE: Span = Span::seconds(1);
/// It never grows beyond this.
const LONGEST_PAUSE: Span = Span::minutes(5);
/// Who has not asked again for so long takes everything again. Longer than any
/// back-off, so that what was refused has come back before.
const FORGIVEN: Span = Span::hours(3);
/// So many accepted add a step.
const STEP: u32 = 100;
/// However fast they are accepted, a step is tried out for so long.
const STEP_TIME: Span = Span::seconds(5);
/// Steps from nothing to the rate at which it was refused.
const STEPS: f64 = 20.0;
/// Over so long the rate is measured.
const MEASURED: Span = Span::seconds(10);
/// One in a minute, in messages a second.
const SLOWEST: f64 = 1.0 / 60.0;

/// What is accepted a second, measured over the last ten.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    window: Window,
    since: Timestamp,
}

impl Meter {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { window: Window::new(Rate { limit: u32::MAX, span: MEASURED }), since: now }
    }

    pub(super) fn accepted(&mut self, now: Timestamp) {
        if self.window.sum(now) == 0 {
            self.since = now;
        }
        self.window.take(now);
    }

    /// Messages a second. What began just now is not taken for a second's worth.
    #[expect(clippy::cast_precision_loss, reason = "rates are small")]
    pub(super) fn rate(&mut self, now: Timestamp) -> f64 {
        let measured = now.since(self.since).0.clamp(1_000, MEASURED.0);
        self.window.sum(now) as f64 * 1_000.0 / measured as f64
    }
}

/// A rate learned from answers: halved when asked to slow down, a step more
/// for every hundred accepted. Where it was refused before it goes back only
/// an eighth, for then the limit is known.
#[derive(Clone, Debug)]
pub struct Throttle {
    /// Messages a second.
    rate: f64,
    /// The rate at which it was refused last.
    refused_at: f64,
    /// Accepted since the last step.
    accepted: u32,
    stepped: Timestamp,
    /// Refusals in a row.
    refusals: u32,
    meter: Meter,
    paused_until: Timestamp,
    /// When the next may leave, in microseconds.
    next: i64,
}

impl Throttle {
    /// The first time it is asked, at so many messages a second.
    pub fn new(rate: f64, now: Timestamp) -> Self {
        let mut throttle = Self {
            rate,
            refused_at: f64::INFINITY,
            accepted: 0,
            stepped: now,
            refusals: 0,
            meter: Meter::new(now),
            paused_until: now,
            next: 0,
        };
        throttle.slow(now);
        throttle
    }

    /// Asked to slow down. What was in hand already when it was asked before
    /// is answered the same and asks nothing new: false.
    pub fn slow(&mut self, now: Timestamp) -> bool {
        if now < self.paused_until {
            return false;
        }
        let measured = self.meter.rate(now);
        let rate = if measured > 0.0 { self.rate.min(measured) } else { self.rate };
        let known = self.refused_at.is_finite() && (0.8..=1.25).contains(&(rate / self.refused_at));
        self.refused_at = rate.max(SLOWEST);
        self.rate = (if known { rate * 0.875 } else { rate / 2.0 }).max(SLOWEST);
        (self.accepted, self.stepped) = (0, now);
        self.pause(now.plus(Span(PAUSE.0 << self.refusals.min(10)).min(LONGEST_PAUSE)));
        self.refusals += 1;
        true
    }

    /// Nothing until then.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// One was accepted. False once twice the rate is reached at which it was
    /// refused: there is no limit any more.
    pub fn accepted(&mut self, now: Timestamp) -> bool {
        self.meter.accepted(now);
        self.refusals = 0;
        self.accepted += 1;
        if self.accepted >= STEP && now.since(self.stepped) >= STEP_TIME {
            (self.accepted, self.stepped) = (0, now);
            self.rate += self.refused_at / STEPS;
        }
        self.rate < self.refused_at * 2.0
    }

    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// When the next may leave: `now` when it may at once.
    pub fn next_free(&self, now: Timestamp) -> Timestamp {
        let next = Timestamp(self.next.div_euclid(1_000) + i64::from(self.next.rem_euclid(1_000) > 0));
        // A clock put back is not waited for.
        let next = if next > now.plus(Span::minutes(2)) { now } else { next };
        let paused = if self.paused_until > now.plus(Span::hours(2)) { now } else { self.paused_until };
        next.max(paused).max(now)
    }

    /// The end of the last pause that was asked for.
    pub fn paused_until(&self) -> Timestamp {
        self.paused_until
    }

    /// It was asked so long ago that it no longer counts.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.paused_until.plus(FORGIVEN) < now
    }

    /// The end of the pause it asked for, when that is still to come.
    pub fn pause_end(&self, now: Timestamp) -> Option<Timestamp> {
        (self.paused_until > now).then_some(self.paused_until)
    }

    /// Counts what leaves now.
    #[expect(clippy::cast_possible_truncation, reason = "a minute in microseconds at most")]
    pub fn take(&mut self, now: Timestamp) {
        // A tenth of a second may be caught up with, for timers are coarse.
        let from = self.next.max((now.0 - 100) * 1_000).min((now.0 + 120_000) * 1_000);
        self.next = from + (1_000_000.0 / self.rate) as i64;
    }

    /// How many may leave from now until `ahead` is over.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
    pub fn room(&self, now: Timestamp, ahead: Span) -> u64 {
        let left = now.plus(ahead).since(self.next_free(now)).0;
        if left < 0 { 0 } else { 1 + (left as f64 * self.rate / 1_000.0) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A relay that takes so many in any second, and no more.
    struct Strict {
        window: Window,
        accepted: u32,
        refused: u32,
    }

    impl Strict {
        fn new(limit: u32) -> Self {
            let window = Window::new(Rate { limit, span: Span::seconds(1) });
            Self { window, accepted: 0, refused: 0 }
        }

        fn takes(&mut self, now: Timestamp) -> bool {
            let free = self.window.next_free(now) <= now;
            if free {
                self.window.take(now);
                self.accepted += 1;
            } else {
                self.refused += 1;
            }
            free
        }
    }

    #[test]
    fn the_limit_of_a_strict_relay_is_found_and_made_use_of() {
        for limit in [2, 14, 90] {
            let mut relay = Strict::new(limit);
            let mut throttle = Throttle::new(f64::from(limit) * 4.0, Timestamp(0));
            let end = Span::seconds(400_000 / i64::from(limit));
            let (mut now, mut warm, mut refused_warm) = (Timestamp(0), 0, 0);
            while now.0 < end.0 {
                now = throttle.next_free(now.plus(Span(1)));
                throttle.take(now);
                if relay.takes(now) {
                    throttle.accepted(now);
                } else {
                    throttle.slow(now);
                }
                if now.0 < end.0 / 10 {
                    (warm, refused_warm) = (relay.accepted, relay.refused);
                }
            }
            let made = f64::from(relay.accepted - warm) * 1_000.0 / (end.0 as f64 * 0.9);
            assert!(made >= 0.8 * f64::from(limit), "{made} of {limit}");
            assert!((relay.refused - refused_warm) * 50 < relay.accepted - warm, "{} refused", relay.refused);
        }
    }

    #[test]
    fn a_pause_doubles_while_nothing_is_accepted_and_answers_to_what_was_in_hand_do_not_count() {
        let mut throttle = Throttle::new(8.0, Timestamp(0));
        assert_eq!((throttle.rate(), throttle.next_free(Timestamp(0))), (4.0, Timestamp(1_000)));
        throttle.slow(Timestamp(999));
        assert_eq!(throttle.rate(), 4.0);
        throttle.slow(Timestamp(1_000));
        assert_eq!((throttle.rate(), throttle.next_free(Timestamp(1_000))), (2.0, Timestamp(3_000)));
        let mut now = Timestamp(3_000);
        for _ in 0..20 {
            throttle.slow(now);
            now = throttle.next_free(now);
        }
        throttle.slow(now);
        assert_eq!(throttle.next_free(now).since(now), LONGEST_PAUSE);
        assert_eq!(throttle.rate(), SLOWEST);
    }

    #[test]
    fn whoever_takes_twice_as_much_as_it_refused_has_no_limit_any_more() {
        let mut throttle = Throttle::new(10.0, Timestamp(0));
        let mut now = Timestamp(0);
        let taken = (1..100_000).find(|_| {
            now = throttle.next_free(now);
            throttle.take(now);
            !throttle.accepted(now)
        });
        assert_eq!(taken, Some(3_000), "thirty steps");
    }

    proptest! {
        /// Never faster than its rate, a tenth of a second's worth aside.
        #[test]
        fn the_rate_is_kept(rate in 0.02_f64..3_000.0, steps in proptest::collection::vec(0_i64..5_000, 1..200)) {
            let mut throttle = Throttle::new(rate * 2.0, Timestamp(0));
            let begin = throttle.next_free(Timestamp(0));
            let (mut now, mut taken) = (begin, 0_u32);
            for step in steps {
                now = now.plus(Span(step));
                while throttle.next_free(now) == now && taken < 100_000 {
                    throttle.take(now);
                    taken += 1;
                }
            }
            let most = rate * (now.since(begin).0 as f64 / 1_000.0 + 0.1) + 2.0;
            prop_assert!(f64::from(taken) <= most * 1.001, "{taken} of {most}");
        }
    }
}
