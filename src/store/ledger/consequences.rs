//! What the outcomes of a batch mean for others than their own deliveries: who
//! is suppressed, which editions wait for the operator.

use sqlx::{Sqlite, Transaction};

use super::Settling;
use crate::domain::delivery::{Class, Outcome, Report, State};
use crate::domain::time::Span;
use crate::store::Result;

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

/// Draws them, from settlings that are written down already and the same as `rows` of JSON.
pub(super) async fn draw(
    tx: &mut Transaction<'_, Sqlite>,
    settlings: &[&Settling],
    rows: &str,
    connections: i64,
) -> Result<()> {
    if settlings.iter().any(|s| suppresses(&s.report)) {
        suppress(tx, rows).await?;
    }
    if settlings.iter().any(|s| fails_softly(s)) {
        suppress_hopeless(tx, rows).await?;
    }
    if settlings.iter().any(|s| s.report.is_about_us()) {
        pause_refused_editions(tx, rows).await?;
    }
    if settlings.iter().any(|s| s.settlement.state == State::Uncertain) {
        pause_doubtful_editions(tx, rows, connections).await?;
    }
    Ok(())
}

/// Nobody is there, by what the relay said.
pub(super) fn suppresses(report: &Report) -> bool {
    report.outcome == Outcome::Refused && report.class() == Some(Class::RecipientHard)
}

/// The address the mail went to, which is not always the subscriber's.
async fn suppress(tx: &mut Transaction<'_, Sqlite>, rows: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO suppressions (address_key, reason, detail, created)
         SELECT COALESCE(LOWER(d.address), r.address_key), 'hard bounce', j.value ->> 'reason', j.value ->> 'ended'
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
/// them than a no that does not say why. What went to an address they had before
/// says nothing of theirs.
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
                AND d.address IS NULL AND f.address IS NULL
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
        "UPDATE deliveries AS d SET state = 'queued', settled = NULL,
            address = CASE WHEN uncertain = 0 THEN NULL ELSE d.address END FROM editions e
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
