//! The pace of each recipient domain: a provider that is full waits by itself.

use std::collections::HashMap;

use crate::domain::time::{Span, Timestamp};

use super::throttle::Meter;
use super::{Rate, Throttle, Window};

/// Nothing is put off for longer than this.
const FARTHEST: Span = Span::minutes(10);
/// So many domains are remembered without a look at who may be forgotten.
const REMEMBERED: usize = 10_000;

/// What the operator allows every recipient domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerDomain {
    /// Messages for one domain in hand at once.
    pub connections: Option<u32>,
    /// All of them hold.
    pub rates: Vec<Rate>,
}

impl PerDomain {
    /// Reads `["5 connections", "10/s"]`.
    ///
    /// # Errors
    /// One sentence with an example.
    pub fn parse(parts: &[String]) -> Result<Self, String> {
        let mut limits = Self::default();
        for part in parts {
            let count = part.trim().strip_suffix("connections").or_else(|| part.trim().strip_suffix("connection"));
            match count.map(str::trim) {
                Some(count) => {
                    let wrong = || format!("`{part}` is no limit; write it like 5 connections or 10/s");
                    limits.connections = Some(count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?);
                }
                None => limits.rates.push(part.parse()?),
            }
        }
        Ok(limits)
    }

    fn is_none(&self) -> bool {
        self.connections.is_none() && self.rates.is_empty()
    }
}

/// One domain.
#[derive(Clone, Debug)]
struct Domain {
    windows: Vec<Window>,
    throttle: Option<Throttle>,
    meter: Meter,
    in_hand: u32,
    /// Up to when turns are given away.
    reserved: Timestamp,
    /// The words in which it asked to slow down.
    asked: String,
}

impl Domain {
    fn new(rates: &[Rate], now: Timestamp) -> Self {
        let windows = rates.iter().copied().map(Window::new).collect();
        let reserved = Timestamp(i64::MIN);
        Self { windows, throttle: None, meter: Meter::new(now), in_hand: 0, reserved, asked: String::new() }
    }

    fn next_free(&mut self, connections: Option<u32>, now: Timestamp) -> Timestamp {
        self.throttle.take_if(|throttle| throttle.is_over(now));
        let throttled = self.throttle.as_ref().map_or(now, |throttle| throttle.next_free(now));
        let free = self.windows.iter_mut().map(|window| window.next_free(now)).fold(throttled, Timestamp::max);
        if connections.is_some_and(|most| self.in_hand >= most) { free.max(now.plus(Span(1))) } else { free }
    }

    /// Half of what lies between two messages: a turn that comes too early is
    /// put off again, one that comes too late wastes what has been regained.
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    fn interval(&mut self, now: Timestamp) -> Span {
        let learned = self.throttle.as_ref().map_or(0.0, |throttle| 1_000.0 / throttle.rate());
        let configured = self.windows.iter().map(Window::interval).fold(learned, f64::max);
        let measured = if self.in_hand > 0 { 1_000.0 / self.meter.rate(now).max(1.0) } else { 0.0 };
        Span((measured.max(configured) / 2.0).clamp(5.0, 60_000.0) as i64)
    }

    /// The next turn that nobody has; when they are given away for ten minutes
    /// ahead, those of the second half are given once more.
    fn reserve(&mut self, free: Timestamp, now: Timestamp) -> Timestamp {
        let farthest = now.plus(FARTHEST);
        let turn = self.reserved.plus(self.interval(now)).max(free);
        self.reserved = if turn <= farthest { turn } else { free.max(now.plus(Span(FARTHEST.0 / 2))).min(farthest) };
        self.reserved
    }

    /// Nothing is lost when it is forgotten: what left of late is far from its limit.
    fn is_idle(&mut self, now: Timestamp) -> bool {
        self.in_hand == 0
            && self.throttle.as_ref().is_none_or(|throttle| throttle.is_over(now))
            && self.windows.iter_mut().all(|window| window.is_half_free(now))
    }
}

/// The domains that mail goes to through one relay.
#[derive(Clone, Debug)]
pub struct Domains {
    usual: PerDomain,
    known: HashMap<String, Domain>,
    /// With so many known it is looked for those that may be forgotten.
    most: usize,
}

impl Domains {
    /// Each with these limits.
    pub fn new(usual: PerDomain) -> Self {
        Self { usual, known: HashMap::new(), most: REMEMBERED }
    }

    /// Whether any domain is limited at present.
    pub fn are_limited(&self) -> bool {
        !self.usual.is_none() || !self.known.is_empty()
    }

    /// Whether messages in hand have to be counted.
    pub fn are_counted(&self) -> bool {
        self.usual.connections.is_some()
    }

    /// Lets a message to `domain` go now and counts it.
    ///
    /// # Errors
    /// When it may not go now: its turn, at most ten minutes ahead, which no
    /// other was given.
    pub fn admit(&mut self, domain: &str, now: Timestamp) -> Result<(), Timestamp> {
        let connections = self.usual.connections;
        let Some(known) = self.known(domain, now) else { return Ok(()) };
        let free = known.next_free(connections, now);
        if free > now {
            return Err(known.reserve(free, now));
        }
        known.windows.iter_mut().for_each(|window| window.take(now));
        if let Some(throttle) = &mut known.throttle {
            throttle.take(now);
        }
        known.in_hand += u32::from(connections.is_some());
        Ok(())
    }

    /// A turn for what was let go and has to wait after all: the domain asked
    /// for a pause meanwhile.
    pub fn recall(&mut self, domain: &str, now: Timestamp) -> Option<Timestamp> {
        let known = self.known.get_mut(domain)?;
        let pause = known.throttle.as_ref()?.pause_end(now)?;
        Some(known.reserve(pause, now))
    }

    /// A message that was let go is no longer in hand.
    pub fn done(&mut self, domain: &str) {
        if let Some(known) = self.known.get_mut(domain) {
            known.in_hand = known.in_hand.saturating_sub(1);
        }
    }

    /// The domain asks to slow down, in these words; `all` is what the relay
    /// accepts a second. Whether that is news.
    pub fn slow(&mut self, domain: &str, asked: &str, all: f64, now: Timestamp) -> bool {
        let known = self.remembered(domain, now);
        let is_news = match &mut known.throttle {
            Some(throttle) => throttle.slow(now),
            None => {
                known.throttle = Some(Throttle::new(all, now));
                true
            }
        };
        if is_news {
            asked.clone_into(&mut known.asked);
        }
        is_news
    }

    /// Who is slowed: domain, the words in which it asked, and the end of the pause; by name.
    pub fn slowed(&self, now: Timestamp) -> Vec<(&str, &str, Timestamp)> {
        let slowed = self.known.iter().filter_map(|(name, domain)| {
            let throttle = domain.throttle.as_ref().filter(|throttle| !throttle.is_over(now))?;
            Some((name.as_str(), domain.asked.as_str(), throttle.paused_until()))
        });
        let mut slowed: Vec<_> = slowed.collect();
        slowed.sort_unstable();
        slowed
    }

    /// A message to the domain was accepted.
    pub fn accepted(&mut self, domain: &str, now: Timestamp) {
        let Some(known) = self.known.get_mut(domain) else { return };
        known.meter.accepted(now);
        if known.throttle.as_mut().is_some_and(|throttle| !throttle.accepted(now)) {
            known.throttle = None;
        }
        if self.usual.is_none() && known.throttle.is_none() {
            self.known.remove(domain);
        }
    }

    /// The domain when it is limited.
    fn known(&mut self, domain: &str, now: Timestamp) -> Option<&mut Domain> {
        if !self.usual.is_none() {
            return Some(self.remembered(domain, now));
        }
        let known = self.known.get(domain)?;
        if known.throttle.as_ref().is_none_or(|throttle| throttle.is_over(now)) {
            self.known.remove(domain);
        }
        self.known.get_mut(domain)
    }

    fn remembered(&mut self, domain: &str, now: Timestamp) -> &mut Domain {
        if !self.known.contains_key(domain) && self.known.len() >= self.most {
            self.known.retain(|_, domain| !domain.is_idle(now));
            // Should most of them stay, the next look is far off: looking costs little for each that comes.
            self.most = REMEMBERED.max(2 * self.known.len());
        }
        let rates = &self.usual.rates;
        self.known.entry(domain.to_owned()).or_insert_with(|| Domain::new(rates, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domains(limits: &[&str]) -> Domains {
        let limits: Vec<String> = limits.iter().map(|limit| (*limit).to_owned()).collect();
        Domains::new(PerDomain::parse(&limits).unwrap())
    }

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn limits_are_read() {
        let limits = PerDomain::parse(&["5 connections".into(), "10/s".into(), "500/h".into()]).unwrap();
        assert_eq!((limits.connections, limits.rates.len()), (Some(5), 2));
        assert!(PerDomain::parse(&[]).unwrap().is_none());
        for wrong in ["", "5", "0 connections", "x connections", "10/w"] {
            assert!(PerDomain::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_kept_of_domains_that_ask_for_nothing() {
        let mut domains = domains(&[]);
        assert_eq!(domains.admit("a.test", NOW), Ok(()));
        domains.accepted("a.test", NOW);
        assert!(!domains.are_limited() && domains.known.is_empty());
    }

    #[test]
    fn who_asks_to_slow_down_waits_alone_and_is_forgotten_once_it_takes_everything() {
        let mut domains = domains(&[]);
        domains.slow("full.test", "too much", 100.0, NOW);
        assert!(domains.are_limited());
        assert_eq!(domains.admit("other.test", NOW), Ok(()));
        let turns: Vec<i64> = (0..3).map(|_| domains.admit("full.test", NOW).unwrap_err().since(NOW).0).collect();
        assert_eq!(turns, [1_000, 1_010, 1_020]);
        assert_eq!(domains.recall("full.test", NOW), Some(NOW.plus(Span(1_030))));
        assert_eq!(domains.recall("other.test", NOW), None);
        let mut now = NOW;
        while domains.are_limited() {
            now = now.plus(Span(1));
            if domains.admit("full.test", now).is_ok() {
                domains.accepted("full.test", now);
            }
            assert!(now.since(NOW) < Span::minutes(10));
        }
    }

    #[test]
    fn who_asked_is_told_in_its_own_words() {
        let mut domains = domains(&[]);
        assert!(domains.slow("b.test", "too much", 10.0, NOW));
        assert!(!domains.slow("b.test", "still too much", 10.0, NOW), "of the same moment");
        assert!(domains.slow("a.test", "slow down", 10.0, NOW));
        let end = NOW.plus(Span::seconds(1));
        assert_eq!(domains.slowed(NOW), [("a.test", "slow down", end), ("b.test", "too much", end)]);
        let later = NOW.plus(Span::hours(4));
        assert_eq!(domains.slowed(later), []);
        let mut admit = || domains.admit("a.test", later);
        assert_eq!((admit(), admit(), admit()), (Ok(()), Ok(()), Ok(())), "it is forgiven");
    }

    #[test]
    fn however_many_domains_there_are_those_far_from_their_limits_are_forgotten() {
        let mut domains = domains(&["3/h"]);
        for _ in 0..3 {
            assert_eq!(domains.admit("full.test", NOW), Ok(()));
        }
        domains.slow("slow.test", "too much", 10.0, NOW);
        for n in 0..5 * REMEMBERED {
            assert_eq!(domains.admit(&format!("d{n}.test"), NOW), Ok(()));
            assert!(domains.known.len() <= REMEMBERED);
        }
        assert!(domains.admit("full.test", NOW).is_err() && domains.admit("slow.test", NOW).is_err());
        let later = NOW.plus(Span::hours(4));
        for n in 0..REMEMBERED {
            domains.slow(&format!("s{n}.test"), "too much", 10.0, later);
        }
        assert!(!domains.known.contains_key("slow.test") && !domains.known.contains_key("full.test"));
    }

    #[test]
    fn so_many_are_in_hand_at_once() {
        let mut domains = domains(&["2 connections"]);
        assert!(domains.are_counted());
        assert_eq!((domains.admit("a.test", NOW), domains.admit("a.test", NOW)), (Ok(()), Ok(())));
        assert!(domains.admit("a.test", NOW).is_err());
        assert_eq!(domains.admit("b.test", NOW), Ok(()));
        domains.done("a.test");
        assert_eq!(domains.admit("a.test", NOW), Ok(()));
    }

    #[test]
    fn each_domain_has_the_rate_for_itself() {
        let mut domains = domains(&["3/m"]);
        for domain in ["a.test", "b.test"] {
            let admitted = (0..9).filter(|_| domains.admit(domain, NOW).is_ok()).count();
            assert_eq!(admitted, 3, "{domain}");
        }
        assert_eq!(domains.admit("a.test", NOW.plus(Span::seconds(62))), Ok(()));
    }

    proptest! {
        /// A turn is ahead, ten minutes at most, and a crowd is spread.
        #[test]
        fn turns_are_ahead_and_spread(rate in 0.02_f64..500.0, crowd in 1_usize..3_000) {
            let mut domains = domains(&[]);
            domains.slow("full.test", "", rate * 2.0, NOW);
            let mut seconds = HashMap::<i64, usize>::new();
            for _ in 0..crowd {
                let turn = domains.admit("full.test", NOW).unwrap_err();
                prop_assert!(turn > NOW && turn <= NOW.plus(FARTHEST));
                *seconds.entry(turn.0 / 1_000).or_default() += 1;
            }
            // Two turns for each message its rate allows, and once more where there are too many for ten minutes.
            let rounds = 1.0 + crowd as f64 / (300.0 * rate.max(1.0 / 60.0) * 2.0);
            let most = seconds.values().max().copied().unwrap_or_default() as f64;
            prop_assert!(most <= (2.0 * rate + 2.0) * rounds.ceil(), "{most} in a second at {rate}/s");
        }
    }
}
