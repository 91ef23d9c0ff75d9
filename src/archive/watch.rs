//! Hints that the archive changed. The periodic scan is what decides; without
//! a watcher posts are only noticed later.

use std::path::Path;

use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::domain::Fault;

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
}

pub(super) fn start(root: &Path, on_change: impl Fn() + Send + 'static) -> Result<Watch, Fault> {
    let refuse = |e: notify::Error| {
        Fault::new(root.display().to_string(), format!("cannot be watched: {e}"))
            .with_help("posts are still found by the periodic scan")
    };
    // An error means events may have been lost: a reason to look, too.
    let hear = move |event: notify::Result<Event>| {
        if event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_))) {
            on_change();
        }
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
        let _watch = start(folder.path(), move || {
            let _ = tell.send(());
        })
        .unwrap();
        std::fs::write(folder.path().join("new/post.md"), "x").unwrap();
        heard.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault() {
        assert!(start(Path::new("no such folder"), || ()).is_err());
    }
}
