//! Speaking SMTP with a relay that may answer anything: two messages over one connection, and each report held
//! against what the relay itself heard and said.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};

use postroom::domain::Address;
use postroom::domain::delivery::{Mark, Outcome, Phase, Report};
use postroom::transport::relay::Tls;
use postroom::transport::{Content, Envelope, Message, RelayConfig, Route, Transport, open};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Between what the relay says before it hears more of us, and after.
const HEARS: u8 = 0xff;
/// A moment's pause in what it says.
const PAUSES: u8 = 0xfe;
/// So often nothing has to have come until nothing more is expected.
const PATIENCE: usize = 8;

/// The first byte chooses the circumstances, the others are what the relay says. Panics when the law is broken.
pub fn holds(input: &[u8]) {
    let Some((how, said)) = input.split_first() else { return };
    let is = |bit: u8| how & 1 << bit != 0;
    let (pipelining, tls) = (is(3), is(4));
    let opening = opening(pipelining, tls);
    let polite = opening.into_iter().take(usize::from(how & 7)).map(str::as_bytes).chain([said]).collect();
    play(&Relay { says: polite, resets: is(5), tls, denies: [is(6), is(7)] });
}

/// The relay is polite up to the dot of the first message; the bytes are its answer to that. Panics when the law is
/// broken.
pub fn reads(answer: &[u8]) {
    let says = opening(false, false).into_iter().map(str::as_bytes).chain([answer]).collect();
    play(&Relay { says, resets: false, tls: false, denies: [false, false] });
}

/// What a polite relay says up to the first 354: the transport says EHLO twice.
fn opening(pipelining: bool, tls: bool) -> Vec<&'static str> {
    let hello = match (pipelining, tls) {
        (_, true) => "250-relay\r\n250 STARTTLS\r\n",
        (true, _) => "250-relay\r\n250 PIPELINING\r\n",
        _ => "250-relay\r\n250 SIZE 10000\r\n",
    };
    let start = ["220 relay\r\n", hello, if tls { "220 go on\r\n" } else { hello }];
    let mail: &[&str] = if pipelining {
        &["250 ok\r\n250 ok\r\n354 go on\r\n"]
    } else {
        &["250 ok\r\n", "250 ok\r\n", "354 go on\r\n"]
    };
    [&start, mail].concat()
}

struct Relay<'a> {
    /// Said one after the other, each when more of us was heard since.
    says: Vec<&'a [u8]>,
    /// Ends by breaking off instead of closing.
    resets: bool,
    tls: bool,
    /// The ledger's answers.
    denies: [bool; 2],
}

/// What the relay knows in the end.
#[derive(Default)]
struct Known {
    heard: Vec<u8>,
    /// What it said, each with how much it had heard by then.
    said: Vec<(usize, Vec<u8>)>,
}

/// What the sender knows.
struct Sent {
    wires: [Vec<u8>; 2],
    reports: [Option<Report>; 2],
    asked: [bool; 2],
}

fn play(relay: &Relay<'_>) {
    thread_local! {
        static WORLD: OnceCell<World> = const { OnceCell::new() };
    }
    WORLD.with(|world| {
        let World { runtime, listener, clear, encrypted } = world.get_or_init(World::new);
        let transport = if relay.tls { encrypted } else { clear };
        runtime.block_on(async {
            let ours = async { relay.listen(listener.accept().await.unwrap().0).await };
            // The stream comes back so that it is the relay that ends last: no port is left waiting.
            let ((known, stream), sent) = tokio::join!(ours, send(relay, &**transport));
            drop(stream);
            relay.judge(&known, &sent);
        });
    });
}

/// What is the same for every input.
struct World {
    runtime: Runtime,
    listener: TcpListener,
    clear: Box<dyn Transport>,
    encrypted: Box<dyn Transport>,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = |tls| open(RelayConfig::new(Route::Smtp { host: "127.0.0.1".into(), port, tls })).unwrap();
        Self { clear: way(Tls::None), encrypted: way(Tls::Opportunistic), runtime, listener }
    }
}

async fn send(relay: &Relay<'_>, transport: &dyn Transport) -> Sent {
    let messages = [0, 1].map(|number| Message {
        envelope: Envelope { from: None, to: Address::parse("jane@example.org").unwrap() },
        content: Content::new(
            format!("Message: {number}\r\n\r\n.\r\n..\r\n.x\r\n{}\r\n\r\n", opens(number)).as_bytes(),
        )
        .unwrap(),
    });
    let asked = [AtomicBool::new(false), AtomicBool::new(false)];
    let reports = hand_over(transport, &messages, relay.denies, &asked).await;
    Sent {
        wires: messages.map(|message| [&message.content.wire()[..], b".\r\n"].concat()),
        reports,
        asked: asked.map(AtomicBool::into_inner),
    }
}

/// A line that only this content has.
fn opens(number: usize) -> String {
    format!("content {number}")
}

async fn hand_over(
    transport: &dyn Transport,
    messages: &[Message; 2],
    denies: [bool; 2],
    asked: &[AtomicBool; 2],
) -> [Option<Report>; 2] {
    let mut reports = [None, None];
    let mut connection = match transport.connect().await {
        Ok(connection) => connection,
        Err(report) => {
            assert_eq!((report.outcome, report.phase), (Outcome::Deferred, Phase::Connect), "{report:?}");
            return reports;
        }
    };
    for (number, message) in messages.iter().enumerate() {
        if !connection.is_usable() {
            break;
        }
        let mark = Box::pin(async move {
            asked[number].store(true, Ordering::Relaxed);
            (if denies[number] { Mark::Denied } else { Mark::Granted }, messages.get(number + 1))
        });
        reports[number] = Some(connection.hand_over(message, mark).await);
    }
    connection.close().await;
    reports
}

impl Relay<'_> {
    async fn listen(&self, mut stream: TcpStream) -> (Known, Option<TcpStream>) {
        stream.set_nodelay(true).unwrap();
        let mut known = Known::default();
        let said = self.says.iter().flat_map(|says| says.split(|byte| *byte == HEARS));
        for (number, says) in said.enumerate() {
            if number > 0 && !known.hear(&stream).await {
                break;
            }
            for part in says.split(|byte| *byte == PAUSES) {
                known.said.push((known.heard.len(), part.to_vec()));
                if stream.write_all(part).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // A reset leaves no port waiting for stragglers, and neither does whoever ends last.
        stream.set_zero_linger().unwrap();
        if self.resets {
            return (known, None);
        }
        let _ = stream.shutdown().await;
        while stream.readable().await.is_ok() && known.take(&stream) {}
        (known, Some(stream))
    }
}

impl Known {
    /// Everything that has come; whether there may be more.
    fn take(&mut self, stream: &TcpStream) -> bool {
        let mut space = [0; 4_096];
        loop {
            match stream.try_read(&mut space) {
                Ok(0) => return false,
                Ok(count) => self.heard.extend_from_slice(&space[..count]),
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Whether anything came; it waits but a moment.
    async fn hear(&mut self, stream: &TcpStream) -> bool {
        let before = self.heard.len();
        for _ in 0..PATIENCE {
            if !self.take(stream) {
                return false;
            }
            if self.heard.len() > before {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }

    fn has(&self, part: &[u8]) -> Option<usize> {
        self.heard.windows(part.len()).position(|window| window == part)
    }

    /// What was said once so much had been heard.
    fn said_after(&self, heard: usize) -> Vec<u8> {
        self.said.iter().filter(|(at, _)| *at >= heard).flat_map(|(_, part)| part).copied().collect()
    }
}

impl Relay<'_> {
    fn judge(&self, known: &Known, sent: &Sent) {
        for number in 0..2 {
            let (wire, report) = (&sent.wires[number], sent.reports[number].as_ref());
            let story = || {
                let said: Vec<_> = known.said.iter().map(|(at, part)| (at, String::from_utf8_lossy(part))).collect();
                format!("message {number}: {report:?}\nheard {}\nsaid {said:?}", String::from_utf8_lossy(&known.heard))
            };
            let granted = sent.asked[number] && !self.denies[number];
            let begun = known.has(opens(number).as_bytes()).is_some();
            assert!(granted || !begun, "content left without a mark: {}", story());
            let dot = known.has(wire).map(|at| at + wire.len());
            let Some(report) = report else {
                assert!(dot.is_none(), "a dot nobody sent: {}", story());
                continue;
            };
            assert!(report.reason().len() < 8_000, "a reason without end: {}", story());
            let _ = (report.class(), report.slow(), report.is_untried(), report.concerns_relay());
            match dot {
                Some(at) => {
                    assert_eq!(report.phase, Phase::Dot, "{}", story());
                    assert!(known.has(&[&wire[..], &wire[..9]].concat()).is_none(), "content twice: {}", story());
                    self.judge_answer(known.said_after(at), report, story);
                }
                None => assert_ne!(report.outcome, Outcome::Accepted, "nothing was there to accept: {}", story()),
            }
        }
        let text = String::from_utf8_lossy(&known.heard).replace("\r\n", "");
        assert!(self.tls || !text.contains(['\r', '\n']), "a bare CR or LF left: {text:?}");
    }

    /// The dot was heard, and this was said after it.
    fn judge_answer(&self, said: Vec<u8>, report: &Report, story: impl Fn() -> String) {
        if self.says.iter().any(|says| says.contains(&PAUSES)) {
            // What was said unasked may have been said before the dot was heard, and read after it was sent.
            return;
        }
        let expected = reply(&said);
        let code = report.reply.as_ref().map(|reply| reply.code);
        let outcomes: &[_] = match expected {
            Some(200..=299) => &[Outcome::Accepted],
            Some(400..=499) => &[Outcome::Deferred],
            Some(500..=599) => &[Outcome::Deferred, Outcome::Refused],
            _ => &[Outcome::Uncertain],
        };
        // What is on the way when a connection is reset may be lost.
        let lost = self.resets && report.outcome == Outcome::Uncertain;
        assert!(lost || (outcomes.contains(&report.outcome) && code == expected), "{expected:?} was said: {}", story());
    }
}

/// The code of the first complete reply (RFC 5321 section 4.2), read as leniently and within the same bounds as the
/// transport does: a line ends with LF, a control character is a blank, the blank after the code may be missing.
fn reply(said: &[u8]) -> Option<u16> {
    let (mut code, mut bytes) = (None, 0);
    for line in said.split_inclusive(|byte| *byte == b'\n').take(100) {
        bytes += line.len();
        let line = line.strip_suffix(b"\n").filter(|line| line.len() <= 2_048 && bytes <= 65_536)?;
        let line = String::from_utf8_lossy(line).replace(char::is_control, " ");
        let line = line.trim_end();
        let digits = line.get(..3).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        let number: u16 = digits.parse().ok().filter(|_| matches!(digits.as_bytes(), [b'2'..=b'5', b'0'..=b'5', _]))?;
        if *code.get_or_insert(number) != number {
            return None;
        }
        match line.as_bytes().get(3) {
            None | Some(b' ') => return code,
            Some(b'-') => {}
            Some(_) => return None,
        }
    }
    None
}
