//! The seal: who is owed what, and the one transaction that freezes it.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Result, Store, StoreError};
use crate::domain::edition::{Group, State};
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
    /// Row ids of the baseline posts the operator added.
    pub extra: Vec<i64>,
    /// What they get, the largest first; empty when nobody is owed anything.
    pub variants: Vec<SealVariant>,
    /// What everybody may see of the first of them; `None` when nothing.
    pub public: Option<PublicCopy>,
    /// When its deliveries are given up.
    pub expires: Timestamp,
    /// The schedule's next slot; `None` leaves the schedule alone.
    pub next_slot: Option<Timestamp>,
}

/// One rendering of an edition and the groups that get it.
#[derive(Clone, Debug)]
pub struct SealVariant {
    /// Its language, a BCP 47 tag; `None` is the site's.
    pub language: Option<String>,
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

/// The page of an edition that everybody may read.
#[derive(Clone, Debug)]
pub struct PublicCopy {
    /// What it is called.
    pub subject: String,
    /// HTML with personal fields; `None` where it is what was mailed.
    pub html: Option<String>,
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

/// The suppressed, as a list that SQLite makes once: asked reader by reader it
/// would go through the addresses of a million to find a few.
macro_rules! suppressed {
    () => {
        "(SELECT r.id FROM suppressions x JOIN subscribers r ON r.address_key = x.address_key)"
    };
}

/// Subscriptions an edition is for; `$1` newsletter, `$2` cadence, `$3` now.
/// Written once: the plan, the deliveries and `covered_until` must agree on it.
macro_rules! audience {
    () => {
        concat!(
            "s.newsletter_id = $1 AND s.cadence = $2 AND s.status = 'active'
            AND (s.paused_until IS NULL OR s.paused_until <= $3)
            AND s.subscriber_id NOT IN ",
            $crate::store::seal::suppressed!()
        )
    };
}
pub(super) use {audience, suppressed};

/// A subscription's topics as one comparable text.
macro_rules! topics {
    () => {
        "COALESCE((SELECT string_agg(t.topic, ',' ORDER BY t.topic) FROM subscription_topics t
            WHERE t.subscription_id = s.id), '')"
    };
}

/// Those of the posts of the list `$4` that a delivery carried to a subscription
/// or will, as one comparable text. There is seldom such a list. `$but` leaves
/// deliveries `d` out.
macro_rules! had {
    ($but:literal) => {
        concat!(
            "CASE $4 WHEN '[]' THEN '' ELSE COALESCE((SELECT string_agg(p.post_id, ',' ORDER BY p.post_id) FROM (
            SELECT DISTINCT vp.post_id FROM deliveries d JOIN variant_posts vp ON vp.variant_id = d.variant_id
            WHERE d.subscription_id = s.id AND vp.post_id IN (SELECT value FROM json_each($4))
                AND d.state IN ('queued', 'leased', 'handing_over', 'uncertain', 'accepted')",
            $but,
            ") p), '') END"
        )
    };
}

/// A list of row ids as a statement is given it.
fn list(ids: &[i64]) -> Result<String> {
    serde_json::to_string(ids).map_err(|error| StoreError::Value(error.to_string()))
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

    /// The audience of a newsletter and cadence, grouped by what it has had,
    /// of the `extra` posts too, and wants.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn groups(
        &self,
        newsletter: &str,
        cadence: Cadence,
        extra: &[i64],
        now: Timestamp,
    ) -> Result<Vec<Group>> {
        let rows = sqlx::query(GROUPS)
            .bind(newsletter)
            .bind(cadence.as_str())
            .bind(now.0)
            .bind(list(extra)?)
            .fetch_all(&self.db.reader)
            .await?;
        rows.iter().map(group).collect()
    }

    /// How many active subscriptions a slot would leave out: suppressed, paused.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn left_out(&self, newsletter: &str, cadence: Cadence, now: Timestamp) -> Result<(i64, i64)> {
        let row = sqlx::query(LEFT_OUT)
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
            .bind(list(&seal.extra)?)
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
        self.commit(tx).await?;
        crate::failpoint!("sealed");
        Ok(outcome)
    }
}

const LEFT_OUT: &str = concat!(
    "SELECT COUNT(*) FILTER (WHERE s.subscriber_id IN ",
    suppressed!(),
    ") AS suppressed, COUNT(*) FILTER (WHERE s.paused_until > $3 AND s.subscriber_id NOT IN ",
    suppressed!(),
    ") AS paused FROM subscriptions s WHERE s.newsletter_id = $1 AND s.cadence = $2 AND s.status = 'active'"
);

const GROUPS: &str = concat!(
    "SELECT covered_until, topics, language, had, COUNT(*) AS n FROM (SELECT s.covered_until, s.language, ",
    topics!(),
    " AS topics, ",
    had!(""),
    " AS had FROM subscriptions s WHERE ",
    audience!(),
    ") g GROUP BY covered_until, topics, language, had ORDER BY covered_until, topics, language, had"
);

const DELIVER_TO_GROUP: &str = concat!(
    "INSERT INTO deliveries (kind, edition, variant_id, subscription_id, state, attempts, uncertain, not_before,
        expires, created)
     SELECT 'edition', $7, $8, s.id, 'queued', 0, 0, $3, $9, $3 FROM subscriptions s WHERE ",
    audience!(),
    " AND s.covered_until = $5 AND ",
    topics!(),
    " = $6 AND s.language IS NOT DISTINCT FROM $11 AND ",
    // Groups before this one have their deliveries of this edition by now.
    had!(" AND d.edition <> $7"),
    " = $10"
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
        "INSERT INTO editions (number, newsletter_id, cadence, slot, newest_seq, state, reason, subject, public_subject,
            public_html, audience, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11) ON CONFLICT DO NOTHING",
    )
    .bind(seal.number)
    .bind(&seal.newsletter)
    .bind(seal.cadence.as_str())
    .bind(seal.slot.0)
    .bind(seal.newest_seq)
    .bind(seal.state.as_str())
    .bind(&seal.reason)
    .bind(seal.variants.first().map_or("", |v| v.subject.as_str()))
    .bind(seal.public.as_ref().map(|public| &public.subject))
    .bind(seal.public.as_ref().and_then(|public| public.html.as_ref()))
    .bind(now.0)
    .execute(&mut **tx)
    .await?;
    // The number was given to another edition since it was printed here.
    Ok((written.rows_affected() == 0).then_some(SealOutcome::Changed))
}

async fn insert_variants(tx: &mut Transaction<'static, Sqlite>, seal: &Seal, now: Timestamp) -> Result<i64> {
    let mut audience = 0;
    for variant in &seal.variants {
        let id: i64 = sqlx::query(
            "INSERT INTO variants (edition, subject, html, text, language) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(seal.number)
        .bind(&variant.subject)
        .bind(&variant.html)
        .bind(&variant.text)
        .bind(&variant.language)
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
                .bind(list(&seal.extra)?)
                .bind(group.covered_until)
                .bind(group.topics.join(","))
                .bind(seal.number)
                .bind(id)
                .bind(seal.expires.0)
                .bind(group.had.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
                .bind(&group.language)
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
    let (topics, had): (String, String) = (row.try_get("topics")?, row.try_get("had")?);
    Ok(Group {
        covered_until: row.try_get("covered_until")?,
        topics: topics.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect(),
        language: row.try_get("language")?,
        had: had.split(',').filter_map(|id| id.parse().ok()).collect(),
        count: row.try_get("n")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_asks_reader_by_reader_who_is_suppressed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        for sql in [GROUPS, LEFT_OUT, DELIVER_TO_GROUP, COVER_AUDIENCE] {
            let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = sqlx::query(sql).fetch_all(&store.db.reader).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let by_reader = |step: &String| step.starts_with("SEARCH r ") && !step.contains("(address_key=?)");
            assert!(!plan.iter().any(by_reader) && plan.iter().any(|step| step.starts_with("LIST ")), "{plan:?}");
        }
    }
}
