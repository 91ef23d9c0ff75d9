//! Schedules: which slot comes next, and what the cadence `each` has seen.

use sqlx::Row;

use super::seal::audience;
use super::{Result, Store, instant, word};
use crate::domain::{Cadence, Newsletter, Timestamp};

/// A slot that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The newsletter's id.
    pub newsletter: String,
    /// Its cadence.
    pub cadence: Cadence,
    /// The stored instant it fell due; long past after downtime.
    pub slot: Timestamp,
}

/// What the cadence `each` has to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The newest post that has settled.
    pub newest_seq: i64,
    /// Since when it is public.
    pub public_since: Timestamp,
    /// Its slot has passed: what is left is owed to readers who changed to
    /// `each`, or came back, after it.
    pub passed: bool,
}

const SETTLED: &str = concat!(
    "SELECT p.seq, p.public_since, p.seq <= (SELECT covered_seq FROM schedules
        WHERE newsletter_id = $1 AND cadence = $2) AS passed
     FROM (SELECT seq, public_since FROM posts WHERE public_since <= $4 ORDER BY seq DESC LIMIT 1) p
     WHERE EXISTS (SELECT 1 FROM subscriptions s WHERE s.covered_until < p.seq AND ",
    audience!(),
    ")"
);

impl Store {
    /// Makes newsletters and schedules agree with the settings. A new schedule
    /// starts at its next slot; one whose clock time changed is moved.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn mirror_newsletters(&self, newsletters: &[Newsletter], now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        for newsletter in newsletters {
            sqlx::query(
                "INSERT INTO newsletters (id, title) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET title = $2",
            )
            .bind(&newsletter.id)
            .bind(&newsletter.title)
            .execute(&mut *tx)
            .await?;
            for cadence in Cadence::ALL {
                let clock =
                    newsletter.when(cadence).map_or_else(String::new, |when| format!("{when} {}", newsletter.zone));
                sqlx::query(
                    "INSERT INTO schedules (newsletter_id, cadence, clock, next_slot, covered_seq)
                     VALUES ($1, $2, $3, $4, (SELECT COALESCE(MAX(seq), 0) FROM posts))
                     ON CONFLICT (newsletter_id, cadence) DO UPDATE SET clock = $3, next_slot = $4
                     WHERE schedules.clock <> $3",
                )
                .bind(&newsletter.id)
                .bind(cadence.as_str())
                .bind(clock)
                .bind(newsletter.next_slot(cadence, now).map(|t| t.0))
                .execute(&mut *tx)
                .await?;
            }
        }
        self.commit(tx).await?;
        Ok(())
    }

    /// The stored next slot of every schedule that has one, soonest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn next_slots(&self) -> Result<Vec<Due>> {
        self.slots_until(Timestamp(i64::MAX)).await
    }

    /// Slots of daily, weekly and monthly schedules that have come by `now`.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn due_slots(&self, now: Timestamp) -> Result<Vec<Due>> {
        self.slots_until(now).await
    }

    async fn slots_until(&self, until: Timestamp) -> Result<Vec<Due>> {
        let rows = sqlx::query(
            "SELECT newsletter_id, cadence, next_slot FROM schedules WHERE next_slot <= $1
             ORDER BY next_slot, newsletter_id, cadence",
        )
        .bind(until.0)
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Due {
                    newsletter: row.try_get("newsletter_id")?,
                    cadence: word(row, "cadence")?,
                    slot: instant(row, "next_slot")?,
                })
            })
            .collect()
    }

    /// For the cadence `each`: what has settled by `settled_by` while somebody
    /// has not had it; `None` when everybody has.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn settled(&self, newsletter: &str, settled_by: Timestamp, now: Timestamp) -> Result<Option<Settled>> {
        let row = sqlx::query(SETTLED)
            .bind(newsletter)
            .bind(Cadence::Each.as_str())
            .bind(now.0)
            .bind(settled_by.0)
            .fetch_optional(&self.db.reader)
            .await?;
        row.map(|row| {
            Ok(Settled {
                newest_seq: row.try_get("seq")?,
                public_since: instant(&row, "public_since")?,
                passed: row.try_get("passed")?,
            })
        })
        .transpose()
    }

    /// The newest sequence number given so far; 0 before the first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn newest_seq(&self) -> Result<i64> {
        Ok(sqlx::query("SELECT COALESCE(MAX(seq), 0) FROM posts").fetch_one(&self.db.reader).await?.try_get(0)?)
    }

    /// Moves a schedule to its next slot when another composer sealed this one.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn set_next_slot(&self, newsletter: &str, cadence: Cadence, next: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE schedules SET next_slot = $1 WHERE newsletter_id = $2 AND cadence = $3")
            .bind(next.0)
            .bind(newsletter)
            .bind(cadence.as_str())
            .execute(&mut *tx)
            .await?;
        self.commit(tx).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;

    #[tokio::test]
    async fn whether_the_newest_post_has_settled_is_asked_every_second_without_reading_a_post() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {SETTLED}"));
        let rows = sqlx::query(sql).bind("").bind("").bind(0).bind(0).fetch_all(&store.db.reader).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().any(|step| step.ends_with("posts USING COVERING INDEX posts_by_seq")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
