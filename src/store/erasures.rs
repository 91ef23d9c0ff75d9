//! Forgetting a subscriber: every row that names them goes, and what the
//! accounting of editions needs stays without a name.

use std::collections::HashSet;

use sqlx::{Row, Sqlite, Transaction};

use super::{Result, Store, StoreError};
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

/// A subscriber `$1` with those who became them by moving, and every address any
/// of them has or had that is nobody else's by now.
const THEM: &str = "WITH RECURSIVE them (id) AS (
        SELECT $1 UNION SELECT r.id FROM subscribers r JOIN them t ON r.joined = t.id),
    theirs (address) AS (SELECT address FROM subscribers WHERE id IN (SELECT id FROM them)
        UNION SELECT address FROM moves m WHERE m.subscriber_id IN (SELECT id FROM them) AND NOT EXISTS (
            SELECT 1 FROM subscribers o WHERE o.address_key = LOWER(m.address) AND o.id NOT IN (SELECT id FROM them)))
    SELECT (SELECT json_group_array(id) FROM them), (SELECT json_group_array(address) FROM theirs)";

/// All mail to the subscribers `$1` or to the address keys `$2`, and whether some is in hand.
const MAIL: &str = "SELECT json_group_array(id), COALESCE(MAX(state IN ('leased', 'handing_over')), 0)
    FROM deliveries WHERE id IN (
        SELECT d.id FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id WHERE s.subscriber_id IN (
            SELECT value FROM json_each($1))
        UNION ALL SELECT id FROM deliveries WHERE address IS NOT NULL AND LOWER(address) IN (
            SELECT value FROM json_each($2)))";

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

/// The subscriptions of the subscribers `$1`.
macro_rules! subscriptions {
    () => {
        "SELECT id FROM subscriptions WHERE subscriber_id IN (SELECT value FROM json_each($1))"
    };
}

/// Everything else of the subscribers `$1` with the address keys `$2`.
const FORGET: [&str; 9] = [
    "DELETE FROM import_suppressions WHERE address_key IN (SELECT value FROM json_each($2))",
    concat!("DELETE FROM consents WHERE subscription_id IN (", subscriptions!(), ")"),
    concat!("DELETE FROM subscription_topics WHERE subscription_id IN (", subscriptions!(), ")"),
    concat!("DELETE FROM private_feeds WHERE subscription_id IN (", subscriptions!(), ")"),
    "DELETE FROM address_changes WHERE subscriber_id IN (SELECT value FROM json_each($1))",
    "DELETE FROM address_changes WHERE LOWER(address) IN (SELECT value FROM json_each($2))",
    "DELETE FROM moves WHERE subscriber_id IN (SELECT value FROM json_each($1))
        OR joined IN (SELECT value FROM json_each($1))",
    "DELETE FROM subscriptions WHERE subscriber_id IN (SELECT value FROM json_each($1))",
    "DELETE FROM subscribers WHERE id IN (SELECT value FROM json_each($1))",
];

/// An address that must not be mailed stays one, by its trace `$2` alone.
const KEEP_OUT: [&str; 2] = [
    "INSERT INTO suppressions (address_key, reason, detail, created)
        SELECT $2, reason, '', created FROM suppressions WHERE address_key = $1 ON CONFLICT DO NOTHING",
    "DELETE FROM suppressions WHERE address_key = $1",
];

impl Store {
    /// Forgets the subscriber behind a subscription, whatever addresses they
    /// had. What stays is the trace of each, by which later imports know to
    /// leave them out, and that it must not be mailed where it must not; `salt`
    /// is that of the first trace ever.
    ///
    /// # Errors
    /// Those of the engine; nothing is forgotten then.
    pub async fn erase(&self, whose: &Subscription, salt: &str, now: Timestamp) -> Result<Erased> {
        let mut tx = self.begin().await?;
        let them = sqlx::query(THEM).bind(whose.subscriber_id).fetch_one(&mut *tx).await?;
        let (them, addresses): (String, String) = (them.try_get(0)?, them.try_get(1)?);
        let addresses = parsed(&addresses)?;
        let keys: Vec<String> = addresses.iter().map(Address::key).collect();
        let keys = serde_json::to_string(&keys).map_err(|error| StoreError::Value(error.to_string()))?;
        let mail = sqlx::query(MAIL).bind(&them).bind(&keys).fetch_one(&mut *tx).await?;
        if mail.try_get(1)? {
            return Ok(Erased::Busy);
        }
        let ids: String = mail.try_get(0)?;
        sqlx::query(CANCEL_MAIL).bind(&ids).bind(now.0).execute(&mut *tx).await?;
        for sql in FORGET_MAIL {
            sqlx::query(sql).bind(&ids).execute(&mut *tx).await?;
        }
        for sql in FORGET {
            sqlx::query(sql).bind(&them).bind(&keys).execute(&mut *tx).await?;
        }
        let salt = first_salt(&mut tx).await?.unwrap_or_else(|| salt.to_owned());
        for address in &addresses {
            leave_trace(&mut tx, address, &salt, now).await?;
        }
        self.commit(tx).await?;
        Ok(Erased::Done)
    }

    /// The addresses of a subscriber: their own, and those of whoever became
    /// them by moving; then those they had before.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn addresses_of(&self, subscriber: i64) -> Result<Vec<Address>> {
        let row = sqlx::query(THEM).bind(subscriber).fetch_one(&self.db.reader).await?;
        parsed(row.try_get(1)?)
    }
}

fn parsed(addresses: &str) -> Result<Vec<Address>> {
    let addresses: Vec<String> =
        serde_json::from_str(addresses).map_err(|error| StoreError::Value(error.to_string()))?;
    addresses.iter().map(|text| Address::parse(text).map_err(StoreError::Value)).collect()
}

async fn first_salt(tx: &mut Transaction<'static, Sqlite>) -> Result<Option<String>> {
    let row = sqlx::query("SELECT salt FROM erasures LIMIT 1").fetch_optional(&mut **tx).await?;
    Ok(row.map(|row| row.try_get("salt")).transpose()?)
}

async fn leave_trace(
    tx: &mut Transaction<'static, Sqlite>,
    address: &Address,
    salt: &str,
    now: Timestamp,
) -> Result<()> {
    let trace = trace(salt, address);
    for sql in KEEP_OUT {
        sqlx::query(sql).bind(address.key()).bind(&trace).execute(&mut **tx).await?;
    }
    sqlx::query("INSERT INTO erasures (trace, salt, erased) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(&trace)
        .bind(salt)
        .bind(now.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether an address that must not be mailed is that of somebody we forgot.
pub(super) async fn is_kept_out(tx: &mut Transaction<'static, Sqlite>, address: &Address) -> Result<bool> {
    let Some(salt) = first_salt(tx).await? else { return Ok(false) };
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM suppressions WHERE address_key = $1)");
    Ok(row.bind(trace(&salt, address)).fetch_one(&mut **tx).await?.try_get(0)?)
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
    async fn links_in_the_mail_of_whom_was_forgotten_open_nobody_elses_subscription() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        sqlx::raw_sql("INSERT INTO newsletters VALUES ('a', 'A')").execute(&store.db.writer).await.unwrap();
        let jane = subscribed(&store, "jane@x.test").await;
        assert_eq!(store.erase(&jane, "salt", Timestamp(5)).await.unwrap(), Erased::Done);
        let joe = subscribed(&store, "joe@x.test").await;
        assert_ne!(joe.id, jane.id, "tokens name a subscription by its id");
        assert_ne!(joe.subscriber_id, jane.subscriber_id);
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
    async fn whom_was_forgotten_and_must_not_be_mailed_is_not_mailed_whoever_types_their_address() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        sqlx::raw_sql("INSERT INTO newsletters VALUES ('a', 'A')").execute(&store.db.writer).await.unwrap();
        let joe = subscribed(&store, "joe@x.test").await;
        for (name, reason) in [("complained@x.test", "complaint"), ("free@x.test", "")] {
            let reader = subscribed(&store, name).await;
            let suppress = "INSERT INTO suppressions SELECT $1, $2, 'of joe', 3 WHERE $2 <> ''";
            sqlx::query(suppress).bind(name).bind(reason).execute(&store.db.writer).await.unwrap();
            assert_eq!(store.erase(&reader, "salt", Timestamp(5)).await.unwrap(), Erased::Done);
        }
        assert_eq!(store.suppressions().await.unwrap(), [], "none is told with an address");
        for (name, mails) in [("complained@x.test", 0), ("free@x.test", 2)] {
            let address = Address::parse(name).unwrap();
            let consent = Consent { act: ConsentAct::Asked, source: "form".into(), words: "yes".into(), network: None };
            let request = Subscribe {
                address: address.clone(),
                newsletter: "a".into(),
                cadence: Cadence::Weekly,
                language: None,
                consent,
                mail_expires: Span::days(2),
            };
            store.subscribe(&request, Timestamp(6)).await.unwrap();
            store.ask_to_move(&joe, &address, Span::days(2), Timestamp(7)).await.unwrap();
            assert_eq!(store.deliveries_to(&address).await.unwrap().len(), mails, "{name}");
        }
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
