//! The mistakes of a first hour: each is told in one sentence, with its cure, and the exit code says whose turn it is.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use super::{edit, run};

/// What a command says to a mistake: exit code, the sentence, the cure.
#[track_caller]
fn told(folder: &Path, arguments: &[&str], code: i32, sentence: &str, cure: &str) {
    let answer = run(folder, arguments);
    let said = format!("{}{}", answer.out, answer.err);
    assert_eq!(answer.code, code, "{arguments:?}: {said}");
    assert!(said.contains(&format!("error: {sentence}\n  help: {cure}\n")), "{arguments:?}: {said}");
}

/// A fresh folder after `init`, with one thing in its settings changed.
fn with(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).code, 0);
    edit(folder.path(), from, to);
    folder
}

/// The line of the starter file that names a relay.
const RELAY: &str = "# url = \"smtp://user@mail.example.org:587\"";

#[test]
fn no_settings_file() {
    if Path::new("/etc/postroom/postroom.toml").exists() {
        // Here the commands would find it, and work on somebody's real subscribers.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for command in ["check", "plan", "status"] {
        told(
            folder.path(),
            &[command],
            2,
            "there is no postroom.toml here and none at /etc/postroom/postroom.toml",
            "`postroom init` writes one; `--config FILE` names another place",
        );
    }
    let shown = run(folder.path(), &["config", "show"]);
    assert!(shown.out.starts_with("## There is no settings file here."), "{}", shown.out);
}

#[test]
fn a_wrong_path_of_the_archive() {
    let folder = with("path = \"posts\"", "path = \"post\"");
    let cure = "name the folder your posts are in";
    told(folder.path(), &["check"], 1, "archive.path: there is no folder post", cure);
    told(folder.path(), &["preview"], 2, "archive.path: there is no folder post", cure);
    fs::write(folder.path().join("post"), "").unwrap();
    told(folder.path(), &["check"], 1, "archive.path: post is a file and not a folder", cure);
    fs::remove_file(folder.path().join("post")).unwrap();
    fs::create_dir(folder.path().join("post")).unwrap();
    let check = run(folder.path(), &["check"]);
    assert!(check.out.contains("warning: archive.path: there is no post in the folder post\n"), "{}", check.out);
}

#[test]
fn a_relay_that_is_not_there() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = with(RELAY, &format!("url = \"smtp://127.0.0.1:{port}\""));
    for _ in 0..2 {
        // The second test finds nothing left of the first.
        told(
            folder.path(),
            &["test", "jane@example.org"],
            3,
            &format!("the relay 127.0.0.1:{port} cannot be used: connection refused"),
            "look at relay.url, then test again: postroom config explain relay.url",
        );
    }
    assert!(run(folder.path(), &["status"]).out.contains("Outbox: empty"));
}

#[test]
fn a_relay_without_its_password() {
    let folder = with(RELAY, "url = \"smtp://me@mail.test:587\"");
    let cure = "set relay.password_file to a file that holds it";
    told(folder.path(), &["check"], 1, "postroom.toml:36: `relay.url`: it names a user and there is no password", cure);
    let folder = with(RELAY, "url = \"mail.test:587\"");
    let cure = "write it like smtp://user@mail.example.org:587";
    told(folder.path(), &["check"], 1, "postroom.toml:36: `relay.url`: `mail.test:587` is not a relay", cure);
}

#[test]
fn a_cadence_there_is_not() {
    let folder =
        with("timezone = \"UTC\"", "timezone = \"UTC\"\n\n[[newsletters]]\nid = \"posts\"\nweekly = \"Friday\"");
    let check = run(folder.path(), &["check"]).out;
    let told = "`newsletters[0].weekly`: `Friday` is no time for a weekly edition; write it like Fri 09:00";
    assert!(check.contains(told), "{check}");
    let folder = with("timezone = \"UTC\"", "timezone = \"UTC\"");
    let send = run(folder.path(), &["send", "posts", "--cadence", "weakly"]);
    assert!(send.err.contains("`weakly` is not a cadence; it is each, daily, weekly or monthly"), "{}", send.err);
}

#[test]
fn a_port_that_is_taken() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let folder = with("[http]", &format!("[http]\nlisten = \"{address}\""));
    let sentence = format!("http.listen: another program listens on {address} already");
    told(folder.path(), &["serve"], 2, &sentence, "stop it, or choose another port");
}

#[test]
fn a_newsletter_there_is_not() {
    let folder = with("timezone = \"UTC\"", "timezone = \"UTC\"");
    run(folder.path(), &["subscribers", "add", "jane@example.org"]);
    for arguments in [
        &["send", "letters", "-n"][..],
        &["preview", "letters"],
        &["subscribers", "list", "--newsletter", "letters"],
        &["subscribers", "add", "x@example.org", "--newsletter", "letters"],
    ] {
        told(folder.path(), arguments, 2, "there is no newsletter `letters`", "the only one is `posts`");
    }
}

#[test]
fn nobody_to_send_to() {
    let folder = with("timezone = \"UTC\"", "timezone = \"UTC\"");
    for arguments in [&["send", "posts", "-n"][..], &["send", "posts"], &["plan"]] {
        let sent = run(folder.path(), arguments);
        assert_eq!(sent.code, 0, "{}", sent.err);
        assert!(sent.out.contains("To add some: postroom subscribers import list.csv -n\n"), "{}", sent.out);
    }
}

#[test]
fn links_that_lead_nowhere() {
    let public = "public_url = \"http://localhost:8025\"";
    let at = "postroom.toml:26: `http.public_url`";
    let folder = with(public, "");
    let cure = "add public_url = \"https://news.example.org\" under [http]";
    told(folder.path(), &["check"], 1, "postroom.toml: `http.public_url` is missing", cure);
    let folder = with(public, "public_url = \"news.blog.test\"");
    let sentence = format!("{at}: `news.blog.test` is not a web address");
    told(folder.path(), &["check"], 1, &sentence, "write https://news.blog.test");
    let folder = with(public, public);
    let check = run(folder.path(), &["check"]).out;
    assert!(check.contains(&format!("warning: {at}: links in mails lead to this machine alone\n")), "{check}");
}

#[test]
fn a_folder_for_the_database_that_is_not_there() {
    let folder = with("[mail]", "[database]\nurl = \"sqlite:state/postroom.db\"\n\n[mail]");
    for command in [&["plan"][..], &["subscribers", "add", "jane@example.org"]] {
        told(folder.path(), command, 2, "database.url: there is no folder state", "make it: mkdir -p state");
    }
}

#[test]
fn a_number_that_is_none_and_an_option_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let number = run(folder.path(), &["editions", "show", "x"]);
    assert!(number.err.contains("`x` for `<NUMBER>`: this is no whole number\n"), "{}", number.err);
    let option = run(folder.path(), &["send", "posts", "--jsno"]);
    assert_eq!(option.code, 2);
    assert!(option.err.contains("`--jsno`") && !option.err.contains("-- --jsno"), "{}", option.err);
}
