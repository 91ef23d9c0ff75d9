//! Feeds of others as the archive, and hubs that are told: against a server that does as it is told.

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use postroom::app;
use postroom::context::{Clock, Context, Ids};
use postroom::domain::time::Span;
use postroom::domain::{Post, Timestamp};
use postroom::fetch::{FetchError, Fetcher, Known};
use postroom::settings::Settings;
use postroom::tasks::ingest::{self, Looked};
use postroom::tasks::{publish, tell};
use server::Server;

const START: Timestamp = Timestamp(1_779_433_200_000);

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct NoChance;

impl Ids for NoChance {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Place {
    ctx: Arc<Context>,
    clock: Arc<Hands>,
    folder: tempfile::TempDir,
}

impl Place {
    /// A Postroom whose settings have these lines in `[archive]` and `[feeds]`.
    async fn new(archive: &str, feeds: &str) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hands(AtomicI64::new(START.0))));
        let ctx = context(folder.path(), &clock, archive, feeds).await;
        Self { ctx, clock, folder }
    }

    async fn again(self, archive: &str, feeds: &str) -> Self {
        self.ctx.store.close().await;
        let ctx = context(self.folder.path(), &self.clock, archive, feeds).await;
        Self { ctx, ..self }
    }

    fn wait(&self, span: Span) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    async fn look(&self) -> Looked {
        ingest::step(&self.ctx, self.ctx.now()).await.unwrap().unwrap()
    }

    async fn posts(&self) -> Vec<Post> {
        self.ctx.store.public_posts(self.ctx.now()).await.unwrap()
    }

    async fn titles(&self) -> Vec<String> {
        self.posts().await.into_iter().map(|post| post.entry.title).collect()
    }
}

async fn context(folder: &std::path::Path, clock: &Arc<Hands>, archive: &str, feeds: &str) -> Arc<Context> {
    let toml = format!(
        "[site]\ntitle = \"T\"\nurl = \"https://blog.test\"\ntimezone = \"UTC\"\npostal_address = \"x\"\n\
         [http]\npublic_url = \"https://news.blog.test\"\n[mail]\nfrom = \"news@blog.test\"\n\
         [archive]\n{archive}\n[feeds]\n{feeds}\n"
    );
    std::fs::write(folder.join("postroom.toml"), toml).unwrap();
    let settings = Settings::load(Some(&folder.join("postroom.toml"))).unwrap();
    app::context(settings, clock.clone(), Arc::new(NoChance)).await.unwrap()
}

fn feed(items: &[(&str, &str)]) -> Vec<u8> {
    let items: String = items
        .iter()
        .map(|(id, title)| {
            format!(
                "<item><guid isPermaLink=\"false\">{id}</guid><link>https://blog.test/{id}</link><title>{title}</title>\
                 <pubDate>Thu, 21 May 2026 07:00:00 +0000</pubDate><description>&lt;p&gt;Text&lt;/p&gt;</description></item>"
            )
        })
        .collect();
    format!("<rss version=\"2.0\"><channel><title>B</title><link>https://blog.test/</link><description>d</description>{items}</channel></rss>")
        .into_bytes()
}

/// The lines that name these feeds and open this machine to them.
fn sources(urls: &[String]) -> String {
    format!("feed = {urls:?}\nfeed_networks = [\"127.0.0.0/8\"]\nmax_age = \"30d\"")
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_feed_is_an_archive_whose_first_entries_are_old_and_whose_next_are_news() {
    let server = Server::start().await;
    server.answer(
        "/feed",
        "200 OK",
        "ETag: \"one\"\r\nLast-Modified: Thu, 21 May 2026 07:00:00 GMT\r\n",
        &feed(&[("1", "First")]),
    );
    let place = Place::new(&sources(&[server.url("/feed")]), "").await;
    place.look().await;
    assert_eq!(place.titles().await, ["First"]);
    assert!(place.posts().await.iter().all(|post| !post.mailable), "it was there before us");
    assert_eq!(server.asked().len(), 1);
    place.look().await;
    assert_eq!(server.asked().len(), 0, "not due yet");

    place.wait(Span::minutes(31));
    server.answer("/feed", "304 Not Modified", "", b"");
    place.look().await;
    let asked = server.asked();
    assert_eq!(header(&asked[0], "if-none-match"), Some("\"one\""), "{asked:?}");
    assert_eq!(header(&asked[0], "if-modified-since"), Some("Thu, 21 May 2026 07:00:00 GMT"));
    assert!(header(&asked[0], "user-agent").is_some_and(|agent| agent.starts_with("Postroom/")));

    place.wait(Span::minutes(31));
    // The first has left the feed, as old entries do.
    server.answer("/feed", "200 OK", "ETag: \"two\"\r\n", &feed(&[("2", "Second"), ("3", "Third")]));
    place.look().await;
    let posts = place.posts().await;
    let mut news: Vec<_> = posts.iter().filter(|post| post.mailable).map(|post| post.entry.title.as_str()).collect();
    news.sort_unstable();
    assert_eq!((posts.len(), news), (3, vec!["Second", "Third"]));
    let ids: Vec<String> = posts.iter().map(|post| post.feed_id.clone()).collect();

    // An edit is an edit and not news, a restart changes nothing.
    let place = place.again(&sources(&[server.url("/feed")]), "").await;
    place.wait(Span::minutes(31));
    server.answer("/feed", "200 OK", "", &feed(&[("2", "Second, put right"), ("3", "Third")]));
    place.look().await;
    let posts = place.posts().await;
    assert!(posts.iter().any(|post| post.entry.title == "Second, put right" && post.edited.is_some()));
    assert_eq!(posts.iter().filter(|post| post.edited.is_some()).count(), 1);
    let mut after: Vec<String> = posts.iter().map(|post| post.feed_id.clone()).collect();
    let mut before = ids;
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_feed_that_fails_keeps_its_posts_and_is_asked_less_and_less() {
    let server = Server::start().await;
    server.answer("/feed", "200 OK", "", &feed(&[("1", "First")]));
    let place = Place::new(&sources(&[server.url("/feed")]), "").await;
    place.look().await;
    place.wait(Span::minutes(31));
    server.answer("/feed", "200 OK", "Content-Type: text/html\r\n", b"<!DOCTYPE html><title>Log in</title>");
    let looked = place.look().await;
    assert!(looked.faults[0].reason.contains("this is a web page, not a feed"), "{:?}", looked.faults);
    assert_eq!(place.titles().await, ["First"]);
    server.answer("/feed", "503 Service Unavailable", "Retry-After: 7200\r\n", b"");
    place.wait(Span::minutes(31));
    let looked = place.look().await;
    assert!(looked.faults[0].reason.contains("it answered 503"), "{:?}", looked.faults);
    place.wait(Span::minutes(90));
    server.asked();
    assert_eq!(place.look().await.faults.len(), 1, "still told");
    assert_eq!(server.asked().len(), 0, "the server asked for two hours");
    place.wait(Span::minutes(31));
    server.answer("/feed", "200 OK", "Cache-Control: max-age=7200\r\n", &feed(&[("1", "First")]));
    assert_eq!(place.look().await.faults, []);
    place.wait(Span::minutes(90));
    server.asked();
    place.look().await;
    assert_eq!(server.asked().len(), 0, "the server said it stays as it is for two hours");
    place.wait(Span::minutes(31));
    server.answer("/feed", "410 Gone", "", b"");
    let looked = place.look().await;
    assert!(looked.faults[0].reason.contains("this feed has ended"), "{:?}", looked.faults);
    server.asked();
    place.wait(Span::days(30));
    place.look().await;
    assert_eq!(server.asked().len(), 0, "never again");
    assert_eq!(place.titles().await, ["First"]);
}

#[tokio::test]
async fn a_feed_that_moved_for_good_is_asked_for_where_it_is_and_its_posts_stay_who_they_are() {
    let server = Server::start().await;
    server.answer("/old", "301 Moved Permanently", "Location: /new\r\n", b"");
    server.answer("/new", "200 OK", "", &feed(&[("1", "First")]));
    server.answer("/other", "302 Found", "Location: /new2\r\n", b"");
    server.answer("/new2", "200 OK", "", &feed(&[("1", "From the other feed")]));
    let place = Place::new(&sources(&[server.url("/old"), server.url("/other")]), "").await;
    place.look().await;
    let before = place.posts().await;
    assert_eq!(before.len(), 2, "two feeds may have one id for different posts");
    server.asked();
    place.wait(Span::minutes(31));
    place.look().await;
    let mut asked: Vec<String> =
        server.asked().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["GET /new HTTP/1.1", "GET /new2 HTTP/1.1", "GET /other HTTP/1.1"]);
    assert_eq!(place.posts().await, before);
    // A feed that is taken out of the settings takes its posts along.
    let place = place.again(&sources(&[server.url("/old")]), "").await;
    place.look().await;
    assert_eq!(place.titles().await, ["First"]);
}

#[tokio::test]
async fn a_feed_that_cannot_be_read_at_first_is_old_when_it_can() {
    let server = Server::start().await;
    let place = Place::new(&sources(&[server.url("/feed")]), "").await;
    assert_eq!(place.look().await.faults.len(), 1);
    place.wait(Span::hours(1));
    server.answer("/feed", "200 OK", "", &feed(&[("1", "First"), ("2", "Second")]));
    place.look().await;
    let posts = place.posts().await;
    assert!(posts.len() == 2 && posts.iter().all(|post| !post.mailable), "{posts:?}");
}

#[tokio::test]
async fn no_name_and_no_redirect_leads_inside() {
    let server = Server::start().await;
    let fetcher = Fetcher::new("test".into(), Arc::new(|_| false));
    let port = server.addr.port();
    for host in
        ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0"]
    {
        let url = format!("http://{host}:{port}/feed");
        let answer = fetcher.feed(&url, &Known::default()).await;
        assert!(matches!(answer, Err(FetchError::Inside(..))), "{url}: {answer:?}");
    }
    for url in
        ["file:///etc/passwd", "ftp://example.org/", "http://user:pw@127.0.0.1/", "http://", "//x", "gopher://x/"]
    {
        let answer = fetcher.feed(url, &Known::default()).await;
        assert!(matches!(answer, Err(FetchError::Address(_))), "{url}: {answer:?}");
    }
    assert_eq!(server.asked().len(), 0);
    // Only the one network is open: a redirect out of it into another is refused.
    let open = Fetcher::new("test".into(), Arc::new(|address| address == std::net::IpAddr::from([127, 0, 0, 1])));
    for target in
        ["http://127.0.0.2/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "file:///etc/passwd"]
    {
        server.answer("/away", "302 Found", &format!("Location: {target}\r\n"), b"");
        let answer = open.feed(&server.url("/away"), &Known::default()).await;
        assert!(matches!(answer, Err(FetchError::Inside(..) | FetchError::Address(_))), "{target}: {answer:?}");
    }
    server.answer("/round", "302 Found", "Location: /round\r\n", b"");
    assert_eq!(open.feed(&server.url("/round"), &Known::default()).await, Err(FetchError::Hops));
    assert_eq!(server.asked().len(), 4 + 6);
    server.answer("/large", "200 OK", "", &vec![b'x'; 11 << 20]);
    assert_eq!(open.feed(&server.url("/large"), &Known::default()).await, Err(FetchError::Large));
}

#[tokio::test]
async fn hubs_are_told_of_every_feed_that_changed_until_they_have_heard() {
    let server = Server::start().await;
    let hubs = format!("hubs = [\"{}\"]", server.url("/hub"));
    let place = Place::new("", &hubs).await;
    std::fs::create_dir(place.folder.path().join("posts")).unwrap();
    let write = |text: &str| {
        let text = format!("---\ntitle: First\ndate: 2026-05-20\n---\n{text}\n");
        std::fs::write(place.folder.path().join("posts/a.md"), text).unwrap();
    };
    let publish = async || {
        place.look().await;
        publish::step(&place.ctx, &mut String::new(), place.ctx.now()).await.unwrap();
    };
    write("One.");
    publish().await;
    tell::step(&place.ctx, place.ctx.now()).await.unwrap();
    assert_eq!(server.asked(), [""; 0], "nobody follows a feed that was never there");
    write("One, and more of it.");
    publish().await;
    server.answer("/hub", "500 Oops", "", b"");
    tell::step(&place.ctx, place.ctx.now()).await.unwrap();
    let told = server.asked();
    assert_eq!(told.len(), 6, "three formats, whole and in short: {told:?}");
    let expected = "hub.mode=publish&hub.url=https%3A%2F%2Fnews.blog.test%2Ffeed.xml";
    assert!(told.iter().any(|request| request.starts_with("POST /hub ") && request.ends_with(expected)), "{told:?}");
    tell::step(&place.ctx, place.ctx.now()).await.unwrap();
    assert_eq!(server.asked().len(), 0, "not at once again");
    server.answer("/hub", "204 No Content", "", b"");
    place.wait(Span::minutes(2));
    tell::step(&place.ctx, place.ctx.now()).await.unwrap();
    assert_eq!(server.asked().len(), 6);
    place.wait(Span::days(1));
    tell::step(&place.ctx, place.ctx.now()).await.unwrap();
    assert_eq!(server.asked().len(), 0, "heard once is enough");
    publish().await;
    tell::step(&place.ctx, place.ctx.now()).await.unwrap();
    assert_eq!(server.asked().len(), 0, "made anew is not changed");
}
