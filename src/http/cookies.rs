//! The one cookie of a form: by it the browser that sent an address in is known
//! again when the mail to that address is followed there. Whoever presses a
//! button in another browser, or is no person, types the address.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::Web;
use super::intake::Intake;
use crate::domain::Address;
use crate::domain::time::Span;
use crate::domain::token::CONFIRM_WITHIN;

const ASKED: &str = "postroom-asked";

/// Tells this browser that it sent an address in; the same for every address.
pub fn note_asked(web: &Web, address: &Address, response: &mut Response) {
    set(web, ASKED, &web.ctx.keys.seal_address(address, web.ctx.now()), CONFIRM_WITHIN, response);
}

/// Whether the browser of a request sent this address in, within the time its link works.
pub fn has_asked(web: &Web, headers: &HeaderMap, address: &Address) -> bool {
    let issued = get(headers, ASKED).and_then(|text| web.ctx.keys.open_address(text, address));
    issued.is_some_and(|issued| issued.plus(CONFIRM_WITHIN) > web.ctx.now())
}

/// Whether a field of the form says this address.
pub fn has_typed(intake: &Intake, field: &str, address: &Address) -> bool {
    let typed = intake.form().ok().and_then(|mut fields| fields.remove(field));
    typed.and_then(|text| Address::parse(&text).ok()).is_some_and(|typed| typed.key() == address.key())
}

/// A cookie no script sees and no other site's form brings along.
pub fn set(web: &Web, name: &str, value: &str, age: Span, response: &mut Response) {
    let secure = if web.ctx.settings.http.public_url.starts_with("https:") { "; Secure" } else { "" };
    let seconds = age.0.div_euclid(1_000);
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// The value of a cookie.
pub fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}
