//! A leased delivery -> the envelope and the bytes of its message. The same row
//! gives the same bytes at every attempt, while the settings stay as they are:
//! its Date is when it was written to the outbox, its tokens and Message-ID
//! follow from its row and the first key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow, bail};

use crate::context::Context;
use crate::domain::Newsletter;
use crate::domain::delivery::Kind;
use crate::domain::subscription::Subscription;
use crate::domain::token::{CONFIRM_WITHIN, Purpose, Token};
use crate::settings;
use crate::store::{Leased, UNDO};
use crate::transport::message::{self, Alternative, Head, List, Mailbox, Own, Template, Unsubscribe};
use crate::transport::{Content, Envelope, Message};
use crate::views::field::{self, Values};
use crate::views::letter;
use crate::views::mail::Mail;
use crate::views::model::{
    AlreadyMail, ConfirmMail, GoodbyeMail, MovedMail, MovingMail, ReadingMail, TestMail, WelcomeMail,
};

/// Variants kept in memory: an edition rarely has more than two in each language.
const KEPT: usize = 32;

/// Frozen renderings in use, so that they are read and encoded once, not once a recipient.
#[derive(Default)]
pub struct Variants(Mutex<HashMap<i64, Arc<Frozen>>>);

/// A rendering, and the language what is filled in speaks: a reader may have chosen another one since.
struct Frozen {
    template: Template,
    language: Option<String>,
}

impl Variants {
    /// Those of one variant are all copies of one edition of one newsletter.
    async fn get(&self, ctx: &Context, leased: &Leased, newsletter: &Newsletter) -> anyhow::Result<Arc<Frozen>> {
        let id = leased.variant.context("an edition's delivery has a variant")?;
        if let Some(found) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(found));
        }
        let variant = ctx.store.variant(id).await?.context("the variant of a delivery is gone")?;
        let list_id = format!("{}.{}", newsletter.id, ctx.settings.mail.from.domain());
        let number = leased.edition.map(|number| number.to_string());
        let head = Head {
            list: Some(List { title: &newsletter.title, id: &list_id }),
            edition: number.as_deref(),
            ..head(&ctx.settings.mail, &variant.subject)
        };
        let template = Template::new(&head, &variant.text, &variant.html).map_err(|reason| anyhow!(reason))?;
        let frozen = Arc::new(Frozen { template, language: variant.language });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(id, Arc::clone(&frozen));
        Ok(frozen)
    }
}

/// What the headers of every mail of ours say.
fn head<'a>(mail: &'a settings::Mail, subject: &'a str) -> Head<'a> {
    Head {
        from: Mailbox { name: Some(&mail.from_name), address: &mail.from },
        reply_to: mail.reply_to.as_ref().map(|address| Mailbox { name: None, address }),
        subject,
        list: None,
        edition: None,
        auto_submitted: false,
    }
}

/// Makes the message of a delivery.
///
/// # Errors
/// When its row refers to something that is gone, or a value cannot stand in a
/// message. The delivery can never be made then.
pub async fn write(ctx: &Context, variants: &Variants, leased: &Leased) -> anyhow::Result<Message> {
    let mail = &ctx.settings.mail;
    let message_id = format!("{}@{}", ctx.keys.message_id(leased.id), mail.from.domain());
    let own = Own {
        to: Mailbox { name: None, address: &leased.address },
        date: leased.created,
        message_id: &message_id,
        unsubscribe: None,
    };
    let content = match leased.kind {
        Kind::Edition => edition(ctx, variants, leased, own).await?,
        _ => {
            let letter = transactional(ctx, leased).await?;
            let head = Head { auto_submitted: true, ..head(mail, &letter.subject) };
            message::build(&head, &own, &letter.text, &letter.html, &ctx.signers).map_err(|reason| anyhow!(reason))?
        }
    };
    let envelope = Envelope { from: Some(mail.bounce_address.clone()), to: leased.address.clone() };
    Ok(Message { envelope, content })
}

/// A copy of an edition: what is frozen, with this reader's fields and headers.
async fn edition(ctx: &Context, variants: &Variants, leased: &Leased, own: Own<'_>) -> anyhow::Result<Content> {
    let subscription = subscribed(leased)?;
    let newsletter = newsletter(ctx, subscription)?;
    let frozen = variants.get(ctx, leased, newsletter).await?;
    let words = ctx.words_for(frozen.language.as_deref());
    let before;
    let whom = match leased.address == subscription.address {
        true => subscription,
        false => {
            before = Subscription { address: leased.address.clone(), ..subscription.clone() };
            &before
        }
    };
    let values = Values {
        why: field::why(words, ctx.settings.site.timezone, &newsletter.title, whom),
        ..links(ctx, leased, subscription)
    };
    let mailto = format!("mailto:{}?subject=unsubscribe", ctx.settings.mail.unsubscribe_address);
    let unsubscribe = Some(Unsubscribe { url: &values.unsubscribe_url, mailto: Some(&mailto) });
    let fill = |which, mark| values.value(mark, which == Alternative::Html);
    frozen.template.copy(&Own { unsubscribe, ..own }, &fill, &ctx.signers).map_err(|reason| anyhow!(reason))
}

async fn transactional(ctx: &Context, leased: &Leased) -> anyhow::Result<Mail> {
    let site = ctx.site_model();
    if leased.kind == Kind::Test {
        let relay = ctx.relay_names();
        return Ok(letter::test(&ctx.words, &TestMail { site, at: leased.created, relay }));
    }
    let subscription = subscribed(leased)?;
    let newsletter = newsletter(ctx, subscription)?;
    let words = ctx.words_for(subscription.language.as_deref());
    let (title, cadence) = (newsletter.title.clone(), subscription.asked());
    let Values { manage_url, unsubscribe_url, .. } = links(ctx, leased, subscription);
    Ok(match leased.kind {
        Kind::Confirm => {
            let token = token(ctx, leased, subscription, Purpose::Confirm);
            let confirm = ConfirmMail {
                site,
                newsletter: title,
                cadence,
                confirm_url: ctx.public(&format!("/confirm/{token}")),
                valid_until: leased.created.plus(CONFIRM_WITHIN),
            };
            letter::confirm(words, &confirm)
        }
        Kind::Moving => {
            let token = Token { subscription: subscription.id, issued: leased.created };
            let token = ctx.keys.seal_for(Purpose::Move, token, &leased.address);
            let move_url = ctx.public(&format!("/s/{token}/move"));
            let valid_until = leased.created.plus(CONFIRM_WITHIN);
            letter::moving(words, &MovingMail { site, move_url, valid_until })
        }
        Kind::Moved => {
            let address = subscription.address.masked();
            let token = Token { subscription: subscription.id, issued: leased.created };
            let token = ctx.keys.seal_for(Purpose::Return, token, &leased.address);
            let (undo_url, undo_until) = (ctx.public(&format!("/s/{token}/back")), leased.created.plus(UNDO));
            letter::moved(words, &MovedMail { site, address, undo_url, undo_until })
        }
        Kind::Reading => letter::reading(words, &ReadingMail { site, read_url: manage_url + "/read" }),
        Kind::Goodbye => {
            let undo_until = subscription.unsubscribed.unwrap_or(leased.created).plus(UNDO);
            let mail = GoodbyeMail { site, newsletter: title, unsubscribe_url, undo_until };
            letter::goodbye(words, &mail)
        }
        Kind::Already => letter::already(words, &AlreadyMail { site, newsletter: title, cadence, manage_url }),
        _ => {
            let next = newsletter.next_slot(cadence, leased.created);
            // Finished when the letter was written: the same at every attempt.
            let latest = ctx.store.latest_edition(&newsletter.id, leased.created).await?;
            let latest = latest.and_then(|edition| {
                Some((edition.public_subject?, ctx.public(&format!("/editions/{}", edition.number))))
            });
            let welcome = WelcomeMail { site, newsletter: title, cadence, next, latest, manage_url, unsubscribe_url };
            letter::welcome(words, &welcome)
        }
    })
}

fn links(ctx: &Context, leased: &Leased, subscription: &Subscription) -> Values {
    let manage = token(ctx, leased, subscription, Purpose::Manage);
    let unsubscribe = token(ctx, leased, subscription, Purpose::Unsubscribe);
    Values {
        why: String::new(),
        manage_url: ctx.public(&format!("/s/{manage}")),
        unsubscribe_url: ctx.public(&format!("/s/{unsubscribe}/unsubscribe")),
    }
}

fn token(ctx: &Context, leased: &Leased, subscription: &Subscription, purpose: Purpose) -> String {
    // A copy that may have left before a move is sent once more as it was, its links left behind with it.
    let is_own = leased.address == subscription.address;
    let issued = if is_own { subscription.link_time(leased.created) } else { leased.created };
    ctx.keys.seal(purpose, Token { subscription: subscription.id, issued })
}

fn subscribed(leased: &Leased) -> anyhow::Result<&Subscription> {
    leased.subscription.as_ref().context("the subscription of a delivery is gone")
}

fn newsletter<'a>(ctx: &'a Context, subscription: &Subscription) -> anyhow::Result<&'a Newsletter> {
    match ctx.settings.newsletter(&subscription.newsletter) {
        Some(newsletter) => Ok(newsletter),
        None => bail!("the newsletter `{}` is not in the settings any more", subscription.newsletter),
    }
}
