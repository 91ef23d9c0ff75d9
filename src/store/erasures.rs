//! Forgetting a subscriber: every row that names them goes, and what the
//! accounting of editions needs stays without a name.

use std::collections::HashSet;

use sqlx::Row;

use super::{Result, Store};
use crate::domain::erasure::trace;
use crate::domain::subscription::Subscription;
use crate::domain::{Address, Timestamp};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// Nothing here names them any more.
    Done,
    /// A mail to them is being handed over at this moment: not yet.
    Busy,
}

/// All mail to a subscriber `$1` or to the address key `$2`, and whether some is in hand.
const MAIL: &str = "SELECT json_group_array(id), COALESCE(MAX(state IN ('leased', 'handing_over')), 0)
    FROM deliveries WHERE id IN (
        SELECT d.id FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id WHERE s.subscriber_id = $1
        UNION ALL SELECT id FROM deliveries WHERE address IS NOT NULL AND LOWER(address) = $2)";

/// Copies of editions, of the list `$1`, stay for the accounting of their
/// editions, but for what may hold the address: the relay's words.
const FORGET_MAIL: [&str; 4] = [
    "DELETE FROM attempts WHERE delivery_id IN (
        SELECT id FROM deliveries WHERE edition IS NULL AND id IN (SELECT value FROM json_each($1)))",
    "DELETE FROM deliveries WHERE edition IS NULL AND id IN (SELECT value FROM json_each($1))",
    "UPDATE attempts SET text = '' WHERE delivery_id IN (SELECT value FROM json_each($1))",
    "UPDATE deliveries SET subscription_id = NULL, address = 'erased',
        reason = CASE WHEN reason = 'accepted by hand' THEN reason WHEN reason IS NOT NULL THEN 'erased' END
     WHERE id IN (SELECT value FROM json_each($1))",
];

const CANCEL_MAIL: &str = "UPDATE deliveries SET state = 'cancelled', reason = '', settled = $2
    WHERE state IN ('queued', 'uncertain') AND id IN (SELECT value FROM json_each($1))";

/// Everything else of the subscriber `$1`.
const FORGET: [&str; 6] = [
    "DELETE FROM consents WHERE subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = $1)",
    "DELETE FROM subscription_topics WHERE subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = $1)",
    "DELETE FROM private_feeds WHERE subscription_id IN (SELECT id FROM subscriptions WHERE subscriber_id = $1)",
    "DELETE FROM address_changes WHERE subscriber_id = $1",
    "DELETE FROM subscriptions WHERE subscriber_id = $1",
    "DELETE FROM subscribers WHERE id = $1",
];

impl Store {
    /// Forgets the subscriber behind a subscription. What stays is the trace of
    /// their address, by which later imports know to leave them out; `salt` is
    /// that of the first trace ever.
    ///
    /// # Errors
    /// Those of the engine; nothing is forgotten then.
    pub async fn erase(&self, whose: &Subscription, salt: &str, now: Timestamp) -> Result<Erased> {
        let (subscriber, key) = (whose.subscriber_id, whose.address.key());
        let mut tx = self.begin().await?;
        let mail = sqlx::query(MAIL).bind(subscriber).bind(&key).fetch_one(&mut *tx).await?;
        if mail.try_get(1)? {
            return Ok(Erased::Busy);
        }
        let ids: String = mail.try_get(0)?;
        sqlx::query(CANCEL_MAIL).bind(&ids).bind(now.0).execute(&mut *tx).await?;
        for sql in FORGET_MAIL {
            sqlx::query(sql).bind(&ids).execute(&mut *tx).await?;
        }
        for sql in FORGET {
            sqlx::query(sql).bind(subscriber).execute(&mut *tx).await?;
        }
        for sql in
            ["DELETE FROM address_changes WHERE LOWER(address) = $1", "DELETE FROM suppressions WHERE address_key = $1"]
        {
            sqlx::query(sql).bind(&key).execute(&mut *tx).await?;
        }
        let first = sqlx::query("SELECT salt FROM erasures LIMIT 1").fetch_optional(&mut *tx).await?;
        let salt = first.map_or_else(|| Ok(salt.to_owned()), |row| row.try_get("salt"))?;
        sqlx::query("INSERT INTO erasures (trace, salt, erased) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(trace(&salt, &whose.address))
            .bind(&salt)
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        self.commit(tx).await?;
        Ok(Erased::Done)
    }
}

/// Whom we forgot, to be asked about many addresses.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    salt: String,
    traces: HashSet<String>,
}

impl Forgotten {
    /// All of them, as they are now.
    ///
    /// # Errors
    /// Those of the engine.
    pub(super) async fn read(reader: &sqlx::SqlitePool) -> Result<Self> {
        let mut forgotten = Self::default();
        for row in sqlx::query("SELECT trace, salt FROM erasures").fetch_all(reader).await? {
            forgotten.traces.insert(row.try_get("trace")?);
            forgotten.salt = row.try_get("salt")?;
        }
        Ok(forgotten)
    }

    /// Whether the owner of an address asked to be forgotten.
    pub(super) fn knows(&self, address: &Address) -> bool {
        !self.traces.is_empty() && self.traces.contains(&trace(&self.salt, address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Cadence;
    use crate::domain::subscription::{Consent, ConsentAct, Status};
    use crate::domain::time::Span;
    use crate::store::{NewSubscription, Subscribe};

    async fn subscribed(store: &Store, address: &str) -> Subscription {
        let address = Address::parse(address).unwrap();
        let consent = |act| Consent { act, source: "form".into(), words: "yes".into(), network: Some("::1".into()) };
        let request = Subscribe {
            language: None,
            address: address.clone(),
            newsletter: "a".into(),
            cadence: Cadence::Weekly,
            consent: consent(ConsentAct::Asked),
            mail_expires: Span::days(2),
        };
        store.subscribe(&request, Timestamp(1)).await.unwrap();
        let id = store.subscriptions_of(&address).await.unwrap()[0].id;
        store.confirm(id, &consent(ConsentAct::Confirmed), Span::days(2), Timestamp(2)).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn nothing_names_whom_was_forgotten_and_the_editions_still_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postroom.db");
        let store = Store::open(&path).await.unwrap();
        sqlx::raw_sql("INSERT INTO newsletters VALUES ('a', 'A')").execute(&store.db.writer).await.unwrap();
        let jane = subscribed(&store, "jane.memorable@x.test").await;
        let joe = subscribed(&store, "joe@x.test").await;
        store.ask_to_move(&joe, &jane.address, Span::days(2), Timestamp(3)).await.unwrap();
        let history = format!(
            "INSERT INTO editions (number, newsletter_id, cadence, slot, newest_seq, state, subject, audience, sealed)
                VALUES (1, 'a', 'weekly', 1, 1, 'sending', 'S', 2, 1);
             INSERT INTO variants (id, edition, subject, html, text) VALUES (1, 1, 'S', 'h', 't');
             INSERT INTO deliveries (id, kind, edition, variant_id, subscription_id, state, attempts, uncertain,
                not_before, expires, reason, created, settled)
                VALUES (91, 'edition', 1, 1, {0}, 'refused', 1, 0, 1, 9, '550 <jane.memorable@x.test> unknown', 1, 1),
                    (92, 'edition', 1, 1, {1}, 'queued', 0, 0, 1, 9, NULL, 1, NULL);
             INSERT INTO runs (id, version, started) VALUES (1, '1', 1);
             INSERT INTO attempts (delivery_id, number, run_id, relay, started, ended, phase, outcome, text)
                VALUES (91, 1, 1, 'r', 1, 1, 'rcpt', 'refused', 'no <jane.memorable@x.test> here');
             INSERT INTO suppressions VALUES ('jane.memorable@x.test', 'hard bounce', 'jane.memorable', 1);",
            jane.id, joe.id
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(history)).execute(&store.db.writer).await.unwrap();
        assert_eq!(store.erase(&jane, "salt", Timestamp(5)).await.unwrap(), Erased::Done);
        assert_eq!(store.verify(1).await.unwrap(), Vec::<String>::new());
        let told = store.deliveries_of_edition(1, None, 0, 9).await.unwrap();
        assert_eq!(told.iter().map(|row| row.address.as_str()).collect::<Vec<_>>(), ["erased", "joe@x.test"]);
        // Neither the file nor its log holds the address once they are compacted.
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&store.db.writer)
            .await
            .unwrap();
        for name in ["postroom.db", "postroom.db-wal"] {
            let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
            assert!(!bytes.windows(14).any(|part| part.eq_ignore_ascii_case(b"jane.memorable")), "{name}");
        }
    }

    #[tokio::test]
    async fn whom_was_forgotten_no_import_brings_back_but_they_may_come_back_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        sqlx::raw_sql("INSERT INTO newsletters VALUES ('a', 'A')").execute(&store.db.writer).await.unwrap();
        for (name, salt) in [("jane@x.test", "salt"), ("joe@x.test", "another")] {
            let reader = subscribed(&store, name).await;
            assert_eq!(store.erase(&reader, salt, Timestamp(5)).await.unwrap(), Erased::Done);
        }
        let one = |text: &str| NewSubscription {
            address: Address::parse(text).unwrap(),
            cadence: Cadence::Weekly,
            status: Status::Active,
            since: None,
        };
        let consent =
            Consent { act: ConsentAct::Vouched, source: "import".into(), words: "list".into(), network: None };
        let rows = [one("Jane@x.test"), one("joe@x.test"), one("new@x.test")];
        let added = store.add_subscriptions("a", &rows, &consent, Timestamp(6)).await.unwrap();
        assert_eq!((added.added, added.unsubscribed), (1, 2), "{added:?}");
        assert_eq!(subscribed(&store, "jane@x.test").await.status, Status::Active);
    }

    #[tokio::test]
    async fn a_mail_in_hand_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        sqlx::raw_sql("INSERT INTO newsletters VALUES ('a', 'A')").execute(&store.db.writer).await.unwrap();
        let jane = subscribed(&store, "jane@x.test").await;
        sqlx::raw_sql("UPDATE deliveries SET state = 'handing_over'").execute(&store.db.writer).await.unwrap();
        assert_eq!(store.erase(&jane, "salt", Timestamp(5)).await.unwrap(), Erased::Busy);
        assert!(store.subscription(jane.id).await.unwrap().is_some());
    }
}
