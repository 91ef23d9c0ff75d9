//! Mail that is no edition, on its way into the outbox.

use sqlx::{Sqlite, Transaction};

use super::{Result, Store, word};
use crate::domain::delivery::Kind;
use crate::domain::subscription::Status;
use crate::domain::time::Span;
use crate::domain::{Address, Timestamp};

/// One mail of a kind a day to one address, however often somebody types it.
const MAIL_INTERVAL: Span = Span::hours(24);

/// Whoever does not confirm is asked this often within that time, and no more.
const ASKED_AT_MOST: (i64, Span) = (3, Span::days(30));

/// One link to read an hour: whoever asks again may have lost it.
const LINK_INTERVAL: Span = Span::hours(1);

impl Store {
    /// Queues the mail that tells a reader they have left: a button can be
    /// pressed by whoever a mail was passed on to.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn say_goodbye(&self, subscription: i64, expires: Span, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        queue_mail(&mut tx, Kind::Goodbye, subscription, None, expires, now).await?;
        self.commit(tx).await
    }

    /// Queues once more what answers a request: a link to confirm, or for a
    /// subscription that is active a word that it is. Nothing for one that
    /// ended; one such mail a day.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn write_again(&self, subscription: i64, expires: Span, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(
            "SELECT status FROM subscriptions WHERE id = $1 AND (status <> 'unsubscribed' OR wish IS NOT NULL)",
        )
        .bind(subscription)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(row) = row {
            let kind = if word::<Status>(&row, "status")? == Status::Active { Kind::Already } else { Kind::Confirm };
            queue_mail(&mut tx, kind, subscription, None, expires, now).await?;
        }
        self.commit(tx).await
    }

    /// Queues the mail with a link to read on the web, for an address with an
    /// active subscription; one an hour.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn send_reading_link(&self, to: &Address, expires: Span, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO deliveries (kind, subscription_id, state, attempts, uncertain, not_before, expires, created)
             SELECT $1, MIN(s.id), 'queued', 0, 0, $2, $3, $2
             FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id
             WHERE r.address_key = $4 AND s.status = 'active'
                AND NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_key = $4)
                AND NOT EXISTS (SELECT 1 FROM subscriptions o JOIN deliveries d ON d.subscription_id = o.id
                    WHERE o.subscriber_id = r.id AND d.kind = $1 AND d.created > $5)
             GROUP BY r.id",
        )
        .bind(Kind::Reading.as_str())
        .bind(now.0)
        .bind(now.plus(expires).0)
        .bind(to.key())
        .bind(now.minus(LINK_INTERVAL).0)
        .execute(&mut *tx)
        .await?;
        self.commit(tx).await
    }
}

/// Queues a transactional mail unless its address is suppressed or one of its
/// kind went out within a day; one that failed, and a confirmation that was
/// used, free the next. To confirm, an address is asked once a day whatever the
/// newsletters: whoever types in somebody else's bombs them with one mail. It
/// goes `to` another address than the subscriber's where one is given.
pub(super) async fn queue_mail(
    tx: &mut Transaction<'static, Sqlite>,
    kind: Kind,
    subscription: i64,
    to: Option<&Address>,
    expires: Span,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO deliveries (kind, subscription_id, address, state, attempts, uncertain, not_before, expires,
            created)
         SELECT $1, s.id, $6, 'queued', 0, 0, $2, $3, $2
         FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id
         WHERE s.id = $4
            AND NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_key = COALESCE(LOWER($6), r.address_key))
            AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.address IS NOT NULL AND LOWER(d.address) = LOWER($6)
                AND d.kind = $1 AND d.created > $5)
            AND ($6 IS NOT NULL OR NOT EXISTS (SELECT 1 FROM subscriptions o JOIN deliveries d ON d.subscription_id = o.id
                WHERE o.subscriber_id = s.subscriber_id AND (o.id = s.id OR $1 = 'confirm') AND d.kind = $1
                AND d.state NOT IN ('refused', 'suppressed', 'expired', 'cancelled')
                AND d.created > $5 AND d.created > COALESCE(o.confirmed, 0)))
            AND ($1 <> 'moving' OR $7 > (SELECT COUNT(*) FROM deliveries d WHERE d.address IS NOT NULL
                AND LOWER(d.address) = LOWER($6) AND d.kind = $1 AND d.created > $8))
            AND ($1 <> 'confirm' OR $7 > (SELECT COUNT(*) FROM subscriptions o
                JOIN deliveries d ON d.subscription_id = o.id
                WHERE o.subscriber_id = s.subscriber_id AND d.kind = $1 AND d.created > $8
                    AND d.created > COALESCE(o.confirmed, 0)))",
    )
    .bind(kind.as_str())
    .bind(now.0)
    .bind(now.plus(expires).0)
    .bind(subscription)
    .bind(now.minus(MAIL_INTERVAL).0)
    .bind(to.map(Address::as_str))
    .bind(ASKED_AT_MOST.0)
    .bind(now.minus(ASKED_AT_MOST.1).0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
