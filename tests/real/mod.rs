//! Postroom among software nobody here wrote: Postfix, newsboat, Python's mail parser, Chromium.
//!
//! `tests/run` installs the counterparts and sets `POSTROOM_REAL=1`, and then a missing one is a failure. Plain
//! `cargo test` leaves these tests out and says so.
#![expect(clippy::disallowed_methods, reason = "these tests watch real processes by the real clock")]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

mod browser;
mod crash;
mod demo;
mod editions;
mod inbox;
mod postfix;
mod readers;
mod service;
mod site;
mod web;

/// The folder of the project.
pub const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// Says whether a test that needs these programs runs: `python` stands for the virtual environment of `tests/run`.
///
/// Without `POSTROOM_REAL=1` the test is left out, in words on the terminal; with it, a missing program is a failure.
pub fn counterparts(programs: &[&str]) -> bool {
    if std::env::var_os("POSTROOM_REAL").is_none_or(|value| value != "1") {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Straight to the terminal: what a passing test prints by `eprintln!` is never shown.
        let _ = writeln!(std::io::stderr(), "left out: {test} needs {}; run tests/run", programs.join(", "));
        return false;
    }
    let missing: Vec<_> = programs.iter().filter(|program| locate(program).is_none()).collect();
    assert!(missing.is_empty(), "missing on this machine: {missing:?}; tests/run installs what the tests need");
    true
}

/// Where a program is; looks into `/usr/sbin` too, which is not on everybody's path.
pub fn locate(program: &str) -> Option<PathBuf> {
    if program == "python" {
        return Some(Path::new(PROJECT).join("target/venv/bin/python")).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A command for one of the programs a test asked [`counterparts`] for.
pub fn command(program: &str) -> Command {
    Command::new(locate(program).unwrap_or_else(|| panic!("{program} is not on this machine")))
}

/// A command run by root: directly, or by sudo without a question.
pub fn root_command(program: &str) -> Command {
    let path = locate(program).unwrap_or_else(|| panic!("{program} is not on this machine"));
    if own_id() == 0 {
        return Command::new(path);
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("-n").arg(path);
    sudo
}

/// The user this test runs as.
pub fn own_id() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("/proc").uid()
}

/// Runs a command to its end and gives its standard output; a failure shows all that it said.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{}", account(command, &output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command was, how it ended and what it said, for the message of a failed test.
pub fn account(command: &Command, output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{command:?}: {}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
}

/// Runs a script of `tests/real/` in the virtual environment of `tests/run`.
#[track_caller]
pub fn script(name: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let path = Path::new(PROJECT).join("tests/real").join(name);
    let mut command = if name.ends_with(".py") { command("python") } else { Command::new("bash") };
    run(command.arg(path).args(arguments))
}

/// Waits until `look` finds something; fails when `patience` is over, saying what never came.
#[track_caller]
pub fn wait_until<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < patience, "waited {patience:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A loopback port nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    listener.local_addr().expect("its address").port()
}
