//! The audit every test ends with: the promise of the ledger, held against the journal of the relay by queries of its
//! own, not by the store's.

use std::collections::HashMap;
use std::time::Duration;

use postroom::context::Context;
use postroom::domain::Timestamp;
use postroom::domain::delivery::State;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::faultsink::Sink;

/// A view of the ledger from outside.
pub struct Books(SqlitePool);

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: i64,
    pub edition: Option<i64>,
    pub address: String,
    pub state: State,
    pub attempts: i64,
    pub uncertain: i64,
    pub not_before: Timestamp,
    pub reason: String,
    pub settled: Option<Timestamp>,
}

const ENTRY: &str = "SELECT d.*, COALESCE(d.address, r.address) AS goes_to FROM deliveries d
    LEFT JOIN subscriptions s ON s.id = d.subscription_id LEFT JOIN subscribers r ON r.id = s.subscriber_id ORDER BY d.id";

impl Books {
    pub async fn of(ctx: &Context) -> Self {
        let options = SqliteConnectOptions::new().filename(&ctx.settings.database.file).read_only(true);
        Self(SqlitePool::connect_with(options).await.unwrap())
    }

    /// Damages the books behind the store's back.
    pub async fn forge(&self, sql: &str) {
        let options = (*self.0.connect_options()).clone().read_only(false);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn rows(&self, sql: &str) -> Vec<SqliteRow> {
        sqlx::query(AssertSqlSafe(sql)).fetch_all(&self.0).await.unwrap()
    }

    /// Fails with every row of a query that ought to have none.
    async fn none(&self, wrong: &str, sql: &str) {
        let rows = self.rows(sql).await;
        let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(told.is_empty(), "{wrong}: {told:?}\n{:#?}", self.deliveries().await);
    }

    /// How many deliveries are in hand or could be.
    pub async fn due(&self, now: Timestamp) -> i64 {
        let row = sqlx::query(
            "SELECT COUNT(*) FROM deliveries d LEFT JOIN editions e ON e.number = d.edition
             WHERE d.state IN ('leased', 'handing_over') OR (d.state = 'queued' AND d.not_before <= $1
                AND (d.edition IS NULL OR e.state = 'sending'))",
        );
        row.bind(now.0).fetch_one(&self.0).await.unwrap().get(0)
    }

    /// How many somebody works on.
    pub async fn in_hand(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM deliveries WHERE state IN ('leased', 'handing_over')";
        self.rows(sql).await[0].get(0)
    }

    /// How many are not settled.
    pub async fn open(&self) -> i64 {
        self.rows("SELECT COUNT(*) FROM deliveries WHERE settled IS NULL").await[0].get(0)
    }

    /// Renames a table, which makes everything that needs it fail for a while.
    pub async fn rename(&self, from: &str, to: &str) {
        let options = (*self.0.connect_options()).clone().read_only(false).busy_timeout(Duration::from_secs(30));
        let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
        let sql = AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"));
        sqlx::query(sql).execute(&mut writer).await.unwrap();
        writer.close().await.unwrap();
    }

    /// The whole ledger.
    pub async fn deliveries(&self) -> Vec<Entry> {
        let entry = |row: &SqliteRow| Entry {
            id: row.get("id"),
            edition: row.get("edition"),
            address: row.get("goes_to"),
            state: row.get::<String, _>("state").parse().unwrap(),
            attempts: row.get("attempts"),
            uncertain: row.get("uncertain"),
            not_before: Timestamp(row.get("not_before")),
            reason: row.get::<Option<String>, _>("reason").unwrap_or_default(),
            settled: row.get::<Option<i64>, _>("settled").map(Timestamp),
        };
        self.rows(ENTRY).await.iter().map(entry).collect()
    }

    /// Every post in every edition's delivery: reader, title, and where the delivery stands.
    pub async fn given(&self) -> Vec<(String, String, State)> {
        let sql =
            "SELECT r.address, p.title, d.state FROM deliveries d JOIN variant_posts v ON v.variant_id = d.variant_id
            JOIN posts p ON p.id = v.post_id JOIN subscriptions s ON s.id = d.subscription_id
            JOIN subscribers r ON r.id = s.subscriber_id";
        let name = |row: &SqliteRow| row.get::<String, _>(0).replace("@readers.test", "");
        let rows = self.rows(sql).await;
        rows.iter().map(|row| (name(row), row.get(1), row.get::<String, _>(2).parse().unwrap())).collect()
    }

    /// The newest entry of a reader.
    pub async fn entry(&self, name: &str) -> Entry {
        let address = format!("{name}@readers.test");
        self.deliveries().await.into_iter().rfind(|entry| entry.address == address).expect("an entry of the reader's")
    }

    /// How many stand in a state.
    pub async fn count(&self, state: State) -> usize {
        self.deliveries().await.iter().filter(|entry| entry.state == state).count()
    }

    /// Holds everything that is promised for always.
    pub async fn audit(&self, ctx: &Context, sinks: &[&Sink]) {
        for edition in ctx.store.editions(10_000).await.unwrap() {
            let tally = ctx.store.tally(edition.number).await.unwrap();
            assert!(tally.balances(), "edition {} does not add up: {tally:?}", edition.number);
            assert_eq!(ctx.store.verify(edition.number).await.unwrap(), [""; 0], "edition {}", edition.number);
        }
        self.equation().await;
        self.attempts().await;
        self.never_twice().await;
        self.journal(ctx, sinks).await;
        assert_eq!(self.rows("PRAGMA integrity_check").await[0].get::<String, _>(0), "ok");
    }

    async fn equation(&self) {
        self.none(
            "editions whose audience is not its rows",
            "SELECT 'edition ' || number FROM editions e
             WHERE audience <> (SELECT COUNT(*) FROM deliveries d WHERE d.edition = e.number)",
        )
        .await;
        self.none(
            "finished editions with open rows",
            "SELECT DISTINCT 'edition ' || e.number FROM editions e JOIN deliveries d ON d.edition = e.number
             WHERE e.state = 'finished' AND d.settled IS NULL",
        )
        .await;
        self.none(
            "rows that are settled without a time, or have one and are not, or do not say why",
            "SELECT d.id || ' ' || d.state FROM deliveries d
             WHERE (d.state IN ('queued', 'leased', 'handing_over', 'uncertain')) <> (d.settled IS NULL)
                OR (d.state IN ('refused', 'suppressed', 'expired', 'cancelled', 'uncertain')) AND d.reason IS NULL",
        )
        .await;
        self.none(
            "rows somebody holds though nobody works",
            "SELECT id || ' ' || state FROM deliveries WHERE state IN ('leased', 'handing_over') OR run_id IS NOT NULL",
        )
        .await;
    }

    async fn attempts(&self) {
        self.none(
            "deliveries whose attempts are not all written down, in order",
            "SELECT d.id || ': ' || d.attempts || ' counted, ' || COUNT(a.id) || ' written' FROM deliveries d
             LEFT JOIN attempts a ON a.delivery_id = d.id GROUP BY d.id
             HAVING COUNT(a.id) <> d.attempts OR COALESCE(MAX(a.number), 0) <> d.attempts
                OR COUNT(DISTINCT a.number) <> d.attempts",
        )
        .await;
        self.none(
            "deliveries whose state is not that of their last attempt",
            "SELECT d.id || ' ' || d.state || ' after ' || a.outcome FROM deliveries d
             JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempts
             WHERE COALESCE(d.reason, '') NOT LIKE '% by hand' AND (d.state = 'accepted') <> (a.outcome = 'accepted')
                OR COALESCE(d.reason, '') NOT LIKE '% by hand' AND d.state = 'refused' AND a.outcome <> 'refused'
                OR d.state = 'uncertain' AND a.outcome <> 'uncertain'",
        )
        .await;
        self.none(
            "accepted more than once, or without an attempt",
            "SELECT d.id || ' ' || d.state FROM deliveries d LEFT JOIN attempts a
                ON a.delivery_id = d.id AND a.outcome = 'accepted'
             GROUP BY d.id HAVING COUNT(a.id) <> (d.state = 'accepted' AND d.reason IS NOT 'accepted by hand')",
        )
        .await;
    }

    async fn never_twice(&self) {
        self.none(
            "posts a subscription was given twice",
            "SELECT d.subscription_id || ' got ' || p.title FROM deliveries d
             JOIN variant_posts v ON v.variant_id = d.variant_id JOIN posts p ON p.id = v.post_id
             GROUP BY d.subscription_id, p.id HAVING COUNT(*) > 1",
        )
        .await;
        self.none(
            "baseline posts that were mailed",
            "SELECT p.title FROM variant_posts v JOIN posts p ON p.id = v.post_id WHERE p.mailable = 0",
        )
        .await;
    }

    /// Every copy the relay took belongs to a row, and every row that says so has its copy: exactly one, unless the
    /// row is listed as a possible duplicate; copies of one row are the same to the byte.
    async fn journal(&self, ctx: &Context, sinks: &[&Sink]) {
        let mut copies: HashMap<String, Vec<_>> = HashMap::new();
        for message in sinks.iter().flat_map(|sink| sink.accepted()) {
            copies.entry(message_id(&message.bytes)).or_default().push(message);
        }
        for entry in self.deliveries().await {
            let id = format!("<{}@{}>", ctx.keys.message_id(entry.id), ctx.settings.mail.from.domain());
            let taken = copies.remove(&id).unwrap_or_default();
            let is_right = match (entry.state, entry.uncertain) {
                (State::Accepted, 0) => taken.len() == 1,
                (State::Accepted, doubts) => (1..=1 + doubts).contains(&(taken.len() as i64)),
                (_, doubts) => taken.len() as i64 <= doubts,
            };
            assert!(is_right, "{} copies of {entry:?}", taken.len());
            assert!(taken.iter().all(|copy| copy.to == entry.address), "{entry:?} went elsewhere");
            assert!(taken.iter().all(|copy| copy.bytes == taken[0].bytes), "copies of {entry:?} differ");
        }
        assert!(copies.is_empty(), "mails without a row: {:?}", copies.keys());
    }
}

fn message_id(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n ", " ");
    let found = text.lines().find_map(|line| line.strip_prefix("Message-ID: "));
    found.expect("a Message-ID").trim().to_owned()
}
