//! The last imported list taken back: as far as nobody has acted on it since.

use sqlx::Row;

use super::{Result, Store};
use crate::domain::Timestamp;

/// A list that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedList {
    /// Its number.
    pub id: i64,
    /// The newsletter it went to.
    pub newsletter: String,
    /// The name of its file.
    pub file: String,
    /// When.
    pub at: Timestamp,
}

/// What became of the subscriptions of an import that was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// Forgotten as if they had never come.
    pub removed: u64,
    /// Pending from now on, because mail of ours went to them and the ledger
    /// tells of it: they get none until they confirm or another list has them.
    pub ended: u64,
    /// As they were before the list vouched for them, or told of their leaving.
    pub restored: u64,
}

/// Subscriptions that came with import `$1` and whose readers have done nothing
/// since. Anybody can type an address into the form: that is no act of theirs.
macro_rules! only_from {
    () => {
        "SELECT c.subscription_id FROM consents c WHERE c.import_id = $1 AND NOT EXISTS (SELECT 1 FROM consents o
            WHERE o.subscription_id = c.subscription_id AND o.import_id IS NOT $1
                AND (o.id < c.id OR o.act NOT IN ('asked', 'undone')))"
    };
}

/// What import `$1` said, as `c`, of subscriptions there were before and whose
/// readers have done nothing since.
macro_rules! changed_by {
    ($act:literal) => {
        concat!(
            "SELECT c.subscription_id FROM consents c WHERE c.import_id = $1 AND c.act = '",
            $act,
            "' AND EXISTS (SELECT 1 FROM consents o
                WHERE o.subscription_id = c.subscription_id AND o.id < c.id AND o.import_id IS NOT $1)
             AND NOT EXISTS (SELECT 1 FROM consents o WHERE o.subscription_id = c.subscription_id AND o.id > c.id
                AND o.import_id IS NOT $1 AND o.act <> 'asked')"
        )
    };
}

const FORGET: [&str; 3] = [
    concat!(
        "DELETE FROM subscription_topics WHERE subscription_id IN (",
        only_from!(),
        ") AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = subscription_topics.subscription_id)"
    ),
    concat!(
        "DELETE FROM private_feeds WHERE subscription_id IN (",
        only_from!(),
        ") AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = private_feeds.subscription_id)"
    ),
    concat!(
        "DELETE FROM consents WHERE subscription_id IN (",
        only_from!(),
        ") AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = consents.subscription_id)"
    ),
];

// Every subscription has a proof: one without has just lost it.
const REMOVE: &str = "DELETE FROM subscriptions WHERE newsletter_id = $1
    AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.subscription_id = subscriptions.id)";

const REMOVE_MOVES: &str = "DELETE FROM address_changes WHERE NOT EXISTS
    (SELECT 1 FROM subscriptions s WHERE s.subscriber_id = address_changes.subscriber_id)";

const REMOVE_READERS: &str = "DELETE FROM subscribers WHERE created >= $1
    AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.subscriber_id = subscribers.id)
    AND NOT EXISTS (SELECT 1 FROM moves m WHERE m.subscriber_id = subscribers.id OR m.joined = subscribers.id)
    AND NOT EXISTS (SELECT 1 FROM subscribers o WHERE o.joined = subscribers.id)";

const PENDING: &str = concat!(
    "UPDATE subscriptions SET status = 'pending' WHERE status = 'active' AND id IN (",
    changed_by!("vouched"),
    ")"
);

// Who was here and had left elsewhere, by the list.
const RESTORE: &str = concat!(
    "UPDATE subscriptions SET unsubscribed = NULL, wish = NULL, status = CASE WHEN 'vouched' = (SELECT o.act
            FROM consents o WHERE o.subscription_id = subscriptions.id AND o.import_id IS NOT $1
                AND o.act IN ('vouched', 'undone') ORDER BY o.id DESC LIMIT 1)
        THEN 'active' ELSE 'pending' END
     WHERE status = 'unsubscribed' AND id IN (",
    changed_by!("unsubscribed"),
    ")"
);

// They get nothing, and a better list may bring them in.
const END: &str = concat!(
    "UPDATE subscriptions SET status = 'pending', unsubscribed = NULL, wish = NULL WHERE status <> 'pending' AND id IN (",
    only_from!(),
    ")"
);

const WITHDRAW: &str = "UPDATE deliveries SET state = 'cancelled', reason = 'import undone', settled = $2
    WHERE state = 'queued' AND subscription_id IN (SELECT c.subscription_id FROM consents c
        JOIN subscriptions s ON s.id = c.subscription_id WHERE c.import_id = $1 AND s.status <> 'active')";

// The proofs stay, of what was and of what ended it; they belong to no list any more.
const PROVE_END: &str = "INSERT INTO consents (subscription_id, act, at, source, words)
    SELECT DISTINCT c.subscription_id, 'undone', $2, 'operator', 'the import was undone' FROM consents c
        JOIN subscriptions s ON s.id = c.subscription_id
    WHERE c.import_id = $1 AND s.status = 'pending' AND c.act IN ('vouched', 'unsubscribed')";

// What it said of those who are as they were before counts no more.
const DISOWN: &str = "DELETE FROM consents WHERE import_id = $1 AND subscription_id IN (SELECT s.id
    FROM subscriptions s WHERE consents.act = 'vouched' AND s.status = 'pending'
        OR consents.act = 'unsubscribed' AND s.status <> 'unsubscribed')";

impl Store {
    /// The last list that was imported and not taken back.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn last_import(&self) -> Result<Option<ImportedList>> {
        let row = sqlx::query("SELECT id, newsletter_id, file, at FROM imports ORDER BY id DESC LIMIT 1")
            .fetch_optional(&self.db.reader)
            .await?;
        row.map(|row| {
            Ok(ImportedList {
                id: row.try_get("id")?,
                newsletter: row.try_get("newsletter_id")?,
                file: row.try_get("file")?,
                at: Timestamp(row.try_get("at")?),
            })
        })
        .transpose()
    }

    /// Takes an import back, in one transaction: whoever has done something
    /// since (confirmed, left, come again) stays as they are.
    ///
    /// # Errors
    /// Those of the engine; nothing is taken back then.
    pub async fn undo_import(&self, import: &ImportedList, now: Timestamp) -> Result<Undone> {
        let mut tx = self.begin().await?;
        for sql in FORGET {
            sqlx::query(sql).bind(import.id).execute(&mut *tx).await?;
        }
        let removed = sqlx::query(REMOVE).bind(&import.newsletter).execute(&mut *tx).await?.rows_affected();
        sqlx::query(REMOVE_MOVES).execute(&mut *tx).await?;
        sqlx::query(REMOVE_READERS).bind(import.at.0).execute(&mut *tx).await?;
        let mut restored = 0;
        for sql in [PENDING, RESTORE] {
            restored += sqlx::query(sql).bind(import.id).execute(&mut *tx).await?.rows_affected();
        }
        sqlx::query(DISOWN).bind(import.id).execute(&mut *tx).await?;
        let ended = sqlx::query(END).bind(import.id).execute(&mut *tx).await?.rows_affected();
        for sql in [WITHDRAW, PROVE_END] {
            sqlx::query(sql).bind(import.id).bind(now.0).execute(&mut *tx).await?;
        }
        for sql in [
            "DELETE FROM suppressions WHERE address_key IN (
                SELECT i.address_key FROM import_suppressions i WHERE i.import_id = $1)",
            "DELETE FROM import_suppressions WHERE import_id = $1",
            "UPDATE consents SET import_id = NULL WHERE import_id = $1",
            "DELETE FROM imports WHERE id = $1",
        ] {
            sqlx::query(sql).bind(import.id).execute(&mut *tx).await?;
        }
        self.commit(tx).await?;
        Ok(Undone { removed, ended, restored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::subscription::{Consent, ConsentAct, Status};
    use crate::domain::{Address, Cadence};
    use crate::store::{Choices, NewSubscription};

    async fn bring(store: &Store, list: &str, rows: &[(&str, Status)], now: Timestamp) {
        let mut import = store.import_file("a", list, now).await.unwrap();
        for (name, status) in rows {
            let address = Address::parse(&format!("{name}@x.test")).unwrap();
            let act = match status {
                Status::Active => ConsentAct::Vouched,
                Status::Pending => ConsentAct::Asked,
                Status::Unsubscribed => ConsentAct::Unsubscribed,
            };
            let consent = Consent { act, source: "import".into(), words: list.into(), network: None };
            let row = NewSubscription { address, cadence: Cadence::Weekly, status: *status, since: None };
            import.add(&[row], &consent).await.unwrap();
        }
        import.commit().await.unwrap();
    }

    async fn standing(store: &Store) -> Vec<String> {
        let all = store.subscriptions_after(0, 9, None, None, None).await.unwrap();
        all.iter().map(|s| format!("{} {}", s.address, s.status.as_str())).collect()
    }

    #[tokio::test]
    async fn only_what_nobody_acted_on_since_is_taken_back_and_what_was_before_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        sqlx::raw_sql("INSERT INTO newsletters VALUES ('a', 'A')").execute(&store.db.writer).await.unwrap();
        let first = [("old", Status::Active), ("asked", Status::Pending), ("let-out", Status::Active)];
        bring(&store, "first", &first, Timestamp(1)).await;
        let before = standing(&store).await;
        let second = ["new", "asked", "old", "mailed", "leaver", "typed", "chooser"].map(|name| (name, Status::Active));
        let out = ["gone", "let-out"].map(|name| (name, Status::Unsubscribed));
        bring(&store, "second", &[&second[..], &out].concat(), Timestamp(2)).await;
        let of = async |name: &str| store.subscriptions_of(&Address::parse(name).unwrap()).await.unwrap().remove(0);
        let mailed = format!(
            "INSERT INTO deliveries (kind, subscription_id, state, attempts, uncertain, not_before, expires, created)
             VALUES ('welcome', {}, 'queued', 0, 0, 1, 9, 1)",
            of("mailed@x.test").await.id
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(mailed)).execute(&store.db.writer).await.unwrap();
        let leave = Consent { act: ConsentAct::Unsubscribed, source: "form".into(), words: "no".into(), network: None };
        store.unsubscribe(of("leaver@x.test").await.id, &leave, Timestamp(3)).await.unwrap();

        // Anybody may type these; their readers have done nothing.
        for name in ["typed@x.test", "asked@x.test", "new@x.test"] {
            sqlx::query(
                "INSERT INTO consents (subscription_id, act, at, source, words) VALUES ($1, 'asked', 3, 'form', '')",
            )
            .bind(of(name).await.id)
            .execute(&store.db.writer)
            .await
            .unwrap();
        }
        let chosen = Choices { cadence: Some(Cadence::Daily), topics: Vec::new(), paused_until: None, language: None };
        let choice = Consent { act: ConsentAct::Chose, source: "form".into(), words: "daily".into(), network: None };
        store.choose(of("chooser@x.test").await.id, &chosen, &choice, Timestamp(3)).await.unwrap();

        let list = store.last_import().await.unwrap().unwrap();
        assert_eq!((list.file.as_str(), list.newsletter.as_str()), ("second", "a"));
        let undone = store.undo_import(&list, Timestamp(4)).await.unwrap();
        assert_eq!(undone, Undone { removed: 3, ended: 1, restored: 2 });
        let after = [
            &before[..],
            &["mailed@x.test pending", "leaver@x.test unsubscribed", "chooser@x.test active"].map(String::from),
        ]
        .concat();
        assert_eq!(standing(&store).await, after);
        let acts = store.consents(of("mailed@x.test").await.id).await.unwrap();
        assert_eq!(acts.iter().map(|one| one.act.as_str()).collect::<Vec<_>>(), ["vouched", "undone"]);
        assert_eq!(store.last_import().await.unwrap().unwrap().file, "first");
        let first = store.last_import().await.unwrap().unwrap();
        assert_eq!(store.undo_import(&first, Timestamp(5)).await.unwrap().removed, 3);
        bring(&store, "third", &[("mailed", Status::Active)], Timestamp(6)).await;
        assert_eq!(of("mailed@x.test").await.status, Status::Active, "a better list may have them");
    }
}
