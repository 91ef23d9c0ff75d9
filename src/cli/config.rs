//! `config show` and `config explain`: which values are in force, where each
//! came from, and what a key means.

use std::io::Write;

use config::{Value, ValueKind};
use serde_json::json;

use super::arguments::{Config, Read};
use super::{Failure, Stage, failure, output};
use crate::settings::manual::{self, Entry};
use crate::settings::sheet::{Origin, Sheet};

/// Runs one of the family.
pub fn run(command: &Config, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    let sheet = super::stage::sheet(stage.file().as_deref())?;
    match command {
        Config::Show(read) => show(&sheet, read, stage, out),
        Config::Explain { key: None } => list(|_| true, out),
        Config::Explain { key: Some(name) } if manual::is_section(name) => list(|entry| entry.section == name, out),
        Config::Explain { key: Some(key) } => explain(key, &sheet, out),
    }
}

/// One key as it is in force.
struct Shown {
    place: String,
    entry: &'static Entry,
    value: Option<serde_json::Value>,
    origin: Origin,
}

fn shown(sheet: &Sheet) -> Vec<Shown> {
    let mut sections: Vec<_> = manual::entries().iter().map(|entry| entry.section).collect();
    sections.dedup();
    let places = sections.into_iter().flat_map(|section| match section {
        "newsletters" => (0..sheet.newsletters()).map(|index| (section, format!("{section}[{index}]"))).collect(),
        _ => sheet.places(section).into_iter().map(|place| (section, place)).collect::<Vec<_>>(),
    });
    let of = |section| manual::entries().iter().filter(move |entry| entry.section == section);
    places
        .flat_map(|(section, place)| of(section).map(move |entry| (place.clone(), entry)))
        .map(|(place, entry)| {
            let found = sheet.value(&format!("{place}.{}", entry.key));
            let origin = found.as_ref().map_or(Origin::Default, |(_, origin)| origin.clone());
            Shown { place, entry, value: found.map(|(value, _)| masked(value)), origin }
        })
        .collect()
}

fn show(sheet: &Sheet, read: &Read, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    let shown = shown(sheet);
    if read.json {
        let values = shown.iter().map(|one| {
            let (origin, line) = match &one.origin {
                Origin::Default => ("default".to_owned(), None),
                Origin::Site(file) => (file.clone(), None),
                Origin::File(line) => ("file".to_owned(), Some(*line)),
                Origin::Environment(name) => (name.clone(), None),
            };
            json!({"key": format!("{}.{}", one.place, one.entry.key), "value": one.value, "from": origin, "line": line})
        });
        let file = stage.file().map(|file| file.display().to_string());
        output::json(out, json!({"file": file, "values": values.collect::<Vec<_>>()}))?;
    } else {
        text(&shown, stage, out)?;
    }
    let faults: String = sheet.faults().iter().map(|fault| failure::told("error", fault)).collect();
    out.flush()?;
    eprint!("{faults}");
    if faults.is_empty() { Ok(()) } else { Err(Failure::Problems) }
}

fn text(shown: &[Shown], stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    let file = stage.file().map_or("the file".to_owned(), |file| file.display().to_string());
    match stage.file() {
        Some(_) => writeln!(out, "## Behind each value: the line of {file} it comes from, the variable of the")?,
        None => writeln!(out, "## There is no settings file here. Behind each value: the variable of the")?,
    }
    writeln!(out, "## environment, or `default`. To learn what a key means: postroom config explain KEY")?;
    let mut place = "";
    for one in shown {
        if one.place != place {
            place = &one.place;
            let is_list = place.ends_with(']');
            let header = if is_list { format!("[[{}]]", one.entry.section) } else { format!("[{place}]") };
            writeln!(out, "\n{header}")?;
        }
        let (line, from) = match (&one.value, &one.origin) {
            (None, _) => (format!("# {}", one.entry.key), "not set".to_owned()),
            (Some(value), Origin::Default) => (format!("{} = {value}", one.entry.key), "default".to_owned()),
            (Some(value), Origin::Site(file)) => (format!("{} = {value}", one.entry.key), file.clone()),
            (Some(value), Origin::File(line)) => (format!("{} = {value}", one.entry.key), format!("{file}:{line}")),
            (Some(value), Origin::Environment(name)) => (format!("{} = {value}", one.entry.key), name.clone()),
        };
        writeln!(out, "{:<50} # {from}", output::plain(&line))?;
    }
    Ok(())
}

/// The value for showing: what might be a password in an address is not shown.
fn masked(value: &Value) -> serde_json::Value {
    match &value.kind {
        ValueKind::Boolean(truth) => json!(truth),
        ValueKind::I64(number) => json!(number),
        ValueKind::Float(number) => json!(number),
        ValueKind::Array(items) => items.iter().map(masked).collect(),
        ValueKind::String(text) => json!(without_password(text)),
        other => json!(other.to_string()),
    }
}

/// A colon before the last @ may begin a password; where `://` was written
/// well, the user in front of it may be shown.
fn without_password(text: &str) -> String {
    let Some((user, host)) = text.rsplit_once('@').filter(|(user, _)| user.contains(':')) else {
        return text.to_owned();
    };
    match user.split_once("://") {
        Some((_, user)) if !user.contains(':') => text.to_owned(),
        Some((scheme, user)) => format!("{scheme}://{}:***@{host}", user.split(':').next().unwrap_or_default()),
        None => format!("***@{host}"),
    }
}

/// The first sentence on each key.
fn list(fits: impl Fn(&Entry) -> bool, out: &mut dyn Write) -> Result<(), Failure> {
    let row = |entry: &Entry| {
        let prose = entry.prose.join(" ");
        let end = [". ", ": "].iter().filter_map(|mark| prose.find(mark)).min().unwrap_or(prose.len());
        vec![entry.path(), prose[..end].trim_end_matches('.').to_owned()]
    };
    let rows: Vec<_> = manual::entries().iter().filter(|entry| fits(entry)).map(row).collect();
    Ok(output::table(out, "", &rows)?)
}

fn explain(key: &str, sheet: &Sheet, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(entry) = manual::entry(key) else {
        let near =
            crate::settings::sheet::nearest(key).map(|near| format!("a key with a similar name exists: `{near}`"));
        let help = near.unwrap_or_else(|| "`postroom config explain` lists every key".into());
        return Err(Failure::usage(format!("unknown key `{key}`"), help));
    };
    writeln!(out, "{}\n", entry.path())?;
    for line in &entry.prose {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)?;
    let word = if entry.is_default { "default" } else { "example" };
    let mut rows = vec![vec![word.to_owned(), format!("{} = {}", entry.key, entry.literal)]];
    let section =
        if entry.section == "newsletters" { "[[newsletters]]".into() } else { format!("[{}]", entry.section) };
    rows.push(vec!["section".to_owned(), section]);
    if let Some(variable) = entry.variable() {
        rows.push(vec!["variable".to_owned(), variable]);
        if let Some((value, origin)) = sheet.value(key) {
            let from = match origin {
                Origin::Default => "the default".to_owned(),
                Origin::Site(file) => file,
                Origin::File(line) => format!("line {line}"),
                Origin::Environment(name) => name,
            };
            rows.push(vec!["now".to_owned(), format!("{} (from {from})", masked(value))]);
        }
    }
    Ok(output::table(out, "  ", &rows)?)
}
