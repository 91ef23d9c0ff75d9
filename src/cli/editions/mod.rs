//! `editions`: what was sent, to how many, and what became of it.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

pub mod arguments;
mod hands;

use self::arguments::Editions;
use super::arguments::Read;
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
        Editions::Show { number, state, failed, uncertain, duplicates, read } => {
            let which = match state {
                Some(state) => Which::In(vec![*state]),
                None if *failed => Which::In(vec![DeliveryState::Refused, DeliveryState::Expired]),
                None if *uncertain => Which::In(vec![DeliveryState::Uncertain]),
                None if *duplicates => Which::Duplicates,
                None => Which::None,
            };
            show(&desk, *number, &which, read, out).await
        }
        Editions::Approve { number } => hands::approve(&desk, *number, out).await,
        Editions::Pause { number } => hands::pause(&desk, *number, out).await,
        Editions::Resume { number } => hands::resume(&desk, *number, out).await,
        Editions::Cancel { number } => hands::cancel(&desk, *number, out).await,
        Editions::Retry { number, addresses } => hands::retry(&desk, *number, addresses, out).await,
        Editions::Resolve { number, verdict, addresses, .. } => {
            hands::resolve(&desk, *number, *verdict, addresses, out).await
        }
        Editions::Verify { number, read } => hands::verify(&desk, *number, read, out).await,
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
    let posts = desk.store.posts_of_edition(number).await?;
    let deliveries = match which {
        Which::None => None,
        Which::In(states) => Some(deliveries(desk, number, states).await?),
        Which::Duplicates => Some(desk.store.possible_duplicates(number).await?),
    };
    if read.json {
        let mut object = object(&edition, &tally);
        object["posts"] = posts.iter().map(|(title, url)| json!({"title": title, "url": url})).collect();
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
    for (index, (title, _)) in posts.iter().enumerate() {
        rows.push(vec![if index == 0 { "posts".to_owned() } else { String::new() }, title.clone()]);
    }
    output::table(out, "  ", &rows)?;
    match deliveries {
        Some(deliveries) => each(desk, number, &deliveries, which, out),
        None => reasons(desk, &edition, &tally, out).await,
    }
}

fn each(
    desk: &Desk,
    number: i64,
    deliveries: &[DeliveryRow],
    which: &Which,
    out: &mut dyn Write,
) -> Result<(), Failure> {
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
            awaits(desk, one),
        ]
    };
    output::table(out, "", &deliveries.iter().map(row).collect::<Vec<_>>())?;
    if deliveries.iter().any(|one| one.state == DeliveryState::Uncertain) {
        writeln!(out, "When you know more: postroom editions resolve {number} accepted|refused|resend ADDRESS")?;
    }
    Ok(())
}

/// What an uncertain delivery waits for.
fn awaits(desk: &Desk, one: &DeliveryRow) -> String {
    let zone = desk.settings.site.timezone;
    match one.state {
        DeliveryState::Uncertain if one.is_held() => "waits for you".into(),
        DeliveryState::Uncertain => format!("sent again {}", output::time(one.not_before, zone)),
        _ => String::new(),
    }
}

async fn reasons(desk: &Desk, edition: &Edition, tally: &Tally, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = tally.of(DeliveryState::Refused) + tally.of(DeliveryState::Expired);
    if failed > 0 {
        writeln!(out, "  failed: {}", failures(desk, edition.number).await?)?;
        writeln!(out, "  who and why: postroom editions show {} --failed", edition.number)?;
    }
    let uncertain = tally.of(DeliveryState::Uncertain);
    if uncertain > 0 {
        let which = format!("postroom editions show {} --uncertain", edition.number);
        writeln!(out, "  may or may not have arrived: {}     see: {which}", output::number(uncertain))?;
    }
    match edition.state {
        State::Held => writeln!(out, "  to let it go: postroom editions approve {}", edition.number)?,
        State::Paused => writeln!(out, "  to let it go on: postroom editions resume {}", edition.number)?,
        _ => {}
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
        "not_before": (!row.is_held()).then(|| row.not_before.rfc3339()),
        "reason": row.reason,
        "created": row.created.rfc3339(),
        "settled": row.settled.map(|at| at.rfc3339()),
    })
}
