//! The systemd unit, judged by systemd itself.

use super::{PROJECT, account, command, counterparts};
use std::fs;
use std::path::Path;

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
