//! A limit of so many within any span of some length, and the window that keeps it.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::domain::time::{Span, Timestamp};

/// At most `limit` messages within any `span`: `14/s`, `600/m`, `5000/h`, `50000/d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least one.
    pub limit: u32,
    /// A second, a minute, an hour or a day.
    pub span: Span,
}

const UNITS: [(&str, Span); 4] =
    [("s", Span::seconds(1)), ("m", Span::minutes(1)), ("h", Span::hours(1)), ("d", Span::days(1))];

impl std::str::FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate; write it like 14/s, 600/m, 5000/h or 50000/d");
        let (limit, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let limit = limit.trim().parse().ok().filter(|limit| *limit > 0).ok_or_else(wrong)?;
        let (_, span) = UNITS.into_iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
        Ok(Self { limit, span })
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = UNITS.iter().find(|(_, span)| *span == self.span).map_or("?", |(name, _)| name);
        write!(f, "{}/{unit}", self.limit)
    }
}

/// A daily limit for a sender nobody knows yet: `200 from 2026-12-01` is 200
/// within 24 hours on that day, and half as many more on each day after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmUp {
    /// On the first day, and before it.
    pub first: u32,
    /// The first day.
    pub from: NaiveDate,
}

impl WarmUp {
    /// How many may leave within 24 hours, on the day that `now` is in `zone`.
    pub fn limit(&self, zone: Tz, now: Timestamp) -> u32 {
        let days = now.in_zone(zone).date_naive().signed_duration_since(self.from).num_days().clamp(0, 60);
        (0..days).fold(self.first, |limit, _| limit.saturating_add(limit.div_ceil(2)))
    }
}

impl std::str::FromStr for WarmUp {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a warm-up; write it like 200 from 2026-12-01");
        let (first, from) = text.split_once(" from ").ok_or_else(wrong)?;
        let first = first.trim().parse().ok().filter(|first| *first > 0).ok_or_else(wrong)?;
        let from = NaiveDate::parse_from_str(from.trim(), "%Y-%m-%d").map_err(|_| wrong())?;
        Ok(Self { first, from })
    }
}

/// What left within the span of a rate, counted in sixtieths of it. The oldest
/// sixtieth counts whole, so that no span of that length ever holds more than
/// the limit; what that costs is a sixtieth of the rate.
#[derive(Clone, Debug)]
pub struct Window {
    limit: u64,
    span: Span,
    /// Length of a bucket in milliseconds.
    width: i64,
    /// The newest bucket: its beginning divided by `width`.
    head: i64,
    counts: [u32; SLOTS as usize],
    sum: u64,
}

/// Sixty for the span, one for the part of a bucket by which it is off.
const SLOTS: i64 = 61;

#[expect(clippy::cast_possible_truncation, reason = "0 to 60")]
fn slot(bucket: i64) -> usize {
    bucket.rem_euclid(SLOTS) as usize
}

impl Window {
    /// An empty one.
    pub fn new(rate: Rate) -> Self {
        let width = (rate.span.0 + SLOTS - 2) / (SLOTS - 1);
        Self { limit: u64::from(rate.limit), span: rate.span, width, head: i64::MIN / 2, counts: [0; 61], sum: 0 }
    }

    /// The span of its rate.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Milliseconds between two, when they are spread evenly.
    #[expect(clippy::cast_precision_loss, reason = "limits and days are small")]
    pub fn interval(&self) -> f64 {
        self.span.0 as f64 / self.limit as f64
    }

    /// From now on at most so many within the span.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = u64::from(limit.max(1));
    }

    /// When the next one may leave: `now` when one may at once.
    pub fn next_free(&mut self, now: Timestamp) -> Timestamp {
        self.advance(now);
        let mut left = self.sum;
        if left < self.limit {
            return now;
        }
        for bucket in self.head - (SLOTS - 1)..=self.head {
            left -= u64::from(self.counts[slot(bucket)]);
            if left < self.limit {
                // Never before `now`, should the clock have been put back.
                return Timestamp((bucket + SLOTS).saturating_mul(self.width)).max(now);
            }
        }
        now.plus(self.span)
    }

    /// Counts what leaves now.
    pub fn take(&mut self, now: Timestamp) {
        self.count(now, 1, now);
    }

    /// Counts what left at an instant up to `now`.
    pub fn count(&mut self, at: Timestamp, many: u32, now: Timestamp) {
        self.advance(now);
        let bucket = at.0.div_euclid(self.width).clamp(self.head - SLOTS, self.head);
        if bucket > self.head - SLOTS {
            let count = &mut self.counts[slot(bucket)];
            self.sum -= u64::from(*count);
            *count = count.saturating_add(many);
            self.sum += u64::from(*count);
        }
    }

    /// How many left within the span up to now.
    pub fn sum(&mut self, now: Timestamp) -> u64 {
        self.advance(now);
        self.sum
    }

    /// Half of the limit or more is left.
    pub fn is_half_free(&mut self, now: Timestamp) -> bool {
        self.sum(now) * 2 <= self.limit
    }

    /// How many may leave from now until `ahead` is over, nearly.
    pub fn room(&mut self, now: Timestamp, ahead: Span) -> u64 {
        self.advance(now);
        if ahead >= self.span {
            return self.limit.saturating_mul(u64::try_from(ahead.0 / self.span.0).unwrap_or(1));
        }
        let first = now.plus(ahead).0.div_euclid(self.width).max(self.head) - (SLOTS - 1);
        let staying: u64 = (first..=self.head).map(|bucket| u64::from(self.counts[slot(bucket)])).sum();
        self.limit.saturating_sub(staying)
    }

    /// Lets go of what has left the span. A clock that is a little behind is
    /// waited for; one that was put back by more than the span begins anew,
    /// what was counted keeping its age.
    fn advance(&mut self, now: Timestamp) {
        let bucket = now.0.div_euclid(self.width);
        if bucket > self.head {
            for gone in (self.head.max(bucket - SLOTS) + 1)..=bucket {
                let count = &mut self.counts[slot(gone)];
                self.sum -= u64::from(*count);
                *count = 0;
            }
            self.head = bucket;
        } else if bucket < self.head - SLOTS {
            let before = self.counts;
            for age in 0..SLOTS {
                self.counts[slot(bucket - age)] = before[slot(self.head - age)];
            }
            self.head = bucket;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(limit: u32, span: Span) -> Rate {
        Rate { limit, span }
    }

    #[test]
    fn a_rate_is_read_and_written_in_the_same_words() {
        for text in ["14/s", "600/m", "5000/h", "50000/d"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        assert_eq!(" 14 / s ".parse::<Rate>().unwrap(), rate(14, Span::seconds(1)));
        for wrong in ["", "14", "0/s", "-1/s", "14/w", "fast", "1.5/s", "14/s/s", "99999999999/d"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_warm_up_grows_by_half_each_day_of_its_zone() {
        let warm_up: WarmUp = "200 from 2026-12-01".parse().unwrap();
        let zone = chrono_tz::Pacific::Auckland;
        let day = |n: u32| {
            let date = NaiveDate::from_ymd_opt(2026, 11, 30).unwrap() + chrono::Days::new(n.into());
            date.and_hms_opt(0, 0, 1).unwrap().and_local_timezone(zone).unwrap().into()
        };
        let limits: Vec<u32> = (0..5).map(|n| warm_up.limit(zone, day(n))).collect();
        assert_eq!(limits, [200, 200, 300, 450, 675]);
        assert!(warm_up.limit(zone, day(1_000)) >= 1_000_000);
        for wrong in ["", "200", "0 from 2026-12-01", "200 from 2026-13-01", "x from 2026-12-01", "200 from tomorrow"] {
            assert!(wrong.parse::<WarmUp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_window_frees_when_its_oldest_bucket_has_left_the_span() {
        let mut window = Window::new(rate(2, Span::minutes(1)));
        let at = |ms: i64| Timestamp(1_000_000_000 + ms);
        window.take(at(0));
        window.take(at(30_000));
        assert_eq!(window.next_free(at(30_001)), at(61_000));
        assert_eq!((window.room(at(30_001), Span::seconds(30)), window.room(at(30_001), Span::seconds(31))), (0, 1));
        assert_eq!(window.next_free(at(61_000)), at(61_000));
        // A clock put back by a day begins anew, and nothing is forgotten for it.
        let earlier = at(0).minus(Span::days(1));
        assert_eq!(window.next_free(earlier), earlier);
        window.take(earlier);
        assert!(window.next_free(earlier) > earlier);
    }

    #[test]
    fn what_was_counted_before_a_restart_counts() {
        let mut window = Window::new(rate(10, Span::hours(1)));
        let now = Timestamp(50_000_000);
        window.count(now.minus(Span::minutes(59)), 6, now);
        window.count(now.minus(Span::minutes(90)), 9, now);
        window.count(now.minus(Span::minutes(1)), 3, now);
        assert_eq!((window.sum(now), window.room(now, Span(0))), (9, 1));
        window.take(now);
        let free = window.next_free(now);
        assert!(free > now && free <= now.plus(Span::minutes(2)), "{free:?}");
    }

    proptest! {
        /// Whatever the steps of the clock, no span of the window's length holds more than the limit.
        #[test]
        fn no_span_ever_holds_more_than_the_limit(
            limit in 1_u32..30,
            unit in 0_usize..4,
            start in 0_i64..10_000_000_000,
            steps in proptest::collection::vec((0_i64..1_000, 1_u32..20), 1..120),
        ) {
            let span = UNITS[unit].1;
            let mut window = Window::new(rate(limit, span));
            let (mut now, mut left) = (Timestamp(start), Vec::new());
            for (thousandths, tries) in steps {
                now = now.plus(Span(span.0 * thousandths / 1_000 / 3));
                for _ in 0..tries {
                    let free = window.next_free(now);
                    prop_assert!(free >= now);
                    if free == now {
                        window.take(now);
                        left.push(now);
                    } else {
                        // It is free at the very moment it says, and not a bucket earlier.
                        prop_assert_eq!(window.clone().next_free(free), free);
                        prop_assert!(window.clone().next_free(Timestamp(free.0 - 1)) > Timestamp(free.0 - 1));
                    }
                }
            }
            for (index, at) in left.iter().enumerate() {
                let within = left[index..].iter().filter(|later| later.since(*at) < span).count();
                prop_assert!(within <= limit as usize, "{within} within {span}");
            }
        }

        /// Whoever leaves as early as it is allowed gets all but a sixtieth of the rate.
        #[test]
        fn the_rate_is_made_use_of(limit in 1_u32..100, unit in 0_usize..4, start in 0_i64..10_000_000_000) {
            let span = UNITS[unit].1;
            let mut window = Window::new(rate(limit, span));
            let (begin, mut now) = (Timestamp(start), Timestamp(start));
            let many = limit * 10;
            for _ in 0..many {
                now = window.next_free(now);
                window.take(now);
            }
            prop_assert!(now.since(begin).0 <= span.0 * 10 * 63 / 60, "{} for {many}", now.since(begin));
        }
    }
}
