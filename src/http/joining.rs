//! Asking for a newsletter, and confirming it.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Failure, document, page, public_page};
use super::intake::{Intake, is_json, wants_json};
use super::reading::line;
use super::{Shared, Web, cookies, evenly};
use crate::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use crate::domain::time::Span;
use crate::domain::token::{CONFIRM_WITHIN, Purpose};
use crate::domain::{Address, Cadence, Newsletter, Timestamp};
use crate::store::Subscribe;
use crate::views::pages::confirm::{self as confirm_pages, Broken, Confirm, Welcome};
use crate::views::pages::faults::Fault;
use crate::views::pages::form::{self as form_pages, Form, FormFault, LANGUAGE, SINCE, Sent, TRAP, in_language};

/// Nobody fills in a form in less.
const QUICKEST: Span = Span::seconds(2);

/// `/subscribe`, `/subscribe?language=TAG`
pub async fn form(State(web): State<Shared>, uri: Uri) -> Response {
    let language = language_of(&web, &uri);
    public_page(whole_form(&web, Form { language: language.as_deref(), ..Form::new(web.newsletters()) }))
}

/// `/subscribe/NEWSLETTER`
pub async fn form_of(State(web): State<Shared>, Path(id): Path<String>, uri: Uri) -> Answer {
    let newsletter = web.newsletter(&id).ok_or(Failure::Page(Fault::Unknown))?;
    let language = language_of(&web, &uri);
    let model = Form { language: language.as_deref(), ..Form::new(std::slice::from_ref(newsletter)) };
    Ok(public_page(whole_form(&web, model)))
}

fn whole_form(web: &Web, model: Form<'_>) -> String {
    form_pages::subscribe(&web.site_in(model.language), &model, &web.ctx.languages()).into_string()
}

/// The language a page is asked for in, where it is not the site's.
pub fn language_of(web: &Web, uri: &Uri) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    fields.find(|(name, _)| name == LANGUAGE).and_then(|(_, tag)| web.ctx.choice_of_language(&tag))
}

/// `/subscribe/sent`
pub async fn sent(State(web): State<Shared>, uri: Uri) -> Response {
    let (mail, language) = (&web.ctx.settings.mail, language_of(&web, &uri));
    let (from, language) = (format!("{} <{}>", mail.from_name, mail.from), language.as_deref());
    public_page(form_pages::sent(&web.site_in(language), &Sent { from: &from, language }).into_string())
}

/// What was sent in, by form or as JSON.
#[derive(Debug, Default, Deserialize)]
struct Wish {
    #[serde(default)]
    email: String,
    newsletter: Option<String>,
    cadence: Option<String>,
    language: Option<String>,
    #[serde(skip)]
    since: Option<i64>,
    #[serde(skip)]
    is_trapped: bool,
}

impl Wish {
    fn read(intake: &Intake) -> Result<Self, Failure> {
        if is_json(&intake.headers) {
            return serde_json::from_slice(&intake.body).map_err(|_| Failure::Page(Fault::Garbled));
        }
        let mut fields: BTreeMap<String, String> = intake.form()?;
        let mut take = |name| fields.remove(name).filter(|value| !value.is_empty());
        Ok(Self {
            email: take("email").unwrap_or_default(),
            newsletter: take("newsletter"),
            cadence: take("cadence"),
            language: take(LANGUAGE),
            since: take(SINCE).and_then(|seconds| seconds.parse().ok()),
            is_trapped: take(TRAP).is_some(),
        })
    }

    fn chosen_newsletter<'a>(&self, offered: &'a [Newsletter]) -> Option<&'a Newsletter> {
        match (self.newsletter.as_deref(), offered) {
            (Some(id), _) => offered.iter().find(|newsletter| newsletter.id == id),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// Whether the page was looked at for less time than a person needs.
    /// Forms of other sites say nothing of it.
    fn is_quick(&self, now: Timestamp) -> bool {
        let shown = |since: i64| now.0.div_euclid(1_000).saturating_sub(since);
        self.since.is_some_and(|since| (0..QUICKEST.0 / 1_000).contains(&shown(since)))
    }

    /// All three parts, or everything that is wrong.
    fn check<'a>(&self, offered: &'a [Newsletter]) -> Result<(Address, &'a Newsletter, Cadence), Vec<FormFault>> {
        let address = Address::parse(&self.email).map_err(FormFault::Email);
        let newsletter = self.chosen_newsletter(offered).ok_or(FormFault::Newsletter);
        let cadence = newsletter.clone().and_then(|newsletter| {
            let offered = |cadence: &Cadence| newsletter.cadences.contains(cadence);
            match self.cadence.as_deref() {
                None => Ok(newsletter.default_cadence),
                Some(word) => word
                    .parse()
                    .ok()
                    .filter(offered)
                    .ok_or_else(|| FormFault::Cadence { newsletter: newsletter.title.clone() }),
            }
        });
        match (address, newsletter, cadence) {
            (Ok(address), Ok(newsletter), Ok(cadence)) => Ok((address, newsletter, cadence)),
            (address, newsletter, cadence) => {
                let mut faults: Vec<FormFault> =
                    [address.err(), newsletter.err(), cadence.err()].into_iter().flatten().collect();
                faults.dedup();
                Err(faults)
            }
        }
    }
}

/// `POST /subscribe`
pub async fn subscribe(State(web): State<Shared>, intake: Intake) -> Answer {
    ask(&web, web.newsletters(), &intake).await
}

/// `POST /subscribe/NEWSLETTER`
pub async fn subscribe_to(State(web): State<Shared>, Path(id): Path<String>, intake: Intake) -> Answer {
    let newsletter = web.newsletter(&id).ok_or(Failure::Page(Fault::Unknown))?;
    ask(&web, std::slice::from_ref(newsletter), &intake).await
}

/// One answer for every address there is: who is subscribed already is told by
/// mail, and only they.
async fn ask(web: &Web, offered: &[Newsletter], intake: &Intake) -> Answer {
    let now = web.ctx.now();
    let as_json = wants_json(&intake.headers);
    let mut wish = Wish::read(intake)?;
    wish.language = wish.language.and_then(|tag| web.ctx.choice_of_language(&tag));
    web.take_try(intake)?;
    if wish.is_quick(now) {
        return Ok(refused(web, offered, &wish, &[FormFault::Quick], as_json));
    }
    let (address, newsletter, cadence) = match wish.check(offered) {
        Ok(parts) => parts,
        Err(faults) => return Ok(refused(web, offered, &wish, &faults, as_json)),
    };
    let language = wish.language.as_deref();
    if wish.is_trapped {
        return Ok(accepted(web, &address, language, as_json));
    }
    let for_whom = address.clone();
    if !web.aliases.admit(&address, now) {
        return Ok(accepted(web, &address, language, as_json));
    }
    let request = Subscribe {
        address,
        newsletter: newsletter.id.clone(),
        cadence,
        language: wish.language.clone(),
        consent: Consent {
            act: ConsentAct::Asked,
            source: if is_json(&intake.headers) { "api" } else { "form" }.to_owned(),
            words: form_pages::consent(&web.site_in(language), newsletter, cadence),
            network: intake.client().map(|client| client.to_string()),
        },
        mail_expires: web.ctx.settings.mail.expire,
    };
    web.ctx.store.subscribe(&request, now).await?;
    web.ctx.wake.outbox.notify_one();
    Ok(accepted(web, &for_whom, language, as_json))
}

fn accepted(web: &Web, address: &Address, language: Option<&str>, as_json: bool) -> Response {
    let mut response =
        if as_json { document(202, &json!({ "schema": 1, "status": "confirmation sent" })) } else { written(language) };
    cookies::note_asked(web, address, &mut response);
    response
}

/// To the page that says where to look.
fn written(language: Option<&str>) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, in_language("/subscribe/sent", language))]).into_response()
}

fn refused(web: &Web, offered: &[Newsletter], wish: &Wish, faults: &[FormFault], as_json: bool) -> Response {
    let site = web.site_in(wish.language.as_deref());
    if as_json {
        let said = |fault: &FormFault| json!({ "field": fault.field(), "reason": fault.sentence(&site) });
        let faults: Vec<serde_json::Value> = faults.iter().map(said).collect();
        return document(422, &json!({ "schema": 1, "status": "refused", "faults": faults }));
    }
    let model = Form {
        newsletters: offered,
        newsletter: wish.chosen_newsletter(offered).map(|newsletter| newsletter.id.as_str()),
        cadence: wish.cadence.as_deref().and_then(|word| word.parse().ok()),
        email: &wish.email,
        since: wish.since,
        language: wish.language.as_deref(),
        faults,
    };
    page(422, whole_form(web, model))
}

/// A confirmation link that is ours: its subscription, the newsletter, and
/// whether it is too old.
async fn open<'a>(web: &'a Web, token: &str) -> Result<(Subscription, &'a Newsletter, bool), Failure> {
    let opened = web.ctx.keys.open(Purpose::Confirm, token).ok_or(Failure::DAMAGED)?;
    let subscription = web.ctx.store.subscription(opened.subscription).await?.ok_or(Failure::GONE)?;
    let ended = || web.broken(Broken::Ended, &subscription);
    let newsletter = web.newsletter(&subscription.newsletter).ok_or_else(ended)?;
    if subscription.is_left_behind(opened.issued) {
        return Err(web.broken(Broken::Moved, &subscription));
    }
    // A link from before its reader left counts for nothing; its time is in whole seconds.
    let left = subscription.unsubscribed.map(|left| left.0.div_euclid(1_000));
    let is_older = left.is_some_and(|left| opened.issued.0.div_euclid(1_000) < left);
    if subscription.status == Status::Unsubscribed && (is_older || subscription.wish.is_none()) {
        return Err(ended());
    }
    let is_old = opened.issued.plus(CONFIRM_WITHIN) <= web.ctx.now();
    Ok((subscription, newsletter, is_old))
}

/// The page of a link that is too old.
fn expired(web: &Web, subscription: &Subscription, token: &str) -> Response {
    let again = format!("/confirm/{token}/again");
    page(410, confirm_pages::expired(&web.site_of(subscription), false, &again).into_string())
}

/// `POST /confirm/TOKEN/again`: a new link to the address an old one went to,
/// which is not shown. The answer is that of the form, whatever there was to do.
pub async fn again(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, ..) = open(&web, &token).await?;
    web.take_try(&intake)?;
    evenly(web.ctx.store.write_again(subscription.id, web.ctx.settings.mail.expire, web.ctx.now())).await?;
    web.ctx.wake.outbox.notify_one();
    Ok(written(subscription.language.as_deref().filter(|tag| web.ctx.own_words(Some(*tag)).is_some())))
}

/// `GET /confirm/TOKEN`
pub async fn question(State(web): State<Shared>, Path(token): Path<String>, headers: HeaderMap) -> Answer {
    let (subscription, newsletter, is_old) = open(&web, &token).await?;
    match subscription.status {
        _ if is_old => Ok(expired(&web, &subscription, &token)),
        Status::Active if !is_unheard(&subscription) => welcome(&web, &subscription, newsletter, false).await,
        Status::Active | Status::Pending | Status::Unsubscribed => {
            let is_known = cookies::has_asked(&web, &headers, &subscription.address);
            Ok(button(&web, &subscription, newsletter, &token, (is_known, false)))
        }
    }
}

/// Whether its reader has yet to say that they want it: it may be active by the word of the operator.
fn is_unheard(subscription: &Subscription) -> bool {
    subscription.status != Status::Active || subscription.confirmed.is_none()
}

/// The page with the button; in a browser that is not known with a field for the address.
fn button(
    web: &Web,
    subscription: &Subscription,
    newsletter: &Newsletter,
    token: &str,
    (is_known, is_wrong): (bool, bool),
) -> Response {
    let (address, action) = (subscription.address.masked(), format!("/confirm/{token}"));
    let cadence = subscription.asked();
    let model = Confirm { address: &address, newsletter, cadence, action: &action, is_known, is_wrong };
    page(if is_wrong { 422 } else { 200 }, confirm_pages::confirm(&web.site_of(subscription), &model).into_string())
}

/// `POST /confirm/TOKEN`: acts for the browser the form was sent from, and for
/// whoever types the address. Programs that press the buttons of pages behind
/// links in mail do neither.
pub async fn confirm(State(web): State<Shared>, Path(token): Path<String>, intake: Intake) -> Answer {
    let (subscription, newsletter, is_old) = open(&web, &token).await?;
    if is_old {
        return Ok(expired(&web, &subscription, &token));
    }
    let is_new = is_unheard(&subscription);
    if is_new && !web.is_theirs(&intake, &subscription.address)? {
        return Ok(button(&web, &subscription, newsletter, &token, (false, true)));
    }
    let consent = Consent {
        act: ConsentAct::Confirmed,
        source: "form".to_owned(),
        words: confirm_pages::question(&web.site_of(&subscription), &newsletter.title, &subscription.address.masked()),
        network: intake.client().map(|client| client.to_string()),
    };
    let expire = web.ctx.settings.mail.expire;
    let confirmed = web.ctx.store.confirm(subscription.id, &consent, expire, web.ctx.now()).await?;
    let active = confirmed.filter(|subscription| subscription.status == Status::Active);
    let active = active.ok_or(Failure::GONE)?;
    web.ctx.wake.outbox.notify_one();
    welcome(&web, &active, newsletter, is_new).await
}

/// The link to the preferences is for whoever confirmed just now: an old mail
/// that was passed on must not give away more than it says.
async fn welcome(web: &Web, subscription: &Subscription, newsletter: &Newsletter, is_new: bool) -> Answer {
    let latest = web.ctx.store.latest_edition(&newsletter.id, web.ctx.now()).await?;
    let latest = latest.and_then(|edition| line(web, edition));
    let (address, manage) = (subscription.address.masked(), web.manage_path(subscription));
    let manage = is_new.then_some(manage.as_str());
    let model =
        Welcome { address: &address, newsletter, cadence: subscription.cadence, manage, latest: latest.as_ref() };
    Ok(page(200, confirm_pages::welcome(&web.site_of(subscription), &model).into_string()))
}
