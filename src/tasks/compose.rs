//! Posts and subscriptions that are due -> a sealed edition in the outbox.
//!
//! A plan says who is owed what; sealing freezes it. Between the two nothing
//! is locked: when a subscription changed meanwhile the seal notices and the
//! plan is made again.

use anyhow::{Context as _, bail};

use crate::context::Context;
use crate::domain::edition::{self, Group, State};
use crate::domain::pace::{Course, FURTHEST, forecast};
use crate::domain::time::Span;
use crate::domain::{Cadence, Newsletter, Post, Timestamp};
use crate::store::{PublicCopy, Seal, SealOutcome, SealVariant, Store, Trouble};
use crate::telemetry;
use crate::views::mail::{self, Mail};
use crate::views::model::{Content, EditionMail, Extent, PostItem, Reply};

use super::Step;

/// What is wanted: one newsletter's edition for one cadence.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The newsletter.
    pub newsletter: &'a Newsletter,
    /// The cadence.
    pub cadence: Cadence,
    /// The instant it falls due.
    pub slot: Timestamp,
    /// Newest sequence number it may take.
    pub newest_seq: i64,
    /// Baseline posts dated since this instant are added, once.
    pub since: Option<Timestamp>,
}

/// Who is owed what, before anything is written.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// What was asked for.
    pub wanted: Wanted<'a>,
    /// The audience, grouped by what it has had and wants.
    pub groups: Vec<Group>,
    /// Row ids of the baseline posts that were asked for.
    pub extra: Vec<i64>,
    /// The sets of posts, the one with the largest audience first.
    pub variants: Vec<PlannedVariant>,
    /// How long the limits of the relays make it take, to the hour.
    pub takes: Span,
    /// Why it will wait for the operator, if it will.
    pub held: Option<String>,
    /// Active subscriptions left out because their address must not be mailed.
    pub suppressed: i64,
    /// Active subscriptions left out because they are paused.
    pub paused: i64,
}

/// One set of posts in one language and who is owed it.
#[derive(Clone, Debug)]
pub struct PlannedVariant {
    /// The language, a BCP 47 tag; `None` is the site's.
    pub language: Option<String>,
    /// Newest first: the first one leads.
    pub posts: Vec<Post>,
    /// Indexes into [`Plan::groups`].
    pub groups: Vec<usize>,
    /// How many subscriptions.
    pub audience: i64,
}

impl Plan<'_> {
    /// How many subscriptions are owed something.
    pub fn audience(&self) -> i64 {
        self.variants.iter().map(|variant| variant.audience).sum()
    }
}

/// What came of a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// This edition, with this many deliveries.
    Edition(i64, i64),
    /// Nobody is owed anything.
    Nothing,
    /// This slot was sealed before.
    Taken,
}

/// A subscription that changes between plan and seal makes one more round; so
/// many in a row mean that something else is wrong.
const ROUNDS: usize = 20;

/// Why no edition is begun now, if the disk has too little room for one: it
/// stays due, and is composed once there is room.
pub fn no_room(ctx: &Context) -> Option<Trouble> {
    let troubles = Store::troubles(&ctx.settings.database.file);
    troubles.into_iter().find(|trouble| matches!(trouble, Trouble::Full(_) | Trouble::Short(..)))
}

/// Composes every edition that is due at `now`.
///
/// # Errors
/// Those of the store; what was sealed stays.
pub async fn step(ctx: &Context, now: Timestamp) -> anyhow::Result<Step> {
    if no_room(ctx).is_some() {
        return Ok(Step::Idle);
    }
    let mut sealed = 0;
    for due in ctx.store.due_slots(now).await? {
        let Some(newsletter) = ctx.settings.newsletter(&due.newsletter) else { continue };
        let Some(when) = newsletter.when(due.cadence) else { continue };
        // After downtime over several slots the latest one stands for all.
        let slot = when.latest(newsletter.zone, now).max(due.slot);
        let newest_seq = ctx.store.newest_seq().await?;
        let wanted = Wanted { newsletter, cadence: due.cadence, slot, newest_seq, since: None };
        sealed += u64::from(compose(ctx, &wanted, now).await?);
    }
    for newsletter in &ctx.settings.newsletters {
        let settled_by = now.minus(newsletter.settle);
        if let Some(settled) = ctx.store.settled(&newsletter.id, settled_by, now).await? {
            let slot = if settled.passed { now } else { settled.public_since.plus(newsletter.settle) };
            let newest_seq = settled.newest_seq;
            let wanted = Wanted { newsletter, cadence: Cadence::Each, slot, newest_seq, since: None };
            sealed += u64::from(compose(ctx, &wanted, now).await?);
        }
    }
    Ok(Step::of(sealed))
}

/// Seals one scheduled slot; true when an edition came of it.
async fn compose(ctx: &Context, wanted: &Wanted<'_>, now: Timestamp) -> anyhow::Result<bool> {
    let next = wanted.newsletter.next_slot(wanted.cadence, now.max(wanted.slot));
    match seal(ctx, wanted, next, now).await? {
        Sealed::Edition(..) => return Ok(true),
        Sealed::Nothing => telemetry::nothing_new(&wanted.newsletter.id, wanted.cadence, wanted.slot),
        Sealed::Taken => {
            if let Some(next) = next {
                ctx.store.set_next_slot(&wanted.newsletter.id, wanted.cadence, next).await?;
            }
        }
    }
    Ok(false)
}

/// Makes a plan: who is owed what if `wanted` were sealed now.
///
/// # Errors
/// Those of the store.
pub async fn plan<'a>(ctx: &Context, wanted: &Wanted<'a>, now: Timestamp) -> anyhow::Result<Plan<'a>> {
    plan_with(ctx, wanted, Vec::new(), now).await
}

/// Makes a plan for an instant to come: with the posts that will be public then.
///
/// # Errors
/// Those of the store.
pub async fn foresee<'a>(ctx: &Context, wanted: &Wanted<'a>, at: Timestamp) -> anyhow::Result<Plan<'a>> {
    let to_come = ctx.store.posts_to_come(at).await?;
    let newest_seq = to_come.iter().filter_map(|post| post.seq).max().unwrap_or(wanted.newest_seq);
    plan_with(ctx, &Wanted { newest_seq, ..wanted.clone() }, to_come, at).await
}

async fn plan_with<'a>(
    ctx: &Context,
    wanted: &Wanted<'a>,
    to_come: Vec<Post>,
    now: Timestamp,
) -> anyhow::Result<Plan<'a>> {
    let (id, cadence) = (&wanted.newsletter.id, wanted.cadence);
    let mut extra = match wanted.since {
        Some(since) => ctx.store.baseline_posts(since, now).await?,
        None => Vec::new(),
    };
    extra.retain(|post| wanted.newsletter.takes(&post.entry));
    let extra_ids: Vec<i64> = extra.iter().map(|post| post.id).collect();
    let groups = ctx.store.groups(id, cadence, &extra_ids, now).await?;
    let (suppressed, paused) = ctx.store.left_out(id, cadence, now).await?;
    let mut sets = Vec::new();
    if let Some(oldest) = groups.iter().map(|group| group.covered_until).min() {
        let mut posts = ctx.store.posts_after(oldest, now).await?;
        posts.retain(|post| to_come.iter().all(|coming| coming.id != post.id));
        posts.extend(to_come);
        posts.retain(|post| wanted.newsletter.takes(&post.entry));
        sets = edition::variants(&groups, &posts, &extra, wanted.newest_seq)
            .into_iter()
            .map(|(owed, members)| PlannedVariant {
                language: members.first().and_then(|&i| groups[i].language.clone()),
                posts: newest_first(owed),
                audience: members.iter().map(|&i| groups[i].count).sum(),
                groups: members,
            })
            .collect();
    }
    let takes = takes(ctx, sets.iter().map(|set| set.audience).sum(), now).await?;
    let held = match hold_reason(ctx, wanted.newsletter, &sets).await? {
        Some(reason) => Some(reason),
        None => too_slow(ctx, takes),
    };
    Ok(Plan { wanted: wanted.clone(), groups, extra: extra_ids, variants: sets, takes, held, suppressed, paused })
}

fn newest_first(owed: Vec<&Post>) -> Vec<Post> {
    let mut posts: Vec<Post> = owed.into_iter().cloned().collect();
    posts.sort_by_key(|post| std::cmp::Reverse((post.entry.date, post.seq)));
    posts
}

/// How long this many messages take by `rate`, `warm_up` and quiet hours, after
/// what left today. What a relay says itself is not foreseen.
async fn takes(ctx: &Context, audience: i64, now: Timestamp) -> anyhow::Result<Span> {
    let mut courses = Vec::new();
    for (relay, transport) in ctx.settings.relays.iter().zip(&ctx.relays) {
        let left = ctx.store.handed_over(transport.name(), Span::days(1), now).await?;
        courses.push(Course { rates: relay.rates.clone(), warm_up: relay.warm_up, left });
    }
    let (quiet, zone) = (ctx.settings.mail.quiet_hours, ctx.settings.site.timezone);
    Ok(forecast(u64::try_from(audience).unwrap_or_default(), &courses, quiet, zone, now))
}

/// An edition that cannot be out before its mail is given up is not begun by itself.
fn too_slow(ctx: &Context, takes: Span) -> Option<String> {
    let expire = ctx.settings.mail.expire;
    let over = if takes >= FURTHEST { "more than " } else { "about " };
    (takes >= expire).then(|| {
        format!(
            "it takes {over}{takes} by relay.rate and relay.warm_up, and after {expire} mail is given up (mail.expire)"
        )
    })
}

async fn hold_reason(
    ctx: &Context,
    newsletter: &Newsletter,
    variants: &[PlannedVariant],
) -> anyhow::Result<Option<String>> {
    let mut ids: Vec<i64> = variants.iter().flat_map(|v| &v.posts).map(|post| post.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ctx.store.any_guarded(&ids).await? {
        return Ok(Some(format!("unusually many posts appeared at once; this edition has {}", ids.len())));
    }
    if !ids.is_empty() && ctx.store.is_archive_guarded().await? {
        return Ok(Some("a large part of the archive changed or vanished at once".into()));
    }
    Ok((newsletter.approval && !ids.is_empty()).then(|| format!("`{}` asks for approval", newsletter.id)))
}

/// Renders one variant of a plan as edition `number`.
pub fn render(ctx: &Context, plan: &Plan<'_>, variant: &PlannedVariant, number: i64) -> Mail {
    let posts = variant.posts.iter().map(|post| PostItem::of(post, reply(ctx))).collect();
    let has_page = variant.posts.iter().any(|post| post.entry.send.reach.is_in_feeds());
    mail::edition(ctx.words_for(variant.language.as_deref()), &model(ctx, plan, number, posts, has_page))
}

/// A mail that an inbox would cut, though everything that may be shortened is,
/// waits for the operator.
pub fn too_large(mail: &Mail) -> Option<String> {
    let size = mail.encoded();
    (size > mail::REFUSED).then(|| {
        format!(
            "its mail takes {} KB, a post in it can be read nowhere else, and Gmail hides what is beyond 102 KB, the link \
             to unsubscribe first",
            size / 1_000
        )
    })
}

/// What everybody may see of that edition: `None` when nothing of it.
fn public_copy(ctx: &Context, plan: &Plan<'_>, variant: &PlannedVariant, number: i64) -> Option<PublicCopy> {
    let reply = reply(ctx);
    let posts: Vec<_> = variant.posts.iter().filter_map(|post| PostItem::of_everybody(post, reply)).collect();
    let is_same = ctx.own_words(variant.language.as_deref()).is_none()
        && posts.len() == variant.posts.len()
        && posts.iter().all(|post| post.extent == Extent::AsWished)
        // At the foot of several posts it is left out anyway.
        && (posts.len() > 1 || posts.iter().all(|post| post.reply_url.is_some()));
    if posts.is_empty() {
        return None;
    }
    let mail = mail::edition(&ctx.words, &model(ctx, plan, number, posts, true));
    Some(PublicCopy { subject: mail.subject, html: (!is_same).then_some(mail.html) })
}

/// Where readers reply: in the comments, else by mail.
fn reply(ctx: &Context) -> Reply<'_> {
    let mail = &ctx.settings.mail;
    match &mail.comments_url {
        Some(pattern) => Reply::Comments(pattern),
        None => Reply::Mail(mail.reply_to.as_ref().unwrap_or(&mail.from)),
    }
}

fn model(ctx: &Context, plan: &Plan<'_>, number: i64, posts: Vec<PostItem>, has_page: bool) -> EditionMail {
    let content = match ctx.settings.mail.content {
        crate::settings::Content::Summary => Content::Summary,
        crate::settings::Content::Full => Content::Full,
        crate::settings::Content::Titles => Content::Titles,
    };
    EditionMail {
        site: ctx.site_model(),
        newsletter: plan.wanted.newsletter.title.clone(),
        number,
        slot: plan.wanted.slot,
        web_url: if has_page { ctx.public(&format!("/editions/{number}")) } else { String::new() },
        content,
        posts,
    }
}

/// Plans and seals, again when something changed in between.
///
/// # Errors
/// Those of the store.
pub async fn seal(
    ctx: &Context,
    wanted: &Wanted<'_>,
    next_slot: Option<Timestamp>,
    now: Timestamp,
) -> anyhow::Result<Sealed> {
    for _ in 0..ROUNDS {
        let plan = plan(ctx, wanted, now).await?;
        let number = ctx.store.next_number().await?;
        let seal = to_seal(ctx, &plan, number, next_slot, now);
        match ctx.store.seal(&seal, now).await? {
            SealOutcome::Sealed(audience) => {
                let edition = ctx.store.edition(number).await?.context("a sealed edition is there")?;
                telemetry::edition_sealed(&edition, plan.variants.len());
                if let Some(reason) = &seal.reason {
                    telemetry::edition_held(number, reason);
                }
                ctx.wake.outbox.notify_one();
                return Ok(Sealed::Edition(number, audience));
            }
            SealOutcome::Nothing => return Ok(Sealed::Nothing),
            SealOutcome::Taken => return Ok(Sealed::Taken),
            SealOutcome::Changed => {}
        }
    }
    bail!("subscriptions keep changing while an edition of `{}` is sealed", wanted.newsletter.id)
}

fn to_seal(ctx: &Context, plan: &Plan<'_>, number: i64, next_slot: Option<Timestamp>, now: Timestamp) -> Seal {
    let mails: Vec<Mail> = plan.variants.iter().map(|variant| render(ctx, plan, variant, number)).collect();
    let held = plan.held.clone().or_else(|| mails.iter().find_map(too_large));
    let variants = plan.variants.iter().zip(mails).map(|(variant, mail)| SealVariant {
        language: variant.language.clone(),
        subject: mail.subject,
        html: mail.html,
        text: mail.text,
        posts: variant.posts.iter().map(|post| post.id).collect(),
        groups: variant.groups.clone(),
    });
    Seal {
        number,
        newsletter: plan.wanted.newsletter.id.clone(),
        cadence: plan.wanted.cadence,
        slot: plan.wanted.slot,
        newest_seq: plan.wanted.newest_seq,
        state: if held.is_some() { State::Held } else { State::Sending },
        reason: held,
        variants: variants.collect(),
        public: plan.variants.first().and_then(|variant| public_copy(ctx, plan, variant, number)),
        groups: plan.groups.clone(),
        extra: plan.extra.clone(),
        expires: now.plus(ctx.settings.mail.expire),
        next_slot,
    }
}
