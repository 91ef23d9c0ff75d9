//! Unsubscribing, and taking that back.

use axum::extract::{Path, State};
use axum::response::Response;

use super::answer::{Answer, Failure, page, plain};
use super::intake::Intake;
use super::{Shared, Web};
use crate::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use crate::domain::token::{KeyRing, Purpose};
use crate::domain::{Cadence, Newsletter, Timestamp};
use crate::store::UNDO;
use crate::views::pages::confirm::Broken;
use crate::views::pages::unsubscribe::{self as unsubscribe_pages, Leaving, Returned};

/// The subscription a token of this purpose speaks for; `None` when it was erased.
async fn open(web: &Web, purpose: Purpose, token: &str) -> Result<Option<Subscription>, Failure> {
    let opened = web.ctx.keys.open(purpose, token).ok_or(Failure::DAMAGED)?;
    Ok(web.ctx.store.subscription(opened.subscription).await?)
}

/// The same where there must be one, with its newsletter.
pub async fn open_both<'a>(
    web: &'a Web,
    purpose: Purpose,
    token: &str,
) -> Result<(Subscription, &'a Newsletter), Failure> {
    let subscription = open(web, purpose, token).await?.ok_or(Failure::GONE)?;
    let newsletter =
        web.newsletter(&subscription.newsletter).ok_or_else(|| web.broken(Broken::Ended, &subscription))?;
    // Who has left may do so by any mail of ours; nothing else is done by one to an address that was left.
    if purpose == Purpose::Manage && is_left_behind(&subscription, token) {
        return Err(web.broken(Broken::Moved, &subscription));
    }
    Ok((subscription, newsletter))
}

/// Whether a token came in a mail to an address that its reader has left since.
fn is_left_behind(subscription: &Subscription, token: &str) -> bool {
    KeyRing::claim(token).is_none_or(|token| subscription.is_left_behind(token.issued))
}

/// `GET /s/TOKEN/unsubscribe`
pub async fn question(State(web): State<Shared>, Path(token): Path<String>) -> Answer {
    let (subscription, newsletter) = open_both(&web, Purpose::Unsubscribe, &token).await?;
    let path = format!("/s/{token}");
    if subscription.status == Status::Unsubscribed {
        return left(&web, &subscription, newsletter, &path, !is_left_behind(&subscription, &token)).await;
    }
    let address = subscription.address.masked();
    // There is no "less" before there is a subscription.
    let is_theirs = subscription.status == Status::Active && !is_left_behind(&subscription, &token);
    let less = rarer(&subscription, newsletter).filter(|_| is_theirs);
    let model = Leaving { address: &address, newsletter, less, path: &path };
    Ok(page(200, unsubscribe_pages::unsubscribe(&web.site_of(&subscription), &model).into_string()))
}

/// `POST /s/TOKEN/unsubscribe`, from the page's button or a mail program
/// (RFC 8058): acts at once, answers 200 however often it comes and even when
/// the subscription is gone. Any body will do: nobody is kept for a header.
pub async fn unsubscribe(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let found = open(&web, Purpose::Unsubscribe, &token).await?;
    let one_click = intake.is_one_click();
    let gone = || plain(200, unsubscribe_pages::one_click(&web.site()) + "\n");
    let Some(subscription) = found else { return Ok(gone()) };
    let site = web.site_of(&subscription);
    let newsletter = web.newsletter(&subscription.newsletter);
    let address = subscription.address.masked();
    let path = format!("/s/{token}");
    let words = newsletter.map(|newsletter| {
        unsubscribe_pages::question(&site, &Leaving { address: &address, newsletter, less: None, path: &path })
    });
    let source = if one_click { "mail" } else { "form" };
    let consent = consent(ConsentAct::Unsubscribed, source, words.unwrap_or_default(), &intake);
    let ended = web.ctx.store.unsubscribe(subscription.id, &consent, site.now).await?;
    let may_return = !is_left_behind(&subscription, &token);
    // A button may be pressed by whoever the mail was passed on to, and by machines, and an address that
    // was left may be somebody else's: its reader hears of it.
    if (!one_click || !may_return) && subscription.status == Status::Active {
        web.ctx.store.say_goodbye(subscription.id, web.ctx.settings.mail.expire, site.now).await?;
        web.ctx.wake.outbox.notify_one();
    }
    match (ended, newsletter) {
        (Some(ended), Some(newsletter)) if !one_click || intake.wants_page() => {
            left(&web, &ended, newsletter, &path, may_return).await
        }
        _ => Ok(gone()),
    }
}

/// What a token to leave speaks for, by the address it goes to now: it brings back, too.
async fn open_to_return<'a>(web: &'a Web, token: &str) -> Result<(Subscription, &'a Newsletter), Failure> {
    let (subscription, newsletter) = open_both(web, Purpose::Unsubscribe, token).await?;
    match is_left_behind(&subscription, token) {
        true => Err(web.broken(Broken::Moved, &subscription)),
        false => Ok((subscription, newsletter)),
    }
}

/// `POST /s/TOKEN/undo`
pub async fn undo(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, newsletter) = open_to_return(&web, &token).await?;
    let subscription = bring_back(&web, &subscription, &intake).await?;
    Ok(back(&web, &subscription, newsletter, false))
}

/// `POST /s/TOKEN/less`: the newsletter's rarest cadence instead of an end.
pub async fn less(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, newsletter) = open_to_return(&web, &token).await?;
    let subscription = bring_back(&web, &subscription, &intake).await?;
    let Some(cadence) = rarer(&subscription, newsletter) else {
        return Ok(back(&web, &subscription, newsletter, true));
    };
    let choice = consent(ConsentAct::Chose, "form", web.site_of(&subscription).cadence(newsletter, cadence), &intake);
    web.ctx.store.note_choice(subscription.id, &choice, web.ctx.now()).await?;
    let changed = web.ctx.store.set_cadence(subscription.id, cadence).await?;
    let changed = changed.ok_or(Failure::GONE)?;
    Ok(back(&web, &changed, newsletter, true))
}

async fn bring_back(web: &Web, subscription: &Subscription, intake: &Intake) -> Result<Subscription, Failure> {
    if subscription.status == Status::Pending {
        return Err(web.broken(Broken::Ended, subscription));
    }
    let words = unsubscribe_pages::undo_label(&web.site_of(subscription));
    let consent = consent(ConsentAct::Returned, "form", words, intake);
    let undone = web.ctx.store.undo_unsubscribe(subscription.id, &consent, web.ctx.now()).await?;
    undone.ok_or_else(|| web.broken(Broken::TooLate, subscription))
}

fn consent(act: ConsentAct, source: &str, words: String, intake: &Intake) -> Consent {
    Consent { act, source: source.to_owned(), words, network: intake.client().map(|client| client.to_string()) }
}

/// The rarest cadence on offer, when it is rarer than the present one.
fn rarer(subscription: &Subscription, newsletter: &Newsletter) -> Option<Cadence> {
    newsletter.cadences.iter().max().copied().filter(|rarest| *rarest > subscription.cadence)
}

/// The page of an ended subscription; whether its reader may take that back here.
pub async fn left(
    web: &Web,
    subscription: &Subscription,
    newsletter: &Newsletter,
    path: &str,
    may_return: bool,
) -> Answer {
    let site = web.site_of(subscription);
    let until = undo_until(web, subscription, site.now).await?.filter(|_| may_return);
    let address = subscription.address.masked();
    let model = Leaving { address: &address, newsletter, less: rarer(subscription, newsletter), path };
    Ok(page(200, unsubscribe_pages::done(&site, &model, until).into_string()))
}

/// Until when it can be taken back: only what somebody consented to can be.
async fn undo_until(web: &Web, subscription: &Subscription, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let until = subscription.unsubscribed.map(|at| at.plus(UNDO)).filter(|until| *until > now);
    if until.is_none() {
        return Ok(None);
    }
    let given = [ConsentAct::Confirmed.as_str(), ConsentAct::Vouched.as_str()];
    let consents = web.ctx.store.consents(subscription.id).await?;
    Ok(until.filter(|_| consents.iter().any(|consent| given.contains(&consent.act.as_str()))))
}

fn back(web: &Web, subscription: &Subscription, newsletter: &Newsletter, less: bool) -> Response {
    let address = subscription.address.masked();
    let model = Returned { address: &address, newsletter, cadence: subscription.cadence, less };
    page(200, unsubscribe_pages::returned(&web.site_of(subscription), &model).into_string())
}
