//! What a post has several of: topics, authors, newsletters, media. Rows of their own.

use std::collections::{BTreeMap, HashMap};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Result, Store, StoreError};
use crate::domain::post::{Media, Topic};
use crate::domain::{Entry, Post};

const TOPICS: &str = "SELECT post_id, slug, name FROM post_topics
    WHERE post_id IN (SELECT value FROM json_each($1)) ORDER BY post_id, position";
const AUTHORS: &str = "SELECT post_id, name FROM post_authors
    WHERE post_id IN (SELECT value FROM json_each($1)) ORDER BY post_id, position";
const NEWSLETTERS: &str = "SELECT post_id, newsletter FROM post_newsletters
    WHERE post_id IN (SELECT value FROM json_each($1)) ORDER BY post_id, position";
const MEDIA: &str = "SELECT post_id, url, kind, bytes, seconds FROM post_media
    WHERE post_id IN (SELECT value FROM json_each($1)) ORDER BY post_id, position";

/// Writes those of one post over the ones it had.
pub(super) async fn write(tx: &mut Transaction<'static, Sqlite>, id: i64, entry: &Entry) -> Result<()> {
    let json = |value: serde_json::Result<String>| value.map_err(|e| StoreError::Value(e.to_string()));
    let topics: Vec<BTreeMap<&str, &str>> =
        entry.topics.iter().map(|t| [("slug", t.slug.as_str()), ("name", t.name.as_str())].into()).collect();
    sqlx::query("DELETE FROM post_topics WHERE post_id = $1").bind(id).execute(&mut **tx).await?;
    sqlx::query(
        "INSERT INTO post_topics (post_id, position, slug, name)
         SELECT $1, key, value ->> 'slug', value ->> 'name' FROM json_each($2)",
    )
    .bind(id)
    .bind(json(serde_json::to_string(&topics))?)
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM post_authors WHERE post_id = $1").bind(id).execute(&mut **tx).await?;
    sqlx::query("INSERT INTO post_authors (post_id, position, name) SELECT $1, key, value FROM json_each($2)")
        .bind(id)
        .bind(json(serde_json::to_string(&entry.authors))?)
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM post_newsletters WHERE post_id = $1").bind(id).execute(&mut **tx).await?;
    sqlx::query(
        "INSERT INTO post_newsletters (post_id, position, newsletter) SELECT $1, key, value FROM json_each($2)",
    )
    .bind(id)
    .bind(json(serde_json::to_string(&entry.send.newsletters))?)
    .execute(&mut **tx)
    .await?;
    let media: Vec<_> = entry.media.iter().map(|one| (&one.url, &one.kind, one.bytes, one.seconds)).collect();
    sqlx::query("DELETE FROM post_media WHERE post_id = $1").bind(id).execute(&mut **tx).await?;
    sqlx::query(
        "INSERT INTO post_media (post_id, position, url, kind, bytes, seconds)
         SELECT $1, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($2)",
    )
    .bind(id)
    .bind(json(serde_json::to_string(&media))?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Store {
    /// The posts of these rows with what each has several of.
    pub(super) async fn with_lists(&self, rows: Vec<SqliteRow>) -> Result<Vec<Post>> {
        let mut posts: Vec<Post> = rows.iter().map(super::posts::post).collect::<Result<_>>()?;
        let ids = serde_json::to_string(&posts.iter().map(|p| p.id).collect::<Vec<_>>())
            .map_err(|e| StoreError::Value(e.to_string()))?;
        let index: HashMap<i64, usize> = posts.iter().enumerate().map(|(i, p)| (p.id, i)).collect();
        let mut fill = async |sql: &'static str, add: fn(&mut Entry, &SqliteRow) -> Result<()>| {
            for row in sqlx::query(sql).bind(&ids).fetch_all(&self.db.reader).await? {
                if let Some(&i) = index.get(&row.try_get("post_id")?) {
                    add(&mut posts[i].entry, &row)?;
                }
            }
            Result::Ok(())
        };
        fill(TOPICS, |entry, row| {
            entry.topics.push(Topic { slug: row.try_get("slug")?, name: row.try_get("name")? });
            Ok(())
        })
        .await?;
        fill(AUTHORS, |entry, row| {
            entry.authors.push(row.try_get("name")?);
            Ok(())
        })
        .await?;
        fill(NEWSLETTERS, |entry, row| {
            entry.send.newsletters.push(row.try_get("newsletter")?);
            Ok(())
        })
        .await?;
        fill(MEDIA, |entry, row| {
            let bytes: Option<i64> = row.try_get("bytes")?;
            entry.media.push(Media {
                url: row.try_get("url")?,
                kind: row.try_get("kind")?,
                bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
                seconds: row.try_get("seconds")?,
            });
            Ok(())
        })
        .await?;
        Ok(posts)
    }
}
