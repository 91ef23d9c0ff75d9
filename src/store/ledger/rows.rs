//! What one transaction of the ledger writes: marks, outcomes, and what is given back.

use std::collections::{HashSet, VecDeque};

use serde::Serialize;
use serde_json::json;
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection, Transaction};

use super::{Asking, Leased, Request, Run, Settling, consequences, lease};
use crate::domain::Timestamp;
use crate::domain::delivery::{Class, Outcome, Reply, State};
use crate::store::{BEGIN, Result, StoreError};

// The + before run_id keeps SQLite from going through all that is in hand instead of to the rows that are named.

/// What a transaction tells those who asked.
pub(super) struct Written {
    /// Whose mark was denied.
    pub(super) denied: HashSet<i64>,
    /// For each who asked for some, in order.
    pub(super) leased: VecDeque<Result<Vec<Leased>>>,
}

/// One transaction for a batch.
pub(super) async fn commit(writer: &mut SqliteConnection, run: Run, batch: &[Request]) -> Result<Written> {
    let (mut marks, mut returns, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    let mut wanted = Vec::new();
    let (mut accepted, mut others) = (Vec::<&Settling>::new(), Vec::new());
    let mut now = Timestamp::default();
    for request in batch {
        match request {
            Request::Mark(asking, _) => {
                marks.push(*asking);
                now = asking.now;
            }
            Request::Settle(settling, _) if settling.report.outcome == Outcome::Accepted => accepted.push(settling),
            Request::Settle(settling, _) => others.push(settling.as_ref()),
            Request::Lease(some, _) => wanted.push(*some),
            Request::Return(ids, _) => returns.extend_from_slice(ids),
            Request::PutOff(some, _) => turns.extend(some.iter().map(|(id, at)| json!([id, at.0]))),
        }
    }
    let settles = accepted.len() + others.len() > 0;
    let mut tx = writer.begin_with(BEGIN).await?;
    if !accept(&mut tx, run.id, &accepted).await? {
        tx.rollback().await?;
        tx = writer.begin_with(BEGIN).await?;
        others.append(&mut accepted);
    }
    if !others.is_empty() {
        settle(&mut tx, run, &others).await?;
    }
    if !returns.is_empty() {
        sqlx::query(
            "UPDATE deliveries SET state = 'queued', run_id = NULL
             WHERE state = 'leased' AND +run_id = $1 AND id IN (SELECT value FROM json_each($2))",
        )
        .bind(run.id)
        .bind(json!(returns).to_string())
        .execute(&mut *tx)
        .await?;
    }
    if !turns.is_empty() {
        sqlx::query(
            "UPDATE deliveries SET state = 'queued', run_id = NULL, not_before = j.value ->> 1
             FROM json_each($2) AS j
             WHERE deliveries.id = j.value ->> 0 AND deliveries.state = 'leased' AND +deliveries.run_id = $1",
        )
        .bind(run.id)
        .bind(json!(turns).to_string())
        .execute(&mut *tx)
        .await?;
    }
    let denied = if marks.is_empty() { HashSet::new() } else { mark(&mut tx, run.id, &marks, now).await? };
    let mut leased = VecDeque::new();
    for wanted in wanted {
        match lease::lease(&mut tx, run.id, wanted).await {
            // About a row, which is nobody else's fault. All else is about the database.
            Err(error @ StoreError::Value(_)) => leased.push_back(Err(error)),
            done => leased.push_back(Ok(done?)),
        }
    }
    if settles {
        crate::failpoint!("ledger");
    }
    tx.commit().await?;
    if settles {
        crate::failpoint!("ledger done");
    }
    Ok(Written { denied, leased })
}

/// Whether a row may be handed over at all: the last look at edition,
/// subscription and suppression before content leaves.
macro_rules! may_leave {
    () => {
        "NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_key = COALESCE(LOWER(deliveries.address),
                (SELECT r.address_key FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id
                    WHERE s.id = deliveries.subscription_id)))
            AND (deliveries.kind = 'test' OR EXISTS (SELECT 1 FROM subscriptions s
                WHERE s.id = deliveries.subscription_id
                    AND CASE deliveries.kind
                        WHEN 'confirm' THEN s.status = 'pending'
                            OR s.wish IS NOT NULL AND deliveries.created >= s.unsubscribed
                        WHEN 'goodbye' THEN s.status = 'unsubscribed'
                        WHEN 'moved' THEN 1
                        ELSE s.status = 'active' END
                    AND (s.moved IS NULL OR deliveries.address IS NOT NULL OR EXISTS (SELECT 1 FROM json_each($3) j
                        WHERE j.value ->> 0 = deliveries.id AND j.value ->> 1 = s.moved))))
            AND (deliveries.edition IS NULL OR EXISTS (SELECT 1 FROM editions e
                WHERE e.number = deliveries.edition AND e.state = 'sending'))
            AND (deliveries.kind = 'test' OR NOT EXISTS (SELECT 1 FROM pauses))"
    };
}

const MARK: &str = concat!(
    "UPDATE deliveries SET state = 'handing_over'
     WHERE id IN (SELECT value FROM json_each($1)) AND state = 'leased' AND +run_id = $2 AND ",
    may_leave!()
);

const MARKED: &str = "SELECT id FROM deliveries
    WHERE id IN (SELECT value FROM json_each($1)) AND state = 'handing_over' AND +run_id = $2";

/// What becomes of a leased row whose mark was denied, and why.
const DENY: &str = "UPDATE deliveries SET run_id = NULL, state = why.state, reason = why.reason,
        settled = CASE WHEN why.state = 'queued' THEN NULL ELSE $3 END
    FROM (SELECT d.id,
            CASE WHEN e.state = 'cancelled' THEN 'cancelled'
                WHEN x.address_key IS NOT NULL THEN 'suppressed'
                WHEN e.state <> 'sending' OR p.id IS NOT NULL OR m.id IS NOT NULL THEN 'queued'
                ELSE 'cancelled' END AS state,
            CASE WHEN e.state = 'cancelled' THEN 'edition cancelled'
                WHEN x.address_key IS NOT NULL THEN x.reason || ': ' || x.detail
                WHEN e.state <> 'sending' OR p.id IS NOT NULL OR m.id IS NOT NULL THEN d.reason
                WHEN s.status = 'active' THEN CASE d.kind WHEN 'goodbye' THEN 'came back' ELSE 'confirmed already' END
                WHEN s.status = 'pending' THEN 'not confirmed'
                ELSE 'unsubscribed' END AS reason
        FROM json_each($1) j JOIN deliveries d ON d.id = j.value
        LEFT JOIN editions e ON e.number = d.edition
        LEFT JOIN subscriptions s ON s.id = d.subscription_id
        LEFT JOIN subscribers r ON r.id = s.subscriber_id
        LEFT JOIN suppressions x ON x.address_key = COALESCE(LOWER(d.address), r.address_key)
        LEFT JOIN pauses p ON d.kind <> 'test'
        -- All is well but the address: its reader has moved since.
        LEFT JOIN subscriptions m ON m.id = s.id AND m.moved IS NOT NULL AND d.address IS NULL AND CASE d.kind
            WHEN 'confirm' THEN s.status = 'pending' OR s.wish IS NOT NULL AND d.created >= s.unsubscribed
            WHEN 'goodbye' THEN s.status = 'unsubscribed'
            ELSE s.status = 'active' END) AS why
    WHERE deliveries.id = why.id AND deliveries.state = 'leased' AND +deliveries.run_id = $2";

/// Grants what may leave; the ids of what may not.
async fn mark(tx: &mut Transaction<'_, Sqlite>, run: i64, marks: &[Asking], now: Timestamp) -> Result<HashSet<i64>> {
    let mut denied: HashSet<i64> = marks.iter().map(|asking| asking.delivery).collect();
    let asked = json!(marks.iter().map(|asking| asking.delivery).collect::<Vec<_>>()).to_string();
    let moved = marks.iter().filter_map(|asking| Some((asking.delivery, asking.moved?.0))).collect::<Vec<_>>();
    let granting = sqlx::query(MARK).bind(&asked).bind(run).bind(json!(moved).to_string());
    if granting.execute(&mut **tx).await?.rows_affected() == marks.len() as u64 {
        return Ok(HashSet::new());
    }
    for row in sqlx::query(MARKED).bind(&asked).bind(run).fetch_all(&mut **tx).await? {
        denied.remove(&row.try_get(0)?);
    }
    sqlx::query(DENY).bind(json!(denied).to_string()).bind(run).bind(now.0).execute(&mut **tx).await?;
    Ok(denied)
}

/// Writes down copies that were accepted, as nearly all are, for a fraction of
/// what [`settle`] needs; those of one commit share the time at which they were
/// settled. False, and to be rolled back, when one was not in our hands.
async fn accept(tx: &mut Transaction<'_, Sqlite>, run: i64, settlings: &[&Settling]) -> Result<bool> {
    let Some(last) = settlings.last() else { return Ok(true) };
    let ids: Vec<_> = settlings.iter().map(|settling| settling.delivery).collect();
    let settled = sqlx::query(
        "UPDATE deliveries SET state = 'accepted', attempts = attempts + 1, run_id = NULL, reason = NULL, settled = $1
         WHERE id IN (SELECT value FROM json_each($2)) AND state IN ('leased', 'handing_over') AND +run_id = $3",
    )
    .bind(last.ended.0)
    .bind(json!(ids).to_string())
    .bind(run)
    .execute(&mut **tx)
    .await?;
    if settled.rows_affected() != ids.len() as u64 {
        return Ok(false);
    }
    // The last one is repeated, so that few lengths of the statement have to be prepared.
    let rows = settlings.iter().chain(std::iter::repeat(last)).take(ids.len().next_power_of_two());
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO attempts (delivery_id, number, run_id, relay, started, ended, phase, outcome, code, enhanced, text) ",
    );
    insert.push_values(rows, |mut values, settling| {
        let reply = settling.report.reply.as_ref();
        values.push_bind(settling.delivery).push_bind(settling.number).push_bind(run);
        values.push_bind(settling.relay.as_str()).push_bind(settling.started.0).push_bind(settling.ended.0);
        values.push_bind(settling.report.phase.as_str()).push_bind(settling.report.outcome.as_str());
        values.push_bind(reply.map(|reply| reply.code)).push_bind(reply.and_then(Reply::enhanced_text));
        values.push_bind(settling.report.words());
    });
    let insert = insert.push(" ON CONFLICT (delivery_id, number) DO NOTHING").build();
    Ok(insert.execute(&mut **tx).await?.rows_affected() == ids.len() as u64)
}

/// JSONB, for otherwise every `->>` would parse its row again. A row that is
/// not in our hands any more was settled before: a commit that was durable
/// although it seemed to fail may be asked for twice.
async fn settle(tx: &mut Transaction<'_, Sqlite>, run: Run, settlings: &[&Settling]) -> Result<()> {
    let Run { id: run, connections } = run;
    let rows: Vec<_> = settlings.iter().map(|settling| row(settling)).collect();
    let rows = serde_json::to_string(&rows).map_err(|error| StoreError::Value(error.to_string()))?;
    sqlx::query(
        "INSERT INTO attempts (delivery_id, number, run_id, relay, started, ended, phase, outcome, class, code,
            enhanced, text)
         SELECT d.id, d.attempts + 1, $1, j.value ->> 'relay', j.value ->> 'started', j.value ->> 'ended',
            j.value ->> 'phase', j.value ->> 'outcome', j.value ->> 'class', j.value ->> 'code',
            j.value ->> 'enhanced', j.value ->> 'text'
         FROM jsonb_each($2) j JOIN deliveries d ON d.id = j.value ->> 'id'
         WHERE d.state IN ('leased', 'handing_over') AND +d.run_id = $1",
    )
    .bind(run)
    .bind(&rows)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "UPDATE deliveries SET state = j.state, not_before = COALESCE(j.not_before, deliveries.not_before),
            attempts = deliveries.attempts + 1, uncertain = deliveries.uncertain + (j.state = 'uncertain'),
            run_id = NULL, reason = j.reason, settled = j.settled,
            -- Nothing of it left: it follows its reader, who has moved. What may have left is the same every time.
            address = CASE WHEN j.state = 'queued' AND deliveries.uncertain = 0
                AND deliveries.kind NOT IN ('moving', 'moved', 'test') THEN NULL ELSE deliveries.address END
         FROM (SELECT value ->> 'id' AS id, value ->> 'state' AS state, value ->> 'not_before' AS not_before,
                value ->> 'reason' AS reason, value ->> 'settled' AS settled FROM jsonb_each($1)) AS j
         WHERE deliveries.id = j.id AND deliveries.state IN ('leased', 'handing_over') AND +deliveries.run_id = $2",
    )
    .bind(&rows)
    .bind(run)
    .execute(&mut **tx)
    .await?;
    consequences::draw(tx, settlings, &rows, connections).await
}

/// A settling as the statements below read it.
#[derive(Serialize)]
struct Row<'a> {
    id: i64,
    state: &'a str,
    not_before: Option<i64>,
    reason: Option<String>,
    settled: Option<i64>,
    relay: &'a str,
    started: i64,
    ended: i64,
    phase: &'a str,
    outcome: &'a str,
    class: Option<&'a str>,
    code: Option<u16>,
    enhanced: Option<String>,
    text: &'a str,
    suppress: bool,
    pause: bool,
}

fn row(settling: &Settling) -> Row<'_> {
    let Settling { report, settlement, .. } = settling;
    let reply = report.reply.as_ref();
    let ended = settling.ended.0;
    Row {
        id: settling.delivery,
        state: settlement.state.as_str(),
        not_before: settlement.not_before.map(|t| t.0),
        reason: (settlement.state != State::Accepted).then(|| report.reason()),
        settled: (!settlement.state.is_open()).then_some(ended),
        relay: &settling.relay,
        started: settling.started.0,
        ended,
        phase: report.phase.as_str(),
        outcome: report.outcome.as_str(),
        class: report.class().map(Class::as_str),
        code: reply.map(|reply| reply.code),
        enhanced: reply.and_then(Reply::enhanced_text),
        text: report.words(),
        suppress: consequences::suppresses(report),
        pause: report.concerns_edition(),
    }
}
