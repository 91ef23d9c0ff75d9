//! Pace: what left before, and what mail waits for.

use serde_json::json;
use sqlx::Row;

use super::{Result, Store, instant};
use crate::domain::Timestamp;
use crate::domain::pace::Wait;
use crate::domain::time::Span;

impl Store {
    /// What reached MAIL at a relay within a span up to now, in sixtieths of
    /// it: when, and how many. What a crash cut short counts for every relay.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn handed_over(&self, relay: &str, span: Span, now: Timestamp) -> Result<Vec<(Timestamp, u32)>> {
        let since = now.minus(span);
        let rows = sqlx::query(
            "SELECT MAX(ended) AS at, COUNT(*) AS many FROM attempts
             WHERE id >= $1 AND ended > $2 AND relay IN ($3, '') AND phase <> 'connect' GROUP BY ended / $4",
        )
        .bind(self.first_attempt_since(since).await?)
        .bind(since.0)
        .bind(relay)
        .bind((span.0 / 60).max(1))
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(|row| Ok((instant(row, "at")?, row.try_get("many")?))).collect()
    }

    /// The first attempt that ended after an instant, or one before it: they
    /// are kept for ever, in the order they ended, and need no index for that.
    async fn first_attempt_since(&self, since: Timestamp) -> Result<i64> {
        let row = sqlx::query("SELECT COALESCE(MIN(id), 1), COALESCE(MAX(id), 1) FROM attempts");
        let row = row.fetch_one(&self.db.reader).await?;
        let (mut low, mut high): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = sqlx::query("SELECT ended FROM attempts WHERE id >= $1 ORDER BY id LIMIT 1");
            let row = row.bind(middle).fetch_one(&self.db.reader).await?;
            if row.try_get::<i64, _>(0)? > since.0 { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }

    /// Writes down what mail waits for in a run, in place of what it waited for before.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn tell_waits(&self, run: i64, waits: &[Wait]) -> Result<()> {
        let rows: Vec<_> =
            waits.iter().map(|wait| json!([wait.relay, wait.domain, wait.reason, wait.until.0])).collect();
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM waits").execute(&mut *tx).await?;
        sqlx::query(
            "INSERT INTO waits (run_id, position, relay, domain, reason, until)
             SELECT $1, j.key, j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3 FROM json_each($2) j",
        )
        .bind(run)
        .bind(json!(rows).to_string())
        .execute(&mut *tx)
        .await?;
        self.commit(tx).await?;
        Ok(())
    }

    /// What mail waits for in the run that goes on.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn waits(&self) -> Result<Vec<Wait>> {
        let rows = sqlx::query("SELECT relay, domain, reason, until FROM waits ORDER BY run_id, position");
        let rows = rows.fetch_all(&self.db.reader).await?;
        let wait = |row| {
            let (relay, domain) = (Row::try_get(row, "relay")?, Row::try_get(row, "domain")?);
            Ok(Wait { relay, domain, reason: Row::try_get(row, "reason")?, until: instant(row, "until")? })
        };
        rows.iter().map(wait).collect()
    }
}
