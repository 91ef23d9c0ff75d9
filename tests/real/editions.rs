//! From a post on disk to Maildirs, and an unsubscribe that holds: the whole way, with Postfix as the relay.

use super::postfix::Postfix;
use super::site::{PUBLIC_URL, Site};
use super::{command, counterparts, run, script, wait_until};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const READERS: usize = 200;
/// For all the mail of one edition to lie in the Maildirs, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A site of 20 posts that were there before Postroom, sending each new post at once, signed.
fn blog(relay_port: u16) -> Site {
    let relay = format!("url = \"smtp://127.0.0.1:{relay_port}\"");
    let rest = "[dkim]\ndomain = \"blog.test\"\nselector = \"s1\"\nkey_file = \"dkim.pem\"\n\
                [[newsletters]]\nid = \"posts\"\ndefault_cadence = \"each\"\nsettle = \"0s\"";
    let site = Site::new(&relay, "", rest);
    let key = site.path("dkim.pem");
    run(command("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048"));
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    site.baseline();
    site
}

/// The record a DNS server would give for the key: what dkimpy is shown instead.
fn dkim_record(key: &Path) -> String {
    let pem = run(command("openssl").args(["rsa", "-pubout", "-in"]).arg(key));
    let public: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    format!("v=DKIM1; k=rsa; p={public}")
}

/// A header of a delivered message, unfolded.
fn header(message: &Path, name: &str) -> String {
    let text = fs::read_to_string(message).expect("a message of ASCII");
    let head = text.split_once("\n\n").expect("a head").0.replace("\n ", " ").replace("\n\t", " ");
    let mut found = head.lines().filter_map(|line| line.split_once(": "));
    found.find(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap_or_else(|| panic!("no {name} in\n{text}")).1.into()
}

#[test]
fn an_edition_reaches_every_maildir_and_an_unsubscribe_holds() {
    if !counterparts(&["postfix", "openssl", "python"]) {
        return;
    }
    let readers: Vec<_> = (1..=READERS).map(|number| format!("reader{number}@readers.test")).collect();
    let postfix = Postfix::start(&readers);
    let site = blog(postfix.port);
    site.import(&readers);
    let serve = site.serve();

    // Written while it runs, and as fresh as a saved file is.
    site.post("first-news", Duration::ZERO);
    let first = arrived(&postfix, READERS);
    for reader in &readers {
        assert_eq!(postfix.mailbox(reader).len(), 1, "{reader} got one copy");
    }
    assert!(first.iter().all(|message| header(message, "Subject").contains("first-news")), "the post and no old one");
    script("strict_mail.py", &first);
    let record = dkim_record(&site.path("dkim.pem"));
    let signed_as = [record, "s1".to_owned(), "blog.test".to_owned()].map(PathBuf::from);
    script("dkim_verify.py", signed_as.iter().chain(&first));

    // One reader's mail program acts on the headers of RFC 8058, with nothing but what stands in them.
    let leaver = &readers[41];
    let message = &postfix.mailbox(leaver)[0];
    assert_eq!(header(message, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let links = header(message, "List-Unsubscribe");
    let link = links.split(['<', '>']).find(|link| link.starts_with("https://")).expect("an https address");
    let path = link.strip_prefix(PUBLIC_URL).expect("an address under public_url");
    assert!(serve.get(path, &[]).status < 400, "a look changes nothing and shows a page");
    let answer = serve.post(path, "List-Unsubscribe=One-Click");
    assert_eq!(answer.status, 200, "{answer:?}");

    site.post("second-news", Duration::ZERO);
    let all = arrived(&postfix, 2 * READERS - 1);
    assert_eq!(postfix.mailbox(leaver).len(), 1, "nothing after the unsubscribe");
    for reader in readers.iter().filter(|reader| *reader != leaver) {
        assert_eq!(postfix.mailbox(reader).len(), 2, "{reader} got both editions");
    }
    script("strict_mail.py", &all);
    serve.stop();
    assert_eq!(postfix.mail().len(), 2 * READERS - 1, "no copy came late");
}

/// Waits until that many messages lie in the Maildirs.
#[track_caller]
fn arrived(postfix: &Postfix, count: usize) -> Vec<PathBuf> {
    wait_until(PATIENCE, &format!("{count} messages"), || Some(postfix.mail()).filter(|mail| mail.len() >= count))
}
