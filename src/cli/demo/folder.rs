//! The one folder the demo leaves, and what is written into it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::samples::{AUTHOR, DESCRIPTION, POSTAL_ADDRESS, SAMPLES, TITLE};
use crate::domain::time::{Span, Timestamp};
use crate::system;

/// A folder of our own, gone when this is dropped unless it is to be kept.
pub struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    /// Makes an empty folder nobody else may look into: the keys of the links live there.
    ///
    /// # Errors
    /// Those of making it.
    pub fn make(keep: bool) -> io::Result<Self> {
        let mut bytes = [0; 4];
        system::fill(&mut bytes);
        let path = std::env::temp_dir().join(format!("postroom-demo-{:08x}", u32::from_le_bytes(bytes)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, keep })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the posts are.
    pub fn archive(&self) -> PathBuf {
        self.path.join("posts")
    }

    /// The settings file.
    pub fn settings(&self) -> PathBuf {
        self.path.join("postroom.toml")
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_settings(&self, pages: u16, smtp: u16) -> io::Result<()> {
        fs::create_dir_all(self.archive())?;
        fs::write(self.settings(), settings(pages, smtp))
    }

    /// Writes the posts that are new, or those that were always there.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_posts(&self, are_new: bool, now: Timestamp, pictures_url: &str) -> io::Result<()> {
        // A file changed just now might still be in the making, and would wait.
        let before = SystemTime::UNIX_EPOCH + now.minus(Span::minutes(1)).since(Timestamp(0)).duration();
        for sample in SAMPLES.iter().filter(|sample| sample.is_new == are_new) {
            let mut file = File::create(self.archive().join(sample.file))?;
            file.write_all(sample.written(now, pictures_url).as_bytes())?;
            file.set_modified(before)?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing can be done about a folder that will not go, and it is in the temporary one.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The demo's `postroom.toml`, as an operator would write it.
fn settings(pages: u16, smtp: u16) -> String {
    format!(
        r#"# Written by `postroom demo`.
[site]
title = "{TITLE}"
url = "http://127.0.0.1:{pages}"
description = "{DESCRIPTION}"
author = "{AUTHOR}"
postal_address = "{POSTAL_ADDRESS}"

[archive]
permalink = "/posts/{{slug}}"
# Six new posts are almost a third of this small archive, and meant.
guard_share = 1.0

[http]
listen = "127.0.0.1:{pages}"
public_url = "http://127.0.0.1:{pages}"

[mail]
from = "post@last-collection.example"

# The mail catcher inside the demo.
[relay]
url = "smtp://127.0.0.1:{smtp}"

[[newsletters]]
id = "letters"
description = "New posts from Nethersay."
# So that whoever joins in the demo gets the next post at once.
default_cadence = "each"
weekly = "Fri 16:45"
settle = "2s"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Route, Settings};

    const NOW: Timestamp = Timestamp(1_779_445_230_000);

    #[test]
    fn the_settings_are_without_fault() {
        let settings = Settings::parse(&settings(8025, 2525), Path::new("/demo"), &Default::default()).unwrap();
        assert_eq!(settings.site.url, settings.http.public_url);
        let Route::Smtp { host, port, .. } = &settings.relays[0].route else { panic!("no server") };
        assert_eq!((host.as_str(), *port), ("127.0.0.1", 2525));
        assert_eq!(settings.newsletters[0].settle, Span::seconds(2));
    }

    #[test]
    fn the_folder_is_private_and_goes_unless_it_is_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::make(false).unwrap();
        folder.write_settings(8025, 2525).unwrap();
        folder.write_posts(false, NOW, "http://127.0.0.1:8026").unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());

        let kept = Folder::make(true).unwrap();
        let path = kept.path().to_owned();
        drop(kept);
        assert!(path.exists());
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn no_sample_post_looks_as_if_it_were_still_being_written() {
        let folder = Folder::make(false).unwrap();
        folder.write_settings(8025, 2525).unwrap();
        folder.write_posts(true, NOW, "http://127.0.0.1:8026").unwrap();
        for entry in fs::read_dir(folder.archive()).unwrap() {
            let modified = entry.unwrap().metadata().unwrap().modified().unwrap();
            let age = SystemTime::UNIX_EPOCH + NOW.since(Timestamp(0)).duration();
            assert!(age.duration_since(modified).unwrap() >= Span::seconds(10).duration());
        }
    }
}
