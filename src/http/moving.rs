//! A new address for a subscriber: asked for on the page of their preferences,
//! confirmed from the mail that goes to it, taken back from the one that goes to
//! the address before.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer::{Answer, Failure, page};
use super::choosing::{Said, choices};
use super::cookies;
use super::intake::Intake;
use super::leaving::open_both;
use super::{Shared, Web};
use crate::domain::Address;
use crate::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use crate::domain::token::{CONFIRM_WITHIN, KeyRing, Purpose};
use crate::store::{Former, UNDO};
use crate::views::pages::confirm::{self as confirm_pages, Broken};
use crate::views::pages::moving::{self as moving_pages, Moving};

/// `POST /s/TOKEN/address`
pub async fn ask(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, newsletter) = open_both(&web, Purpose::Manage, &token).await?;
    if subscription.status != Status::Active {
        return Err(web.broken(Broken::Ended, &subscription));
    }
    let typed = intake.form()?.remove("email").unwrap_or_default();
    web.take_try(&intake)?;
    // A mail that was passed on shows its links: they alone take nobody's subscription away.
    if !cookies::has_typed(&intake, "current", &subscription.address) {
        return choices(&web, &subscription, newsletter, &token, Said::NotTheirs(&typed)).await;
    }
    let to = match Address::parse(&typed) {
        Ok(to) => to,
        Err(reason) => return choices(&web, &subscription, newsletter, &token, Said::NoAddress(&typed, &reason)).await,
    };
    // Of the new address nothing is told before it has said yes.
    if let Some(page) = held(&web, &subscription, None).await? {
        return Ok(page);
    }
    write_to(&web, &subscription, &to).await?;
    let mut response = page(200, moving_pages::sent(&web.site_of(&subscription), &to.masked()).into_string());
    cookies::note_asked(&web, &to, &mut response);
    Ok(response)
}

/// The page that says so while an earlier move can be taken back: another one
/// would take that from whoever reads at the address before.
async fn held(web: &Web, subscription: &Subscription, to: Option<&Address>) -> Result<Option<Response>, Failure> {
    let until = web.ctx.store.held_until(subscription.subscriber_id, to, web.ctx.now()).await?;
    Ok(until.map(|until| page(409, moving_pages::held(&web.site_of(subscription), until).into_string())))
}

/// Asks the new address, unless that was done of late.
async fn write_to(web: &Web, subscription: &Subscription, to: &Address) -> Result<(), Failure> {
    let now = web.ctx.now();
    if web.aliases.admit(to, now) {
        web.ctx.store.ask_to_move(subscription, to, web.ctx.settings.mail.expire, now).await?;
        web.ctx.wake.outbox.notify_one();
    }
    Ok(())
}

/// Who wants to move, where to, and whether the link is too old.
async fn open(web: &Web, token: &str) -> Result<(Subscription, Address, bool), Failure> {
    let claim = KeyRing::claim(token).ok_or(Failure::DAMAGED)?;
    let subscription = web.ctx.store.subscription(claim.subscription).await?.ok_or(Failure::GONE)?;
    let to = web.ctx.store.wants_to_move(subscription.subscriber_id, claim.issued).await?;
    let to =
        to.filter(|_| subscription.status == Status::Active).ok_or_else(|| web.broken(Broken::Ended, &subscription))?;
    let opened = web.ctx.keys.open_for(Purpose::Move, token, &to).ok_or(Failure::DAMAGED)?;
    let is_old = opened.issued.plus(CONFIRM_WITHIN) <= web.ctx.now();
    Ok((subscription, to, is_old))
}

/// The page of a link that is too old.
fn expired(web: &Web, subscription: &Subscription, token: &str) -> Response {
    let again = format!("/s/{token}/move/again");
    page(410, confirm_pages::expired(&web.site_of(subscription), true, &again).into_string())
}

/// `POST /s/TOKEN/move/again`: a new link to the address an old one went to.
pub async fn again(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, to, _) = open(&web, &token).await?;
    web.take_try(&intake)?;
    write_to(&web, &subscription, &to).await?;
    Ok(page(200, moving_pages::sent(&web.site_of(&subscription), &to.masked()).into_string()))
}

/// `GET /s/TOKEN/move`
pub async fn question(State(web): State<Shared>, Path(token): Path<String>, headers: HeaderMap) -> Answer {
    let (subscription, to, is_old) = open(&web, &token).await?;
    if is_old {
        return Ok(expired(&web, &subscription, &token));
    }
    if let Some(page) = held(&web, &subscription, Some(&to)).await? {
        return Ok(page);
    }
    let is_known = cookies::has_asked(&web, &headers, &to);
    let (old, new) = (subscription.address.masked(), to.masked());
    let model = Moving { old: &old, new: &new, action: &format!("/s/{token}/move"), is_known, is_wrong: false };
    Ok(page(200, moving_pages::question(&web.site_of(&subscription), &model).into_string()))
}

/// `POST /s/TOKEN/move`
pub async fn act(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, to, is_old) = open(&web, &token).await?;
    if is_old {
        return Ok(expired(&web, &subscription, &token));
    }
    let site = web.site_of(&subscription);
    let (old, new) = (subscription.address.masked(), to.masked());
    let model = Moving { old: &old, new: &new, action: &format!("/s/{token}/move"), is_known: false, is_wrong: true };
    if !web.is_theirs(&intake, &to)? {
        return Ok(page(422, moving_pages::question(&site, &model).into_string()));
    }
    if let Some(page) = held(&web, &subscription, Some(&to)).await? {
        return Ok(page);
    }
    let consent = Consent {
        act: ConsentAct::Moved,
        source: "form".to_owned(),
        words: moving_pages::lead(&site, &model),
        network: intake.client().map(|client| client.to_string()),
    };
    let expire = web.ctx.settings.mail.expire;
    let moved = web.ctx.store.move_to(&subscription, &to, &consent, expire, site.now).await?;
    let moved = moved.ok_or(Failure::GONE)?;
    web.ctx.wake.outbox.notify_one();
    let manage = web.manage_path(&moved);
    Ok(page(200, moving_pages::done(&site, &new, &manage).into_string()))
}

/// Who was moved, and from where.
async fn open_back(web: &Web, token: &str) -> Result<(Subscription, Former), Failure> {
    let claim = KeyRing::claim(token).ok_or(Failure::DAMAGED)?;
    let subscription = web.ctx.store.subscription(claim.subscription).await?.ok_or(Failure::GONE)?;
    let left = web.ctx.store.moved_from(&subscription, claim.issued).await?;
    if left.is_empty() {
        return Err(web.broken(Broken::Ended, &subscription));
    }
    let is_theirs = |former: &Former| web.ctx.keys.open_for(Purpose::Return, token, &former.address).is_some();
    let former = left.into_iter().find(is_theirs).ok_or(Failure::DAMAGED)?;
    if former.at.plus(UNDO) <= web.ctx.now() {
        return Err(web.broken(Broken::Moved, &subscription));
    }
    Ok((subscription, former))
}

/// `GET /s/TOKEN/back`
pub async fn question_back(State(web): State<Shared>, Path(token): Path<String>, headers: HeaderMap) -> Answer {
    let (subscription, former) = open_back(&web, &token).await?;
    let is_known = cookies::has_asked(&web, &headers, &former.address);
    let (old, new) = (subscription.address.masked(), former.address.masked());
    let model = Moving { old: &old, new: &new, action: &format!("/s/{token}/back"), is_known, is_wrong: false };
    Ok(page(200, moving_pages::question(&web.site_of(&subscription), &model).into_string()))
}

/// `POST /s/TOKEN/back`
pub async fn act_back(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, former) = open_back(&web, &token).await?;
    let site = web.site_of(&subscription);
    let (old, new) = (subscription.address.masked(), former.address.masked());
    let model = Moving { old: &old, new: &new, action: &format!("/s/{token}/back"), is_known: false, is_wrong: true };
    if !web.is_theirs(&intake, &former.address)? {
        return Ok(page(422, moving_pages::question(&site, &model).into_string()));
    }
    let consent = Consent {
        act: ConsentAct::Moved,
        source: "form".to_owned(),
        words: moving_pages::lead(&site, &model),
        network: intake.client().map(|client| client.to_string()),
    };
    let back = web.ctx.store.move_back(&subscription, &former, &consent, site.now).await?;
    let back = back.ok_or(Failure::GONE)?;
    web.ctx.wake.outbox.notify_one();
    Ok(page(200, moving_pages::done(&site, &new, &web.manage_path(&back)).into_string()))
}
