//! A real Postfix of the test's own: loopback port, configuration, queue and Maildirs in a temporary folder.

use super::{counterparts, free_port, own_id, root_command, run, wait_until};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

/// Postfix at work; stopped, and all it wrote removed, when dropped.
pub struct Postfix {
    folder: PathBuf,
    /// The loopback port it takes mail on, without authentication or TLS.
    pub port: u16,
}

/// Only what takes a message by SMTP and puts it into a Maildir; nothing can leave the machine.
const MASTER: &str = "\
cleanup   unix       n - n -   0 cleanup
qmgr      unix       n - n 300 1 qmgr
rewrite   unix       - - n -   - trivial-rewrite
bounce    unix       - - n -   0 bounce
defer     unix       - - n -   0 bounce
trace     unix       - - n -   0 bounce
proxymap  unix       - - n -   - proxymap
error     unix       - - n -   - error
retry     unix       - - n -   - error
virtual   unix       - n n -   - virtual
anvil     unix       - - n -   1 anvil
postlog   unix-dgram n - n -   1 postlogd
";

impl Postfix {
    /// Starts one that has a mailbox for each of `addresses` and refuses every other one.
    pub fn start(addresses: &[String]) -> Postfix {
        let folder = tempfile::Builder::new().prefix("postroom-postfix-").tempdir().expect("a folder").keep();
        let postfix = Postfix { port: free_port(), folder };
        postfix.configure(addresses);
        run(root_command("postfix").arg("-c").arg(postfix.folder.join("etc")).arg("start"));
        // Its greeting carries this folder's name, so that it cannot be some other server on the same port.
        let greeting = wait_until(Duration::from_secs(60), &format!("Postfix on port {}", postfix.port), || {
            let stream = TcpStream::connect(("127.0.0.1", postfix.port)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).ok().filter(|length| *length > 0).map(|_| line)
        });
        assert!(greeting.contains(&postfix.name()), "a stranger answers: {greeting:?}\n{}", postfix.log());
        postfix
    }

    fn name(&self) -> String {
        let name = self.folder.file_name().expect("a name").to_string_lossy().to_lowercase();
        format!("{name}.test")
    }

    fn configure(&self, addresses: &[String]) {
        use std::os::unix::fs::PermissionsExt;
        let path = |name: &str| self.folder.join(name);
        // Its daemons run as other users and must be able to walk in.
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o755)).expect("chmod");
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(path(name)).expect("a folder");
        }
        run(root_command("chown").arg("postfix").arg(path("data")));
        // virtual(8) never delivers as root.
        let owner = if own_id() == 0 { 65534 } else { own_id() };
        run(root_command("chown").arg(owner.to_string()).arg(path("mail")));
        let mailboxes: String = addresses.iter().map(|address| format!("{address} {address}/\n")).collect();
        fs::write(path("etc/mailboxes"), mailboxes).expect("mailboxes");
        let mut domains: Vec<_> = addresses.iter().filter_map(|address| address.split('@').nth(1)).collect();
        domains.sort_unstable();
        domains.dedup();
        let smtpd = format!("127.0.0.1:{} inet n - n - - smtpd\n", self.port);
        fs::write(path("etc/master.cf"), smtpd + MASTER).expect("master.cf");
        let main = format!(
            "compatibility_level = 3.6
myhostname = {name}
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = loopback-only
inet_protocols = ipv4
smtp_dns_support_level = disabled
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_mailbox_limit = 0
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
default_transport = error:5.1.2 this server delivers to nobody else
",
            name = self.name(),
            folder = self.folder.display(),
            domains = domains.join(", "),
        );
        fs::write(path("etc/main.cf"), main).expect("main.cf");
    }

    /// The messages in one reader's Maildir.
    pub fn mailbox(&self, address: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.folder.join("mail").join(address).join("new")) else { return vec![] };
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    /// The messages in all Maildirs.
    pub fn mail(&self) -> Vec<PathBuf> {
        let boxes = fs::read_dir(self.folder.join("mail")).expect("the Maildirs");
        boxes.flat_map(|entry| self.mailbox(&entry.expect("an entry").file_name().to_string_lossy())).collect()
    }

    /// What Postfix wrote down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let stopped = root_command("postfix").arg("-c").arg(self.folder.join("etc")).arg("stop").output();
        if std::thread::panicking() {
            eprintln!("Postfix wrote:\n{}\nand was stopped: {stopped:?}", self.log());
        }
        let _ = root_command("rm").arg("-rf").arg(&self.folder).output();
    }
}

#[test]
fn a_message_handed_to_postfix_lies_in_its_readers_maildir() {
    if !counterparts(&["postfix", "python"]) {
        return;
    }
    let readers = ["ada@readers.test".to_owned(), "bo@readers.test".to_owned()];
    let postfix = Postfix::start(&readers);
    let letter = format!(
        "import smtplib\nwith smtplib.SMTP('127.0.0.1', {}) as relay:\n    relay.sendmail('a@blog.test', \
         ['ada@readers.test'], b'Subject: x\\r\\n\\r\\nhello\\r\\n')",
        postfix.port
    );
    run(super::command("python").arg("-c").arg(letter));
    let mail = wait_until(Duration::from_secs(20), "the message", || postfix.mailbox(&readers[0]).pop());
    assert!(fs::read_to_string(mail).expect("the message").contains("\n\nhello\n"));
    assert!(postfix.mailbox(&readers[1]).is_empty());
    assert_eq!(postfix.mail().len(), 1);
}
