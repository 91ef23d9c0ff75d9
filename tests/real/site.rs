//! A blog of a test's own: posts and settings in a temporary folder, and the real binary at work on them.

use super::web::{self, Answer};
use super::{free_port, wait_until};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

/// How readers reach the site of a test; `web::get` and `web::post` go to the port instead.
pub const PUBLIC_URL: &str = "https://news.blog.test";

/// A folder with `posts/` and `postroom.toml`, gone when dropped.
pub struct Site {
    folder: tempfile::TempDir,
    /// Where `serve` listens on loopback.
    pub port: u16,
}

impl Site {
    /// A site without posts. `settings` are lines of `postroom.toml` beside the ones every test has: they may open
    /// sections of their own, `[site]`, `[http]`, `[mail]` with `mail`'s lines and `[relay]` being there already.
    pub fn new(relay: &str, mail: &str, settings: &str) -> Site {
        let folder = tempfile::Builder::new().prefix("postroom-site-").tempdir().expect("a folder");
        let port = free_port();
        let toml = format!(
            "[site]\ntitle = \"The Test Blog\"\nurl = \"https://blog.test\"\nauthor = \"Ada Test\"\n\
             postal_address = \"1 Test Street, Testville\"\n\
             [http]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"{PUBLIC_URL}\"\n\
             [mail]\nfrom = \"The Test Blog <news@blog.test>\"\n{mail}\n[relay]\n{relay}\n{settings}\n"
        );
        fs::create_dir(folder.path().join("posts")).expect("posts");
        fs::write(folder.path().join("postroom.toml"), toml).expect("postroom.toml");
        Site { folder, port }
    }

    /// A file or folder of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Twenty posts that were there before Postroom, one a day.
    pub fn baseline(&self) {
        for day in 1..=20 {
            self.settled_post(&format!("old-{day}"), Duration::from_secs(day * 24 * 60 * 60));
        }
    }

    /// Writes a post dated `age` before now; the file looks as if it had lain there for a minute, so that it is no
    /// longer taken for half-written.
    pub fn settled_post(&self, slug: &str, age: Duration) {
        let file = self.post(slug, age);
        let file = File::options().write(true).open(file).expect("the post");
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("its time");
    }

    /// Writes a post dated `age` before now, and gives its file.
    pub fn post(&self, slug: &str, age: Duration) -> PathBuf {
        let date = chrono::DateTime::<chrono::Utc>::from(SystemTime::now() - age).to_rfc3339();
        let text = format!(
            "---\ntitle: \"About {slug}\"\ndate: {date}\ntags: [tests, {slug}]\n---\n\
             What *{slug}* is about, in one naïve sentence with a [link](/about).\n\n\
             ## A heading\n\n```rust\nfn main() {{}}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
        );
        let file = self.path("posts").join(format!("{slug}.md"));
        fs::write(&file, text).expect("a post");
        file
    }

    /// Runs the binary to its end; a failure shows all that it said.
    #[track_caller]
    pub fn postroom(&self, arguments: &[&str]) -> String {
        super::run(&mut self.command(arguments))
    }

    /// The same for a command that reads: its `--json`.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.postroom(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"))
    }

    /// The binary on this site, in an environment without settings of other origin.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = postroom();
        command.current_dir(self.folder.path()).args(arguments).arg("--config").arg(self.path("postroom.toml"));
        command
    }

    /// Imports subscribers by the command, from a file of addresses.
    #[track_caller]
    pub fn import(&self, addresses: &[String]) {
        fs::write(self.path("readers.csv"), format!("email\n{}\n", addresses.join("\n"))).expect("a list");
        let file = self.path("readers.csv");
        let file = file.to_str().expect("a plain path");
        self.postroom(&["subscribers", "import", file, "--consent-source", "the list of the test"]);
    }

    /// Starts `serve` and waits until it is ready.
    #[track_caller]
    pub fn serve(&self) -> Serve {
        Serve::start(self.command(&["serve"]), self.path("serve.log"), self.port, "/readyz")
    }
}

/// The binary, in an environment without settings of other origin.
pub fn postroom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("POSTROOM") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A long-running command of the binary; killed when dropped.
pub struct Serve {
    child: Child,
    log: PathBuf,
    port: u16,
}

impl Serve {
    /// Starts it and waits until `path` answers 200. What it says goes to the file `log`.
    #[track_caller]
    pub fn start(mut command: Command, log: PathBuf, port: u16, path: &str) -> Serve {
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        command.stdout(file.try_clone().expect("a log")).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut serve = Serve { child, log, port };
        wait_until(Duration::from_secs(30), &format!("an answer of {command:?}"), || {
            if let Some(status) = serve.child.try_wait().expect("a child") {
                panic!("{command:?} ended: {status}");
            }
            web::try_get(port, path, &[]).filter(|answer| answer.status == 200)
        });
        serve
    }

    /// GET, with headers besides the usual ones.
    #[track_caller]
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        web::try_get(self.port, path, headers).unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    /// POST of a form.
    #[track_caller]
    pub fn post(&self, path: &str, form: &str) -> Answer {
        web::try_post(self.port, path, form).unwrap_or_else(|| panic!("no answer to POST {path}"))
    }

    /// SIGKILL: no last word, nothing put in order.
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("its end");
    }

    /// SIGTERM, and waits for an orderly end.
    #[track_caller]
    pub fn stop(mut self) {
        super::run(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()));
        let status = wait_until(Duration::from_secs(60), "the end after SIGTERM", || self.child.try_wait().ok()?);
        assert!(status.success(), "ended after SIGTERM with {status}");
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} said\n{}", self.log.display(), tail(&self.log));
        }
    }
}

/// The end of a log, long enough to see what happened.
fn tail(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(200)..].join("\n")
}
