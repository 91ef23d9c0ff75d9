//! Keys that sign: made, published, used.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{edit, run};

/// A folder after `init`, with an address of our own to send from.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).code, 0);
    edit(folder.path(), "news@example.org", "news@notes.test");
    folder
}

/// The settings lines a command tells to add.
fn lines(told: &str) -> String {
    let (_, lines) = told.split_once("postroom.toml").unwrap();
    lines.split_once('\n').unwrap().1.replace("\n  ", "\n")
}

#[test]
fn two_keys_are_made_published_and_sign_together() {
    let site = site();
    let made = run(site.path(), &["dkim", "new"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.contains("name   postroom._domainkey.notes.test\n  value  v=DKIM1; k=rsa; p=MII"), "{}", made.out);
    let file = site.path().join("dkim-postroom.pem");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let zone = made.out.lines().find(|line| line.contains(". TXT ( ")).unwrap();
    let strings: Vec<_> = zone.split('"').skip(1).step_by(2).collect();
    assert!(strings.iter().all(|part| part.len() <= 255), "{zone}");
    assert!(made.out.contains(&format!("value  {}\n", strings.concat())), "{zone}");

    let settings = site.path().join("postroom.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}{}", lines(&made.out))).unwrap();
    let second = run(site.path(), &["dkim", "new", "--ed25519"]);
    assert_eq!(second.code, 0, "{}", second.err);
    assert!(
        second.out.contains("postroom-ed25519._domainkey.notes.test\n  value  v=DKIM1; k=ed25519; p="),
        "{}",
        second.out
    );
    assert!(
        !second.out.contains("zone file") && second.out.contains("where [dkim] becomes [[dkim]]"),
        "{}",
        second.out
    );
    let text = fs::read_to_string(&settings).unwrap().replace("\n[dkim]\n", "\n[[dkim]]\n");
    fs::write(&settings, format!("{text}{}", lines(&second.out))).unwrap();

    let shown = run(site.path(), &["dkim", "show"]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    for told in [&made.out, &second.out] {
        let (_, record) = told.split_once("Publish in DNS").unwrap();
        assert!(shown.out.contains(record.split_once("\nThen add").unwrap().0), "{}", shown.out);
    }
    let check = run(site.path(), &["check"]);
    assert!(!check.out.contains("dkim"), "{}", check.out);
    edit(site.path(), "# url = \"smtp://user@mail.example.org:587\"", "url = \"file:outbox\"");
    assert_eq!(run(site.path(), &["test", "jane@notes.test"]).code, 0);
    let mail = fs::read_dir(site.path().join("outbox")).unwrap().next().unwrap().unwrap();
    let mail = fs::read_to_string(mail.path()).unwrap();
    assert_eq!(mail.matches("DKIM-Signature:").count(), 2, "{mail}");
    assert!(mail.contains("s=postroom;") && mail.contains("s=postroom-ed25519;"), "{mail}");
}

#[test]
fn no_key_is_made_in_place_of_another() {
    let site = site();
    assert!(run(site.path(), &["dkim", "show"]).err.contains("mail is not signed here"));
    let made = run(site.path(), &["dkim", "new"]);
    let file = site.path().join("dkim-postroom.pem");
    let key = fs::read(&file).unwrap();
    assert_eq!(run(site.path(), &["dkim", "new"]).code, 3);
    let settings = site.path().join("postroom.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}{}", lines(&made.out))).unwrap();
    let again = run(site.path(), &["dkim", "new", "--out", "other.pem"]);
    assert!(again.code == 3 && again.err.contains("there is a key with the selector postroom"), "{}", again.err);
    for wrong in [&["dkim", "new", "no name"][..], &["dkim", "new", "s", "--domain", "no domain"]] {
        assert_eq!(run(site.path(), wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), key);
    assert!(!site.path().join("other.pem").exists());
}
