//! The row of one post: written anew whenever its file was read.

use sqlx::{Row, Sqlite, Transaction};

use super::{Result, lists};
use crate::domain::post::{Access, is_uri};
use crate::domain::{Entry, Timestamp};

/// A hash as it is stored.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Makes a row for a post nobody has seen before; its id.
pub(super) async fn insert(tx: &mut Transaction<'static, Sqlite>, entry: &Entry) -> Result<i64> {
    let feed_id = first_feed_id(tx, entry).await?;
    let row = sqlx::query(
        "INSERT INTO posts (identity, feed_id, path, content_hash, title, slug, url, dated, draft, summary,
            words, access, reach, file_size, file_modified, rendered_by, mailable, guarded)
         VALUES ($1, $2, '', '', '', '', '', 0, 0, '', 0, 'public', 'everywhere', 0, 0, '', 1, 0) RETURNING id",
    )
    .bind(&entry.identity)
    .bind(feed_id)
    .fetch_one(&mut **tx)
    .await?;
    Ok(row.try_get(0)?)
}

/// The feed id a post keeps for ever: its author's absolute id, else its first
/// address, made unique when another post had that address before.
async fn first_feed_id(tx: &mut Transaction<'static, Sqlite>, entry: &Entry) -> Result<String> {
    let wanted =
        entry.guid.as_deref().filter(|guid| is_uri(guid) && url::Url::parse(guid).is_ok()).unwrap_or(&entry.url);
    let taken = sqlx::query("SELECT 1 FROM posts WHERE feed_id = $1").bind(wanted).fetch_optional(&mut **tx).await?;
    if taken.is_none() {
        return Ok(wanted.to_owned());
    }
    let hash = hex(&entry.content_hash);
    Ok(format!("{wanted}#{}", &hash[..12]))
}

/// Writes what a file says of a post into its row. `edited` is when it changed, if it did.
pub(super) async fn write_entry(
    tx: &mut Transaction<'static, Sqlite>,
    id: i64,
    entry: &Entry,
    hash: &str,
    ((size, modified), rendered_by): ((u64, Timestamp), &str),
    edited: Option<Timestamp>,
) -> Result<()> {
    let edited = edited.map(|now| entry.updated.unwrap_or(now).0);
    let slug = free_slug(tx, id, &entry.slug).await?;
    // Another post may have had the identity that this file gives it now: then it keeps its own.
    sqlx::query(
        "UPDATE posts SET path = $2, content_hash = $3, title = $4, slug = $5, url = $6, dated = $7,
            author_updated = $8, expires = $9, draft = $10, summary = $11, language = $12, words = $13,
            access = $14, reach = $20, mail_subject = $21, file_size = $15, file_modified = $16, rendered_by = $19,
            removed = NULL, revision = (SELECT COALESCE(MAX(changes), 0) + 1 FROM baselines),
            edited = CASE WHEN seq IS NULL THEN edited ELSE COALESCE($17, edited) END,
            identity = CASE WHEN EXISTS (SELECT 1 FROM posts o WHERE o.identity = $1 AND o.id <> $18)
                THEN identity ELSE $1 END
         WHERE id = $18",
    )
    .bind(&entry.identity)
    .bind(&entry.path)
    .bind(hash)
    .bind(&entry.title)
    .bind(slug)
    .bind(&entry.url)
    .bind(entry.date.0)
    .bind(entry.updated.map(|t| t.0))
    .bind(entry.expires.map(|t| t.0))
    .bind(entry.draft)
    .bind(&entry.summary)
    .bind(&entry.language)
    .bind(entry.words)
    .bind(match entry.access {
        Access::Public => "public",
        Access::Subscribers => "subscribers",
    })
    .bind(i64::try_from(size).unwrap_or(i64::MAX))
    .bind(modified.0)
    .bind(edited)
    .bind(id)
    .bind(rendered_by)
    .bind(entry.send.reach.as_str())
    .bind(&entry.send.subject)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO post_bodies (post_id, html) VALUES ($1, $2)
         ON CONFLICT (post_id) DO UPDATE SET html = excluded.html",
    )
    .bind(id)
    .bind(&entry.html)
    .execute(&mut **tx)
    .await?;
    lists::write(tx, id, entry).await
}

/// The last part of the post's address on our own pages: its own, numbered
/// where another post has it.
async fn free_slug(tx: &mut Transaction<'static, Sqlite>, id: i64, wanted: &str) -> Result<String> {
    let mut slug = wanted.to_owned();
    let mut number = 1;
    while sqlx::query("SELECT 1 FROM posts WHERE slug = $1 AND id <> $2")
        .bind(&slug)
        .bind(id)
        .fetch_optional(&mut **tx)
        .await?
        .is_some()
    {
        number += 1;
        slug = format!("{wanted}-{number}");
    }
    Ok(slug)
}
