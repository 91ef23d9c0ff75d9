//! `completions` and `man`: made from the same definitions as the help.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::{Failure, help};

/// Completions for a shell.
pub fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "postroom", &mut script);
    Ok(out.write_all(&script)?)
}

/// The manual page, or with a folder one for every command.
pub fn man(folder: Option<&Path>, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(folder) = folder else {
        return Ok(clap_mangen::Man::new(help::command()).render(out)?);
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    clap_mangen::generate_to(help::command(), folder)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    Ok(writeln!(out, "Wrote the manual pages to {}", folder.display())?)
}
