//! `subscribers`: who reads, and how they came and left.

pub mod arguments;
mod columns;
mod csv_file;
mod export;
mod history;
mod import;
mod undo;

pub use import::offered;

use std::io::Write;

use serde_json::{Value, json};

use self::arguments::Subscribers;
use super::arguments::Read;
use super::stage::Desk;
use super::{Failure, Stage, output};
use crate::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use crate::domain::{Address, Cadence};
use crate::store::{NewSubscription, StoredConsent};

/// Runs one of the family.
pub fn run(command: &Subscribers, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Subscribers::Add { .. } | Subscribers::Import(_) => stage.at_new_desk(|desk| at(desk, command, out)),
        _ => stage.at_desk(|desk| at(desk, command, out)),
    }
}

async fn at(desk: Desk, command: &Subscribers, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Subscribers::List { containing, newsletter, status, limit, read } => {
            let filter = (containing.as_deref(), newsletter.as_deref(), *status);
            list(&desk, filter, i64::from(*limit), read, out).await
        }
        Subscribers::Show { address, read } => show(&desk, address, read, out).await,
        Subscribers::Add { address, newsletter, cadence, consent_source } => {
            add(&desk, address, newsletter.as_deref(), *cadence, consent_source.as_deref(), out).await
        }
        Subscribers::Unsubscribe { address, newsletter } => {
            unsubscribe(&desk, address, newsletter.as_deref(), out).await
        }
        Subscribers::Import(options) => import::run(&desk, options, out).await,
        Subscribers::Undo { dry_run } => undo::run(&desk, *dry_run, out).await,
        Subscribers::Export(options) => export::run(&desk, options, out).await,
    }
}

async fn list(
    desk: &Desk,
    (containing, newsletter, status): (Option<&str>, Option<&str>, Option<Status>),
    limit: i64,
    read: &Read,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut found = desk.store.subscriptions_after(0, limit + 1, newsletter, status, containing).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if read.json {
        let subscriptions: Vec<_> = found.iter().map(object).collect();
        return Ok(output::json(out, json!({"subscriptions": subscriptions, "more": more}))?);
    }
    if found.is_empty() {
        if newsletter.is_some() {
            // One that is in the settings no more may still have subscribers; one that has none is a slip.
            desk.newsletter(newsletter)?;
        }
        if containing.is_some() || newsletter.is_some() || status.is_some() {
            writeln!(out, "Nobody like that. To see everybody: postroom subscribers list")?;
        } else {
            writeln!(out, "No subscribers yet. To add some: postroom subscribers import list.csv -n")?;
        }
        return Ok(());
    }
    let zone = desk.settings.site.timezone;
    let row = |s: &Subscription| {
        let since = s.created.in_zone(zone).format("%-d %b %Y").to_string();
        vec![s.address.to_string(), s.newsletter.clone(), s.status.as_str().into(), s.cadence.to_string(), since]
    };
    output::table(out, "", &found.iter().map(row).collect::<Vec<_>>())?;
    if more {
        writeln!(out, "... and more: postroom subscribers list --limit {}", limit.saturating_mul(10))?;
    }
    Ok(())
}

async fn show(desk: &Desk, address: &Address, read: &Read, out: &mut dyn Write) -> Result<(), Failure> {
    let subscriptions = desk.store.subscriptions_of(address).await?;
    let suppression = desk.store.suppression(address).await?;
    let mails = desk.store.deliveries_to(address).await?.len();
    let zone = desk.settings.site.timezone;
    let mut stories = Vec::new();
    for subscription in &subscriptions {
        stories.push((subscription, desk.store.consents(subscription.id).await?));
    }
    if subscriptions.is_empty() && suppression.is_none() && mails == 0 {
        return Err(unknown(address));
    }
    if read.json {
        let stories = stories.iter().map(|(subscription, consents)| {
            let mut one = object(subscription);
            one["consents"] = consents.iter().map(consent).collect();
            one
        });
        let suppressed = suppression.map(|(why, since)| json!({"why": why, "since": since.rfc3339()}));
        let object = json!({"address": address.as_str(), "subscriptions": stories.collect::<Vec<_>>(), "suppressed": suppressed, "mails": mails});
        return Ok(output::json(out, object)?);
    }
    writeln!(out, "{address}")?;
    if let Some((why, since)) = suppression {
        writeln!(out, "  must not be mailed since {}: {}", output::time(since, zone), output::plain(&why))?;
    }
    for (subscription, consents) in &stories {
        writeln!(out, "  {}: {}", subscription.newsletter, standing(subscription, desk))?;
        let row = |c: &StoredConsent| {
            let from =
                c.network.as_ref().map(|network| format!("{} ({network})", c.source)).unwrap_or(c.source.clone());
            vec![output::time(c.at, zone), c.act.clone(), from, c.words.clone()]
        };
        output::table(out, "    ", &consents.iter().map(row).collect::<Vec<_>>())?;
    }
    let mails = i64::try_from(mails).unwrap_or(i64::MAX);
    writeln!(out, "  {}: postroom why {address}", output::counted(mails, "mail", "mails"))?;
    Ok(())
}

/// `active, weekly, since Fri 22 May 2026 09:00 Europe/Berlin`
pub fn standing(subscription: &Subscription, desk: &Desk) -> String {
    let zone = desk.settings.site.timezone;
    let since = match subscription.status {
        Status::Pending => Some(subscription.created),
        Status::Active => subscription.confirmed,
        Status::Unsubscribed => subscription.unsubscribed,
    };
    let mut text = format!("{}, {}", subscription.status.as_str(), subscription.cadence);
    if let Some(since) = since {
        text.push_str(&format!(", since {}", output::time(since, zone)));
    }
    if let Some(until) = subscription.paused_until.filter(|until| *until > desk.now) {
        text.push_str(&format!(", paused until {}", output::time(until, zone)));
    }
    if let Some(language) = &subscription.language {
        text.push_str(&format!(", in {language}"));
    }
    if !subscription.topics.is_empty() {
        text.push_str(&format!(", only {}", subscription.topics.join(", ")));
    }
    text
}

/// A subscription for `--json`.
pub fn object(s: &Subscription) -> Value {
    json!({
        "address": s.address.as_str(),
        "newsletter": s.newsletter,
        "status": s.status.as_str(),
        "cadence": s.cadence.as_str(),
        "language": s.language,
        "topics": s.topics,
        "covered_until": s.covered_until,
        "paused_until": s.paused_until.map(|at| at.rfc3339()),
        "created": s.created.rfc3339(),
        "confirmed": s.confirmed.map(|at| at.rfc3339()),
        "unsubscribed": s.unsubscribed.map(|at| at.rfc3339()),
    })
}

/// A consent for JSON.
pub fn consent(c: &StoredConsent) -> Value {
    json!({"at": c.at.rfc3339(), "act": c.act, "source": c.source, "words": c.words, "network": c.network})
}

/// Nobody of that address.
pub fn unknown(address: &Address) -> Failure {
    Failure::refused(
        format!("nobody is subscribed as {address}"),
        "look for a part of it: postroom subscribers list PART",
    )
}

async fn add(
    desk: &Desk,
    address: &Address,
    newsletter: Option<&str>,
    cadence: Option<Cadence>,
    source: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let newsletter = desk.newsletter(newsletter)?;
    let cadence = offered(newsletter, cadence)?;
    let (status, consent) = import::consent(source, "operator");
    let one = NewSubscription { address: address.clone(), cadence, status, since: None };
    let added = desk.store.add_subscriptions(&newsletter.id, &[one], &consent, desk.now).await?;
    let form = format!("only its owner can come back, at {}/subscribe", desk.settings.http.public_url);
    if added.vouched == 1 {
        writeln!(out, "{address} was pending in {} and is active now", newsletter.id)?;
        return Ok(());
    }
    match (added.added, added.known, added.unsubscribed) {
        (1, ..) if status == Status::Active => {
            writeln!(out, "Added {address} to {} ({cadence}); gets what is published from now on", newsletter.id)?;
        }
        (1, ..) => writeln!(
            out,
            "Added {address} to {} as pending: no mail until consent is known. To vouch for it: --consent-source TEXT",
            newsletter.id
        )?,
        (_, 1, _) => writeln!(out, "{address} is in {} already; nothing changed", newsletter.id)?,
        (_, _, 1) => return Err(Failure::refused(format!("{address} has unsubscribed from {}", newsletter.id), form)),
        _ => {
            return Err(Failure::refused(
                format!("{address} must not be mailed"),
                format!("postroom subscribers show {address} tells why"),
            ));
        }
    }
    Ok(())
}

async fn unsubscribe(
    desk: &Desk,
    address: &Address,
    newsletter: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut subscriptions = desk.store.subscriptions_of(address).await?;
    subscriptions.retain(|one| newsletter.is_none_or(|id| one.newsletter == id));
    if subscriptions.is_empty() {
        return Err(unknown(address));
    }
    let consent = Consent {
        act: ConsentAct::Unsubscribed,
        source: "operator".into(),
        words: "postroom subscribers unsubscribe".into(),
        network: None,
    };
    for one in subscriptions {
        if one.status == Status::Unsubscribed {
            writeln!(out, "{address} had left {} already", one.newsletter)?;
        } else {
            desk.store.unsubscribe(one.id, &consent, desk.now).await?;
            writeln!(out, "Unsubscribed {address} from {}; what has not left for it never will", one.newsletter)?;
        }
    }
    Ok(())
}
