//! How far the ledger has come, written down twice: in the database, and in a
//! file beside it. A database that is behind its file is an older copy that was
//! put back, and knows nothing of the mail that left since. So is one that has
//! been at work and has no file: it comes from another machine, or from a backup.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sqlx::{Row, Sqlite, Transaction};

use super::{Result, Store, StoreError};
use crate::domain::Timestamp;

/// What the operator is told.
const RESTORED: &str = "the database is an older copy or from another place, and mail that left since it was made \
    would leave again; cancel each edition that readers have had (postroom editions cancel NUMBER), then let the rest go";

impl Store {
    /// Before a run begins: pauses all sending when this is an older copy of
    /// the database. True when it is.
    ///
    /// # Errors
    /// Those of the engine, and of the file beside the database.
    pub async fn begin_generation(&self, now: Timestamp) -> Result<bool> {
        let path = self.disk.beside(".generation");
        let beside = read(&path);
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT COALESCE((SELECT number FROM generations), 0), EXISTS (SELECT 1 FROM runs)");
        let row = row.fetch_one(&mut *tx).await?;
        let (own, has_run): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
        let is_older = has_run && beside.is_none_or(|beside| beside > own);
        if is_older {
            sqlx::query(
                "INSERT INTO pauses (id, since, reason) VALUES (1, $1, $2) ON CONFLICT (id) DO UPDATE SET reason = $2",
            )
            .bind(now.0)
            .bind(RESTORED)
            .execute(&mut *tx)
            .await?;
        }
        let number = advance(&mut tx, beside.unwrap_or_default()).await?;
        self.commit(tx).await?;
        self.write_generation(number)?;
        Ok(is_older)
    }

    /// One generation on: a copy made before this is an older one.
    ///
    /// # Errors
    /// Those of the engine, and of the file beside the database.
    pub async fn next_generation(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        let number = advance(&mut tx, 0).await?;
        self.commit(tx).await?;
        self.write_generation(number)
    }

    /// Writes the number beside the database, after it is in it: what a crash
    /// leaves between the two is a database that is ahead, and that is no harm.
    pub(super) fn write_generation(&self, number: i64) -> Result<()> {
        let path = self.disk.beside(".generation");
        write(&path, number)
            .map_err(|error| StoreError::Beside { path: path.display().to_string(), cause: error.to_string() })
    }
}

/// Counts on, from `least` if that is more.
pub(super) async fn advance(tx: &mut Transaction<'static, Sqlite>, least: i64) -> Result<i64> {
    let row = sqlx::query(
        "INSERT INTO generations (id, number) VALUES (1, $1 + 1)
         ON CONFLICT (id) DO UPDATE SET number = MAX(number, $1) + 1 RETURNING number",
    );
    Ok(row.bind(least).fetch_one(&mut **tx).await?.try_get(0)?)
}

/// What stands in the file; `None` when it says nothing.
fn read(path: &PathBuf) -> Option<i64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// In place and always of one length: it takes no room on a full disk.
fn write(path: &Path, number: i64) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
    writeln!(file, "{number:020}")?;
    file.sync_all()?;
    match path.parent().filter(|folder| is_new && !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
