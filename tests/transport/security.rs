//! TLS and AUTH: nothing in clear that must not be, nobody trusted who cannot prove it.

use postroom::domain::delivery::{Outcome, Phase};
use postroom::transport::relay::Tls;
use postroom::transport::{RelayConfig, Route, open};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{assert_report, config, hasty, send_one};
use crate::faultsink::tls::{AUTHORITY, Certificate, Tls as Offer};
use crate::faultsink::{self, Act, Script, Sink, Step};

/// The sink as a relay spoken to like this, its authority trusted.
fn over(sink: &Sink, tls: Tls) -> RelayConfig {
    let mut config = config(sink);
    config.route = Route::Smtp { host: "localhost".into(), port: sink.addr.port(), tls };
    config.trusted = Some(AUTHORITY.to_vec());
    config
}

fn with_login(mut config: RelayConfig) -> RelayConfig {
    config.username = Some("postroom".into());
    config.password = Some("hunter2 ä".to_owned().into());
    config
}

/// Nothing of ours was said but EHLO and STARTTLS.
#[track_caller]
fn assert_nothing_sent(sink: &Sink) {
    let commands = sink.commands();
    assert!(commands.iter().all(|c| c.starts_with("EHLO") || c == "STARTTLS" || c == "QUIT"), "{commands:?}");
    assert!(sink.accepted().is_empty());
}

#[tokio::test]
async fn a_login_goes_over_tls_by_every_mechanism() {
    for mechanisms in ["PLAIN LOGIN", "LOGIN", "XOAUTH2"] {
        for (offer, tls) in
            [(Offer::offered(Certificate::Good), Tls::Required), (Offer::implicit(Certificate::Good), Tls::Implicit)]
        {
            let script = Script::new().tls(offer).login("postroom", "hunter2 ä").mechanisms(mechanisms);
            let sink = faultsink::start(script).await;
            let report = send_one(with_login(over(&sink, tls))).await;
            assert_report(&report, Outcome::Accepted, Phase::Dot, "250");
            assert_eq!(sink.accepted()[0].bytes, super::MAIL, "{mechanisms} {tls:?}");
        }
    }
}

/// Passes one connection on to the sink; afterwards, the length of every TLS record of ours.
async fn eavesdrop(sink: &Sink) -> (u16, JoinHandle<Vec<usize>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (port, relay) = (listener.local_addr().unwrap().port(), sink.addr);
    let records = tokio::spawn(async move {
        let (mut from_us, mut to_us) = listener.accept().await.unwrap().0.into_split();
        let (mut from_relay, mut to_relay) = TcpStream::connect(relay).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_relay, &mut to_us).await });
        let (mut records, mut head) = (Vec::new(), [0; 5]);
        while from_us.read_exact(&mut head).await.is_ok() {
            let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            from_us.read_exact(&mut record).await.unwrap();
            to_relay.write_all(&[&head[..], &record].concat()).await.unwrap();
            records.push(record.len());
        }
        records
    });
    (port, records)
}

#[tokio::test]
async fn the_dot_is_not_given_to_tls_before_the_content_has_left() {
    let sink = faultsink::start(Script::new().tls(Offer::implicit(Certificate::Good))).await;
    let (port, records) = eavesdrop(&sink).await;
    let mut config = over(&sink, Tls::Implicit);
    config.route = Route::Smtp { host: "localhost".into(), port, tls: Tls::Implicit };
    let report = send_one(config).await;
    assert_report(&report, Outcome::Accepted, Phase::Dot, "250");
    let records = records.await.unwrap();
    // The kind of a record and its seal take 17 bytes (RFC 8446 section 5.2). Every command is longer than a dot.
    assert!(records.contains(&(".\r\n".len() + 17)), "{records:?}");
}

#[tokio::test]
async fn a_wrong_password_is_about_us_and_not_about_the_recipient() {
    for mechanisms in ["PLAIN", "LOGIN", "XOAUTH2"] {
        let script =
            Script::new().tls(Offer::offered(Certificate::Good)).login("postroom", "other").mechanisms(mechanisms);
        let sink = faultsink::start(script).await;
        let report = send_one(with_login(over(&sink, Tls::Required))).await;
        assert_report(&report, Outcome::Deferred, Phase::Connect, "535 5.7.8");
        assert_eq!(sink.commands().iter().filter(|c| c.starts_with("AUTH")).count(), 1, "no second try");
    }
}

#[tokio::test]
async fn a_relay_that_cannot_prove_who_it_is_gets_nothing() {
    for (certificate, reason) in [
        (Certificate::Expired, "has expired"),
        (Certificate::Elsewhere, "for another name"),
        (Certificate::SelfSigned, "certificate"),
    ] {
        for (offer, tls) in [
            (Offer::offered(certificate), Tls::Required),
            (Offer::implicit(certificate), Tls::Implicit),
            (Offer::offered(certificate), Tls::Opportunistic),
        ] {
            let sink = faultsink::start(Script::new().tls(offer).login("postroom", "hunter2 ä")).await;
            let report = send_one(with_login(over(&sink, tls))).await;
            assert_report(&report, Outcome::Deferred, Phase::Connect, reason);
            assert_nothing_sent(&sink);
        }
    }
    let sink = faultsink::start(Script::new().tls(Offer::offered(Certificate::Good))).await;
    let mut config = over(&sink, Tls::Required);
    config.trusted = None;
    // A machine without certificates of its own refuses already when it is opened.
    if let Ok(transport) = open(config) {
        let report = transport.connect().await.err().unwrap();
        assert_report(&report, Outcome::Deferred, Phase::Connect, "signed by nobody this machine trusts");
    }
    assert_nothing_sent(&sink);
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_where_tls_is_required() {
    let stripped = Script::new().login("postroom", "hunter2 ä");
    for config in [|sink: &Sink| over(sink, Tls::Required), |sink: &Sink| with_login(over(sink, Tls::Opportunistic))] {
        let sink = faultsink::start(stripped.clone()).await;
        let report = send_one(config(&sink)).await;
        assert_report(&report, Outcome::Deferred, Phase::Connect, "no STARTTLS");
        assert_nothing_sent(&sink);
    }
    let refused =
        Script::new().tls(Offer::offered(Certificate::Good)).on(Step::StartTls, "", Act::say("454 4.7.0 not now"));
    let sink = faultsink::start(refused).await;
    let report = send_one(over(&sink, Tls::Required)).await;
    assert_report(&report, Outcome::Deferred, Phase::Connect, "454 4.7.0 not now");
    assert_nothing_sent(&sink);
}

#[tokio::test]
async fn without_a_password_an_opportunist_takes_what_there_is() {
    for script in [
        Script::new(),
        Script::new().tls(Offer::offered(Certificate::SelfSigned)),
        Script::new().tls(Offer::offered(Certificate::Good)).on(Step::StartTls, "", Act::say("454 4.7.0 not now")),
    ] {
        let sink = faultsink::start(script).await;
        let report = send_one(over(&sink, Tls::Opportunistic)).await;
        assert_report(&report, Outcome::Accepted, Phase::Dot, "");
    }
}

#[tokio::test]
async fn what_is_slipped_in_before_tls_is_not_believed() {
    let slipped = Act::Raw(b"220 go ahead\r\n250-faultsink.example\r\n250 AUTH PLAIN\r\n".to_vec());
    let script = Script::new().tls(Offer::offered(Certificate::Good)).on(Step::StartTls, "", slipped);
    let sink = faultsink::start(script).await;
    let report = send_one(with_login(over(&sink, Tls::Required))).await;
    assert_report(&report, Outcome::Deferred, Phase::Connect, "before TLS began");
    assert_nothing_sent(&sink);
}

#[tokio::test]
async fn a_password_without_tls_is_refused_before_anything_is_opened() {
    let sink = faultsink::start(Script::new()).await;
    let fault = open(with_login(over(&sink, Tls::None))).err().unwrap();
    assert!(fault.reason.contains("never sent in clear"), "{fault}");
    let mut half = over(&sink, Tls::Required);
    half.username = Some("postroom".into());
    assert!(open(half).is_err());
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn a_drop_after_the_dot_is_uncertain_over_tls_too() {
    for act in [Act::HangUp, Act::Reset, Act::Silence] {
        let script =
            Script::new().tls(Offer::implicit(Certificate::Good)).on(Step::Dot, "", act.clone().after_taking());
        let sink = faultsink::start(script).await;
        let report = send_one(hasty(over(&sink, Tls::Implicit), &act)).await;
        assert_report(&report, Outcome::Uncertain, Phase::Dot, "");
        assert_eq!(sink.accepted().len(), 1);
    }
}
