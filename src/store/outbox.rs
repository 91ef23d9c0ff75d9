//! The outbox: what a crash left, what is tried again, what is given up.

use sqlx::Row as _;

use super::{Result, Store};
use crate::domain::delivery::Kind;
use crate::domain::{Address, Timestamp};

/// CROSS JOIN: the index is asked about each edition being sent, and not those that wait.
const ANY_TO_EXPIRE: &str = "SELECT EXISTS (SELECT 1 FROM editions e CROSS JOIN deliveries d ON d.edition = e.number
            WHERE e.state = 'sending' AND d.settled IS NULL AND d.state = 'queued' AND d.expires <= $1)
        OR EXISTS (SELECT 1 FROM deliveries WHERE edition IS NULL AND settled IS NULL AND state = 'queued'
            AND expires <= $1)";

/// What the start of a run found left over from earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Leases given straight back.
    pub returned: u64,
    /// Hand-overs cut short: listed as uncertain.
    pub uncertain: u64,
}

impl Store {
    /// Begins a run and takes back what earlier runs left: leases at once;
    /// hand-overs become `uncertain`, each listed as an attempt, to be looked
    /// at again at `resend_at` (`None`: held for the operator).
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn begin_run(
        &self,
        version: &str,
        resend_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(i64, Recovered)> {
        let mut tx = self.begin().await?;
        let run = sqlx::query("INSERT INTO runs (version, started) VALUES ($1, $2) RETURNING id")
            .bind(version)
            .bind(now.0)
            .fetch_one(&mut *tx)
            .await?
            .try_get(0)?;
        sqlx::query("DELETE FROM waits").execute(&mut *tx).await?;
        sqlx::query(
            "INSERT INTO attempts (delivery_id, number, run_id, relay, started, ended, phase, outcome, text)
             SELECT id, attempts + 1, run_id, '', $1, $1, 'dot', 'uncertain', 'stopped during hand-over'
             FROM deliveries WHERE run_id IS NOT NULL AND state = 'handing_over'",
        )
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        let uncertain = sqlx::query(
            "UPDATE deliveries SET state = 'uncertain', attempts = attempts + 1, uncertain = uncertain + 1,
                run_id = NULL, reason = 'stopped during hand-over', not_before = $1
             WHERE run_id IS NOT NULL AND state = 'handing_over'",
        )
        .bind(resend_at.map_or(i64::MAX, |t| t.0))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let returned = sqlx::query("UPDATE deliveries SET state = 'queued', run_id = NULL WHERE run_id IS NOT NULL")
            .execute(&mut *tx)
            .await?
            .rows_affected();
        crate::failpoint!("recover");
        self.commit(tx).await?;
        Ok((run, Recovered { returned, uncertain }))
    }

    /// Ends a run in order.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn end_run(&self, run: i64, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE runs SET stopped = $1 WHERE id = $2").bind(now.0).bind(run).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM waits").execute(&mut *tx).await?;
        self.commit(tx).await?;
        Ok(())
    }

    /// Queues the operator's test mail to any address; its row id.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn queue_test(&self, address: &Address, expires: Timestamp, now: Timestamp) -> Result<i64> {
        let mut tx = self.begin().await?;
        let id = sqlx::query(
            "INSERT INTO deliveries (kind, address, state, attempts, uncertain, not_before, expires, created)
             VALUES ($1, $2, 'queued', 0, 0, $3, $4, $3) RETURNING id",
        )
        .bind(Kind::Test.as_str())
        .bind(address.as_str())
        .bind(now.0)
        .bind(expires.0)
        .fetch_one(&mut *tx)
        .await?
        .try_get(0)?;
        self.commit(tx).await?;
        Ok(id)
    }

    /// Takes a test mail back that was never tried; false when it was tried or
    /// is in somebody's hand.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn cancel_untried_test(&self, id: i64, reason: &str, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let cancelled = sqlx::query(
            "UPDATE deliveries SET state = 'cancelled', reason = $1, settled = $2
             WHERE id = $3 AND kind = 'test' AND state = 'queued' AND attempts = 0",
        )
        .bind(reason)
        .bind(now.0)
        .bind(id)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        self.commit(tx).await?;
        Ok(cancelled == 1)
    }

    /// Puts uncertain deliveries whose wait for evidence is over back in the
    /// queue, each once; how many. Those uncertain twice stay for the operator.
    /// The wait does not count against them: they may be tried until `expires`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn resend_uncertain(&self, expires: Timestamp, now: Timestamp) -> Result<u64> {
        let mut tx = self.begin().await?;
        let moved = sqlx::query(
            "UPDATE deliveries SET state = 'queued', not_before = $1, expires = MAX(expires, $2)
             WHERE state = 'uncertain' AND not_before <= $1 AND uncertain > 0 AND uncertain < 2
                AND (edition IS NULL OR edition IN (SELECT number FROM editions WHERE state = 'sending'))",
        )
        .bind(now.0)
        .bind(expires.0)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if moved > 0 {
            crate::failpoint!("resend");
        }
        self.commit(tx).await?;
        Ok(moved)
    }

    /// Gives up queued deliveries whose time is over; how many. While their
    /// edition is held or paused, or all sending is, their time stands still.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn expire(&self, now: Timestamp) -> Result<u64> {
        // Every second, and hardly ever is there one: the writer is not kept waiting for that.
        let some: bool = sqlx::query(ANY_TO_EXPIRE).bind(now.0).fetch_one(&self.db.reader).await?.try_get(0)?;
        if !some {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let gone = sqlx::query(
            "UPDATE deliveries SET state = 'expired', settled = $1, reason = COALESCE(reason, 'never tried in time')
             WHERE settled IS NULL AND state = 'queued' AND expires <= $1 AND NOT EXISTS (SELECT 1 FROM pauses)
                AND (edition IS NULL OR edition IN (SELECT number FROM editions WHERE state = 'sending'))",
        )
        .bind(now.0)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        self.commit(tx).await?;
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whether_any_delivery_is_to_expire_is_seen_without_walking_through_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ANY_TO_EXPIRE}"));
        let rows = sqlx::query(sql).bind(0).fetch_all(&store.db.reader).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let seeks = plan.iter().filter(|step| step.ends_with("deliveries_open (edition=? AND expires<?)"));
        assert_eq!(seeks.count(), 2, "{plan:?}");
    }
}
