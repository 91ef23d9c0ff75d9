//! A router on a real database file, with a clock that stands still until told.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use postroom::app;
use postroom::archive::{Archive, Rules};
use postroom::context::{Clock, Context, Ids, Looks, Site, Wake};
use postroom::domain::edition::{Group, State};
use postroom::domain::post::{Access, Entry, Topic};
use postroom::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use postroom::domain::time::Span;
use postroom::domain::token::{KeyRing, Purpose, Token};
use postroom::domain::{Address, Cadence, Timestamp};
use postroom::feeds::Asset;
use postroom::http;
use postroom::settings::Settings;
use postroom::store::{Ingest, PublicCopy, Seal, SealVariant, Store, Subscribe};
use postroom::transport::{self, RelayConfig};
use postroom::views::field::Field;
use postroom::views::words::Words;
use tower::ServiceExt;

pub const START: Timestamp = Timestamp(1_779_433_200_000);

struct StandingClock(AtomicI64);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct NoChance;

impl Ids for NoChance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The cookie that was set, as a browser sends it back.
    pub fn cookie(&self) -> &str {
        self.header("set-cookie").split(';').next().unwrap_or_default()
    }
}

/// A whole service without its tasks.
pub struct House {
    pub ctx: Arc<Context>,
    pub router: Router,
    clock: Arc<StandingClock>,
    folder: tempfile::TempDir,
}

const TOML: &str = r#"
[site]
title = "The Test Blog"
url = "https://blog.test"
postal_address = "1 Test Street, Testville"
timezone = "Europe/Berlin"
[http]
public_url = "https://news.blog.test"
[mail]
from = "The Test Blog <news@blog.test>"
"#;

impl House {
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// A house whose settings have more lines at their end.
    pub async fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("postroom.toml");
        std::fs::create_dir(folder.path().join("posts")).unwrap();
        std::fs::write(&file, format!("{TOML}{more}")).unwrap();
        let settings = Settings::load(Some(&file)).unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        store.mirror_newsletters(&settings.newsletters, START).await.unwrap();
        let clock = Arc::new(StandingClock(AtomicI64::new(START.0)));
        let ctx = Arc::new(context(settings, store, clock.clone()));
        let asset = |media_type, body: &str| Asset::new(media_type, body.as_bytes().to_vec(), START);
        ctx.site.replace(HashMap::from([
            ("/feed.xml".to_owned(), asset("application/rss+xml", "<rss/>")),
            ("/topics/größe/atom.xml".to_owned(), asset("application/atom+xml", "<feed/>")),
        ]));
        Self { router: http::router(Arc::clone(&ctx)), ctx, clock, folder }
    }

    pub fn wait(&self, span: Span) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 10_000_000).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, form: &str) -> Reply {
        self.ask("POST", path, &[("content-type", "application/x-www-form-urlencoded")], form).await
    }

    /// What a form in a browser that has this cookie sends.
    pub async fn post_with(&self, path: &str, cookie: &str, form: &str) -> Reply {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie)];
        self.ask("POST", path, &headers, form).await
    }

    /// The kinds of mail in the outbox that have not left, with where they go.
    pub async fn letters(&self, to: &str) -> Vec<String> {
        let rows = self.ctx.store.deliveries_to(&Address::parse(to).unwrap()).await.unwrap();
        rows.iter().filter(|row| row.state.is_open()).map(|row| row.kind.as_str().to_owned()).collect()
    }

    /// A token as a mail sent now would carry it.
    pub fn token(&self, purpose: Purpose, subscription: i64) -> String {
        self.ctx.keys.seal(purpose, Token { subscription, issued: self.ctx.now() })
    }

    /// A token as a mail written now would carry it, after whatever move there was.
    pub async fn link_token(&self, purpose: Purpose, subscription: i64) -> String {
        let issued = self.subscription(subscription).await.link_time(self.ctx.now());
        self.ctx.keys.seal(purpose, Token { subscription, issued })
    }

    /// What the notice of a move now holds for whoever reads at the address before.
    pub fn back_token(&self, subscription: i64, before: &str) -> String {
        let token = Token { subscription, issued: self.ctx.now() };
        self.ctx.keys.seal_for(Purpose::Return, token, &Address::parse(before).unwrap())
    }

    /// What a mail written now to that address holds, in the way of a token to move there.
    pub fn move_token(&self, subscription: i64, to: &str) -> String {
        let token = Token { subscription, issued: self.ctx.now() };
        self.ctx.keys.seal_for(Purpose::Move, token, &Address::parse(to).unwrap())
    }

    /// Somebody who asked, in the state asked for.
    pub async fn reader(&self, address: &str, status: Status) -> Subscription {
        let consent = |act| Consent { act, source: "form".into(), words: "yes".into(), network: None };
        let address = Address::parse(address).unwrap();
        let request = Subscribe {
            language: None,
            address: address.clone(),
            newsletter: self.ctx.settings.newsletters[0].id.clone(),
            cadence: Cadence::Weekly,
            consent: consent(ConsentAct::Asked),
            mail_expires: Span::days(2),
        };
        let (store, now) = (&self.ctx.store, self.ctx.now());
        store.subscribe(&request, now).await.unwrap();
        let id = store.subscriptions_of(&address).await.unwrap()[0].id;
        if status != Status::Pending {
            store.confirm(id, &consent(ConsentAct::Confirmed), Span::days(2), now).await.unwrap();
        }
        if status == Status::Unsubscribed {
            store.unsubscribe(id, &consent(ConsentAct::Unsubscribed), now).await.unwrap();
        }
        self.subscription(id).await
    }

    pub async fn subscription(&self, id: i64) -> Subscription {
        self.ctx.store.subscription(id).await.unwrap().unwrap()
    }

    /// Takes exactly these posts in, by slug and title.
    pub async fn posts(&self, posts: &[(&str, &str)]) {
        self.take(posts.iter().map(|(slug, title)| entry(slug, title)).collect()).await;
    }

    /// Takes exactly these posts in, by slug and topics.
    pub async fn posts_about(&self, posts: &[(&str, &[&str])]) {
        let about = |topics: &[&str]| topics.iter().filter_map(|name| Topic::named(name)).collect();
        self.take(posts.iter().map(|(slug, topics)| Entry { topics: about(topics), ..entry(slug, slug) }).collect())
            .await;
    }

    /// Takes exactly one post in, for subscribers alone.
    pub async fn closed_post(&self, slug: &str, title: &str) {
        self.take(vec![Entry { access: Access::Subscribers, ..entry(slug, title) }]).await;
    }

    async fn take(&self, entries: Vec<Entry>) {
        let ingest = Ingest {
            read: entries.iter().map(|entry| (entry, 1, START)).collect(),
            present: HashSet::new(),
            max_age: Span::days(14),
            guard_posts: 1_000,
            guard_share: 1.0,
            rendered_by: "test",
            old: HashSet::new(),
            began_after: self.ctx.store.looks().await.unwrap(),
        };
        self.ctx.store.ingest(&ingest, self.ctx.now()).await.unwrap();
    }

    /// Seals edition 1 with a mail that has personal fields, for the readers there are.
    pub async fn edition(&self, state: State) {
        let newsletter = &self.ctx.settings.newsletters[0].id;
        let groups = self.ctx.store.groups(newsletter, Cadence::Weekly, &[], self.ctx.now()).await.unwrap();
        let html = format!(
            "<!DOCTYPE html><title>x</title><p style=\"color:red\">Hello</p><p>{}</p><a href=\"{}\">Unsubscribe</a>",
            Field::Why.mark(),
            Field::Unsubscribe.mark()
        );
        let seal = Seal {
            number: 1,
            newsletter: newsletter.clone(),
            cadence: Cadence::Weekly,
            slot: self.ctx.now(),
            newest_seq: self.ctx.store.newest_seq().await.unwrap(),
            state,
            reason: None,
            variants: vec![SealVariant {
                language: None,
                subject: "A subject".into(),
                html,
                text: "x".into(),
                posts: Vec::new(),
                groups: (0..groups.len()).collect(),
            }],
            public: Some(PublicCopy { subject: "A subject".into(), html: None }),
            groups: groups.into_iter().collect::<Vec<Group>>(),
            extra: Vec::new(),
            expires: self.ctx.now().plus(Span::days(2)),
            next_slot: None,
        };
        let sealed = self.ctx.store.seal(&seal, self.ctx.now()).await.unwrap();
        assert!(matches!(sealed, postroom::store::SealOutcome::Sealed(_)), "{sealed:?}");
    }

    /// The bytes of the database and its log.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let read = |name: &str| std::fs::read(self.file(name)).unwrap_or_default();
        vec![read("postroom.db"), read("postroom.db-wal")]
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn context(settings: Settings, store: Store, clock: Arc<StandingClock>) -> Context {
    let rules = Rules {
        root: settings.archive.path.clone(),
        include: settings.archive.include.clone(),
        exclude: settings.archive.exclude.clone(),
        permalink: settings.archive.permalink.clone(),
        dialect: settings.archive.dialect.clone(),
        site_url: settings.site.url.clone(),
        zone: settings.site.timezone,
        language: settings.site.language.clone(),
        newsletters: Vec::new(),
    };
    Context {
        archive: Arc::new(Archive::new(rules).unwrap()),
        relays: vec![transport::open(RelayConfig::parse("smtp://127.0.0.1:9").unwrap()).unwrap()],
        signers: Vec::new(),
        fetcher: app::fetcher(&settings),
        settings,
        store,
        clock,
        ids: Arc::new(NoChance),
        keys: KeyRing::new(&[vec![1; 32]]).unwrap(),
        words: Words::english(),
        looks: Looks::default(),
        site: Site::default(),
        wake: Wake::default(),
    }
}

fn entry(slug: &str, title: &str) -> Entry {
    Entry {
        identity: slug.to_owned(),
        guid: None,
        path: format!("{slug}.md"),
        content_hash: [u8::try_from(title.len()).unwrap(); 32],
        title: title.to_owned(),
        slug: slug.to_owned(),
        url: format!("https://blog.test/{slug}/"),
        date: START.minus(Span::days(1)),
        updated: None,
        expires: None,
        draft: false,
        summary: "In short.".to_owned(),
        html: "<p>At length.</p><img src=\"https://blog.test/a.png\" alt=\"A\">".to_owned(),
        topics: Topic::named("Größe").into_iter().collect(),
        authors: Vec::new(),
        language: None,
        words: 500,
        access: Access::Public,
        send: Default::default(),
        media: Vec::new(),
    }
}
