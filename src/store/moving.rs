//! A subscriber's new address: asked for by them, good once it says yes itself,
//! and taken back by whoever reads at the one before.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection, Transaction};

use super::erasures::is_kept_out;
use super::letters::queue_mail;
use super::subscriptions::{UNDO, record_consent};
use super::{Result, Store, StoreError, instant, maybe_instant};
use crate::domain::delivery::Kind;
use crate::domain::subscription::{Consent, Status, Subscription};
use crate::domain::time::Span;
use crate::domain::{Address, Timestamp};

/// An address a reader had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// Row id of the move away from it.
    pub id: i64,
    /// The address.
    pub address: Address,
    /// When they moved.
    pub at: Timestamp,
}

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
        if !is_kept_out(&mut tx, to).await? {
            queue_mail(&mut tx, Kind::Moving, asked_by.id, Some(to), expires, now).await?;
        }
        // When the mail was written whose link works: whoever asks again within a day gets no other one.
        sqlx::query(
            "INSERT INTO address_changes (subscriber_id, address, asked)
             SELECT $1, $2, COALESCE((SELECT MAX(created) FROM deliveries
                WHERE subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = $1)
                    AND kind = $4 AND LOWER(address) = LOWER($2)), $3)
             WHERE true
             ON CONFLICT (subscriber_id) DO UPDATE SET address = excluded.address, asked = excluded.asked",
        )
        .bind(asked_by.subscriber_id)
        .bind(to.as_str())
        .bind(now.0)
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

    /// Until when a move of this subscriber, from their address or to it, can
    /// be taken back, or one of whoever has the address they want: whoever
    /// reads at an address somebody took must find everything where it went.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn held_until(&self, subscriber: i64, to: Option<&Address>, now: Timestamp) -> Result<Option<Timestamp>> {
        let mut connection = self.db.reader.acquire().await?;
        held(&mut connection, subscriber, to, now).await
    }

    /// The addresses that were left, for where this subscription goes now, at
    /// this instant, to the second: one, or none where that was taken back.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn moved_from(&self, subscription: &Subscription, at: Timestamp) -> Result<Vec<Former>> {
        let rows = sqlx::query(
            "SELECT id, address, at FROM moves WHERE subscriber_id = $1 AND at / 1000 = $2
             UNION SELECT id, address, at FROM moves WHERE joined = $1 AND at / 1000 = $2",
        )
        .bind(subscription.subscriber_id)
        .bind(at.0.div_euclid(1_000))
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(former).collect()
    }

    /// Gives all subscriptions of a subscriber to an address, and tells the one
    /// before. Where that address has subscriptions of its own, an active one
    /// stays, and any other takes what the reader has had and chosen; the
    /// reader's own ends. The subscription that goes on; `None` when there is
    /// none such, or an earlier move can still be taken back.
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
        let known: Option<i64> = known.map(|row| row.try_get(0)).transpose()?;
        if held(&mut tx, asked_by.subscriber_id, Some(to), now).await?.is_some() {
            return Ok(None);
        }
        sqlx::query("INSERT INTO moves (subscriber_id, address, at, joined) VALUES ($1, $2, $3, $4)")
            .bind(asked_by.subscriber_id)
            .bind(asked_by.address.as_str())
            .bind(now.0)
            .bind(known)
            .execute(&mut *tx)
            .await?;
        match known {
            None => rename(&mut tx, asked_by.subscriber_id, to, now).await?,
            Some(other) => join(&mut tx, asked_by.subscriber_id, other, now).await?,
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

    /// Takes a move back: what the reader had goes to that address again, and
    /// links in mail to the other one open nothing any more. What the other
    /// address had of its own, and has said yes to itself, stays there. The
    /// subscription that goes on, active or not; `None` when it was taken back.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn move_back(
        &self,
        from: &Subscription,
        to: &Former,
        consent: &Consent,
        now: Timestamp,
    ) -> Result<Option<Subscription>> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT subscriber_id, joined FROM moves WHERE id = $1").bind(to.id);
        let Some(row) = row.fetch_optional(&mut *tx).await? else { return Ok(None) };
        let (reader, joined): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        let mut owner = reader;
        if let Some(other) = joined {
            sqlx::query(WENT).bind(other).execute(&mut *tx).await?;
            for sql in PART {
                let part = sqlx::query(sql).bind(reader).bind(other).bind(to.at.0);
                part.bind(second_after(to.at).0).bind(second_after(now).0).execute(&mut *tx).await?;
            }
            close_feeds(&mut tx, [reader, other], now).await?;
        } else {
            let other = sqlx::query("SELECT id FROM subscribers WHERE address_key = $1 AND id <> $2");
            let other = other.bind(to.address.key()).bind(reader).fetch_optional(&mut *tx).await?;
            match other {
                None => rename(&mut tx, reader, &to.address, now).await?,
                Some(row) => {
                    owner = row.try_get(0)?;
                    join(&mut tx, reader, owner, now).await?;
                }
            }
        }
        for sql in [
            "DELETE FROM address_changes WHERE subscriber_id = $1",
            // What whoever took it did with it since is taken back with it.
            "DELETE FROM moves WHERE subscriber_id = $1 AND at >= $2",
        ] {
            sqlx::query(sql).bind(reader).bind(to.at.0).execute(&mut *tx).await?;
        }
        let goes_on = sqlx::query(
            "SELECT id FROM subscriptions WHERE subscriber_id = $1
             ORDER BY newsletter_id = $2 DESC, status = 'active' DESC, id LIMIT 1",
        );
        let Some(row) = goes_on.bind(owner).bind(&from.newsletter).fetch_optional(&mut *tx).await? else {
            return Ok(None);
        };
        let id: i64 = row.try_get(0)?;
        record_consent(&mut tx, id, consent, now).await?;
        self.commit(tx).await?;
        self.subscription(id).await
    }
}

/// See [`Store::held_until`].
async fn held(
    connection: &mut SqliteConnection,
    subscriber: i64,
    to: Option<&Address>,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let row = sqlx::query(
        "WITH whose AS (SELECT id FROM subscribers WHERE id = $1 OR address_key = $2)
         SELECT MAX(at) AS at FROM moves WHERE at > $3
            AND (subscriber_id IN (SELECT id FROM whose) OR joined IN (SELECT id FROM whose))",
    )
    .bind(subscriber)
    .bind(to.map(Address::key))
    .bind(now.minus(UNDO).0)
    .fetch_one(connection)
    .await?;
    Ok(maybe_instant(&row, "at")?.map(|at| at.plus(UNDO)))
}

fn former(row: &SqliteRow) -> Result<Former> {
    let address: String = row.try_get("address")?;
    let address = Address::parse(&address).map_err(StoreError::Value)?;
    Ok(Former { id: row.try_get("id")?, address, at: instant(row, "at")? })
}

/// Links tell whole seconds: those made before this one are of before `now`.
fn second_after(now: Timestamp) -> Timestamp {
    Timestamp((now.0.div_euclid(1_000) + 1) * 1_000)
}

/// Where the mail of subscriber `$1` went, before they are called otherwise;
/// what is still to leave follows them.
const WENT: &str = "UPDATE deliveries SET address = (SELECT address FROM subscribers WHERE id = $1)
    WHERE address IS NULL AND state NOT IN ('queued', 'leased')
        AND subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = $1)";

/// Ends the feeds of their own of what went to another address just now: whoever
/// made them at the one before has no part in it any more.
async fn close_feeds(tx: &mut Transaction<'static, Sqlite>, whose: [i64; 2], now: Timestamp) -> Result<()> {
    let moved = "DELETE FROM private_feeds WHERE subscription_id IN (
        SELECT id FROM subscriptions WHERE subscriber_id IN ($1, $2) AND moved = $3)";
    sqlx::query(moved).bind(whose[0]).bind(whose[1]).bind(second_after(now).0).execute(&mut **tx).await?;
    Ok(())
}

/// Nobody has the address yet: the subscriber is called by it from now on.
async fn rename(tx: &mut Transaction<'static, Sqlite>, subscriber: i64, to: &Address, now: Timestamp) -> Result<()> {
    sqlx::query(WENT).bind(subscriber).execute(&mut **tx).await?;
    sqlx::query("UPDATE subscribers SET address = $1, address_key = $2 WHERE id = $3")
        .bind(to.as_str())
        .bind(to.key())
        .bind(subscriber)
        .execute(&mut **tx)
        .await?;
    sqlx::query("UPDATE subscriptions SET moved = $2 WHERE subscriber_id = $1")
        .bind(subscriber)
        .bind(second_after(now).0)
        .execute(&mut **tx)
        .await?;
    close_feeds(tx, [subscriber, subscriber], now).await
}

/// What subscriber `$1` has that `$2` lacks goes over at `$3`; where both have
/// one, an inactive one of `$2` takes cadence, pause, topics, what was had and
/// the copies that are on their way.
const TAKE_OVER: [&str; 5] = [
    "UPDATE subscriptions SET subscriber_id = $2, moved = $3 WHERE subscriber_id = $1 AND newsletter_id NOT IN (
        SELECT newsletter_id FROM subscriptions WHERE subscriber_id = $2)",
    "DELETE FROM subscription_topics WHERE subscription_id IN (
        SELECT n.id FROM subscriptions n JOIN subscriptions o ON o.newsletter_id = n.newsletter_id
        WHERE o.subscriber_id = $1 AND n.subscriber_id = $2 AND n.status <> 'active' AND o.status = 'active')",
    "INSERT INTO subscription_topics (subscription_id, topic)
        SELECT n.id, t.topic FROM subscriptions n JOIN subscriptions o ON o.newsletter_id = n.newsletter_id
        JOIN subscription_topics t ON t.subscription_id = o.id
        WHERE o.subscriber_id = $1 AND n.subscriber_id = $2 AND n.status <> 'active' AND o.status = 'active'",
    "UPDATE deliveries SET subscription_id = n.id
     FROM subscriptions o JOIN subscriptions n ON n.newsletter_id = o.newsletter_id
     WHERE o.subscriber_id = $1 AND o.status = 'active' AND n.subscriber_id = $2 AND n.status <> 'active'
        AND deliveries.subscription_id = o.id AND deliveries.edition IS NOT NULL
        AND deliveries.state IN ('queued', 'leased') AND NOT EXISTS (SELECT 1 FROM deliveries h
            WHERE h.edition = deliveries.edition AND h.subscription_id = n.id)",
    "UPDATE subscriptions SET status = 'active', confirmed = o.confirmed, unsubscribed = NULL, wish = NULL,
        cadence = o.cadence, language = o.language, covered_until = o.covered_until, paused_until = o.paused_until,
        moved = $3
     FROM subscriptions AS o WHERE o.subscriber_id = $1 AND o.status = 'active'
        AND o.newsletter_id = subscriptions.newsletter_id AND subscriptions.subscriber_id = $2
        AND subscriptions.status <> 'active'",
];

/// What is left of subscriber `$1`, who is `$3` now, ends.
const END: [&str; 4] = [
    "UPDATE deliveries SET state = 'cancelled', reason = 'address changed', settled = $2
     WHERE state = 'queued' AND subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = $1)",
    "UPDATE subscriptions SET status = 'unsubscribed', unsubscribed = $2
     WHERE subscriber_id = $1 AND status <> 'unsubscribed'",
    "UPDATE subscriptions SET moved = $4 WHERE subscriber_id = $1",
    "UPDATE subscribers SET joined = $3 WHERE id = $1",
];

/// Somebody has the address: what the subscriber has goes over to them.
async fn join(tx: &mut Transaction<'static, Sqlite>, from: i64, to: i64, now: Timestamp) -> Result<()> {
    sqlx::query(WENT).bind(from).execute(&mut **tx).await?;
    for sql in TAKE_OVER {
        sqlx::query(sql).bind(from).bind(to).bind(second_after(now).0).execute(&mut **tx).await?;
    }
    for sql in END {
        let end = sqlx::query(sql).bind(from).bind(now.0).bind(to).bind(second_after(now).0);
        end.execute(&mut **tx).await?;
    }
    close_feeds(tx, [from, to], now).await?;
    // Where the new one had been left for this one before, it is in use again.
    sqlx::query("UPDATE subscribers SET joined = NULL WHERE id = $1").bind(to).execute(&mut **tx).await?;
    Ok(())
}

/// Subscriber `$1` and `$2`, joined at `$3`, with links of before `$4` left
/// behind, are two again at `$5`.
const PART: [&str; 3] = [
    "UPDATE subscriptions SET subscriber_id = $1, moved = $5 WHERE subscriber_id = $2 AND moved = $4
        AND newsletter_id NOT IN (SELECT newsletter_id FROM subscriptions WHERE subscriber_id = $1)",
    "UPDATE subscriptions SET status = 'active', unsubscribed = NULL, wish = NULL, moved = $5
     WHERE subscriber_id = $1 AND status = 'unsubscribed' AND unsubscribed = $3
        AND EXISTS (SELECT 1 FROM consents c
            WHERE c.subscription_id = subscriptions.id AND c.act IN ('confirmed', 'vouched'))",
    "UPDATE subscribers SET joined = NULL WHERE id = $1",
];
