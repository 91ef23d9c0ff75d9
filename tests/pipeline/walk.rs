//! A walk through whatever can happen, in an order nobody thought of: at its end every reader has every post that
//! became public after they came, once, or a row that says why not. `POSTROOM_WALKS=200` takes so many.

use std::collections::{BTreeMap, BTreeSet};

use postroom::domain::Cadence;
use postroom::domain::delivery::State as Row;
use postroom::domain::edition::State;
use postroom::domain::time::Span;

use super::office::{Office, Setup};
use super::readers::address;
use crate::faultsink::{Act, Script, Step};

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        // Knuth's multiplier; the upper half is the better one.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A walk, and what it has to remember to judge its end.
struct Walk {
    office: Office,
    dice: Dice,
    /// Paths of the posts by slug, `None` while it is not there.
    posts: BTreeMap<String, Option<String>>,
    /// Posts that were taken back: whoever was not given them before need not get them.
    wavering: BTreeSet<String>,
    /// The newest post when each reader came.
    readers: BTreeMap<String, i64>,
    told: Vec<String>,
}

impl Walk {
    async fn begin(seed: u64) -> Self {
        let more = "[[newsletters]]\nid = \"posts\"\ncadences = [\"each\", \"daily\", \"weekly\"]\n";
        let office = Office::set_up(Setup { more, pipelining: seed.is_multiple_of(2), ..Setup::default() }).await;
        let mut walk = Self {
            office,
            dice: Dice(seed),
            posts: BTreeMap::new(),
            wavering: BTreeSet::new(),
            readers: BTreeMap::new(),
            told: Vec::new(),
        };
        walk.come().await;
        walk
    }

    async fn step(&mut self) {
        match self.dice.below(16) {
            0..4 => self.publish(),
            4 => self.touch_up(),
            5 => self.waver(),
            6 => self.come().await,
            7 => self.change().await,
            8 => self.leave_and_return().await,
            9..11 => self.another_relay(),
            11 => self.crash().await,
            12 => self.approve().await,
            13 => self.cancel().await,
            _ => {}
        }
        let minutes = *self.dice.one_of(&[1, 11, 45, 180, 600, 1_500]);
        self.told.push(format!("{minutes} min"));
        self.office.wait(Span::minutes(minutes));
        self.office.compose().await;
        self.office.hand_over_or_wait().await;
    }

    fn publish(&mut self) {
        for _ in 0..=self.dice.below(7) {
            let slug = format!("p{}", self.posts.len());
            let now = self.office.ctx.now();
            let date = *self.dice.one_of(&[now, now, now.plus(Span::hours(30)), now.minus(Span::days(2))]);
            let front = *self.dice.one_of(&["", "", "", "draft: true"]);
            self.told.push(format!("post {slug} dated {} {front}", date.rfc3339()));
            self.office.post_dated(&slug, date, front);
            self.posts.insert(slug.clone(), Some(format!("{slug}.md")));
        }
    }

    fn touch_up(&mut self) {
        let there: Vec<_> = self.posts.iter().filter_map(|(slug, path)| Some((slug.clone(), path.clone()?))).collect();
        if there.is_empty() {
            return;
        }
        let (slug, path) = self.dice.one_of(&there).clone();
        let moved = format!("moved/{slug}-{}.md", self.told.len());
        self.told.push(format!("move {path} to {moved}"));
        self.office.rename(&path, &moved);
        self.posts.insert(slug, Some(moved));
    }

    /// Takes a post back, or brings one back.
    fn waver(&mut self) {
        let all: Vec<_> = self.posts.iter().map(|(slug, path)| (slug.clone(), path.clone())).collect();
        if all.is_empty() {
            return;
        }
        let (slug, path) = self.dice.one_of(&all).clone();
        self.wavering.insert(slug.clone());
        self.told.push(format!("waver {slug} {path:?}"));
        if let Some(path) = &path {
            self.office.remove(path);
        } else {
            self.office.post(&slug);
        }
        let path = path.is_none().then(|| format!("{slug}.md"));
        self.posts.insert(slug, path);
    }

    async fn come(&mut self) {
        let (name, cadence) = (format!("r{}", self.readers.len()), self.cadence());
        self.told.push(format!("{name} comes, {cadence}"));
        let newest = self.office.join(&name, cadence).await.covered_until;
        self.readers.insert(name, newest);
    }

    fn cadence(&mut self) -> Cadence {
        *self.dice.one_of(&[Cadence::Each, Cadence::Daily, Cadence::Weekly])
    }

    fn reader(&mut self) -> String {
        let names: Vec<_> = self.readers.keys().cloned().collect();
        self.dice.one_of(&names).clone()
    }

    async fn change(&mut self) {
        let (name, cadence) = (self.reader(), self.cadence());
        self.told.push(format!("{name} wants {cadence}"));
        let id = self.office.subscription(&name).await.id;
        self.office.ctx.store.set_cadence(id, cadence).await.unwrap();
    }

    async fn leave_and_return(&mut self) {
        let name = self.reader();
        self.told.push(format!("{name} leaves and comes back"));
        self.office.leave(&name).await;
        self.office.come_back(&name).await;
    }

    fn another_relay(&mut self) {
        let lost = Act::HangUp.after_taking();
        let (word, script) = match self.dice.below(7) {
            0 => ("is down", Script::new().on(Step::Greeting, "", Act::HangUp)),
            1 => ("is busy", Script::new().first(3, Step::Rcpt, "", Act::say("450 4.2.0 later"))),
            2 => ("loses answers", Script::new().first(1, Step::Dot, "", lost)),
            3 => ("does not know us", Script::new().on(Step::Mail, "", Act::say("550 5.7.1 no"))),
            4 => ("knows no r1", Script::new().on(Step::Rcpt, "r1@", Act::say("550 5.1.1 no such user"))),
            _ => ("is well", Script::new()),
        };
        self.told.push(format!("the relay {word}"));
        self.office.sink.becomes(script.keyword("PIPELINING"));
    }

    async fn crash(&mut self) {
        self.told.push("crash".into());
        self.office.stop().await;
        let before = self.office.sink.connections();
        let doomed = self.office.start_doomed();
        self.office.compose().await;
        let office = &self.office;
        let is_begun = async || office.sink.connections() > before || office.books.due(office.ctx.now()).await == 0;
        office.until("it has begun", is_begun).await;
        Office::kill(doomed).await;
        self.office.start().await;
    }

    async fn approve(&mut self) {
        for edition in self.office.editions().await {
            if matches!(edition.state, State::Held | State::Paused) {
                self.told.push(format!("approve {}", edition.number));
                assert!(self.office.approve(edition.number).await);
            }
        }
    }

    async fn cancel(&mut self) {
        let number = i64::try_from(self.dice.below(8)).unwrap();
        if self.office.cancel(number).await {
            self.told.push(format!("cancel {number}"));
        }
    }

    /// Everything is put right, and time passes until the last slot has come.
    async fn end(mut self) {
        self.office.sink.becomes(Script::new());
        for _ in 0..40 {
            self.office.wait(Span::hours(8));
            self.office.compose().await;
            self.approve().await;
            self.office.hand_over_or_wait().await;
        }
        let given = self.office.books.given().await;
        let posts = self.office.ctx.store.public_posts(self.office.ctx.now()).await.unwrap();
        for (name, came) in &self.readers {
            if self.office.ctx.store.suppression(&address(name)).await.unwrap().is_some() {
                continue;
            }
            for post in posts.iter().filter(|post| post.mailable && post.seq.unwrap() > *came) {
                let title = &post.entry.title;
                let rows: Vec<_> = given.iter().filter(|(to, what, _)| to == name && what == title).collect();
                let is_told = rows.len() == 1
                    && matches!(rows[0].2, Row::Accepted | Row::Expired | Row::Uncertain | Row::Cancelled);
                let slug = title.trim_start_matches("About ");
                let excused = rows.is_empty() && self.wavering.contains(slug);
                assert!(is_told || excused, "{name} and {title}: {rows:?}");
            }
        }
        self.office.close().await;
    }
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_nobody_is_left_out_or_mailed_twice() {
    let last = std::env::var("POSTROOM_WALKS").map_or(3, |n| n.parse().unwrap());
    for seed in 1..=last {
        let mut walk = Walk::begin(seed).await;
        for _ in 0..30 {
            walk.step().await;
        }
        println!("seed {seed}: {:#?}", walk.told);
        walk.end().await;
    }
}
