//! What the operator does by hand: stops and goes on, settles what nobody can
//! know, tries once more what had failed.

use sqlx::{Row, Sqlite, Transaction};

use super::{Result, Store, maybe_instant};
use crate::domain::delivery::Verdict;
use crate::domain::{Address, Timestamp};

/// What became of a wish to try failed deliveries once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// Back in the queue.
    pub queued: u64,
    /// Left as they are: unsubscribed, or their address must not be mailed.
    pub left: u64,
}

impl Store {
    /// Stops all sending but the operator's test mail: no mark is granted after
    /// this. False when it was stopped before.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pause(&self, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let paused = sqlx::query("INSERT INTO pauses (id, since) VALUES (1, $1) ON CONFLICT DO NOTHING")
            .bind(now.0)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        self.commit(tx).await?;
        Ok(paused > 0)
    }

    /// Lets sending go on. The time it stood still counts against no delivery.
    /// False when it was not stopped.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn resume(&self, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let Some(row) = sqlx::query("DELETE FROM pauses RETURNING since").fetch_optional(&mut *tx).await? else {
            return Ok(false);
        };
        let since: i64 = row.try_get(0)?;
        sqlx::query(
            "UPDATE deliveries SET expires = expires + MAX(0, $1 - MAX($2, created))
             WHERE settled IS NULL",
        )
        .bind(now.0)
        .bind(since)
        .execute(&mut *tx)
        .await?;
        self.commit(tx).await?;
        Ok(true)
    }

    /// Since when all sending is stopped, if it is.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn paused_since(&self) -> Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MIN(since) AS since FROM pauses").fetch_one(&self.db.reader).await?;
        maybe_instant(&row, "since")
    }

    /// Why all sending is stopped, when it was not by the operator.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pause_reason(&self) -> Result<Option<String>> {
        let row = sqlx::query("SELECT MIN(reason) FROM pauses").fetch_one(&self.db.reader).await?;
        Ok(row.try_get(0)?)
    }

    /// Whether copies of an edition, or letters, may leave now as far as the
    /// operator is concerned; the mark has the last word.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn may_leave(&self, edition: Option<i64>) -> Result<bool> {
        let row = sqlx::query(
            "SELECT NOT EXISTS (SELECT 1 FROM pauses)
                AND ($1 IS NULL OR EXISTS (SELECT 1 FROM editions WHERE number = $1 AND state = 'sending'))",
        )
        .bind(edition)
        .fetch_one(&self.db.reader)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Stops an edition until [`Store::approve_edition`]: no mark is granted
    /// after this. False when it is not being sent.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pause_edition(&self, number: i64, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let paused =
            sqlx::query("UPDATE editions SET state = 'paused', reason = $1 WHERE number = $2 AND state = 'sending'")
                .bind(reason)
                .bind(number)
                .execute(&mut *tx)
                .await?
                .rows_affected();
        self.commit(tx).await?;
        Ok(paused > 0)
    }

    /// Settles uncertain deliveries of an edition as the operator knows them to
    /// be, all or those to these addresses; how many. Those sent again may be
    /// tried until `expires`. All stay listed as possible duplicates.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn resolve(
        &self,
        number: i64,
        verdict: Verdict,
        to: Option<&[Address]>,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<u64> {
        let mut tx = self.begin().await?;
        let resolved = sqlx::query(
            "UPDATE deliveries SET state = $1, reason = $2, not_before = $3, settled = $4,
                expires = MAX(expires, $7)
             WHERE edition = $5 AND state = 'uncertain' AND ($6 IS NULL OR subscription_id IN (
                SELECT s.id FROM json_each($6) j JOIN subscribers r ON r.address_key = j.value
                JOIN subscriptions s ON s.subscriber_id = r.id))",
        )
        .bind(verdict.state().as_str())
        .bind(format!("{} by hand", verdict.as_str()))
        .bind(now.0)
        .bind(Some(now.0).filter(|_| !verdict.state().is_open()))
        .bind(number)
        .bind(keys(to))
        .bind(expires.0)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        self.commit(tx).await?;
        Ok(resolved)
    }

    /// Puts refused and expired deliveries of an edition back in the queue, all
    /// or those to these addresses, to be tried until `expires`; an edition
    /// that was finished is being sent again. Whoever unsubscribed or must not
    /// be mailed is left out.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn retry(
        &self,
        number: i64,
        to: Option<&[Address]>,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Retried> {
        let mut tx = self.begin().await?;
        let failed = failed(&mut tx, number, to).await?;
        let queued = sqlx::query(
            // To where its reader is now; what may have arrived goes to the same place once more.
            "UPDATE deliveries SET state = 'queued', not_before = $1, expires = $2, settled = NULL,
                address = CASE WHEN uncertain = 0 THEN NULL ELSE address END
             WHERE id IN (SELECT value FROM json_each($3)) AND state IN ('refused', 'expired')
                AND subscription_id IN (SELECT s.id FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id
                    WHERE s.status = 'active'
                        AND NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_key = r.address_key))",
        )
        .bind(now.0)
        .bind(expires.0)
        .bind(serde_json::json!(failed).to_string())
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if queued > 0 {
            sqlx::query(
                "UPDATE editions SET state = 'sending', finished = NULL WHERE number = $1 AND state = 'finished'",
            )
            .bind(number)
            .execute(&mut *tx)
            .await?;
        }
        self.commit(tx).await?;
        Ok(Retried { queued, left: (failed.len() as u64).saturating_sub(queued) })
    }
}

/// Addresses as a list the engine reads; `None` stays none.
fn keys(addresses: Option<&[Address]>) -> Option<String> {
    addresses.map(|all| serde_json::json!(all.iter().map(Address::key).collect::<Vec<_>>()).to_string())
}

/// Failed deliveries of an edition that is not cancelled.
async fn failed(tx: &mut Transaction<'static, Sqlite>, number: i64, to: Option<&[Address]>) -> Result<Vec<i64>> {
    let rows = sqlx::query(
        "SELECT d.id FROM deliveries d JOIN editions e ON e.number = d.edition
         JOIN subscriptions s ON s.id = d.subscription_id JOIN subscribers r ON r.id = s.subscriber_id
         WHERE d.edition = $1 AND e.state <> 'cancelled' AND d.state IN ('refused', 'expired')
            AND ($2 IS NULL OR r.address_key IN (SELECT value FROM json_each($2)))",
    )
    .bind(number)
    .bind(keys(to))
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
