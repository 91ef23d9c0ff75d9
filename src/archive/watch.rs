//! Hints that the archive changed, and which files their writers have closed.
//! The periodic scan is what decides; without a watcher posts are only noticed
//! later.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::scan::SETTLE;
use super::{Stamp, walk};
use crate::domain::Fault;

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
}

/// Files that were closed, or put in their place as a whole, moments ago: who
/// sees them as they were then need not wait for them to rest.
#[derive(Debug, Default)]
pub(super) struct Closed(Mutex<HashMap<PathBuf, Closing>>);

#[derive(Debug)]
struct Closing {
    stamp: Stamp,
    /// Closed before within the time a file has to rest. Who writes piece by
    /// piece is only done when no piece has come for that long.
    again: bool,
}

impl Closed {
    /// Whether the file is as its one writer left it.
    pub fn is_whole(&self, file: &Path, stamp: Stamp) -> bool {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(file).is_some_and(|closing| closing.stamp == stamp && !closing.again)
    }

    fn note(&self, file: &Path) {
        let Ok(data) = std::fs::symlink_metadata(file) else { return };
        let stamp = walk::stamp(&data);
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|_, closing| stamp.modified.since(closing.stamp.modified) < SETTLE);
        let again = files.get(file).is_some_and(|closing| closing.stamp != stamp || closing.again);
        files.insert(file.to_owned(), Closing { stamp, again });
    }
}

/// Whether a file was closed after writing, or moved to where it is.
fn ends_writing(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Modify(ModifyKind::Name(RenameMode::To))
    )
}

pub(super) fn start(root: &Path, closed: Arc<Closed>, on_change: impl Fn() + Send + 'static) -> Result<Watch, Fault> {
    let refuse = |e: notify::Error| {
        Fault::new(root.display().to_string(), format!("cannot be watched: {e}"))
            .with_help("posts are still found by the periodic scan")
    };
    let hear = move |event: notify::Result<Event>| match event {
        Ok(event) if ends_writing(event.kind) => {
            event.paths.iter().for_each(|file| closed.note(file));
            on_change();
        }
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
        // An error means events may have been lost: a reason to look, too.
        _ => on_change(),
    };
    let settings = Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(hear, settings).map_err(refuse)?;
    watcher.watch(root, RecursiveMode::Recursive).map_err(refuse)?;
    Ok(Watch { _watcher: watcher })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_new_file_in_a_folder_is_heard_of() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("new")).unwrap();
        let (tell, heard) = mpsc::channel();
        let _watch = start(folder.path(), Arc::default(), move || {
            let _ = tell.send(());
        })
        .unwrap();
        std::fs::write(folder.path().join("new/post.md"), "x").unwrap();
        heard.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_is_whole_when_its_writer_closed_it_or_moved_it_there_and_not_before() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let (closed, (tell, heard)) = (Arc::new(Closed::default()), mpsc::channel());
        let _watch = start(folder.path(), Arc::clone(&closed), move || {
            let _ = tell.send(());
        })
        .unwrap();
        let (post, moved) = (folder.path().join("post.md"), folder.path().join("moved.md"));
        let stamp = |file: &Path| walk::stamp(&std::fs::metadata(file).unwrap());
        let hear = || heard.recv_timeout(Duration::from_secs(10)).unwrap();
        let is_noted = |file: &Path| closed.0.lock().unwrap().get(file).is_some_and(|c| c.stamp == stamp(file));
        let mut writer = std::fs::File::create(&post).unwrap();
        writer.write_all(b"half").unwrap();
        hear();
        assert!(!closed.is_whole(&post, stamp(&post)), "its writer has it open");
        writer.write_all(b", and whole").unwrap();
        drop(writer);
        while !closed.is_whole(&post, stamp(&post)) {
            hear();
        }
        std::fs::rename(&post, &moved).unwrap();
        while !closed.is_whole(&moved, stamp(&moved)) {
            hear();
        }
        std::fs::write(&moved, "one piece, and maybe another").unwrap();
        while !is_noted(&moved) {
            hear();
        }
        assert!(!closed.is_whole(&moved, stamp(&moved)), "who comes back so soon may come again");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault() {
        assert!(start(Path::new("no such folder"), Arc::default(), || ()).is_err());
    }
}
