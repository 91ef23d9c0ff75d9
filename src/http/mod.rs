//! Pages and feeds over HTTP. The whole route table is below; handlers stand
//! by errand, one error mapping in `answer`, the accept loop in `server`.
//!
//! GET and HEAD never change anything. Nothing of a request is shown back or
//! logged but its matched route: paths carry tokens. Links are built from the
//! settings alone, never from `Host`.

mod aliases;
mod answer;
mod choosing;
mod cookies;
mod embedding;
mod following;
mod health;
mod intake;
mod joining;
mod leaving;
mod library;
mod limit;
mod members;
mod moving;
mod own_data;
mod patience;
mod private;
mod reading;
mod server;
pub mod tree;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use url::Url;

use crate::context::Context;
use crate::domain::Address;
use crate::domain::newsletter::Newsletter;
use crate::domain::subscription::Subscription;
use crate::domain::time::Span;
use crate::domain::token::{Purpose, Token};
use crate::feeds::{Asset, SITEMAP_PATH};
use crate::views::embed;
use crate::views::pages::Site;
use crate::views::pages::confirm::Broken;
use crate::views::style::LOGOS;

pub use intake::{BODY_LIMIT, Peer};
pub use server::serve;

/// What handlers share.
struct Web {
    ctx: Arc<Context>,
    tries: limit::Limiter,
    all_tries: limit::Limiter,
    aliases: aliases::Aliases,
    polls: limit::Limiter,
    library: library::Library,
    files: Vec<(&'static str, Asset)>,
    /// `/embed.js` in every language; `None` is the site's.
    scripts: Vec<(Option<String>, Asset)>,
    /// The operator's own site, as browsers name it.
    site_origin: String,
}

type Shared = Arc<Web>;

/// Every address there is.
pub fn router(ctx: Arc<Context>) -> Router {
    let web = Arc::new(Web::new(ctx));
    let routes = routes(&web);
    Router::new().fallback_service(following::Swift { web, routes })
}

fn routes(web: &Shared) -> Router {
    Router::new()
        .route("/", get(reading::home))
        .route("/archive", get(reading::archive))
        .route("/archive/{year}", get(reading::year))
        .route("/topics/{topic}", get(reading::topic))
        .route("/authors/{author}", get(reading::author))
        .route("/posts/{slug}", get(reading::post))
        .route(embedding::REST, get(embedding::rest))
        .route("/posts/{slug}/link", post(members::ask))
        .route("/editions", get(reading::editions))
        .route("/editions/{number}", get(reading::edition))
        .route("/feeds", get(following::feeds))
        .merge(feeds(web))
        .merge(LOGOS.iter().fold(Router::new(), |routes, (path, _)| routes.route(path, get(following::file))))
        .route("/page.css", get(following::file))
        .route("/icon.svg", get(following::file))
        .route("/robots.txt", get(following::file))
        .route("/embed.js", get(following::script))
        .route("/subscribe", get(joining::form).post(joining::subscribe))
        .route("/subscribe/sent", get(joining::sent))
        .route("/subscribe/{newsletter}", get(joining::form_of).post(joining::subscribe_to))
        .route("/confirm/{token}", get(joining::question).post(joining::confirm))
        .route("/confirm/{token}/again", post(joining::again))
        .route("/s/{token}", get(choosing::preferences).post(choosing::save))
        .route("/s/{token}/feed", post(private::manage))
        .route("/s/{token}/read", get(members::enter))
        .route("/s/{token}/read/{slug}", get(members::enter))
        .route("/s/{token}/address", post(moving::ask))
        .route("/s/{token}/move", get(moving::question).post(moving::act))
        .route("/s/{token}/move/again", post(moving::again))
        .route("/s/{token}/back", get(moving::question_back).post(moving::act_back))
        .route("/s/{token}/data", get(own_data::question).post(own_data::download))
        .route("/s/{token}/erase", post(own_data::erase))
        .route("/s/{token}/unsubscribe", get(leaving::question).post(leaving::unsubscribe))
        .route("/s/{token}/undo", post(leaving::undo))
        .route("/s/{token}/less", post(leaving::less))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(answer::unknown)
        .layer(from_fn_with_state(Arc::clone(web), answer::dress))
        .layer(from_fn_with_state(Arc::clone(web), embedding::lend))
        .with_state(Arc::clone(web))
}

/// What programs ask for again and again.
fn feeds(web: &Shared) -> Router<Shared> {
    Router::new()
        .route("/feed.xml", get(following::site))
        .route("/atom.xml", get(following::site))
        .route("/feed.json", get(following::site))
        .route("/feed.css", get(following::site))
        .route("/feeds.opml", get(following::site))
        .route("/sitemap.xml", get(following::site))
        .route("/summary/{*file}", get(following::below))
        .route("/archive/{page}/{*file}", get(following::below))
        .route("/topics/{topic}/{*file}", get(following::below))
        .route("/authors/{author}/{*file}", get(following::below))
        .route("/editions/{newsletter}/{*file}", get(following::below))
        .route("/private/{token}/{file}", get(private::feed))
        .route_layer(from_fn_with_state(Arc::clone(web), following::polled))
}

/// No answer about an address that may lead to no work at all comes sooner, and
/// a commit is hardly ever later: nobody is to see in how long it takes whether
/// there was any.
const EVEN: Span = Span(100);

async fn evenly<T>(work: impl Future<Output = T>) -> T {
    tokio::join!(work, tokio::time::sleep(EVEN.duration())).0
}

impl Web {
    fn new(ctx: Arc<Context>) -> Self {
        let now = ctx.now();
        let file = |path, media_type, body: &str| (path, Asset::new(media_type, body.as_bytes().to_vec(), now));
        let css = file("/page.css", "text/css; charset=utf-8", &ctx.looks.page_css);
        let icon = file("/icon.svg", "image/svg+xml", &ctx.looks.icon);
        let logo = ctx.looks.mail.picture.as_ref().zip(ctx.looks.logo.as_ref());
        let logo = logo.map(|(logo, (kind, bytes))| (logo.path, Asset::new(kind, bytes.clone(), now)));
        let robots = file("/robots.txt", "text/plain; charset=utf-8", &robots(&ctx.settings.http.public_url));
        let script = |language: Option<String>| {
            let words = ctx.words_for(language.as_deref());
            let script = embed::script(words, &ctx.settings.site.title, &ctx.settings.http.public_url);
            (language, Asset::new("text/javascript; charset=utf-8", script.into_bytes(), now))
        };
        let languages = ctx.languages();
        let scripts = languages.iter().map(|(tag, _)| script(ctx.choice_of_language(tag))).collect();
        let site_origin = Url::parse(&ctx.settings.site.url).map(|url| url.origin().ascii_serialization());
        let tries = (ctx.settings.http.tries_per_network, ctx.settings.http.tries);
        Self {
            ctx,
            tries: an_hour(tries.0, tries.0),
            // A burst of less than an hour's, so that a flood is slower than a rush.
            all_tries: an_hour(tries.1 - tries.1 / 6, tries.1),
            aliases: aliases::Aliases::default(),
            // A reader asks once an hour or less; a service that reads for a whole city, for every
            // feed of the site, stays far below. Once a second, on and on, is a mistake.
            polls: limit::Limiter::lenient(1_000, Span::seconds(5)),
            library: library::Library::default(),
            files: [css, icon, robots].into_iter().chain(logo).collect(),
            scripts,
            site_origin: site_origin.unwrap_or_default(),
        }
    }

    /// What every page knows.
    fn site(&self) -> Site<'_> {
        let settings = &self.ctx.settings;
        Site {
            words: &self.ctx.words,
            title: &settings.site.title,
            description: &settings.site.description,
            language: &settings.site.language,
            home: &settings.site.url,
            public_url: &settings.http.public_url,
            postal_address: settings.site.postal_address.as_deref(),
            zone: settings.site.timezone,
            now: self.ctx.now(),
        }
    }

    /// The same in the language somebody chose; `None` is the site's.
    fn site_in(&self, language: Option<&str>) -> Site<'_> {
        Site { words: self.ctx.words_for(language), ..self.site() }
    }

    /// The same for the reader whose token opens a page.
    fn site_of(&self, subscription: &Subscription) -> Site<'_> {
        self.site_in(subscription.language.as_deref())
    }

    /// A link of a reader's that leads nowhere any more.
    fn broken(&self, why: Broken, subscription: &Subscription) -> answer::Failure {
        answer::Failure::Link(why, self.ctx.own_words(subscription.language.as_deref()))
    }

    fn newsletters(&self) -> &[Newsletter] {
        &self.ctx.settings.newsletters
    }

    fn newsletter(&self, id: &str) -> Option<&Newsletter> {
        self.newsletters().iter().find(|newsletter| newsletter.id == id)
    }

    /// Takes one of the tries of the network a request came from, and of those of all networks.
    fn take_try(&self, intake: &intake::Intake) -> Result<(), answer::Failure> {
        let Some(client) = intake.client() else { return Ok(()) };
        let now = self.ctx.now();
        let taken = self.tries.take(limit::Network::from(client), now);
        taken.and_then(|()| self.all_tries.take(limit::Network::ALL, now)).map_err(answer::Failure::TooMany)
    }

    /// Whether the browser of a request sent this address in, within the time
    /// its link works, or whoever presses its button has typed it. A guess
    /// takes a try, a right one too: else the limit would answer those after it.
    fn is_theirs(&self, intake: &intake::Intake, address: &Address) -> Result<bool, answer::Failure> {
        if cookies::has_asked(self, &intake.headers, address) {
            return Ok(true);
        }
        self.take_try(intake)?;
        Ok(cookies::has_typed(intake, "email", address))
    }

    /// The path of a subscription's preferences, with a fresh token.
    fn manage_path(&self, subscription: &Subscription) -> String {
        format!("/s/{}", self.fresh(Purpose::Manage, subscription))
    }

    /// The path under which a subscription ends, with a fresh token.
    fn leave_path(&self, subscription: &Subscription) -> String {
        format!("/s/{}", self.fresh(Purpose::Unsubscribe, subscription))
    }

    fn fresh(&self, purpose: Purpose, subscription: &Subscription) -> String {
        let issued = subscription.link_time(self.ctx.now());
        self.ctx.keys.seal(purpose, Token { subscription: subscription.id, issued })
    }
}

/// So many at once, and so many an hour.
fn an_hour(burst: i64, tries: i64) -> limit::Limiter {
    limit::Limiter::new(burst, Span(Span::hours(1).0 / tries))
}

/// What search engines may follow: everything but readers' own links.
fn robots(public_url: &str) -> String {
    let own = ["/s/", "/confirm/", "/private/"].map(|path| format!("Disallow: {path}\n")).concat();
    format!("User-agent: *\n{own}\nSitemap: {public_url}{SITEMAP_PATH}\n")
}
