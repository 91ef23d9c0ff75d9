//! Why mail waits that nothing is wrong with: the pace of relays and domains,
//! quiet hours, a pause.

use std::io::{self, Write};

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::stage::Desk;
use super::{Failure, output};
use crate::domain::delivery::{Kind, State};
use crate::domain::edition;
use crate::domain::pace::Wait;
use crate::domain::{Address, Timestamp};
use crate::store::DeliveryRow;

/// So many are told in text.
const TOLD: usize = 5;

/// What mail waits for at one moment.
pub struct Waiting {
    paused: Option<Timestamp>,
    quiet_until: Option<Timestamp>,
    waits: Vec<Wait>,
}

impl Waiting {
    /// Asks the store and the clock.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look(desk: &Desk, now: Timestamp) -> Result<Self, Failure> {
        let quiet = desk.settings.mail.quiet_hours;
        Ok(Self {
            paused: desk.store.paused_since().await?,
            quiet_until: quiet.and_then(|hours| hours.end(desk.settings.site.timezone, now)),
            waits: desk.store.waits().await?,
        })
    }

    /// The same for other programs.
    pub fn object(&self) -> Value {
        let wait = |wait: &Wait| json!({"relay": wait.relay, "domain": wait.domain, "reason": wait.reason, "until": wait.until.rfc3339()});
        json!({
            "quiet_until": self.quiet_until.map(Timestamp::rfc3339),
            "relays": self.waits.iter().map(wait).collect::<Vec<_>>(),
        })
    }

    /// A line for each, the most important first.
    ///
    /// # Errors
    /// Those of writing.
    pub fn text(&self, zone: Tz, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let time = |at| output::time(at, zone);
        if let Some(end) = self.quiet_until {
            writeln!(out, "Waiting: editions, for the end of the quiet hours {}", time(end))?;
        }
        for wait in self.waits.iter().take(TOLD) {
            let until = if wait.until > now { format!(" until {}", time(wait.until)) } else { String::new() };
            let what = wait.domain.as_ref().map(|domain| format!("mail to {domain} by ")).unwrap_or_default();
            writeln!(out, "Waiting: {what}{}{until}: {}", wait.relay, output::plain(&wait.reason))?;
        }
        if self.waits.len() > TOLD {
            writeln!(out, "Waiting: {} more     see: postroom status --json", self.waits.len() - TOLD)?;
        }
        Ok(())
    }

    /// Why a delivery waits that may be handed over; `None` when nothing is
    /// known to keep it, or when it is not in the queue.
    pub fn reason(
        &self,
        row: &DeliveryRow,
        edition: Option<edition::State>,
        zone: Tz,
        now: Timestamp,
    ) -> Option<String> {
        if row.state != State::Queued {
            return None;
        }
        let time = |at| output::time(at, zone);
        if let Some(state) = edition.filter(|state| *state != edition::State::Sending) {
            return Some(format!("its edition is {}", state.as_str()));
        }
        if let Some(since) = self.paused.filter(|_| row.kind != Kind::Test) {
            return Some(format!("all sending is paused since {}", time(since)));
        }
        if let Some(end) = self.quiet_until.filter(|_| edition.is_some()) {
            return Some(format!("quiet hours until {}", time(end)));
        }
        let address = Address::parse(&row.address).ok();
        let domain = address.as_ref().map(Address::domain);
        let concerns = |wait: &&Wait| wait.domain.is_none() || wait.domain.as_deref() == domain;
        if let Some(wait) = self.waits.iter().filter(concerns).max_by_key(|wait| wait.domain.is_some()) {
            let what = wait.domain.as_ref().unwrap_or(&wait.relay);
            return Some(format!("{what}: {}", output::plain(&wait.reason)));
        }
        let is_put_off = row.attempts == 0 && row.not_before > now && row.not_before > row.created;
        is_put_off.then(|| "its domain has had what it may have by relay.per_domain".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;

    const NOW: Timestamp = Timestamp(1_779_951_600_000);

    fn row(kind: Kind, not_before: Timestamp) -> DeliveryRow {
        DeliveryRow {
            id: 1,
            kind,
            edition: None,
            address: "jane@full.test".into(),
            state: State::Queued,
            attempts: 0,
            uncertain: 0,
            not_before,
            reason: None,
            created: NOW,
            settled: None,
        }
    }

    #[test]
    fn why_a_delivery_waits_is_what_concerns_it_most() {
        let later = NOW.plus(Span::hours(1));
        let wait = |domain: Option<&str>, reason: &str| Wait {
            relay: "mail.test:587".into(),
            domain: domain.map(str::to_owned),
            reason: reason.into(),
            until: later,
        };
        let mut waiting = Waiting {
            paused: Some(NOW),
            quiet_until: Some(later),
            waits: vec![wait(None, "connection refused"), wait(Some("other.test"), "a"), wait(Some("full.test"), "b")],
        };
        let says = |waiting: &Waiting, row: &DeliveryRow, state| waiting.reason(row, state, chrono_tz::UTC, NOW);
        let copy = row(Kind::Edition, NOW);
        let sending = Some(edition::State::Sending);
        assert_eq!(says(&waiting, &copy, Some(edition::State::Held)).unwrap(), "its edition is held");
        assert_eq!(says(&waiting, &copy, sending).unwrap(), "all sending is paused since Thu 28 May 2026 07:00 UTC");
        assert_eq!(says(&waiting, &row(Kind::Test, NOW), None).unwrap(), "full.test: b");
        waiting.paused = None;
        assert_eq!(says(&waiting, &copy, sending).unwrap(), "quiet hours until Thu 28 May 2026 08:00 UTC");
        assert_eq!(says(&waiting, &row(Kind::Welcome, NOW), None).unwrap(), "full.test: b");
        waiting.waits.pop();
        assert_eq!(says(&waiting, &row(Kind::Welcome, NOW), None).unwrap(), "mail.test:587: connection refused");
        waiting.waits.clear();
        assert_eq!(says(&waiting, &row(Kind::Welcome, NOW), None), None);
        assert!(says(&waiting, &row(Kind::Welcome, later), None).unwrap().ends_with("relay.per_domain"));
        let accepted = DeliveryRow { state: State::Accepted, ..copy };
        assert_eq!(says(&waiting, &accepted, sending), None);
    }

    #[test]
    fn the_screen_is_not_filled_with_domains() {
        let wait = |n: i32| Wait {
            relay: "mail.test:587".into(),
            domain: Some(format!("d{n}.test")),
            reason: "asked to slow down: 450 4.7.0 too\x1b much".into(),
            until: NOW.plus(Span::seconds(i64::from(n) - 1)),
        };
        let waiting = Waiting { paused: None, quiet_until: Some(NOW), waits: (0..9).map(wait).collect() };
        let mut out = Vec::new();
        waiting.text(chrono_tz::UTC, NOW, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 7, "{text}");
        assert!(lines[0].starts_with("Waiting: editions, for the end of the quiet hours Thu"), "{text}");
        let first = "Waiting: mail to d0.test by mail.test:587: asked to slow down: 450 4.7.0 too  much";
        assert_eq!(lines[1], first);
        assert!(lines[3].contains("mail.test:587 until Thu 28 May 2026 07:00 UTC: asked"), "{text}");
        assert_eq!(lines[6], "Waiting: 4 more     see: postroom status --json");
    }
}
