//! Cadences in full sentences: what a reader chooses between.

use chrono::Datelike;

use super::frame::Site;
use crate::domain::cadence::Cadence;
use crate::domain::newsletter::Newsletter;

impl Site<'_> {
    /// `Once a week, on Friday at 09:00`.
    pub fn cadence(&self, newsletter: &Newsletter, cadence: Cadence) -> String {
        let words = self.words;
        let when = newsletter.when(cadence).map(ToString::to_string).unwrap_or_default();
        let (day, time) = when.rsplit_once(' ').unwrap_or(("", &when));
        match cadence {
            Cadence::Each => words.say("page.cadence.each", &[]),
            Cadence::Daily => words.say("page.cadence.daily", &[("time", time)]),
            Cadence::Weekly => {
                let weekday = self.weekday(newsletter);
                words.say("page.cadence.weekly", &[("weekday", &weekday), ("time", time)])
            }
            Cadence::Monthly if day == "last" => words.say("page.cadence.monthly_last", &[("time", time)]),
            Cadence::Monthly => words.say("page.cadence.monthly", &[("day", &words.ordinal(day)), ("time", time)]),
        }
    }

    /// The same without day and time, for a choice between several newsletters.
    pub fn loose_cadence(&self, cadence: Cadence) -> String {
        let words = self.words;
        match cadence {
            Cadence::Each => words.say("page.cadence.each", &[]),
            Cadence::Daily => words.say("page.cadence.loose_daily", &[]),
            Cadence::Weekly => words.say("page.cadence.loose_weekly", &[]),
            Cadence::Monthly => words.say("page.cadence.loose_monthly", &[]),
        }
    }

    /// When the next one comes.
    pub fn next(&self, newsletter: &Newsletter, cadence: Cadence) -> String {
        match newsletter.next_slot(cadence, self.now) {
            None => self.words.say("page.cadence.next_each", &[]),
            Some(slot) => {
                let date = self.words.moment(slot, newsletter.zone);
                self.words.say("page.cadence.next", &[("date", &date)])
            }
        }
    }

    fn weekday(&self, newsletter: &Newsletter) -> String {
        let slot = newsletter.weekly.next(newsletter.zone, self.now);
        let day = slot.in_zone(newsletter.zone).weekday().num_days_from_monday();
        let names = self.words.say("date.weekdays", &[]);
        names.split(',').nth(day as usize).unwrap_or_default().trim().to_owned()
    }
}
