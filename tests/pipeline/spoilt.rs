//! Rows somebody spoilt behind our back: nobody else waits for them.

use std::sync::Arc;

use postroom::domain::delivery::{self, Mark, Phase, Reply, Report, State as Row};
use postroom::domain::edition::State;
use postroom::store::{Leased, Ledger, Mail, Settling};

use super::office::{Office, Setup};

async fn sealed(names: &[&str]) -> Office {
    Office::sealed(Setup { connections: 1, ..Setup::default() }, names).await
}

#[tokio::test]
async fn a_stored_address_that_is_none_any_more_is_refused_and_keeps_nobody_waiting() {
    let mut office = sealed(&["jane", "old", "joe"]).await;
    office.books.forge("UPDATE subscribers SET address = 'no address' WHERE address LIKE 'old@%'").await;
    office.start().await;
    office.hand_over().await;
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (1, 1));
    let refused: Vec<_> = office.books.deliveries().await.into_iter().filter(|row| row.state == Row::Refused).collect();
    assert!(refused.len() == 1 && refused[0].address == "no address" && refused[0].attempts == 0, "{refused:?}");
    assert_eq!(office.editions().await[0].state, State::Finished);
    office.close().await;
}

#[tokio::test]
async fn a_copy_that_cannot_be_written_is_refused_while_the_one_before_it_is_in_hand() {
    let mut office = sealed(&["jane", "spoilt", "joe"]).await;
    let spoilt = office.books.entry("spoilt").await.id;
    office.books.forge(&format!("UPDATE deliveries SET variant_id = NULL WHERE id = {spoilt}")).await;
    office.start().await;
    office.hand_over().await;
    let entry = office.books.entry("spoilt").await;
    assert_eq!((entry.state, entry.attempts), (Row::Refused, 1), "{entry:?}");
    assert!(entry.reason.contains("has a variant"), "{entry:?}");
    assert_eq!((office.got("jane").len(), office.got("joe").len()), (1, 1));
    assert_eq!(office.editions().await[0].state, State::Finished);
    let told = office.ctx.store.verify(1).await.unwrap();
    assert_eq!(told, [format!("delivery {spoilt} carries a rendering of another edition")]);
    let others = "(SELECT variant_id FROM deliveries WHERE variant_id IS NOT NULL)";
    office.books.forge(&format!("UPDATE deliveries SET variant_id = {others} WHERE id = {spoilt}")).await;
    office.close().await;
}

fn refused(leased: &Leased) -> Arc<Settling> {
    let report = Report::replied(Phase::Rcpt, Reply::new(552, "5.2.2 mailbox full"));
    Arc::new(Settling {
        delivery: leased.id,
        number: 1,
        settlement: delivery::settle(&report, 1, leased.created, leased.expires, 0.0),
        report,
        relay: "relay".to_owned(),
        started: leased.created,
        ended: leased.created,
    })
}

#[tokio::test]
async fn a_row_that_cannot_be_read_keeps_no_mark_and_no_outcome_from_the_disk() {
    let mut office = sealed(&["jane", "joe", "spoilt"]).await;
    let now = office.ctx.now();
    let (run, _) = office.ctx.store.begin_run("test", None, now).await.unwrap();
    let ledger = Ledger::start(office.ctx.store.clone(), run, 2);
    let leased = ledger.lease(Mail::Editions, 2, now).await.unwrap();
    assert_eq!(ledger.mark(&leased[0], None, now).await.unwrap(), Mark::Granted);
    let spoilt = office.books.entry("spoilt").await.id;
    office.books.forge(&format!("UPDATE deliveries SET kind = 'riddle' WHERE id = {spoilt}")).await;
    // All are asked for before the writer comes to look: they share one commit.
    let settled = async { ledger.settle(refused(&leased[0])).await?.durable().await };
    let (settled, lease, mark) =
        tokio::join!(settled, ledger.lease(Mail::Editions, 1, now), ledger.mark(&leased[1], Some(leased[0].id), now));
    settled.unwrap();
    assert!(lease.unwrap_err().to_string().contains("riddle"));
    assert_eq!(mark.unwrap(), Mark::Granted);
    let states = office.books.deliveries().await.into_iter().map(|row| row.state);
    assert_eq!(states.collect::<Vec<_>>(), [Row::Refused, Row::HandingOver, Row::Queued]);
    ledger.settle(refused(&leased[1])).await.unwrap().durable().await.unwrap();
    office.books.forge(&format!("UPDATE deliveries SET kind = 'edition' WHERE id = {spoilt}")).await;
    office.start().await;
    office.hand_over().await;
    assert_eq!(office.got("spoilt").len(), 1);
    office.close().await;
}
