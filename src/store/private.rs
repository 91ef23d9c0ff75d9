//! Feeds of single subscribers: a row for each address that is good now.

use sqlx::Row;

use super::{Result, Store, instant};
use crate::domain::Timestamp;

impl Store {
    /// When the address of a subscription's own feed was made: the one that is
    /// good now. `None` when there is none, or the subscription is not active.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn private_feed(&self, subscription: i64) -> Result<Option<Timestamp>> {
        let row = sqlx::query(
            "SELECT f.issued FROM private_feeds f JOIN subscriptions s ON s.id = f.subscription_id
             WHERE s.id = $1 AND s.status = 'active'",
        )
        .bind(subscription)
        .fetch_optional(&self.db.reader)
        .await?;
        row.as_ref().map(|row| instant(row, "issued")).transpose()
    }

    /// Makes an address for an active subscription's own feed; one it had ends.
    /// False when it is not active.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn open_private_feed(&self, subscription: i64, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        // Whole seconds, as tokens tell them, and never the same as before.
        let made = sqlx::query(
            "INSERT INTO private_feeds (subscription_id, issued)
             SELECT id, $2 FROM subscriptions WHERE id = $1 AND status = 'active'
             ON CONFLICT (subscription_id) DO UPDATE SET issued = MAX(excluded.issued, private_feeds.issued + 1000)",
        )
        .bind(subscription)
        .bind(now.0.div_euclid(1_000) * 1_000)
        .execute(&mut *tx)
        .await?;
        self.commit(tx).await?;
        Ok(made.rows_affected() > 0)
    }

    /// Ends the address of a subscription's own feed.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn close_private_feed(&self, subscription: i64) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM private_feeds WHERE subscription_id = $1")
            .bind(subscription)
            .execute(&mut *tx)
            .await?;
        self.commit(tx).await
    }

    /// Whether any post is for subscribers alone.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn has_closed_posts(&self) -> Result<bool> {
        let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM posts WHERE access = 'subscribers' AND removed IS NULL)");
        Ok(row.fetch_one(&self.db.reader).await?.try_get(0)?)
    }
}
