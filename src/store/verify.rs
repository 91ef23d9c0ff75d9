//! The accounting check: part (e) of the promise, and everything else that must
//! hold between an edition, its deliveries and their attempts at any moment.

use sqlx::Row;

use super::{Result, Store};

/// Each finds rows that must not be; `$1` is the edition, the answer a sentence.
const CHECKS: [&str; 8] = [
    "SELECT 'its audience is ' || audience || ', and ' || (SELECT COUNT(*) FROM deliveries WHERE edition = $1)
        || ' deliveries are written' FROM editions
     WHERE number = $1 AND audience <> (SELECT COUNT(*) FROM deliveries WHERE edition = $1)",
    "SELECT 'it is finished, and delivery ' || d.id || ' is ' || d.state
     FROM deliveries d JOIN editions e ON e.number = d.edition
     WHERE e.number = $1 AND e.state = 'finished' AND d.settled IS NULL",
    "SELECT 'delivery ' || id || ' is ' || state || ', and its time of settling is '
        || CASE WHEN settled IS NULL THEN 'not set' ELSE 'set' END
     FROM deliveries WHERE edition = $1
        AND (state IN ('queued', 'leased', 'handing_over', 'uncertain')) <> (settled IS NULL)",
    "SELECT 'delivery ' || id || ' is ' || state || ' and does not say why' FROM deliveries
     WHERE edition = $1 AND reason IS NULL AND state IN ('refused', 'suppressed', 'expired', 'cancelled', 'uncertain')",
    "SELECT 'delivery ' || d.id || ' counts ' || d.attempts || ' attempts, ' || d.uncertain || ' of them uncertain, and '
        || COUNT(a.id) || ' and ' || COUNT(a.id) FILTER (WHERE a.outcome = 'uncertain') || ' are written'
     FROM deliveries d LEFT JOIN attempts a ON a.delivery_id = d.id WHERE d.edition = $1 GROUP BY d.id
     HAVING COUNT(a.id) <> d.attempts OR COUNT(DISTINCT a.number) <> d.attempts
        OR COUNT(a.id) FILTER (WHERE a.outcome = 'uncertain') <> d.uncertain",
    "SELECT 'delivery ' || d.id || ' is ' || d.state || ', and ' || COUNT(a.id) || ' attempts were accepted'
     FROM deliveries d LEFT JOIN attempts a ON a.delivery_id = d.id AND a.outcome = 'accepted' WHERE d.edition = $1
     GROUP BY d.id HAVING COUNT(a.id) <> (d.state = 'accepted' AND d.reason IS NOT 'accepted by hand')",
    // What a stop left in hand is the last run's until the next one begins.
    "SELECT 'delivery ' || id || ' is ' || state || ' by run ' || COALESCE(run_id, 'none') || ', which is not the last'
     FROM deliveries WHERE edition = $1 AND (state IN ('leased', 'handing_over') OR run_id IS NOT NULL)
        AND (state NOT IN ('leased', 'handing_over')
            OR run_id IS NOT (SELECT MAX(id) FROM runs))",
    "SELECT 'delivery ' || d.id || ' carries a rendering of another edition'
     FROM deliveries d LEFT JOIN variants v ON v.id = d.variant_id
     WHERE d.edition = $1 AND v.edition IS NOT $1",
];

impl Store {
    /// Every inconsistency in the books of an edition, a sentence each; none is
    /// what there should be.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn verify(&self, number: i64) -> Result<Vec<String>> {
        // One snapshot: the engine may be writing.
        let mut tx = self.db.reader.begin().await?;
        let mut found = Vec::new();
        for check in CHECKS {
            for row in sqlx::query(check).bind(number).fetch_all(&mut *tx).await? {
                found.push(row.try_get(0)?);
            }
        }
        Ok(found)
    }

    /// How many deliveries of an edition a stop left in hand, because the relay
    /// did not answer in time: the next run gives them back or lists them as
    /// uncertain.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn left_in_hand(&self, number: i64) -> Result<i64> {
        let row = sqlx::query(
            "SELECT COUNT(*) FROM deliveries WHERE edition = $1 AND state IN ('leased', 'handing_over')
                AND run_id IN (SELECT id FROM runs WHERE stopped IS NOT NULL)",
        )
        .bind(number)
        .fetch_one(&self.db.reader)
        .await?;
        Ok(row.try_get(0)?)
    }
}
