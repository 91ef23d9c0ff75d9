//! A subscriber's new address: asked for by them, good once it says yes itself.

use sqlx::{Row, Sqlite, Transaction};

use super::letters::queue_mail;
use super::subscriptions::record_consent;
use super::{Result, Store, StoreError, instant};
use crate::domain::delivery::Kind;
use crate::domain::subscription::{Consent, Status, Subscription};
use crate::domain::time::Span;
use crate::domain::{Address, Timestamp};

impl Store {
    /// Notes the new address an active reader asks for, in the place of one
    /// asked for before, and queues the mail that asks there; one a day goes to
    /// any address.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn ask_to_move(
        &self,
        asked_by: &Subscription,
        to: &Address,
        expires: Span,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        queue_mail(&mut tx, Kind::Moving, asked_by.id, Some(to), expires, now).await?;
        // When the mail was written whose link works: whoever asks again within a day gets no other one.
        sqlx::query(
            "INSERT INTO address_changes (subscriber_id, address, asked)
             SELECT $1, $2, COALESCE((SELECT MAX(created) FROM deliveries
                WHERE subscription_id = $4 AND kind = $5 AND LOWER(address) = LOWER($2)), $3)
             WHERE true
             ON CONFLICT (subscriber_id) DO UPDATE SET address = excluded.address, asked = excluded.asked",
        )
        .bind(asked_by.subscriber_id)
        .bind(to.as_str())
        .bind(now.0)
        .bind(asked_by.id)
        .bind(Kind::Moving.as_str())
        .execute(&mut *tx)
        .await?;
        self.commit(tx).await
    }

    /// The new address a subscriber asked for at this instant, to the second;
    /// `None` once it was taken or another was asked for.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn wants_to_move(&self, subscriber: i64, asked: Timestamp) -> Result<Option<Address>> {
        let row = sqlx::query("SELECT address, asked FROM address_changes WHERE subscriber_id = $1")
            .bind(subscriber)
            .fetch_optional(&self.db.reader)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let is_asked = instant(&row, "asked")?.0.div_euclid(1_000) == asked.0.div_euclid(1_000);
        let address: String = row.try_get("address")?;
        is_asked.then(|| Address::parse(&address).map_err(StoreError::Value)).transpose()
    }

    /// Gives all subscriptions of a subscriber to an address, and tells the one
    /// before. Where that address has subscriptions of its own, an active one
    /// stays, and any other takes what the reader has had and chosen; the
    /// reader's own ends. The subscription that goes on; `None` when there is
    /// none such.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn move_to(
        &self,
        asked_by: &Subscription,
        to: &Address,
        consent: &Consent,
        expires: Span,
        now: Timestamp,
    ) -> Result<Option<Subscription>> {
        let mut tx = self.begin().await?;
        let known = sqlx::query("SELECT id FROM subscribers WHERE address_key = $1 AND id <> $2")
            .bind(to.key())
            .bind(asked_by.subscriber_id)
            .fetch_optional(&mut *tx)
            .await?;
        match known {
            None => rename(&mut tx, asked_by.subscriber_id, to).await?,
            Some(row) => join(&mut tx, asked_by.subscriber_id, row.try_get(0)?, now).await?,
        }
        sqlx::query("DELETE FROM address_changes WHERE subscriber_id = $1")
            .bind(asked_by.subscriber_id)
            .execute(&mut *tx)
            .await?;
        let goes_on = sqlx::query(
            "SELECT s.id FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id
             WHERE r.address_key = $1 AND s.newsletter_id = $2 AND s.status = 'active'",
        )
        .bind(to.key())
        .bind(&asked_by.newsletter)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = goes_on else { return Ok(None) };
        let id: i64 = row.try_get(0)?;
        record_consent(&mut tx, id, consent, now).await?;
        queue_mail(&mut tx, Kind::Moved, id, Some(&asked_by.address), expires, now).await?;
        self.commit(tx).await?;
        Ok(self.subscription(id).await?.filter(|subscription| subscription.status == Status::Active))
    }
}

/// Nobody has the address yet: the subscriber is called by it from now on.
async fn rename(tx: &mut Transaction<'static, Sqlite>, subscriber: i64, to: &Address) -> Result<()> {
    sqlx::query("UPDATE subscribers SET address = $1, address_key = $2 WHERE id = $3")
        .bind(to.as_str())
        .bind(to.key())
        .bind(subscriber)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What subscriber `$1` has that `$2` lacks goes over; where both have one, an
/// inactive one of `$2` takes cadence, pause, topics and what was had.
const TAKE_OVER: [&str; 4] = [
    "UPDATE subscriptions SET subscriber_id = $2 WHERE subscriber_id = $1 AND newsletter_id NOT IN (
        SELECT newsletter_id FROM subscriptions WHERE subscriber_id = $2)",
    "DELETE FROM subscription_topics WHERE subscription_id IN (
        SELECT n.id FROM subscriptions n JOIN subscriptions o ON o.newsletter_id = n.newsletter_id
        WHERE o.subscriber_id = $1 AND n.subscriber_id = $2 AND n.status <> 'active' AND o.status = 'active')",
    "INSERT INTO subscription_topics (subscription_id, topic)
        SELECT n.id, t.topic FROM subscriptions n JOIN subscriptions o ON o.newsletter_id = n.newsletter_id
        JOIN subscription_topics t ON t.subscription_id = o.id
        WHERE o.subscriber_id = $1 AND n.subscriber_id = $2 AND n.status <> 'active' AND o.status = 'active'",
    "UPDATE subscriptions SET status = 'active', confirmed = o.confirmed, unsubscribed = NULL, wish = NULL,
        cadence = o.cadence, language = o.language, covered_until = o.covered_until, paused_until = o.paused_until
     FROM subscriptions AS o WHERE o.subscriber_id = $1 AND o.status = 'active'
        AND o.newsletter_id = subscriptions.newsletter_id AND subscriptions.subscriber_id = $2
        AND subscriptions.status <> 'active'",
];

/// What is left of subscriber `$1` ends.
const END: [&str; 2] = [
    "UPDATE deliveries SET state = 'cancelled', reason = 'address changed', settled = $2
     WHERE state = 'queued' AND subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = $1)",
    "UPDATE subscriptions SET status = 'unsubscribed', unsubscribed = $2
     WHERE subscriber_id = $1 AND status <> 'unsubscribed'",
];

/// Somebody has the address: what the subscriber has goes over to them.
async fn join(tx: &mut Transaction<'static, Sqlite>, from: i64, to: i64, now: Timestamp) -> Result<()> {
    for sql in TAKE_OVER {
        sqlx::query(sql).bind(from).bind(to).execute(&mut **tx).await?;
    }
    for sql in END {
        sqlx::query(sql).bind(from).bind(now.0).execute(&mut **tx).await?;
    }
    Ok(())
}
