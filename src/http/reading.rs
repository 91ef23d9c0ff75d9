//! Pages that are only read.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};

use super::answer::{Answer, Failure, open_policy, public_page};
use super::library::is_on_pages;
use super::{Shared, Web, members};
use crate::domain::edition::{Edition, State as EditionState};
use crate::domain::post::Access;
use crate::feeds::Kind;
use crate::store::Found;
use crate::views::model::Reply;
use crate::views::pages::editions::{self as edition_pages, EditionLine};
use crate::views::pages::faults::Fault;
use crate::views::pages::form::Form;
use crate::views::pages::posts::{self as post_pages, PostLine};

/// Posts on the first page.
const LATEST: usize = 5;

/// Editions on their page.
const EDITIONS: i64 = 200;

/// `/`
pub async fn home(State(web): State<Shared>) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    let latest = &shelves.posts[..shelves.posts.len().min(LATEST)];
    Ok(public_page(post_pages::home(&site, latest, &Form::new(web.newsletters())).into_string()))
}

/// The longest search, in characters.
const LONGEST_SEARCH: usize = 100;

/// `/archive`, `/archive?q=WORDS`
pub async fn archive(State(web): State<Shared>, uri: Uri) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    let mut fields = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    if let Some((_, query)) = fields.find(|(name, value)| name == "q" && !value.trim().is_empty()) {
        let query: String = query.trim().chars().take(LONGEST_SEARCH).collect();
        return Ok(public_page(post_pages::found(&site, &query, &search(&shelves.posts, &query)).into_string()));
    }
    let topics = shelves.catalogue.shelves.iter().filter(|shelf| shelf.kind == Kind::Topic);
    let topics: Vec<_> = topics.map(|shelf| (shelf.name.clone(), address_of(&shelf.folder))).collect();
    Ok(public_page(post_pages::archive(&site, &shelves.posts, &topics).into_string()))
}

/// The posts with all words of a query in their titles, whatever the case.
fn search(posts: &[PostLine], query: &str) -> Vec<PostLine> {
    let query = query.to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    let has_all = |post: &&PostLine| {
        let title = post.title.to_lowercase();
        words.iter().all(|word| title.contains(word))
    };
    posts.iter().filter(has_all).cloned().collect()
}

/// `/archive/2026`
pub async fn year(State(web): State<Shared>, Path(year): Path<String>) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    let number: i32 = year.parse().map_err(|_| Failure::Page(Fault::Unknown))?;
    let page = post_pages::year(&site, &shelves.posts, number).filter(|_| number.to_string() == year);
    Ok(public_page(page.ok_or(Failure::Page(Fault::Unknown))?.into_string()))
}

/// `/topics/TOPIC`
pub async fn topic(State(web): State<Shared>, Path(topic): Path<String>) -> Answer {
    shelf(&web, &format!("/topics/{topic}")).await
}

/// `/authors/AUTHOR`
pub async fn author(State(web): State<Shared>, Path(author): Path<String>) -> Answer {
    shelf(&web, &format!("/authors/{author}")).await
}

/// The posts of one topic or author.
async fn shelf(web: &Web, folder: &str) -> Answer {
    let site = web.site();
    let shelves = web.library.shelves(&web.ctx, site.now).await?;
    let shelf = shelves.catalogue.shelf(folder).ok_or(Failure::Page(Fault::Unknown))?;
    let posts = shelf.items.iter().map(|&item| &shelves.catalogue.items[item]).filter(|post| is_on_pages(post));
    let posts: Vec<PostLine> = posts.map(PostLine::from).collect();
    let path = address_of(folder);
    Ok(public_page(post_pages::shelf(&site, &shelf.name, &posts, &path).into_string()))
}

/// A decoded path as it stands in an address; letters of every script are allowed in it.
pub fn address_of(path: &str) -> String {
    let part =
        |part: &str| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20");
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// `/posts/SLUG`: a post for subscribers in full where the browser is known for one's.
pub async fn post(State(web): State<Shared>, Path(slug): Path<String>, headers: HeaderMap) -> Answer {
    let site = web.site();
    match web.ctx.store.post_by_slug(&slug, site.now).await? {
        Found::Post(post) => {
            let is_open = post.entry.access == Access::Public;
            let whole = is_open || members::is_reader(&web, &headers).await?;
            let comments = web.ctx.settings.mail.comments_url.as_deref();
            let reply = comments.map(|pattern| Reply::Comments(pattern).to(&post.entry));
            let form = Form::new(web.newsletters());
            let html = post_pages::post(&site, &post, whole, reply.as_deref(), &form).into_string();
            let mut response = public_page(html);
            open_policy(&mut response, "'self'");
            if !is_open {
                members::keep_private(&mut response);
            }
            Ok(response)
        }
        Found::Gone => Err(Failure::Page(Fault::PostRemoved)),
        Found::Unknown => Err(Failure::Page(Fault::Unknown)),
    }
}

/// `/editions`
pub async fn editions(State(web): State<Shared>) -> Answer {
    let editions = web.ctx.store.editions(EDITIONS).await?;
    let lines: Vec<_> = editions.into_iter().filter(has_gone_out).filter_map(|edition| line(&web, edition)).collect();
    Ok(public_page(edition_pages::editions(&web.site(), &lines).into_string()))
}

/// A held edition waits for the operator; a cancelled one was taken back.
fn has_gone_out(edition: &Edition) -> bool {
    matches!(edition.state, EditionState::Sending | EditionState::Paused | EditionState::Finished)
}

/// How lists and the welcome name an edition; not at all one without a page.
pub fn line(web: &Web, edition: Edition) -> Option<EditionLine> {
    let newsletter = web.newsletter(&edition.newsletter).map(|newsletter| newsletter.title.clone());
    Some(EditionLine {
        number: edition.number,
        subject: edition.public_subject?,
        newsletter: newsletter.unwrap_or(edition.newsletter),
        sealed: edition.sealed,
    })
}

/// `/editions/N`: the mail as it was sent, but for what is subscribers' alone, with links for everybody where a
/// subscriber's own would stand.
pub async fn edition(State(web): State<Shared>, Path(number): Path<String>) -> Answer {
    let unknown = Failure::Page(Fault::Unknown);
    let number: i64 = number.parse().map_err(|_| unknown)?;
    let edition = web.ctx.store.edition(number).await?.ok_or(unknown)?;
    match edition.state {
        EditionState::Held => return Err(unknown),
        EditionState::Cancelled => return Err(Failure::Page(Fault::EditionCancelled)),
        EditionState::Sending | EditionState::Paused | EditionState::Finished => {}
    }
    let html = web.ctx.store.public_copy(number).await?.ok_or(unknown)?;
    let mut response = public_page(edition_pages::public_copy(&web.site(), number, &html));
    open_policy(&mut response, "'unsafe-inline'");
    Ok(response)
}
