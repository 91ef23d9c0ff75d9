//! `check`: every fault of settings, posts and templates, before readers see it.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use secrecy::ExposeSecret;
use serde_json::json;

use super::arguments::{self, Read};
use super::{Failure, Stage, failure, output};
use crate::app;
use crate::archive::remote::{self, Fetched};
use crate::archive::{self, About, Archive};
use crate::domain::directives::Reach;
use crate::domain::post::Access;
use crate::domain::time::Span;
use crate::domain::{Entry, Fault, Timestamp};
use crate::fetch::{FetchError, Known};
use crate::settings::Settings;
use crate::store::Store;
use crate::system;
use crate::transport::dkim::Signer;
use crate::views::preflight;

/// What a check found.
#[derive(Default)]
struct Findings {
    errors: Vec<Fault>,
    warnings: Vec<Fault>,
    posts: Option<Posts>,
    site: About,
    /// Where posts that may still be mailed lead, each with the first post that leads there.
    leads: BTreeMap<String, String>,
}

/// How many posts there are, by what becomes of them.
#[derive(Default)]
struct Posts {
    public: i64,
    drafts: i64,
    scheduled: i64,
    expired: i64,
    /// Of the public and the scheduled, what their authors say of their sending.
    unmailed: i64,
    feeds_only: i64,
    mail_only: i64,
    closed: i64,
}

impl Posts {
    /// Counts one.
    fn add(&mut self, entry: &Entry, now: Timestamp) {
        match entry {
            _ if entry.is_public(now) => self.public += 1,
            _ if entry.draft => self.drafts += 1,
            _ if entry.date > now => self.scheduled += 1,
            _ => self.expired += 1,
        }
        if !entry.draft && entry.expires.is_none_or(|at| at > now) {
            match entry.send.reach {
                Reach::Everywhere => {}
                Reach::Unmailed => self.unmailed += 1,
                Reach::Feeds => self.feeds_only += 1,
                Reach::Mail => self.mail_only += 1,
            }
            self.closed += i64::from(entry.access == Access::Subscribers);
        }
    }
}

/// Reads everything the way `serve` does and tells what is wrong.
pub fn run(options: &arguments::Check, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    let mut findings = Findings::default();
    match stage.settings() {
        Ok(settings) => {
            examine(&settings, &mut findings);
            if options.links {
                links(&settings, &mut findings);
            }
        }
        Err(Failure::Settings(faults)) => findings.errors = faults,
        Err(other) => return Err(other),
    }
    tell(&findings, &options.read, out)?;
    if findings.errors.is_empty() { Ok(()) } else { Err(Failure::Problems) }
}

fn examine(settings: &Settings, findings: &mut Findings) {
    findings.site = archive::about(&settings.archive.path, settings.archive.dialect.as_deref());
    findings.warnings.extend(settings.warnings.iter().cloned());
    for dkim in &settings.dkim {
        let signer = Signer::new(&dkim.domain, &dkim.selector, dkim.key.expose_secret().as_bytes());
        findings.errors.extend(signer.err().map(|reason| Fault::new("dkim.key_file", reason)));
    }
    findings.errors.extend(app::homes(settings).err().unwrap_or_default());
    findings.errors.extend(database(&settings.database.file));
    let troubles = Store::troubles(&settings.database.file);
    findings.warnings.extend(troubles.iter().map(|trouble| Fault::new("database.url", trouble.to_string())));
    findings.errors.extend(app::templates::read(settings).err().unwrap_or_default());
    match Archive::new(app::rules(settings)) {
        Ok(archive) if settings.archive.has_folder => posts(&archive, settings, findings),
        Ok(_) => {}
        Err(fault) => findings.errors.push(fault),
    }
    feeds(settings, findings);
}

/// Whether a post may still go into an edition: of those older than `archive.max_age` none does.
fn may_be_mailed(entry: &Entry, settings: &Settings, now: Timestamp) -> bool {
    entry.send.reach.is_mailed() && (entry.draft || entry.date > now.minus(settings.archive.max_age))
}

/// Follows every link once. A server that only keeps machines out is no fault of the link.
fn links(settings: &Settings, findings: &mut Findings) {
    let fetcher = app::fetcher(settings);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    for (url, place) in &findings.leads {
        let reason = match runtime.block_on(fetcher.feed(url, &Known::default())) {
            Ok(answer) if matches!(answer.status, 404 | 410) => format!("{url} leads nowhere: {}", answer.status),
            Ok(_) | Err(FetchError::Large) => continue,
            Err(error) => format!("{url} cannot be reached: {error}"),
        };
        findings.warnings.push(Fault::new(place.as_str(), reason));
    }
}

/// Reads every remote feed as it is now; nothing is remembered of it.
fn feeds(settings: &Settings, findings: &mut Findings) {
    let (fetcher, rules, now) = (app::fetcher(settings), app::rules(settings), system::now());
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    for source in &settings.archive.feeds {
        let wrong = |reason: String| Fault::new(source.as_str(), reason);
        let read = match runtime.block_on(fetcher.feed(source, &Known::default())) {
            Ok(answer) if answer.status == 200 => {
                let fetched = Fetched { source, url: &answer.url, body: &answer.body };
                remote::read(fetched, &rules, &HashMap::new(), now)
            }
            Ok(answer) => Err(wrong(format!("it answered {}", answer.status))),
            Err(error) => Err(wrong(error.to_string())),
        };
        match read {
            Ok(read) => {
                let posts = findings.posts.get_or_insert_default();
                read.entries.iter().for_each(|entry| posts.add(entry, now));
                findings.warnings.extend(read.warnings);
            }
            Err(fault) => findings.errors.push(fault),
        }
    }
}

/// The damage of the database, when there is one.
fn database(file: &Path) -> Option<Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let error = runtime.block_on(Store::check(file)).err()?;
    Some(Fault::new("database.url", error.to_string()))
}

fn posts(archive: &Archive, settings: &Settings, findings: &mut Findings) {
    let now = system::now();
    // Files are never too fresh to be checked.
    let scan = match archive.scan(&HashMap::new(), now.plus(Span::days(1))) {
        Ok(scan) => scan,
        Err(fault) => return findings.errors.push(fault),
    };
    let at_home = |fault: Fault| {
        let path = settings.archive.path.join(&fault.place);
        if path.exists() { Fault { place: path.display().to_string(), ..fault } } else { fault }
    };
    let is_empty = scan.read.is_empty() && scan.faults.is_empty();
    findings.errors.extend(scan.faults.into_iter().map(at_home));
    findings.warnings.extend(scan.warnings.into_iter().map(at_home));
    let mut posts = Posts::default();
    for entry in scan.read.iter().map(|read| &read.entry) {
        posts.add(entry, now);
        if may_be_mailed(entry, settings, now) {
            let warn = |reason| at_home(Fault::new(entry.path.as_str(), reason));
            findings.warnings.extend(preflight::of_post(entry).into_iter().map(warn));
            let place = at_home(Fault::new(entry.path.as_str(), "")).place;
            findings.leads.extend(preflight::addresses(entry).into_iter().map(|url| (url, place.clone())));
        }
    }
    if is_empty {
        let reason = format!("there is no post in the folder {}", settings.archive.path.display());
        let help = "is it the right one? posts are Markdown and HTML files: postroom config explain archive.include";
        findings.warnings.push(Fault::new("archive.path", reason).with_help(help));
    }
    findings.posts = Some(posts);
}

/// So many warnings with one reason are each said in full.
const ALIKE: usize = 3;

/// What holds for many posts for one reason, such as a pattern of addresses
/// that is not understood, is said once: nobody would find anything else beside it.
fn warn(warnings: &[Fault], out: &mut dyn Write) -> std::io::Result<()> {
    let mut alike: HashMap<_, Vec<&Fault>> = HashMap::new();
    for fault in warnings {
        alike.entry((&fault.reason, &fault.help)).or_default().push(fault);
    }
    for fault in warnings {
        let Some(faults) = alike.remove(&(&fault.reason, &fault.help)) else { continue };
        let in_full = if faults.len() > ALIKE { 1 } else { faults.len() };
        for fault in &faults[..in_full] {
            write!(out, "{}", failure::told("warning", fault))?;
        }
        if let [next, rest @ ..] = &faults[in_full..] {
            writeln!(out, "  the same: {} and {} more; `check --json` names all", next.place, rest.len())?;
        }
    }
    Ok(())
}

fn tell(findings: &Findings, read: &Read, out: &mut dyn Write) -> Result<(), Failure> {
    if read.json {
        let object = |fault: &Fault| json!({"place": fault.place, "line": fault.line, "reason": fault.reason, "help": fault.help});
        let list = |faults: &[Fault]| faults.iter().map(object).collect::<Vec<_>>();
        let posts = findings.posts.as_ref().map(|posts| {
            json!({
                "public": posts.public, "drafts": posts.drafts, "scheduled": posts.scheduled, "expired": posts.expired,
                "unmailed": posts.unmailed, "feeds_only": posts.feeds_only, "mail_only": posts.mail_only,
                "subscribers_only": posts.closed,
            })
        });
        let (errors, warnings) = (list(&findings.errors), list(&findings.warnings));
        return Ok(output::json(
            out,
            json!({"generator": findings.site.dialect, "errors": errors, "warnings": warnings, "posts": posts}),
        )?);
    }
    for fault in &findings.errors {
        write!(out, "{}", failure::told("error", fault))?;
    }
    warn(&findings.warnings, out)?;
    // A configuration that belongs to another program would give every post another address.
    if !findings.site.file.is_empty() {
        writeln!(out, "addresses as {} makes them, by {}", findings.site.dialect, findings.site.file)?;
    }
    if let Some(posts) = &findings.posts {
        let others = [
            (posts.drafts, "draft", "drafts"),
            (posts.scheduled, "in the future", "in the future"),
            (posts.expired, "expired", "expired"),
            (posts.unmailed, "not mailed", "not mailed"),
            (posts.feeds_only, "in feeds only", "in feeds only"),
            (posts.mail_only, "by mail only", "by mail only"),
            (posts.closed, "for subscribers", "for subscribers"),
        ];
        let others = others.iter().filter(|(n, ..)| *n > 0);
        let others: String = others.map(|(n, one, many)| format!(", {}", output::counted(*n, one, many))).collect();
        writeln!(out, "{}{others}", output::counted(posts.public, "public post", "public posts"))?;
    }
    let count = |faults: &[Fault]| i64::try_from(faults.len()).unwrap_or(i64::MAX);
    let errors = output::counted(count(&findings.errors), "error", "errors");
    writeln!(out, "{errors}, {}", output::counted(count(&findings.warnings), "warning", "warnings"))?;
    Ok(())
}
