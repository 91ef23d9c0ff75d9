//! The preferences of a subscription: how often, of what, and from when on.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use chrono::{Days, NaiveDate, TimeZone};

use super::answer::{Answer, Failure, page};
use super::intake::Intake;
use super::leaving::{left, open_both};
use super::{Shared, Web, private};
use crate::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use crate::domain::token::Purpose;
use crate::domain::{Newsletter, Timestamp};
use crate::feeds::Kind;
use crate::store::Choices;
use crate::views::pages::confirm::Broken;
use crate::views::pages::faults::Fault;
use crate::views::pages::form::LANGUAGE;
use crate::views::pages::preferences::{self as preference_pages, PAUSED, Preferences, TOPIC, TopicChoice};

/// Topics offered at most: the busiest. Chosen ones always are.
const TOPICS: usize = 40;

/// The longest pause, in days.
const LONGEST: u64 = 366;

/// What the page has to say of what was just sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Nothing was.
    Nothing,
    /// It is kept.
    Saved,
    /// A pause without a day that can be one: nothing was changed.
    NoDay,
    /// A new address that cannot be one, and why: nothing was changed.
    NoAddress(&'a str, &'a str),
    /// A new address without the present one: nothing was changed.
    NotTheirs(&'a str),
}

/// `GET /s/TOKEN`
pub async fn preferences(State(web): State<Shared>, Path(token): Path<String>) -> Answer {
    let (subscription, newsletter) = open_both(&web, Purpose::Manage, &token).await?;
    match subscription.status {
        Status::Active => choices(&web, &subscription, newsletter, &token, Said::Nothing).await,
        Status::Unsubscribed => left(&web, &subscription, newsletter, &web.leave_path(&subscription), true).await,
        Status::Pending => Err(web.broken(Broken::Ended, &subscription)),
    }
}

/// `POST /s/TOKEN`
pub async fn save(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, newsletter) = open_both(&web, Purpose::Manage, &token).await?;
    if subscription.status != Status::Active {
        return Err(web.broken(Broken::Ended, &subscription));
    }
    let fields = intake.form()?;
    let word = fields.get("cadence").map(String::as_str).unwrap_or_default();
    let is_pause = word == PAUSED;
    let cadence = word.parse().ok().filter(|cadence| newsletter.cadences.contains(cadence));
    if cadence.is_none() && !is_pause {
        return Err(Failure::Page(Fault::Garbled));
    }
    let day = fields.get("until").map(String::as_str).unwrap_or_default();
    let paused_until = if is_pause { morning(day, newsletter, web.ctx.now()) } else { None };
    if is_pause && paused_until.is_none() {
        return choices(&web, &subscription, newsletter, &token, Said::NoDay).await;
    }
    let topics = chosen_topics(&web, &subscription, newsletter, &fields).await?;
    let language = match fields.get(LANGUAGE) {
        Some(tag) => web.ctx.choice_of_language(tag),
        None => subscription.language.clone(),
    };
    let chosen = Choices { cadence, language, topics, paused_until };
    let consent = Consent {
        act: ConsentAct::Chose,
        source: "form".to_owned(),
        words: web.site_of(&subscription).cadence(newsletter, cadence.unwrap_or(subscription.cadence)),
        network: intake.client().map(|client| client.to_string()),
    };
    let saved = web.ctx.store.choose(subscription.id, &chosen, &consent, web.ctx.now()).await?;
    let saved = saved.filter(|saved| saved.status == Status::Active).ok_or(Failure::GONE)?;
    choices(&web, &saved, newsletter, &token, Said::Saved).await
}

/// The beginning of a day, `2026-05-22`, when it may end a pause: from tomorrow
/// on, for a year.
fn morning(day: &str, newsletter: &Newsletter, now: Timestamp) -> Option<Timestamp> {
    let day: NaiveDate = day.parse().ok()?;
    let today = now.in_zone(newsletter.zone).date_naive();
    let is_near = day > today && day <= today.checked_add_days(Days::new(LONGEST))?;
    // Where a clock is put forward at midnight, that day begins at one.
    let begins = (0..3).find_map(|hour| newsletter.zone.from_local_datetime(&day.and_hms_opt(hour, 0, 0)?).earliest());
    begins.map(Timestamp::from).filter(|_| is_near)
}

/// The topics ticked, of those that are offered.
async fn chosen_topics(
    web: &Web,
    subscription: &Subscription,
    newsletter: &Newsletter,
    fields: &BTreeMap<String, String>,
) -> Result<Vec<String>, Failure> {
    let offered = topics(web, subscription, newsletter).await?;
    let is_ticked = |topic: &TopicChoice| fields.contains_key(&format!("{TOPIC}{}", topic.slug));
    Ok(offered.into_iter().filter(is_ticked).map(|topic| topic.slug).collect())
}

/// The topics of the newsletter's posts, by name: those with the most posts and
/// those chosen; none where there is nothing to choose between.
async fn topics(web: &Web, subscription: &Subscription, newsletter: &Newsletter) -> Result<Vec<TopicChoice>, Failure> {
    let shelves = web.library.shelves(&web.ctx, web.ctx.now()).await?;
    let catalogue = &shelves.catalogue;
    let mut found: Vec<(usize, TopicChoice)> = Vec::new();
    for shelf in catalogue.shelves.iter().filter(|shelf| shelf.kind == Kind::Topic) {
        let posts = shelf.items.iter().filter(|&&item| newsletter.takes(&catalogue.items[item].entry)).count();
        let slug = shelf.folder.trim_start_matches("/topics/").to_owned();
        found.push((posts, TopicChoice { chosen: false, name: shelf.name.clone(), slug }));
    }
    for slug in &subscription.topics {
        match found.iter_mut().find(|(_, topic)| topic.slug == *slug) {
            Some((_, topic)) => topic.chosen = true,
            None => found.push((0, TopicChoice { chosen: true, name: slug.clone(), slug: slug.clone() })),
        }
    }
    found.retain(|(posts, topic)| *posts > 0 || topic.chosen);
    found.sort_by_key(|(posts, topic)| std::cmp::Reverse((topic.chosen, *posts)));
    found.truncate(TOPICS.max(subscription.topics.len()));
    let mut topics: Vec<TopicChoice> = found.into_iter().map(|(_, topic)| topic).collect();
    topics.sort_by_key(|topic| topic.name.to_lowercase());
    let is_a_choice = topics.len() > 1 || topics.iter().any(|topic| topic.chosen);
    Ok(if is_a_choice { topics } else { Vec::new() })
}

/// The page of an active subscription.
pub async fn choices(
    web: &Web,
    subscription: &Subscription,
    newsletter: &Newsletter,
    token: &str,
    said: Said<'_>,
) -> Answer {
    let (address, action) = (subscription.address.masked(), format!("/s/{token}"));
    let leave = web.leave_path(subscription) + "/unsubscribe";
    let own_feed = private::addresses(web, subscription.id).await?;
    let (site, languages) = (web.site_of(subscription), web.ctx.languages());
    let model = Preferences {
        address: &address,
        newsletter,
        cadence: subscription.cadence,
        paused: subscription.paused_until.filter(|until| *until > site.now),
        topics: &topics(web, subscription, newsletter).await?,
        languages: &languages,
        since: subscription.confirmed,
        saved: said == Said::Saved,
        no_day: said == Said::NoDay,
        no_address: match said {
            Said::NoAddress(typed, reason) => Some((typed, reason)),
            _ => None,
        },
        not_theirs: match said {
            Said::NotTheirs(typed) => Some(typed),
            _ => None,
        },
        action: &action,
        leave: &leave,
        own_feed: own_feed.as_deref(),
    };
    let status = if matches!(said, Said::NoDay | Said::NoAddress(..) | Said::NotTheirs(_)) { 422 } else { 200 };
    Ok(page(status, preference_pages::preferences(&site, &model).into_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_with_a_morning_of_the_next_year() {
        let newsletter = crate::views::pages::samples::newsletters().unwrap().remove(0);
        let now = Timestamp(1_779_433_200_000); // Friday 22 May 2026, 09:00 in Berlin
        let until = |day: &str| morning(day, &newsletter, now).map(Timestamp::rfc3339);
        assert_eq!(until("2026-05-23").as_deref(), Some("2026-05-22T22:00:00Z"));
        assert_eq!(until("2027-05-23").as_deref(), Some("2027-05-22T22:00:00Z"));
        for wrong in ["2026-05-22", "2025-01-01", "2027-05-24", "2026-02-30", "", "x", "+262142-01-01"] {
            assert_eq!(until(wrong), None, "{wrong}");
        }
    }
}
