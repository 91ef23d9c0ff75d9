//! What ends a command before its time, in the words and with the exit code the
//! operator gets.

use std::io;

use crate::app::StartError;
use crate::domain::Fault;
use crate::store::StoreError;
use crate::telemetry;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// It was done, and the problems it found were told: exit code 1.
    Problems,
    /// The command line is wrong: exit code 2.
    Usage {
        /// Lower case, no full stop; empty when it was told already.
        reason: String,
        /// One cure a line.
        help: Vec<String>,
    },
    /// The settings are wrong: exit code 2.
    Settings(Vec<Fault>),
    /// It cannot be done as things stand: exit code 3.
    Refused {
        /// Lower case, no full stop.
        reason: String,
        /// What to do about it.
        help: String,
    },
    /// Ctrl-C: exit code 130.
    Interrupted,
    /// Whoever read our output has had enough, like `head`: that is success.
    Unread,
    /// A file, the database or the network would not do its part: exit code 4.
    Other(anyhow::Error),
}

impl Failure {
    /// A wrong command line.
    pub fn usage(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { reason: reason.into(), help: vec![help.into()] }
    }

    /// It cannot be done as things stand.
    pub fn refused(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), help: help.into() }
    }

    /// The exit code; 101 is a bug and comes from the panic hook.
    pub fn code(&self) -> u8 {
        match self {
            Self::Unread => 0,
            Self::Problems => 1,
            Self::Usage { .. } | Self::Settings(_) => 2,
            Self::Refused { .. } => 3,
            Self::Other(_) => 4,
            Self::Interrupted => 130,
        }
    }

    /// What is told on standard error; empty when everything was told already.
    pub fn message(&self) -> String {
        let message = self.plain_message();
        if telemetry::colours(&io::stderr()) { message.replace("error: ", "\x1b[1;31merror:\x1b[0m ") } else { message }
    }

    fn plain_message(&self) -> String {
        match self {
            Self::Problems | Self::Interrupted | Self::Unread => String::new(),
            Self::Settings(faults) => faults.iter().map(|fault| told("error", fault)).collect(),
            Self::Usage { reason, .. } if reason.is_empty() => String::new(),
            Self::Usage { reason, help } => {
                let help: String = help.iter().map(|line| format!("  help: {line}\n")).collect();
                format!("error: {reason}\n{help}")
            }
            Self::Refused { reason, help } => format!("error: {reason}\n  help: {help}\n"),
            Self::Other(error) => format!("error: {error:#}\n"),
        }
    }
}

/// `error: posts/a.md:3: duplicate key` and its help on a line of its own.
pub fn told(word: &str, fault: &Fault) -> String {
    let help = fault.help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
    format!("{word}: {fault}\n{help}")
}

impl From<Vec<Fault>> for Failure {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Settings(faults)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Unread } else { Self::Other(error.into()) }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Faults(faults) => Self::Settings(faults),
            StartError::Locked(reason) => Self::refused(reason, "stop it first, or let it do the work"),
            StartError::Disk(_) => Self::Other(anyhow::Error::new(error)),
            StartError::Other(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        // Looked at only: what was being done stands around the error.
        let is_unread =
            error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if is_unread { Self::Unread } else { Self::Other(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn an_error_is_told_with_what_was_being_done_and_a_closed_pipe_not_at_all() {
        let missing = Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)).context("cannot read the key");
        let failure = Failure::from(missing.unwrap_err());
        assert_eq!(failure.plain_message(), "error: cannot read the key: entity not found\n");
        assert_eq!(failure.code(), 4, "1 says that it was done");
        let closed = Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)).context("cannot write");
        assert_eq!(Failure::from(closed.unwrap_err()).code(), 0);
    }
}
