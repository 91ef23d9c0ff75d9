//! `subscribers export --history`: everything known of every subscriber, one
//! JSON object a line, so that a list of any length is never in memory whole.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::super::Failure;
use super::super::stage::Desk;
use super::arguments::Export;
use super::{consent, object};

/// Subscriptions in memory at once.
const PAGE: i64 = 1_000;

/// Writes every subscription asked for, then who must not be mailed; how many subscriptions.
pub async fn write(desk: &Desk, options: &Export, out: &mut dyn Write) -> Result<i64, Failure> {
    let (mut after, mut count) = (0, 0);
    loop {
        let newsletter = options.newsletter.as_deref();
        let page = desk.store.subscriptions_after(after, PAGE, newsletter, options.status, None).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let ids: Vec<i64> = page.iter().map(|one| one.id).collect();
        let mut consents: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        for (id, one) in desk.store.consents_of(&ids).await? {
            consents.entry(id).or_default().push(consent(&one));
        }
        let mut mails: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        for (id, mail) in desk.store.mails_of(&ids).await? {
            mails.entry(id).or_default().push(json!({
                "kind": mail.kind, "edition": mail.edition, "state": mail.state, "reason": mail.reason,
                "attempts": mail.attempts, "created": mail.created.rfc3339(),
                "settled": mail.settled.map(|at| at.rfc3339()),
            }));
        }
        for one in &page {
            let mut line = object(one);
            line["schema"] = json!(1);
            line["consents"] = consents.remove(&one.id).unwrap_or_default().into();
            line["mails"] = mails.remove(&one.id).unwrap_or_default().into();
            writeln!(out, "{line}")?;
            count += 1;
        }
    }
    for (address, why, since) in desk.store.suppressions().await? {
        writeln!(out, "{}", json!({"schema": 1, "suppressed": address, "why": why, "since": since.rfc3339()}))?;
    }
    Ok(count)
}
