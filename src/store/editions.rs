//! Editions: who is owed what, the seal, and where each stands.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};

use super::{Result, Store, instant, maybe_instant, word};
use crate::domain::delivery::{State as DeliveryState, Tally};
use crate::domain::edition::{Edition, Group, State};
use crate::domain::{Cadence, Timestamp};

/// An edition about to be sealed.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The number printed in its variants.
    pub number: i64,
    /// The newsletter's id.
    pub newsletter: String,
    /// Its cadence.
    pub cadence: Cadence,
    /// The instant it fell due.
    pub slot: Timestamp,
    /// Newest sequence number it could take.
    pub newest_seq: i64,
    /// Held or Sending.
    pub state: State,
    /// Why it is held.
    pub reason: Option<String>,
    /// Every group of the audience as it was when the variants were made.
    pub groups: Vec<Group>,
    /// What they get, the largest first; empty when nobody is owed anything.
    pub variants: Vec<SealVariant>,
    /// When its deliveries are given up.
    pub expires: Timestamp,
    /// The schedule's next slot; `None` leaves the schedule alone.
    pub next_slot: Option<Timestamp>,
}

/// One rendering of an edition and the groups that get it.
#[derive(Clone, Debug)]
pub struct SealVariant {
    /// Its subject.
    pub subject: String,
    /// HTML with personal fields.
    pub html: String,
    /// Text with personal fields.
    pub text: String,
    /// Its posts in reading order.
    pub posts: Vec<i64>,
    /// Indexes into [`Seal::groups`].
    pub groups: Vec<usize>,
}

/// What came of a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealOutcome {
    /// Written, with this many deliveries.
    Sealed(i64),
    /// Nobody is owed anything: the slot passed without an edition.
    Nothing,
    /// Another composer sealed this slot.
    Taken,
    /// Subscriptions or numbers changed meanwhile: compose again.
    Changed,
}

/// One stored rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Row id.
    pub id: i64,
    /// Its edition's number.
    pub edition: i64,
    /// Its subject.
    pub subject: String,
    /// HTML with personal fields.
    pub html: String,
    /// Text with personal fields.
    pub text: String,
}

const EDITION: &str = "SELECT number, newsletter_id, cadence, slot, newest_seq, state, reason, subject, audience,
        sealed, finished FROM editions";

/// Subscriptions an edition is for; `$1` newsletter, `$2` cadence, `$3` now.
/// Written once: the plan, the deliveries and `covered_until` must agree on it.
macro_rules! audience {
    () => {
        "s.newsletter_id = $1 AND s.cadence = $2 AND s.status = 'active'
            AND (s.paused_until IS NULL OR s.paused_until <= $3)
            AND NOT EXISTS (SELECT 1 FROM suppressions x JOIN subscribers r ON r.address_key = x.address_key
                WHERE r.id = s.subscriber_id)"
    };
}
pub(super) use audience;

/// A subscription's topics as one comparable text.
macro_rules! topics {
    () => {
        "COALESCE((SELECT string_agg(t.topic, ',' ORDER BY t.topic) FROM subscription_topics t
            WHERE t.subscription_id = s.id), '')"
    };
}

fn select(tail: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe([EDITION, tail].concat())
}

impl Store {
    /// The number the next edition gets.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn next_number(&self) -> Result<i64> {
        let row = sqlx::query("SELECT COALESCE(MAX(number), 0) + 1 FROM editions").fetch_one(&self.db.reader).await?;
        Ok(row.try_get(0)?)
    }

    /// The audience of a newsletter and cadence, grouped by what it has had and wants.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn groups(&self, newsletter: &str, cadence: Cadence, now: Timestamp) -> Result<Vec<Group>> {
        let rows =
            sqlx::query(GROUPS).bind(newsletter).bind(cadence.as_str()).bind(now.0).fetch_all(&self.db.reader).await?;
        rows.iter().map(group).collect()
    }

    /// How many active subscriptions a slot would leave out: suppressed, paused.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn left_out(&self, newsletter: &str, cadence: Cadence, now: Timestamp) -> Result<(i64, i64)> {
        let row = sqlx::query(
            "SELECT COUNT(x.address_key) AS suppressed,
                COUNT(*) FILTER (WHERE x.address_key IS NULL AND s.paused_until > $3) AS paused
             FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id
             LEFT JOIN suppressions x ON x.address_key = r.address_key
             WHERE s.newsletter_id = $1 AND s.cadence = $2 AND s.status = 'active'",
        )
        .bind(newsletter)
        .bind(cadence.as_str())
        .bind(now.0)
        .fetch_one(&self.db.reader)
        .await?;
        Ok((row.try_get("suppressed")?, row.try_get("paused")?))
    }

    /// Seals an edition: it, its variants, a delivery for everyone in its
    /// audience, their `covered_until` and the schedule's next slot, all in one
    /// transaction, or nothing. When nobody is owed anything only the schedule
    /// and `covered_until` move.
    ///
    /// # Errors
    /// Those of the engine; nothing is written then.
    pub async fn seal(&self, seal: &Seal, now: Timestamp) -> Result<SealOutcome> {
        let mut tx = self.begin().await?;
        let current = sqlx::query(GROUPS)
            .bind(&seal.newsletter)
            .bind(seal.cadence.as_str())
            .bind(now.0)
            .fetch_all(&mut *tx)
            .await?;
        let current: Vec<Group> = current.iter().map(group).collect::<Result<_>>()?;
        if current != seal.groups {
            return Ok(SealOutcome::Changed);
        }
        let mut outcome = SealOutcome::Nothing;
        if !seal.variants.is_empty() {
            match insert_edition(&mut tx, seal, now).await? {
                Some(refusal) => return Ok(refusal),
                None => outcome = SealOutcome::Sealed(insert_variants(&mut tx, seal, now).await?),
            }
        }
        crate::failpoint!("seal");
        cover(&mut tx, seal, now).await?;
        tx.commit().await?;
        crate::failpoint!("sealed");
        Ok(outcome)
    }

    /// Editions, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn editions(&self, limit: i64) -> Result<Vec<Edition>> {
        let rows = sqlx::query(select(" ORDER BY number DESC LIMIT $1")).bind(limit).fetch_all(&self.db.reader).await?;
        rows.iter().map(edition).collect()
    }

    /// A newsletter's latest edition that was finished `by` then: what a new
    /// reader is shown.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn latest_edition(&self, newsletter: &str, by: Timestamp) -> Result<Option<Edition>> {
        let tail = " WHERE newsletter_id = $1 AND state = 'finished' AND finished <= $2 ORDER BY number DESC LIMIT 1";
        let row = sqlx::query(select(tail)).bind(newsletter).bind(by.0).fetch_optional(&self.db.reader).await?;
        row.as_ref().map(edition).transpose()
    }

    /// One edition.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn edition(&self, number: i64) -> Result<Option<Edition>> {
        let row = sqlx::query(select(" WHERE number = $1")).bind(number).fetch_optional(&self.db.reader).await?;
        row.as_ref().map(edition).transpose()
    }

    /// The editions that are paused, each with the reason.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn paused_editions(&self) -> Result<BTreeMap<i64, String>> {
        let rows = sqlx::query("SELECT number, COALESCE(reason, '') AS reason FROM editions WHERE state = 'paused'")
            .fetch_all(&self.db.reader)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("number")?, row.try_get("reason")?))).collect()
    }

    /// An edition's largest variant.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn edition_variant(&self, number: i64) -> Result<Option<Variant>> {
        let row =
            sqlx::query("SELECT id, edition, subject, html, text FROM variants WHERE edition = $1 ORDER BY id LIMIT 1")
                .bind(number)
                .fetch_optional(&self.db.reader)
                .await?;
        row.as_ref().map(variant).transpose()
    }

    /// One stored rendering.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn variant(&self, id: i64) -> Result<Option<Variant>> {
        let row = sqlx::query("SELECT id, edition, subject, html, text FROM variants WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.db.reader)
            .await?;
        row.as_ref().map(variant).transpose()
    }

    /// Where an edition's deliveries stand.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn tally(&self, number: i64) -> Result<Tally> {
        let rows = sqlx::query(
            "SELECT e.audience, d.state, COUNT(d.id) AS n FROM editions e LEFT JOIN deliveries d ON d.edition = e.number
             WHERE e.number = $1 GROUP BY e.audience, d.state",
        )
        .bind(number)
        .fetch_all(&self.db.reader)
        .await?;
        let mut tally = Tally::default();
        for row in &rows {
            tally.audience = row.try_get("audience")?;
            if row.try_get::<Option<String>, _>("state")?.is_some() {
                let state: DeliveryState = word(row, "state")?;
                if let Some(i) = DeliveryState::ALL.iter().position(|s| *s == state) {
                    tally.counts[i] = row.try_get("n")?;
                }
            }
        }
        Ok(tally)
    }

    /// Lets a held or paused edition go; false when it is neither. The time it
    /// waited does not count against its open deliveries: they may be tried
    /// until `expires`, and those in the queue from now on. Its posts are held
    /// no longer either.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn approve_edition(&self, number: i64, expires: Timestamp, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let approved = sqlx::query(
            "UPDATE editions SET state = 'sending', reason = NULL, released = $2
             WHERE number = $1 AND state IN ('held', 'paused')",
        )
        .bind(number)
        .bind(now.0)
        .execute(&mut *tx)
        .await?
        .rows_affected()
            > 0;
        if approved {
            sqlx::query(
                "UPDATE deliveries SET expires = MAX(expires, $1),
                    not_before = CASE state WHEN 'queued' THEN MIN(not_before, $2) ELSE not_before END
                 WHERE edition = $3 AND settled IS NULL",
            )
            .bind(expires.0)
            .bind(now.0)
            .bind(number)
            .execute(&mut *tx)
            .await?;
            Self::unguard(&mut tx, number).await?;
        }
        tx.commit().await?;
        Ok(approved)
    }

    /// Stops an edition for good and withdraws what has not left; false when
    /// it is over already. What is in hand is withdrawn when its mark is asked
    /// for, or by [`Store::withdraw`] once it is back in the queue or uncertain.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn cancel_edition(&self, number: i64, reason: &str, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let cancelled = sqlx::query(
            "UPDATE editions SET state = 'cancelled', reason = $1, finished = $2
             WHERE number = $3 AND state IN ('held', 'sending', 'paused')",
        )
        .bind(reason)
        .bind(now.0)
        .bind(number)
        .execute(&mut *tx)
        .await?
        .rows_affected()
            > 0;
        withdraw(&mut tx, now).await?;
        tx.commit().await?;
        Ok(cancelled)
    }

    /// Withdraws queued and uncertain deliveries of cancelled editions; how many.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn withdraw(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.begin().await?;
        let withdrawn = withdraw(&mut tx, now).await?;
        tx.commit().await?;
        Ok(withdrawn)
    }

    /// Closes editions whose every delivery is settled; their numbers.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn finish_editions(&self, now: Timestamp) -> Result<Vec<i64>> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "UPDATE editions SET state = 'finished', finished = $1 WHERE state = 'sending'
                AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.edition = editions.number
                    AND d.settled IS NULL)
             RETURNING number",
        )
        .bind(now.0)
        .fetch_all(&mut *tx)
        .await?;
        if !rows.is_empty() {
            crate::failpoint!("finish");
        }
        tx.commit().await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// An uncertain copy is never sent again, so nobody need decide about it any
/// more; it stays listed among the possible duplicates.
async fn withdraw(tx: &mut Transaction<'static, Sqlite>, now: Timestamp) -> Result<u64> {
    let withdrawn = sqlx::query(
        "UPDATE deliveries SET state = 'cancelled', settled = $1, reason = 'edition cancelled'
                || CASE state WHEN 'uncertain' THEN ', the relay may have it: ' || reason ELSE '' END
         WHERE settled IS NULL AND state IN ('queued', 'uncertain')
            AND edition IN (SELECT number FROM editions WHERE state = 'cancelled')",
    )
    .bind(now.0)
    .execute(&mut **tx)
    .await?;
    Ok(withdrawn.rows_affected())
}

const GROUPS: &str = concat!(
    "SELECT covered_until, topics, COUNT(*) AS n FROM (SELECT s.covered_until, ",
    topics!(),
    " AS topics FROM subscriptions s WHERE ",
    audience!(),
    ") GROUP BY covered_until, topics ORDER BY covered_until, topics"
);

const DELIVER_TO_GROUP: &str = concat!(
    "INSERT INTO deliveries (kind, edition, variant_id, subscription_id, state, attempts, uncertain, not_before,
        expires, created)
     SELECT 'edition', $6, $7, s.id, 'queued', 0, 0, $3, $8, $3 FROM subscriptions s WHERE ",
    audience!(),
    " AND s.covered_until = $4 AND ",
    topics!(),
    " = $5"
);

const COVER_AUDIENCE: &str =
    concat!("UPDATE subscriptions AS s SET covered_until = $4 WHERE s.covered_until < $4 AND ", audience!());

async fn insert_edition(
    tx: &mut Transaction<'static, Sqlite>,
    seal: &Seal,
    now: Timestamp,
) -> Result<Option<SealOutcome>> {
    let taken = sqlx::query("SELECT 1 FROM editions WHERE newsletter_id = $1 AND cadence = $2 AND slot = $3")
        .bind(&seal.newsletter)
        .bind(seal.cadence.as_str())
        .bind(seal.slot.0)
        .fetch_optional(&mut **tx)
        .await?;
    if taken.is_some() {
        return Ok(Some(SealOutcome::Taken));
    }
    let written = sqlx::query(
        "INSERT INTO editions (number, newsletter_id, cadence, slot, newest_seq, state, reason, subject, audience, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9) ON CONFLICT DO NOTHING",
    )
    .bind(seal.number)
    .bind(&seal.newsletter)
    .bind(seal.cadence.as_str())
    .bind(seal.slot.0)
    .bind(seal.newest_seq)
    .bind(seal.state.as_str())
    .bind(&seal.reason)
    .bind(seal.variants.first().map_or("", |v| v.subject.as_str()))
    .bind(now.0)
    .execute(&mut **tx)
    .await?;
    // The number was given to another edition since it was printed here.
    Ok((written.rows_affected() == 0).then_some(SealOutcome::Changed))
}

async fn insert_variants(tx: &mut Transaction<'static, Sqlite>, seal: &Seal, now: Timestamp) -> Result<i64> {
    let mut audience = 0;
    for variant in &seal.variants {
        let id: i64 =
            sqlx::query("INSERT INTO variants (edition, subject, html, text) VALUES ($1, $2, $3, $4) RETURNING id")
                .bind(seal.number)
                .bind(&variant.subject)
                .bind(&variant.html)
                .bind(&variant.text)
                .fetch_one(&mut **tx)
                .await?
                .try_get(0)?;
        let posts = serde_json::to_string(&variant.posts).unwrap_or_default();
        sqlx::query(
            "INSERT INTO variant_posts (variant_id, position, post_id) SELECT $1, key, value FROM json_each($2)",
        )
        .bind(id)
        .bind(posts)
        .execute(&mut **tx)
        .await?;
        for group in variant.groups.iter().filter_map(|&i| seal.groups.get(i)) {
            let written = sqlx::query(DELIVER_TO_GROUP)
                .bind(&seal.newsletter)
                .bind(seal.cadence.as_str())
                .bind(now.0)
                .bind(group.covered_until)
                .bind(group.topics.join(","))
                .bind(seal.number)
                .bind(id)
                .bind(seal.expires.0)
                .execute(&mut **tx)
                .await?;
            audience += i64::try_from(written.rows_affected()).unwrap_or(0);
        }
    }
    sqlx::query("UPDATE editions SET audience = $1 WHERE number = $2")
        .bind(audience)
        .bind(seal.number)
        .execute(&mut **tx)
        .await?;
    Ok(audience)
}

async fn cover(tx: &mut Transaction<'static, Sqlite>, seal: &Seal, now: Timestamp) -> Result<()> {
    sqlx::query(COVER_AUDIENCE)
        .bind(&seal.newsletter)
        .bind(seal.cadence.as_str())
        .bind(now.0)
        .bind(seal.newest_seq)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "UPDATE schedules SET covered_seq = MAX(covered_seq, $1), next_slot = COALESCE($2, next_slot)
         WHERE newsletter_id = $3 AND cadence = $4",
    )
    .bind(seal.newest_seq)
    .bind(seal.next_slot.map(|t| t.0))
    .bind(&seal.newsletter)
    .bind(seal.cadence.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn group(row: &SqliteRow) -> Result<Group> {
    let topics: String = row.try_get("topics")?;
    Ok(Group {
        covered_until: row.try_get("covered_until")?,
        topics: topics.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect(),
        count: row.try_get("n")?,
    })
}

fn edition(row: &SqliteRow) -> Result<Edition> {
    Ok(Edition {
        number: row.try_get("number")?,
        newsletter: row.try_get("newsletter_id")?,
        cadence: word(row, "cadence")?,
        slot: instant(row, "slot")?,
        newest_seq: row.try_get("newest_seq")?,
        state: word(row, "state")?,
        reason: row.try_get("reason")?,
        subject: row.try_get("subject")?,
        audience: row.try_get("audience")?,
        sealed: instant(row, "sealed")?,
        finished: maybe_instant(row, "finished")?,
    })
}

fn variant(row: &SqliteRow) -> Result<Variant> {
    Ok(Variant {
        id: row.try_get("id")?,
        edition: row.try_get("edition")?,
        subject: row.try_get("subject")?,
        html: row.try_get("html")?,
        text: row.try_get("text")?,
    })
}
