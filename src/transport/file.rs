//! Messages as files: each becomes `NAME.eml` in a folder, to look at what
//! would go out without a relay. A message handed over again takes the place
//! of its earlier copy, for its name comes from its Message-ID.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;

use super::{Connection, Envelope, MarkFuture, Message, Transport};
use crate::domain::delivery::{Mark, Phase, Reply, Report};

/// Writes into one folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    name: String,
    path: PathBuf,
    connections: usize,
}

impl Folder {
    pub(super) fn new(path: PathBuf, connections: usize) -> Self {
        Self { name: format!("file:{}", path.display()), path, connections }
    }
}

impl Transport for Folder {
    fn name(&self) -> &str {
        &self.name
    }

    fn connections(&self) -> usize {
        self.connections
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, Report>> {
        Box::pin(async {
            // For its owner alone, and the mails in it too: they hold readers' own links.
            let made = tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path).await;
            made.map_err(|e| Report::broken(Phase::Connect, format!("{}: {e}", self.name)))?;
            Ok(Box::new(self.clone()) as Box<dyn Connection>)
        })
    }
}

impl Connection for Folder {
    fn hand_over<'a>(&'a mut self, message: &'a Message, mark: MarkFuture<'a>) -> BoxFuture<'a, Report> {
        Box::pin(async move {
            if mark.await.0 == Mark::Denied {
                return Report::withheld(Phase::Rcpt);
            }
            let (folder, bytes) = (self.path.clone(), message.content.message());
            let name = file_name(&message.envelope, &bytes);
            let written = tokio::task::spawn_blocking(move || {
                write(&folder, &name, &bytes).map(|()| Reply::new(250, &format!("2.0.0 written to {name}")))
            });
            match written.await {
                Ok(Ok(reply)) => Report::replied(Phase::Dot, reply),
                // The file gets its name only when all of it is on disk.
                Ok(Err(e)) => Report::broken(Phase::Content, e.to_string()),
                Err(e) => Report::broken(Phase::Dot, e.to_string()),
            }
        })
    }

    fn is_usable(&self) -> bool {
        true
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!(".{name}.new"));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    // Makes the new name durable too; not every system can open a folder.
    File::open(folder).and_then(|folder| folder.sync_all()).or(Ok(()))
}

/// The Message-ID before its `@`, as far as it can be part of a file name;
/// the digest of everything when there is none.
fn file_name(envelope: &Envelope, content: &[u8]) -> String {
    const FIELD: &str = "message-id:";
    let head = String::from_utf8_lossy(&content[..content.len().min(16_384)]).into_owned();
    let id = head
        .lines()
        .take_while(|line| !line.is_empty())
        .find(|line| line.get(..FIELD.len()).is_some_and(|name| name.eq_ignore_ascii_case(FIELD)))
        .and_then(|line| line.split(['<', '@']).nth(1));
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match id.map(|id| id.replace(|c| !is_safe(c), "_")) {
        Some(id) if !id.is_empty() && id.len() <= 200 && !id.starts_with('.') => format!("{id}.eml"),
        _ => {
            let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
            digest.update(envelope.to.as_str().as_bytes());
            digest.update(content);
            let hex: String = digest.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}.eml")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::Address;
    use crate::domain::delivery::Outcome;
    use crate::transport::Content;

    async fn hand(folder: &Folder, content: &[u8], mark: Mark) -> Report {
        let envelope = Envelope { from: None, to: Address::parse("jane@example.org").unwrap() };
        let mut connection = folder.connect().await.unwrap();
        let message = Message { envelope, content: Content::new(content).unwrap() };
        connection.hand_over(&message, Box::pin(async move { (mark, None) })).await
    }

    #[tokio::test]
    async fn a_message_becomes_one_file_however_often_it_is_handed_over() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("out/box");
        let folder = Folder::new(path.clone(), 1);
        let mail = b"From: a\r\nMessage-ID: <abc/d@x.example>\r\n\r\nhello\r\n";
        for _ in 0..2 {
            assert_eq!(hand(&folder, mail, Mark::Granted).await.outcome, Outcome::Accepted);
        }
        let names: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["abc_d.eml"]);
        assert_eq!(fs::read(path.join("abc_d.eml")).unwrap(), mail);
        for (path, mode) in [(path.clone(), 0o700), (path.join("abc_d.eml"), 0o600)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[tokio::test]
    async fn nothing_is_written_without_the_mark() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path().to_owned(), 1);
        assert_eq!(hand(&folder, b"x: y\r\n\r\n", Mark::Denied).await.outcome, Outcome::Withheld);
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    }

    #[test]
    fn no_message_chooses_a_place_outside_the_folder() {
        let envelope = Envelope { from: None, to: Address::parse("jane@example.org").unwrap() };
        for mail in
            ["Message-ID: <../../etc/x@y>\r\n\r\n", "Message-ID: <.hidden@y>\r\n\r\n", "Subject: none\r\n\r\n", ""]
        {
            let name = file_name(&envelope, mail.as_bytes());
            assert!(!name.starts_with('.') && !name.contains(['/', '\\']), "{name}");
        }
    }
}
