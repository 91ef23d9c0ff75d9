//! `why`: the story of one address, and the answer to "I never got it".

use std::io::Write;

use serde_json::json;

use super::arguments::Why;
use super::stage::Desk;
use super::waiting::Waiting;
use super::{Failure, Stage, editions, output, subscribers};
use crate::domain::delivery::State;
use crate::domain::directives::Reach;
use crate::domain::subscription::{Status, Subscription};
use crate::domain::{Address, Post};
use crate::store::{AttemptRow, DeliveryRow};

/// Tells the story, or the part of it that concerns one post.
pub fn run(options: &Why, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.at_desk(async |desk| match &options.post {
        Some(post) => of_post(&desk, &options.address, post, options.read.json, out).await,
        None => story(&desk, &options.address, options.read.json, out).await,
    })
}

async fn story(desk: &Desk, address: &Address, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let subscriptions = desk.store.subscriptions_of(address).await?;
    let suppression = desk.store.suppression(address).await?;
    let mut deliveries = Vec::new();
    for delivery in desk.store.deliveries_to(address).await? {
        let attempts = desk.store.attempts(delivery.id).await?;
        deliveries.push((delivery, attempts));
    }
    if subscriptions.is_empty() && suppression.is_none() && deliveries.is_empty() {
        return Err(subscribers::unknown(address));
    }
    if json {
        let mails = deliveries.iter().map(|(row, attempts)| told_in_json(row, attempts));
        let suppressed = suppression.map(|(why, since)| json!({"why": why, "since": since.rfc3339()}));
        let subscriptions: Vec<_> = subscriptions.iter().map(subscribers::object).collect();
        let object = json!({"address": address.as_str(), "subscriptions": subscriptions, "suppressed": suppressed, "mails": mails.collect::<Vec<_>>()});
        return Ok(output::json(out, object)?);
    }
    writeln!(out, "{address}")?;
    for subscription in &subscriptions {
        writeln!(out, "  {}: {}", subscription.newsletter, subscribers::standing(subscription, desk))?;
    }
    if let Some((why, since)) = suppression {
        let since = output::time(since, desk.settings.site.timezone);
        writeln!(out, "  must not be mailed since {since}: {}", output::plain(&why))?;
    }
    if deliveries.is_empty() {
        writeln!(out, "  no mail yet. What comes next: postroom plan")?;
    }
    let waiting = Waiting::look(desk, desk.now).await?;
    for (row, attempts) in &deliveries {
        writeln!(out, "  {}", mail(desk, &waiting, row).await?)?;
        for attempt in attempts {
            writeln!(out, "    {}", tried(desk, attempt))?;
        }
    }
    Ok(())
}

fn told_in_json(row: &DeliveryRow, attempts: &[AttemptRow]) -> serde_json::Value {
    let attempt = |one: &AttemptRow| {
        json!({
            "number": one.number, "relay": one.relay, "started": one.started.rfc3339(), "ended": one.ended.rfc3339(),
            "phase": one.phase, "outcome": one.outcome, "code": one.code, "enhanced": one.enhanced, "text": one.text,
        })
    };
    let mut object = editions::delivery(row);
    object["tries"] = attempts.iter().map(attempt).collect();
    object
}

/// `Fri 22 May 2026 09:00 Europe/Berlin  edition 41 "..." accepted`
async fn mail(desk: &Desk, waiting: &Waiting, row: &DeliveryRow) -> Result<String, Failure> {
    let edition = match row.edition {
        Some(number) => desk.store.edition(number).await?,
        None => None,
    };
    let what = match &edition {
        Some(edition) => format!("edition {} \"{}\"", edition.number, output::plain(&edition.subject)),
        None => format!("{} mail", row.kind.as_str()),
    };
    let zone = desk.settings.site.timezone;
    let when = output::time(row.settled.unwrap_or(row.created), zone);
    let wait = waiting.reason(row, edition.map(|edition| edition.state), zone, desk.now);
    let wait = wait.map(|why| format!("; {why}")).unwrap_or_default();
    Ok(format!("{when}  {what}: {}{wait}", state(desk, row)))
}

/// `accepted`, `refused (550 5.1.1 no such user)`, `queued, next try 09:14`
fn state(desk: &Desk, row: &DeliveryRow) -> String {
    let mut text = row.state.as_str().to_owned();
    if let Some(reason) = row.reason.as_ref().filter(|reason| !reason.is_empty()) {
        text.push_str(&format!(" ({})", output::plain(reason)));
    }
    if row.state == State::Queued && row.not_before > desk.now {
        text.push_str(&format!(", next try {}", output::time(row.not_before, desk.settings.site.timezone)));
    }
    if row.uncertain > 0 {
        text.push_str(", may have come twice");
    }
    text
}

/// `attempt 1, 09:00:03, mail.example.org:587: accepted at dot, 250 2.0.0 ok`
fn tried(desk: &Desk, one: &AttemptRow) -> String {
    let when = one.started.in_zone(desk.settings.site.timezone).format("%-d %b %H:%M:%S");
    let relay = if one.relay.is_empty() { String::new() } else { format!(", {}", output::plain(&one.relay)) };
    let code = one.code.map(|code| format!("{code} ")).unwrap_or_default();
    let enhanced = one.enhanced.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
    let text = output::plain(&one.text);
    format!("attempt {}, {when}{relay}: {} at {}, {code}{enhanced}{text}", one.number, one.outcome, one.phase)
        .trim_end_matches([' ', ','])
        .to_owned()
}

async fn of_post(desk: &Desk, address: &Address, name: &str, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(post) = desk.store.post_named(name).await? else {
        return Err(Failure::refused(
            format!("there is no post `{}`", output::plain(name)),
            "name it by its slug, its path in the archive or its address",
        ));
    };
    let delivery = desk.store.delivery_of_post(address, post.id).await?;
    let subscriptions = desk.store.subscriptions_of(address).await?;
    let suppressed = desk.store.suppression(address).await?.map(|(why, _)| why);
    let answer = match &delivery {
        Some(row) => carried(desk, row),
        None => not_carried(desk, &post, &subscriptions, suppressed.as_deref()),
    };
    if json {
        let object = json!({"address": address.as_str(), "post": post.entry.url, "answer": answer, "mail": delivery.as_ref().map(editions::delivery)});
        return Ok(output::json(out, object)?);
    }
    writeln!(out, "\"{}\" for {address}: {answer}", output::plain(&post.entry.title))?;
    if let Some(row) = &delivery {
        for attempt in desk.store.attempts(row.id).await? {
            writeln!(out, "  {}", tried(desk, &attempt))?;
        }
    }
    Ok(())
}

fn carried(desk: &Desk, row: &DeliveryRow) -> String {
    let edition = row.edition.map(|number| format!("edition {number}")).unwrap_or_default();
    let when = output::time(row.settled.unwrap_or(row.created), desk.settings.site.timezone);
    format!("{edition} carried it, {} on {when}", state(desk, row))
}

/// Why no edition carried a post to somebody, by the rules an edition is
/// composed by, the first that applies.
fn not_carried(desk: &Desk, post: &Post, subscriptions: &[Subscription], suppressed: Option<&str>) -> String {
    let zone = desk.settings.site.timezone;
    let Some(seq) = post.seq else {
        return if post.entry.draft {
            "it is a draft".into()
        } else {
            format!("it is not public before {}", output::time(post.entry.date, zone))
        };
    };
    match post.entry.send.reach {
        Reach::Everywhere | Reach::Mail => {}
        Reach::Unmailed => return "its author keeps it out of mail: newsletter: false".into(),
        Reach::Feeds => return "its author keeps it out of mail: feed_only: true".into(),
    }
    if let Some(why) = suppressed {
        return format!("the address must not be mailed ({})", output::plain(why));
    }
    let Some(subscription) = subscriptions.iter().find(|one| one.status == Status::Active).or(subscriptions.first())
    else {
        return "nobody is subscribed with this address".into();
    };
    let newsletter = desk.settings.newsletter(&subscription.newsletter);
    match subscription.status {
        Status::Pending => return "the subscription was never confirmed".into(),
        Status::Unsubscribed => return format!("unsubscribed: {}", subscribers::standing(subscription, desk)),
        Status::Active => {}
    }
    // An edition with `--since` carries it all the same, so whom it leaves out comes first.
    if !post.mailable {
        return "it is in the feeds only: it was in the archive before Postroom, or too old when it came".into();
    }
    let topical =
        |topics: &[String]| topics.is_empty() || post.entry.topics.iter().any(|topic| topics.contains(&topic.slug));
    if !newsletter.is_none_or(|newsletter| newsletter.takes(&post.entry)) {
        let named = &post.entry.send.newsletters;
        return match named.is_empty() {
            true => format!("{} does not take its topics", subscription.newsletter),
            false => format!("its author gives it to {} only", output::plain(&named.join(", "))),
        };
    }
    if !topical(&subscription.topics) {
        return format!("only {} is wanted", subscription.topics.join(", "));
    }
    if subscription.covered_until >= seq {
        return "it became public before the subscription began, or in an edition that was cancelled".into();
    }
    if let Some(until) = subscription.paused_until.filter(|until| *until > desk.now) {
        return format!("paused until {}", output::time(until, zone));
    }
    match newsletter.and_then(|newsletter| newsletter.next_slot(subscription.cadence, desk.now)) {
        Some(slot) => format!("it comes with the next {} edition, {}", subscription.cadence, output::time(slot, zone)),
        None => "it comes as soon as it has settled".into(),
    }
}
