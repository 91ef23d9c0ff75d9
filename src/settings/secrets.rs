//! Secrets: read from files of their own or from systemd's credentials, never
//! from settings or the environment.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::sheet::Sheet;
use crate::domain::Fault;
use crate::domain::token::KeyRing;

/// Where a secret is: the systemd credential NAME when there is one, else the
/// file, from the folder of the settings. A file name with a folder in it is
/// never looked for among the credentials.
pub fn locate(sheet: &Sheet, file: &str) -> PathBuf {
    let is_bare = Path::new(file).file_name().is_some_and(|name| name == file);
    let credential = sheet.credentials().filter(|_| is_bare).map(|folder| folder.join(file));
    credential.filter(|path| path.is_file()).unwrap_or_else(|| sheet.resolve(file))
}

/// The systemd credential `name`, when there is one.
pub fn credential(sheet: &Sheet, name: &str) -> Option<PathBuf> {
    sheet.credentials().map(|folder| folder.join(name)).filter(|path| path.is_file())
}

/// Reads a secret that not everybody on this machine may read; a newline at
/// its end is no part of it.
///
/// # Errors
/// One sentence and its cure; never a word of what the file holds.
pub fn read(path: &Path) -> Result<SecretString, Fault> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| Fault::new(&shown, plain(&error)))?;
    let metadata = file.metadata().map_err(|error| Fault::new(&shown, plain(&error)))?;
    if metadata.mode() & 0o007 != 0 {
        return Err(Fault::new(&shown, "everybody on this machine may read this secret")
            .with_help(format!("run chmod 600 {shown}")));
    }
    let mut text = String::new();
    file.take(64 * 1024).read_to_string(&mut text).map_err(|error| Fault::new(&shown, plain(&error)))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err(Fault::new(shown, "this secret is empty")) } else { Ok(secret.into()) }
}

/// Opens the ring of token keys, and writes a fresh one of a single key (mode
/// 0600) when there is none. `fill` draws random bytes.
///
/// # Errors
/// When the file cannot be read or written, is readable by everybody, or holds
/// something else.
pub fn open_ring(path: &Path, fill: impl FnOnce(&mut [u8])) -> Result<KeyRing, Fault> {
    if !path.exists() {
        create_ring(path, fill)?;
    }
    let text = read(path)?;
    let lines = secrecy::ExposeSecret::expose_secret(&text).lines().map(str::trim).filter(|line| !line.is_empty());
    let keys = lines.map(unhex).collect::<Option<Vec<_>>>().unwrap_or_default();
    KeyRing::new(&keys).map_err(|reason| {
        Fault::new(path.display().to_string(), reason)
            .with_help("restore it from a backup: with a new key the links in all earlier mail stop working")
    })
}

fn create_ring(path: &Path, fill: impl FnOnce(&mut [u8])) -> Result<(), Fault> {
    let mut key = [0; 32];
    fill(&mut key);
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).chain(["\n".into()]).collect();
    match create(path, &hex) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created.map_err(|error| unwritable(path, &error)),
    }
}

/// Writes a secret into a file of its own (mode 0600).
///
/// # Errors
/// When it cannot: nothing is left of it then. A file that is there is left alone.
pub fn write_new(path: &Path, text: &str) -> Result<(), Fault> {
    create(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(path.display().to_string(), format!("the key file cannot be written: {}", plain(error)))
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut write = || {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // The name has to survive a power cut too.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    write().inspect_err(|_| {
        // Half a key would be worse than none.
        let _ = fs::remove_file(path);
    })
}

fn unhex(line: &str) -> Option<Vec<u8>> {
    let digits = line.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(pair).collect())?
}

/// An I/O error in the words of this project.
pub fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::IsADirectory => "this is a folder, not a file".into(),
        ErrorKind::InvalidData => "this file is not text (UTF-8)".into(),
        _ => error.to_string().to_lowercase(),
    }
}
