//! Feeds of others -> entries, for [`super::ingest`]: asks those that are due,
//! remembers how far each was read.

use std::collections::HashSet;

use futures_util::future::join_all;

use crate::archive::remote::{self, Fetched, Remote};
use crate::context::Context;
use crate::domain::time::Span;
use crate::domain::{Entry, Fault, Timestamp};
use crate::fetch::{Answer, Known};
use crate::store::Source;
use crate::telemetry;

/// No failing feed is left alone for longer.
const LONGEST: Span = Span::hours(6);

/// Whatever a server says of when to come back, we come back within this time.
const PATIENCE: Span = Span::days(7);

/// What the feeds had to say.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Every feed of the settings as it is to be remembered once the rest was taken in.
    pub sources: Vec<Source>,
    /// Entries of the feeds that changed.
    pub entries: Vec<Entry>,
    /// Those of feeds that were read for the first time: in the archive before us.
    pub old: HashSet<String>,
    /// What is wrong with feeds.
    pub faults: Vec<Fault>,
    /// What is odd about their entries.
    pub warnings: Vec<Fault>,
}

/// Asks the feeds that are due, all at once.
///
/// # Errors
/// Those of the store. What is wrong with a feed is among the faults.
pub async fn gather(ctx: &Context, rendered_by: &str, now: Timestamp) -> anyhow::Result<Gathered> {
    let feeds = &ctx.settings.archive.feeds;
    if feeds.is_empty() {
        return Ok(Gathered::default());
    }
    let known = ctx.store.sources().await?;
    let source = |url: &String| {
        let fresh = || Source { url: url.clone(), location: url.clone(), ..Source::default() };
        known.iter().find(|source| source.url == *url).cloned().unwrap_or_else(fresh)
    };
    let sources: Vec<Source> = feeds.iter().map(source).collect();
    let dates = ctx.store.remote_dates().await?;
    let asked = join_all(sources.iter().map(|source| ask(ctx, source, rendered_by, now))).await;
    let mut gathered = Gathered::default();
    for (mut source, asked) in sources.into_iter().zip(asked) {
        let first = source.read.is_none();
        if let Some(asked) = asked {
            let read = |answer: &Answer, source: &Source| {
                let fetched = Fetched { source: &source.url, url: &answer.url, body: &answer.body };
                remote::read(fetched, ctx.archive.rules(), &dates, now)
            };
            let entries = note(ctx, &mut source, asked, rendered_by, now, read);
            if first {
                gathered.old.extend(entries.entries.iter().map(|entry| entry.path.clone()));
            }
            gathered.warnings.extend(entries.warnings);
            gathered.entries.extend(entries.entries);
        }
        gathered.faults.extend(source.fault.as_ref().map(|reason| Fault::new(source.url.as_str(), reason.as_str())));
        gathered.sources.push(source);
    }
    gathered.sources.sort_by(|a, b| a.url.cmp(&b.url));
    Ok(gathered)
}

/// The answer of a feed that is due; `None` of one that is not.
async fn ask(ctx: &Context, source: &Source, rendered_by: &str, now: Timestamp) -> Option<Result<Answer, String>> {
    if source.gone || source.due > now {
        return None;
    }
    // What was rendered by other rules has to be seen again, changed or not.
    let known = if source.rendered_by == rendered_by {
        Known { etag: source.etag.clone(), last_modified: source.last_modified.clone() }
    } else {
        Known::default()
    };
    Some(ctx.fetcher.feed(&source.location, &known).await.map_err(|error| error.to_string()))
}

/// Notes what came of it, and gives what there is to take in.
fn note(
    ctx: &Context,
    source: &mut Source,
    asked: Result<Answer, String>,
    rendered_by: &str,
    now: Timestamp,
    read: impl Fn(&Answer, &Source) -> Result<Remote, Fault>,
) -> Remote {
    let interval = ctx.settings.archive.feed_interval;
    let answer = match asked {
        Ok(answer) => answer,
        Err(reason) => return fail(source, reason, None, interval, now),
    };
    let retry = answer.retry_after.as_deref().and_then(|text| retry_after(text, now));
    if let Some(moved) = answer.moved.as_ref().filter(|_| matches!(answer.status, 200 | 304)) {
        telemetry::source_moved(&source.url, moved);
        source.location.clone_from(moved);
    }
    let remote = match answer.status {
        200 => match read(&answer, source) {
            Ok(remote) => remote,
            Err(fault) => {
                let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
                return fail(source, format!("{}{help}", fault.reason), retry, interval, now);
            }
        },
        304 => Remote::default(),
        410 => {
            source.gone = true;
            let said = "it answered 410: this feed has ended, and is not asked again; take it out of archive.feed";
            source.fault = Some(said.to_owned());
            return Remote::default();
        }
        status => return fail(source, format!("it answered {status}"), retry, interval, now),
    };
    if answer.status == 200 {
        (source.etag, source.last_modified) = (answer.etag, answer.last_modified);
        rendered_by.clone_into(&mut source.rendered_by);
        source.read = Some(now);
    }
    (source.failures, source.fault) = (0, None);
    let fresh = answer.cache_control.as_deref().map(max_age).unwrap_or_default();
    source.due = now.plus(interval.max(retry.unwrap_or_default()).max(fresh));
    remote
}

/// Twice the wait of the last time, a day at most; longer where the server says so.
fn fail(source: &mut Source, reason: String, retry: Option<Span>, interval: Span, now: Timestamp) -> Remote {
    let wait = Span(interval.0.saturating_mul(1 << source.failures.min(20))).min(LONGEST.max(interval));
    source.failures = source.failures.saturating_add(1);
    source.due = now.plus(wait.max(retry.unwrap_or_default()));
    source.fault =
        Some(format!("{reason}; what was read before is kept, and it is asked again {}", source.due.rfc3339()));
    Remote::default()
}

/// How long `Cache-Control` says that an answer stays as it is (RFC 9111
/// section 5.2.2.1): believed up to the time after which failing feeds are asked.
fn max_age(text: &str) -> Span {
    let ages = text
        .split(',')
        .filter_map(|directive| directive.trim().to_ascii_lowercase().strip_prefix("max-age=")?.parse().ok());
    ages.map(|seconds: u32| Span::seconds(i64::from(seconds))).max().unwrap_or_default().min(LONGEST)
}

/// `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Span> {
    let seconds = text.parse::<u32>().ok().map(|seconds| Span::seconds(i64::from(seconds)));
    let date = || {
        let at = chrono::NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok()?;
        Some(Timestamp::from(at.and_utc()).since(now))
    };
    seconds.or_else(date).filter(|wait| wait.0 > 0).map(|wait| wait.min(PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_feed_is_left_alone_for_longer_each_time_and_as_long_as_its_server_says() {
        let now = Timestamp(1_779_433_200_000);
        let mut source = Source { url: "https://a.example/feed".into(), ..Source::default() };
        let mut waits = Vec::new();
        for _ in 0..9 {
            fail(&mut source, "no".into(), None, Span::minutes(30), now);
            waits.push(source.due.since(now));
        }
        assert_eq!(waits[..4], [30, 60, 120, 240].map(Span::minutes));
        assert_eq!(waits[8], LONGEST);
        fail(&mut source, "no".into(), Some(Span::days(3)), Span::minutes(30), now);
        assert_eq!(source.due, now.plus(Span::days(3)));
        assert_eq!(retry_after("120", now), Some(Span::seconds(120)));
        assert_eq!(retry_after("Fri, 22 May 2026 08:00:00 GMT", now), Some(Span::hours(1)));
        assert_eq!(retry_after("99999999", now), Some(PATIENCE));
        assert_eq!(max_age("public, Max-Age=7200, must-revalidate"), Span::hours(2));
        assert_eq!(max_age("max-age=31536000"), LONGEST, "nobody waits a year for news");
        assert_eq!(max_age("no-cache, max-age=soon"), Span::default());
        for nothing in ["", "soon", "-5", "0", "Fri, 22 May 2020 08:00:00 GMT"] {
            assert_eq!(retry_after(nothing, now), None, "{nothing}");
        }
    }
}
