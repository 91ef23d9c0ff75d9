//! `send` and `test`: what leaves now instead of at its slot.

use std::io::Write;
use std::sync::Arc;

use super::arguments::{Send, Test};
use super::courier::{self, Ended, Progress};
use super::subscribers::offered;
use super::{Failure, Stage, moment, output, plan, stage};
use crate::context::Context;
use crate::domain::delivery::{State, Tally};
use crate::domain::time::Span;
use crate::domain::{Cadence, Newsletter, Timestamp};
use crate::settings::Route;
use crate::tasks::compose::{self, Plan, Sealed, Wanted};

/// What falls due within this time would leave with a test.
const SOON: Span = Span::minutes(1);

/// Gmail shows about so many bytes of a mail and hides the rest.
const GMAIL: usize = 102_000;

/// Seals what subscribers of a newsletter have not had, or shows it with `-n`.
pub fn run(options: &Send, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.in_context(async |ctx| {
        let newsletter = stage::newsletter(&ctx.settings, Some(&options.newsletter))?;
        let cadences = match options.cadence {
            Some(cadence) => vec![offered(newsletter, Some(cadence))?],
            None => newsletter.cadences.clone(),
        };
        let zone = ctx.settings.site.timezone;
        let since = options.since.as_deref().map(|text| moment::read(text, zone)).transpose();
        let since = since.map_err(|reason| Failure::usage(reason, moment::HELP))?;
        if let Some(trouble) = compose::no_room(&ctx) {
            return Err(Failure::refused(trouble.to_string(), "make room on it, then send again"));
        }
        plan::look(&ctx).await?;
        match options.dry_run {
            true => {
                if show(&ctx, newsletter, &cadences, since, out).await? {
                    writeln!(out, "Nothing was sent. To send now: {}", again(options))?;
                }
                Ok(())
            }
            false => seal(&ctx, newsletter, &cadences, since, out).await,
        }
    })
}

/// The same command without `-n`.
fn again(options: &Send) -> String {
    let mut command = format!("postroom send {}", options.newsletter);
    if let Some(cadence) = options.cadence {
        command.push_str(&format!(" --cadence {cadence}"));
    }
    if let Some(since) = &options.since {
        command.push_str(&format!(" --since {since}"));
    }
    command
}

/// Why an edition would be empty.
async fn nothing(ctx: &Context, newsletter: &Newsletter, skip: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let counts = ctx.store.subscription_counts().await?;
    let id = &newsletter.id;
    if counts.iter().any(|one| one.newsletter == *id && one.status == "active") {
        writeln!(out, "Nothing is new for anybody in {id}{skip}. What comes next: postroom plan")?;
    } else {
        writeln!(out, "Nobody is subscribed to {id} yet. To add some: postroom subscribers import list.csv -n")?;
    }
    Ok(())
}

/// False when there is nothing to show.
async fn show(
    ctx: &Context,
    newsletter: &Newsletter,
    cadences: &[Cadence],
    since: Option<Timestamp>,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let now = ctx.now();
    let mut number = ctx.store.next_number().await?;
    let (mut audience, mut suppressed, mut paused, mut largest) = (Vec::new(), 0, 0, 0);
    for cadence in cadences {
        let newest_seq = ctx.store.newest_seq().await?;
        let wanted = Wanted { newsletter, cadence: *cadence, slot: now, newest_seq, since };
        let plan = compose::plan(ctx, &wanted, now).await?;
        (suppressed, paused) = (suppressed + plan.suppressed, paused + plan.paused);
        if plan.variants.is_empty() {
            continue;
        }
        largest = largest.max(variants(ctx, &plan, number, out)?);
        audience.push((plan.audience(), *cadence));
        number += 1;
    }
    if audience.is_empty() {
        nothing(ctx, newsletter, &plan::skipped(suppressed, paused), out).await?;
        return Ok(false);
    }
    let sum = audience.iter().map(|(n, _)| n).sum();
    let each: Vec<_> = audience.iter().map(|(n, cadence)| format!("{cadence} {}", output::number(*n))).collect();
    let skip = plan::skipped(suppressed, paused);
    writeln!(out, "Would send to {} ({}){skip}", output::number(sum), each.join(", "))?;
    writeln!(out, "Gmail clip {}%", largest * 100 / GMAIL)?;
    Ok(true)
}

/// One line a variant; the size of the largest one.
fn variants(ctx: &Context, plan: &Plan<'_>, number: i64, out: &mut dyn Write) -> Result<usize, Failure> {
    let mut largest = 0;
    for variant in &plan.variants {
        let mail = compose::render(ctx, plan, variant, number);
        let posts = output::counted(i64::try_from(variant.posts.len()).unwrap_or(i64::MAX), "post", "posts");
        writeln!(
            out,
            "Edition {number} \"{}\"    {} to {}{}    {posts}   html {}   text {}",
            output::plain(&mail.subject),
            plan.wanted.cadence,
            output::number(variant.audience),
            plan::in_language(variant),
            output::size(mail.encoded()),
            output::size(mail.text.len())
        )?;
        plan::told(&mail, out)?;
        largest = largest.max(mail.encoded());
    }
    plan::slow(plan, out)?;
    if let Some(reason) = &plan.held {
        writeln!(out, "  it will wait for you: {}", output::plain(reason))?;
    }
    Ok(largest)
}

async fn seal(
    ctx: &Arc<Context>,
    newsletter: &Newsletter,
    cadences: &[Cadence],
    since: Option<Timestamp>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let now = ctx.now();
    let (mut sealed, mut held) = (Vec::new(), false);
    for cadence in cadences {
        let newest_seq = ctx.store.newest_seq().await?;
        let wanted = Wanted { newsletter, cadence: *cadence, slot: now, newest_seq, since };
        let Sealed::Edition(number, audience) = compose::seal(ctx, &wanted, None, now).await? else { continue };
        let edition = ctx.store.edition(number).await?;
        let subject = edition.as_ref().map(|edition| output::plain(&edition.subject)).unwrap_or_default();
        let readers = output::counted(audience, "subscriber", "subscribers");
        writeln!(out, "Sealed edition {number} \"{subject}\" for {readers} ({cadence})")?;
        match edition.and_then(|edition| edition.reason) {
            Some(reason) => {
                held = true;
                writeln!(out, "  it waits for you ({}): postroom editions approve {number}", output::plain(&reason))?;
            }
            None => sealed.push(number),
        }
    }
    match (&sealed[..], held) {
        ([], false) => return nothing(ctx, newsletter, "", out).await,
        ([], true) => return Ok(()),
        _ => {}
    }
    if ctx.store.paused_since().await?.is_some() {
        writeln!(out, "All sending is paused. To let it go on: postroom resume")?;
        return Ok(());
    }
    out.flush()?;
    follow(ctx, &sealed, out).await
}

async fn follow(ctx: &Arc<Context>, editions: &[i64], out: &mut dyn Write) -> Result<(), Failure> {
    let ended = courier::follow(ctx, async |ctx: &Context| {
        let tally = together(ctx, editions).await?;
        // Deferred ones change nothing else, and their attempts are progress only once.
        Ok(Progress { all: tally.audience, open: tally.open(), signs: tally.of(State::Queued) })
    })
    .await?;
    let tally = together(ctx, editions).await?;
    let left = format!("{} left", output::number(tally.open()));
    if !matches!(ended, Ended::Elsewhere | Ended::Interrupted) {
        writeln!(out, "{} of {} accepted", output::number(tally.of(State::Accepted)), output::number(tally.audience))?;
    }
    let elsewhere = ended == Ended::Elsewhere;
    let settled = courier::tell(ctx, ended, &left, out)?;
    let mut has_failed = false;
    for number in editions {
        let tally = ctx.store.tally(*number).await?;
        let failed = tally.of(State::Refused) + tally.of(State::Expired);
        if settled && failed > 0 {
            writeln!(out, "{} failed: postroom editions show {number} --failed", output::number(failed))?;
            has_failed = true;
        }
    }
    if has_failed {
        return Err(Failure::Problems);
    }
    if settled || elsewhere { Ok(()) } else { Err(Failure::Problems) }
}

/// The tally of several editions.
async fn together(ctx: &Context, editions: &[i64]) -> Result<Tally, Failure> {
    let mut sum = Tally::default();
    for number in editions {
        let tally = ctx.store.tally(*number).await?;
        sum.audience += tally.audience;
        sum.counts.iter_mut().zip(tally.counts).for_each(|(sum, n)| *sum += n);
    }
    Ok(sum)
}

/// Sends a test mail and tells what the relay said.
pub fn test(options: &Test, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.in_context(async |ctx| {
        let (now, address) = (ctx.now(), &options.address);
        let id = ctx.store.queue_test(address, now.plus(ctx.settings.mail.expire), now).await?;
        writeln!(out, "Queued a test mail to {address}")?;
        // A test must not set off what somebody stopped with the service.
        let others = ctx.store.ready(now.plus(SOON)).await?;
        if others > 0 && !courier::is_served(&ctx)? {
            let others = output::counted(others, "other mail", "other mails");
            writeln!(out, "It would set off {others}, so it waits with them for `postroom serve`")?;
            writeln!(out, "To see what became of it: postroom why {address}")?;
            return Ok(());
        }
        out.flush()?;
        let ended = courier::follow(&ctx, async |ctx: &Context| {
            let row = ctx.store.delivery(id).await?;
            let tried = row.as_ref().is_none_or(|row| !row.state.is_open() || row.attempts > 0);
            Ok(Progress { all: 1, open: i64::from(!tried), signs: 0 })
        })
        .await?;
        match ended {
            Ended::Unusable(reason) => unusable(&ctx, id, &reason).await,
            Ended::Elsewhere => {
                writeln!(out, "The running service hands it to the relay. What became of it: postroom why {address}")?;
                Ok(())
            }
            Ended::Settled => answered(&ctx, id, out).await,
            ended => {
                courier::tell(&ctx, ended, &format!("{} does not answer", ctx.relay_names()), out)?;
                Err(Failure::Problems)
            }
        }
    })
}

/// No connection came about: the mail is taken back, so that the next test is
/// the next test and not the third.
async fn unusable(ctx: &Context, id: i64, reason: &str) -> Result<(), Failure> {
    ctx.store.cancel_untried_test(id, reason, ctx.now()).await?;
    let help = match reason {
        // RFC 4954 section 6
        _ if reason.starts_with("535") || reason.starts_with("534") => {
            "look at the user in relay.url and the password in relay.password_file, then test again"
        }
        _ => "look at relay.url, then test again: postroom config explain relay.url",
    };
    Err(Failure::refused(format!("the relay {} cannot be used: {}", ctx.relay_names(), output::plain(reason)), help))
}

async fn answered(ctx: &Context, id: i64, out: &mut dyn Write) -> Result<(), Failure> {
    let relay = ctx.store.attempts(id).await?.pop().map_or_else(|| ctx.relay_names(), |attempt| attempt.relay);
    match ctx.store.delivery(id).await? {
        Some(row) if row.state == State::Accepted => {
            let mut routes = ctx.relays.iter().zip(&ctx.settings.relays);
            let look = match routes.find(|(one, _)| one.name() == relay).map(|(_, settled)| &settled.route) {
                Some(Route::Folder(_)) => "Look into that folder; nobody else gets it",
                _ => "Look into the mailbox, and the spam folder",
            };
            writeln!(out, "{relay} accepted it. {look}")?;
            Ok(())
        }
        row => {
            let waits = row.as_ref().is_some_and(|row| row.state.is_open());
            let reason = row.and_then(|row| row.reason).unwrap_or_default();
            writeln!(out, "{relay} did not accept it: {}", output::plain(&reason))?;
            if waits {
                writeln!(out, "`postroom serve` goes on trying")?;
            }
            Err(Failure::Problems)
        }
    }
}
