//! How long many messages take by the limits the operator set, reckoned before
//! the first of them leaves.

use chrono_tz::Tz;

use super::{QuietHours, Rate, WarmUp};
use crate::domain::time::{Span, Timestamp};

/// One relay, as far as it limits.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// All of them hold.
    pub rates: Vec<Rate>,
    /// Its first days.
    pub warm_up: Option<WarmUp>,
    /// What went to it in the day before, and when.
    pub left: Vec<(Timestamp, u32)>,
}

/// No forecast reaches further.
pub const FURTHEST: Span = Span::days(60);
const HOUR: i64 = Span::hours(1).0;

/// How long `count` messages take over these relays, to the hour; at most [`FURTHEST`].
pub fn forecast(count: u64, courses: &[Course], quiet: Option<QuietHours>, zone: Tz, now: Timestamp) -> Span {
    let mut courses = courses.to_vec();
    let mut open = count;
    for hour in 0..FURTHEST.0 / HOUR {
        let at = now.plus(Span(hour * HOUR));
        if quiet.is_some_and(|quiet| quiet.contain(zone, at)) {
            continue;
        }
        for course in &mut courses {
            let takes = course.takes(zone, at).min(open);
            course.left.push((at, u32::try_from(takes).unwrap_or(u32::MAX)));
            open -= takes;
        }
        if open == 0 {
            return Span(hour * HOUR);
        }
    }
    FURTHEST
}

impl Course {
    /// How many may go to it in the hour that begins.
    fn takes(&self, zone: Tz, at: Timestamp) -> u64 {
        let days = || self.left.iter().filter(|(left, _)| at.since(*left) < Span::days(1));
        let today = |limit: u32| u64::from(limit).saturating_sub(days().map(|(_, many)| u64::from(*many)).sum());
        let by_rate = self.rates.iter().map(|rate| match rate.span.0 {
            span if span <= HOUR => u64::from(rate.limit) * u64::try_from(HOUR / span).unwrap_or(1),
            _ => today(rate.limit),
        });
        by_rate.chain(self.warm_up.map(|warm_up| today(warm_up.limit(zone, at)))).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = chrono_tz::UTC;
    const NOW: Timestamp = Timestamp(1_779_951_600_000); // 28 May 2026 07:00 UTC

    fn course(rates: &[&str], warm_up: Option<&str>) -> Course {
        let rates = rates.iter().map(|rate| rate.parse().unwrap()).collect();
        Course { rates, warm_up: warm_up.map(|text| text.parse().unwrap()), left: Vec::new() }
    }

    #[test]
    fn without_limits_any_number_takes_no_time() {
        assert_eq!(forecast(1_000_000, &[course(&[], None)], None, ZONE, NOW), Span(0));
    }

    #[test]
    fn the_narrowest_limit_counts_and_what_left_today_counts_against_it() {
        let daily = course(&["14/s", "200/d"], None);
        assert_eq!(forecast(200, std::slice::from_ref(&daily), None, ZONE, NOW), Span(0));
        assert_eq!(forecast(1_000, std::slice::from_ref(&daily), None, ZONE, NOW), Span::days(4));
        let used = Course { left: vec![(NOW.minus(Span::hours(10)), 150)], ..daily.clone() };
        assert_eq!(forecast(200, std::slice::from_ref(&used), None, ZONE, NOW), Span::hours(14));
        assert_eq!(forecast(1_000, &[daily.clone(), daily], None, ZONE, NOW), Span::days(2), "two relays share it");
        assert_eq!(forecast(10_000, &[course(&["1000/h"], None)], None, ZONE, NOW), Span::hours(9));
    }

    #[test]
    fn a_warm_up_grows_quiet_hours_rest_and_no_forecast_is_without_end() {
        // 100, 150, 225 on three days.
        assert_eq!(forecast(450, &[course(&[], Some("100 from 2026-05-28"))], None, ZONE, NOW), Span::hours(48));
        let quiet = "08:00-20:00".parse().ok();
        assert_eq!(forecast(2_000, &[course(&["1000/h"], None)], quiet, ZONE, NOW), Span::hours(13));
        assert_eq!(forecast(u64::MAX, &[course(&["1/d"], None)], None, ZONE, NOW), FURTHEST);
    }
}
