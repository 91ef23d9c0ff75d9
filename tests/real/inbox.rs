//! Every sample mail before judges nobody here wrote: SpamAssassin without the network, and caniemail's data of what
//! mail programs show.

use super::{PROJECT, account, command, counterparts, locate, run};
use postroom::domain::{Address, Timestamp};
use postroom::transport::message::{Head, List, Mailbox, Own, Unsubscribe, build};
use postroom::views::mail::Mail;
use postroom::views::samples::SAMPLES;
use postroom::views::words::Words;
use std::io::Write;
use std::process::Stdio;

/// Points above which a mail begins to look like spam; filters act from 5 on.
const MOST: f64 = 0.5;

/// What SpamAssassin cannot know of a mail that never travelled.
const NEVER_TRAVELLED: [&str; 4] = ["NO_RECEIVED", "NO_RELAYS", "ALL_TRUSTED", "UNPARSEABLE_RELAY"];

fn message(mail: &Mail) -> Vec<u8> {
    let (from, to) = (Address::parse("news@example.org").unwrap(), Address::parse("jane@example.com").unwrap());
    let head = Head {
        from: Mailbox { name: Some("Example Blog"), address: &from },
        reply_to: None,
        subject: &mail.subject,
        list: Some(List { title: "Example Blog", id: "posts.example.org" }),
        edition: Some("42"),
        auto_submitted: false,
    };
    let own = Own {
        to: Mailbox { name: None, address: &to },
        date: Timestamp(1_779_433_200_000),
        message_id: "n4bqyvexample@example.org",
        unsubscribe: Some(Unsubscribe { url: "https://news.example.org/s/T/unsubscribe", mailto: None }),
    };
    build(&head, &own, &mail.text, &mail.html, &[]).unwrap().message()
}

/// Its points, and the rules that gave them with what each means.
fn judged(message: &[u8]) -> (f64, String) {
    let mut spamassassin = command("spamassassin");
    spamassassin.args(["-L", "-t"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = spamassassin.spawn().unwrap();
    child.stdin.take().unwrap().write_all(message).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", account(&spamassassin, &output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = told.rsplit_once("Content analysis details:").unwrap().1.to_owned();
    // ` 1.3 RULE_NAME   what it means`, after a table's head.
    let rules = report.lines().filter_map(|line| {
        let (points, rest) = line.trim_start().split_once(' ')?;
        Some((points.parse::<f64>().ok()?, rest.split_whitespace().next()?))
    });
    let counted = rules.filter(|(_, rule)| !NEVER_TRAVELLED.contains(rule));
    (counted.map(|(points, _)| points).sum(), report)
}

#[test]
fn no_mail_looks_like_spam() {
    if !counterparts(&["spamassassin"]) {
        return;
    }
    for name in ["digest", "one", "full", "titles", "confirm", "welcome", "already"] {
        let sample = SAMPLES.iter().find(|sample| sample.name == name).unwrap();
        let (points, report) = judged(&message(&sample.filled(&Words::english())));
        assert!(points <= MOST, "{name} has {points} points:\n{report}");
    }
}

#[test]
fn mail_programs_show_what_mails_are_made_of_or_lose_it_without_harm() {
    if !counterparts(&["node", "npm"]) {
        return;
    }
    let modules = format!("{PROJECT}/target/caniemail");
    if locate(&format!("{modules}/node_modules/caniemail/package.json")).is_none() {
        run(command("npm").args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            &modules,
            "caniemail@1.0.5",
        ]));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for sample in &SAMPLES {
        let file = folder.path().join(format!("{}.html", sample.name));
        std::fs::write(&file, sample.filled(&Words::english()).html).unwrap();
        files.push(file);
    }
    let script = format!("{PROJECT}/tests/real/caniemail.mjs");
    run(command("node").arg(script).arg(format!("{modules}/node_modules")).args(files));
}
