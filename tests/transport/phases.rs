//! Every phase, every way to fail in it.

use std::sync::Arc;
use std::time::Duration;

use postroom::domain::delivery::{Mark, Outcome, Phase};
use postroom::transport::{Content, Envelope, Message, open};

use super::{JANE, MAIL, assert_report, config, connected, envelope, hasty, message, relay, send, send_one};
use crate::faultsink::{self, Act, Script, Step};

/// The steps that stand before the content, and the phase a failure in them is told as.
const BEFORE_THE_CONTENT: [(Step, Phase); 5] = [
    (Step::Greeting, Phase::Connect),
    (Step::Hello, Phase::Connect),
    (Step::Mail, Phase::Mail),
    (Step::Rcpt, Phase::Rcpt),
    (Step::Data, Phase::Data),
];

#[tokio::test]
async fn an_accepted_message_is_the_message_byte_for_byte() {
    let sink = faultsink::start(Script::new()).await;
    let report = send_one(config(&sink)).await;
    assert_report(&report, Outcome::Accepted, Phase::Dot, "250 2.0.0 taken");
    let [message] = &sink.accepted()[..] else { panic!("one message") };
    assert_eq!((message.from.as_str(), message.to.as_str()), ("bounces+1@news.example.org", JANE));
    assert_eq!(message.bytes, MAIL);
    assert_eq!(relay(&sink).name(), sink.addr.to_string());
}

#[tokio::test]
async fn a_refusal_is_told_with_its_phase_and_the_connection_serves_on() {
    for (step, phase) in
        [(Step::Mail, Phase::Mail), (Step::Rcpt, Phase::Rcpt), (Step::Data, Phase::Data), (Step::Dot, Phase::Dot)]
    {
        for (reply, outcome) in [
            ("550 5.1.1 no such user", Outcome::Refused),
            ("452 4.2.2 full", Outcome::Deferred),
            ("554 5.7.1 first\n554 5.7.1 second", Outcome::Refused),
        ] {
            let sink = faultsink::start(Script::new().first(1, step, "", Act::say(reply))).await;
            let mut connection = connected(&sink).await;
            let report = send(&mut connection, JANE).await;
            // Before RCPT it cannot be about the recipient, so it is not final for them.
            let outcome = if step == Step::Mail { Outcome::Deferred } else { outcome };
            assert_report(&report, outcome, phase, &reply[..9]);
            assert!(connection.is_usable(), "{step:?} {reply}");
            assert_eq!(send(&mut connection, JANE).await.outcome, Outcome::Accepted, "{step:?} {reply}");
            assert_eq!((sink.accepted().len(), sink.connections()), (1, 1), "{step:?} {reply}");
            assert!(sink.commands().contains(&"RSET".to_owned()), "nothing of the refused message is left");
        }
    }
}

#[tokio::test]
async fn before_the_dot_a_hang_up_a_reset_silence_or_garbage_is_a_definite_no() {
    for act in [Act::HangUp, Act::Reset, Act::Silence, Act::Raw(b"hello\r\n".to_vec()), Act::Raw(vec![0xff; 9_000])] {
        for (step, phase) in BEFORE_THE_CONTENT {
            let sink = faultsink::start(Script::new().on(step, "", act.clone())).await;
            let report = send_one(hasty(config(&sink), &act)).await;
            assert_report(&report, Outcome::Deferred, phase, "");
            assert!(sink.accepted().is_empty());
        }
    }
}

#[tokio::test]
async fn after_the_dot_anything_but_a_complete_reply_is_uncertain() {
    for act in [
        Act::HangUp,
        Act::Reset,
        Act::Silence,
        Act::Raw(b"what?\r\n".to_vec()),
        Act::Raw(b"250 2.0.0 tak".to_vec()),
        Act::Raw(b"250-2.0.0 taken\r\n550 5.0.0 not\r\n".to_vec()),
        Act::say("354 go on"),
        Act::Drip("250 2.0.0 taken".into(), Duration::from_millis(100)),
    ] {
        let sink = faultsink::start(Script::new().on(Step::Dot, "", act.clone().after_taking())).await;
        let mut connection = open(hasty(config(&sink), &act)).unwrap().connect().await.unwrap();
        let report = send(&mut connection, JANE).await;
        assert_report(&report, Outcome::Uncertain, Phase::Dot, "");
        assert!(!report.reason().is_empty() && !connection.is_usable(), "{act:?}");
        assert_eq!(sink.accepted().len(), 1, "this is what uncertain means");
        let again = send(&mut connection, JANE).await;
        assert_report(&again, Outcome::Deferred, Phase::Connect, "lost before");
        connection.close().await;
    }
}

#[tokio::test]
async fn odd_but_complete_replies_count() {
    let many = (0..60).map(|n| format!("250 2.0.0 line {n}")).collect::<Vec<_>>().join("\n");
    for act in [
        Act::Raw(b"250\r\n".to_vec()),
        Act::Raw(b"250 \r\n".to_vec()),
        Act::Raw(b"250-\r\n250-  \r\n250 2.0.0 taken\r\n".to_vec()),
        Act::Raw(b"250 2.0.0 caf\xe9 \0 ok\r\n".to_vec()),
        Act::Raw(b"250 2.0.0 taken\n".to_vec()),
        Act::Raw([b"250 ", &vec![b'x'; 1_800][..], b"\r\n"].concat()),
        Act::Raw(b"251 2.0.0 taken\r\n".to_vec()),
        Act::Drip("250 ok".into(), Duration::from_millis(2)),
        Act::say(&many),
    ] {
        let sink = faultsink::start(Script::new().on(Step::Dot, "", act.clone().after_taking())).await;
        assert_report(&send_one(config(&sink)).await, Outcome::Accepted, Phase::Dot, "25");
    }
    // A line of blanks in the answer to EHLO is no reason to fall over.
    let blanks = Act::Raw(b"250-faultsink.example\r\n250-   \r\n250 HELP\r\n".to_vec());
    let sink = faultsink::start(Script::new().on(Step::Hello, "", blanks)).await;
    assert_report(&send_one(config(&sink)).await, Outcome::Accepted, Phase::Dot, "");
}

#[tokio::test]
async fn after_421_the_connection_is_not_used_again() {
    for (step, phase) in
        [(Step::Mail, Phase::Mail), (Step::Rcpt, Phase::Rcpt), (Step::Data, Phase::Data), (Step::Dot, Phase::Dot)]
    {
        let sink = faultsink::start(Script::new().on(step, "", Act::SayAndHangUp("421 4.3.2 closing".into()))).await;
        let mut connection = connected(&sink).await;
        let report = send(&mut connection, JANE).await;
        assert_report(&report, Outcome::Deferred, phase, "421 4.3.2 closing");
        assert!(!connection.is_usable(), "{step:?}");
        connection.close().await;
    }
}

#[tokio::test]
async fn a_failed_connect_is_never_a_refusal() {
    for (step, reply) in [
        (Step::Greeting, "554 5.7.1 go away"),
        (Step::Hello, "550 5.7.1 who are you"),
        (Step::Greeting, "421 4.3.2 busy"),
    ] {
        let sink = faultsink::start(Script::new().on(step, "", Act::say(reply))).await;
        assert_report(&send_one(config(&sink)).await, Outcome::Deferred, Phase::Connect, reply);
    }
    let sink = faultsink::start(Script::new()).await;
    let transport = relay(&sink);
    drop(sink);
    // The listener ends when its task is next polled.
    tokio::task::yield_now().await;
    let report = transport.connect().await.err().unwrap();
    assert_report(&report, Outcome::Deferred, Phase::Connect, "");
}

#[tokio::test]
async fn content_waits_for_the_mark_and_without_it_nothing_leaves() {
    let sink = Arc::new(faultsink::start(Script::new()).await);
    let mut connection = connected(&sink).await;
    let seen = Arc::clone(&sink);
    let mark = Box::pin(async move {
        let commands = seen.commands();
        assert!(
            commands.iter().any(|c| c.starts_with("RCPT")) && !commands.iter().any(|c| c == "DATA"),
            "{commands:?}"
        );
        (Mark::Denied, None)
    });
    let report = connection.hand_over(&message(JANE, MAIL), mark).await;
    assert_report(&report, Outcome::Withheld, Phase::Rcpt, "");
    assert!(sink.accepted().is_empty() && !sink.commands().contains(&"DATA".to_owned()));
    assert_eq!(sink.commands().last().unwrap(), "RSET");
    assert!(connection.is_usable());
    assert_eq!(send(&mut connection, "next@example.org").await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn the_mark_is_not_asked_for_when_the_recipient_is_refused() {
    let sink = faultsink::start(Script::new().on(Step::Rcpt, "", Act::say("550 5.1.1 no"))).await;
    let mut connection = connected(&sink).await;
    let never = Box::pin(async { panic!("the mark was asked for") });
    let report = connection.hand_over(&message(JANE, MAIL), never).await;
    assert_report(&report, Outcome::Refused, Phase::Rcpt, "550 5.1.1 no");
}

#[tokio::test]
async fn a_relay_out_of_step_is_never_believed() {
    // Each says one thing too many; the surplus must not pass for the answer to the dot.
    for (step, bytes, phase) in [
        (Step::Rcpt, &b"250 ok\r\n250 ok\r\n"[..], Phase::Data),
        (Step::Data, b"354 go on\r\n250 2.0.0 taken\r\n", Phase::Content),
        (Step::Data, b"250 2.0.0 taken\r\n", Phase::Data),
        (Step::Mail, b"354 go on\r\n", Phase::Mail),
        (Step::Mail, b"503 5.5.1 nested MAIL\r\n", Phase::Mail),
    ] {
        let sink = faultsink::start(Script::new().on(step, "", Act::Raw(bytes.to_vec())).on(
            Step::Dot,
            "",
            Act::say("554 5.6.0 no"),
        ))
        .await;
        let mut connection = connected(&sink).await;
        let report = send(&mut connection, JANE).await;
        assert_report(&report, Outcome::Deferred, phase, "");
        assert!(!connection.is_usable() && sink.accepted().is_empty(), "{step:?}");
    }
}

/// More than both ends can hold back, so that writing it has to wait for the relay.
fn large() -> Vec<u8> {
    b"0123456789012345678901234567890123456789012345678901234567890123\r\n".repeat(200_000)
}

#[tokio::test]
async fn in_the_middle_of_the_content_every_failure_is_a_definite_no() {
    for (act, reason) in [
        (Act::HangUp, ""),
        (Act::Reset, ""),
        (Act::Silence, "took no content within 500 ms"),
        (Act::Raw(b"hello\r\n".to_vec()), ""),
        (Act::say("250 2.0.0 taken already"), "did not wait"),
        (Act::SayAndHangUp("552 5.3.4 too large".into()), ""),
    ] {
        let sink = faultsink::start(Script::new().on(Step::Content, "", act.clone())).await;
        let mut connection = open(hasty(config(&sink), &act)).unwrap().connect().await.unwrap();
        let report = connection.hand_over(&message(JANE, &large()), Box::pin(async { (Mark::Granted, None) })).await;
        let refused = report.outcome == Outcome::Refused && matches!(act, Act::SayAndHangUp(_));
        assert!(refused || report.outcome == Outcome::Deferred, "{act:?}: {report:?}");
        assert!(report.phase == Phase::Content && report.reason().contains(reason), "{act:?}: {report:?}");
        assert!(!connection.is_usable() && sink.accepted().is_empty(), "{act:?}");
    }
}

#[tokio::test]
async fn a_no_in_the_middle_of_the_content_that_reads_on_is_kept_with_its_reason() {
    let sink = faultsink::start(Script::new().on(Step::Content, "", Act::say("552 5.3.4 too large"))).await;
    let mut connection = connected(&sink).await;
    let report = connection.hand_over(&message(JANE, &large()), Box::pin(async { (Mark::Granted, None) })).await;
    assert_report(&report, Outcome::Deferred, Phase::Content, "552 5.3.4 too large");
    assert!(!connection.is_usable() && sink.accepted().is_empty());
}

#[tokio::test]
async fn all_phases_before_the_dot_share_a_deadline_too() {
    let slow = |reply: &str| Act::Drip(reply.into(), Duration::from_millis(100));
    let script = Script::new().on(Step::Mail, "", slow("250 ok")).on(Step::Rcpt, "", slow("250 ok")).on(
        Step::Data,
        "",
        slow("354 go"),
    );
    let sink = faultsink::start(script).await;
    let mut config = config(&sink);
    config.deadlines.whole = config.deadlines.dot + Duration::from_millis(1_200);
    let mut connection = open(config).unwrap().connect().await.unwrap();
    let report = send(&mut connection, JANE).await;
    assert_report(&report, Outcome::Deferred, Phase::Rcpt, "no answer to RCPT within");
}

#[tokio::test]
async fn a_message_the_relay_cannot_take_is_not_sent() {
    let sink = faultsink::start(Script::new().keyword("size 20")).await;
    let mut connection = connected(&sink).await;
    let report = send(&mut connection, JANE).await;
    assert_report(&report, Outcome::Deferred, Phase::Mail, "552 5.3.4 not sent");
    assert!(connection.is_usable() && !sink.commands().iter().any(|c| c.starts_with("MAIL")));

    let sink = faultsink::start(Script::new().keyword("SIZE 2000")).await;
    assert_eq!(send_one(config(&sink)).await.outcome, Outcome::Accepted);
    let size = format!("MAIL FROM:<bounces+1@news.example.org> SIZE={}", MAIL.len());
    assert!(sink.commands().contains(&size), "{:?}", sink.commands());
}

#[test]
fn content_that_could_smuggle_a_second_message_is_never_sent() {
    for wrong in [&b"a\n.\n\r\n"[..], b"a\r.\r\r\n", b"a\r\n.\n\r\n", b"no end", b"\xc3\xa9\r\n"] {
        assert!(Content::new(wrong).unwrap_err().starts_with("the message"));
    }
}

#[tokio::test]
async fn a_bounce_has_the_null_sender() {
    let sink = faultsink::start(Script::new()).await;
    let mut connection = connected(&sink).await;
    let bounce = Envelope { from: None, ..envelope(JANE) };
    let bounce = Message { envelope: bounce, ..message(JANE, MAIL) };
    assert_eq!(
        connection.hand_over(&bounce, Box::pin(async { (Mark::Granted, None) })).await.outcome,
        Outcome::Accepted
    );
    assert_eq!(sink.accepted()[0].from, "");
}

#[tokio::test]
async fn a_connection_retires_after_its_share_of_messages_and_says_goodbye() {
    let sink = faultsink::start(Script::new()).await;
    let mut config = config(&sink);
    config.reuse.messages = 2;
    let mut connection = open(config).unwrap().connect().await.unwrap();
    assert!(connection.is_usable());
    send(&mut connection, JANE).await;
    assert!(connection.is_usable());
    send(&mut connection, JANE).await;
    assert!(!connection.is_usable());
    connection.close().await;
    assert_eq!(sink.commands().last().unwrap(), "QUIT");
}

#[tokio::test]
async fn a_relay_that_hung_up_meanwhile_is_noticed_before_the_next_message() {
    let sink = faultsink::start(Script::new().on(Step::Dot, "", Act::SayAndHangUp("250 2.0.0 the last".into()))).await;
    let mut connection = connected(&sink).await;
    assert_eq!(send(&mut connection, JANE).await.outcome, Outcome::Accepted);
    let gone = async {
        while connection.is_usable() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
}

#[tokio::test]
async fn a_hand_over_dropped_half_way_spoils_the_connection() {
    let sink = faultsink::start(Script::new().on(Step::Dot, "", Act::Silence)).await;
    let mut connection = connected(&sink).await;
    let sending = send(&mut connection, JANE);
    assert!(tokio::time::timeout(Duration::from_millis(50), sending).await.is_err());
    assert!(!connection.is_usable());
}

#[tokio::test]
async fn quitting_does_not_wait_for_ever() {
    let sink = faultsink::start(Script::new().on(Step::Quit, "", Act::Silence)).await;
    let mut config = config(&sink);
    config.deadlines.quit = Duration::from_millis(50);
    let connection = open(config).unwrap().connect().await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), connection.close()).await.unwrap();
}
