//! What was published, and which hubs have yet to hear of it.

use std::collections::HashMap;

use sqlx::Row;

use super::{Result, Store, StoreError, instant};
use crate::domain::Timestamp;
use crate::domain::time::Span;

/// A hub forgets a ping it could not be told of for this long: by then readers have asked by themselves.
const PING_LIFE: Span = Span::days(1);

/// What a published file was when it last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its validator.
    pub etag: String,
    /// When it last changed.
    pub modified: Timestamp,
    /// The id of a feed: its first address, for ever.
    pub feed_id: String,
}

/// A hub that has yet to be told of a feed that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The hub's address.
    pub hub: String,
    /// The feed's.
    pub topic: String,
    /// When the feed changed last.
    pub changed: Timestamp,
    /// How often the hub was tried.
    pub attempts: i64,
}

impl Store {
    /// What each published file was when it last changed, by path.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn published(&self) -> Result<HashMap<String, Published>> {
        let rows =
            sqlx::query("SELECT path, etag, modified, feed_id FROM published").fetch_all(&self.db.reader).await?;
        rows.iter()
            .map(|row| {
                let (etag, feed_id) = (row.try_get("etag")?, row.try_get("feed_id")?);
                Ok((row.try_get("path")?, Published { etag, modified: instant(row, "modified")?, feed_id }))
            })
            .collect()
    }

    /// Remembers what these files are now, what is known of others stays; and
    /// that these hubs have to be told of these feeds. Both or nothing: a feed
    /// that is seen to have changed is one its hubs will hear of.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn remember_published(
        &self,
        files: &[(&str, Published)],
        (hubs, changed): (&[String], &[String]),
        now: Timestamp,
    ) -> Result<()> {
        let json = |value: serde_json::Result<String>| value.map_err(|e| StoreError::Value(e.to_string()));
        let files: Vec<_> =
            files.iter().map(|(path, file)| (path, &file.etag, file.modified.0, &file.feed_id)).collect();
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO published (path, etag, modified, feed_id)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) WHERE true
             ON CONFLICT (path) DO UPDATE SET etag = excluded.etag, modified = excluded.modified
                WHERE published.etag <> excluded.etag",
        )
        .bind(json(serde_json::to_string(&files))?)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO pings (hub, topic, changed, attempts, due)
             SELECT h.value, t.value, $3, 0, $3 FROM json_each($1) h, json_each($2) t WHERE true
             ON CONFLICT (hub, topic) DO UPDATE SET changed = excluded.changed",
        )
        .bind(json(serde_json::to_string(hubs))?)
        .bind(json(serde_json::to_string(changed))?)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        self.commit(tx).await?;
        Ok(())
    }

    /// Up to `limit` pings that are due, the longest waiting first. What no hub
    /// took for a day is forgotten here.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn due_pings(&self, limit: i64, now: Timestamp) -> Result<Vec<Ping>> {
        let rows = sqlx::query(
            "SELECT hub, topic, changed, attempts FROM pings WHERE due <= $1 ORDER BY due, hub, topic LIMIT $2",
        )
        .bind(now.0)
        .bind(limit)
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Ping {
                    hub: row.try_get("hub")?,
                    topic: row.try_get("topic")?,
                    changed: instant(row, "changed")?,
                    attempts: row.try_get("attempts")?,
                })
            })
            .collect()
    }

    /// The hub has heard. A feed that changed again meanwhile stays due.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pinged(&self, ping: &Ping) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM pings WHERE hub = $1 AND topic = $2 AND changed = $3")
            .bind(&ping.hub)
            .bind(&ping.topic)
            .bind(ping.changed.0)
            .execute(&mut *tx)
            .await?;
        self.commit(tx).await?;
        Ok(())
    }

    /// The hub has not heard and is tried again at `due`, unless that would be too late to matter.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn ping_later(&self, ping: &Ping, due: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE pings SET attempts = attempts + 1, due = $1 WHERE hub = $2 AND topic = $3")
            .bind(due.0)
            .bind(&ping.hub)
            .bind(&ping.topic)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM pings WHERE due - changed > $1").bind(PING_LIFE.0).execute(&mut *tx).await?;
        self.commit(tx).await?;
        Ok(())
    }
}
