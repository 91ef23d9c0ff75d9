//! `postroom demo` as somebody meets it who has typed nothing else: the first digest, the way in and out, a post of
//! their own, the end. Needs no counterparts.

use super::site::{Serve, postroom};
use super::{free_port, run, wait_until, web};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The promise of the first command: a first digest within a minute.
const FIRST_DIGEST: Duration = Duration::from_secs(60);
/// A post rests for two seconds and settles for two more; the machine may be busy.
const NEXT_MAIL: Duration = Duration::from_secs(60);

/// A running demo: its pages on a port, its inbox on the next.
pub struct Demo {
    /// Port of the public pages.
    pub pages: u16,
    /// Port of the web inbox.
    pub inbox: u16,
    serve: Option<Serve>,
    home: tempfile::TempDir,
}

impl Demo {
    /// Starts one and waits for its first digest.
    #[track_caller]
    pub fn start() -> Demo {
        let home = tempfile::tempdir().expect("a folder");
        let pages = wait_until(Duration::from_secs(10), "two free ports in a row", || {
            let port = free_port();
            std::net::TcpListener::bind(("127.0.0.1", port.checked_add(1)?)).ok().map(|_| port)
        });
        let mut command = postroom();
        // Its folder goes below ours; a relay of the machine's environment must not be used.
        command.args(["demo", "--port", &pages.to_string()]).env("TMPDIR", home.path());
        command.env("POSTROOM__RELAY__URL", "smtp://relay.invalid:25");
        let serve = Serve::start(command, home.path().join("demo.log"), pages, "/readyz");
        let demo = Demo { pages, inbox: pages + 1, serve: Some(serve), home };
        wait_until(FIRST_DIGEST, "the first digest in the inbox", || {
            demo.mails().into_iter().find(|mail| mail["edition"] == "1")
        });
        demo
    }

    /// The demo's own folder.
    fn folder(&self) -> PathBuf {
        let mut entries =
            fs::read_dir(self.home.path()).expect("the home").map(|entry| entry.expect("an entry").path());
        entries.find(|path| path.is_dir()).expect("a folder of the demo")
    }

    fn mails(&self) -> Vec<Value> {
        let answer = self.ask("/api/messages");
        answer.as_ref().and_then(Value::as_array).cloned().unwrap_or_default()
    }

    fn ask(&self, path: &str) -> Option<Value> {
        let host = format!("127.0.0.1:{}", self.inbox);
        serde_json::from_str(&web::try_get(self.inbox, path, &[("Host", &host)])?.body).ok()
    }

    /// Waits for a mail to an address, and opens it.
    #[track_caller]
    fn mail(&self, to: &str, subject: &str) -> Value {
        let mail = wait_until(NEXT_MAIL, &format!("a mail to {to} called {subject}"), || {
            self.mails().into_iter().find(|mail| mail["to"] == to && text(mail, "subject").contains(subject))
        });
        self.ask(&format!("/api/messages/{}", mail["id"])).expect("the mail")
    }

    #[track_caller]
    fn post(&self, path: &str, form: &str) -> u16 {
        web::try_post(self.pages, path, form).unwrap_or_else(|| panic!("no answer to POST {path}")).status
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The path of the first link of a text that leads below `prefix`.
fn link(text: &str, prefix: &str) -> String {
    let at = text.find(prefix).unwrap_or_else(|| panic!("no {prefix} in {text}"));
    text[at..].split(|c: char| c.is_whitespace() || c == '>').next().expect("a word").to_owned()
}

fn drop_post(archive: &Path, title: &str) {
    let today = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).format("%Y-%m-%d");
    let file = archive.join(format!("{today}-{}.md", title.to_lowercase().replace(' ', "-")));
    fs::write(file, format!("# {title}\n\nA post of mine.\n")).expect("a post");
}

#[test]
fn the_demo_shows_a_digest_takes_readers_in_and_out_and_sends_what_is_dropped_into_it() {
    let mut demo = Demo::start();
    let digest = demo.mail("jean.laing@example.org", "Why we have a postcode and 5 more");
    for title in ["What can be seen from the window", "رسالة من مستعمرة الخرشنة", "A bell that rings"]
    {
        assert!(text(&digest, "html").contains(title), "{title}");
    }
    assert!(!text(&digest, "html").contains("The winter rota") && !text(&digest, "html").contains("a new boat"));

    let (reader, archive) = ("new.reader@example.org", demo.folder().join("posts"));
    assert_eq!(demo.post("/subscribe", "email=new.reader%40example.org"), 303);
    let confirm = link(text(&demo.mail(reader, "Confirm"), "text"), "/confirm/");
    assert_eq!(demo.post(&confirm, "email=new.reader%40example.org"), 200);

    drop_post(&archive, "A first post");
    let mail = demo.mail(reader, "A first post");
    assert!(text(&mail, "text").contains("A post of mine."));

    let headers = mail["headers"].as_array().expect("headers");
    let unsubscribe = headers.iter().find(|header| header["name"] == "List-Unsubscribe").expect("List-Unsubscribe");
    assert_eq!(demo.post(&link(text(unsubscribe, "value"), "/s/"), "List-Unsubscribe=One-Click"), 200);
    drop_post(&archive, "A second post");
    demo.mail("mei.lin@example.net", "A second post");
    let later = demo.mails().into_iter().filter(|mail| text(mail, "subject") == "A second post");
    assert!(
        later.clone().count() > 0 && later.clone().all(|mail| mail["to"] != reader),
        "{:?}",
        later.collect::<Vec<_>>()
    );

    let settings = demo.folder().join("postroom.toml");
    let story = run(postroom().args(["why", "gone@example.org", "--config"]).arg(&settings));
    assert!(story.contains("550 5.1.1"), "{story}");
    let status = run(postroom().args(["status", "--config"]).arg(&settings));
    let left = "Sending edition 1: 25 of 28 accepted, 1 failed, 2 left\n";
    assert!(status.contains(left) && status.contains("2 deferred"), "no end is foretold for what is put off: {status}");

    let folder = demo.folder();
    demo.serve.take().expect("running").stop();
    assert!(!folder.exists(), "the folder goes when the demo ends");
    let said = fs::read_to_string(demo.home.path().join("demo.log")).expect("what it said");
    assert!(
        said.contains(&format!("http://127.0.0.1:{}", demo.inbox)) && said.trim_end().ends_with(" init myblog"),
        "{said}"
    );
}

#[test]
fn a_demo_beside_another_takes_ports_of_its_own_and_keeps_its_folder_when_asked_to() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let home = tempfile::tempdir().expect("a folder");
    let log = home.path().join("demo.log");
    let file = fs::File::create(&log).expect("a log");
    let mut command = postroom();
    command.args(["demo", "--keep", "--port", &port.to_string()]).env("TMPDIR", home.path()).stdout(file);
    let mut child = command.spawn().expect("a child");
    let said = || fs::read_to_string(&log).unwrap_or_default();
    wait_until(Duration::from_secs(60), "the guide", || said().contains("Ctrl-C ends").then_some(()));
    assert!(said().contains(&format!("Port {port} is taken")), "{}", said());
    run(Command::new("kill").arg("-INT").arg(child.id().to_string()));
    assert!(child.wait().expect("its end").success());
    let kept = said().lines().find_map(|line| line.strip_prefix("Kept ").map(PathBuf::from)).expect("the folder");
    assert!(kept.join("posts/the-key.md").exists() && kept.join("postroom.toml").exists());
}
