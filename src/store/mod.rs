//! The only SQL: named operations, domain types in and out.
//!
//! Every write is one `BEGIN IMMEDIATE` transaction on the single writing
//! connection; every answer to a reader or a relay is given after its commit.

mod db;
mod disk;
mod editions;
mod erasures;
mod generation;
mod histories;
mod imports;
mod ingest;
mod kin;
mod ledger;
mod letters;
mod lists;
mod moving;
mod operator;
mod outbox;
mod pace;
mod posts;
mod preferences;
mod private;
mod published;
mod purge;
mod reports;
mod row;
mod schedules;
mod seal;
mod sources;
mod subscriptions;
mod undo;
mod verify;

pub use db::path_of;
pub use disk::{Trouble, beside, network};
pub use editions::{PostTold, Variant};
pub use erasures::Erased;
pub use histories::MailTold;
pub use imports::{Added, Import, NewSubscription};
pub use ingest::{Ingest, Ingested, KnownFile};
pub use ledger::{Answer, Leased, Ledger, Mail, Settling};
pub use moving::Former;
pub use operator::Retried;
pub use outbox::Recovered;
pub use posts::Found;
pub use preferences::Choices;
pub use published::{Ping, Published};
pub use reports::{AttemptRow, DeliveryRow, Outbox, SubscriptionCount};
pub use schedules::{Due, Settled};
pub use seal::{PublicCopy, Seal, SealOutcome, SealVariant};
pub use sources::Source;
pub(crate) use subscriptions::UNDO;
pub use subscriptions::{StoredConsent, Subscribe};
pub use undo::{ImportedList, Undone};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::domain::Timestamp;
use crate::domain::time::Span;

/// What can go wrong in the store. A refused mail is not among it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The settings name an engine this build does not have.
    #[error("`{0}` is not a database this build can open; write it like sqlite:postroom.db")]
    Url(String),
    /// The file cannot be opened.
    #[error("cannot open the database {path}: {cause}")]
    Open {
        /// The file.
        path: String,
        /// What the engine says.
        cause: String,
    },
    /// The file is damaged.
    #[error("the database {path} is damaged ({what}); stop, keep a copy of the file, and restore your last backup")]
    Corrupt {
        /// The file.
        path: String,
        /// What the engine found.
        what: String,
    },
    /// The bundled engine is too old to be trusted.
    #[error("SQLite {0} is too old; 3.51.3 or newer is needed")]
    OldSqlite(String),
    /// Written by a newer Postroom.
    #[error("the database was written by a newer Postroom (schema {0}); use that version or a backup from before")]
    Newer(i64),
    /// A migration failed; the database is as before.
    #[error("the database could not be brought up to date: {0}")]
    Migrate(Box<sqlx::migrate::MigrateError>),
    /// Anything the engine reports.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// A stored value is not one this version knows.
    #[error("the database holds a value this version does not know: {0}")]
    Value(String),
    /// The disk failed: only a new start can tell what is on it.
    #[error("the disk of the database failed ({0}): nothing more is written until a restart")]
    Failed(String),
    /// The file that says how far the ledger has come.
    #[error("cannot write {path}: {cause}")]
    Beside {
        /// The file.
        path: String,
        /// What the system says.
        cause: String,
    },
    /// The ledger's writer has stopped.
    #[error("the ledger has stopped: {0}")]
    Ledger(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl StoreError {
    fn open(path: &Path, cause: impl std::fmt::Display) -> Self {
        Self::Open { path: path.display().to_string(), cause: cause.to_string() }
    }
}

/// How often a run that has nothing to write shows that it could.
const BEAT: Span = Span::minutes(1);

/// What every operation answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: db::Db,
    disk: Arc<disk::Disk>,
}

impl Store {
    /// Opens the file, creating and migrating it as needed.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self> {
        Ok(Self { db: db::open(path).await?, disk: Arc::new(disk::Disk::of(path)) })
    }

    /// Reads the whole file for damage; one that is not there has none.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub async fn check(path: &Path) -> Result<()> {
        if path.exists() { db::check(path).await } else { Ok(()) }
    }

    /// Closes every connection after the work in hand; what takes longer than
    /// five seconds is left to end with the process. After the disk failed
    /// nothing is closed, for that would write.
    pub async fn close(&self) {
        if self.disk.has_failed() {
            return;
        }
        let close = async { tokio::join!(self.db.reader.close(), self.db.writer.close()) };
        let _ = tokio::time::timeout(Duration::from_secs(5), close).await;
    }

    /// Notes that the newest run is alive, when it has not for a minute: what
    /// proves that the database takes writes while there is nothing to write.
    /// The ledger is a generation further then.
    ///
    /// # Errors
    /// What the engine says: disk full, locked, read-only.
    pub async fn beat(&self, now: Timestamp) -> Result<()> {
        let mut tx = self.begin().await?;
        let beat = sqlx::query(
            "UPDATE runs SET seen = $1 WHERE id = (SELECT MAX(id) FROM runs) AND COALESCE(seen, started) <= $2",
        )
        .bind(now.0)
        .bind(now.minus(BEAT).0)
        .execute(&mut *tx)
        .await?;
        if beat.rows_affected() == 0 {
            return self.commit(tx).await;
        }
        let number = generation::advance(&mut tx, 0).await?;
        self.commit(tx).await?;
        self.write_generation(number)
    }

    /// Whether the writing connection comes free within a time: whatever the
    /// engine says on it, even that the disk is full, is an answer.
    pub async fn answers(&self, within: Duration) -> bool {
        tokio::time::timeout(within, self.begin()).await.is_ok()
    }

    /// What the operator should know of the disk that holds a database.
    pub fn troubles(path: &Path) -> Vec<Trouble> {
        disk::Disk::troubles(path)
    }

    /// Keeps room on the disk for bad times, as long as there is some.
    pub fn keep_reserve(&self) {
        self.disk.take_reserve();
    }

    /// Whether no room could be kept: nothing new is to be begun then.
    pub fn is_full(&self) -> bool {
        self.disk.is_full()
    }

    /// Waits until the disk has failed; what it said. Nothing is written after that.
    pub async fn failed(&self) -> &str {
        self.disk.failed().await
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.disk.make_ready().map_err(StoreError::Failed)?;
        self.noted(self.db.writer.begin_with(BEGIN).await)
    }

    async fn commit(&self, tx: Transaction<'static, Sqlite>) -> Result<()> {
        self.noted(tx.commit().await)
    }

    fn noted<T>(&self, done: std::result::Result<T, sqlx::Error>) -> Result<T> {
        let done = done.map_err(StoreError::from);
        done.inspect_err(|error| self.note(error))
    }

    /// Draws the consequence of an error that says something of the disk.
    pub fn note(&self, error: &StoreError) {
        // https://www.sqlite.org/rescode.html; the low byte is the kind.
        const READONLY: i32 = 8;
        const IOERR: i32 = 10;
        const CORRUPT: i32 = 11;
        const FULL: i32 = 13;
        const NOTADB: i32 = 26;
        let StoreError::Database(sqlx::Error::Database(error)) = error else { return };
        let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        match code & 0xff {
            FULL => self.disk.release(),
            READONLY | IOERR | CORRUPT | NOTADB => self.disk.fail(error.to_string()),
            _ => {}
        }
    }
}

/// IMMEDIATE: a transaction that reads first and writes later would fail at
/// once when another process wrote in between.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// A stored word as its domain type.
fn word<T: std::str::FromStr<Err = String>>(row: &SqliteRow, column: &str) -> Result<T> {
    row.try_get::<String, _>(column)?.parse().map_err(StoreError::Value)
}

fn instant(row: &SqliteRow, column: &str) -> Result<Timestamp> {
    Ok(Timestamp(row.try_get(column)?))
}

fn maybe_instant(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_that_never_comes_free_is_noticed_and_a_fault_of_the_engine_is_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        let (soon, late) = (Duration::from_millis(10), Duration::from_secs(30));
        assert!(store.answers(late).await);
        let mut tx = store.begin().await.unwrap();
        sqlx::query("DROP TABLE runs").execute(&mut *tx).await.unwrap();
        assert!(!store.answers(soon).await);
        tx.commit().await.unwrap();
        assert!(store.beat(Timestamp(0)).await.is_err() && store.answers(late).await);
    }
}
