//! Which post a file holds that was read: one that is known, one that was
//! moved, or none of these.

use std::collections::HashSet;

use sqlx::{Row, Sqlite, Transaction};

use super::Result;
use crate::domain::Entry;

const KNOWN_AS: &str =
    "SELECT id, path, identity = $1 AS by_identity, content_hash = $3 AS same, removed IS NOT NULL AS is_removed
         FROM posts WHERE identity = $1 OR path = $2
         ORDER BY identity = $1 AND $4 DESC, path = $2 AND removed IS NULL DESC, identity = $1 DESC, removed DESC";

const MOVED_FROM: &str = "SELECT id, path, content_hash = $1 AS same FROM posts
         WHERE content_hash = $1 OR url = $2 OR (title = $3 AND dated = $4)
         ORDER BY content_hash = $1 DESC, url = $2 DESC, id";

/// A post as it was before this scan.
pub(super) struct Was {
    pub(super) id: i64,
    /// Its content is what it is now.
    pub(super) same: bool,
    pub(super) is_removed: bool,
}

/// The post of this file or of this identity. What a file is called by may
/// change with other files of its name, so its path tells more; only an id
/// its author wrote goes before that.
pub(super) async fn known_as(
    tx: &mut Transaction<'static, Sqlite>,
    files: &HashSet<&str>,
    entry: &Entry,
    hash: &str,
) -> Result<Option<Was>> {
    let rows = sqlx::query(KNOWN_AS)
        .bind(&entry.identity)
        .bind(&entry.path)
        .bind(hash)
        .bind(entry.guid.is_some())
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let is_removed = row.try_get("is_removed")?;
        let path: &str = row.try_get("path")?;
        let is_named = entry.guid.is_some() && row.try_get("by_identity")?;
        if is_named || is_removed || path == entry.path || !files.contains(path) {
            return Ok(Some(Was { id: row.try_get("id")?, same: row.try_get("same")?, is_removed }));
        }
    }
    Ok(None)
}

/// The post this one was before its file was moved, and whether its content is
/// the same: the post of a file that is gone with this content, else at this
/// address, else with this title and date. A rename, even with an edit, is not news.
pub(super) async fn moved_from(
    tx: &mut Transaction<'static, Sqlite>,
    files: &HashSet<&str>,
    entry: &Entry,
    hash: &str,
) -> Result<Option<(i64, bool)>> {
    let rows = sqlx::query(MOVED_FROM)
        .bind(hash)
        .bind(&entry.url)
        .bind(&entry.title)
        .bind(entry.date.0)
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        if !files.contains(row.try_get::<&str, _>("path")?) {
            return Ok(Some((row.try_get("id")?, row.try_get("same")?)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[tokio::test]
    async fn no_file_is_held_against_every_post_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        for sql in [KNOWN_AS, MOVED_FROM] {
            let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = sqlx::query(sql).bind("").bind("").bind("").bind(0).fetch_all(&store.db.reader).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{plan:?}");
        }
    }
}
