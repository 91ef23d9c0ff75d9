//! What `check` and `plan` tell of posts and mails before readers see them.

use super::run;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

/// A folder after `init` with a post of today.
fn with_post(body: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).code, 0);
    let draft = format!("---\ntitle: {}\ndate: 2020-01-02\ndraft: true\n---\n{body}\n", "long ".repeat(20));
    fs::write(folder.path().join("posts/today.md"), draft).unwrap();
    folder
}

fn warnings(folder: &Path, more: &[&str]) -> String {
    run(folder, &[&["check"], more].concat()).out
}

#[test]
fn check_tells_what_inboxes_hold_against_a_post_that_may_still_be_mailed() {
    let body = "<img src=\"https://e.test/a.svg\">\n\n[there](#nowhere) [here](http://localhost:4000/)";
    let folder = with_post(body);
    let told = warnings(folder.path(), &[]);
    for expected in [
        "a subject of 99 characters is cut after 78",
        "the picture `a.svg` has no words (alt)",
        "Gmail and Outlook do not show the picture `a.svg`",
        "the link #nowhere leads to no place in the post",
        "the link http://localhost:4000/ leads to the reader's own machine",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    // What was mailed long ago is not mended any more.
    let post = folder.path().join("posts/today.md");
    fs::write(&post, fs::read_to_string(&post).unwrap().replace("draft: true\n", "")).unwrap();
    assert!(!warnings(folder.path(), &[]).contains("leads to"), "{}", warnings(folder.path(), &[]));
}

#[test]
fn links_that_lead_nowhere_are_told_when_they_are_to_be_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            let gone = String::from_utf8_lossy(&request[..read]).starts_with("GET /gone");
            let status = if gone { "404 Not Found" } else { "200 OK" };
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        }
    });
    let folder = with_post(&format!("[a](http://127.0.0.1:{port}/gone) [b](http://127.0.0.1:{port}/there)"));
    let file = folder.path().join("postroom.toml");
    let settings = fs::read_to_string(&file).unwrap();
    fs::write(&file, settings.replace("[archive]", "[archive]\nfeed_networks = [\"127.0.0.0/8\"]")).unwrap();
    assert!(!warnings(folder.path(), &[]).contains("leads nowhere"));
    let told = warnings(folder.path(), &["--links"]);
    assert!(told.contains(&format!("http://127.0.0.1:{port}/gone leads nowhere: 404")), "{told}");
    assert!(!told.contains("/there leads nowhere") && !told.contains("/there cannot"), "{told}");
}

#[test]
fn what_holds_for_many_posts_is_said_once() {
    let folder = with_post("x");
    for number in 1..=4 {
        let other = folder.path().join(format!("posts/other-{number}.md"));
        fs::copy(folder.path().join("posts/today.md"), other).unwrap();
    }
    let told = warnings(folder.path(), &[]);
    assert_eq!(told.matches("a subject of 99 characters").count(), 1, "{told}");
    assert!(told.contains("  the same: ") && told.contains(" and 3 more; `check --json` names all"), "{told}");
}
