//! The demo in a real browser: a reader's whole way through the pages, and pictures of all there is to see.

use super::site::{Serve, Site, postroom};
use super::{PROJECT, counterparts, free_port, locate, script, wait_until, web};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running demo: its pages on a port, its inbox on the next.
struct Demo {
    pages: String,
    inbox: String,
    _serve: Serve,
    _folder: tempfile::TempDir,
}

fn demo() -> Demo {
    let folder = tempfile::tempdir().expect("a folder");
    let port = wait_until(Duration::from_secs(10), "two free ports in a row", || {
        let port = free_port();
        std::net::TcpListener::bind(("127.0.0.1", port.checked_add(1)?)).ok().map(|_| port)
    });
    let mut command = postroom();
    command.args(["demo", "--port", &port.to_string()]).current_dir(folder.path());
    let serve = Serve::start(command, folder.path().join("demo.log"), port, "/readyz");
    let address = |port| format!("http://127.0.0.1:{port}");
    // The promise of the first command: the first digest is there within ten seconds of the start.
    wait_until(Duration::from_secs(10), "the first digest in the inbox", || {
        let messages = web::try_get(port + 1, "/api/messages", &[])?.body;
        serde_json::from_str::<Vec<serde_json::Value>>(&messages).ok().filter(|all| !all.is_empty())
    });
    Demo { pages: address(port), inbox: address(port + 1), _serve: serve, _folder: folder }
}

fn chromium() -> PathBuf {
    locate("chromium").expect("chromium")
}

#[test]
fn a_reader_joins_chooses_and_leaves_in_a_browser_with_and_without_javascript() {
    if !counterparts(&["chromium", "python"]) {
        return;
    }
    let demo = demo();
    script("browser.py", [demo.pages.as_ref(), demo.inbox.as_ref(), chromium().as_os_str()]);
}

#[test]
fn mails_pages_and_the_inbox_fit_every_screen_in_light_and_dark() {
    if !counterparts(&["chromium", "python"]) {
        return;
    }
    let site = Site::new("url = \"smtp://127.0.0.1:9\"", "", "");
    site.baseline();
    let folder = site.path("preview");
    site.postroom(&["preview", "--sample", "all", "--out", folder.to_str().expect("a plain path")]);
    let mut subjects: Vec<_> = walkdir::WalkDir::new(&folder)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("an entry").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
        .map(|path| {
            let name = path.strip_prefix(&folder).expect("inside").with_extension("");
            format!("{}=file://{}", name.display().to_string().replace('/', "-"), path.display())
        })
        .collect();
    assert!(subjects.len() > 10, "every mail and page has a sample: {subjects:?}");
    let demo = demo();
    subjects.push(format!("inbox={}/", demo.inbox));
    let out = Path::new(PROJECT).join("target/screenshots").display().to_string();
    let arguments = [out, chromium().display().to_string()].into_iter().chain(subjects);
    script("screenshots.py", arguments);
}
