//! `check`: every fault of settings, posts and templates, before readers see it.

use std::io::Write;

use serde_json::json;

use super::arguments::Read;
use super::{Failure, Stage, failure, output};
use crate::domain::Fault;
use crate::settings::Settings;

/// What a check found.
#[derive(Default)]
struct Findings {
    errors: Vec<Fault>,
    warnings: Vec<Fault>,
}

/// Reads everything the way `serve` does and tells what is wrong.
pub fn run(read: &Read, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    let mut findings = Findings::default();
    match stage.settings() {
        Ok(settings) => examine(&settings, &mut findings),
        Err(Failure::Settings(faults)) => findings.errors = faults,
        Err(other) => return Err(other),
    }
    tell(&findings, read, out)?;
    if findings.errors.is_empty() { Ok(()) } else { Err(Failure::Problems) }
}

fn examine(settings: &Settings, findings: &mut Findings) {
    findings.warnings.extend(settings.warnings.iter().cloned());
}

fn tell(findings: &Findings, read: &Read, out: &mut dyn Write) -> Result<(), Failure> {
    if read.json {
        let object = |fault: &Fault| json!({"place": fault.place, "line": fault.line, "reason": fault.reason, "help": fault.help});
        let list = |faults: &[Fault]| faults.iter().map(object).collect::<Vec<_>>();
        return Ok(output::json(out, json!({"errors": list(&findings.errors), "warnings": list(&findings.warnings)}))?);
    }
    for fault in &findings.errors {
        write!(out, "{}", failure::told("error", fault))?;
    }
    for fault in &findings.warnings {
        write!(out, "{}", failure::told("warning", fault))?;
    }
    let count =
        |faults: &[Fault], one, many| output::counted(i64::try_from(faults.len()).unwrap_or(i64::MAX), one, many);
    writeln!(
        out,
        "{}, {}",
        count(&findings.errors, "error", "errors"),
        count(&findings.warnings, "warning", "warnings")
    )?;
    Ok(())
}
