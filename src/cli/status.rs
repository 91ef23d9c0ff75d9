//! `status`: what is being sent, what waits, what went wrong; the answer to
//! "is everything all right?" in one screen.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::json;

use super::arguments::StatusOptions;
use super::stage::Desk;
use super::waiting::Waiting;
use super::{Failure, Stage, editions, output};
use crate::domain::Timestamp;
use crate::domain::delivery::{State as DeliveryState, Tally};
use crate::domain::edition::{Edition, State};
use crate::domain::time::Span;
use crate::store::{Due, Outbox, Store, SubscriptionCount, Trouble};
use crate::system;

/// Everything the screen shows.
struct Picture {
    paused: Option<Timestamp>,
    pause_reason: Option<String>,
    open: Vec<(Edition, Tally, Option<Pace>)>,
    last: Option<(Edition, Tally)>,
    next: Vec<Due>,
    outbox: Outbox,
    waiting: Waiting,
    troubles: Vec<Trouble>,
    subscriptions: Vec<SubscriptionCount>,
}

/// How fast an edition leaves.
struct Pace {
    per_minute: i64,
    done_by: Option<Timestamp>,
}

/// Looks once, or again and again.
pub fn run(options: &StatusOptions, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.at_desk(async |desk| {
        if options.watch {
            return watch(&desk, out).await;
        }
        let picture = look(&desk, desk.now).await?;
        if options.read.json { json(&picture, out) } else { text(&desk, &picture, desk.now, out).await }
    })
}

async fn watch(desk: &Desk, out: &mut dyn Write) -> Result<(), Failure> {
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = tokio::signal::ctrl_c() => return Err(Failure::Interrupted),
        }
        let now = system::now();
        let picture = look(desk, now).await?;
        if std::io::stdout().is_terminal() {
            // Home, and clear what is below.
            write!(out, "\x1b[H\x1b[J")?;
        }
        text(desk, &picture, now, out).await?;
        out.flush()?;
    }
}

async fn look(desk: &Desk, now: Timestamp) -> Result<Picture, Failure> {
    let outbox = desk.store.outbox().await?;
    let mut open = Vec::new();
    for edition in desk.store.open_editions().await? {
        let tally = desk.store.tally(edition.number).await?;
        let pace = match edition.state {
            State::Sending => pace(desk, &edition, tally.open(), outbox.deferred, now).await?,
            _ => None,
        };
        open.push((edition, tally, pace));
    }
    let last = match desk.store.last_edition().await? {
        Some(edition) => {
            let tally = desk.store.tally(edition.number).await?;
            Some((edition, tally))
        }
        None => None,
    };
    Ok(Picture {
        paused: desk.store.paused_since().await?,
        pause_reason: desk.store.pause_reason().await?,
        open,
        last,
        next: desk.store.next_slots().await?,
        outbox,
        waiting: Waiting::look(desk, now).await?,
        troubles: Store::troubles(&desk.settings.database.file),
        subscriptions: desk.store.subscription_counts().await?,
    })
}

/// How fast it goes, while there is anything but what the relay has put off;
/// and when it is done, as long as nothing is: that goes by the back-off.
async fn pace(
    desk: &Desk,
    edition: &Edition,
    open: i64,
    deferred: i64,
    now: Timestamp,
) -> Result<Option<Pace>, Failure> {
    let per_minute = desk.store.accepted_since(edition.number, now.minus(Span::minutes(1))).await?;
    if per_minute == 0 || open <= deferred {
        return Ok(None);
    }
    let left = Span(open.saturating_mul(60_000) / per_minute);
    Ok(Some(Pace { per_minute, done_by: (deferred == 0).then(|| now.plus(left)) }))
}

fn json(picture: &Picture, out: &mut dyn Write) -> Result<(), Failure> {
    let edition = |(edition, tally, pace): &(Edition, Tally, Option<Pace>)| {
        let mut object = editions::object(edition, tally);
        object["per_minute"] = pace.as_ref().map(|pace| pace.per_minute).into();
        object
    };
    let next = picture
        .next
        .iter()
        .map(|due| json!({"newsletter": due.newsletter, "cadence": due.cadence.as_str(), "slot": due.slot.rfc3339()}));
    let count = |one: &SubscriptionCount| json!({"newsletter": one.newsletter, "status": one.status, "cadence": one.cadence.as_str(), "count": one.count});
    let outbox = &picture.outbox;
    let object = json!({
        "pause_reason": picture.pause_reason,
        "paused_since": picture.paused.map(|at| at.rfc3339()),
        "editions": picture.open.iter().map(edition).collect::<Vec<_>>(),
        "last": picture.last.as_ref().map(|(edition, tally)| editions::object(edition, tally)),
        "next": next.collect::<Vec<_>>(),
        "outbox": {
            "open": outbox.open,
            "deferred": outbox.deferred,
            "uncertain": outbox.uncertain,
            "oldest": outbox.oldest.map(|at| at.rfc3339()),
            "next_try": outbox.next_try.map(|at| at.rfc3339()),
        },
        "waiting": picture.waiting.object(),
        "troubles": picture.troubles.iter().map(|one| json!({"what": one.as_str(), "reason": one.to_string()})).collect::<Vec<_>>(),
        "subscriptions": picture.subscriptions.iter().map(count).collect::<Vec<_>>(),
    });
    Ok(output::json(out, object)?)
}

async fn text(desk: &Desk, picture: &Picture, now: Timestamp, out: &mut dyn Write) -> Result<(), Failure> {
    for trouble in &picture.troubles {
        writeln!(out, "Trouble: {trouble}")?;
    }
    if let Some(since) = picture.paused {
        let since = output::time(since, desk.settings.site.timezone);
        let why = picture.pause_reason.as_deref().unwrap_or("nothing is handed over");
        writeln!(out, "Paused since {since}: {}. To go on: postroom resume", output::plain(why))?;
    }
    if picture.open.is_empty() {
        writeln!(out, "Nothing is being sent")?;
    }
    for (edition, tally, pace) in &picture.open {
        writeln!(out, "{}", sentence(desk, edition, tally, pace.as_ref()))?;
        if tally.of(DeliveryState::Refused) + tally.of(DeliveryState::Expired) > 0 {
            let reasons = editions::failures(desk, edition.number).await?;
            writeln!(out, "  failed: {reasons}     see: postroom editions show {} --failed", edition.number)?;
        }
    }
    if let Some((edition, tally)) = &picture.last {
        writeln!(
            out,
            "Last: edition {} \"{}\" {}: {}",
            edition.number,
            output::plain(&edition.subject),
            edition.state.as_str(),
            summary(tally)
        )?;
    }
    next(desk, picture, out)?;
    outbox(desk, &picture.outbox, now, out)?;
    if picture.outbox.open > 0 {
        picture.waiting.text(desk.settings.site.timezone, now, out)?;
    }
    readers(&picture.subscriptions, out)
}

/// `Sending edition 42: 812 of 1,204 accepted, 9 deferred, 3 failed. 148/min, about 3 min left (09:07 Europe/Berlin)`
fn sentence(desk: &Desk, edition: &Edition, tally: &Tally, pace: Option<&Pace>) -> String {
    let number = edition.number;
    let total = output::number(tally.audience);
    match edition.state {
        State::Held => {
            let why = edition.reason.as_deref().unwrap_or("it waits for you");
            format!(
                "Held: edition {number} for {total}: {}. To let it go: postroom editions approve {number}",
                output::plain(why)
            )
        }
        State::Paused => {
            let why = edition.reason.as_deref().unwrap_or("by the operator");
            format!(
                "Paused: edition {number}, {}: {}. To go on: postroom editions resume {number}",
                summary(tally),
                output::plain(why)
            )
        }
        _ => {
            let mut text = format!(
                "Sending edition {number}: {} of {total} accepted",
                output::number(tally.of(DeliveryState::Accepted))
            );
            let failed = tally.of(DeliveryState::Refused) + tally.of(DeliveryState::Expired);
            for (count, word) in
                [(failed, "failed"), (tally.of(DeliveryState::Uncertain), "uncertain"), (tally.open(), "left")]
            {
                if count > 0 {
                    text.push_str(&format!(", {} {word}", output::number(count)));
                }
            }
            if let Some(pace) = pace {
                let zone = desk.settings.site.timezone;
                text.push_str(&format!(". {}/min", output::number(pace.per_minute)));
                if let Some(by) = pace.done_by {
                    text.push_str(&format!(", done about {} {zone}", by.in_zone(zone).format("%H:%M")));
                }
            }
            text
        }
    }
}

/// `812 accepted, 3 refused` of what is not nothing.
fn summary(tally: &Tally) -> String {
    let some = DeliveryState::ALL.iter().rev().filter(|state| tally.of(**state) > 0);
    let words: Vec<_> = some.map(|state| format!("{} {}", output::number(tally.of(*state)), state.as_str())).collect();
    if words.is_empty() { "nobody".into() } else { words.join(", ") }
}

fn next(desk: &Desk, picture: &Picture, out: &mut dyn Write) -> Result<(), Failure> {
    let active = |due: &Due| -> i64 {
        let fits = |one: &&SubscriptionCount| {
            one.newsletter == due.newsletter && one.cadence == due.cadence && one.status == "active"
        };
        picture.subscriptions.iter().filter(fits).map(|one| one.count).sum()
    };
    let Some(due) = picture.next.iter().find(|due| active(due) > 0) else {
        writeln!(out, "Next: nobody is subscribed to anything with a slot")?;
        return Ok(());
    };
    let when = output::time(due.slot, desk.settings.site.timezone);
    let readers = output::counted(active(due), "subscriber", "subscribers");
    writeln!(out, "Next: {} {}, {when}, {readers}     see: postroom plan", due.newsletter, due.cadence)?;
    Ok(())
}

fn outbox(desk: &Desk, outbox: &Outbox, now: Timestamp, out: &mut dyn Write) -> Result<(), Failure> {
    if outbox.open == 0 {
        writeln!(out, "Outbox: empty")?;
        return Ok(());
    }
    let mut text = format!("Outbox: {} open", output::number(outbox.open));
    if outbox.deferred > 0 {
        text.push_str(&format!(", {} deferred", output::number(outbox.deferred)));
    }
    if outbox.uncertain > 0 {
        text.push_str(&format!(", {} uncertain", output::number(outbox.uncertain)));
    }
    if let Some(at) = outbox.next_try.filter(|at| *at > now) {
        let zone = desk.settings.site.timezone;
        text.push_str(&format!(", next try {} {zone}", at.in_zone(zone).format("%H:%M")));
    }
    if let Some(oldest) = outbox.oldest {
        text.push_str(&format!(", the oldest for {}", age(now.since(oldest))));
    }
    writeln!(out, "{text}")?;
    Ok(())
}

/// `40 s`, `3 min`, `5 h`, `2 days`
fn age(span: Span) -> String {
    let seconds = span.0.max(0) / 1_000;
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5_399 => format!("{} min", seconds / 60),
        5_400..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn readers(counts: &[SubscriptionCount], out: &mut dyn Write) -> Result<(), Failure> {
    if counts.is_empty() {
        writeln!(out, "Subscribers: none. To add some: postroom subscribers import list.csv -n")?;
        return Ok(());
    }
    let sum = |status: &str| -> i64 { counts.iter().filter(|one| one.status == status).map(|one| one.count).sum() };
    writeln!(
        out,
        "Subscribers: {} active, {} pending, {} unsubscribed",
        output::number(sum("active")),
        output::number(sum("pending")),
        output::number(sum("unsubscribed"))
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_the_unit_a_person_would_use() {
        let told: Vec<_> = [5, 89, 90, 3_600, 7_200, 200_000].map(|s| age(Span::seconds(s))).into();
        assert_eq!(told, ["5 s", "89 s", "1 min", "60 min", "2 h", "2 days"]);
    }
}
