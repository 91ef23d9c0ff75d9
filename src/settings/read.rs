//! Reading values off the sheet: every fault is collected, none stops the rest.

use std::cell::RefCell;
use std::collections::BTreeSet;

use config::{Value, ValueKind};

use super::manual;
use super::sheet::{Origin, Sheet};
use crate::domain::Fault;

/// What is wrong with a value: one sentence, and the cure when it is not plain.
pub struct Wrong {
    reason: String,
    help: Option<String>,
}

impl Wrong {
    /// A reason with its cure.
    pub fn with_help(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { reason: reason.into(), help: Some(help.into()) }
    }
}

impl<T: Into<String>> From<T> for Wrong {
    fn from(reason: T) -> Self {
        Self { reason: reason.into(), help: None }
    }
}

/// A value before its type is known. What the environment gives is always
/// text, and is read as whatever the key wants.
pub struct Raw<'a> {
    value: &'a Value,
    from_environment: bool,
}

impl<'a> Raw<'a> {
    /// Text, without blanks around it.
    pub fn text(&self) -> Result<&'a str, Wrong> {
        match &self.value.kind {
            ValueKind::String(text) => Ok(text.trim()),
            _ => Err(self.mistyped("text in quotes")),
        }
    }

    /// A whole number within `range`.
    pub fn whole(&self, range: std::ops::RangeInclusive<i64>) -> Result<i64, Wrong> {
        let number = match &self.value.kind {
            ValueKind::I64(number) => Some(*number),
            ValueKind::String(text) if self.from_environment => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.mistyped("a whole number"))?;
        if range.contains(&number) {
            return Ok(number);
        }
        Err(format!("{number} is not within {} to {}", range.start(), range.end()).into())
    }

    /// A share from 0 to 1.
    pub fn share(&self) -> Result<f64, Wrong> {
        let number = match &self.value.kind {
            ValueKind::Float(number) => Some(*number),
            ValueKind::I64(0) => Some(0.0),
            ValueKind::I64(1) => Some(1.0),
            ValueKind::String(text) if self.from_environment => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| self.mistyped("a number from 0 to 1"))
    }

    /// `true` or `false`.
    pub fn truth(&self) -> Result<bool, Wrong> {
        let truth = match &self.value.kind {
            ValueKind::Boolean(truth) => Some(*truth),
            ValueKind::String(text) if self.from_environment => text.trim().parse().ok(),
            _ => None,
        };
        truth.ok_or_else(|| self.mistyped("true or false"))
    }

    /// A list of text; from the environment, text with commas.
    pub fn list(&self) -> Result<Vec<String>, Wrong> {
        let item = |value: &Value| match &value.kind {
            ValueKind::String(text) => Ok(text.trim().to_owned()),
            _ => Err(self.mistyped("a list of text in quotes")),
        };
        match &self.value.kind {
            ValueKind::Array(items) => items.iter().map(item).collect(),
            ValueKind::String(text) if self.from_environment => {
                Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
            }
            _ => Err(self.mistyped("a list of text in quotes")),
        }
    }

    /// Text, or a list of it; from the environment, text with commas.
    pub fn one_or_more(&self) -> Result<Vec<String>, Wrong> {
        match &self.value.kind {
            ValueKind::String(text) if !self.from_environment => Ok(vec![text.trim().to_owned()]),
            _ => self.list(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(&self.value.kind, ValueKind::Nil)
            || matches!(&self.value.kind, ValueKind::String(t) if t.trim().is_empty())
    }

    fn mistyped(&self, wanted: &str) -> Wrong {
        let got = match &self.value.kind {
            ValueKind::Nil => "nothing",
            ValueKind::Boolean(_) => "true or false",
            ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a whole number",
            ValueKind::Float(_) => "a number",
            ValueKind::String(_) => "text",
            ValueKind::Table(_) => "a section",
            ValueKind::Array(_) => "a list",
        };
        format!("it is {got} and should be {wanted}").into()
    }
}

/// Reads a sheet, remembering every fault and every key asked for.
pub struct Reader<'a> {
    /// What is read.
    pub sheet: &'a Sheet,
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Fault>>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Reader<'a> {
    /// A reader that starts with the faults of the sheet itself.
    pub fn new(sheet: &'a Sheet) -> Self {
        Self {
            sheet,
            faults: RefCell::new(sheet.faults().to_vec()),
            warnings: RefCell::default(),
            asked: RefCell::default(),
        }
    }

    /// The section `name`, whose keys stand at `place` on the sheet.
    pub fn section(&'a self, name: &'static str, place: &str) -> Section<'a> {
        Section { reader: self, name, place: place.to_owned() }
    }

    /// Faults and warnings, in the order of their lines, and the keys asked for.
    pub fn finish(self) -> (Vec<Fault>, Vec<Fault>, BTreeSet<String>) {
        let in_order = |mut faults: Vec<Fault>| {
            faults.sort_by_key(|fault| fault.line.unwrap_or(u32::MAX));
            faults
        };
        (in_order(self.faults.into_inner()), in_order(self.warnings.into_inner()), self.asked.into_inner())
    }

    fn wrong(&self, path: &str, wrong: Wrong) {
        let fault = self.sheet.fault(path, &wrong.reason);
        self.faults.borrow_mut().push(match wrong.help {
            Some(help) => fault.with_help(help),
            None => fault,
        });
    }
}

/// One section being read. Every method answers `None` exactly when it has
/// recorded a fault.
pub struct Section<'a> {
    reader: &'a Reader<'a>,
    name: &'static str,
    place: String,
}

impl Section<'_> {
    /// A value that must be there, by default or given.
    pub fn need<T>(&self, key: &str, parse: impl FnOnce(&Raw<'_>) -> Result<T, Wrong>) -> Option<T> {
        let value = self.may(key, parse)?;
        if value.is_none() {
            let fault = self.reader.sheet.missing(&self.path(key), manual::entry(&format!("{}.{key}", self.name)));
            self.reader.faults.borrow_mut().push(fault);
        }
        value
    }

    /// A value that may be absent; empty text is absent too.
    #[expect(clippy::option_option, reason = "the outer is a fault, the inner an absent value")]
    pub fn may<T>(&self, key: &str, parse: impl FnOnce(&Raw<'_>) -> Result<T, Wrong>) -> Option<Option<T>> {
        let path = self.path(key);
        self.reader.asked.borrow_mut().insert(format!("{}.{key}", self.name));
        let Some((value, origin)) = self.reader.sheet.value(&path) else {
            return Some(None);
        };
        let raw = Raw { value, from_environment: matches!(origin, Origin::Environment(_)) };
        if raw.is_empty() {
            return Some(None);
        }
        match parse(&raw) {
            Ok(value) => Some(Some(value)),
            Err(wrong) => {
                self.reader.wrong(&path, wrong);
                None
            }
        }
    }

    /// Whether the operator gave it, rather than the defaults.
    pub fn is_given(&self, key: &str) -> bool {
        self.reader.sheet.value(&self.path(key)).is_some_and(|(_, origin)| origin != Origin::Default)
    }

    /// Records that `key` does not go with the other settings.
    pub fn wrong(&self, key: &str, wrong: impl Into<Wrong>) {
        self.reader.wrong(&self.path(key), wrong.into());
    }

    /// Records something that works and is probably not meant.
    pub fn warn(&self, key: &str, reason: &str, help: &str) {
        let warning = self.reader.sheet.fault(&self.path(key), reason).with_help(help);
        self.reader.warnings.borrow_mut().push(warning);
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.place)
    }
}
