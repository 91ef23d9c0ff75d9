//! The disk the database lies on: how much room there is, a file that keeps
//! some of it for bad times, and whether the disk does its part at all.
//!
//! The rule is simple: **the reserve is there, or nothing is sent.** Before a
//! write that would find no room the reserve is given up, and what has to be
//! written down then still can be: the outcomes of mail in hand, whoever leaves.
//! It is taken again as soon as there is room for it, and sending goes on.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tokio::sync::SetOnce;

const MIB: u64 = 1 << 20;
/// What is kept for bad times.
const RESERVE: u64 = 16 * MIB;
/// With less than this the reserve is given up.
const LEAST: u64 = 4 * MIB;
/// With less than this, or than a tenth of a small disk, no edition is begun.
const EDITION: u64 = 256 * MIB;
/// The write-ahead log is cut back to this once it is in the database.
pub(super) const LOG: u64 = 64 * MIB;
/// A log larger than this is not getting into the database.
const LOG_ALARM: u64 = 256 * MIB;

/// Something about the disk that the operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The reserve is given up: nothing is sent. So many bytes are free.
    Full(u64),
    /// No edition is begun: bytes free, and those it takes.
    Short(u64, u64),
    /// The write-ahead log has grown to so many bytes.
    Log(u64),
}

impl Trouble {
    /// One word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full(_) => "disk full",
            Self::Short(..) => "disk nearly full",
            Self::Log(_) => "log growing",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes: u64| format!("{} MiB", bytes / MIB);
        match *self {
            Self::Full(free) => {
                let (free, needed) = (size(free), size(2 * RESERVE));
                write!(f, "the disk of the database is full ({free} free): nothing is sent until there are {needed}")
            }
            Self::Short(free, needed) => {
                let (free, needed) = (size(free), size(needed));
                write!(f, "the disk of the database has {free} free: no edition is begun with less than {needed}")
            }
            Self::Log(bytes) => write!(
                f,
                "the database's write-ahead log has grown to {}: another program has it open and never ends reading",
                size(bytes)
            ),
        }
    }
}

/// Bytes of a file system: those we may still use, and all.
#[derive(Clone, Copy)]
struct Room {
    free: u64,
    total: u64,
}

impl Room {
    /// `None` where the file system does not say.
    fn around(file: &Path) -> Option<Self> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let told = statvfs(folder).ok().filter(|told| told.f_blocks > 0)?;
        Some(Self {
            free: told.f_bavail.saturating_mul(told.f_frsize),
            total: told.f_blocks.saturating_mul(told.f_frsize),
        })
    }

    /// What there has to be for an edition to be begun: never less than sending takes.
    fn needed(self) -> u64 {
        EDITION.min(self.total / 10).max(2 * RESERVE)
    }
}

/// The disk of one database.
#[derive(Debug)]
pub(super) struct Disk {
    database: PathBuf,
    reserve: PathBuf,
    /// The reserve could not be kept when last looked.
    full: AtomicBool,
    /// What it said when it failed: it is not written to again by this process.
    failed: SetOnce<String>,
}

impl Disk {
    pub(super) fn of(database: &Path) -> Self {
        let reserve = beside(database, ".reserve");
        Self { database: database.to_owned(), reserve, full: AtomicBool::new(false), failed: SetOnce::new() }
    }

    /// Before every write: gives the reserve up when there is nearly no room.
    ///
    /// # Errors
    /// What the disk said, once it has failed.
    pub(super) fn make_ready(&self) -> Result<(), String> {
        if let Some(why) = self.failed.get() {
            return Err(why.clone());
        }
        if Room::around(&self.database).is_some_and(|room| room.free < LEAST) {
            self.release();
        }
        Ok(())
    }

    /// Gives the reserve up.
    pub(super) fn release(&self) {
        self.full.store(true, Ordering::Relaxed);
        // It may be gone already: another process gave it up.
        let _ = fs::remove_file(&self.reserve);
    }

    /// Takes the reserve where there is room for it and as much again.
    pub(super) fn take_reserve(&self) {
        let has_room = || Room::around(&self.database).is_none_or(|room| room.free >= 2 * RESERVE);
        let kept = self.has_reserve() || has_room() && keep(&self.reserve).is_ok();
        self.full.store(!kept, Ordering::Relaxed);
    }

    fn has_reserve(&self) -> bool {
        fs::metadata(&self.reserve).is_ok_and(|file| file.len() == RESERVE)
    }

    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// As [`super::Store::troubles`].
    pub(super) fn troubles(database: &Path) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        if let Some(room) = Room::around(database) {
            if room.free < 2 * RESERVE && !Self::of(database).has_reserve() {
                troubles.push(Trouble::Full(room.free));
            } else if room.free < room.needed() {
                troubles.push(Trouble::Short(room.free, room.needed()));
            }
        }
        let log = fs::metadata(beside(database, "-wal")).map_or(0, |log| log.len());
        troubles.extend((log > LOG_ALARM).then_some(Trouble::Log(log)));
        troubles
    }

    /// It did not do what it was told. What a failed sync should have written
    /// is gone from memory as well, so that trying again would succeed without
    /// it: whoever runs this starts anew.
    pub(super) fn fail(&self, why: String) {
        // The first one is the cause of all that follow.
        let _ = self.failed.set(why);
    }

    /// Waits until it has failed.
    pub(super) async fn failed(&self) -> &str {
        self.failed.wait().await
    }

    /// A file of ours beside the database: `postroom.db.generation`.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.database, ending)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.initialized()
    }
}

/// A file of ours beside the database: `postroom.db.reserve`.
pub fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Makes a file that has its room on the disk and not only in its name.
fn keep(path: &Path) -> io::Result<()> {
    let made = File::create(path).and_then(|mut file| match fallocate(&file, FallocateFlags::empty(), 0, RESERVE) {
        Err(rustix::io::Errno::OPNOTSUPP) => (0..RESERVE / MIB).try_for_each(|_| file.write_all(&[0; MIB as usize])),
        done => done.map_err(io::Error::from),
    });
    if made.is_err() {
        // Half a reserve would only be in the way.
        let _ = fs::remove_file(path);
    }
    made
}

/// File systems of other machines, and those that speak to one.
const NETWORK: [&str; 16] = [
    "9p",
    "afs",
    "ceph",
    "cifs",
    "coda",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.sshfs",
];

/// The kind of network file system a folder is on; `None` on a disk of this
/// machine, and where that is not told.
pub fn network(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    kind(&mounts, &folder).filter(|kind| NETWORK.contains(kind)).map(str::to_owned)
}

/// The file system a folder is on: of those mounted above it the nearest, and
/// the last one where several are mounted over each other.
fn kind<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        Some((unescaped(place.split(' ').nth(4)?), kind.split(' ').next()?))
    });
    let above = mounts.filter(|(place, _)| folder.starts_with(place));
    above.max_by_key(|(place, _)| Path::new(place).components().count()).map(|(_, kind)| kind)
}

/// proc(5): space, tab, line feed and backslash are written as octal numbers.
fn unescaped(place: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(place.to_owned(), |place, (code, plain)| place.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_takes_a_quarter_of_a_gibibyte_or_a_tenth_of_a_small_disk() {
        let needed = |total| Room { free: 0, total }.needed() / MIB;
        assert_eq!([64 * MIB, 1_000 * MIB, 100_000 * MIB].map(needed), [32, 100, 256]);
    }

    #[test]
    fn the_reserve_is_taken_given_up_and_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(&folder.path().join("postroom.db"));
        disk.take_reserve();
        assert!(disk.has_reserve() && !disk.is_full());
        disk.release();
        assert!(!disk.reserve.exists() && disk.is_full());
        fs::write(&disk.reserve, "half of one").unwrap();
        disk.take_reserve();
        assert!(disk.has_reserve() && !disk.is_full());
    }

    #[test]
    fn after_a_failure_nothing_is_written_and_the_first_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(&folder.path().join("postroom.db"));
        assert!(disk.make_ready().is_ok());
        disk.fail("disk I/O error".into());
        disk.fail("another".into());
        assert_eq!(disk.make_ready(), Err("disk I/O error".into()));
    }

    #[test]
    fn network_file_systems_are_told_from_disks() {
        let mounts = "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
                      40 22 0:45 / /srv rw shared:2 - nfs4 box:/srv rw\n\
                      41 40 0:46 / /srv/my\\040disk rw - xfs /dev/sdb rw\n\
                      42 22 0:47 / /home rw - xfs /dev/sdc rw\n\
                      43 22 0:48 / /home rw - fuse.sshfs me@box: rw\n";
        let kind = |folder: &str| kind(mounts, Path::new(folder)).unwrap_or_default();
        assert_eq!(
            [kind("/var/lib"), kind("/srv/blog"), kind("/srv/my disk/a"), kind("/home/jane"), kind("/srvs")],
            ["ext4", "nfs4", "xfs", "fuse.sshfs", "ext4"]
        );
    }
}
