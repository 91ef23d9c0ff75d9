//! What a reader may change of a subscription without ending it.

use super::subscriptions::record_consent;
use super::{Result, Store, StoreError};
use crate::domain::subscription::{Consent, Subscription};
use crate::domain::{Cadence, Timestamp};

/// What a reader chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// How often; `None` leaves it as it is.
    pub cadence: Option<Cadence>,
    /// The language of mails and pages; `None` is the site's.
    pub language: Option<String>,
    /// Only posts with one of these topic slugs; empty means all of the newsletter's.
    pub topics: Vec<String>,
    /// No mail before this instant.
    pub paused_until: Option<Timestamp>,
}

impl Store {
    /// Changes how often; `covered_until` stays, so nothing is skipped or repeated.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn set_cadence(&self, id: i64, cadence: Cadence) -> Result<Option<Subscription>> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE subscriptions SET cadence = $1 WHERE id = $2")
            .bind(cadence.as_str())
            .bind(id)
            .execute(&mut *tx)
            .await?;
        self.commit(tx).await?;
        self.subscription(id).await
    }

    /// Notes that a reader chose something: that they know of their subscription.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn note_choice(&self, id: i64, consent: &Consent, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        record_consent(&mut tx, id, consent, now).await?;
        self.commit(tx).await
    }

    /// Keeps what the reader of an active subscription chose; `covered_until`
    /// stays, so what appears during a pause comes after it. Any other
    /// subscription stays as it is.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn choose(
        &self,
        id: i64,
        choices: &Choices,
        consent: &Consent,
        now: Timestamp,
    ) -> Result<Option<Subscription>> {
        let topics = serde_json::to_string(&choices.topics).map_err(|error| StoreError::Value(error.to_string()))?;
        let mut tx = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE subscriptions SET cadence = COALESCE($1, cadence), paused_until = $2, language = $4
             WHERE id = $3 AND status = 'active'",
        )
        .bind(choices.cadence.map(Cadence::as_str))
        .bind(choices.paused_until.map(|until| until.0))
        .bind(id)
        .bind(&choices.language)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() > 0 {
            record_consent(&mut tx, id, consent, now).await?;
            sqlx::query("DELETE FROM subscription_topics WHERE subscription_id = $1")
                .bind(id)
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO subscription_topics (subscription_id, topic)
                 SELECT DISTINCT $1, value FROM json_each($2)",
            )
            .bind(id)
            .bind(topics)
            .execute(&mut *tx)
            .await?;
        }
        self.commit(tx).await?;
        self.subscription(id).await
    }
}
