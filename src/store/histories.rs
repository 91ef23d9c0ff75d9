//! What is known of many subscriptions at once, for the operator's export.

use sqlx::Row;

use super::subscriptions::{StoredConsent, stored_consent};
use super::{Result, Store, instant, maybe_instant};
use crate::domain::Timestamp;

/// A mail as its subscription's history tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailTold {
    /// `edition`, `confirm`, ...
    pub kind: String,
    /// Number of the edition.
    pub edition: Option<i64>,
    /// Where it stands.
    pub state: String,
    /// Why, when there is a reason.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was written to the outbox.
    pub created: Timestamp,
    /// When it was settled.
    pub settled: Option<Timestamp>,
}

impl Store {
    /// The consents of subscriptions, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn consents_of(&self, subscriptions: &[i64]) -> Result<Vec<(i64, StoredConsent)>> {
        let rows = sqlx::query(
            "SELECT subscription_id, act, at, source, words, network FROM consents
             WHERE subscription_id IN (SELECT value FROM json_each($1)) ORDER BY subscription_id, at, id",
        )
        .bind(list(subscriptions))
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("subscription_id")?, stored_consent(row)?))).collect()
    }

    /// The mails to subscriptions, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn mails_of(&self, subscriptions: &[i64]) -> Result<Vec<(i64, MailTold)>> {
        let rows = sqlx::query(
            "SELECT subscription_id, kind, edition, state, reason, attempts, created, settled FROM deliveries
             WHERE subscription_id IN (SELECT value FROM json_each($1)) ORDER BY subscription_id, id",
        )
        .bind(list(subscriptions))
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let told = MailTold {
                    kind: row.try_get("kind")?,
                    edition: row.try_get("edition")?,
                    state: row.try_get("state")?,
                    reason: row.try_get("reason")?,
                    attempts: row.try_get("attempts")?,
                    created: instant(row, "created")?,
                    settled: maybe_instant(row, "settled")?,
                };
                Ok((row.try_get("subscription_id")?, told))
            })
            .collect()
    }

    /// Every address that must not be mailed, why, and since when.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn suppressions(&self) -> Result<Vec<(String, String, Timestamp)>> {
        // Those of whom we forgot are kept without their address.
        let sql = "SELECT address_key, reason || ': ' || detail AS why, created FROM suppressions
            WHERE instr(address_key, '@') > 0 ORDER BY address_key";
        let rows = sqlx::query(sql).fetch_all(&self.db.reader).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("address_key")?, row.try_get("why")?, instant(row, "created")?)))
            .collect()
    }
}

/// Numbers for `json_each`.
fn list(ids: &[i64]) -> String {
    format!("[{}]", ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
}
