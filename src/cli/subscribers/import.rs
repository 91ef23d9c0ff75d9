//! `subscribers import`: twice through the file, first to find every bad row,
//! then to enter the good ones in one transaction, so that a file is imported
//! whole or not at all without ever being in memory whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, IsTerminal, Read, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::stage::Desk;
use super::super::{Failure, output};
use super::arguments::Import;
use super::columns::{Columns, Role};
use super::csv_file::{BadRow, Row, Rows};
use crate::domain::subscription::{Consent, ConsentAct, Status};
use crate::domain::{Cadence, Newsletter, Timestamp};
use crate::settings::secrets::plain;
use crate::store::{Added, NewSubscription};

/// What is wanted.
const LIST: &str = "a list is CSV in UTF-8 with a column of addresses";
/// Rows in memory at once.
const BATCH: usize = 1_000;
/// Bad rows told one by one.
const TOLD: usize = 20;
/// Mailboxes of a function rather than a person, which seldom asked.
const ROLES: [&str; 8] = ["abuse", "admin", "info", "mailer-daemon", "noreply", "no-reply", "postmaster", "webmaster"];

/// What the first look found.
#[derive(Default)]
struct Survey {
    good: i64,
    left_elsewhere: i64,
    barred: BTreeMap<&'static str, i64>,
    roles: i64,
    bad: i64,
    told: Vec<BadRow>,
    first: Vec<String>,
}

/// Imports a file, or says why not.
pub async fn run(desk: &Desk, options: &Import, out: &mut dyn Write) -> Result<(), Failure> {
    let newsletter = desk.newsletter(options.newsletter.as_deref())?;
    let cadence = offered(newsletter, options.cadence)?;
    let source = Source::of(&options.file)?;
    let name = options.file.display().to_string();
    let (columns, survey) = survey(&source, &name, newsletter, desk.now)?;
    for bad in &survey.told {
        eprintln!("error: {}", told(&name, bad));
    }
    if survey.bad > i64::try_from(survey.told.len()).unwrap_or(0) {
        eprintln!("error: {} bad rows in all", output::number(survey.bad));
    }
    describe(&columns, &survey, out)?;
    if options.dry_run {
        writeln!(out, "Nothing was imported. To import now, leave -n out")?;
        return if survey.bad == 0 { Ok(()) } else { Err(Failure::Problems) };
    }
    if survey.bad > 0 && !options.partial {
        writeln!(out, "Nothing was imported. Mend the rows, or import the good ones with --partial")?;
        return Err(Failure::Problems);
    }
    let added = enter(desk, newsletter, cadence, options, &source).await?;
    tell(desk, &added, options, newsletter, out)?;
    if survey.bad == 0 { Ok(()) } else { Err(Failure::Problems) }
}

/// The file, which is read twice; standard input is kept for that.
enum Source {
    File(std::path::PathBuf),
    Input(Vec<u8>),
}

impl Source {
    fn of(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() != "-" {
            return Ok(Self::File(path.to_owned()));
        }
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(Self::Input(bytes))
    }

    fn open(&self) -> std::io::Result<(Box<dyn Read + '_>, u64)> {
        match self {
            Self::File(path) => {
                let file = File::open(path)?;
                let size = file.metadata()?.len();
                Ok((Box::new(file), size))
            }
            Self::Input(bytes) => Ok((Box::new(Cursor::new(bytes)), bytes.len() as u64)),
        }
    }
}

fn survey(source: &Source, name: &str, newsletter: &Newsletter, now: Timestamp) -> Result<(Columns, Survey), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{name}: {}", plain(&error)), format!("{LIST}; `-` reads standard input"))
    };
    let (file, _) = source.open().map_err(unreadable)?;
    let mut rows = Rows::open(file, now).map_err(|bad| wrong_file(name, &bad))?;
    let mut survey = Survey::default();
    let column = rows.columns().of(Role::Cadence);
    for row in &mut rows {
        match row {
            Ok(row) if row.cadence.is_some_and(|cadence| !newsletter.cadences.contains(&cadence)) => {
                survey.bad += 1;
                let reason = format!("{} does not come at this cadence", newsletter.id);
                note(&mut survey, BadRow { line: row.line, column: column.map(|c| c + 1), reason });
            }
            Ok(Row { barred: Some(reason), .. }) => *survey.barred.entry(reason).or_default() += 1,
            Ok(row) if row.status == Some(Status::Unsubscribed) => survey.left_elsewhere += 1,
            Ok(row) => {
                survey.good += 1;
                let local = row.address.as_str().split('@').next().unwrap_or_default().to_lowercase();
                survey.roles += i64::from(ROLES.contains(&local.as_str()));
                if survey.first.len() < 3 {
                    survey.first.push(row.address.to_string());
                }
            }
            Err(bad) => {
                survey.bad += 1;
                note(&mut survey, bad);
            }
        }
    }
    Ok((rows.columns().clone(), survey))
}

fn note(survey: &mut Survey, bad: BadRow) {
    if survey.told.len() < TOLD {
        survey.told.push(bad);
    }
}

fn told(name: &str, bad: &BadRow) -> String {
    let column = bad.column.map(|column| format!(" column {column}:")).unwrap_or_default();
    format!("{name}:{}:{column} {}", bad.line, bad.reason)
}

fn wrong_file(name: &str, bad: &BadRow) -> Failure {
    Failure::usage(told(name, bad), LIST)
}

fn describe(columns: &Columns, survey: &Survey, out: &mut dyn Write) -> Result<(), Failure> {
    let column = |index: usize| match columns.header.as_ref().and_then(|header| header.get(index)) {
        Some(name) => format!("`{}`", output::plain(name)),
        None => format!("column {}", index + 1),
    };
    let program = columns.program.map(|program| format!(" of {program}")).unwrap_or_default();
    let rows = output::counted(survey.good, "row", "rows");
    let mut text =
        format!("{rows}{program} with addresses in {}", column(columns.of(Role::Address).unwrap_or_default()));
    for (role, index) in columns.all() {
        let what = match role {
            Role::Address => continue,
            Role::Cadence => "cadence",
            Role::Status => "status",
            Role::Wanted => "whether they want mail",
            Role::Disabled => "who must get none",
            Role::Left => "who left",
            Role::Bounced => "whose address bounced",
            Role::Since => "since when",
        };
        text.push_str(&format!(", {what} in {}", column(*index)));
    }
    writeln!(out, "{text}: {}{}", survey.first.join(", "), if survey.good > 3 { ", ..." } else { "" })?;
    if survey.left_elsewhere > 0 {
        let left = output::counted(survey.left_elsewhere, "row is", "rows are");
        writeln!(out, "{left} of people who left there: kept as unsubscribed, so that no other list brings them in")?;
    }
    for (reason, count) in &survey.barred {
        let rows = output::counted(*count, "row is", "rows are");
        writeln!(
            out,
            "{rows} of addresses that must not be mailed ({reason}): kept as such, whatever another list says"
        )?;
    }
    if survey.roles > 0 {
        let roles = output::counted(survey.roles, "address is of a function", "addresses are of functions");
        writeln!(out, "{roles} (info@, postmaster@, ...): these seldom asked for mail")?;
    }
    Ok(())
}

async fn enter(
    desk: &Desk,
    newsletter: &Newsletter,
    cadence: Cadence,
    options: &Import,
    source: &Source,
) -> Result<Added, Failure> {
    let (file, size) = source.open()?;
    let name = options.file.display().to_string();
    let mut rows = Rows::open(file, desk.now).map_err(|bad| wrong_file(&name, &bad))?;
    let bar = progress(size);
    let mut import = desk.store.import_file(&newsletter.id, &name, desk.now).await?;
    let (status, vouched) = consent(options.consent_source.as_deref(), "import");
    let left = Consent { act: ConsentAct::Unsubscribed, words: format!("had left by {name}"), ..vouched.clone() };
    // Rows that are pending or ended where they come from stay so, whatever the operator vouches for.
    let mut batches =
        [(None, vouched), (Some(Status::Pending), consent(None, "import").1), (Some(Status::Unsubscribed), left)]
            .map(|(own, consent)| (own, consent, Vec::with_capacity(BATCH)));
    let (mut barred, detail) = (Vec::with_capacity(BATCH), format!("by {name}"));
    while let Some(row) = rows.next() {
        let Ok(Row { address, cadence: own, status: stands, since, barred: why, .. }) = row else { continue };
        if let Some(reason) = why {
            barred.push((address, reason));
            if barred.len() >= BATCH {
                import.bar(&barred, &detail).await?;
                barred.clear();
            }
            continue;
        }
        if own.is_some_and(|cadence| !newsletter.cadences.contains(&cadence)) {
            continue;
        }
        let own_status = stands.filter(|stands| *stands != Status::Active);
        let Some((_, consent, batch)) = batches.iter_mut().find(|(own, ..)| *own == own_status) else { continue };
        let status = own_status.unwrap_or(status);
        batch.push(NewSubscription { cadence: own.unwrap_or(cadence), status, address, since });
        if batch.len() >= BATCH {
            import.add(batch, consent).await?;
            batch.clear();
            bar.set_position(rows.position());
        }
    }
    for (_, consent, batch) in &batches {
        import.add(batch, consent).await?;
    }
    import.bar(&barred, &detail).await?;
    bar.finish_and_clear();
    Ok(import.commit().await?)
}

fn tell(
    desk: &Desk,
    added: &Added,
    options: &Import,
    newsletter: &Newsletter,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let number = |n: u64| output::number(i64::try_from(n).unwrap_or(i64::MAX));
    writeln!(
        out,
        "Imported {} into {}; {} were there already, {} had unsubscribed, {} must not be mailed",
        number(added.added),
        newsletter.id,
        number(added.known),
        number(added.unsubscribed),
        number(added.suppressed)
    )?;
    if added.left > 0 {
        writeln!(
            out,
            "{} as having left elsewhere",
            output::counted(i64::try_from(added.left).unwrap_or(i64::MAX), "is kept", "are kept")
        )?;
    }
    if added.barred > 0 {
        let barred = output::counted(i64::try_from(added.barred).unwrap_or(i64::MAX), "address", "addresses");
        writeln!(out, "{barred} that bounced or complained elsewhere must not be mailed from now on")?;
    }
    if added.added + added.left + added.vouched + added.barred > 0 {
        writeln!(out, "To take it back: postroom subscribers undo")?;
    }
    if added.vouched > 0 {
        writeln!(
            out,
            "{} pending before and active now; they get what is published from now on",
            output::counted(i64::try_from(added.vouched).unwrap_or(i64::MAX), "was", "were")
        )?;
    }
    if options.consent_source.is_none() && added.added > 0 {
        writeln!(
            out,
            "They are pending and get no mail: send them to {}/subscribe, or import with --consent-source TEXT",
            desk.settings.http.public_url
        )?;
    }
    Ok(())
}

/// A bar on a terminal, nothing elsewhere.
fn progress(size: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {percent}%  {bytes_per_sec}  {eta} left");
    ProgressBar::new(size).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The cadence asked for when the newsletter has it, else its default.
///
/// # Errors
/// When it does not come at that cadence.
pub fn offered(newsletter: &Newsletter, cadence: Option<Cadence>) -> Result<Cadence, Failure> {
    match cadence {
        None => Ok(newsletter.default_cadence),
        Some(cadence) if newsletter.cadences.contains(&cadence) => Ok(cadence),
        Some(cadence) => {
            let offered: Vec<_> = newsletter.cadences.iter().map(|one| one.as_str()).collect();
            Err(Failure::usage(
                format!("{} does not come {cadence}", newsletter.id),
                format!("it comes {}", offered.join(", ")),
            ))
        }
    }
}

/// The status and proof that go with a consent source, or with none.
pub fn consent(source: Option<&str>, way: &str) -> (Status, Consent) {
    let (status, act, words) = match source.map(str::trim).filter(|source| !source.is_empty()) {
        Some(source) => (Status::Active, ConsentAct::Vouched, source),
        None => (Status::Pending, ConsentAct::Asked, "no consent source given"),
    };
    (status, Consent { act, source: way.into(), words: words.into(), network: None })
}
