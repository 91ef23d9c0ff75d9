//! One edition, its readers, the process that sends it, the one before that does not know it is dead, and the relay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use postroom::domain::delivery::{self, Mark, Outcome, Phase, Reply, Report, Settlement, State, Verdict};
use postroom::domain::edition;
use postroom::domain::subscription::{Consent, ConsentAct, Status};
use postroom::domain::time::Span;
use postroom::domain::{Address, Cadence, Timestamp};
use postroom::settings::Settings;
use postroom::store::{Answer, Leased, Ledger, Mail, NewSubscription, Seal, SealOutcome, SealVariant, Settling, Store};

/// Connections of a process: so many may be cut short by a crash.
pub const CONNECTIONS: usize = 2;
/// Recipients of the edition.
pub const READERS: usize = 4;
const AGE: Span = Span::hours(48);

/// A connection: at most one message of it is marked and not settled.
#[derive(Default)]
struct Connection {
    marked: Option<Leased>,
    taken: bool,
    last: Option<i64>,
}

/// One run of the engine.
struct Process {
    run: i64,
    ledger: Ledger,
    bag: Vec<Leased>,
    connections: [Connection; CONNECTIONS],
}

/// Everything there is.
pub struct World {
    store: Store,
    process: Process,
    /// The process that crashed last, had it only been asleep.
    zombie: Option<Process>,
    now: Timestamp,
    subscriptions: Vec<i64>,
    left: HashSet<i64>,
    /// What the relay took, by delivery.
    copies: HashMap<i64, i64>,
    _folder: tempfile::TempDir,
}

fn consent(act: ConsentAct) -> Consent {
    Consent { act, source: "model".into(), words: "yes or no".into(), network: None }
}

impl Process {
    async fn start(store: &Store, now: Timestamp) -> (Self, u64) {
        let resend_at = Some(now.plus(Span::minutes(30)));
        let (run, recovered) = store.begin_run("model", resend_at, now).await.unwrap();
        let ledger = Ledger::start(store.clone(), run, CONNECTIONS);
        (Self { run, ledger, bag: Vec::new(), connections: Default::default() }, recovered.uncertain)
    }

    /// Sends the outcome of what a connection has in hand to the ledger; `how` is what the relay did.
    async fn settle(&mut self, connection: usize, how: usize, now: Timestamp) -> Option<Answer<()>> {
        let connection = &mut self.connections[connection];
        let leased = connection.marked.take()?;
        let report = match (std::mem::take(&mut connection.taken), how) {
            (true, 0 | 1) => Report::replied(Phase::Dot, Reply::new(250, "2.0.0 taken")),
            (true, _) | (false, 2) => Report::broken(Phase::Dot, "the relay hung up"),
            (false, 0) => Report::broken(Phase::Content, "the relay hung up"),
            (false, _) => Report::replied(Phase::Data, Reply::new(552, "5.2.2 mailbox full")),
        };
        let mut settlement = delivery::settle(&report, leased.attempts + 1, now, leased.expires, 0.0);
        if report.outcome == Outcome::Uncertain {
            settlement = Settlement { not_before: Some(now.plus(Span::minutes(30))), ..settlement };
        }
        connection.last = Some(leased.id);
        let relay = "relay".to_owned();
        let (delivery, number) = (leased.id, leased.attempts + 1);
        let settling = Arc::new(Settling { delivery, number, report, settlement, relay, started: now, ended: now });
        Some(self.ledger.settle(settling).await.unwrap())
    }
}

impl World {
    /// Readers, and an edition sealed for them.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let toml = "[site]\ntitle = \"Model\"\nurl = \"https://blog.test\"\npostal_address = \"1 Test Street\"\n\
             [http]\npublic_url = \"https://news.blog.test\"\n[relay]\nurl = \"smtp://127.0.0.1:1\"\n\
             [mail]\nfrom = \"news@blog.test\"\n[[newsletters]]\nid = \"posts\"\n";
        std::fs::create_dir(folder.path().join("posts")).unwrap();
        std::fs::write(folder.path().join("postroom.toml"), toml).unwrap();
        let settings = Settings::load(Some(&folder.path().join("postroom.toml"))).unwrap();
        let store = Store::open(&folder.path().join("model.db")).await.unwrap();
        let now = Timestamp(1_800_000_000_000);
        store.mirror_newsletters(&settings.newsletters, now).await.unwrap();
        let subscriptions = join(&store, now).await;
        seal(&store, now).await;
        let (process, _) = Process::start(&store, now).await;
        let (left, copies) = (HashSet::new(), HashMap::new());
        Self { store, process, zombie: None, now, subscriptions, left, copies, _folder: folder }
    }

    // What the engine does.

    pub async fn lease(&mut self, limit: usize) {
        let leased = self.process.ledger.lease(Mail::Editions, limit, self.now).await.unwrap();
        self.process.bag.extend(leased);
    }

    /// Asks for the mark of the next message; part (d) of the promise: it is denied to whoever left before.
    pub async fn mark(&mut self, connection: usize) {
        if self.process.connections[connection].marked.is_some() || self.process.bag.is_empty() {
            return;
        }
        let leased = self.process.bag.remove(0);
        let after = self.process.connections[connection].last;
        let may_leave = self.store.may_leave(Some(1)).await.unwrap();
        let mark = self.process.ledger.mark(&leased, after, self.now).await.unwrap();
        let subscription = leased.subscription.as_ref().unwrap().id;
        let wanted = may_leave && !self.left.contains(&subscription);
        assert_eq!(mark == Mark::Granted, wanted, "the mark of {leased:?}");
        if wanted {
            self.process.connections[connection].marked = Some(leased);
        }
    }

    /// The relay takes what was marked.
    pub fn take(&mut self, connection: usize) {
        take(&mut self.process.connections[connection], &mut self.copies);
    }

    pub async fn reply(&mut self, connection: usize, how: usize) {
        if let Some(answer) = self.process.settle(connection, how, self.now).await {
            answer.durable().await.unwrap();
        }
    }

    /// The next mark is asked for before the outcome is known to be on the disk.
    pub async fn reply_and_mark(&mut self, connection: usize, how: usize) {
        let answer = self.process.settle(connection, how, self.now).await;
        self.mark(connection).await;
        if let Some(answer) = answer {
            answer.durable().await.unwrap();
        }
    }

    pub async fn give_back(&mut self) {
        let back = self.process.bag.pop().map(|leased| leased.id).into_iter().collect();
        self.process.ledger.give_back(back).await.unwrap();
    }

    /// The process is gone, or so it seems; part (b): it leaves no more doubts than it had connections.
    pub async fn crash(&mut self) {
        let before = self.process.connections.iter().filter(|one| one.marked.is_some()).count();
        let (process, uncertain) = Process::start(&self.store, self.now).await;
        self.zombie = Some(std::mem::replace(&mut self.process, process));
        assert_eq!(uncertain, before as u64, "doubts of a crash");
    }

    /// A stop in order leaves none.
    pub async fn restart(&mut self) {
        for connection in 0..CONNECTIONS {
            self.reply(connection, 0).await;
        }
        let back = self.process.bag.drain(..).map(|leased| leased.id).collect();
        self.process.ledger.give_back(back).await.unwrap();
        self.store.end_run(self.process.run, self.now).await.unwrap();
        let (process, uncertain) = Process::start(&self.store, self.now).await;
        (self.process, self.zombie) = (process, None);
        assert_eq!(uncertain, 0, "doubts of a stop in order");
    }

    // What a process does that was thought dead.

    pub async fn zombie_mark(&mut self) {
        let Some(zombie) = &mut self.zombie else { return };
        let Some(leased) = zombie.bag.pop() else { return };
        let mark = zombie.ledger.mark(&leased, None, self.now).await.unwrap();
        assert_eq!(mark, Mark::Denied, "a dead process was granted {leased:?}");
    }

    pub fn zombie_take(&mut self, connection: usize) {
        if let Some(zombie) = &mut self.zombie {
            take(&mut zombie.connections[connection], &mut self.copies);
        }
    }

    pub async fn zombie_reply(&mut self, connection: usize, how: usize) {
        let Some(zombie) = &mut self.zombie else { return };
        if let Some(answer) = zombie.settle(connection, how, self.now).await {
            answer.durable().await.unwrap();
        }
    }

    // What people do.

    pub async fn unsubscribe(&mut self, reader: usize) {
        let id = self.subscriptions[reader];
        self.store.unsubscribe(id, &consent(ConsentAct::Unsubscribed), self.now).await.unwrap();
        self.left.insert(id);
    }

    pub async fn pause_all(&mut self) {
        self.store.pause(self.now).await.unwrap();
    }

    pub async fn resume_all(&mut self) {
        self.store.resume(self.now).await.unwrap();
    }

    pub async fn pause_edition(&mut self) {
        self.store.pause_edition(1, "by the operator").await.unwrap();
    }

    pub async fn approve_edition(&mut self) {
        self.store.approve_edition(1, self.now.plus(AGE), self.now).await.unwrap();
    }

    pub async fn cancel_edition(&mut self) {
        self.store.cancel_edition(1, "by the operator", self.now).await.unwrap();
    }

    pub async fn resolve(&mut self, verdict: usize) {
        self.store.resolve(1, Verdict::ALL[verdict], None, self.now.plus(AGE), self.now).await.unwrap();
    }

    pub async fn retry(&mut self) {
        self.store.retry(1, None, self.now.plus(AGE), self.now).await.unwrap();
    }

    /// Time passes, and what it overtakes is tended.
    pub async fn hours(&mut self, hours: i64) {
        self.now = self.now.plus(Span::hours(hours));
        self.store.resend_uncertain(self.now.plus(AGE), self.now).await.unwrap();
        self.store.withdraw(self.now).await.unwrap();
        self.store.expire(self.now).await.unwrap();
        self.store.finish_editions(self.now).await.unwrap();
    }

    /// Parts (a), (b), (c) and (e) of the promise.
    pub async fn check(&self, when: &str) {
        let tally = self.store.tally(1).await.unwrap();
        assert!(tally.balances() && tally.audience == READERS as i64, "{when}: {tally:?}");
        assert_eq!(self.store.verify(1).await.unwrap(), [""; 0], "{when}");
        for row in self.store.deliveries_of_edition(1, None, 0, 100).await.unwrap() {
            let copies = self.copies.get(&row.id).copied().unwrap_or_default();
            let by_hand = row.reason.as_deref() == Some("accepted by hand");
            assert!(row.state != State::Accepted || copies > 0 || by_hand, "{when}: lost: {row:?}");
            // One is owed, or on its way now; every other one was listed before.
            let own = i64::from(matches!(row.state, State::Accepted | State::HandingOver) && !by_hand);
            assert!(copies <= own + row.uncertain, "{when}: {copies} copies of {row:?}");
        }
    }

    /// Whatever happened, it comes to an end at which everybody is accounted for.
    pub async fn come_to_rest(&mut self) {
        self.resume_all().await;
        for _ in 0..100 {
            self.approve_edition().await;
            for connection in 0..CONNECTIONS {
                self.reply(connection, 0).await;
            }
            self.lease(READERS).await;
            for connection in (0..CONNECTIONS).cycle().take(2 * READERS) {
                self.mark(connection).await;
                self.take(connection);
                self.reply(connection, 0).await;
            }
            self.resolve(2).await;
            self.hours(3).await;
            self.check("on the way to rest").await;
            if self.store.tally(1).await.unwrap().open() == 0 {
                let edition = self.store.edition(1).await.unwrap().unwrap();
                assert!(matches!(edition.state, edition::State::Finished | edition::State::Cancelled), "{edition:?}");
                return;
            }
        }
        panic!("stuck: {:#?}", self.store.deliveries_of_edition(1, None, 0, 100).await.unwrap());
    }
}

fn take(connection: &mut Connection, copies: &mut HashMap<i64, i64>) {
    if let Some(leased) = connection.marked.as_ref().filter(|_| !connection.taken) {
        *copies.entry(leased.id).or_default() += 1;
        connection.taken = true;
    }
}

async fn join(store: &Store, now: Timestamp) -> Vec<i64> {
    let addresses: Vec<_> =
        (0..READERS).map(|number| Address::parse(&format!("reader{number}@readers.test")).unwrap()).collect();
    let new = |address: &Address| NewSubscription {
        address: address.clone(),
        cadence: Cadence::Daily,
        status: Status::Active,
        since: None,
    };
    let new: Vec<_> = addresses.iter().map(new).collect();
    store.add_subscriptions("posts", &new, &consent(ConsentAct::Vouched), now).await.unwrap();
    let mut subscriptions = Vec::new();
    for address in &addresses {
        subscriptions.push(store.subscriptions_of(address).await.unwrap()[0].id);
    }
    subscriptions
}

async fn seal(store: &Store, now: Timestamp) {
    let groups = store.groups("posts", Cadence::Daily, &[], now).await.unwrap();
    let text = || "What is to be said.".to_owned();
    let variant = SealVariant {
        language: None,
        subject: text(),
        html: text(),
        text: text(),
        posts: Vec::new(),
        groups: (0..groups.len()).collect(),
    };
    let sealed = store
        .seal(
            &Seal {
                number: 1,
                newsletter: "posts".into(),
                cadence: Cadence::Daily,
                slot: now,
                newest_seq: 1,
                state: edition::State::Sending,
                reason: None,
                groups,
                extra: Vec::new(),
                variants: vec![variant],
                public: None,
                expires: now.plus(AGE),
                next_slot: None,
            },
            now,
        )
        .await
        .unwrap();
    assert_eq!(sealed, SealOutcome::Sealed(READERS as i64));
}
