//! The transport against a relay that does as scripted: what a report says must
//! be what happened, whatever the relay does.

mod phases;
mod pipelining;
mod security;

use std::time::Duration;

use postroom::domain::Address;
use postroom::domain::delivery::{Mark, Outcome, Phase, Report};
use postroom::transport::relay::{Deadlines, Tls};
use postroom::transport::{Connection, Content, Envelope, Message, RelayConfig, Route, Transport, open};

use crate::faultsink::{Act, Sink};

const JANE: &str = "jane@example.org";

/// Lines that begin with dots in every way that matters.
const MAIL: &[u8] = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\na.\r\n\r\n";

/// The sink as a relay without TLS.
fn config(sink: &Sink) -> RelayConfig {
    RelayConfig::new(Route::Smtp { host: "127.0.0.1".into(), port: sink.addr.port(), tls: Tls::None })
}

/// The same with deadlines a test can wait for, when `act` lets one pass.
fn hasty(mut config: RelayConfig, act: &Act) -> RelayConfig {
    let act = if let Act::Take(inner) = act { inner } else { act };
    let half_a_line = matches!(act, Act::Raw(bytes) if !bytes.ends_with(b"\n"));
    if half_a_line || matches!(act, Act::Silence | Act::Drip(..)) {
        let limit = Duration::from_millis(500);
        let usual = config.deadlines;
        config.deadlines =
            Deadlines { command: limit, data: limit, write: limit, dot: limit, reset: limit, quit: limit, ..usual };
    }
    config
}

fn relay(sink: &Sink) -> Box<dyn Transport> {
    open(config(sink)).unwrap()
}

async fn connected(sink: &Sink) -> Box<dyn Connection> {
    relay(sink).connect().await.unwrap()
}

fn envelope(to: &str) -> Envelope {
    Envelope { from: Address::parse("bounces+1@news.example.org").ok(), to: Address::parse(to).unwrap() }
}

fn message(to: &str, content: &[u8]) -> Message {
    Message { envelope: envelope(to), content: Content::new(content).unwrap() }
}

async fn send(connection: &mut Box<dyn Connection>, to: &str) -> Report {
    connection.hand_over(&message(to, MAIL), Box::pin(async { (Mark::Granted, None) })).await
}

/// One message on a connection of its own.
async fn send_one(config: RelayConfig) -> Report {
    match open(config).unwrap().connect().await {
        Ok(mut connection) => {
            let report = send(&mut connection, JANE).await;
            connection.close().await;
            report
        }
        Err(report) => report,
    }
}

#[track_caller]
fn assert_report(report: &Report, outcome: Outcome, phase: Phase, reason: &str) {
    assert_eq!((report.outcome, report.phase), (outcome, phase), "{report:?}");
    assert!(report.reason().contains(reason), "{reason} is not in {report:?}");
}
