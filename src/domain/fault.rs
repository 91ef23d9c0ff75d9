//! A fault: something wrong with what the operator gave us, said in one
//! sentence with its place and its cure. A fault stops nothing else.

/// What is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Archive-relative path, settings key or template file.
    pub place: String,
    /// Line in that file, counted from 1, when one is known.
    pub line: Option<u32>,
    /// What is wrong: lower case, no full stop.
    pub reason: String,
    /// What to do about it, when that is not plain from the reason.
    pub help: Option<String>,
}

impl Fault {
    /// A fault in `place` without line or help.
    pub fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), line: None, reason: reason.into(), help: None }
    }

    /// The same fault at a line counted from 1.
    #[must_use]
    pub fn at_line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    /// The same fault with a cure.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for Fault {
    /// `posts/a.md:3: duplicate key `title``
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.place, self.reason),
            None => write!(f, "{}: {}", self.place, self.reason),
        }
    }
}
