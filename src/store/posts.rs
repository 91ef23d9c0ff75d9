//! Posts: which are public, which are owed, what an address leads to.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};

use super::{Result, Store, StoreError, instant, maybe_instant, word};
use crate::domain::directives::Directives;
use crate::domain::post::Access;
use crate::domain::{Entry, Post, Timestamp};

/// What an address on our own pages leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A public post.
    Post(Box<Post>),
    /// There was one.
    Gone,
    /// There never was one.
    Unknown,
}

const POST: &str = "SELECT id, identity, feed_id, path, content_hash, title, slug, url, dated, author_updated, edited,
        expires, draft, summary, (SELECT html FROM post_bodies WHERE post_id = posts.id) AS html, language, words, access, reach, mail_subject, seq, public_since, mailable
    FROM posts";

/// The part of it that is left out where bodies are not wanted.
const BODY: &str = "(SELECT html FROM post_bodies WHERE post_id = posts.id)";

/// What makes a post public at the instant bound as `$at`.
macro_rules! public {
    ($at:literal) => {
        concat!("removed IS NULL AND draft = 0 AND dated <= ", $at, " AND (expires IS NULL OR expires > ", $at, ")")
    };
}
pub(super) use public;

/// How often posts changed, and when time will next change which are public.
const FINGERPRINT: &str = "SELECT COALESCE((SELECT changes FROM baselines), 0)
    || ' ' || COALESCE((SELECT dated FROM posts WHERE dated > $1 ORDER BY dated LIMIT 1), '')
    || ' ' || COALESCE((SELECT expires FROM posts WHERE expires > $1 ORDER BY expires LIMIT 1), '')";

impl Store {
    /// Public posts that have a place on the web, newest date first: not those
    /// that go by mail alone.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn public_posts(&self, now: Timestamp) -> Result<Vec<Post>> {
        let sql = select(concat!(
            " WHERE seq IS NOT NULL AND reach <> 'mail' AND ",
            public!("$1"),
            " ORDER BY dated DESC, seq DESC"
        ));
        let rows = sqlx::query(sql).bind(now.0).fetch_all(&self.db.reader).await?;
        self.with_lists(rows).await
    }

    /// The same without their bodies, which are the most of them.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn public_outlines(&self, now: Timestamp) -> Result<Vec<Post>> {
        const TAIL: &str =
            concat!(" WHERE seq IS NOT NULL AND reach <> 'mail' AND ", public!("$1"), " ORDER BY dated DESC, seq DESC");
        let sql = AssertSqlSafe([&POST.replace(BODY, "''"), TAIL].concat());
        let rows = sqlx::query(sql).bind(now.0).fetch_all(&self.db.reader).await?;
        self.with_lists(rows).await
    }

    /// The bodies of these posts, by row id.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn bodies(&self, posts: &[i64]) -> Result<HashMap<i64, String>> {
        let ids = serde_json::to_string(posts).map_err(|e| StoreError::Value(e.to_string()))?;
        let rows =
            sqlx::query("SELECT post_id, html FROM post_bodies WHERE post_id IN (SELECT value FROM json_each($1))")
                .bind(ids)
                .fetch_all(&self.db.reader)
                .await?;
        rows.iter().map(|row| Ok((row.try_get("post_id")?, row.try_get("html")?))).collect()
    }

    /// A number for every post, by row id, that is another one whenever anything
    /// of it was written, its body included.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn revisions(&self) -> Result<HashMap<i64, i64>> {
        // One row of all, as of the files.
        let row = sqlx::query("SELECT json_group_array(json_array(id, revision)) FROM posts WHERE seq IS NOT NULL")
            .fetch_one(&self.db.reader)
            .await?;
        let all: Vec<(i64, i64)> =
            serde_json::from_str(row.try_get(0)?).map_err(|error| StoreError::Value(error.to_string()))?;
        Ok(all.into_iter().collect())
    }

    /// Changes whenever the set of public posts or one of them does, time
    /// passing included: what tells the publisher that there is work. Asked
    /// every second, so it looks at no post but the next that time will change.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn public_fingerprint(&self, now: Timestamp) -> Result<String> {
        let row = sqlx::query(FINGERPRINT).bind(now.0).fetch_one(&self.db.reader).await?;
        Ok(row.try_get(0)?)
    }

    /// How many posts are present, public or not.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn present_posts(&self) -> Result<i64> {
        let row = sqlx::query("SELECT COUNT(*) FROM posts WHERE removed IS NULL").fetch_one(&self.db.reader).await?;
        Ok(row.try_get(0)?)
    }

    /// The public post or the trace of one behind the last part of an address;
    /// of one that has no page there is no trace.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn post_by_slug(&self, slug: &str, now: Timestamp) -> Result<Found> {
        let sql = select(concat!(
            " WHERE slug = $1 AND seq IS NOT NULL AND reach IN ('everywhere', 'unmailed') ORDER BY ",
            public!("$2"),
            " DESC, seq DESC"
        ));
        let rows = sqlx::query(sql).bind(slug).bind(now.0).fetch_all(&self.db.reader).await?;
        self.found(rows, now).await
    }

    /// The post with this identity, slug, path or address, public or not.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn post_named(&self, name: &str) -> Result<Option<Post>> {
        let sql = select(
            " WHERE identity = $1 OR slug = $1 OR path = $1 OR url = $1 ORDER BY removed IS NULL DESC, seq DESC LIMIT 1",
        );
        let rows = sqlx::query(sql).bind(name).fetch_all(&self.db.reader).await?;
        Ok(self.with_lists(rows).await?.pop())
    }

    /// Removes the operator's hold from the posts of an approved edition, and
    /// the one on the archive if it was sealed since.
    pub(super) async fn unguard(tx: &mut Transaction<'static, Sqlite>, edition: i64) -> Result<()> {
        sqlx::query(
            "UPDATE posts SET guarded = 0 WHERE id IN (
                SELECT p.post_id FROM variant_posts p JOIN variants v ON v.id = p.variant_id WHERE v.edition = $1)",
        )
        .bind(edition)
        .execute(&mut **tx)
        .await?;
        sqlx::query(
            "UPDATE baselines SET guarded = NULL WHERE guarded <= (SELECT sealed FROM editions WHERE number = $1)",
        )
        .bind(edition)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Whether a large part of the archive changed or vanished at once, and the
    /// operator has let no edition go since.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn is_archive_guarded(&self) -> Result<bool> {
        let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM baselines WHERE guarded IS NOT NULL)");
        Ok(row.fetch_one(&self.db.reader).await?.try_get(0)?)
    }

    async fn found(&self, mut rows: Vec<SqliteRow>, now: Timestamp) -> Result<Found> {
        rows.truncate(1);
        let Some(row) = rows.first() else { return Ok(Found::Unknown) };
        let removed = sqlx::query("SELECT removed IS NOT NULL FROM posts WHERE id = $1")
            .bind(row.try_get::<i64, _>("id")?)
            .fetch_one(&self.db.reader)
            .await?
            .try_get::<bool, _>(0)?;
        let post = self.with_lists(rows).await?.pop();
        Ok(match post {
            Some(post) if !removed && post.entry.is_public(now) => Found::Post(Box::new(post)),
            _ => Found::Gone,
        })
    }

    /// Every post that may still be mailed to somebody who has had all up to
    /// `after`, oldest first; guarded ones included.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn posts_after(&self, after: i64, now: Timestamp) -> Result<Vec<Post>> {
        let sql = select(concat!(
            " WHERE seq > $1 AND mailable = 1 AND reach IN ('everywhere', 'mail') AND ",
            public!("$2"),
            " ORDER BY seq"
        ));
        let rows = sqlx::query(sql).bind(after).bind(now.0).fetch_all(&self.db.reader).await?;
        self.with_lists(rows).await
    }

    /// Posts that are not public yet and will be `at` then, oldest first and
    /// numbered after the newest: what a plan foresees.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn posts_to_come(&self, at: Timestamp) -> Result<Vec<Post>> {
        let sql = select(concat!(
            " WHERE public_since IS NULL AND (seq IS NULL OR mailable = 1 AND NOT EXISTS (
                SELECT 1 FROM variant_posts v WHERE v.post_id = posts.id)) AND ",
            public!("$1"),
            " ORDER BY dated, id"
        ));
        let rows = sqlx::query(sql).bind(at.0).fetch_all(&self.db.reader).await?;
        let mut posts = self.with_lists(rows).await?;
        for (seq, post) in (self.newest_seq().await? + 1..).zip(&mut posts) {
            post.seq = Some(seq);
            post.mailable = true;
        }
        Ok(posts)
    }

    /// Baseline posts dated `since` or later: what `send --since` adds for
    /// whoever has not had them.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn baseline_posts(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Post>> {
        let sql = select(concat!(
            " WHERE seq IS NOT NULL AND mailable = 0 AND reach IN ('everywhere', 'mail') AND dated >= $1 AND ",
            public!("$2"),
            " ORDER BY seq",
        ));
        let rows = sqlx::query(sql).bind(since.0).bind(now.0).fetch_all(&self.db.reader).await?;
        self.with_lists(rows).await
    }

    /// Which of these posts came in a scan the guard stopped.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn any_guarded(&self, posts: &[i64]) -> Result<bool> {
        let ids = serde_json::to_string(posts).map_err(|e| StoreError::Value(e.to_string()))?;
        let row =
            sqlx::query("SELECT 1 FROM posts WHERE guarded = 1 AND id IN (SELECT value FROM json_each($1)) LIMIT 1")
                .bind(ids)
                .fetch_optional(&self.db.reader)
                .await?;
        Ok(row.is_some())
    }
}

/// One SELECT list for every query that yields posts; both halves are constants of this file.
fn select(tail: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe([POST, tail].concat())
}

/// A post without what it has several of.
pub(super) fn post(row: &SqliteRow) -> Result<Post> {
    let access = match row.try_get::<String, _>("access")?.as_str() {
        "subscribers" => Access::Subscribers,
        _ => Access::Public,
    };
    Ok(Post {
        id: row.try_get("id")?,
        seq: row.try_get("seq")?,
        feed_id: row.try_get("feed_id")?,
        mailable: row.try_get("mailable")?,
        public_since: maybe_instant(row, "public_since")?,
        edited: maybe_instant(row, "edited")?,
        entry: Entry {
            identity: row.try_get("identity")?,
            guid: None,
            path: row.try_get("path")?,
            content_hash: from_hex(&row.try_get::<String, _>("content_hash")?),
            title: row.try_get("title")?,
            slug: row.try_get("slug")?,
            url: row.try_get("url")?,
            date: instant(row, "dated")?,
            updated: maybe_instant(row, "author_updated")?,
            expires: maybe_instant(row, "expires")?,
            draft: row.try_get("draft")?,
            summary: row.try_get("summary")?,
            html: row.try_get("html")?,
            topics: Vec::new(),
            authors: Vec::new(),
            language: row.try_get("language")?,
            words: row.try_get("words")?,
            access,
            send: Directives {
                reach: word(row, "reach")?,
                newsletters: Vec::new(),
                subject: row.try_get("mail_subject")?,
            },
            media: Vec::new(),
        },
    })
}

fn from_hex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()).unwrap_or(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whether_posts_changed_is_told_without_walking_through_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {FINGERPRINT}"));
        let rows = sqlx::query(sql).bind(0).fetch_all(&store.db.reader).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let of_posts: Vec<_> = plan.iter().filter(|step| step.contains("posts")).collect();
        assert!(of_posts.len() == 2 && of_posts.iter().all(|step| step.contains("COVERING INDEX")), "{plan:?}");
        assert!(of_posts.iter().all(|step| step.starts_with("SEARCH")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
