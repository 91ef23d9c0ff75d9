//! For whoever watches the service. Reasons in full go to the log: these
//! addresses are public.

use axum::extract::State;
use axum::response::Response;

use super::Shared;
use super::answer::plain;
use crate::telemetry;

/// `/healthz`: the process answers.
pub async fn alive() -> Response {
    plain(200, "alive\n".to_owned())
}

/// `/readyz`: the database takes a write and the archive could be read.
pub async fn ready(State(web): State<Shared>) -> Response {
    let mut reasons = String::new();
    if let Err(error) = web.ctx.store.check_writable().await {
        telemetry::request_failed(&error.to_string());
        reasons.push_str("the database cannot be written\n");
    }
    if web.ctx.site.archive_fault().is_some() {
        reasons.push_str("the archive cannot be read\n");
    }
    if reasons.is_empty() { plain(200, "ready\n".to_owned()) } else { plain(503, reasons) }
}
