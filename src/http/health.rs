//! For whoever watches the service. Reasons in full go to the log: these
//! addresses are public.

use axum::extract::State;
use axum::response::Response;

use super::Shared;
use super::answer::plain;

/// `/healthz`: the process answers.
pub async fn alive() -> Response {
    plain(200, "alive\n".to_owned())
}

/// `/readyz`: when last tried, the database took writes, its disk had room, and
/// the archive could be read. Told from memory: whoever asks changes nothing and waits for nothing.
pub async fn ready(State(web): State<Shared>) -> Response {
    let mut reasons = String::new();
    if web.ctx.site.is_store_failing() {
        reasons.push_str("the database cannot be written\n");
    }
    for trouble in web.ctx.site.disk_troubles() {
        reasons.push_str(&format!("{}\n", trouble.as_str()));
    }
    if web.ctx.site.archive_fault().is_some() {
        reasons.push_str("the archive cannot be read\n");
    }
    if reasons.is_empty() { plain(200, "ready\n".to_owned()) } else { plain(503, reasons) }
}
