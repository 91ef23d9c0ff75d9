//! `editions`: what was sent, to how many, and what became of it.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::arguments::{Editions, Read};
use super::stage::Desk;
use super::{Failure, Stage, output};
use crate::domain::delivery::{State as DeliveryState, Tally};
use crate::domain::edition::{Edition, State};
use crate::store::DeliveryRow;

const PAGE: i64 = 1_000;

/// Runs one of the family.
pub fn run(command: &Editions, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.at_desk(async |desk| match command {
        Editions::List { limit, read } => list(&desk, i64::from(*limit), read, out).await,
        Editions::Show { number, state, failed, duplicates, read } => {
            let which = match (state, failed, duplicates) {
                (Some(state), ..) => Which::In(vec![*state]),
                (_, true, _) => Which::In(vec![DeliveryState::Refused, DeliveryState::Expired]),
                (_, _, true) => Which::Duplicates,
                _ => Which::None,
            };
            show(&desk, *number, &which, read, out).await
        }
        Editions::Approve { number } => approve(&desk, *number, out).await,
        Editions::Cancel { number } => cancel(&desk, *number, out).await,
    })
}

/// Which deliveries are listed one by one.
enum Which {
    None,
    In(Vec<DeliveryState>),
    Duplicates,
}

async fn list(desk: &Desk, limit: i64, read: &Read, out: &mut dyn Write) -> Result<(), Failure> {
    let mut found = Vec::new();
    for edition in desk.store.editions(limit).await? {
        let tally = desk.store.tally(edition.number).await?;
        found.push((edition, tally));
    }
    if read.json {
        let editions: Vec<_> = found.iter().map(|(edition, tally)| object(edition, tally)).collect();
        return Ok(output::json(out, json!({"editions": editions}))?);
    }
    if found.is_empty() {
        writeln!(out, "No editions yet. To see what comes next: postroom plan")?;
        return Ok(());
    }
    let zone = desk.settings.site.timezone;
    let row = |(edition, tally): &(Edition, Tally)| {
        let accepted =
            format!("{}/{}", output::number(tally.of(DeliveryState::Accepted)), output::number(tally.audience));
        let day = edition.slot.in_zone(zone).format("%-d %b %Y %H:%M").to_string();
        let cadence = edition.cadence.to_string();
        let state = edition.state.as_str().to_owned();
        vec![
            edition.number.to_string(),
            edition.newsletter.clone(),
            cadence,
            day,
            state,
            accepted,
            edition.subject.clone(),
        ]
    };
    Ok(output::table(out, "", &found.iter().map(row).collect::<Vec<_>>())?)
}

async fn show(desk: &Desk, number: i64, which: &Which, read: &Read, out: &mut dyn Write) -> Result<(), Failure> {
    let edition = edition(desk, number).await?;
    let tally = desk.store.tally(number).await?;
    let deliveries = match which {
        Which::None => None,
        Which::In(states) => Some(deliveries(desk, number, states).await?),
        Which::Duplicates => Some(desk.store.possible_duplicates(number).await?),
    };
    if read.json {
        let mut object = object(&edition, &tally);
        if let Some(deliveries) = &deliveries {
            object["deliveries"] = deliveries.iter().map(delivery).collect();
        }
        return Ok(output::json(out, object)?);
    }
    let zone = desk.settings.site.timezone;
    writeln!(out, "Edition {} \"{}\"", edition.number, output::plain(&edition.subject))?;
    let held = edition.reason.as_ref().map(|reason| format!(": {}", output::plain(reason))).unwrap_or_default();
    let mut rows = vec![
        vec!["newsletter".to_owned(), format!("{}, {}", edition.newsletter, edition.cadence)],
        vec!["slot".to_owned(), output::time(edition.slot, zone)],
        vec!["state".to_owned(), format!("{}{held}", edition.state.as_str())],
        vec!["audience".to_owned(), output::number(tally.audience)],
    ];
    rows.extend(
        DeliveryState::ALL
            .iter()
            .filter(|state| tally.of(**state) > 0)
            .map(|state| vec![format!("  {}", state.as_str()), output::number(tally.of(*state))]),
    );
    rows.extend(edition.finished.map(|at| vec!["finished".to_owned(), output::time(at, zone)]));
    output::table(out, "  ", &rows)?;
    match deliveries {
        Some(deliveries) => each(&deliveries, which, out),
        None => reasons(desk, &edition, &tally, out).await,
    }
}

fn each(deliveries: &[DeliveryRow], which: &Which, out: &mut dyn Write) -> Result<(), Failure> {
    if deliveries.is_empty() {
        let nobody =
            if matches!(which, Which::Duplicates) { "Nobody can have got it twice" } else { "No such delivery" };
        writeln!(out, "{nobody}")?;
        return Ok(());
    }
    let row = |one: &DeliveryRow| {
        vec![
            one.address.clone(),
            one.state.as_str().into(),
            output::counted(one.attempts, "attempt", "attempts"),
            one.reason.clone().unwrap_or_default(),
        ]
    };
    Ok(output::table(out, "", &deliveries.iter().map(row).collect::<Vec<_>>())?)
}

async fn reasons(desk: &Desk, edition: &Edition, tally: &Tally, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = tally.of(DeliveryState::Refused) + tally.of(DeliveryState::Expired);
    if failed > 0 {
        writeln!(out, "  failed: {}", failures(desk, edition.number).await?)?;
        writeln!(out, "  who and why: postroom editions show {} --failed", edition.number)?;
    }
    if edition.state == State::Held {
        writeln!(out, "  to let it go: postroom editions approve {}", edition.number)?;
    }
    Ok(())
}

/// `2 550 5.1.1 no such user, 1 552 5.2.2 mailbox full`, the most frequent first.
pub async fn failures(desk: &Desk, number: i64) -> Result<String, Failure> {
    let failed = deliveries(desk, number, &[DeliveryState::Refused, DeliveryState::Expired]).await?;
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for one in &failed {
        *counts.entry(one.reason.clone().unwrap_or_else(|| one.state.as_str().into())).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = counts.len().saturating_sub(3);
    let mut words: Vec<_> = counts
        .iter()
        .take(3)
        .map(|(reason, count)| format!("{} {}", output::number(*count), output::plain(reason)))
        .collect();
    if more > 0 {
        words.push(format!("{more} other reasons"));
    }
    Ok(words.join(", "))
}

async fn deliveries(desk: &Desk, number: i64, states: &[DeliveryState]) -> Result<Vec<DeliveryRow>, Failure> {
    let mut all = Vec::new();
    for state in states {
        let mut after = 0;
        loop {
            let page = desk.store.deliveries_of_edition(number, Some(*state), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            all.extend(page);
        }
    }
    Ok(all)
}

async fn edition(desk: &Desk, number: i64) -> Result<Edition, Failure> {
    let found = desk.store.edition(number).await?;
    found
        .ok_or_else(|| Failure::refused(format!("there is no edition {number}"), "`postroom editions list` shows them"))
}

async fn approve(desk: &Desk, number: i64, out: &mut dyn Write) -> Result<(), Failure> {
    let edition = edition(desk, number).await?;
    let expires = desk.now.plus(desk.settings.mail.expire);
    if !desk.store.approve_edition(number, expires, desk.now).await? {
        let now = edition.state.as_str();
        return Err(Failure::refused(
            format!("edition {number} is {now}, not held"),
            "only a held or paused edition can be let go",
        ));
    }
    writeln!(out, "Edition {number} goes to {}", output::counted(edition.audience, "subscriber", "subscribers"))?;
    writeln!(out, "To watch it: postroom status --watch")?;
    Ok(())
}

async fn cancel(desk: &Desk, number: i64, out: &mut dyn Write) -> Result<(), Failure> {
    let edition = edition(desk, number).await?;
    if !desk.store.cancel_edition(number, "by the operator", desk.now).await? {
        let now = edition.state.as_str();
        return Err(Failure::refused(
            format!("edition {number} is {now} already"),
            "what has left cannot be called back",
        ));
    }
    let tally = desk.store.tally(number).await?;
    let count = |state| output::number(tally.of(state));
    writeln!(
        out,
        "Cancelled edition {number}: {} withdrawn, {} had been accepted, {} in hand",
        count(DeliveryState::Cancelled),
        count(DeliveryState::Accepted),
        output::number(tally.open())
    )?;
    writeln!(out, "Its posts count as sent and come in no other edition")?;
    Ok(())
}

/// An edition for `--json`.
pub fn object(edition: &Edition, tally: &Tally) -> Value {
    let counts = DeliveryState::ALL.iter().map(|state| (state.as_str().to_owned(), tally.of(*state).into()));
    json!({
        "number": edition.number,
        "newsletter": edition.newsletter,
        "cadence": edition.cadence.as_str(),
        "slot": edition.slot.rfc3339(),
        "state": edition.state.as_str(),
        "reason": edition.reason,
        "subject": edition.subject,
        "audience": tally.audience,
        "open": tally.open(),
        "deliveries_by_state": Value::Object(counts.collect()),
        "sealed": edition.sealed.rfc3339(),
        "finished": edition.finished.map(|at| at.rfc3339()),
    })
}

/// A delivery for `--json`.
pub fn delivery(row: &DeliveryRow) -> Value {
    json!({
        "id": row.id,
        "kind": row.kind.as_str(),
        "edition": row.edition,
        "address": row.address,
        "state": row.state.as_str(),
        "attempts": row.attempts,
        "uncertain": row.uncertain,
        "not_before": row.not_before.rfc3339(),
        "reason": row.reason,
        "created": row.created.rfc3339(),
        "settled": row.settled.map(|at| at.rfc3339()),
    })
}
