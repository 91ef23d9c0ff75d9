//! The archive's files, written, moved and taken away.

use std::fs::{self, File};
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use postroom::domain::Timestamp;
use postroom::domain::time::Span;

use super::office::Office;

impl Office {
    /// Writes a file of the archive: front matter between its lines, then the text.
    pub fn write(&self, path: &str, front: &str, text: &str) {
        let full = self.ctx.settings.archive.path.join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, format!("---\n{}\n---\n\n{text}\n", front.trim())).unwrap();
        self.touch(path);
    }

    /// Gives a file a time of change of its own, an hour ago.
    pub fn touch(&self, path: &str) {
        let age = Span::hours(1).0 - i64::try_from(self.writes.fetch_add(1, Ordering::SeqCst)).unwrap();
        self.set_modified(path, self.ctx.now().minus(Span(age)));
    }

    /// Gives a file a time of change.
    pub fn set_modified(&self, path: &str, at: Timestamp) {
        let file = File::options().write(true).open(self.ctx.settings.archive.path.join(path)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap())).unwrap();
    }

    /// A post dated now.
    pub fn post(&self, slug: &str) {
        self.post_with(slug, "");
    }

    /// A post dated now with more lines of front matter.
    pub fn post_with(&self, slug: &str, front: &str) {
        self.post_dated(slug, self.ctx.now(), front);
    }

    pub fn post_dated(&self, slug: &str, date: Timestamp, front: &str) {
        let front = format!("title: About {slug}\ndate: {}\n{front}", date.rfc3339());
        self.write(&format!("{slug}.md"), &front, &format!("What is to be said about {slug}."));
    }

    pub fn rename(&self, from: &str, to: &str) {
        let posts = &self.ctx.settings.archive.path;
        fs::create_dir_all(posts.join(to).parent().unwrap()).unwrap();
        fs::rename(posts.join(from), posts.join(to)).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.ctx.settings.archive.path.join(path)).unwrap();
    }
}
