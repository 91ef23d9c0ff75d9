//! `subscribers export`: CSV (RFC 4180) that a spreadsheet can open unharmed
//! and `import` reads back; or everything, by [`history`].

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;

use super::super::stage::Desk;
use super::super::{Failure, output};
use super::arguments::Export;
use super::history;
use crate::domain::Timestamp;
use crate::domain::subscription::Subscription;

const HEADER: [&str; 9] =
    ["address", "newsletter", "status", "cadence", "language", "topics", "created", "confirmed", "unsubscribed"];
const PAGE: i64 = 1_000;

/// Writes every subscription asked for, one row each.
pub async fn run(desk: &Desk, options: &Export, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(path) = &options.out else {
        write(desk, options, out).await?;
        return Ok(());
    };
    // A list of readers is nobody else's business.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = std::io::BufWriter::new(file.with_context(|| format!("cannot write {}", path.display()))?);
    let count = write(desk, options, &mut file).await?;
    file.flush()?;
    writeln!(out, "Wrote {} to {}", output::counted(count, "subscription", "subscriptions"), path.display())?;
    Ok(())
}

async fn write(desk: &Desk, options: &Export, out: &mut dyn Write) -> Result<i64, Failure> {
    if options.history {
        return history::write(desk, options, out).await;
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    let unwritten = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::from(error),
        other => Failure::Other(anyhow::anyhow!("{other:?}")),
    };
    writer.write_record(HEADER).map_err(unwritten)?;
    let (mut after, mut count) = (0, 0);
    loop {
        let page =
            desk.store.subscriptions_after(after, PAGE, options.newsletter.as_deref(), options.status, None).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for subscription in &page {
            let cells = cells(subscription).map(|cell| if options.raw { cell } else { guarded(cell) });
            writer.write_record(cells).map_err(unwritten)?;
            count += 1;
        }
    }
    writer.flush()?;
    Ok(count)
}

fn cells(s: &Subscription) -> [String; 9] {
    let at = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    [
        s.address.to_string(),
        s.newsletter.clone(),
        s.status.as_str().into(),
        s.cadence.to_string(),
        s.language.clone().unwrap_or_default(),
        s.topics.join(" "),
        s.created.rfc3339(),
        at(s.confirmed),
        at(s.unsubscribed),
    ]
}

/// A cell no spreadsheet takes for a formula.
fn guarded(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_an_address_begins_with_runs_as_a_formula() {
        for (cell, safe) in [("=1+1@x.test", "'=1+1@x.test"), ("+a@x.test", "'+a@x.test"), ("a@x.test", "a@x.test")] {
            assert_eq!(guarded(cell.into()), safe);
        }
    }
}
