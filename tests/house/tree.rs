//! Which files belong to the project.

use super::PROJECT;
use std::path::Path;
use std::process::Command;

/// The tracked files, as paths from the project's folder; where git is not to be had, all files that are no build's.
pub fn files() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(PROJECT).output();
    match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => walk(Path::new(PROJECT)),
    }
}

fn walk(top: &Path) -> Vec<String> {
    let ours = |entry: &walkdir::DirEntry| !matches!(entry.file_name().to_str(), Some("target" | ".git"));
    walkdir::WalkDir::new(top)
        .into_iter()
        .filter_entry(ours)
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(top).expect("inside").display().to_string())
        .collect()
}
