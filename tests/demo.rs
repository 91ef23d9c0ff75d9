//! `postroom demo` from outside: the mail catcher over a raw socket, the web
//! inbox over its router.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use postroom::cli::demo::catcher::Catcher;
use postroom::cli::demo::inbox::{self, Inbox};
use postroom::cli::demo::mailbox::Mailbox;
use postroom::cli::demo::screens::Place;
use postroom::domain::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Longer than anything here takes; only a test that fails waits for it.
const LIMIT: Duration = Duration::from_secs(60);

struct Running {
    mailbox: Arc<Mailbox>,
    port: u16,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn running() -> Running {
    let (mailbox, stop) = (Arc::new(Mailbox::new(|| Timestamp(0))), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(Catcher::new(Arc::clone(&mailbox), stop.clone()).serve(listener));
    Running { mailbox, port, stop, task }
}

/// A client that speaks bytes, so that the server's every answer is seen.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn connected(port: u16) -> Self {
        Self(BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap()))
    }

    async fn greeted(port: u16) -> Self {
        let mut client = Self::connected(port).await;
        assert!(client.reply().await.starts_with("220 "));
        assert!(client.ask("EHLO test").await.ends_with("250 ENHANCEDSTATUSCODES\r\n"));
        client
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// One whole reply, all its lines.
    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            tokio::time::timeout(LIMIT, self.0.read_line(&mut line)).await.expect("a reply in time").unwrap();
            assert!(line.ends_with("\r\n") && line.len() <= 512, "{line:?} after {reply:?}");
            reply += &line;
            if line.as_bytes()[3] == b' ' {
                return reply;
            }
        }
    }

    async fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes()).await;
        self.reply().await
    }

    async fn is_closed(&mut self) -> bool {
        tokio::time::timeout(LIMIT, self.0.read(&mut [0; 1])).await.is_ok_and(|read| read.is_ok_and(|n| n == 0))
    }
}

/// The code and enhanced code of each reply.
async fn codes(client: &mut Client, commands: &[&str]) -> Vec<String> {
    let mut codes = Vec::new();
    for command in commands {
        let reply = client.ask(command).await;
        codes.push(reply.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    }
    codes
}

#[tokio::test]
async fn the_catcher_keeps_what_it_accepts_byte_for_byte() {
    let catcher = running().await;
    let mut client = Client::greeted(catcher.port).await;
    assert!(client.ask("MAIL FROM:<b@example.org> SIZE=40 BODY=8BITMIME").await.starts_with("250 2.1.0"));
    assert!(client.ask("RCPT TO:<Ada@example.com>").await.starts_with("250 2.1.5"));
    assert!(client.ask("DATA").await.starts_with("354 "));
    client.send("Subject: Grüße\r\n\r\n..dot\r\n...\r\nend\r\n.\r\n".as_bytes()).await;
    assert!(client.reply().await.starts_with("250 2.0.0"));
    assert!(client.ask("QUIT").await.starts_with("221 2.0.0"));
    assert!(client.is_closed().await);
    let caught = catcher.mailbox.get(1).unwrap();
    assert_eq!((caught.from.as_str(), caught.recipients().as_str()), ("b@example.org", "Ada@example.com"));
    assert_eq!(caught.raw, "Subject: Grüße\r\n\r\n.dot\r\n..\r\nend\r\n".as_bytes());
}

#[tokio::test]
async fn a_pipelined_group_is_answered_in_order_and_messages_follow_on_one_connection() {
    let catcher = running().await;
    let mut client = Client::greeted(catcher.port).await;
    let group = b"MAIL FROM:<>\r\nRCPT TO:<gone@example.org>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n";
    client.send(group).await;
    for expected in ["250 2.1.0", "550 5.1.1", "250 2.1.5", "354 "] {
        let reply = client.reply().await;
        assert!(reply.starts_with(expected), "{reply}");
    }
    client
        .send(b"Subject: 1\r\n\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: 2\r\n\r\n.\r\n")
        .await;
    for expected in ["250 2.0.0", "250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0"] {
        let reply = client.reply().await;
        assert!(reply.starts_with(expected), "{reply}");
    }
    let subjects: Vec<_> = catcher.mailbox.newest_first().iter().map(|message| message.subject.clone()).collect();
    assert_eq!(subjects, ["2", "1"]);
    assert_eq!(catcher.mailbox.get(1).unwrap().recipients(), "a@example.org");
}

#[tokio::test]
async fn some_names_provoke_the_answers_of_bad_days() {
    let catcher = running().await;
    let mut client = Client::greeted(catcher.port).await;
    let commands = [
        "MAIL FROM:<>",
        "RCPT TO:<Gone@example.org>",
        "RCPT TO:<full+tag@example.org>",
        "RCPT TO:<busy@example.org>",
        "RCPT TO:<busy@example.org>",
        "RCPT TO:<busy@example.com>",
        "RCPT TO:<begone@example.org>",
    ];
    let expected = ["250 2.1.0", "550 5.1.1", "452 4.2.2", "451 4.2.0", "250 2.1.5", "451 4.2.0", "250 2.1.5"];
    assert_eq!(codes(&mut client, &commands).await, expected);
}

#[tokio::test]
async fn commands_out_of_order_or_misspelt_are_refused_and_harm_nothing() {
    let catcher = running().await;
    let mut client = Client::connected(catcher.port).await;
    client.reply().await;
    let commands = [
        "MAIL FROM:<a@example.org>",
        "EHLO",
        "FOO",
        "HELO test",
        "RCPT TO:<a@example.org>",
        "DATA",
        "MAIL FROM:a@example.org",
        "MAIL FROM:<a@example.org> SIZE=99999999",
        "MAIL FROM:<a@example.org> SMTPUTF8",
        "STARTTLS",
        "mail from:<a@example.org>",
        "MAIL FROM:<a@example.org>",
        "RCPT TO:<>",
        "RCPT TO:<a b@example.org>",
        "DATA",
        "RSET",
        "DATA",
    ];
    let expected = [
        "503 5.5.1",
        "501 5.5.4",
        "500 5.5.2",
        "250 demo.postroom.test",
        "503 5.5.1",
        "503 5.5.1",
        "501 5.1.7",
        "552 5.3.4",
        "555 5.5.4",
        "502 5.5.1",
        "250 2.1.0",
        "503 5.5.1",
        "501 5.1.3",
        "501 5.1.3",
        "554 5.5.1",
        "250 2.0.0",
        "503 5.5.1",
    ];
    assert_eq!(codes(&mut client, &commands).await, expected);
    assert!(client.ask(&"x".repeat(100_000)).await.starts_with("500 5.5.2"));
    assert!(client.ask("NOOP").await.starts_with("250 2.0.0"));
    assert!(catcher.mailbox.newest_first().is_empty());
}

#[tokio::test]
async fn a_client_that_never_gets_it_right_is_shown_out() {
    let catcher = running().await;
    let mut client = Client::greeted(catcher.port).await;
    for _ in 0..20 {
        assert!(client.ask("GET / HTTP/1.1").await.starts_with("500 5.5.2"));
    }
    assert!(client.reply().await.starts_with("421 4.7.0"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_message_with_sloppy_line_ends_is_refused_and_smuggles_nothing() {
    let catcher = running().await;
    let mut client = Client::greeted(catcher.port).await;
    client.send(b"MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n").await;
    client.send(b"Subject: 1\r\n\r\nx\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\nNOOP\r\n").await;
    for expected in ["250 2.1.0", "250 2.1.5", "354 ", "554 5.6.0", "250 2.0.0 still"] {
        let reply = client.reply().await;
        assert!(reply.starts_with(expected), "{reply}");
    }
    assert!(catcher.mailbox.newest_first().is_empty());
}

#[tokio::test]
async fn stopping_says_goodbye_to_open_connections() {
    let catcher = running().await;
    let mut idle = Client::greeted(catcher.port).await;
    let mut busy = Client::greeted(catcher.port).await;
    busy.send(b"MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n").await;
    for _ in 0..3 {
        busy.reply().await;
    }
    catcher.stop.cancel();
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    assert!(idle.is_closed().await && busy.is_closed().await);
    tokio::time::timeout(LIMIT, catcher.task).await.unwrap().unwrap();
}

const MESSAGE: &str = "From: Blog <news@example.org>\r\nTo: ada@example.com\r\nSubject: Hello & more\r\n\
    Postroom-Edition: 1\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\
    List-Unsubscribe: <http://127.0.0.1:8025/s/T/unsubscribe>, <mailto:u@example.org>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain http://127.0.0.1:8025/confirm/T\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<!DOCTYPE html><html><head><title>x</title></head>\
    <body><script>alert(1)</script></body></html>\r\n--b--\r\n";

fn inbox(mailbox: Arc<Mailbox>) -> axum::Router {
    let place = Place {
        public_url: "http://127.0.0.1:8025".into(),
        inbox_url: "http://127.0.0.1:8026".into(),
        archive: "/tmp/demo/posts".into(),
    };
    inbox::router(Inbox { mailbox, place })
}

struct Answer {
    status: StatusCode,
    policy: String,
    body: String,
}

async fn get(router: &axum::Router, path: &str) -> Answer {
    let request = Request::get(path).header("host", "127.0.0.1:8026").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let policy = response.headers().get("content-security-policy").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Answer { status, policy: policy.unwrap_or_default(), body: String::from_utf8_lossy(&body).into_owned() }
}

fn filled() -> axum::Router {
    let mailbox = Arc::new(Mailbox::new(|| Timestamp(1_779_445_230_000)));
    mailbox.keep(String::new(), vec!["eve@example.net".into()], b"Subject: Confirm\r\n\r\nlink\r\n".to_vec());
    mailbox.keep("b@example.org".into(), vec!["ada@example.com".into()], MESSAGE.into());
    inbox(mailbox)
}

#[tokio::test]
async fn the_inbox_as_json_is_what_tests_and_scripts_read() {
    let router = filled();
    let list: Value = serde_json::from_str(&get(&router, "/api/messages").await.body).unwrap();
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(list[0]["id"], 2);
    assert_eq!(list[0]["to"], "ada@example.com");
    assert_eq!(list[0]["received"], "2026-05-22T10:20:30Z");
    assert_eq!(list[1]["edition"], Value::Null);
    let one: Value = serde_json::from_str(&get(&router, "/api/messages/2").await.body).unwrap();
    assert_eq!(one["subject"], "Hello & more");
    assert_eq!(one["text"], "plain http://127.0.0.1:8025/confirm/T");
    assert!(one["html"].as_str().unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(one["headers"][0]["value"], "Blog <news@example.org>");
    assert_eq!(one["raw"], MESSAGE);
    assert_eq!(get(&router, "/api/messages/3").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_first_view_opens_the_first_digest_and_waits_for_it_before() {
    let waiting = get(&inbox(Arc::new(Mailbox::new(|| Timestamp(0)))), "/").await;
    assert!(waiting.body.contains("The first digest is on its way"));
    let first = get(&filled(), "/").await;
    assert!(first.body.contains("<h1 dir=\"auto\">Hello &amp; more</h1>"));
    assert!(first.body.contains("src=\"/messages/2/html\""));
    assert!(first.body.contains("action=\"http://127.0.0.1:8025/s/T/unsubscribe\""));
    assert!(first.policy.starts_with("default-src 'none'"));
}

#[tokio::test]
async fn a_message_cannot_run_anything() {
    let html = get(&filled(), "/messages/2/html").await;
    assert!(html.policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; img-src http://127.0.0.1:8026"));
    assert!(html.policy.contains("sandbox allow-popups"));
    assert!(!html.policy.contains("allow-scripts") && !html.policy.contains("script-src"));
    assert!(html.body.starts_with("<!DOCTYPE html><html><head><base target=\"_blank\">"));
}

#[tokio::test]
async fn every_view_of_a_message_can_be_opened() {
    let router = filled();
    for (view, words) in [
        ("phone", "class=\"phone\""),
        ("text", "<a href=\"http://127.0.0.1:8025/confirm/T\""),
        ("headers", "<dt>List-Unsubscribe</dt>"),
        ("source", "&lt;script&gt;alert(1)"),
    ] {
        let page = get(&router, &format!("/messages/2?view={view}")).await;
        assert!(page.body.contains(words), "{view}");
    }
    assert!(get(&router, "/messages/1").await.body.contains("no HTML part"));
    assert_eq!(get(&router, "/messages/9").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_list_is_filtered_by_recipient_and_renewed_only_when_mail_has_come() {
    let router = filled();
    let rows = get(&router, "/list?to=EVE&since=1").await;
    assert!(rows.body.contains("eve@example.net") && !rows.body.contains("ada@example.com"));
    assert_eq!(get(&router, "/list?since=2").await.status, StatusCode::NO_CONTENT);
    assert!(get(&router, "/messages?to=nobody").await.body.contains("No mail to this recipient"));
}

#[tokio::test]
async fn the_inbox_answers_to_its_own_name_only() {
    for host in ["evil.example.com:8026", "127.0.0.1", ""] {
        let request = Request::get("/api/messages").header("host", host).body(Body::empty()).unwrap();
        let status = filled().oneshot(request).await.unwrap().status();
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
}
