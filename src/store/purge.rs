//! Requests that nobody ever confirmed, forgotten: an address somebody typed is
//! not ours to keep.

use sqlx::Row;

use super::{Result, Store};
use crate::domain::Timestamp;

/// So many at once, so that nobody waits for long.
const BATCH: i64 = 500;

// Asked again, or a letter that left late, counts from then on; what the ledger still needs stays.
const OLD: &str = "SELECT json_group_array(id) AS ids, COUNT(*) AS n FROM (SELECT s.id FROM subscriptions s
    WHERE s.status = 'pending' AND s.created <= $1
        AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.subscription_id = s.id AND c.at > $1)
        AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = s.id
            AND (d.settled IS NULL OR d.settled > $1 OR d.edition IS NOT NULL))
    ORDER BY s.created LIMIT $2)";

const FORGET: [&str; 8] = [
    "DELETE FROM attempts WHERE delivery_id IN (SELECT d.id FROM deliveries d WHERE d.subscription_id IN
        (SELECT value FROM json_each($1)))",
    "DELETE FROM deliveries WHERE subscription_id IN (SELECT value FROM json_each($1))",
    "DELETE FROM consents WHERE subscription_id IN (SELECT value FROM json_each($1))",
    "DELETE FROM subscription_topics WHERE subscription_id IN (SELECT value FROM json_each($1))",
    "DELETE FROM private_feeds WHERE subscription_id IN (SELECT value FROM json_each($1))",
    // Their readers go with them, but for those who have another.
    "DELETE FROM subscriptions WHERE id IN (SELECT value FROM json_each($1))",
    "DELETE FROM address_changes WHERE subscriber_id IN (SELECT value FROM json_each($2))
        AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.subscriber_id = address_changes.subscriber_id)",
    "DELETE FROM subscribers WHERE id IN (SELECT value FROM json_each($2))
        AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.subscriber_id = subscribers.id)
        AND NOT EXISTS (SELECT 1 FROM moves m WHERE m.subscriber_id = subscribers.id OR m.joined = subscribers.id)
        AND NOT EXISTS (SELECT 1 FROM subscribers o WHERE o.joined = subscribers.id)",
];

/// Questions to an address somebody typed to move there, which never said yes.
const OLD_MOVES: &str = "SELECT json_group_array(id) AS ids, COUNT(*) AS n FROM (
    SELECT d.id FROM deliveries d INDEXED BY deliveries_moving
    WHERE d.kind = 'moving' AND d.settled <= $1 AND d.address IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM subscribers r WHERE r.address_key = LOWER(d.address)) LIMIT $2)";

const FORGET_MOVES: [&str; 3] = [
    // Whoever asked again has a newer link.
    "DELETE FROM address_changes WHERE asked <= $2
        AND (subscriber_id, LOWER(address)) IN (SELECT s.subscriber_id, LOWER(d.address)
            FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
            WHERE d.id IN (SELECT value FROM json_each($1)))",
    "DELETE FROM attempts WHERE delivery_id IN (SELECT value FROM json_each($1))",
    "DELETE FROM deliveries WHERE id IN (SELECT value FROM json_each($1))",
];

impl Store {
    /// Forgets addresses to which a reader asked to move before `until` and that
    /// never said yes, with the mails to them; how many mails.
    ///
    /// # Errors
    /// Those of the engine; none of them is forgotten then.
    pub async fn purge_moves(&self, until: Timestamp) -> Result<u64> {
        let old = sqlx::query(OLD_MOVES).bind(until.0).bind(BATCH).fetch_one(&self.db.reader).await?;
        let count: i64 = old.try_get("n")?;
        if count == 0 {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        // Asked again, because somebody may have said yes meanwhile.
        let old = sqlx::query(OLD_MOVES).bind(until.0).bind(BATCH).fetch_one(&mut *tx).await?;
        let ids: String = old.try_get("ids")?;
        for sql in FORGET_MOVES {
            sqlx::query(sql).bind(&ids).bind(until.0).execute(&mut *tx).await?;
        }
        self.commit(tx).await?;
        Ok(old.try_get::<i64, _>("n")?.unsigned_abs())
    }

    /// Forgets subscriptions that have been pending since before `until`, with
    /// their addresses, consents and mails; how many. A long list goes bit by bit.
    ///
    /// # Errors
    /// Those of the engine; none of them is forgotten then.
    pub async fn purge_unconfirmed(&self, until: Timestamp) -> Result<u64> {
        let old = sqlx::query(OLD).bind(until.0).bind(BATCH).fetch_one(&self.db.reader).await?;
        let count: i64 = old.try_get("n")?;
        if count == 0 {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        // Asked again, because somebody may have confirmed meanwhile.
        let ids: String = sqlx::query(OLD).bind(until.0).bind(BATCH).fetch_one(&mut *tx).await?.try_get("ids")?;
        let readers = "SELECT json_group_array(subscriber_id) AS ids FROM subscriptions
            WHERE id IN (SELECT value FROM json_each($1))";
        let readers: String = sqlx::query(readers).bind(&ids).fetch_one(&mut *tx).await?.try_get("ids")?;
        let mut gone = 0;
        for sql in FORGET {
            let done = sqlx::query(sql).bind(&ids).bind(&readers).execute(&mut *tx).await?.rows_affected();
            gone = if sql.starts_with("DELETE FROM subscriptions ") { done } else { gone };
        }
        self.commit(tx).await?;
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::subscription::{Consent, ConsentAct};
    use crate::domain::time::Span;
    use crate::domain::{Address, Cadence};
    use crate::store::Subscribe;

    #[tokio::test]
    async fn who_waits_is_found_without_walking_through_all_readers() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {OLD}"));
        let rows = sqlx::query(sql).bind(0).bind(1).fetch_all(&store.db.reader).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().any(|step| step.contains("subscriptions_pending (created<?)")), "{plan:?}");
    }

    #[tokio::test]
    async fn who_never_confirmed_is_forgotten_with_everything_about_them_and_nobody_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("postroom.db")).await.unwrap();
        sqlx::raw_sql("INSERT INTO newsletters VALUES ('a', 'A'), ('b', 'B')").execute(&store.db.writer).await.unwrap();
        let consent = |act| Consent { act, source: "form".into(), words: "yes".into(), network: None };
        let ask = async |name: &str, newsletter: &str, now: i64| {
            let address = Address::parse(&format!("{name}@x.test")).unwrap();
            let request = Subscribe {
                language: None,
                address: address.clone(),
                newsletter: newsletter.into(),
                cadence: Cadence::Weekly,
                consent: consent(ConsentAct::Asked),
                mail_expires: Span::days(2),
            };
            store.subscribe(&request, Timestamp(now)).await.unwrap();
            store.subscriptions_of(&address).await.unwrap().remove(0).id
        };
        let confirmed = ask("confirmed", "a", 1).await;
        store.confirm(confirmed, &consent(ConsentAct::Confirmed), Span::days(2), Timestamp(2)).await.unwrap();
        for (name, newsletter, now) in [
            ("never", "a", 1),
            ("again", "a", 1),
            ("again", "a", 9),
            ("late", "a", 9),
            ("confirmed", "b", 1),
            ("open", "a", 1),
        ] {
            ask(name, newsletter, now).await;
        }
        let settle = "UPDATE deliveries SET state = 'accepted', settled = 3 WHERE subscription_id NOT IN
            (SELECT s.id FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id WHERE r.address = 'open@x.test')";
        sqlx::raw_sql(settle).execute(&store.db.writer).await.unwrap();
        assert_eq!(store.purge_unconfirmed(Timestamp(5)).await.unwrap(), 2);
        let left = store.subscriptions_after(0, 9, None, None, None).await.unwrap();
        let left: Vec<String> = left.iter().map(|s| format!("{} {}", s.address, s.newsletter)).collect();
        assert_eq!(left, ["confirmed@x.test a", "again@x.test a", "late@x.test a", "open@x.test a"]);
        let jane = store.subscription(confirmed).await.unwrap().unwrap();
        let elsewhere = Address::parse("Typed@y.test").unwrap();
        store.ask_to_move(&jane, &elsewhere, Span::days(2), Timestamp(3)).await.unwrap();
        sqlx::raw_sql("UPDATE deliveries SET state = 'accepted', settled = 4 WHERE kind = 'moving'")
            .execute(&store.db.writer)
            .await
            .unwrap();
        let purged = [store.purge_moves(Timestamp(3)).await.unwrap(), store.purge_moves(Timestamp(5)).await.unwrap()];
        assert_eq!(purged, [0, 1], "who was asked to say yes and never did");
        assert_eq!(store.wants_to_move(jane.subscriber_id, Timestamp(3)).await.unwrap(), None);
        let counts = "SELECT (SELECT COUNT(*) FROM subscribers), (SELECT COUNT(*) FROM consents WHERE subscription_id NOT IN
            (SELECT id FROM subscriptions)), (SELECT COUNT(*) FROM deliveries WHERE subscription_id NOT IN (SELECT id FROM subscriptions))";
        let row = sqlx::query(counts).fetch_one(&store.db.reader).await.unwrap();
        assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1), row.get::<i64, _>(2)), (4, 0, 0));
        assert_eq!(store.purge_unconfirmed(Timestamp(5)).await.unwrap(), 0);
    }
}
