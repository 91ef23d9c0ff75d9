use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::Cadence;

const SMALL: &str = r#"[site]
title = "Notes"
url = "https://notes.test/blog/"
[http]
public_url = "https://news.notes.test"
[mail]
from = "news@notes.test"
"#;

fn env(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn parse(text: &str, pairs: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
    Settings::parse(text, Path::new("/srv/blog"), &env(pairs))
}

fn smtp(host: &str, port: u16, tls: Tls) -> Route {
    Route::Smtp { host: host.into(), port, tls }
}

fn faults(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    parse(text, pairs).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn four_values_are_enough_and_the_rest_has_defaults() {
    let settings = parse(SMALL, &[]).unwrap();
    assert_eq!(settings.site.url, "https://notes.test/blog");
    assert_eq!(settings.archive.path, Path::new("/srv/blog/posts"));
    assert_eq!(settings.database.file, Path::new("/srv/blog/postroom.db"));
    assert_eq!(settings.mail.from_name, "Notes");
    assert_eq!(settings.mail.bounce_address, settings.mail.from);
    assert_eq!(settings.relays[0].route, smtp("localhost", 25, Tls::IfOffered));
    assert!(settings.dkim.is_empty());
    let [newsletter] = &settings.newsletters[..] else { panic!("one newsletter") };
    assert_eq!((newsletter.id.as_str(), newsletter.title.as_str()), ("posts", "Notes"));
    assert_eq!((newsletter.cadences.len(), newsletter.default_cadence), (4, Cadence::Weekly));
}

#[test]
fn every_key_of_the_manual_is_read_and_every_key_read_is_in_the_manual() {
    let sheet = Sheet::new("postroom.toml", SMALL, Path::new(""), &env(&[])).unwrap();
    let reader = read::Reader::new(&sheet);
    sections::settings(&reader);
    let (_, _, asked) = reader.finish();
    let known: BTreeSet<String> = manual::entries().iter().map(manual::Entry::path).collect();
    assert_eq!(asked, known);
}

#[test]
fn the_file_beats_the_default_and_the_environment_beats_the_file() {
    let text = format!("{SMALL}expire = \"3d\"\n[feeds]\nitems = 7\n");
    let settings = parse(&text, &[]).unwrap();
    assert_eq!((settings.mail.expire, settings.feeds.items), (Span::days(3), 7));
    let settings = parse(
        &text,
        &[
            ("POSTROOM__MAIL__EXPIRE", "5d"),
            ("POSTROOM__FEEDS__ITEMS", "9"),
            ("POSTROOM__FEEDS__FULL_TEXT", "false"),
            ("POSTROOM__ARCHIVE__GUARD_SHARE", "0.5"),
            ("POSTROOM__ARCHIVE__EXCLUDE", "drafts/**, notes/** ,"),
            ("POSTROOM__SITE__TITLE", "012345"),
            ("POSTROOM_OTHER", "not ours"),
        ],
    )
    .unwrap();
    assert_eq!((settings.mail.expire, settings.feeds.items, settings.feeds.full_text), (Span::days(5), 9, false));
    assert_eq!(settings.archive.exclude, ["drafts/**", "notes/**"]);
    assert_eq!(settings.site.title, "012345", "text from the environment stays text");
}

#[test]
fn an_unknown_key_names_the_nearest_and_its_line() {
    let text = format!("{SMALL}[relay]\nurll = \"x\"\n[newsletter]\n[feeds]\ntimezone = \"UTC\"\n");
    let found = parse(&text, &[("POSTROOM__SITE__TITEL", "x"), ("POSTROOM__NEWSLETTERS__ID", "x")]).unwrap_err();
    let told: Vec<_> = found.iter().map(|fault| (fault.to_string(), fault.help.clone().unwrap_or_default())).collect();
    let help = |name: &str| format!("a key with a similar name exists: `{name}`");
    assert_eq!(told[0], ("postroom.toml:9: unknown key `relay.urll`".into(), help("relay.url")));
    assert_eq!(told[1].0, "postroom.toml:10: unknown key `newsletter`");
    assert_eq!(told[2], ("postroom.toml:12: unknown key `feeds.timezone`".into(), help("site.timezone")));
    assert!(told[3].0.contains("can only be set in the file"), "{told:?}");
    assert_eq!(told[4].1, "a variable with a similar name exists: POSTROOM__SITE__TITLE");
}

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    let text = r#"
[site]
title = 3
url = "example.org"
language = "english"
timezone = "Europe/Berln"
[http]
listen = "localhost"
public_url = "http://news.example.org/x"
[mail]
from = "nobody"
expire = "soon"
[[newsletters]]
id = "A"
weekly = "Someday"
default_cadence = "yearly"
topics = "rust"
"#;
    let told = faults(text, &[("POSTROOM__FEEDS__ITEMS", "many")]);
    for (line, word) in [
        (3, "`site.title`: it is a whole number"),
        (4, "not a web address"),
        (5, "not a language"),
        (6, "not a time zone"),
        (8, "not an address and port"),
        (9, "it has a path"),
        (11, "an @"),
        (12, "not a span"),
        (14, "`newsletters[0].id`"),
        (15, "Someday"),
        (16, "not a cadence"),
        (17, "a list of text"),
    ] {
        let found = told.iter().any(|t| t.starts_with(&format!("postroom.toml:{line}: ")) && t.contains(word));
        assert!(found, "line {line} {word}: {told:#?}");
    }
    assert!(told.iter().any(|t| t.starts_with("POSTROOM__FEEDS__ITEMS: ")), "{told:#?}");
    assert_eq!(told.len(), 13, "{told:#?}");
}

#[test]
fn what_is_missing_is_told_with_an_example() {
    let found = parse("", &[]).unwrap_err();
    let missing: Vec<_> = found.iter().map(|fault| fault.reason.as_str()).collect();
    assert_eq!(
        missing,
        ["`site.title` is missing", "`site.url` is missing", "`http.public_url` is missing", "`mail.from` is missing"]
    );
    assert!(found[3].help.as_deref().unwrap().contains("under [mail]"));
}

#[test]
fn broken_toml_is_told_with_its_line() {
    assert_eq!(faults("[site]\ntitle = \"a\"\ntitle = \"b\"\n", &[]), ["postroom.toml:3: duplicate key"]);
    let told = faults("[site]\ntitle = \"a\n[mail\n", &[]);
    assert!(told[0].starts_with("postroom.toml:2: "), "{told:?}");
}

#[test]
fn sections_written_wrongly_are_told() {
    let told = faults("site = 3\n[newsletters]\nid = \"a\"\n", &[]);
    assert!(told.iter().any(|t| t == "postroom.toml:1: `site` is a section: write [site]"), "{told:?}");
    assert!(told.iter().any(|t| t.starts_with("postroom.toml:2: write [[newsletters]]")), "{told:?}");
}

#[test]
fn links_must_be_https_unless_they_stay_here() {
    let with = |url: &str| parse(&SMALL.replace("https://news.notes.test", url), &[]).map(|s| s.http.public_url);
    for url in [
        "http://localhost:8025",
        "http://127.0.0.1:8025",
        "http://[::1]:8025",
        "http://news.test",
        "http://a.localhost",
    ] {
        assert_eq!(with(url).unwrap(), url);
    }
    assert_eq!(with("https://news.example.org/").unwrap(), "https://news.example.org");
    for url in [
        "http://news.example.org",
        "https://news.example.org/mail",
        "https://news.example.org?x",
        "ftp://x.test",
        "news.test",
    ] {
        assert!(with(url).is_err(), "{url}");
    }
}

#[test]
fn newsletters_take_the_rest_from_the_default_one() {
    let text = format!(
        "{SMALL}[[newsletters]]\nid = \"code\"\ncadences = [\"daily\", \"each\"]\ntopics = [\"Rust & C\"]\n[[newsletters]]\nid = \"life\"\ntitle = \"Life\"\n"
    );
    let settings = parse(&text, &[]).unwrap();
    let [code, life] = &settings.newsletters[..] else { panic!("two newsletters") };
    assert_eq!(code.cadences, [Cadence::Each, Cadence::Daily]);
    assert_eq!((code.default_cadence, code.topics[0].as_str()), (Cadence::Each, "rust-c"));
    assert_eq!(
        (life.title.as_str(), life.default_cadence, life.weekly.to_string().as_str()),
        ("Life", Cadence::Weekly, "Fri 09:00")
    );
    let twice = text.replace("life", "code");
    assert!(faults(&twice, &[])[0].contains("two newsletters called `code`"));
}

#[test]
fn relays() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("pass word");
    std::fs::write(&secret, "hunter2\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let with = |relay: &str| {
        Settings::parse(&format!("{SMALL}[relay]\n{relay}\n"), folder.path(), &env(&[]))
            .map(|settings| settings.relays.into_iter().next().unwrap())
    };
    let relay = with("url = \"smtp://me%40notes.test@mail.notes.test\"\npassword_file = \"pass word\"").unwrap();
    assert_eq!(relay.user.as_deref(), Some("me@notes.test"));
    assert_eq!(relay.route, smtp("mail.notes.test", 587, Tls::Required));
    assert_eq!(secrecy::ExposeSecret::expose_secret(&relay.password.unwrap()), "hunter2");
    let relay = with("url = \"smtps://[::1]:4465\"").unwrap();
    assert_eq!(relay.route, smtp("::1", 4465, Tls::Implicit));
    for wrong in [
        "url = \"smtp://u:hunter2@mail.notes.test\"",
        "url = \"u:hunter2@mail.notes.test:587\"",
        "url = \"smtp//u:hunter2@mail.notes.test\"",
        "url = \"smtp://u:hunter2@mail.notes.test:seven\"",
        "url = \"smtp://u@mail.notes.test\"",
        "url = \"http://mail.notes.test\"",
        "url = \"mail.notes.test:25\"",
        "password_file = \"pass word\"",
        "url = \"file:\"",
        "url = \"file:outbox\"\npassword_file = \"pass word\"",
        "url = \"smtp://u@mail.notes.test\"\npassword_file = \"none\"",
        "connections = 0",
    ] {
        let told = with(wrong).unwrap_err();
        assert_eq!(told.len(), 1, "{wrong}: {told:?}");
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
    }
}

#[test]
fn relays_have_their_pace() {
    let with = |relay: &str| parse(&format!("{SMALL}quiet_hours = \"22:00-07:00\"\n[relay]\n{relay}\n"), &[]);
    let settings =
        with("rate = \"14/s\"\nwarm_up = \"200 from 2026-12-01\"\nper_domain = [\"5 connections\", \"10/s\"]");
    let settings = settings.unwrap();
    let relay = &settings.relays[0];
    assert_eq!((relay.rates[0].to_string().as_str(), relay.warm_up.unwrap().first), ("14/s", 200));
    assert_eq!((relay.per_domain.connections, relay.per_domain.rates.len(), relay.weight), (Some(5), 1, 1));
    assert_eq!(settings.mail.quiet_hours.unwrap().to_string(), "22:00-07:00");
    assert!(parse(SMALL, &[]).unwrap().relays[0].rates.is_empty());
    let from_environment = parse(SMALL, &[("POSTROOM__RELAY__RATE", "14/s, 50000/d")]).unwrap();
    assert_eq!(from_environment.relays[0].rates.len(), 2);
    for wrong in ["rate = \"fast\"", "rate = 14", "warm_up = \"200\"", "per_domain = \"5\"", "weight = 0"] {
        assert_eq!(with(wrong).unwrap_err().len(), 1, "{wrong}");
    }
}

#[test]
fn a_relay_may_be_given_more_time_or_less() {
    let with = |relay: &str| parse(&format!("{SMALL}[relay]\n{relay}\n"), &[]);
    let keys = ["connect", "command", "data", "write", "dot", "message"];
    let all: String = keys.iter().zip(1..).map(|(key, n)| format!("{key}_deadline = \"{n}s\"\n")).collect();
    let settings = with(&format!("{all}connection_messages = 7\nconnection_age = \"8s\"\n")).unwrap();
    let relay = &settings.relays[0];
    let Deadlines { connect, command, data, write, dot, message } = relay.deadlines;
    let read = [connect, command, data, write, dot, message, relay.connection_age];
    assert_eq!(read.map(|span| span.0), [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000]);
    assert_eq!(relay.connection_messages, 7);
    for wrong in
        ["data_deadline = \"0s\"", "connection_messages = 0", "connection_age = 5", "message_deadline = \"10m\""]
    {
        assert_eq!(with(wrong).unwrap_err().len(), 1, "{wrong}");
    }
}

#[test]
fn several_relays_take_the_rest_from_the_default_one() {
    let relays = "[[relay]]\nurl = \"smtp://a.notes.test\"\nweight = 3\n[[relay]]\nurl = \"smtp://b.notes.test\"\n";
    let text = format!("{SMALL}{relays}");
    let settings = parse(&text, &[]).unwrap();
    let [a, b] = &settings.relays[..] else { panic!("two relays") };
    assert_eq!((&a.route, a.weight, a.connections), (&smtp("a.notes.test", 25, Tls::Required), 3, 10));
    assert_eq!((&b.route, b.weight), (&smtp("b.notes.test", 25, Tls::Required), 1));
    assert!(
        faults(&text.replace("//b.", "//a."), &[])[0].starts_with("postroom.toml:12: `relay[1].url`: there is another")
    );
    assert!(faults(&text.replace("weight", "weigth"), &[])[0].contains("unknown key `relay.weigth`"));
    assert!(faults(&text, &[("POSTROOM__RELAY__WEIGHT", "2")])[0].starts_with("POSTROOM__RELAY__WEIGHT: "));
    assert!(faults(&format!("relay = []\n{SMALL}"), &[])[0].contains("write [relay]"));
}

#[test]
fn a_folder_can_stand_for_the_relay_and_is_warned_of() {
    let with = |url: &str| parse(&format!("{SMALL}[relay]\nurl = \"{url}\"\n"), &[]);
    for (url, folder) in [("file:outbox", "/srv/blog/outbox"), ("file:///var/mail out", "/var/mail out")] {
        let settings = with(url).unwrap();
        assert_eq!(settings.relays[0].route, Route::Folder(folder.into()));
        let warning = settings.warnings.iter().find(|warning| warning.reason.contains("relay.url")).unwrap();
        assert!(warning.reason.contains("nobody"), "{warning}");
    }
}

#[test]
fn secrets_come_from_files_others_cannot_read_or_from_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let write = |path: &Path, mode| {
        std::fs::write(path, "secret").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write(&folder.path().join("dkim.pem"), 0o644);
    let text = format!("{SMALL}[dkim]\nselector = \"s\"\nkey_file = \"dkim.pem\"\n");
    let told = Settings::parse(&text, folder.path(), &env(&[])).unwrap_err();
    assert!(told[0].reason.contains("everybody on this machine may read"), "{told:?}");
    let variables = env(&[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]);
    write(&credentials.join("dkim.pem"), 0o400);
    let settings = Settings::parse(&text, folder.path(), &variables).unwrap();
    assert_eq!(settings.dkim[0].domain, "notes.test");
    write(&credentials.join("relay-password"), 0o400);
    let text = format!("{SMALL}[relay]\nurl = \"smtp://u@mail.notes.test\"\n");
    assert!(Settings::parse(&text, folder.path(), &variables).unwrap().relays[0].password.is_some());
}

#[test]
fn several_keys_sign_when_each_has_a_name_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rsa", "ed"] {
        std::fs::write(folder.path().join(name), "secret").unwrap();
        std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let with = |text: &str| Settings::parse(&format!("{SMALL}{text}"), folder.path(), &env(&[]));
    let both = "[[dkim]]\nselector = \"r1\"\nkey_file = \"rsa\"\n[[dkim]]\nselector = \"e1\"\nkey_file = \"ed\"\n";
    let settings = with(both).unwrap();
    let keys: Vec<_> = settings.dkim.iter().map(|key| (key.selector.as_str(), key.domain.as_str())).collect();
    assert_eq!(keys, [("r1", "notes.test"), ("e1", "notes.test")]);
    let twice = with(&both.replace("e1", "r1")).unwrap_err();
    assert!(twice[0].to_string().contains("there is another key with this name"), "{twice:?}");
    let keyless = with(&both.replace("key_file = \"ed\"", "")).unwrap_err();
    assert!(keyless[0].to_string().contains("a signature needs it"), "{keyless:?}");
}

#[test]
fn a_signature_must_vouch_for_the_sender() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("k");
    std::fs::write(&key, "secret").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let with = |domain: &str| {
        let text = format!("{SMALL}[dkim]\ndomain = \"{domain}\"\nselector = \"s\"\nkey_file = \"k\"\n");
        Settings::parse(&text, folder.path(), &env(&[])).is_ok()
    };
    assert!(with("notes.test") && with("mail.notes.test"));
    assert!(!with("other.test") && !with("anotes.test"));
}

#[test]
fn the_key_ring_is_made_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postroom.keys");
    let first = secrets::open_ring(&path, |bytes| bytes.fill(7)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let second = secrets::open_ring(&path, |_| panic!("drew randomness again")).unwrap();
    assert_eq!(first.message_id(1), second.message_id(1));
    std::fs::write(&path, "not a key\n").unwrap();
    assert!(secrets::open_ring(&path, |_| {}).unwrap_err().reason.contains("64 hexadecimal digits"));
}

#[test]
fn example_addresses_are_warned_of() {
    let text = SMALL.replace("notes.test", "example.org");
    let warnings = parse(&text, &[]).unwrap().warnings;
    let told: Vec<_> = warnings.iter().map(|fault| fault.line).collect();
    assert_eq!(told, [Some(3), Some(7), None, None]);
}
