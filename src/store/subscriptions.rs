//! Subscribers, their subscriptions, their consent, and who must not be mailed.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};

use super::erasures::is_kept_out;
use super::letters::queue_mail;
use super::{Result, Store, StoreError, instant, maybe_instant, word};
use crate::domain::delivery::Kind;
use crate::domain::subscription::{Consent, ConsentAct, Status, Subscription};
use crate::domain::time::Span;
use crate::domain::{Address, Cadence, Timestamp};

/// Somebody filled in the form.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Who.
    pub address: Address,
    /// To what.
    pub newsletter: String,
    /// How often.
    pub cadence: Cadence,
    /// The language of the form, where it was not the site's.
    pub language: Option<String>,
    /// The words they saw, and from where.
    pub consent: Consent,
    /// Transactional mail about it is given up after this long.
    pub mail_expires: Span,
}

/// A consent as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConsent {
    /// When.
    pub at: Timestamp,
    /// `asked`, `confirmed`, ...
    pub act: String,
    /// `form`, `api`, `mail`, `import`, `operator`.
    pub source: String,
    /// Which words.
    pub words: String,
    /// Network address, when there was one.
    pub network: Option<String>,
}

/// How long Undo works.
pub(crate) const UNDO: Span = Span::days(7);

const SUBSCRIPTION: &str = "SELECT s.id, s.subscriber_id, r.address, s.newsletter_id, s.status, s.cadence, s.wish,
        s.language, s.covered_until, s.paused_until, s.created, s.confirmed, s.unsubscribed, s.moved,
        COALESCE((SELECT string_agg(topic, ',' ORDER BY topic) FROM subscription_topics t
            WHERE t.subscription_id = s.id), '') AS topics
    FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id";

fn select(tail: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe([SUBSCRIPTION, tail].concat())
}

impl Store {
    /// Records a request and queues the mail that answers it, in one
    /// transaction: confirmation for a new, pending or former subscriber, a
    /// word that they are in already for an active one, nothing for a
    /// suppressed address; one such mail a day. Anybody can type an address, so
    /// what a former reader is and may undo stays until they confirm.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn subscribe(&self, request: &Subscribe, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        let subscriber = upsert_subscriber(&mut tx, &request.address, now).await?;
        sqlx::query(
            "INSERT INTO subscriptions (subscriber_id, newsletter_id, status, cadence, covered_until, created, language)
             VALUES ($1, $2, 'pending', $3, (SELECT COALESCE(MAX(seq), 0) FROM posts), $4, $5)
             ON CONFLICT (subscriber_id, newsletter_id) DO UPDATE SET
                language = CASE WHEN status = 'pending' THEN excluded.language ELSE language END,
                cadence = CASE WHEN status = 'pending' THEN excluded.cadence ELSE cadence END,
                wish = CASE WHEN status = 'unsubscribed' THEN excluded.cadence END",
        )
        .bind(subscriber)
        .bind(&request.newsletter)
        .bind(request.cadence.as_str())
        .bind(now.0)
        .bind(&request.language)
        .execute(&mut *tx)
        .await?;
        let row = sqlx::query("SELECT id, status FROM subscriptions WHERE subscriber_id = $1 AND newsletter_id = $2")
            .bind(subscriber)
            .bind(&request.newsletter)
            .fetch_one(&mut *tx)
            .await?;
        let id: i64 = row.try_get("id")?;
        let kind = if word::<Status>(&row, "status")? == Status::Active { Kind::Already } else { Kind::Confirm };
        record_consent(&mut tx, id, &request.consent, now).await?;
        if !is_kept_out(&mut tx, &request.address).await? {
            queue_mail(&mut tx, kind, id, None, request.mail_expires, now).await?;
        }
        self.commit(tx).await?;
        Ok(())
    }

    /// One subscription.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn subscription(&self, id: i64) -> Result<Option<Subscription>> {
        let row = sqlx::query(select(" WHERE s.id = $1")).bind(id).fetch_optional(&self.db.reader).await?;
        row.as_ref().map(subscription).transpose()
    }

    /// Makes a pending subscription, or an ended one that was asked for again,
    /// active from now on and queues the welcome; of one that is active because
    /// the operator vouched for it, it is noted that its reader wants it; any
    /// other stays as it is. `None` when there is no such subscription.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn confirm(
        &self,
        id: i64,
        consent: &Consent,
        mail_expires: Span,
        now: Timestamp,
    ) -> Result<Option<Subscription>> {
        let mut tx = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE subscriptions SET status = 'active', confirmed = $1, unsubscribed = NULL,
                cadence = COALESCE(wish, cadence), wish = NULL,
                covered_until = (SELECT COALESCE(MAX(seq), 0) FROM posts)
             WHERE id = $2 AND (status = 'pending' OR wish IS NOT NULL)",
        )
        .bind(now.0)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        let vouched =
            "UPDATE subscriptions SET confirmed = $1 WHERE id = $2 AND status = 'active' AND confirmed IS NULL";
        let heard = sqlx::query(vouched).bind(now.0).bind(id).execute(&mut *tx).await?;
        if heard.rows_affected() > 0 {
            record_consent(&mut tx, id, consent, now).await?;
        }
        if changed.rows_affected() > 0 {
            record_consent(&mut tx, id, consent, now).await?;
            // Who confirms at an address that was left is a reader of their own.
            let own = "UPDATE subscribers SET joined = NULL WHERE joined IS NOT NULL
                AND id = (SELECT subscriber_id FROM subscriptions WHERE id = $1)";
            sqlx::query(own).bind(id).execute(&mut *tx).await?;
            queue_mail(&mut tx, Kind::Welcome, id, None, mail_expires, now).await?;
        }
        self.commit(tx).await?;
        self.subscription(id).await
    }

    /// Ends a subscription and withdraws what has not left yet. Again on an
    /// ended one changes nothing.
    ///
    /// # Errors
    /// Those of the engine: then nothing is recorded and nobody may be told it was.
    pub async fn unsubscribe(&self, id: i64, consent: &Consent, now: Timestamp) -> Result<Option<Subscription>> {
        let mut tx = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE subscriptions SET status = 'unsubscribed', unsubscribed = $1
             WHERE id = $2 AND status <> 'unsubscribed'",
        )
        .bind(now.0)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() > 0 {
            record_consent(&mut tx, id, consent, now).await?;
            sqlx::query(
                "UPDATE deliveries SET state = 'cancelled', reason = 'unsubscribed', settled = $1
                 WHERE subscription_id = $2 AND state = 'queued' AND kind <> 'moved'",
            )
            .bind(now.0)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        }
        crate::failpoint!("unsubscribe");
        self.commit(tx).await?;
        crate::failpoint!("unsubscribed");
        self.subscription(id).await
    }

    /// Takes an unsubscribe back within seven days. `None` when that is over
    /// or there is nothing to take back; an active subscription is returned as it is.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn undo_unsubscribe(&self, id: i64, consent: &Consent, now: Timestamp) -> Result<Option<Subscription>> {
        let mut tx = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE subscriptions SET status = 'active', unsubscribed = NULL, wish = NULL
             WHERE id = $1 AND status = 'unsubscribed' AND unsubscribed > $2 AND EXISTS (SELECT 1 FROM consents c
                WHERE c.subscription_id = subscriptions.id AND c.act IN ('confirmed', 'vouched'))",
        )
        .bind(id)
        .bind(now.minus(UNDO).0)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() > 0 {
            record_consent(&mut tx, id, consent, now).await?;
        }
        self.commit(tx).await?;
        Ok(self.subscription(id).await?.filter(|s| s.status == Status::Active))
    }

    /// Subscriptions with an id above `after`, lowest first, optionally of one
    /// newsletter, one status, or with an address that contains a text.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn subscriptions_after(
        &self,
        after: i64,
        limit: i64,
        newsletter: Option<&str>,
        status: Option<Status>,
        containing: Option<&str>,
    ) -> Result<Vec<Subscription>> {
        let rows = sqlx::query(select(
            " WHERE s.id > $1 AND ($2 IS NULL OR s.newsletter_id = $2) AND ($3 IS NULL OR s.status = $3)
              AND ($4 IS NULL OR instr(r.address_key, $4) > 0) ORDER BY s.id LIMIT $5",
        ))
        .bind(after)
        .bind(newsletter)
        .bind(status.map(Status::as_str))
        .bind(containing.map(str::to_lowercase))
        .bind(limit)
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(subscription).collect()
    }

    /// All subscriptions of one address.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn subscriptions_of(&self, address: &Address) -> Result<Vec<Subscription>> {
        let rows = sqlx::query(select(" WHERE r.address_key = $1 ORDER BY s.id"))
            .bind(address.key())
            .fetch_all(&self.db.reader)
            .await?;
        rows.iter().map(subscription).collect()
    }

    /// The consents of a subscription, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn consents(&self, subscription: i64) -> Result<Vec<StoredConsent>> {
        let rows = sqlx::query(
            "SELECT act, at, source, words, network FROM consents WHERE subscription_id = $1 ORDER BY at, id",
        )
        .bind(subscription)
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(stored_consent).collect()
    }

    /// Why an address must not be mailed, if it must not.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn suppression(&self, address: &Address) -> Result<Option<(String, Timestamp)>> {
        let row =
            sqlx::query("SELECT reason || ': ' || detail AS why, created FROM suppressions WHERE address_key = $1")
                .bind(address.key())
                .fetch_optional(&self.db.reader)
                .await?;
        row.map(|row| Ok((row.try_get("why")?, instant(&row, "created")?))).transpose()
    }
}

pub(super) fn stored_consent(row: &SqliteRow) -> Result<StoredConsent> {
    Ok(StoredConsent {
        at: instant(row, "at")?,
        act: row.try_get("act")?,
        source: row.try_get("source")?,
        words: row.try_get("words")?,
        network: row.try_get("network")?,
    })
}

fn subscription(row: &SqliteRow) -> Result<Subscription> {
    let address: String = row.try_get("address")?;
    let topics: String = row.try_get("topics")?;
    Ok(Subscription {
        id: row.try_get("id")?,
        subscriber_id: row.try_get("subscriber_id")?,
        address: Address::parse(&address).map_err(StoreError::Value)?,
        newsletter: row.try_get("newsletter_id")?,
        status: word(row, "status")?,
        cadence: word(row, "cadence")?,
        wish: row.try_get::<Option<String>, _>("wish")?.map(|w| w.parse()).transpose().map_err(StoreError::Value)?,
        language: row.try_get("language")?,
        topics: topics.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect(),
        covered_until: row.try_get("covered_until")?,
        paused_until: maybe_instant(row, "paused_until")?,
        created: instant(row, "created")?,
        confirmed: maybe_instant(row, "confirmed")?,
        unsubscribed: maybe_instant(row, "unsubscribed")?,
        moved: maybe_instant(row, "moved")?,
    })
}

pub(super) async fn upsert_subscriber(
    tx: &mut Transaction<'static, Sqlite>,
    address: &Address,
    now: Timestamp,
) -> Result<i64> {
    let row = sqlx::query(
        "INSERT INTO subscribers (address, address_key, created) VALUES ($1, $2, $3)
         ON CONFLICT (address_key) DO UPDATE SET created = created RETURNING id",
    )
    .bind(address.as_str())
    .bind(address.key())
    .bind(now.0)
    .fetch_one(&mut **tx)
    .await?;
    Ok(row.try_get(0)?)
}

pub(super) async fn record_consent(
    tx: &mut Transaction<'static, Sqlite>,
    subscription: i64,
    consent: &Consent,
    now: Timestamp,
) -> Result<()> {
    let act: ConsentAct = consent.act;
    sqlx::query(
        "INSERT INTO consents (subscription_id, act, at, source, words, network) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(subscription)
    .bind(act.as_str())
    .bind(now.0)
    .bind(&consent.source)
    .bind(&consent.words)
    .bind(&consent.network)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
