//! Answers for the operator: who got it, who did not, and why.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Result, Store, instant, maybe_instant, word};
use crate::domain::delivery::{Kind, State};
use crate::domain::{Address, Cadence, Timestamp};

/// One delivery as a report shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Row id.
    pub id: i64,
    /// What it carries.
    pub kind: Kind,
    /// Its edition.
    pub edition: Option<i64>,
    /// Where it goes.
    pub address: String,
    /// Where it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: i64,
    /// How often nobody could know whether it arrived.
    pub uncertain: i64,
    /// When it may be tried again.
    pub not_before: Timestamp,
    /// Why it stands there.
    pub reason: Option<String>,
    /// When it was written to the outbox.
    pub created: Timestamp,
    /// When it was settled.
    pub settled: Option<Timestamp>,
}

impl DeliveryRow {
    /// Uncertain until the operator resolves it: it is not sent again by itself.
    pub fn is_held(&self) -> bool {
        self.state == State::Uncertain && (self.uncertain > 1 || self.not_before == Timestamp(i64::MAX))
    }
}

/// One attempt as a report shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Counted from 1.
    pub number: i64,
    /// Which relay; empty when a crash cut it short.
    pub relay: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How far it came.
    pub phase: String,
    /// What became of it.
    pub outcome: String,
    /// Reply code, when there was one.
    pub code: Option<i64>,
    /// Enhanced code, when there was one.
    pub enhanced: Option<String>,
    /// Reply text, or what happened instead.
    pub text: String,
}

/// Subscriptions of one newsletter and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionCount {
    /// The newsletter's id.
    pub newsletter: String,
    /// `pending`, `active`, `unsubscribed`.
    pub status: String,
    /// Their cadence.
    pub cadence: Cadence,
    /// How many.
    pub count: i64,
}

/// What is in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Deliveries not settled.
    pub open: i64,
    /// Of these, deferred after at least one attempt.
    pub deferred: i64,
    /// Of these, uncertain.
    pub uncertain: i64,
    /// When the oldest open one was written.
    pub oldest: Option<Timestamp>,
    /// Next try of a deferred one.
    pub next_try: Option<Timestamp>,
}

const DELIVERY: &str = "SELECT d.id, d.kind, d.edition, COALESCE(d.address, r.address) AS to_address, d.state,
        d.attempts, d.uncertain, d.not_before, d.reason, d.created, d.settled
    FROM deliveries d LEFT JOIN subscriptions s ON s.id = d.subscription_id
    LEFT JOIN subscribers r ON r.id = s.subscriber_id";

/// Row ids of everything ever queued for the address key `$1`: two questions,
/// each with an index of its own, where one with OR would read the whole ledger.
macro_rules! to_address {
    () => {
        "d.id IN (SELECT t.id FROM subscribers a JOIN subscriptions b ON b.subscriber_id = a.id
            JOIN deliveries t ON t.subscription_id = b.id WHERE a.address_key = $1
            UNION ALL SELECT id FROM deliveries WHERE address IS NOT NULL AND LOWER(address) = $1)"
    };
}

const TO_ADDRESS: &str = concat!(" WHERE ", to_address!(), " ORDER BY d.id");

const POST_TO_ADDRESS: &str = concat!(
    " WHERE ",
    to_address!(),
    " AND EXISTS (SELECT 1 FROM variant_posts p WHERE p.variant_id = d.variant_id AND p.post_id = $2)
      ORDER BY d.id LIMIT 1"
);

fn select(tail: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe([DELIVERY, tail].concat())
}

impl Store {
    /// Deliveries of an edition with an id above `after`, optionally in one state.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn deliveries_of_edition(
        &self,
        edition: i64,
        state: Option<State>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>> {
        let rows = sqlx::query(select(
            " WHERE d.edition = $1 AND d.id > $2 AND ($3 IS NULL OR d.state = $3) ORDER BY d.id LIMIT $4",
        ))
        .bind(edition)
        .bind(after)
        .bind(state.map(State::as_str))
        .bind(limit)
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(delivery).collect()
    }

    /// Deliveries of an edition that may have reached their reader twice: every
    /// one that was ever uncertain.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn possible_duplicates(&self, edition: i64) -> Result<Vec<DeliveryRow>> {
        let rows = sqlx::query(select(" WHERE d.edition = $1 AND d.uncertain > 0 ORDER BY d.id"))
            .bind(edition)
            .fetch_all(&self.db.reader)
            .await?;
        rows.iter().map(delivery).collect()
    }

    /// Everything ever queued for an address, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn deliveries_to(&self, address: &Address) -> Result<Vec<DeliveryRow>> {
        let rows = sqlx::query(select(TO_ADDRESS)).bind(address.key()).fetch_all(&self.db.reader).await?;
        rows.iter().map(delivery).collect()
    }

    /// The delivery that carried a post to an address, if one did or will.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn delivery_of_post(&self, address: &Address, post: i64) -> Result<Option<DeliveryRow>> {
        let row =
            sqlx::query(select(POST_TO_ADDRESS)).bind(address.key()).bind(post).fetch_optional(&self.db.reader).await?;
        row.as_ref().map(delivery).transpose()
    }

    /// One delivery.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn delivery(&self, id: i64) -> Result<Option<DeliveryRow>> {
        let row = sqlx::query(select(" WHERE d.id = $1")).bind(id).fetch_optional(&self.db.reader).await?;
        row.as_ref().map(delivery).transpose()
    }

    /// The attempts of a delivery, first one first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn attempts(&self, delivery: i64) -> Result<Vec<AttemptRow>> {
        let rows = sqlx::query(
            "SELECT number, relay, started, ended, phase, outcome, code, enhanced, text FROM attempts
             WHERE delivery_id = $1 ORDER BY id",
        )
        .bind(delivery)
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(AttemptRow {
                    number: row.try_get("number")?,
                    relay: row.try_get("relay")?,
                    started: instant(row, "started")?,
                    ended: instant(row, "ended")?,
                    phase: row.try_get("phase")?,
                    outcome: row.try_get("outcome")?,
                    code: row.try_get("code")?,
                    enhanced: row.try_get("enhanced")?,
                    text: row.try_get("text")?,
                })
            })
            .collect()
    }

    /// Subscriptions by newsletter, status and cadence.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn subscription_counts(&self) -> Result<Vec<SubscriptionCount>> {
        let rows = sqlx::query(
            "SELECT newsletter_id, status, cadence, COUNT(*) AS n FROM subscriptions
             GROUP BY newsletter_id, status, cadence ORDER BY newsletter_id, status, cadence",
        )
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SubscriptionCount {
                    newsletter: row.try_get("newsletter_id")?,
                    status: row.try_get("status")?,
                    cadence: word(row, "cadence")?,
                    count: row.try_get("n")?,
                })
            })
            .collect()
    }

    /// What is in the outbox now.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn outbox(&self) -> Result<Outbox> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS open, COUNT(*) FILTER (WHERE state = 'queued' AND attempts > 0) AS deferred,
                COUNT(*) FILTER (WHERE state = 'uncertain') AS uncertain,
                MIN(created) AS oldest,
                MIN(CASE WHEN state = 'queued' AND attempts > 0 THEN not_before END) AS next_try
             FROM deliveries WHERE settled IS NULL",
        )
        .fetch_one(&self.db.reader)
        .await?;
        Ok(Outbox {
            open: row.try_get("open")?,
            deferred: row.try_get("deferred")?,
            uncertain: row.try_get("uncertain")?,
            oldest: maybe_instant(&row, "oldest")?,
            next_try: maybe_instant(&row, "next_try")?,
        })
    }

    /// How many deliveries beside the operator's tests would leave by `until`
    /// if somebody began to hand over.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn ready(&self, until: Timestamp) -> Result<i64> {
        let row = sqlx::query(
            "SELECT COUNT(*) FROM deliveries d LEFT JOIN editions e ON e.number = d.edition
             WHERE d.settled IS NULL AND d.kind <> 'test'
                AND (d.state = 'leased' OR d.not_before <= $1
                    AND (d.state = 'queued' OR d.state = 'uncertain' AND d.uncertain < 2))
                AND (d.edition IS NULL OR e.state = 'sending') AND NOT EXISTS (SELECT 1 FROM pauses)",
        )
        .bind(until.0)
        .fetch_one(&self.db.reader)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// How many of an edition were accepted since an instant: the rate of a send.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn accepted_since(&self, edition: i64, since: Timestamp) -> Result<i64> {
        let row =
            sqlx::query("SELECT COUNT(*) FROM deliveries WHERE edition = $1 AND state = 'accepted' AND settled >= $2")
                .bind(edition)
                .bind(since.0)
                .fetch_one(&self.db.reader)
                .await?;
        Ok(row.try_get(0)?)
    }
}

fn delivery(row: &SqliteRow) -> Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.try_get("id")?,
        kind: word(row, "kind")?,
        edition: row.try_get("edition")?,
        address: row.try_get("to_address")?,
        state: word(row, "state")?,
        attempts: row.try_get("attempts")?,
        uncertain: row.try_get("uncertain")?,
        not_before: instant(row, "not_before")?,
        reason: row.try_get("reason")?,
        created: instant(row, "created")?,
        settled: maybe_instant(row, "settled")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_got_what_is_answered_without_reading_the_whole_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        for tail in [TO_ADDRESS, POST_TO_ADDRESS] {
            let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {DELIVERY}{tail}"));
            let rows = sqlx::query(sql).fetch_all(&store.db.reader).await.unwrap();
            let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(!steps.is_empty() && !steps.iter().any(|step| step.starts_with("SCAN")), "{steps:#?}");
        }
    }
}
