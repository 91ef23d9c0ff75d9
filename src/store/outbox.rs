//! The outbox: what may be handed over now, who holds it, what a crash left.

use serde::Deserialize;
use sqlx::{Row as _, Sqlite, Transaction};

use super::{Result, Store, StoreError};
use crate::domain::delivery::Kind;
use crate::domain::subscription::Subscription;
use crate::domain::{Address, Timestamp};

/// The two kinds of mail, which are leased apart so that one never waits behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Transactional mail and tests: a person waits for it.
    Letters,
    /// Copies of editions.
    Editions,
}

/// While all sending is paused only the operator's test mail leaves.
const DUE_LETTERS: &str = "SELECT json_group_array(id) FROM (
        SELECT id FROM deliveries WHERE state = 'queued' AND edition IS NULL AND not_before <= $1
            AND (kind = 'test' OR NOT EXISTS (SELECT 1 FROM pauses))
        ORDER BY not_before, id LIMIT $2)";

/// CROSS JOIN: SQLite is to go from the few editions being sent to their rows,
/// which the index has in order, and never past those of an edition that waits.
const DUE_EDITIONS: &str = "SELECT json_group_array(id) FROM (
        SELECT d.id FROM editions e CROSS JOIN deliveries d ON d.edition = e.number
        WHERE e.state = 'sending' AND d.state = 'queued' AND d.not_before <= $1 AND NOT EXISTS (SELECT 1 FROM pauses)
        ORDER BY e.number, d.not_before, d.id LIMIT $2)";

/// CROSS JOIN: the index is asked about each edition being sent, and not those that wait.
const ANY_TO_EXPIRE: &str = "SELECT EXISTS (SELECT 1 FROM editions e CROSS JOIN deliveries d ON d.edition = e.number
            WHERE e.state = 'sending' AND d.settled IS NULL AND d.state = 'queued' AND d.expires <= $1)
        OR EXISTS (SELECT 1 FROM deliveries WHERE edition IS NULL AND settled IS NULL AND state = 'queued'
            AND expires <= $1)";

/// A delivery a worker of this run holds.
#[derive(Clone, Debug)]
pub struct Leased {
    /// Row id.
    pub id: i64,
    /// What it carries.
    pub kind: Kind,
    /// Its frozen rendering; `None` for transactional mail, which is rendered from its row.
    pub variant: Option<i64>,
    /// Its edition.
    pub edition: Option<i64>,
    /// Where it goes.
    pub address: Address,
    /// The subscription it belongs to, of an edition with the cadence it was
    /// sealed for; `None` for the operator's test mail.
    pub subscription: Option<Subscription>,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it was written to the outbox: the Date of the message, every time.
    pub created: Timestamp,
    /// When it is given up.
    pub expires: Timestamp,
}

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

    /// Leases up to `limit` deliveries that may be handed over now: letters as
    /// they came, copies of the oldest edition first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn lease(&self, run: i64, what: Mail, limit: i64, now: Timestamp) -> Result<Vec<Leased>> {
        let mut tx = self.begin().await?;
        let due = sqlx::query(match what {
            Mail::Letters => DUE_LETTERS,
            Mail::Editions => DUE_EDITIONS,
        });
        let ids: String = due.bind(now.0).bind(limit).fetch_one(&mut *tx).await?.try_get(0)?;
        if ids == "[]" {
            return Ok(Vec::new());
        }
        sqlx::query(
            "UPDATE deliveries SET state = 'leased', run_id = $1
             WHERE state = 'queued' AND id IN (SELECT value FROM json_each($2))",
        )
        .bind(run)
        .bind(&ids)
        .execute(&mut *tx)
        .await?;
        let leased = leased(&mut tx, &ids, now).await?;
        self.commit(tx).await?;
        Ok(leased)
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

/// A row of `LEASED`, in its order.
#[derive(Deserialize)]
struct Row {
    id: i64,
    kind: String,
    variant: Option<i64>,
    edition: Option<i64>,
    address: String,
    attempts: u32,
    created: i64,
    expires: i64,
    subscription: Option<Subscribed>,
}

#[derive(Deserialize)]
struct Subscribed {
    id: i64,
    subscriber: i64,
    newsletter: String,
    status: String,
    cadence: String,
    covered_until: i64,
    paused_until: Option<i64>,
    created: i64,
    confirmed: Option<i64>,
    unsubscribed: Option<i64>,
    wish: Option<String>,
}

/// All in one value: the driver hands every row and every column over apart, which costs more than all else here.
const LEASED: &str = "SELECT json_group_array(json_array(d.id, d.kind, d.variant_id, d.edition,
        COALESCE(d.address, r.address), d.attempts, d.created, d.expires,
        CASE WHEN s.id IS NOT NULL THEN json_array(s.id, s.subscriber_id, s.newsletter_id, s.status,
            COALESCE((SELECT cadence FROM editions WHERE number = d.edition), s.cadence), s.covered_until,
            s.paused_until, s.created, s.confirmed, s.unsubscribed, s.wish) END)
        ORDER BY d.edition, d.not_before, d.id)
    FROM json_each($1) j JOIN deliveries d ON d.id = j.value
    LEFT JOIN subscriptions s ON s.id = d.subscription_id LEFT JOIN subscribers r ON r.id = s.subscriber_id";

/// What was just leased. A stored address that this version does not take for
/// one is refused, and keeps nobody else from being leased.
async fn leased(tx: &mut Transaction<'static, Sqlite>, ids: &str, now: Timestamp) -> Result<Vec<Leased>> {
    let rows: String = sqlx::query(LEASED).bind(ids).fetch_one(&mut **tx).await?.try_get(0)?;
    let rows: Vec<Row> = serde_json::from_str(&rows).map_err(|error| StoreError::Value(error.to_string()))?;
    let mut good = Vec::with_capacity(rows.len());
    for row in rows {
        match Address::parse(&row.address) {
            Ok(address) => good.push(row.leased(address).map_err(StoreError::Value)?),
            Err(reason) => refuse(tx, row.id, &reason, now).await?,
        }
    }
    Ok(good)
}

async fn refuse(tx: &mut Transaction<'static, Sqlite>, id: i64, reason: &str, now: Timestamp) -> Result<()> {
    sqlx::query("UPDATE deliveries SET state = 'refused', run_id = NULL, reason = $1, settled = $2 WHERE id = $3")
        .bind(reason)
        .bind(now.0)
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Row {
    fn leased(self, address: Address) -> std::result::Result<Leased, String> {
        let subscription = self.subscription.map(|row| row.subscription(address.clone())).transpose()?;
        Ok(Leased {
            id: self.id,
            kind: self.kind.parse()?,
            variant: self.variant,
            edition: self.edition,
            address,
            subscription,
            attempts: self.attempts,
            created: Timestamp(self.created),
            expires: Timestamp(self.expires),
        })
    }
}

impl Subscribed {
    fn subscription(self, address: Address) -> std::result::Result<Subscription, String> {
        Ok(Subscription {
            id: self.id,
            subscriber_id: self.subscriber,
            address,
            newsletter: self.newsletter,
            status: self.status.parse()?,
            cadence: self.cadence.parse()?,
            wish: self.wish.map(|wish| wish.parse()).transpose()?,
            // Who is owed what was settled at the seal.
            topics: Vec::new(),
            covered_until: self.covered_until,
            paused_until: self.paused_until.map(Timestamp),
            created: Timestamp(self.created),
            confirmed: self.confirmed.map(Timestamp),
            unsubscribed: self.unsubscribed.map(Timestamp),
        })
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
