//! Editions: where each stands, and what the operator does to it.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};

use super::{Result, Store, instant, maybe_instant, word};
use crate::domain::Timestamp;
use crate::domain::delivery::{State as DeliveryState, Tally};
use crate::domain::edition::Edition;

/// One stored rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Row id.
    pub id: i64,
    /// Its edition's number.
    pub edition: i64,
    /// Its language, a BCP 47 tag; `None` is the site's.
    pub language: Option<String>,
    /// Its subject.
    pub subject: String,
    /// HTML with personal fields.
    pub html: String,
    /// Text with personal fields.
    pub text: String,
}

/// Title, address and last edit of a post.
pub type PostTold = (String, String, Option<Timestamp>);

const EDITION: &str =
    "SELECT number, newsletter_id, cadence, slot, newest_seq, state, reason, subject, public_subject, audience,
        sealed, finished FROM editions";

fn select(tail: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe([EDITION, tail].concat())
}

impl Store {
    /// Editions, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn editions(&self, limit: i64) -> Result<Vec<Edition>> {
        let rows = sqlx::query(select(" ORDER BY number DESC LIMIT $1")).bind(limit).fetch_all(&self.db.reader).await?;
        rows.iter().map(edition).collect()
    }

    /// Editions that are not over, newest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn open_editions(&self) -> Result<Vec<Edition>> {
        let sql = select(" WHERE state IN ('held', 'sending', 'paused') ORDER BY number DESC");
        let rows = sqlx::query(sql).fetch_all(&self.db.reader).await?;
        rows.iter().map(edition).collect()
    }

    /// The newest edition that is over.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn last_edition(&self) -> Result<Option<Edition>> {
        let sql = select(" WHERE state IN ('finished', 'cancelled') ORDER BY number DESC LIMIT 1");
        let row = sqlx::query(sql).fetch_optional(&self.db.reader).await?;
        row.as_ref().map(edition).transpose()
    }

    /// Every edition that has gone out and has a page, newest first, with title, address and
    /// last edit of its posts.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sent_editions(&self) -> Result<Vec<(Edition, Vec<PostTold>)>> {
        let sql = select(
            " WHERE state IN ('sending', 'paused', 'finished') AND public_subject IS NOT NULL
            ORDER BY number DESC",
        );
        let rows = sqlx::query(sql).fetch_all(&self.db.reader).await?;
        let mut sent: Vec<(Edition, Vec<PostTold>)> =
            rows.iter().map(|row| Ok((edition(row)?, Vec::new()))).collect::<Result<_>>()?;
        let places: BTreeMap<i64, usize> = sent.iter().enumerate().map(|(i, (one, _))| (one.number, i)).collect();
        let rows = sqlx::query(
            "SELECT v.edition, p.title, p.url, p.edited FROM variants v
             JOIN variant_posts vp ON vp.variant_id = v.id JOIN posts p ON p.id = vp.post_id
             WHERE p.reach <> 'mail' GROUP BY v.edition, p.id, p.title, p.url, p.edited ORDER BY MIN(v.id), MIN(vp.position)",
        )
        .fetch_all(&self.db.reader)
        .await?;
        for row in &rows {
            if let Some(&place) = places.get(&row.try_get("edition")?) {
                sent[place].1.push((row.try_get("title")?, row.try_get("url")?, maybe_instant(row, "edited")?));
            }
        }
        Ok(sent)
    }

    /// Changes whenever an edition goes out or is taken back.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn sent_fingerprint(&self) -> Result<String> {
        let row = sqlx::query(
            "SELECT COUNT(*) || ' ' || COALESCE(MAX(number), 0) FROM editions
             WHERE state IN ('sending', 'paused', 'finished')",
        );
        Ok(row.fetch_one(&self.db.reader).await?.try_get(0)?)
    }

    /// Title and address of each post of an edition, whichever variant has it.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn posts_of_edition(&self, number: i64) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query(
            "SELECT p.title, p.url FROM variants v JOIN variant_posts vp ON vp.variant_id = v.id
             JOIN posts p ON p.id = vp.post_id WHERE v.edition = $1
             GROUP BY p.id, p.title, p.url ORDER BY MIN(v.id), MIN(vp.position)",
        )
        .bind(number)
        .fetch_all(&self.db.reader)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("title")?, row.try_get("url")?))).collect()
    }

    /// A newsletter's latest edition with a page that was finished `by` then:
    /// what a new reader is shown.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn latest_edition(&self, newsletter: &str, by: Timestamp) -> Result<Option<Edition>> {
        let tail = " WHERE newsletter_id = $1 AND state = 'finished' AND finished <= $2 AND public_subject IS NOT NULL
             ORDER BY number DESC LIMIT 1";
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

    /// What everybody may read of an edition: HTML with personal fields; `None`
    /// when all it holds goes by mail alone.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn public_copy(&self, number: i64) -> Result<Option<String>> {
        let row = sqlx::query(
            "SELECT COALESCE(e.public_html, v.html) FROM editions e JOIN variants v ON v.edition = e.number
             WHERE e.number = $1 AND e.public_subject IS NOT NULL ORDER BY v.id LIMIT 1",
        )
        .bind(number)
        .fetch_optional(&self.db.reader)
        .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// One stored rendering.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn variant(&self, id: i64) -> Result<Option<Variant>> {
        let row = sqlx::query("SELECT id, edition, language, subject, html, text FROM variants WHERE id = $1")
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
        self.commit(tx).await?;
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
        self.commit(tx).await?;
        Ok(cancelled)
    }

    /// Withdraws queued and uncertain deliveries of cancelled editions; how many.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn withdraw(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.begin().await?;
        let withdrawn = withdraw(&mut tx, now).await?;
        self.commit(tx).await?;
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
        self.commit(tx).await?;
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
        public_subject: row.try_get("public_subject")?,
        audience: row.try_get("audience")?,
        sealed: instant(row, "sealed")?,
        finished: maybe_instant(row, "finished")?,
    })
}

fn variant(row: &SqliteRow) -> Result<Variant> {
    Ok(Variant {
        id: row.try_get("id")?,
        edition: row.try_get("edition")?,
        language: row.try_get("language")?,
        subject: row.try_get("subject")?,
        html: row.try_get("html")?,
        text: row.try_get("text")?,
    })
}
