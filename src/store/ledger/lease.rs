//! Leases: what may be handed over now becomes this run's.

use serde::Deserialize;
use sqlx::{Acquire as _, Row as _, Sqlite, Transaction};

use crate::domain::delivery::Kind;
use crate::domain::subscription::Subscription;
use crate::domain::{Address, Timestamp};
use crate::store::{Result, Store, StoreError};

/// The two kinds of mail, which are leased apart so that one never waits behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Transactional mail and tests: a person waits for it.
    Letters,
    /// Copies of editions.
    Editions,
}

/// While all sending is paused only the operator's test mail leaves.
const DUE_LETTERS: &str = "SELECT json_group_array(id) FROM (
        SELECT id FROM deliveries WHERE state = 'queued' AND edition IS NULL AND not_before <= $1
            AND (kind = 'test' OR NOT EXISTS (SELECT 1 FROM pauses))
        ORDER BY not_before, id LIMIT $2)";

/// CROSS JOIN: SQLite is to go from the few editions being sent to their rows,
/// which the index has in order, and never past those of an edition that waits.
const DUE_EDITIONS: &str = "SELECT json_group_array(id) FROM (
        SELECT d.id FROM editions e CROSS JOIN deliveries d ON d.edition = e.number
        WHERE e.state = 'sending' AND d.state = 'queued' AND d.not_before <= $1 AND NOT EXISTS (SELECT 1 FROM pauses)
        ORDER BY e.number, d.not_before, d.id LIMIT $2)";

/// A delivery a worker of this run holds.
#[derive(Clone, Debug)]
pub struct Leased {
    /// Row id.
    pub id: i64,
    /// What it carries.
    pub kind: Kind,
    /// Its frozen rendering; `None` for transactional mail, which is rendered from its row.
    pub variant: Option<i64>,
    /// Its edition.
    pub edition: Option<i64>,
    /// Where it goes.
    pub address: Address,
    /// The subscription it belongs to, of an edition with the cadence it was
    /// sealed for; `None` for the operator's test mail.
    pub subscription: Option<Subscription>,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it was written to the outbox: the Date of the message, every time.
    pub created: Timestamp,
    /// When it is given up.
    pub expires: Timestamp,
}

/// What is wanted: of which kind, at most how many, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) what: Mail,
    pub(super) limit: usize,
    pub(super) now: Timestamp,
}

impl Store {
    /// Whether anything may be handed over now. The writer is not asked.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn is_due(&self, what: Mail, now: Timestamp) -> Result<bool> {
        let due = sqlx::query(due(what)).bind(now.0).bind(1).fetch_one(&self.db.reader).await?;
        Ok(due.try_get::<String, _>(0)? != "[]")
    }
}

fn due(what: Mail) -> &'static str {
    match what {
        Mail::Letters => DUE_LETTERS,
        Mail::Editions => DUE_EDITIONS,
    }
}

/// Takes what is wanted, or nothing: a row that cannot be read fails no mark
/// and no outcome of the same transaction.
pub(super) async fn lease(tx: &mut Transaction<'_, Sqlite>, run: i64, wanted: Wanted) -> Result<Vec<Leased>> {
    let mut inner = tx.begin().await?;
    let ids: String = sqlx::query(due(wanted.what))
        .bind(wanted.now.0)
        .bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX))
        .fetch_one(&mut *inner)
        .await?
        .try_get(0)?;
    if ids == "[]" {
        return Ok(Vec::new());
    }
    sqlx::query(
        "UPDATE deliveries SET state = 'leased', run_id = $1
         WHERE state = 'queued' AND id IN (SELECT value FROM json_each($2))",
    )
    .bind(run)
    .bind(&ids)
    .execute(&mut *inner)
    .await?;
    let leased = leased(&mut inner, &ids, wanted.now).await?;
    inner.commit().await?;
    Ok(leased)
}

/// A row of `LEASED`, in its order.
#[derive(Deserialize)]
struct Row {
    id: i64,
    kind: String,
    variant: Option<i64>,
    edition: Option<i64>,
    address: String,
    attempts: u32,
    created: i64,
    expires: i64,
    subscription: Option<Subscribed>,
}

#[derive(Deserialize)]
struct Subscribed {
    id: i64,
    subscriber: i64,
    newsletter: String,
    status: String,
    cadence: String,
    covered_until: i64,
    paused_until: Option<i64>,
    created: i64,
    confirmed: Option<i64>,
    unsubscribed: Option<i64>,
    moved: Option<i64>,
    wish: Option<String>,
    language: Option<String>,
    /// The subscriber's, where the mail goes to another one.
    address: String,
}

/// All in one value: the driver hands every row and every column over apart, which costs more than all else here.
const LEASED: &str = "SELECT json_group_array(json_array(d.id, d.kind, d.variant_id, d.edition,
        COALESCE(d.address, r.address), d.attempts, d.created, d.expires,
        CASE WHEN s.id IS NOT NULL THEN json_array(s.id, s.subscriber_id, s.newsletter_id, s.status,
            COALESCE((SELECT cadence FROM editions WHERE number = d.edition), s.cadence), s.covered_until,
            s.paused_until, s.created, s.confirmed, s.unsubscribed, s.moved, s.wish, s.language, r.address) END)
        ORDER BY d.edition, d.not_before, d.id)
    FROM json_each($1) j JOIN deliveries d ON d.id = j.value
    LEFT JOIN subscriptions s ON s.id = d.subscription_id LEFT JOIN subscribers r ON r.id = s.subscriber_id";

/// What was just leased. A stored address that this version does not take for
/// one is refused, and keeps nobody else from being leased.
async fn leased(tx: &mut Transaction<'_, Sqlite>, ids: &str, now: Timestamp) -> Result<Vec<Leased>> {
    let rows: String = sqlx::query(LEASED).bind(ids).fetch_one(&mut **tx).await?.try_get(0)?;
    let rows: Vec<Row> = serde_json::from_str(&rows).map_err(|error| StoreError::Value(error.to_string()))?;
    let mut good = Vec::with_capacity(rows.len());
    for row in rows {
        match Address::parse(&row.address) {
            Ok(address) => good.push(row.leased(address).map_err(StoreError::Value)?),
            Err(reason) => refuse(tx, row.id, &reason, now).await?,
        }
    }
    Ok(good)
}

async fn refuse(tx: &mut Transaction<'_, Sqlite>, id: i64, reason: &str, now: Timestamp) -> Result<()> {
    sqlx::query("UPDATE deliveries SET state = 'refused', run_id = NULL, reason = $1, settled = $2 WHERE id = $3")
        .bind(reason)
        .bind(now.0)
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Row {
    fn leased(self, address: Address) -> std::result::Result<Leased, String> {
        let subscription = self.subscription.map(Subscribed::subscription).transpose()?;
        Ok(Leased {
            id: self.id,
            kind: self.kind.parse()?,
            variant: self.variant,
            edition: self.edition,
            address,
            subscription,
            attempts: self.attempts,
            created: Timestamp(self.created),
            expires: Timestamp(self.expires),
        })
    }
}

impl Subscribed {
    fn subscription(self) -> std::result::Result<Subscription, String> {
        let address = Address::parse(&self.address)?;
        Ok(Subscription {
            id: self.id,
            subscriber_id: self.subscriber,
            address,
            newsletter: self.newsletter,
            status: self.status.parse()?,
            cadence: self.cadence.parse()?,
            wish: self.wish.map(|wish| wish.parse()).transpose()?,
            language: self.language,
            // Who is owed what was settled at the seal.
            topics: Vec::new(),
            covered_until: self.covered_until,
            paused_until: self.paused_until.map(Timestamp),
            created: Timestamp(self.created),
            confirmed: self.confirmed.map(Timestamp),
            unsubscribed: self.unsubscribed.map(Timestamp),
            moved: self.moved.map(Timestamp),
        })
    }
}
