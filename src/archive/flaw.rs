//! What is wrong inside one file, before its path is known.

use crate::domain::Fault;

/// A [`Fault`] that does not know its place yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub line: Option<u32>,
    pub reason: String,
    pub help: Option<&'static str>,
    /// It keeps its post from being public, though the post can be read.
    pub withholds: bool,
}

impl Flaw {
    pub fn new(reason: impl Into<String>) -> Self {
        Self { line: None, reason: reason.into(), help: None, withholds: false }
    }

    /// The same at a line of the file, where one is known.
    pub fn at(mut self, line: Option<u32>) -> Self {
        self.line = line;
        self
    }

    pub fn with_help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    pub fn withholding(mut self) -> Self {
        self.withholds = true;
        self
    }

    /// The fault it is in `path`.
    pub fn in_file(self, path: &str) -> Fault {
        let mut fault = Fault::new(path, self.reason);
        fault.line = self.line;
        fault.help = self.help.map(str::to_owned);
        fault
    }
}

/// A piece of the author's text fit for a message: one line, at most 60 characters.
pub(super) fn quote(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(61).collect();
    if line.chars().count() > 60 {
        line.pop();
        line.push('…');
    }
    format!("`{}`", line.trim())
}
