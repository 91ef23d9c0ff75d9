//! A relay that takes commands together: one round trip a message, and never a
//! byte of content before its mark.

use std::sync::Arc;

use postroom::domain::delivery::{Mark, Outcome, Phase, Report};
use postroom::transport::{Connection, Message};

use super::{JANE, MAIL, assert_report, connected, message};
use crate::faultsink::{self, Act, Script, Sink, Step};

const JOHN: &str = "john@example.org";

fn script() -> Script {
    Script::new().keyword("PIPELINING")
}

async fn granted(connection: &mut Box<dyn Connection>, one: &Message, next: Option<&Message>) -> Report {
    connection.hand_over(one, Box::pin(async move { (Mark::Granted, next) })).await
}

fn verbs(sink: &Sink) -> Vec<String> {
    sink.commands().iter().skip(1).map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn the_next_message_is_announced_with_the_content_of_this_one() {
    let sink = faultsink::start(script()).await;
    let mut connection = connected(&sink).await;
    let [one, two, three] = [JANE, JOHN, JANE].map(|to| message(to, MAIL));
    for (this, next) in [(&one, Some(&two)), (&two, Some(&three)), (&three, None)] {
        let report = granted(&mut connection, this, next).await;
        assert_report(&report, Outcome::Accepted, Phase::Dot, "250 2.0.0 taken");
        assert!(connection.is_usable());
    }
    connection.close().await;
    let taken = sink.accepted();
    assert!(taken.iter().all(|message| message.bytes == MAIL));
    assert_eq!(taken.iter().map(|message| &message.to).collect::<Vec<_>>(), [JANE, JOHN, JANE]);
    assert_eq!(verbs(&sink), [["EHLO"].as_slice(), &["MAIL", "RCPT", "DATA"].repeat(3), &["QUIT"]].concat());
}

#[tokio::test]
async fn announced_content_waits_for_its_mark_and_without_it_the_connection_is_left() {
    let sink = Arc::new(faultsink::start(script()).await);
    let mut connection = connected(&sink).await;
    let (one, two) = (message(JANE, MAIL), message(JOHN, MAIL));
    granted(&mut connection, &one, Some(&two)).await;
    let seen = Arc::clone(&sink);
    let mark = Box::pin(async move {
        assert_eq!(seen.accepted().len(), 1, "only what was marked has left");
        (Mark::Denied, None)
    });
    let report = connection.hand_over(&two, mark).await;
    assert_report(&report, Outcome::Withheld, Phase::Data, "");
    assert!(!connection.is_usable());
    connection.close().await;
    assert_eq!(sink.accepted().len(), 1);
}

#[tokio::test]
async fn a_refused_recipient_costs_only_itself() {
    let rules = script().on(Step::Rcpt, "john", Act::say("550 5.1.1 no"));
    let sink = faultsink::start(rules).await;
    let mut connection = connected(&sink).await;
    let [one, two, three] = [JANE, JOHN, JANE].map(|to| message(to, MAIL));
    granted(&mut connection, &one, Some(&two)).await;
    let never = Box::pin(async { panic!("the mark was asked for") });
    let report = connection.hand_over(&two, never).await;
    assert_report(&report, Outcome::Refused, Phase::Rcpt, "550 5.1.1 no");
    assert!(connection.is_usable());
    assert_eq!(granted(&mut connection, &three, None).await.outcome, Outcome::Accepted);
    assert_eq!(sink.accepted().len(), 2);
}

#[tokio::test]
async fn a_relay_that_opens_the_content_for_nobody_gets_none() {
    let sink = faultsink::start(script().on(Step::Rcpt, "", Act::Raw(b"550 5.1.1 no\r\n354 go on\r\n".to_vec()))).await;
    let mut connection = connected(&sink).await;
    let report = granted(&mut connection, &message(JANE, MAIL), None).await;
    assert_report(&report, Outcome::Refused, Phase::Rcpt, "550 5.1.1 no");
    assert!(!connection.is_usable() && sink.accepted().is_empty());
}

#[tokio::test]
async fn an_answer_to_the_dot_that_never_comes_leaves_only_that_message_uncertain() {
    let sink = faultsink::start(script().on(Step::Dot, "jane", Act::Take(Box::new(Act::HangUp)))).await;
    let mut connection = connected(&sink).await;
    let report = granted(&mut connection, &message(JANE, MAIL), Some(&message(JOHN, MAIL))).await;
    assert_report(&report, Outcome::Uncertain, Phase::Dot, "closed");
    assert!(!connection.is_usable());
    assert_eq!(sink.accepted().len(), 1);
}

#[tokio::test]
async fn a_relay_that_has_had_enough_leaves_the_announced_message_untried() {
    let sink = faultsink::start(script()).await;
    let mut connection = connected(&sink).await;
    let (one, two) = (message(JANE, MAIL), message(JOHN, MAIL));
    assert_eq!(granted(&mut connection, &one, None).await.outcome, Outcome::Accepted);
    sink.becomes(script().on(Step::Mail, "", Act::SayAndHangUp("421 4.7.0 enough for one connection".into())));
    let report = granted(&mut connection, &two, None).await;
    assert_report(&report, Outcome::Deferred, Phase::Mail, "421 4.7.0 enough");
    assert!(report.is_untried() && !connection.is_usable());
}

#[tokio::test]
async fn a_content_refused_with_the_next_announced_ends_the_connection() {
    // Whether the relay has forgotten the refused one cannot be asked: MAIL is on its way already.
    let sink = faultsink::start(script().on(Step::Dot, "jane", Act::say("554 5.6.0 no"))).await;
    let mut connection = connected(&sink).await;
    let report = granted(&mut connection, &message(JANE, MAIL), Some(&message(JOHN, MAIL))).await;
    assert_report(&report, Outcome::Refused, Phase::Dot, "554 5.6.0 no");
    assert!(!connection.is_usable());
}
