//! Taking in a scan: what the archive holds, what became public when, what left.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use sqlx::{Row, Sqlite, Transaction};

use super::kin::{known_as, moved_from};
use super::posts::public;
use super::row::{hex, insert, write_entry};
use super::{Result, Store, StoreError, instant};
use crate::domain::time::Span;
use crate::domain::{Entry, Timestamp};

/// What the store remembers of a file, so that an unchanged one is not read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Identity of the post it holds.
    pub identity: String,
    /// Its address on the site.
    pub url: String,
    /// Size in bytes and modification time when it was read; `None` when it was
    /// rendered by other rules and has to be read again.
    pub stamp: Option<(u64, Timestamp)>,
}

/// One scan of the archive, to be taken in.
#[derive(Debug)]
pub struct Ingest<'a> {
    /// Posts that were read, each with its file's size and modification time.
    pub read: Vec<(&'a Entry, u64, Timestamp)>,
    /// Paths that are still there though they were not read: unchanged, being
    /// written, or faulty (their last good version stays).
    pub present: HashSet<&'a str>,
    /// Posts dated longer ago than this go to the feeds only.
    pub max_age: Span,
    /// More new posts than this in one scan wait for the operator.
    pub guard_posts: i64,
    /// So does a larger share of the archive, from 0.0 to 1.0.
    pub guard_share: f64,
    /// What the posts were rendered by: the rules of the archive and our version.
    pub rendered_by: &'a str,
    /// Paths of posts that were there before Postroom though it sees them only now:
    /// those of a feed read for the first time. Never mailed.
    pub old: HashSet<String>,
    /// [`Store::looks`] before it began.
    pub began_after: i64,
}

impl Ingest<'_> {
    /// Every path at which there is a file, read or not.
    fn files(&self) -> HashSet<&str> {
        self.read.iter().map(|(entry, ..)| entry.path.as_str()).chain(self.present.iter().copied()).collect()
    }

    /// Whether so many posts are a larger share of `all` than may go unseen.
    fn is_large(&self, posts: i64, all: i64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "archives are far smaller than 2^52 posts")]
        let is_large = posts as f64 > self.guard_share * all as f64;
        is_large && posts > GUARD_FLOOR
    }
}

/// What a scan changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// This was the first scan: what is public now is never mailed.
    pub baseline: bool,
    /// New posts, public or not.
    pub added: u64,
    /// Posts whose content changed.
    pub changed: u64,
    /// Posts that kept their content and got another identity.
    pub moved: u64,
    /// Posts that left.
    pub removed: u64,
    /// Posts that became public in this scan, baseline included.
    pub published: u64,
    /// Posts that are public no more.
    pub withdrawn: u64,
    /// So many came, changed or left at once that editions wait for the operator.
    pub guarded: bool,
    /// Another scan was taken in since this one began, so this one was not: it
    /// could undo what the other saw.
    pub stale: bool,
}

impl Ingested {
    /// Whether feeds and pages have to follow.
    pub fn changed_anything(&self) -> bool {
        *self != Self { baseline: self.baseline, guarded: self.guarded, stale: self.stale, ..Self::default() }
    }
}

/// The guard needs more posts than this: two new posts in a young archive of
/// three are no accident.
const GUARD_FLOOR: i64 = 5;

/// Whether there was a first scan, and time alone has changed nothing since.
const AT_REST: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM baselines)
        AND NOT EXISTS (SELECT 1 FROM posts WHERE public_since IS NULL AND ",
    public!("$1"),
    ") AND NOT EXISTS (SELECT 1 FROM posts WHERE expires <= $1 AND public_since IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM posts WHERE dated > $1 AND public_since IS NOT NULL)"
);

impl Store {
    /// Every file of the archive whose post is present, by path. Those rendered
    /// by other rules are among them: they keep their identities.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn known_files(&self, rendered_by: &str) -> Result<HashMap<String, KnownFile>> {
        // One row of all: a row of its own for each file costs more than the look at the files.
        let row = sqlx::query(
            "SELECT json_group_array(json_array(path, identity, url, file_size, file_modified, rendered_by = $1))
             FROM posts WHERE removed IS NULL",
        )
        .bind(rendered_by)
        .fetch_one(&self.db.reader)
        .await?;
        let files: Vec<(String, String, String, i64, i64, i64)> =
            serde_json::from_str(row.try_get(0)?).map_err(|error| StoreError::Value(error.to_string()))?;
        let known = files.into_iter().map(|(path, identity, url, size, modified, is_current)| {
            let stamp = (u64::try_from(size).unwrap_or(0), Timestamp(modified));
            (path, KnownFile { identity, url, stamp: (is_current == 1).then_some(stamp) })
        });
        Ok(known.collect())
    }

    /// Whether a scan that read nothing and missed no file has nothing to take
    /// in either: no post becomes public or ends by `now`, and no file the first
    /// scan could not read is gone.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn is_at_rest(&self, present: &HashSet<&str>, now: Timestamp) -> Result<bool> {
        let row = sqlx::query(AT_REST).bind(now.0).fetch_one(&self.db.reader).await?;
        if !row.try_get::<bool, _>(0)? {
            return Ok(false);
        }
        let unread = sqlx::query("SELECT path FROM baseline_files").fetch_all(&self.db.reader).await?;
        let paths = unread.iter().map(|row| row.try_get::<&str, _>("path"));
        Ok(paths.collect::<std::result::Result<Vec<_>, _>>()?.into_iter().all(|path| present.contains(path)))
    }

    /// How many scans were taken in that could change anything.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn looks(&self) -> Result<i64> {
        let row = sqlx::query("SELECT COALESCE(MAX(looks), 0) FROM baselines").fetch_one(&self.db.reader).await?;
        Ok(row.try_get(0)?)
    }

    /// Takes in one scan: new, changed, moved and removed posts; then gives
    /// sequence numbers to what became public by `now`, oldest first.
    ///
    /// # Errors
    /// Those of the engine; nothing is changed then.
    pub async fn ingest(&self, scan: &Ingest<'_>, now: Timestamp) -> Result<Ingested> {
        let mut tx = self.begin().await?;
        let mut done = Ingested::default();
        match sqlx::query("SELECT looks FROM baselines").fetch_optional(&mut *tx).await? {
            Some(row) => done.stale = row.try_get::<i64, _>("looks")? != scan.began_after,
            None => done.baseline = true,
        }
        if done.stale {
            return Ok(done);
        }
        if done.baseline {
            remember_unread(&mut tx, scan.present.iter().copied()).await?;
        }
        remember_unread(&mut tx, scan.old.iter().map(String::as_str)).await?;
        let (files, mut taken) = (scan.files(), HashSet::new());
        let before = count(&mut tx, "SELECT COUNT(*) FROM posts WHERE removed IS NULL").await?;
        for (entry, size, modified) in &scan.read {
            let stamp = (*size, *modified);
            taken.insert(take_entry(&mut tx, (scan, &files), entry, stamp, now, &mut done).await?);
        }
        remove_missing(&mut tx, scan, &taken, now, &mut done).await?;
        number_public(&mut tx, scan, now, &mut done).await?;
        forget_read(&mut tx, scan).await?;
        let is_change = done.changed_anything() || !scan.read.is_empty();
        let upheaval = scan.is_large(i64::try_from(done.changed + done.removed).unwrap_or(i64::MAX), before);
        done.guarded |= upheaval;
        sqlx::query(
            "INSERT INTO baselines (id, set_at, looks, changes) VALUES (1, $1, 1, 1)
             ON CONFLICT (id) DO UPDATE SET looks = looks + 1, changes = changes + $3,
                guarded = CASE WHEN $2 THEN $1 ELSE guarded END",
        )
        .bind(now.0)
        .bind(upheaval)
        .bind(i64::from(is_change))
        .execute(&mut *tx)
        .await?;
        self.commit(tx).await?;
        Ok(done)
    }
}

/// What the first scan could not read yet was in the archive all the same.
async fn remember_unread(tx: &mut Transaction<'static, Sqlite>, paths: impl Iterator<Item = &str>) -> Result<()> {
    let paths: Vec<_> = paths.collect();
    sqlx::query("INSERT INTO baseline_files (path) SELECT value FROM json_each($1) WHERE true ON CONFLICT DO NOTHING")
        .bind(json!(paths).to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Once such a file was read or is gone, what comes there later is news.
async fn forget_read(tx: &mut Transaction<'static, Sqlite>, scan: &Ingest<'_>) -> Result<()> {
    for row in sqlx::query("SELECT path FROM baseline_files").fetch_all(&mut **tx).await? {
        let path: String = row.try_get(0)?;
        if !scan.present.contains(path.as_str()) {
            sqlx::query("DELETE FROM baseline_files WHERE path = $1").bind(path).execute(&mut **tx).await?;
        }
    }
    Ok(())
}

async fn count(tx: &mut Transaction<'static, Sqlite>, sql: &'static str) -> Result<i64> {
    Ok(sqlx::query(sql).fetch_one(&mut **tx).await?.try_get(0)?)
}

/// Writes one post that was read, over the row it had where it had one; the
/// row's id.
async fn take_entry(
    tx: &mut Transaction<'static, Sqlite>,
    (scan, files): (&Ingest<'_>, &HashSet<&str>),
    entry: &Entry,
    stamp: (u64, Timestamp),
    now: Timestamp,
    done: &mut Ingested,
) -> Result<i64> {
    let hash = hex(&entry.content_hash);
    let (id, same) = if let Some(was) = known_as(tx, files, entry, &hash).await? {
        done.changed += u64::from(!was.same || was.is_removed);
        (was.id, was.same)
    } else if let Some((id, same)) = moved_from(tx, files, entry, &hash).await? {
        done.moved += 1;
        (id, same)
    } else {
        done.added += 1;
        (insert(tx, entry).await?, true)
    };
    write_entry(tx, id, entry, &hash, (stamp, scan.rendered_by), (!same).then_some(now)).await?;
    Ok(id)
}

/// Marks as removed what has no file any more, or whose file holds another post now.
async fn remove_missing(
    tx: &mut Transaction<'static, Sqlite>,
    scan: &Ingest<'_>,
    taken: &HashSet<i64>,
    now: Timestamp,
    done: &mut Ingested,
) -> Result<()> {
    let removed = sqlx::query(
        "UPDATE posts SET removed = $1 WHERE removed IS NULL AND path NOT IN (SELECT value FROM json_each($2))
            AND id NOT IN (SELECT value FROM json_each($3))",
    )
    .bind(now.0)
    .bind(json!(scan.present).to_string())
    .bind(json!(taken).to_string())
    .execute(&mut **tx)
    .await?;
    done.removed += removed.rows_affected();
    Ok(())
}

/// Gives sequence numbers to what became public. A post taken back before any
/// edition carried it gets a new one when it returns: the slots that passed
/// meanwhile passed without it. One that was mailed keeps its number for ever.
async fn number_public(
    tx: &mut Transaction<'static, Sqlite>,
    scan: &Ingest<'_>,
    now: Timestamp,
    done: &mut Ingested,
) -> Result<()> {
    const WITHDRAW: &str =
        concat!("UPDATE posts SET public_since = NULL WHERE public_since IS NOT NULL AND NOT (", public!("$1"), ")");
    const BECAME_PUBLIC: &str = concat!(
        "SELECT id, dated, seq IS NULL OR mailable = 1 AND NOT EXISTS (SELECT 1 FROM variant_posts v
            WHERE v.post_id = posts.id) AS is_new, path IN (SELECT path FROM baseline_files) AS was_there
         FROM posts WHERE public_since IS NULL AND ",
        public!("$1"),
        " ORDER BY dated, id"
    );
    done.withdrawn = sqlx::query(WITHDRAW).bind(now.0).execute(&mut **tx).await?.rows_affected();
    let fresh = sqlx::query(BECAME_PUBLIC).bind(now.0).fetch_all(&mut **tx).await?;
    let mut newest = count(tx, "SELECT COALESCE(MAX(seq), 0) FROM posts").await?;
    let numbered = count(tx, "SELECT COUNT(seq) FROM posts").await?;
    let mut news = 0;
    for row in &fresh {
        news += i64::from(row.try_get("is_new")? && !row.try_get::<bool, _>("was_there")?);
    }
    done.guarded = !done.baseline && (news > scan.guard_posts || scan.is_large(news, numbered));
    for row in &fresh {
        let id: i64 = row.try_get("id")?;
        if row.try_get("is_new")? {
            newest += 1;
            let was_there = done.baseline || row.try_get("was_there")?;
            let recent = instant(row, "dated")? >= now.minus(scan.max_age);
            sqlx::query("UPDATE posts SET seq = $1, public_since = $2, mailable = $3, guarded = $4 WHERE id = $5")
                .bind(newest)
                .bind(now.0)
                .bind(recent && !was_there)
                .bind(done.guarded && !was_there)
                .bind(id)
                .execute(&mut **tx)
                .await?;
        } else {
            sqlx::query("UPDATE posts SET public_since = $1 WHERE id = $2")
                .bind(now.0)
                .bind(id)
                .execute(&mut **tx)
                .await?;
        }
    }
    done.published = u64::try_from(fresh.len()).unwrap_or(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;

    #[tokio::test]
    async fn whether_time_changed_anything_is_told_without_walking_through_the_posts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {AT_REST}"));
        let rows = sqlx::query(sql).bind(0).fetch_all(&store.db.reader).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let has = |index: &str| plan.iter().any(|step| step.starts_with("SEARCH posts") && step.contains(index));
        assert!(has("posts_to_come") && has("posts_to_end") && has("posts_by_date"), "{plan:?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN posts")), "{plan:?}");
    }
}
