//! What the operator does to an edition by hand.

use std::io::Write;

use serde_json::json;

use super::{Read, edition};
use crate::cli::stage::Desk;
use crate::cli::{Failure, output};
use crate::domain::Address;
use crate::domain::delivery::{State as DeliveryState, Verdict};
use crate::domain::edition::State;

/// Lets a held edition go; a paused one goes on.
pub async fn approve(desk: &Desk, number: i64, out: &mut dyn Write) -> Result<(), Failure> {
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
    tell_pause(desk, out).await
}

/// Stops it until `resume`.
pub async fn pause(desk: &Desk, number: i64, out: &mut dyn Write) -> Result<(), Failure> {
    let edition = edition(desk, number).await?;
    if !desk.store.pause_edition(number, "by the operator").await? {
        let now = edition.state.as_str();
        return Err(Failure::refused(
            format!("edition {number} is {now}, not being sent"),
            "only an edition that is being sent can be paused",
        ));
    }
    let tally = desk.store.tally(number).await?;
    let accepted = output::number(tally.of(DeliveryState::Accepted));
    writeln!(out, "Paused edition {number}: {accepted} had been accepted, {} left", output::number(tally.open()))?;
    writeln!(out, "To let it go on: postroom editions resume {number}")?;
    Ok(())
}

/// Lets a paused edition go on.
pub async fn resume(desk: &Desk, number: i64, out: &mut dyn Write) -> Result<(), Failure> {
    let edition = edition(desk, number).await?;
    if edition.state != State::Paused {
        let now = edition.state.as_str();
        return Err(Failure::refused(
            format!("edition {number} is {now}, not paused"),
            format!("`postroom editions show {number}` tells where it stands"),
        ));
    }
    let expires = desk.now.plus(desk.settings.mail.expire);
    desk.store.approve_edition(number, expires, desk.now).await?;
    let tally = desk.store.tally(number).await?;
    writeln!(out, "Edition {number} goes on: {} left", output::number(tally.open()))?;
    tell_pause(desk, out).await
}

/// An edition that may go does not while all sending is stopped.
async fn tell_pause(desk: &Desk, out: &mut dyn Write) -> Result<(), Failure> {
    match desk.store.paused_since().await? {
        Some(_) => writeln!(out, "All sending is paused. To let it go on: postroom resume")?,
        None => writeln!(out, "To watch it: postroom status --watch")?,
    }
    Ok(())
}

/// Stops it for good.
pub async fn cancel(desk: &Desk, number: i64, out: &mut dyn Write) -> Result<(), Failure> {
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

/// Tries once more those it failed to reach.
pub async fn retry(desk: &Desk, number: i64, to: &[Address], out: &mut dyn Write) -> Result<(), Failure> {
    let edition = edition(desk, number).await?;
    if edition.state == State::Cancelled {
        return Err(Failure::refused(
            format!("edition {number} is cancelled"),
            "what was withdrawn stays so; its posts can be mailed by `postroom send --since`",
        ));
    }
    let expires = desk.now.plus(desk.settings.mail.expire);
    let named = Some(to).filter(|to| !to.is_empty());
    let retried = desk.store.retry(number, named, expires, desk.now).await?;
    let count = |n: u64| output::number(i64::try_from(n).unwrap_or(i64::MAX));
    if retried.queued + retried.left == 0 {
        return Err(Failure::refused(
            "there is nobody to try again",
            format!("`postroom editions show {number} --failed` lists whom it did not reach"),
        ));
    }
    writeln!(out, "{} of edition {number} are tried once more", count(retried.queued))?;
    if retried.left > 0 {
        writeln!(out, "{} are not: they left, or must not be mailed", count(retried.left))?;
    }
    tell_pause(desk, out).await
}

/// Settles what nobody could know; no addresses means all.
pub async fn resolve(
    desk: &Desk,
    number: i64,
    verdict: Verdict,
    to: &[Address],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let edition = edition(desk, number).await?;
    if edition.state == State::Cancelled && verdict == Verdict::Resend {
        return Err(Failure::refused(format!("edition {number} is cancelled"), "nothing of it is sent any more"));
    }
    let expires = desk.now.plus(desk.settings.mail.expire);
    let named = Some(to).filter(|to| !to.is_empty());
    let resolved = desk.store.resolve(number, verdict, named, expires, desk.now).await?;
    if resolved == 0 {
        return Err(Failure::refused(
            "nothing of it is uncertain",
            format!("`postroom editions show {number} --uncertain` lists what is"),
        ));
    }
    let what = match verdict {
        Verdict::Accepted => "count as accepted",
        Verdict::Refused => "count as refused",
        Verdict::Resend => "are sent once more",
    };
    let count = output::number(i64::try_from(resolved).unwrap_or(i64::MAX));
    writeln!(out, "{count} of edition {number} {what}")?;
    Ok(())
}

/// Holds its books to what must be.
pub async fn verify(desk: &Desk, number: i64, read: &Read, out: &mut dyn Write) -> Result<(), Failure> {
    edition(desk, number).await?;
    let (tally, found) = (desk.store.tally(number).await?, desk.store.verify(number).await?);
    let left = desk.store.left_in_hand(number).await?;
    if read.json {
        let mut object = json!({"number": number, "balances": tally.balances(), "inconsistencies": found});
        object["audience"] = tally.audience.into();
        object["open"] = tally.open().into();
        object["left_in_hand"] = left.into();
        output::json(out, object)?;
    } else {
        let counts: Vec<_> = DeliveryState::ALL
            .iter()
            .rev()
            .filter(|state| tally.of(**state) > 0)
            .map(|state| format!("{} {}", output::number(tally.of(*state)), state.as_str()))
            .collect();
        let sum = if counts.is_empty() { "0".to_owned() } else { counts.join(" + ") };
        let is = if tally.balances() { "=" } else { "is not" };
        writeln!(out, "Edition {number}: {} {is} {sum}", output::number(tally.audience))?;
        found.iter().try_for_each(|one| writeln!(out, "  {}", output::plain(one)))?;
        if left > 0 {
            let left = output::counted(left, "delivery was", "deliveries were");
            writeln!(
                out,
                "{left} in hand when the service stopped: its next start lists what may have left as uncertain"
            )?;
        }
        match found.len() {
            0 => writeln!(out, "Every recipient is accounted for")?,
            n => writeln!(out, "{n} inconsistencies: this is a bug of Postroom's, or the file was changed by others")?,
        }
    }
    if tally.balances() && found.is_empty() { Ok(()) } else { Err(Failure::Problems) }
}
