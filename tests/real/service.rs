//! The systemd unit, judged by systemd itself, and what the service tells it.

use super::site::Site;
use super::{PROJECT, account, command, counterparts};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

#[test]
fn systemd_understands_the_unit_and_finds_it_hardened() {
    if !counterparts(&["systemd-analyze"]) {
        return;
    }
    let unit = fs::read_to_string(Path::new(PROJECT).join("config/systemd/postroom.service")).expect("the unit");
    let folder = tempfile::tempdir().expect("a folder");
    // `verify` looks for the binary and the manual page, which only an installed Postroom has.
    let unit = unit.replace("/usr/local/bin/postroom", env!("CARGO_BIN_EXE_postroom"));
    let unit = unit.replace("Documentation=man:postroom(1)\n", "");
    let path = folder.path().join("postroom.service");
    fs::write(&path, unit).expect("a copy of the unit");
    for words in [&["verify", "--man=no"][..], &["security", "--offline=yes", "--threshold=12"]] {
        let mut judge = command("systemd-analyze");
        let verdict = judge.args(words).arg(&path).output().expect("systemd-analyze");
        assert!(verdict.status.success(), "{}", account(&judge, &verdict));
        // `verify` only warns of words it does not know.
        let complaints = String::from_utf8_lossy(&verdict.stderr).contains("postroom.service");
        assert!(!complaints, "{}", account(&judge, &verdict));
    }
}

#[test]
fn the_service_tells_systemd_that_it_is_up_what_comes_next_that_it_lives_and_that_it_ends() {
    let site = Site::new("url = \"file:outbox\"", "", "");
    let socket = UnixDatagram::bind(site.path("notify")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a bound");
    let told = || {
        let mut bytes = [0; 1_024];
        let count = socket.recv(&mut bytes).expect("a word to systemd");
        String::from_utf8_lossy(&bytes[..count]).trim_end().to_owned()
    };
    let mut command = site.command(&["serve"]);
    command.env("NOTIFY_SOCKET", site.path("notify"));
    let serve = super::site::Serve::start(command, site.path("serve.log"), site.port, "/readyz");
    let mut all = Vec::new();
    let heard = |all: &Vec<String>, word: &str| all.iter().filter(|told| told.starts_with(word)).count();
    while heard(&all, "READY=1") < 1 || heard(&all, "STATUS=next: posts ") < 1 || heard(&all, "WATCHDOG=1") < 3 {
        all.push(told());
        assert!(all.len() < 20, "{all:?}");
    }
    serve.stop();
    while all.last().is_none_or(|told| told != "STOPPING=1") {
        all.push(told());
    }
    assert_eq!((heard(&all, "READY=1"), heard(&all, "STATUS=")), (1, 1), "{all:?}");
}
