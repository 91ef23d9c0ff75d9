//! `plan`: which editions come next, with what, for how many. Also what
//! `preview` and `send` ask before they act.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments;
use super::{Failure, Stage, output};
use crate::context::Context;
use crate::domain::directives::Reach;
use crate::domain::post::Access;
use crate::domain::time::Span;
use crate::domain::{Cadence, Entry, Newsletter, Post, Timestamp};
use crate::tasks::compose::{self, Plan, PlannedVariant, Wanted};
use crate::tasks::ingest;
use crate::views::mail::Mail;
use crate::views::preflight;

/// Shows every edition to come, soonest first.
pub fn run(options: &arguments::Plan, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    stage.in_context(async |ctx| {
        let zone = ctx.settings.site.timezone;
        let now = match &options.at {
            Some(text) => {
                super::moment::read(text, zone).map_err(|reason| Failure::usage(reason, super::moment::HELP))?
            }
            None => ctx.now(),
        };
        look(&ctx).await?;
        let mut plans = Vec::new();
        for newsletter in &ctx.settings.newsletters {
            for cadence in &newsletter.cadences {
                plans.push(next(&ctx, newsletter, *cadence, now, options.at.is_some()).await?);
            }
        }
        plans.sort_by_key(|plan| plan.wanted.slot);
        if options.read.json {
            let plans: Vec<_> = plans.iter().map(object).collect();
            return Ok(output::json(out, json!({"at": now.rfc3339(), "plans": plans}))?);
        }
        text(&ctx, &plans, out)
    })
}

/// Looks at a file that is being written; each half a second after the one before.
const LOOKS: usize = 10;

/// Takes in what the archive holds now, so that the answer is not of yesterday;
/// faults of posts are told and stop nothing.
pub async fn look(ctx: &Context) -> Result<(), Failure> {
    for looks in 1.. {
        let looked = match ingest::step(ctx, ctx.now()).await? {
            Ok(looked) => looked,
            Err(fault) => return Err(Failure::Settings(vec![fault])),
        };
        if looked.waiting == 0 || looks == LOOKS {
            looked.faults.iter().for_each(|fault| eprint!("{}", super::failure::told("warning", fault)));
            return Ok(());
        }
        // A file written a moment ago has to rest before it is taken for whole.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// The plan of a newsletter's next slot after `now`; of the latest one at or
/// before it when `at` was asked for.
async fn next<'a>(
    ctx: &Context,
    newsletter: &'a Newsletter,
    cadence: Cadence,
    now: Timestamp,
    at: bool,
) -> Result<Plan<'a>, Failure> {
    let slot = match newsletter.when(cadence) {
        Some(when) if at => when.latest(newsletter.zone, now),
        Some(when) => when.next(newsletter.zone, now),
        None => now.plus(newsletter.settle),
    };
    match at {
        true => Ok(compose::foresee(ctx, &wanted(ctx, newsletter, cadence, slot).await?, now).await?),
        false => of(ctx, newsletter, cadence, slot, now).await,
    }
}

/// The plan of one slot.
pub async fn of<'a>(
    ctx: &Context,
    newsletter: &'a Newsletter,
    cadence: Cadence,
    slot: Timestamp,
    now: Timestamp,
) -> Result<Plan<'a>, Failure> {
    Ok(compose::plan(ctx, &wanted(ctx, newsletter, cadence, slot).await?, now).await?)
}

async fn wanted<'a>(
    ctx: &Context,
    newsletter: &'a Newsletter,
    cadence: Cadence,
    slot: Timestamp,
) -> Result<Wanted<'a>, Failure> {
    let newest_seq = ctx.store.newest_seq().await?;
    Ok(Wanted { newsletter, cadence, slot, newest_seq, since: None })
}

fn text(ctx: &Context, plans: &[Plan<'_>], out: &mut dyn Write) -> Result<(), Failure> {
    if plans.iter().all(|plan| plan.groups.is_empty()) {
        writeln!(out, "Nobody is subscribed yet. To add some: postroom subscribers import list.csv -n")?;
    }
    for plan in plans {
        let wanted = &plan.wanted;
        let readers: i64 = plan.groups.iter().map(|group| group.count).sum();
        let when = match wanted.cadence {
            Cadence::Each => format!("{} after a post becomes public", wanted.newsletter.settle),
            _ => output::time(wanted.slot, wanted.newsletter.zone),
        };
        let readers = output::counted(readers, "subscriber", "subscribers");
        writeln!(out, "{} {}, {when}, {readers}{}", wanted.newsletter.id, wanted.cadence, left_out(plan))?;
        if plan.variants.is_empty() {
            writeln!(out, "  nothing new so far, so no mail")?;
        }
        for variant in &plan.variants {
            writeln!(out, "  to {}{}:", output::number(variant.audience), in_language(variant))?;
            let row = |post: &Post| {
                let date = post.entry.date.in_zone(ctx.settings.site.timezone).format("%-d %b").to_string();
                vec![date, post.entry.title.clone(), orders(&post.entry)]
            };
            output::table(out, "    ", &variant.posts.iter().map(row).collect::<Vec<_>>())?;
            told(&compose::render(ctx, plan, variant, 0), out)?;
        }
        slow(plan, out)?;
        if let Some(reason) = &plan.held {
            writeln!(out, "  it will wait for you: {}", output::plain(reason))?;
        }
    }
    Ok(())
}

/// What is to be said of a mail before it leaves.
pub fn told(mail: &Mail, out: &mut dyn Write) -> Result<(), Failure> {
    for said in preflight::of_mail(mail) {
        writeln!(out, "    {said}")?;
    }
    if let Some(reason) = compose::too_large(mail) {
        writeln!(out, "    it will wait for you: {reason}")?;
    }
    Ok(())
}

/// What its author says of how a post is sent, or nothing.
fn orders(entry: &Entry) -> String {
    let mail_only = (entry.send.reach == Reach::Mail).then(|| "by mail only".to_owned());
    let closed = (entry.access == Access::Subscribers).then(|| "for subscribers".to_owned());
    let subject = entry.send.subject.as_ref().map(|subject| format!("subject: {subject}"));
    [mail_only, closed, subject].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A line when the limits of the relays make it take hours.
pub fn slow(plan: &Plan<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    if plan.takes > Span(0) {
        writeln!(out, "  it takes about {} by the limits of the relay and the quiet hours", plan.takes)?;
    }
    Ok(())
}

/// `; skip 17 (12 suppressed, 5 paused)`, or nothing.
pub fn left_out(plan: &Plan<'_>) -> String {
    skipped(plan.suppressed, plan.paused)
}

/// The same of several plans together.
pub fn skipped(suppressed: i64, paused: i64) -> String {
    if suppressed + paused == 0 {
        return String::new();
    }
    let parts = [(suppressed, "suppressed"), (paused, "paused")];
    let words: Vec<_> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", output::number(*n))).collect();
    format!("; skip {} ({})", output::number(suppressed + paused), words.join(", "))
}

/// Which language, where it is not the site's: ` in de`.
pub fn in_language(variant: &PlannedVariant) -> String {
    variant.language.as_ref().map(|tag| format!(" in {}", output::plain(tag))).unwrap_or_default()
}

fn object(plan: &Plan<'_>) -> Value {
    let wanted = &plan.wanted;
    let variants = plan.variants.iter().map(|variant| {
        let post = |post: &Post| {
            json!({
                "title": post.entry.title, "url": post.entry.url, "seq": post.seq,
                "mail_only": post.entry.send.reach == Reach::Mail,
                "subscribers_only": post.entry.access == Access::Subscribers,
                "email_subject": post.entry.send.subject,
            })
        };
        let posts = variant.posts.iter().map(post);
        json!({"audience": variant.audience, "language": variant.language, "posts": posts.collect::<Vec<_>>()})
    });
    json!({
        "newsletter": wanted.newsletter.id,
        "cadence": wanted.cadence.as_str(),
        "slot": wanted.newsletter.when(wanted.cadence).map(|_| wanted.slot.rfc3339()),
        "subscribers": plan.groups.iter().map(|group| group.count).sum::<i64>(),
        "audience": plan.audience(),
        "suppressed": plan.suppressed,
        "paused": plan.paused,
        "takes_hours": plan.takes.0 / Span::hours(1).0,
        "held": plan.held,
        "variants": variants.collect::<Vec<_>>(),
    })
}
