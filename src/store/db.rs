//! Opens the engine: SQLite, write-ahead log, one writer and a few readers.

use std::fs::OpenOptions;
use std::future::ready;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row, SqlSafeStr};

use super::StoreError;
use super::disk::LOG;

/// SQLite before this had a fault in resetting the write-ahead log that could
/// lose commits.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "post to delivery", include_str!("../../migrations/0001_post_to_delivery.sql"))];

/// Two pools on one file: every write waits its turn on one connection, so
/// that writers queue here instead of failing there.
#[derive(Clone, Debug)]
pub(super) struct Db {
    pub(super) writer: SqlitePool,
    pub(super) reader: SqlitePool,
}

/// The file named by a `sqlite:` URL or a bare path.
///
/// # Errors
/// When it names another engine.
pub fn path_of(url: &str) -> Result<&Path, StoreError> {
    match url.split_once(':') {
        Some(("sqlite", rest)) => Ok(Path::new(rest.strip_prefix("//").unwrap_or(rest))),
        Some((scheme, _)) if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
            Err(StoreError::Url(url.to_owned()))
        }
        _ => Ok(Path::new(url)),
    }
}

/// Makes the file when it is not there, for its owner alone: it holds the
/// addresses of readers. The engine's own files beside it get the same rights.
fn make(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(StoreError::open(path, e)),
        _ => Ok(()),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: an answer given to a reader or a relay is on the disk.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("temp_store", "memory")
}

pub(super) async fn open(path: &Path) -> Result<Db, StoreError> {
    make(path)?;
    let options = options(path);
    // An edition goes out in the order of its rows, so few pages are in use at a
    // time; from the log they go to the database every 16 MiB.
    let writing = options.clone().pragma("cache_size", "-4000").pragma("wal_autocheckpoint", "4000");
    // A large edition, or another program that reads for long, leaves a large log: it is cut back.
    let writing = writing.pragma("journal_size_limit", LOG.to_string());
    let writer = pool()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(writing)
        .await
        .map_err(|e| StoreError::open(path, e))?;
    check_version(&writer).await?;
    migrate(&writer).await?;
    crate::failpoint!("migrated");
    let reader = pool().max_connections(4).connect_with(options.pragma("query_only", "on")).await?;
    Ok(Db { writer, reader })
}

/// A connection that believes to be in a transaction is not used again. When a
/// full disk makes the engine roll back by itself, the driver's own rollback
/// finds nothing to roll back, and the driver would believe so for ever.
fn pool() -> SqlitePoolOptions {
    // What waited in the driver's queue, a rollback perhaps, was done when the connection came back.
    let is_outside = |connection: &mut SqliteConnection| Ok(!connection.is_in_transaction());
    SqlitePoolOptions::new()
        .test_before_acquire(false)
        .before_acquire(move |connection, _| Box::pin(ready(is_outside(connection))))
}

async fn check_version(pool: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query("SELECT sqlite_version()").fetch_one(pool).await?.try_get(0)?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SQLITE { Err(StoreError::OldSqlite(version)) } else { Ok(()) }
}

/// Reads the whole file through: a second for a million rows on a good disk,
/// minutes for a large file on a slow one. So only the service does, at its start.
pub(super) async fn check(path: &Path) -> Result<(), StoreError> {
    let verdict = async {
        let mut connection = options(path).connect().await?;
        let verdict = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut connection).await?.try_get::<String, _>(0);
        connection.close().await?;
        verdict
    };
    match verdict.await {
        Ok(word) if word == "ok" => Ok(()),
        Ok(what) => Err(StoreError::Corrupt { path: path.display().to_string(), what }),
        Err(e) => Err(StoreError::open(path, e)),
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let migrations = MIGRATIONS
        .iter()
        .map(|&(version, description, sql)| {
            Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    match Migrator::with_migrations(migrations).run(pool).await {
        Ok(()) => Ok(()),
        Err(sqlx::migrate::MigrateError::VersionMissing(version)) => Err(StoreError::Newer(version)),
        Err(e) => Err(StoreError::Migrate(Box::new(e))),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_was_full_for_a_moment_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("postroom.db")).await.unwrap();
        let pages: i64 = sqlx::query("PRAGMA page_count").fetch_one(&db.writer).await.unwrap().get(0);
        sqlx::query(AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&db.writer).await.unwrap();
        let mut tx = db.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let full = sqlx::query("CREATE TABLE more AS SELECT zeroblob(100000)").execute(&mut *tx).await.unwrap_err();
        assert_eq!(full.as_database_error().unwrap().code().unwrap(), "13", "{full}");
        drop(tx);
        db.writer.begin_with("BEGIN IMMEDIATE").await.unwrap().commit().await.unwrap();
    }
    #[tokio::test]
    async fn what_a_newer_version_wrote_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postroom.db");
        let db = open(&path).await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (99, 'of tomorrow', TRUE, x'00', 0)";
        sqlx::query(newer).execute(&db.writer).await.unwrap();
        db.reader.close().await;
        db.writer.close().await;
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(open(&path).await, Err(StoreError::Newer(99))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
