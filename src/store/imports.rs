//! Subscriptions the operator enters, one or a hundred thousand: a few
//! statements for many rows, and all of a file in one transaction.

use sqlx::{Row, Sqlite, Transaction};

use super::erasures::Forgotten;
use super::{Result, Store, StoreError};
use crate::domain::subscription::{Consent, Status};
use crate::domain::{Address, Cadence, Timestamp};

/// A subscription the operator enters or imports.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Who.
    pub address: Address,
    /// How often.
    pub cadence: Cadence,
    /// Active when the operator vouches for consent, else pending; unsubscribed
    /// for who left elsewhere, so that no other list brings them in.
    pub status: Status,
    /// Since when, by the list it comes from.
    pub since: Option<Timestamp>,
}

/// What became of entered or imported subscriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// New ones.
    pub added: u64,
    /// There and pending, and active now that the operator vouches for them.
    pub vouched: u64,
    /// Already there, left as they are.
    pub known: u64,
    /// New ones that had left elsewhere, kept as such.
    pub left: u64,
    /// Left alone because their reader unsubscribed before, or asked to be forgotten.
    pub unsubscribed: u64,
    /// Left alone because their address must not be mailed.
    pub suppressed: u64,
    /// Addresses that must not be mailed from now on, by the list.
    pub barred: u64,
}

/// An import under way: nothing of it is there before [`Import::commit`], and
/// everybody else who writes waits until then.
#[derive(Debug)]
pub struct Import {
    tx: Transaction<'static, Sqlite>,
    newsletter: String,
    now: Timestamp,
    forgotten: Forgotten,
    /// Its row, when it can be taken back.
    id: Option<i64>,
    sum: Added,
}

impl Store {
    /// Enters subscriptions, in one transaction. Earlier unsubscribes and
    /// suppressions always win; no mail is sent.
    ///
    /// # Errors
    /// Those of the engine; none is entered then.
    pub async fn add_subscriptions(
        &self,
        newsletter: &str,
        new: &[NewSubscription],
        consent: &Consent,
        now: Timestamp,
    ) -> Result<Added> {
        let mut import = self.import(newsletter, now).await?;
        import.add(new, consent).await?;
        import.commit().await
    }

    /// Begins an import into a newsletter.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn import(&self, newsletter: &str, now: Timestamp) -> Result<Import> {
        let forgotten = Forgotten::read(&self.db.reader).await?;
        let (tx, newsletter) = (self.begin().await?, newsletter.to_owned());
        Ok(Import { tx, newsletter, now, forgotten, id: None, sum: Added::default() })
    }

    /// Begins an import of a list that can be taken back by [`Store::undo_import`].
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn import_file(&self, newsletter: &str, file: &str, now: Timestamp) -> Result<Import> {
        let mut import = self.import(newsletter, now).await?;
        let row = sqlx::query("INSERT INTO imports (newsletter_id, file, at) VALUES ($1, $2, $3) RETURNING id")
            .bind(newsletter)
            .bind(file)
            .bind(now.0)
            .fetch_one(&mut *import.tx)
            .await?;
        import.id = Some(row.try_get("id")?);
        Ok(import)
    }
}

/// The rows bound as `$1`: address, its key, cadence, since when.
macro_rules! rows {
    () => {
        "(SELECT key AS place, value ->> 0 AS address, value ->> 1 AS address_key, value ->> 2 AS cadence,
                value ->> 3 AS since
            FROM json_each($1)) n"
    };
}

/// Those of the rows that may be mailed, as subscribers.
macro_rules! subscribers {
    () => {
        concat!(
            rows!(),
            " JOIN subscribers r ON r.address_key = n.address_key
             WHERE NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_key = n.address_key)"
        )
    };
}

const STAY_OUT: &str = concat!(
    "SELECT COUNT(x.address_key) AS suppressed, COUNT(s.id) FILTER (WHERE x.address_key IS NULL) AS unsubscribed
     FROM ",
    rows!(),
    " LEFT JOIN suppressions x ON x.address_key = n.address_key
     LEFT JOIN subscribers r ON r.address_key = n.address_key
     LEFT JOIN subscriptions s ON s.subscriber_id = r.id AND s.newsletter_id = $2
        AND s.status = 'unsubscribed'"
);

const ADD_SUBSCRIBERS: &str = concat!(
    "INSERT INTO subscribers (address, address_key, created) SELECT n.address, n.address_key, $2 FROM ",
    rows!(),
    " WHERE NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_key = n.address_key)
     ORDER BY n.place ON CONFLICT (address_key) DO NOTHING"
);

const PROVE_WAITING: &str = concat!(
    "INSERT INTO consents (subscription_id, act, at, source, words, network, import_id)
     SELECT id, $3, $4, $5, $6, $7, $8 FROM subscriptions WHERE newsletter_id = $2 AND status = 'pending'
        AND subscriber_id IN (SELECT r.id FROM ",
    subscribers!(),
    ")"
);

const LET_IN: &str = concat!(
    "UPDATE subscriptions SET status = 'active', covered_until = (SELECT COALESCE(MAX(seq), 0) FROM posts)
     WHERE newsletter_id = $2 AND status = 'pending' AND subscriber_id IN (SELECT r.id FROM ",
    subscribers!(),
    ")"
);

const SUBSCRIBE: &str = concat!(
    "INSERT INTO subscriptions (subscriber_id, newsletter_id, status, cadence, covered_until, created, unsubscribed)
     SELECT r.id, $2, $3, n.cadence, (SELECT COALESCE(MAX(seq), 0) FROM posts),
        CASE WHEN $3 = 'pending' THEN $4 ELSE COALESCE(n.since, $4) END, CASE WHEN $3 = 'unsubscribed' THEN $4 END
     FROM ",
    subscribers!(),
    " ORDER BY n.place ON CONFLICT (subscriber_id, newsletter_id) DO NOTHING"
);

/// Whether the reader of a subscription, called so in the statement, has said
/// themselves, here, that they want it: by the button, or by an act only a reader has.
macro_rules! heard {
    ($subscription:literal) => {
        concat!(
            "(",
            $subscription,
            ".confirmed IS NOT NULL OR EXISTS (SELECT 1 FROM consents h WHERE h.subscription_id = ",
            $subscription,
            ".id AND h.act IN ('confirmed', 'returned', 'chose', 'moved')))"
        )
    };
}

/// Those of the rows who are here without ever having said so themselves.
macro_rules! unheard {
    () => {
        concat!(
            "newsletter_id = $2 AND status <> 'unsubscribed' AND NOT ",
            heard!("subscriptions"),
            " AND subscriber_id IN (SELECT r.id FROM ",
            subscribers!(),
            ")"
        )
    };
}

const PROVE_LEFT: &str = concat!(
    "INSERT INTO consents (subscription_id, act, at, source, words, network, import_id)
     SELECT id, $3, $4, $5, $6, $7, $8 FROM subscriptions WHERE ",
    unheard!()
);

const LET_OUT: &str = concat!("UPDATE subscriptions SET status = 'unsubscribed', unsubscribed = $3 WHERE ", unheard!());

// Every subscription has a proof; one without is of this batch.
const PROVE_NEW: &str = concat!(
    "INSERT INTO consents (subscription_id, act, at, source, words, network, import_id)
     SELECT s.id, $3, $4, $5, $6, $7, $8 FROM subscriptions s WHERE s.newsletter_id = $2
        AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.subscription_id = s.id)
        AND s.subscriber_id IN (SELECT r.id FROM ",
    subscribers!(),
    ")"
);

/// Those of the rows `$1`, address key and reason, whose readers have not said
/// themselves, here, that they want mail.
macro_rules! unwanted {
    () => {
        concat!(
            "SELECT DISTINCT n.value ->> 0 AS address_key, n.value ->> 1 AS reason FROM json_each($1) n
             WHERE NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_key = n.value ->> 0)
                AND NOT EXISTS (SELECT 1 FROM subscribers r JOIN subscriptions s ON s.subscriber_id = r.id
                    WHERE r.address_key = n.value ->> 0 AND s.status = 'active' AND ",
            heard!("s"),
            ")"
        )
    };
}

const NOTE_BARRED: &str = concat!(
    "INSERT INTO import_suppressions (import_id, address_key) SELECT $2, u.address_key FROM (",
    unwanted!(),
    ") u WHERE true ON CONFLICT DO NOTHING"
);

const BAR: &str = concat!(
    "INSERT INTO suppressions (address_key, reason, detail, created) SELECT u.address_key, u.reason, $2, $3 FROM (",
    unwanted!(),
    ") u WHERE true ON CONFLICT DO NOTHING"
);

impl Import {
    /// Bars addresses, each for its reason, that bounced or complained where
    /// the list comes from. Whoever said here themselves that they want mail is not barred by
    /// an old list, and whoever was barred before stays so for the reason then.
    ///
    /// # Errors
    /// Those of the engine; the whole import fails then.
    pub async fn bar(&mut self, rows: &[(Address, &'static str)], detail: &str) -> Result<()> {
        let known = rows.iter().filter(|(address, _)| !self.forgotten.knows(address));
        let rows: Vec<_> = known.map(|(address, reason)| (address.key(), reason)).collect();
        let rows = serde_json::to_string(&rows).map_err(|error| StoreError::Value(error.to_string()))?;
        if let Some(id) = self.id {
            sqlx::query(NOTE_BARRED).bind(&rows).bind(id).execute(&mut *self.tx).await?;
        }
        let barred = sqlx::query(BAR).bind(&rows).bind(detail).bind(self.now.0).execute(&mut *self.tx).await?;
        self.sum.barred += barred.rows_affected();
        Ok(())
    }

    /// Enters more rows, all with the same proof. Whoever is there already
    /// stays as they are, but that who is pending becomes active when the
    /// operator vouches for them, and who left elsewhere leaves here unless
    /// they said themselves, here, that they want it.
    ///
    /// # Errors
    /// Those of the engine; the whole import fails then.
    pub async fn add(&mut self, new: &[NewSubscription], consent: &Consent) -> Result<()> {
        let (forgotten, new): (Vec<_>, Vec<_>) = new.iter().partition(|one| self.forgotten.knows(&one.address));
        self.sum.unsubscribed += forgotten.len() as u64;
        for status in [Status::Active, Status::Pending, Status::Unsubscribed] {
            let rows: Vec<_> = new.iter().copied().filter(|one| one.status == status).collect();
            if !rows.is_empty() {
                self.add_alike(&rows, status, consent).await?;
            }
        }
        Ok(())
    }

    async fn add_alike(&mut self, new: &[&NewSubscription], status: Status, consent: &Consent) -> Result<()> {
        let row = |one: &&NewSubscription| {
            (one.address.to_string(), one.address.key(), one.cadence.as_str(), one.since.map(|at| at.0))
        };
        let rows = serde_json::to_string(&new.iter().map(row).collect::<Vec<_>>())
            .map_err(|error| StoreError::Value(error.to_string()))?;
        let out = sqlx::query(STAY_OUT).bind(&rows).bind(&self.newsletter).fetch_one(&mut *self.tx).await?;
        let (suppressed, unsubscribed): (i64, i64) = (out.try_get("suppressed")?, out.try_get("unsubscribed")?);
        sqlx::query(ADD_SUBSCRIBERS).bind(&rows).bind(self.now.0).execute(&mut *self.tx).await?;
        let mut vouched = 0;
        if status == Status::Active {
            self.prove(PROVE_WAITING, &rows, consent).await?;
            let let_in = sqlx::query(LET_IN).bind(&rows).bind(&self.newsletter).execute(&mut *self.tx).await?;
            vouched = let_in.rows_affected();
        }
        let added = sqlx::query(SUBSCRIBE)
            .bind(&rows)
            .bind(&self.newsletter)
            .bind(status.as_str())
            .bind(self.now.0)
            .execute(&mut *self.tx)
            .await?
            .rows_affected();
        self.prove(PROVE_NEW, &rows, consent).await?;
        if status == Status::Unsubscribed {
            self.prove(PROVE_LEFT, &rows, consent).await?;
            let out = sqlx::query(LET_OUT).bind(&rows).bind(&self.newsletter).bind(self.now.0);
            self.sum.left += added + out.execute(&mut *self.tx).await?.rows_affected();
            return Ok(());
        }
        let (suppressed, unsubscribed) = (suppressed.unsigned_abs(), unsubscribed.unsigned_abs());
        let all = u64::try_from(new.len()).unwrap_or(u64::MAX);
        self.sum.added += added;
        self.sum.vouched += vouched;
        self.sum.suppressed += suppressed;
        self.sum.unsubscribed += unsubscribed;
        self.sum.known += all.saturating_sub(added + vouched + suppressed + unsubscribed);
        Ok(())
    }

    async fn prove(&mut self, sql: &'static str, rows: &str, consent: &Consent) -> Result<()> {
        sqlx::query(sql)
            .bind(rows)
            .bind(&self.newsletter)
            .bind(consent.act.as_str())
            .bind(self.now.0)
            .bind(&consent.source)
            .bind(&consent.words)
            .bind(&consent.network)
            .bind(self.id)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Makes all of it so, and tells what became of the rows.
    ///
    /// # Errors
    /// Those of the engine; nothing is entered then.
    pub async fn commit(self) -> Result<Added> {
        self.tx.commit().await?;
        Ok(self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::subscription::ConsentAct;

    const VOUCHED: (Status, ConsentAct) = (Status::Active, ConsentAct::Vouched);
    const ASKED: (Status, ConsentAct) = (Status::Pending, ConsentAct::Asked);

    async fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        let setting = "INSERT INTO newsletters VALUES ('a', 'A');
            INSERT INTO suppressions VALUES ('gone@x.test', 'bounce', '550', 1);
            INSERT INTO posts (identity, feed_id, path, content_hash, title, slug, url, dated, draft, summary, words,
                access, reach, file_size, file_modified, rendered_by, seq, mailable, guarded)
            VALUES ('p', 'p', 'p', '', 'P', 'p', 'p', 1, 0, '', 1, 'public', 'everywhere', 1, 1, '', 7, 1, 0)";
        sqlx::raw_sql(setting).execute(&store.db.writer).await.unwrap();
        store
    }

    async fn add(import: &mut Import, addresses: &[&str], (status, act): (Status, ConsentAct)) {
        let one = |text: &&str| {
            let address = Address::parse(text).unwrap();
            NewSubscription { address, cadence: Cadence::Weekly, status, since: None }
        };
        let consent = Consent { act, source: "import".into(), words: "paper".into(), network: None };
        import.add(&addresses.iter().map(one).collect::<Vec<_>>(), &consent).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_of_an_import_is_there_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let mut import = store.import("a", Timestamp(1)).await.unwrap();
        add(&mut import, &["jane@x.test"], VOUCHED).await;
        add(&mut import, &["joe@x.test"], VOUCHED).await;
        drop(import);
        assert_eq!(store.subscriptions_after(0, 9, None, None, None).await.unwrap(), []);
    }

    #[tokio::test]
    async fn who_is_vouched_for_gets_what_comes_and_who_is_out_stays_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let mut import = store.import("a", Timestamp(1)).await.unwrap();
        add(&mut import, &["jane@x.test", "gone@x.test", "JANE@x.test"], ASKED).await;
        let expected = Added { added: 1, known: 1, suppressed: 1, ..Added::default() };
        assert_eq!(import.commit().await.unwrap(), expected);
        let pending = store.subscriptions_after(0, 9, None, None, None).await.unwrap();
        sqlx::raw_sql("UPDATE posts SET seq = 8").execute(&store.db.writer).await.unwrap();
        let mut import = store.import("a", Timestamp(2)).await.unwrap();
        add(&mut import, &["jane@x.test", "gone@x.test", "joe@x.test"], VOUCHED).await;
        let expected = Added { added: 1, vouched: 1, suppressed: 1, ..Added::default() };
        assert_eq!(import.commit().await.unwrap(), expected);
        let active = store.subscriptions_after(0, 9, None, None, None).await.unwrap();
        assert_eq!((pending.len(), pending[0].status, pending[0].covered_until), (1, Status::Pending, 7));
        assert!(active.len() == 2 && active.iter().all(|s| s.status == Status::Active && s.covered_until == 8));
        let acts = store.consents(pending[0].id).await.unwrap();
        assert_eq!(acts.iter().map(|one| one.act.as_str()).collect::<Vec<_>>(), ["asked", "vouched"]);
    }

    #[tokio::test]
    async fn who_left_elsewhere_is_out_here_unless_they_confirmed_it_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let names = ["listed@x.test", "sure@x.test"];
        let mut import = store.import("a", Timestamp(1)).await.unwrap();
        add(&mut import, &names, VOUCHED).await;
        import.commit().await.unwrap();
        sqlx::raw_sql("UPDATE subscriptions SET confirmed = 1 WHERE id = 2").execute(&store.db.writer).await.unwrap();
        let mut import = store.import("a", Timestamp(2)).await.unwrap();
        // In one file, too, a no weighs more than a yes.
        add(&mut import, &["both@x.test"], VOUCHED).await;
        add(&mut import, &[&names[..], &["both@x.test"]].concat(), (Status::Unsubscribed, ConsentAct::Unsubscribed))
            .await;
        assert_eq!(import.commit().await.unwrap().left, 2);
        let all = store.subscriptions_after(0, 9, None, None, None).await.unwrap();
        let all: Vec<_> = all.iter().map(|one| (one.address.as_str(), one.status)).collect();
        let (out, active) = (Status::Unsubscribed, Status::Active);
        assert_eq!(all, [("listed@x.test", out), ("sure@x.test", active), ("both@x.test", out)]);
    }

    #[tokio::test]
    async fn who_was_imported_and_chose_returned_or_moved_here_is_heard_over_any_later_list() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let names = ["quiet@x.test", "chose@x.test", "returned@x.test", "moved@x.test"];
        let mut import = store.import("a", Timestamp(1)).await.unwrap();
        add(&mut import, &names, VOUCHED).await;
        import.commit().await.unwrap();
        let acts = "INSERT INTO consents (subscription_id, act, at, source, words)
            VALUES (1, 'asked', 2, 'form', ''), (2, 'chose', 2, 'form', ''), (3, 'returned', 2, 'form', ''),
                (4, 'moved', 2, 'form', '')";
        sqlx::raw_sql(acts).execute(&store.db.writer).await.unwrap();
        let mut import = store.import("a", Timestamp(3)).await.unwrap();
        let rows: Vec<_> = names.iter().map(|name| (Address::parse(name).unwrap(), "bounce")).collect();
        import.bar(&rows, "their list").await.unwrap();
        assert_eq!(import.commit().await.unwrap().barred, 1);
        sqlx::raw_sql("DELETE FROM suppressions").execute(&store.db.writer).await.unwrap();
        let mut import = store.import("a", Timestamp(4)).await.unwrap();
        add(&mut import, &names, (Status::Unsubscribed, ConsentAct::Unsubscribed)).await;
        assert_eq!(import.commit().await.unwrap().left, 1);
        let all = store.subscriptions_after(0, 9, None, None, None).await.unwrap();
        let active: Vec<_> = all.iter().filter(|one| one.status == Status::Active).map(|one| one.id).collect();
        assert_eq!(active, [2, 3, 4]);
    }
}
