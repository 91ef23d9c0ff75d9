//! The pace of one relay: what the operator allows, and what it asks for itself.

use chrono_tz::Tz;

use crate::domain::time::{Span, Timestamp};

use super::throttle::Meter;
use super::{Rate, Throttle, WarmUp, Window};

/// How long a relay is left alone that has taken what it takes in a day. Its
/// day may end at any hour, so it is asked again by the hour.
const QUOTA_PAUSE: Span = Span::hours(1);

/// When the next message may go to a relay.
#[derive(Clone, Debug)]
pub struct Pace {
    windows: Vec<Window>,
    warm_up: Option<(WarmUp, Tz, Window)>,
    throttle: Option<Throttle>,
    meter: Meter,
    paused_until: Timestamp,
    /// The words in which it asked to slow down.
    asked: String,
}

impl Pace {
    /// By these limits; the days of a warm-up are those of `zone`.
    pub fn new(rates: &[Rate], warm_up: Option<WarmUp>, zone: Tz, now: Timestamp) -> Self {
        let window = |warm_up: WarmUp| Window::new(Rate { limit: warm_up.first, span: Span::days(1) });
        Self {
            windows: rates.iter().copied().map(Window::new).collect(),
            warm_up: warm_up.map(|warm_up| (warm_up, zone, window(warm_up))),
            throttle: None,
            meter: Meter::new(now),
            paused_until: Timestamp(i64::MIN),
            asked: String::new(),
        }
    }

    /// Whether anything limits it at present.
    pub fn is_limited(&self) -> bool {
        !self.windows.is_empty() || self.warm_up.is_some() || self.throttle.is_some() || self.paused_until.0 > 0
    }

    /// How far back what left has to be known.
    pub fn memory(&self) -> Option<Span> {
        self.windows.iter().chain(self.warm_up.iter().map(|(_, _, window)| window)).map(Window::span).max()
    }

    fn all(&mut self, now: Timestamp) -> impl Iterator<Item = &mut Window> {
        if let Some((warm_up, zone, window)) = &mut self.warm_up {
            window.set_limit(warm_up.limit(*zone, now));
        }
        self.windows.iter_mut().chain(self.warm_up.iter_mut().map(|(_, _, window)| window))
    }

    /// Counts what left before, as it is known from the ledger.
    pub fn remember(&mut self, at: Timestamp, many: u32, now: Timestamp) {
        self.all(now).for_each(|window| window.count(at, many, now));
    }

    /// When the next may leave: `now` when it may at once.
    pub fn next_free(&mut self, now: Timestamp) -> Timestamp {
        self.throttle.take_if(|throttle| throttle.is_over(now));
        let throttled = self.throttle.as_ref().map_or(now, |throttle| throttle.next_free(now));
        if self.paused_until <= now || self.paused_until > now.plus(QUOTA_PAUSE) {
            self.paused_until = Timestamp(i64::MIN);
        }
        let paused = throttled.max(self.paused_until);
        self.all(now).map(|window| window.next_free(now)).fold(paused, Timestamp::max)
    }

    /// Counts what leaves now.
    pub fn take(&mut self, now: Timestamp) {
        self.all(now).for_each(|window| window.take(now));
        if let Some(throttle) = &mut self.throttle {
            throttle.take(now);
        }
    }

    /// How many may leave from now until `ahead` is over, nearly.
    pub fn room(&mut self, now: Timestamp, ahead: Span) -> u64 {
        if self.next_free(now) > now.plus(ahead) {
            return 0;
        }
        let throttled = self.throttle.as_ref().map_or(u64::MAX, |throttle| throttle.room(now, ahead));
        self.all(now).map(|window| window.room(now, ahead)).fold(throttled, u64::min)
    }

    /// It asks to slow down, in these words; whether that is news.
    pub fn slow(&mut self, asked: &str, now: Timestamp) -> bool {
        let rate = self.rate(now);
        let is_news = match &mut self.throttle {
            Some(throttle) => throttle.slow(now),
            None => {
                self.throttle = Some(Throttle::new(rate, now));
                true
            }
        };
        if is_news {
            asked.clone_into(&mut self.asked);
        }
        is_news
    }

    /// It has taken what it takes in a day, it says; whether that is news.
    pub fn spent(&mut self, asked: &str, now: Timestamp) -> bool {
        let is_news = self.paused_until <= now;
        self.paused_until = now.plus(QUOTA_PAUSE);
        if is_news {
            asked.clone_into(&mut self.asked);
        }
        is_news
    }

    /// The words in which it asked to slow down, while it is slowed, and the end of the pause.
    pub fn slowed(&self) -> Option<(&str, Timestamp)> {
        let throttled = self.throttle.as_ref().map(Throttle::paused_until);
        let spent = (self.paused_until.0 > 0).then_some(self.paused_until);
        throttled.max(spent).map(|until| (self.asked.as_str(), until))
    }

    /// It accepted a message.
    pub fn accepted(&mut self, now: Timestamp) {
        self.meter.accepted(now);
        if self.throttle.as_mut().is_some_and(|throttle| !throttle.accepted(now)) {
            self.throttle = None;
        }
    }

    /// Messages a second it accepted of late; at least one.
    pub fn rate(&mut self, now: Timestamp) -> f64 {
        self.meter.rate(now).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(rates: &[&str], warm_up: Option<&str>) -> Pace {
        let rates: Vec<Rate> = rates.iter().map(|rate| rate.parse().unwrap()).collect();
        Pace::new(&rates, warm_up.map(|text| text.parse().unwrap()), chrono_tz::UTC, Timestamp(0))
    }

    /// How many leave up to `end`, each as early as it may.
    fn leave(pace: &mut Pace, now: Timestamp, end: Timestamp) -> u32 {
        let (mut now, mut left) = (now, 0);
        loop {
            now = pace.next_free(now);
            if now >= end {
                return left;
            }
            pace.take(now);
            left += 1;
        }
    }

    #[test]
    fn without_limits_everything_may_leave() {
        let mut pace = pace(&[], None);
        assert!(!pace.is_limited() && pace.memory().is_none());
        assert_eq!((pace.next_free(Timestamp(5)), pace.room(Timestamp(5), Span(0))), (Timestamp(5), u64::MAX));
    }

    #[test]
    fn the_narrowest_of_several_rates_counts() {
        let mut pace = pace(&["10/s", "100/h"], None);
        assert_eq!(pace.memory(), Some(Span::hours(1)));
        assert_eq!(leave(&mut pace, Timestamp(0), Timestamp(1_000)), 10);
        assert_eq!(pace.room(Timestamp(1_100), Span::seconds(2)), 20);
        assert_eq!(leave(&mut pace, Timestamp(1_100), Timestamp(0).plus(Span::hours(1))), 90);
        assert_eq!(pace.room(Timestamp(1_800_000), Span::seconds(2)), 0);
    }

    #[test]
    fn a_warm_up_limits_days_and_what_is_remembered_counts() {
        let mut pace = pace(&[], Some("100 from 1970-01-02"));
        let day = |n: i64| Timestamp(0).plus(Span::days(n));
        pace.remember(day(1).minus(Span::hours(1)), 30, day(1));
        assert_eq!(leave(&mut pace, day(1), day(1).plus(Span::hours(12))), 70);
        assert_eq!(
            leave(&mut pace, day(1).plus(Span::hours(12)), day(2)),
            30,
            "those of the hour before are forgotten"
        );
        assert_eq!(leave(&mut pace, day(2), day(2).plus(Span::minutes(9))), 50, "there are fifty more each day");
    }

    #[test]
    fn a_spent_quota_pauses_for_an_hour() {
        let mut pace = pace(&[], None);
        assert!(pace.spent("quota exceeded", Timestamp(1_000)));
        assert!(pace.is_limited());
        assert_eq!(pace.slowed(), Some(("quota exceeded", Timestamp(3_601_000))));
        assert_eq!(pace.next_free(Timestamp(2_000)), Timestamp(3_601_000));
        assert_eq!(pace.room(Timestamp(2_000), Span::seconds(2)), 0);
        assert_eq!(pace.next_free(Timestamp(3_601_000)), Timestamp(3_601_000));
        assert!(!pace.is_limited() && pace.slowed().is_none());
    }

    #[test]
    fn a_relay_that_asks_is_given_half_of_what_it_took() {
        let mut pace = pace(&[], None);
        for n in 0..2_000 {
            pace.accepted(Timestamp(n * 5));
        }
        let now = Timestamp(10_000);
        assert!(pace.slow("too much", now) && !pace.slow("of the same moment", now));
        assert_eq!(pace.slowed(), Some(("too much", Timestamp(11_000))));
        let mut later = pace.clone();
        assert_eq!(later.next_free(now.plus(Span::hours(4))), now.plus(Span::hours(4)));
        assert!(!later.is_limited(), "it is forgiven");
        assert_eq!(pace.next_free(now), Timestamp(11_000));
        let left = leave(&mut pace, Timestamp(11_000), Timestamp(21_000));
        assert!((900..=1_020).contains(&left), "{left}");
    }
}
