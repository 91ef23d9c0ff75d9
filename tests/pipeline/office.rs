//! A whole service with a clock of its own: what [`postroom::app`] runs by the second is run here step by step.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::http::Request;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use postroom::app::{self, Delivery};
use postroom::context::{Clock, Context, Ids};
use postroom::domain::edition::Edition;
use postroom::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use postroom::domain::time::Span;
use postroom::domain::{Address, Cadence, Fault, Timestamp};
use postroom::http;
use postroom::settings::Settings;
use postroom::store::NewSubscription;
use postroom::tasks::compose::{self, Sealed, Wanted};
use postroom::tasks::ingest::{self, Looked};
use postroom::tasks::tend;
use postroom::transport::{self, RelayConfig};
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tower::ServiceExt;

use super::audit::Books;
use crate::faultsink::{self, Message, Script, Sink};

/// The zone of the site.
pub const ZONE: Tz = chrono_tz::Europe::Berlin;
/// When every test begins: a Monday.
pub const START: &str = "2026-05-18 12:00";

/// An instant on the wall clock of the site.
pub fn at(wall: &str) -> Timestamp {
    let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").unwrap();
    wall.and_local_timezone(ZONE).earliest().unwrap().into()
}

/// A clock that stands still until it is told.
pub struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Chance that is the same every time: back-off is drawn out by nothing.
pub struct NoChance;

impl Ids for NoChance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// How an office is set up.
pub struct Setup<'a> {
    pub script: Script,
    pub start: &'a str,
    pub connections: usize,
    /// Whether the relay takes commands in groups, as most do.
    pub pipelining: bool,
    /// Another way to the relay than the settings can say.
    pub relay: Option<fn(SocketAddr) -> RelayConfig>,
    /// More lines of `[mail]`.
    pub mail: &'a str,
    /// More sections.
    pub more: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { script: Script::new(), start: START, connections: 3, pipelining: true, relay: None, mail: "", more: "" }
    }
}

/// A mail as the relay took it.
#[derive(Debug)]
pub struct Mail {
    pub subject: String,
    /// The posts it links to, by slug, in its order.
    pub posts: Vec<String>,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Mail {
    fn read(message: Message) -> Self {
        let parsed = mail_parser::MessageParser::default().parse(&message.bytes).unwrap();
        let text = parsed.body_text(0).unwrap().into_owned();
        let mut posts: Vec<String> = Vec::new();
        for rest in text.split("https://blog.test/").skip(1) {
            if let Some(slug) = rest.split('/').nth(2).filter(|slug| !posts.iter().any(|post| post == slug)) {
                posts.push(slug.to_owned());
            }
        }
        Self { subject: parsed.subject().unwrap().to_owned(), posts, text, bytes: message.bytes }
    }

    /// The address in the text that begins so.
    pub fn link(&self, start: &str) -> String {
        let found = self.text.split_whitespace().find(|word| word.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in {}", self.text)).to_owned()
    }

    /// Where a mail program's own button leads (RFC 8058).
    pub fn one_click(&self) -> String {
        assert_eq!(self.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        let header = self.header("List-Unsubscribe");
        header.split(['<', '>']).find(|part| part.starts_with("https:")).expect("an https address").to_owned()
    }

    /// The value of a header in one line.
    pub fn header(&self, name: &str) -> String {
        let text = String::from_utf8_lossy(&self.bytes).replace("\r\n ", " ").replace("\r\n\t", " ");
        let found = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }
}

/// A whole service. End every test with [`Office::close`].
pub struct Office {
    pub ctx: Arc<Context>,
    pub sink: Sink,
    pub books: Books,
    clock: Arc<Hands>,
    ticks: watch::Sender<u64>,
    delivery: Option<Delivery>,
    /// Files get times of change of their own, however fast they are written.
    writes: AtomicU64,
    folder: tempfile::TempDir,
    closed: bool,
}

impl Office {
    /// An office in which all is as usual, with one old post.
    pub async fn open(script: Script) -> Self {
        Self::set_up(Setup { script, ..Setup::default() }).await
    }

    pub async fn set_up(setup: Setup<'_>) -> Self {
        let script = if setup.pipelining { setup.script.keyword("PIPELINING") } else { setup.script };
        let sink = faultsink::start(script).await;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("posts")).unwrap();
        let toml = format!(
            "[site]\ntitle = \"The Test Blog\"\nurl = \"https://blog.test\"\ntimezone = \"{ZONE}\"\n\
             postal_address = \"1 Test Street\"\n[http]\npublic_url = \"https://news.blog.test\"\n\
             listen = \"127.0.0.1:0\"\n[relay]\nurl = \"smtp://{}\"\nconnections = {}\n{}\n\
             [mail]\nfrom = \"news@blog.test\"\n{}\n",
            sink.addr, setup.connections, setup.more, setup.mail
        );
        fs::write(folder.path().join("postroom.toml"), toml).unwrap();
        let clock = Arc::new(Hands(AtomicI64::new(at(setup.start).0)));
        let mut ctx = context(folder.path(), &clock).await;
        if let Some(relay) = setup.relay {
            let mut own = Arc::into_inner(ctx).unwrap();
            own.transport = transport::open(relay(sink.addr)).unwrap();
            ctx = Arc::new(own);
        }
        let books = Books::of(&ctx).await;
        let mut office = Self {
            ctx,
            sink,
            books,
            clock,
            ticks: watch::Sender::new(0),
            delivery: None,
            writes: AtomicU64::new(0),
            folder,
            closed: false,
        };
        office.post("old");
        assert!(office.look().await.ingested.baseline);
        office.start().await;
        office
    }

    /// Another process on the same files: a context of its own.
    pub async fn another_context(&self) -> Arc<Context> {
        context(self.folder.path(), &self.clock).await
    }

    /// Another process that hands over. Shut its runtime down, and it is as if it was killed.
    pub fn start_doomed(&self) -> Runtime {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (folder, clock, ticks) = (self.folder.path().to_owned(), Arc::clone(&self.clock), self.ticks.clone());
        runtime.spawn(async move {
            let ctx = context(&folder, &clock).await;
            let _delivery = app::start_delivery(&ctx, ticks).await.unwrap();
            std::future::pending::<()>().await;
        });
        runtime
    }

    /// Begins to hand over.
    pub async fn start(&mut self) {
        assert!(self.delivery.is_none(), "it runs already");
        self.delivery = Some(app::start_delivery(&self.ctx, self.ticks.clone()).await.unwrap());
    }

    /// Stops as `serve` does on a signal.
    pub async fn stop(&mut self) {
        self.delivery.take().expect("it does not run").stop().await.unwrap();
    }

    // The archive.

    /// Writes a file of the archive: front matter between its lines, then the text.
    pub fn write(&self, path: &str, front: &str, text: &str) {
        let full = self.folder.path().join("posts").join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, format!("---\n{}\n---\n\n{text}\n", front.trim())).unwrap();
        self.touch(path);
    }

    /// Gives a file a time of change of its own, an hour ago.
    pub fn touch(&self, path: &str) {
        let age = Span::hours(1).0 - i64::try_from(self.writes.fetch_add(1, Ordering::SeqCst)).unwrap();
        self.set_modified(path, self.ctx.now().minus(Span(age)));
    }

    /// Gives a file a time of change.
    pub fn set_modified(&self, path: &str, at: Timestamp) {
        let file = File::options().write(true).open(self.folder.path().join("posts").join(path)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap())).unwrap();
    }

    /// A post dated now.
    pub fn post(&self, slug: &str) {
        self.post_with(slug, "");
    }

    /// A post dated now with more lines of front matter.
    pub fn post_with(&self, slug: &str, front: &str) {
        self.post_dated(slug, self.ctx.now(), front);
    }

    pub fn post_dated(&self, slug: &str, date: Timestamp, front: &str) {
        let front = format!("title: About {slug}\ndate: {}\n{front}", date.rfc3339());
        self.write(&format!("{slug}.md"), &front, &format!("What is to be said about {slug}."));
    }

    pub fn rename(&self, from: &str, to: &str) {
        let posts = self.folder.path().join("posts");
        fs::create_dir_all(posts.join(to).parent().unwrap()).unwrap();
        fs::rename(posts.join(from), posts.join(to)).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join("posts").join(path)).unwrap();
    }

    // Time and tasks.

    /// Lets time pass without anything being done in it.
    pub fn wait(&self, span: Span) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, time: Timestamp) {
        self.clock.0.store(time.0, Ordering::SeqCst);
    }

    /// One look through the archive.
    pub async fn look(&self) -> Looked {
        self.try_look().await.unwrap()
    }

    /// The same where the archive may be at fault.
    pub async fn try_look(&self) -> Result<Looked, Fault> {
        ingest::step(&self.ctx, self.ctx.now()).await.unwrap()
    }

    /// One look through the archive and at what is due; nothing is handed over by it.
    pub async fn compose(&self) {
        self.look().await;
        compose::step(&self.ctx, self.ctx.now()).await.unwrap();
    }

    /// One second of the service: every task once, until nothing more is to be done now.
    pub async fn tick(&self) {
        self.compose().await;
        self.hand_over().await;
    }

    /// Sets the clock and seals what is due; nothing is handed over.
    pub async fn tick_sealing(&self, wall: &str) {
        self.set(at(wall));
        self.compose().await;
    }

    /// Sets the clock, then one second of the service.
    pub async fn tick_at(&self, wall: &str) {
        self.set(at(wall));
        self.tick().await;
    }

    /// Runs by the `step` until `end`.
    pub async fn run_until(&self, end: &str, step: Span) {
        let end = at(end);
        while self.ctx.now() < end {
            self.set(self.ctx.now().plus(step).min(end));
            self.tick().await;
        }
    }

    /// Waits until the engine has nothing to do just now, then tends the outbox.
    pub async fn hand_over(&self) {
        self.tend().await;
        if self.books.due(self.ctx.now()).await > 0 {
            self.until("the outbox has nothing due", async || self.books.due(self.ctx.now()).await == 0).await;
        }
        self.tend().await;
    }

    /// Lets time pass until every delivery is settled, whatever the relay's troubles.
    pub async fn run_to_end(&self) {
        let troubled = || self.delivery.as_ref().is_some_and(|delivery| delivery.trouble().is_some());
        for _ in 0..500 {
            self.wait(Span::minutes(2));
            self.tend().await;
            // While the relay is not tried nothing is in hand; then the clock has to move.
            let is_quiet =
                async || self.books.due(self.ctx.now()).await == 0 || (troubled() && self.books.in_hand().await == 0);
            self.until("the outbox has nothing to do", is_quiet).await;
            if self.books.open().await == 0 {
                return self.tend().await;
            }
        }
        panic!("not settled: {:#?}", self.books.deliveries().await);
    }

    /// The same where the relay may not be to be reached: then nothing is in hand until the clock moves.
    pub async fn hand_over_or_be_refused(&self) {
        let troubled = || self.delivery.as_ref().is_some_and(|delivery| delivery.trouble().is_some());
        let is_quiet =
            async || self.books.due(self.ctx.now()).await == 0 || (troubled() && self.books.in_hand().await == 0);
        self.tend().await;
        self.until("the outbox has nothing to do", is_quiet).await;
        self.tend().await;
    }

    /// Has the engine look.
    pub fn wake(&self) {
        self.ticks.send_modify(|n| *n += 1);
    }

    pub async fn tend(&self) {
        tend::step(&self.ctx, self.ctx.now()).await.unwrap();
    }

    /// Looks again and again, the engine being woken each time, until something is so; panics after 30 s.
    pub async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let wait = async {
            let mut looks = tokio::time::interval(Duration::from_millis(5));
            loop {
                self.wake();
                if is_so().await {
                    return;
                }
                looks.tick().await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(came.is_ok(), "waited in vain until {what}: {:#?}", self.books.deliveries().await);
    }

    // Readers.

    /// A reader of the first newsletter, `NAME@readers.test`.
    pub async fn join(&self, name: &str, cadence: Cadence) -> Subscription {
        let newsletter = self.ctx.settings.newsletters[0].id.clone();
        self.join_to(&newsletter, &[name], cadence).await;
        self.subscription(name).await
    }

    pub async fn join_to(&self, newsletter: &str, names: &[&str], cadence: Cadence) {
        let consent = Consent {
            act: ConsentAct::Vouched,
            source: "import".into(),
            words: "asked at the fair".into(),
            network: None,
        };
        let new: Vec<_> = names
            .iter()
            .map(|name| NewSubscription { address: address(name), cadence, status: Status::Active })
            .collect();
        let added = self.ctx.store.add_subscriptions(newsletter, &new, &consent, self.ctx.now()).await.unwrap();
        assert_eq!(added.added, names.len() as u64, "{added:?}");
    }

    /// The only subscription of a reader.
    pub async fn subscription(&self, name: &str) -> Subscription {
        let mut all = self.ctx.store.subscriptions_of(&address(name)).await.unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Fills in the form.
    pub async fn subscribe(&self, name: &str) {
        let body = format!("{{\"email\": \"{}\"}}", address(name));
        let (status, answer) = self.ask("POST", "https://news.blog.test/subscribe", "application/json", &body).await;
        assert_eq!(status, 202, "{answer}");
        self.hand_over().await;
    }

    /// Presses the button behind the link of the confirmation mail.
    pub async fn confirm(&self, name: &str) {
        let link = self.mails(name).last().expect("a confirmation mail").link("https://news.blog.test/confirm/");
        let (status, answer) = self.ask("POST", &link, "application/x-www-form-urlencoded", "").await;
        assert_eq!(status, 200, "{answer}");
        self.hand_over().await;
    }

    /// Leaves the way the button of a page does.
    pub async fn leave(&self, name: &str) {
        let consent =
            Consent { act: ConsentAct::Unsubscribed, source: "form".into(), words: "bye".into(), network: None };
        let id = self.subscription(name).await.id;
        self.ctx.store.unsubscribe(id, &consent, self.ctx.now()).await.unwrap();
    }

    /// Takes leaving back.
    pub async fn come_back(&self, name: &str) {
        let consent =
            Consent { act: ConsentAct::Returned, source: "form".into(), words: "sorry".into(), network: None };
        let id = self.subscription(name).await.id;
        let back = self.ctx.store.undo_unsubscribe(id, &consent, self.ctx.now()).await.unwrap();
        assert_eq!(back.expect("within seven days").status, Status::Active);
    }

    /// Every mail the relay took for a reader.
    pub fn mails(&self, name: &str) -> Vec<Mail> {
        self.sink.accepted_by(address(name).as_str()).into_iter().map(Mail::read).collect()
    }

    /// The posts of each mail a reader got: `["alpha beta", "gamma"]`.
    pub fn got(&self, name: &str) -> Vec<String> {
        self.mails(name).iter().map(|mail| mail.posts.join(" ")).collect()
    }

    /// A request to the pages; status and body of the answer.
    pub async fn ask(&self, method: &str, url: &str, kind: &str, body: &str) -> (u16, String) {
        let path = url.strip_prefix("https://news.blog.test").expect("a link of ours");
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = http::router(Arc::clone(&self.ctx)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    // Editions.

    /// `postroom send`: seals what subscribers have not had.
    pub async fn send(&self, cadence: Cadence) -> Sealed {
        let newest_seq = self.ctx.store.newest_seq().await.unwrap();
        let (newsletter, now) = (&self.ctx.settings.newsletters[0], self.ctx.now());
        let wanted = Wanted { newsletter, cadence, slot: now, newest_seq, since: None };
        compose::seal(&self.ctx, &wanted, None, now).await.unwrap()
    }

    /// All editions, oldest first.
    pub async fn editions(&self) -> Vec<Edition> {
        let mut editions = self.ctx.store.editions(1_000).await.unwrap();
        editions.reverse();
        editions
    }

    /// `editions approve`
    pub async fn approve(&self, number: i64) -> bool {
        let now = self.ctx.now();
        self.ctx.store.approve_edition(number, now.plus(self.ctx.settings.mail.expire), now).await.unwrap()
    }

    /// `editions cancel`
    pub async fn cancel(&self, number: i64) -> bool {
        self.ctx.store.cancel_edition(number, "by the operator", self.ctx.now()).await.unwrap()
    }

    /// Stops, and holds the ledger against the relay's journal.
    pub async fn close(mut self) {
        if self.delivery.is_some() {
            self.stop().await;
        }
        self.closed = true;
        self.books.audit(&self.ctx, &self.sink).await;
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        assert!(self.closed || std::thread::panicking(), "a test must end with close(): its audit");
    }
}

async fn context(folder: &Path, clock: &Arc<Hands>) -> Arc<Context> {
    let settings = Settings::load(Some(&folder.join("postroom.toml"))).unwrap();
    app::context(settings, Arc::clone(clock) as Arc<dyn Clock>, Arc::new(NoChance)).await.unwrap()
}

/// `NAME@readers.test`
pub fn address(name: &str) -> Address {
    Address::parse(&format!("{name}@readers.test")).unwrap()
}
