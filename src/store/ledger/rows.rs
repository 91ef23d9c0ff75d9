//! What one transaction of the ledger writes: marks, outcomes with what they
//! mean for others, and what is given back.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::json;
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection, Transaction};

use super::{Request, Run, Settling};
use crate::domain::Timestamp;
use crate::domain::delivery::{Class, Outcome, Reply, Report, State};
use crate::domain::time::Span;
use crate::store::{BEGIN, Result, StoreError};

/// Editions in a row whose refusal did not say that the mailbox is gone, after
/// which nobody is taken to be there.
const REFUSED_EDITIONS: i64 = 3;
/// The same where the mailbox was full, or the answer was to try later.
const DEFERRED_EDITIONS: i64 = 5;
/// And no sooner than this after the first of them.
const HOPELESS: Span = Span::days(7);
/// Refusals about the sender that stop an edition, or half its audience: one
/// strict domain is no reason, twenty are a fault of ours that more mail only
/// makes worse.
const SENDER_REFUSALS: i64 = 20;

// The + before run_id keeps SQLite from going through all that is in hand instead of to the rows that are named.

/// One transaction for a batch; the ids whose mark was denied.
pub(super) async fn commit(writer: &mut SqliteConnection, run: Run, batch: &[Request]) -> Result<HashSet<i64>> {
    let (mut marks, mut returns, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    let (mut accepted, mut others) = (Vec::<&Settling>::new(), Vec::new());
    let mut now = Timestamp::default();
    for request in batch {
        match request {
            Request::Mark(id, _, at, _) => {
                marks.push(*id);
                now = *at;
            }
            Request::Settle(settling, _) if settling.report.outcome == Outcome::Accepted => accepted.push(settling),
            Request::Settle(settling, _) => others.push(settling.as_ref()),
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
    if settles {
        crate::failpoint!("ledger");
    }
    tx.commit().await?;
    if settles {
        crate::failpoint!("ledger done");
    }
    Ok(denied)
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
                    AND CASE WHEN deliveries.kind <> 'confirm' THEN s.status = 'active'
                        ELSE s.status = 'pending' OR s.wish IS NOT NULL AND deliveries.created >= s.unsubscribed END))
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
                WHEN e.state <> 'sending' OR p.id IS NOT NULL THEN 'queued'
                ELSE 'cancelled' END AS state,
            CASE WHEN e.state = 'cancelled' THEN 'edition cancelled'
                WHEN x.address_key IS NOT NULL THEN x.reason || ': ' || x.detail
                WHEN e.state <> 'sending' OR p.id IS NOT NULL THEN d.reason
                WHEN s.status = 'active' THEN 'confirmed already'
                WHEN s.status = 'pending' THEN 'not confirmed'
                ELSE 'unsubscribed' END AS reason
        FROM json_each($1) j JOIN deliveries d ON d.id = j.value
        LEFT JOIN editions e ON e.number = d.edition
        LEFT JOIN subscriptions s ON s.id = d.subscription_id
        LEFT JOIN subscribers r ON r.id = s.subscriber_id
        LEFT JOIN suppressions x ON x.address_key = COALESCE(LOWER(d.address), r.address_key)
        LEFT JOIN pauses p ON d.kind <> 'test') AS why
    WHERE deliveries.id = why.id AND deliveries.state = 'leased' AND +deliveries.run_id = $2";

/// Grants what may leave; the ids of what may not.
async fn mark(tx: &mut Transaction<'_, Sqlite>, run: i64, ids: &[i64], now: Timestamp) -> Result<HashSet<i64>> {
    let asked = serde_json::to_string(ids).unwrap_or_default();
    let granted = sqlx::query(MARK).bind(&asked).bind(run).execute(&mut **tx).await?.rows_affected();
    if granted == ids.len() as u64 {
        return Ok(HashSet::new());
    }
    let mut denied: HashSet<i64> = ids.iter().copied().collect();
    for row in sqlx::query(MARKED).bind(&asked).bind(run).fetch_all(&mut **tx).await? {
        denied.remove(&row.try_get(0)?);
    }
    sqlx::query(DENY).bind(json!(denied).to_string()).bind(run).bind(now.0).execute(&mut **tx).await?;
    Ok(denied)
}

/// Writes down copies that were accepted, as nearly all are, for a fraction of
/// what [`settle`] needs. False, and to be rolled back, when one was not in our hands.
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
    insert.push(" ON CONFLICT (delivery_id, number) DO NOTHING").build().execute(&mut **tx).await?;
    Ok(true)
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
            run_id = NULL, reason = j.reason, settled = j.settled
         FROM (SELECT value ->> 'id' AS id, value ->> 'state' AS state, value ->> 'not_before' AS not_before,
                value ->> 'reason' AS reason, value ->> 'settled' AS settled FROM jsonb_each($1)) AS j
         WHERE deliveries.id = j.id AND deliveries.state IN ('leased', 'handing_over') AND +deliveries.run_id = $2",
    )
    .bind(&rows)
    .bind(run)
    .execute(&mut **tx)
    .await?;
    if settlings.iter().any(|s| suppresses(&s.report)) {
        suppress(tx, &rows).await?;
    }
    if settlings.iter().any(|s| fails_softly(s)) {
        suppress_hopeless(tx, &rows).await?;
    }
    if settlings.iter().any(|s| s.report.is_about_us()) {
        pause_refused_editions(tx, &rows).await?;
    }
    if settlings.iter().any(|s| s.settlement.state == State::Uncertain) {
        pause_doubtful_editions(tx, &rows, connections).await?;
    }
    Ok(())
}

fn suppresses(report: &Report) -> bool {
    report.outcome == Outcome::Refused && report.class() == Some(Class::RecipientHard)
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
        suppress: suppresses(report),
        pause: report.concerns_edition(),
    }
}

async fn suppress(tx: &mut Transaction<'_, Sqlite>, rows: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO suppressions (address_key, reason, detail, created)
         SELECT r.address_key, 'hard bounce', j.value ->> 'reason', j.value ->> 'ended'
         FROM json_each($1) j JOIN deliveries d ON d.id = j.value ->> 'id'
         JOIN subscriptions s ON s.id = d.subscription_id JOIN subscribers r ON r.id = s.subscriber_id
         WHERE j.value ->> 'suppress' = 1 ON CONFLICT (address_key) DO NOTHING",
    )
    .bind(rows)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A refused delivery `d` was refused for the same kind of reason before the
/// operator last let its edition `e` go, knowing of it: this one is final, and
/// is counted no more, or the same few would stop the edition for ever.
macro_rules! known_to_the_operator {
    () => {
        "EXISTS (SELECT 1 FROM attempts b WHERE b.delivery_id = d.id AND b.number < d.attempts
            AND b.class = 'sender' AND b.ended <= e.released)"
    };
}

fn fails_softly(settling: &Settling) -> bool {
    matches!(settling.settlement.state, State::Refused | State::Expired)
        && settling.report.class() == Some(Class::RecipientSoft)
}

/// Suppresses who could not be reached by so many editions in a row, nor for a
/// week. A full mailbox, and what only ever was to be tried later, gets more of
/// them than a no that does not say why.
async fn suppress_hopeless(tx: &mut Transaction<'_, Sqlite>, rows: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO suppressions (address_key, reason, detail, created)
         SELECT r.address_key, 'not reached by ' || failed.count || ' editions in a row', failed.reason, failed.ended
         FROM (SELECT d.subscription_id, j.value ->> 'reason' AS reason, j.value ->> 'ended' AS ended,
                CASE WHEN d.state = 'refused' AND COALESCE(j.value ->> 'enhanced', '') NOT LIKE '%.2.2'
                    THEN $2 ELSE $3 END AS enough,
                COUNT(*) AS count, MIN(f.settled) AS since
            FROM json_each($1) j JOIN deliveries d ON d.id = j.value ->> 'id'
            JOIN deliveries f ON f.subscription_id = d.subscription_id AND f.edition IS NOT NULL
                AND f.state IN ('refused', 'expired') AND f.id > COALESCE((SELECT MAX(a.id) FROM deliveries a
                    WHERE a.subscription_id = d.subscription_id AND a.state = 'accepted'), 0)
            WHERE d.edition IS NOT NULL AND d.state IN ('refused', 'expired')
                AND j.value ->> 'class' = 'recipient_soft'
                AND EXISTS (SELECT 1 FROM attempts t WHERE t.delivery_id = f.id AND t.number = f.attempts
                    AND t.class = 'recipient_soft')
            GROUP BY d.id) AS failed
         JOIN subscriptions s ON s.id = failed.subscription_id JOIN subscribers r ON r.id = s.subscriber_id
         WHERE failed.count >= failed.enough AND failed.since <= failed.ended - $4
         ON CONFLICT (address_key) DO NOTHING",
    )
    .bind(rows)
    .bind(REFUSED_EDITIONS)
    .bind(DEFERRED_EDITIONS)
    .bind(HOPELESS.0)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Pauses editions that the relay refuses whoever the recipient is: at once
/// when it said so before one was named, else when refusals about the sender
/// since the operator last let the edition go are too many to be a strict
/// domain or two. Those were about no recipient either: they go back to the
/// queue and out once the operator has mended it.
async fn pause_refused_editions(tx: &mut Transaction<'_, Sqlite>, rows: &str) -> Result<()> {
    sqlx::query(concat!(
        "UPDATE editions AS e SET state = 'paused', reason = 'refused whoever the recipient is: ' || (
                SELECT j.value ->> 'reason' FROM json_each($1) j JOIN deliveries d ON d.id = j.value ->> 'id'
                WHERE d.edition = e.number AND (j.value ->> 'pause' = 1
                    OR j.value ->> 'class' = 'sender' AND j.value ->> 'state' = 'refused') LIMIT 1)
         WHERE state = 'sending' AND (
            number IN (SELECT d.edition FROM json_each($1) j JOIN deliveries d ON d.id = j.value ->> 'id'
                WHERE j.value ->> 'pause' = 1)
            OR number IN (SELECT d.edition FROM json_each($1) j JOIN deliveries d ON d.id = j.value ->> 'id'
                WHERE j.value ->> 'class' = 'sender' AND j.value ->> 'state' = 'refused')
            AND (SELECT COUNT(*) FROM deliveries d JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempts
                WHERE d.edition = e.number AND d.state = 'refused' AND a.class = 'sender'
                    AND a.ended >= COALESCE(e.released, 0) AND NOT ",
        known_to_the_operator!(),
        ") >= MIN($2, MAX(2, (audience + 1) / 2)))"
    ))
    .bind(rows)
    .bind(SENDER_REFUSALS)
    .execute(&mut **tx)
    .await?;
    sqlx::query(concat!(
        "UPDATE deliveries AS d SET state = 'queued', settled = NULL FROM editions e
         WHERE e.number = d.edition AND e.state = 'paused' AND d.state = 'refused'
            AND d.edition IN (SELECT o.edition FROM json_each($1) j JOIN deliveries o ON o.id = j.value ->> 'id')
            AND EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = d.id AND a.number = d.attempts
                AND a.class = 'sender')
            AND NOT ",
        known_to_the_operator!()
    ))
    .bind(rows)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Pauses editions of which more copies became uncertain than there are
/// connections, and more than one in 200, although nothing crashed: the relay
/// loses answers, and every copy more would be one more doubt. Attempts that a
/// crash cut short name no relay.
async fn pause_doubtful_editions(tx: &mut Transaction<'_, Sqlite>, rows: &str, connections: i64) -> Result<()> {
    sqlx::query(
        "UPDATE editions SET state = 'paused', reason = 'the relay loses answers: too many copies are uncertain'
         WHERE state = 'sending' AND number IN (SELECT d.edition FROM json_each($1) j
                JOIN deliveries d ON d.id = j.value ->> 'id' WHERE j.value ->> 'state' = 'uncertain')
            AND (SELECT COUNT(*) FROM deliveries d JOIN attempts a ON a.delivery_id = d.id
                WHERE d.edition = editions.number AND d.uncertain > 0 AND a.outcome = 'uncertain' AND a.relay <> ''
                    AND a.ended >= COALESCE(editions.released, 0)) > MAX($2, audience / 200)",
    )
    .bind(rows)
    .bind(connections)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
