//! Feeds of others that posts come from: how far each was read, when it is due.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Result, Store, StoreError, instant, maybe_instant};
use crate::domain::Timestamp;

/// A remote feed as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its address in the settings.
    pub url: String,
    /// Where it is asked for now: it moved for good, or this is the same.
    pub location: String,
    /// Validator of what was read last.
    pub etag: Option<String>,
    /// The other validator.
    pub last_modified: Option<String>,
    /// By which rules and version of ours it was read: others read it again.
    pub rendered_by: String,
    /// When it was read last; `None` before the first time.
    pub read: Option<Timestamp>,
    /// When it is to be asked again.
    pub due: Timestamp,
    /// Failures in a row.
    pub failures: u32,
    /// Its server said that it has ended: it is not asked again.
    pub gone: bool,
    /// What went wrong the last time.
    pub fault: Option<String>,
}

impl Store {
    /// All remote feeds that are remembered.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sources(&self) -> Result<Vec<Source>> {
        let rows = sqlx::query(
            "SELECT url, location, etag, last_modified, rendered_by, read_at, due, failures, gone, fault FROM sources
             ORDER BY url",
        )
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(source).collect()
    }

    /// Remembers exactly these: one taken out of the settings and put back
    /// begins anew.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn keep_sources(&self, sources: &[Source]) -> Result<()> {
        let urls: Vec<&str> = sources.iter().map(|source| source.url.as_str()).collect();
        let urls = serde_json::to_string(&urls).map_err(|e| StoreError::Value(e.to_string()))?;
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM sources WHERE url NOT IN (SELECT value FROM json_each($1))")
            .bind(urls)
            .execute(&mut *tx)
            .await?;
        for source in sources {
            sqlx::query(
                "INSERT INTO sources (url, location, etag, last_modified, rendered_by, read_at, due, failures, gone, fault)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 ON CONFLICT (url) DO UPDATE SET location = excluded.location, etag = excluded.etag,
                    last_modified = excluded.last_modified, rendered_by = excluded.rendered_by,
                    read_at = excluded.read_at, due = excluded.due, failures = excluded.failures,
                    gone = excluded.gone, fault = excluded.fault",
            )
            .bind(&source.url)
            .bind(&source.location)
            .bind(&source.etag)
            .bind(&source.last_modified)
            .bind(&source.rendered_by)
            .bind(source.read.map(|at| at.0))
            .bind(source.due.0)
            .bind(i64::from(source.failures))
            .bind(source.gone)
            .bind(&source.fault)
            .execute(&mut *tx)
            .await?;
        }
        self.commit(tx).await?;
        Ok(())
    }

    /// The dates of posts that came from feeds, by path: of those whose feed
    /// gives none, the day they were first seen.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn remote_dates(&self) -> Result<std::collections::HashMap<String, Timestamp>> {
        let rows =
            sqlx::query("SELECT path, dated FROM posts WHERE path LIKE 'http%'").fetch_all(&self.db.reader).await?;
        rows.iter().map(|row| Ok((row.try_get("path")?, instant(row, "dated")?))).collect()
    }
}

fn source(row: &SqliteRow) -> Result<Source> {
    Ok(Source {
        url: row.try_get("url")?,
        location: row.try_get("location")?,
        etag: row.try_get("etag")?,
        last_modified: row.try_get("last_modified")?,
        rendered_by: row.try_get("rendered_by")?,
        read: maybe_instant(row, "read_at")?,
        due: instant(row, "due")?,
        failures: u32::try_from(row.try_get::<i64, _>("failures")?).unwrap_or(u32::MAX),
        gone: row.try_get("gone")?,
        fault: row.try_get("fault")?,
    })
}
