//! The pages that are the same for everybody, as a tree of files: what a static
//! host can serve in our place.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

use super::library::is_on_pages;
use super::reading::address_of;
use crate::context::Context;
use crate::domain::Timestamp;
use crate::feeds::{Catalogue, Kind};
use crate::views::style::LOGOS;

/// No page is larger: posts have at most a few megabytes.
const LARGEST: usize = 64 << 20;

/// A page without its form: what it offers needs the service.
pub const NOT_FOUND: &str = "/404";

/// The decoded paths of all pages, in the order in which they are found.
pub fn pages(ctx: &Context, catalogue: &Catalogue) -> Vec<String> {
    let mut pages: Vec<String> =
        ["/", "/archive", "/feeds", "/editions", "/page.css", "/icon.svg", "/robots.txt", NOT_FOUND]
            .map(str::to_owned)
            .into();
    pages.extend(ctx.looks.mail.picture.iter().map(|logo| logo.path.to_owned()));
    let zone = ctx.settings.site.timezone;
    let year = |date: Timestamp| date.in_zone(zone).format("%-Y").to_string();
    let folders = catalogue.shelves.iter().filter(|shelf| matches!(shelf.kind, Kind::Topic | Kind::Author));
    pages.extend(folders.map(|shelf| shelf.folder.clone()));
    for post in &catalogue.items {
        // Editions come after the posts, and have a page of their own.
        if post.id < 0 {
            pages.push(format!("/editions/{}", post.entry.slug));
        }
        if !is_on_pages(post) {
            continue;
        }
        let of_year = format!("/archive/{}", year(post.entry.date));
        if !pages.contains(&of_year) {
            pages.push(of_year);
        }
        pages.push(format!("/posts/{}", post.entry.slug));
    }
    pages
}

/// A page as it is served, `None` when it is gone meanwhile.
pub async fn page(router: &Router, path: &str) -> Option<Vec<u8>> {
    let request = Request::builder().uri(address_of(path)).body(Body::empty()).ok()?;
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let is_there = response.status().is_success() || path == NOT_FOUND;
    let body = to_bytes(response.into_body(), LARGEST).await.ok()?;
    is_there.then(|| body.to_vec())
}

/// The file a page is kept in: a static host shows `archive/index.html` for `/archive`.
pub fn file_of(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let is_logo = LOGOS.iter().any(|(logo, _)| logo.trim_start_matches('/') == path);
    let is_file = is_logo || ["page.css", "icon.svg", "robots.txt"].contains(&path);
    match path {
        "" => "index.html".to_owned(),
        _ if is_file => path.to_owned(),
        _ if format!("/{path}") == NOT_FOUND => format!("{path}.html"),
        _ => format!("{path}/index.html"),
    }
}
