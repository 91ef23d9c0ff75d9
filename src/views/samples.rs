//! A sample of every mail, for previews and golden tests: each state a reader
//! can meet, with content of our own. The site's language is that of the words,
//! but for the samples of sites in others.

use std::sync::Arc;

use super::field::{Values, fill};
use super::mail::{self, Mail};
use super::model::{
    AlreadyMail, ConfirmMail, Content, EditionMail, Extent, GoodbyeMail, MovedMail, MovingMail, PostItem, ReadingMail,
    SiteModel, TestMail, WelcomeMail,
};
use super::style::{LOGOS, Logo, Sheets, Style};
use super::tokens::Accent;
use super::words::Words;
use crate::domain::Timestamp;
use crate::domain::cadence::Cadence;

/// One sample.
#[derive(Clone, Copy)]
pub struct Sample {
    /// File name and argument of `preview --sample`.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    render: fn(&Words) -> Mail,
}

impl Sample {
    /// The mail as it is frozen, personal fields still marks.
    pub fn frozen(&self, words: &Words) -> Mail {
        (self.render)(words)
    }

    /// The mail as one reader gets it.
    pub fn filled(&self, words: &Words) -> Mail {
        let mail = self.frozen(words);
        let values = values(words);
        Mail { html: fill(&mail.html, &values, true), text: fill(&mail.text, &values, false), ..mail }
    }
}

/// Every sample.
pub const SAMPLES: [Sample; 20] = [
    Sample { name: "digest", about: "five posts, summaries", render: |w| mail::edition(w, &digest(w)) },
    Sample { name: "full", about: "one post, full text", render: |w| mail::edition(w, &full(w)) },
    Sample { name: "one", about: "one post, summary", render: |w| mail::edition(w, &one(w)) },
    Sample { name: "titles", about: "titles only", render: |w| mail::edition(w, &titles(w)) },
    Sample { name: "branded", about: "the operator's logo and colours", render: |w| mail::edition(w, &branded(w)) },
    Sample { name: "ten", about: "ten posts of 40 words", render: |w| mail::edition(w, &many(w, 10)) },
    Sample { name: "sixty", about: "sixty posts", render: |w| mail::edition(w, &many(w, 60)) },
    Sample { name: "long-title", about: "a title longer than a line", render: |w| mail::edition(w, &long_title(w)) },
    Sample { name: "rtl", about: "a site read from right to left", render: |w| mail::edition(w, &rtl(w)) },
    Sample { name: "rtl-full", about: "a full post of that site", render: |w| mail::edition(w, &rtl_full(w)) },
    Sample { name: "mixed", about: "posts of both directions", render: |w| mail::edition(w, &mixed(w)) },
    Sample { name: "cjk", about: "Japanese", render: |w| mail::edition(w, &cjk(w)) },
    Sample { name: "confirm", about: "confirm your subscription", render: confirm },
    Sample { name: "already", about: "you are already subscribed", render: already },
    Sample { name: "welcome", about: "you are subscribed", render: welcome },
    Sample { name: "moving", about: "confirm your new address", render: moving },
    Sample { name: "moved", about: "your address was changed", render: moved },
    Sample { name: "goodbye", about: "you have left", render: goodbye },
    Sample { name: "reading", about: "a link to read on the web", render: reading },
    Sample { name: "test", about: "the operator's test", render: test },
];

/// The sample's reader, since 3 May 2025.
fn values(words: &Words) -> Values {
    let what = words.say("why.weekly", &[("newsletter", "Example Blog")]);
    let date = words.date(Timestamp(SLOT.0 - 384 * 86_400_000), site(words).zone);
    let slots = [("address", "jane@example.com"), ("date", date.as_str()), ("what", &what)];
    Values {
        why: words.say("why.confirmed", &slots),
        unsubscribe_url: format!("{}/unsubscribe", manage()),
        manage_url: manage(),
    }
}

fn manage() -> String {
    format!("https://news.example.org/s/{TOKEN}")
}

const TOKEN: &str = "AAAAAAAAAAcAaF4QwHq3v5xkq2mJr9bTn0Zc8dE";

/// Friday 22 May 2026, 09:00 in Berlin.
const SLOT: Timestamp = Timestamp(1_779_433_200_000);

fn site(words: &Words) -> SiteModel {
    SiteModel {
        title: "Example Blog".into(),
        url: "https://example.org".into(),
        public_url: "https://news.example.org".into(),
        language: words.language(),
        postal_address: Some("1 Example Street, Example City".into()),
        zone: chrono_tz::Europe::Berlin,
        style: Style::usual(),
    }
}

/// A post of `days` before the slot.
fn post(title: &str, slug: &str, days: i64, minutes: u32, summary: &str) -> PostItem {
    PostItem {
        subject: None,
        extent: Extent::AsWished,
        title: title.into(),
        url: format!("https://example.org/2026/05/{slug}/"),
        date: Timestamp(SLOT.0 - days * 86_400_000),
        minutes,
        summary: summary.into(),
        html: String::new(),
        language: Some("en".into()),
        authors: vec!["Jane Doe".into()],
        reply_url: Some(format!("mailto:jane@example.org?subject=Re%3A%20{slug}")),
        opens: None,
    }
}

fn edition(words: &Words, content: Content, posts: Vec<PostItem>) -> EditionMail {
    EditionMail {
        site: site(words),
        newsletter: "Example Blog".into(),
        number: 42,
        slot: SLOT,
        web_url: "https://news.example.org/editions/42".into(),
        content,
        posts,
    }
}

fn five() -> Vec<PostItem> {
    vec![
        post(
            "Borrow checker notes",
            "borrow-checker-notes",
            2,
            6,
            "Why two-phase borrows exist, and the three places they still surprise people who write iterators.",
        ),
        post(
            "What a lease is worth",
            "what-a-lease-is-worth",
            3,
            9,
            "A lock that ends by itself sounds like a free lunch. It is, as long as nobody believes they still hold \
             it. Notes on clocks, fencing numbers and the one pause that is always longer than you planned for.",
        ),
        post(
            "Reading the mail log like a novel",
            "mail-log",
            4,
            4,
            "Every line answers who, where and why. You only have to ask them in that order.",
        ),
        post(
            "A small table of large numbers",
            "large-numbers",
            5,
            2,
            "How long is a million seconds, how heavy is a gigabyte, and what fits into one round trip to the moon.",
        ),
        post(
            "The margin is part of the page",
            "margin",
            6,
            5,
            "On empty space, line lengths, and why sixteen pixels are not small any more.",
        ),
    ]
}

fn digest(words: &Words) -> EditionMail {
    edition(words, Content::Summary, five())
}

fn branded(words: &Words) -> EditionMail {
    let mut mail = digest(words);
    mail.posts.truncate(2);
    let accent = Accent { light: "#8b2942".into(), dark: "#f0a3b4".into() };
    let style = Style::new(&Sheets::default(), &accent).unwrap_or_default();
    let picture = LOGOS.first().map(|(path, _)| Logo::new(path, 480, 112));
    mail.site.style = Arc::new(Style { picture, ..style });
    mail
}

fn titles(words: &Words) -> EditionMail {
    edition(words, Content::Titles, five())
}

fn one(words: &Words) -> EditionMail {
    let mut posts = five();
    posts.truncate(1);
    posts[0].reply_url = Some("https://example.org/2026/05/borrow-checker-notes/#comments".into());
    edition(words, Content::Summary, posts)
}

fn full(words: &Words) -> EditionMail {
    let mut mail = one(words);
    mail.content = Content::Full;
    mail.posts[0].html = include_str!("../../templates/samples/post.html").into();
    mail
}

fn many(words: &Words, count: i64) -> EditionMail {
    let forty = "Forty words are what most people write when a form asks them for a summary, and so this one has \
                 exactly that many, neither more nor less, to show what an edition of this length weighs when it \
                 travels through the wires.";
    let posts = (1..=count)
        .map(|n| post(&format!("Post number {n} of a busy week"), &format!("busy-week-{n}"), n / 9, 5, forty))
        .collect();
    edition(words, Content::Summary, posts)
}

fn long_title(words: &Words) -> EditionMail {
    let mut posts = five();
    posts.truncate(2);
    posts[0].title = "On the surprising difficulty of naming a blog post so that it fits the subject of a mail, \
                      the title of a page and the tab of a browser without losing what it was about"
        .into();
    posts[0].authors = vec!["Jane Doe".into(), "Muhammad ibn Musa".into()];
    edition(words, Content::Summary, posts)
}

fn rtl_site(words: &Words, content: Content, posts: Vec<PostItem>) -> EditionMail {
    let mut mail = edition(words, content, posts);
    mail.site.title = "مدونة المثال".into();
    mail.newsletter = mail.site.title.clone();
    mail.site.language = "ar".into();
    mail.site.postal_address = Some("١ شارع المثال، مدينة المثال".into());
    mail
}

fn arabic() -> PostItem {
    let mut post = post(
        "كيف نقرأ سجل البريد",
        "mail-log-ar",
        2,
        4,
        "كل سطر يجيب عن ثلاثة أسئلة: من، وأين، ولماذا. ما عليك إلا أن تسأل بهذا الترتيب.",
    );
    post.authors = vec!["ليلى".into()];
    // Told by its letters.
    post.language = None;
    post
}

fn rtl(words: &Words) -> EditionMail {
    let mut second = arabic();
    second.title = "الهامش جزء من الصفحة".into();
    second.url = "https://example.org/2026/05/margin-ar/".into();
    second.summary = "عن الفراغ وطول السطر، ولماذا لم تعد ستة عشر بكسلًا صغيرة.".into();
    let mut latin = five().remove(0);
    latin.authors = arabic().authors;
    latin.language = None;
    rtl_site(words, Content::Summary, vec![arabic(), second, latin])
}

fn rtl_full(words: &Words) -> EditionMail {
    let mut post = arabic();
    post.html = include_str!("../../templates/samples/post-ar.html").into();
    rtl_site(words, Content::Full, vec![post])
}

fn mixed(words: &Words) -> EditionMail {
    let mut posts = five();
    posts.truncate(2);
    posts.insert(1, arabic());
    let mut hebrew =
        post("השוליים הם חלק מהעמוד", "margin-he", 3, 5, "על שטח ריק, אורך שורה, ומדוע שישה עשר פיקסלים כבר אינם מעט.");
    hebrew.language = Some("he".into());
    posts.push(hebrew);
    edition(words, Content::Summary, posts)
}

fn cjk(words: &Words) -> EditionMail {
    let mut mail = edition(
        words,
        Content::Summary,
        vec![
            post(
                "メールログを小説のように読む",
                "mail-log-ja",
                2,
                4,
                "どの行も「誰が、どこで、なぜ」に答えている。その順番で尋ねればよい。配送の記録は難しく見えるが、\
                 読み方さえ分かれば、これほど正直な文章はない。",
            ),
            post(
                "余白もページの一部である",
                "margin-ja",
                4,
                5,
                "空白と行の長さ、そして16ピクセルがもう小さくない理由について。",
            ),
        ],
    );
    mail.site.title = "例のブログ".into();
    mail.newsletter = mail.site.title.clone();
    mail.site.language = "ja".into();
    mail.posts.iter_mut().for_each(|post| post.language = None);
    mail.site.postal_address = None;
    mail
}

fn confirm(words: &Words) -> Mail {
    let mail = ConfirmMail {
        site: site(words),
        newsletter: "Example Blog".into(),
        cadence: Cadence::Weekly,
        confirm_url: format!("https://news.example.org/confirm/{TOKEN}"),
        valid_until: Timestamp(SLOT.0 + 7 * 86_400_000),
    };
    mail::confirm(words, &mail)
}

fn already(words: &Words) -> Mail {
    let mail = AlreadyMail {
        site: site(words),
        newsletter: "Example Blog".into(),
        cadence: Cadence::Weekly,
        manage_url: manage(),
    };
    mail::already(words, &mail)
}

fn welcome(words: &Words) -> Mail {
    let mail = WelcomeMail {
        site: site(words),
        newsletter: "Example Blog".into(),
        cadence: Cadence::Weekly,
        next: Some(SLOT),
        latest: Some(("Borrow checker notes and 4 more".into(), "https://news.example.org/editions/41".into())),
        manage_url: manage(),
        unsubscribe_url: values(words).unsubscribe_url,
    };
    mail::welcome(words, &mail)
}

fn moving(words: &Words) -> Mail {
    let move_url = format!("https://news.example.org/s/{TOKEN}/move");
    mail::moving(words, &MovingMail { site: site(words), move_url, valid_until: Timestamp(SLOT.0 + 7 * 86_400_000) })
}

fn moved(words: &Words) -> Mail {
    let (address, undo_url) = ("j***@example.net".into(), format!("https://news.example.org/s/{TOKEN}/back"));
    let undo_until = Timestamp(SLOT.0 + 7 * 86_400_000);
    mail::moved(words, &MovedMail { site: site(words), address, undo_url, undo_until })
}

fn reading(words: &Words) -> Mail {
    mail::reading(words, &ReadingMail { site: site(words), read_url: manage() + "/read" })
}

fn goodbye(words: &Words) -> Mail {
    let mail = GoodbyeMail {
        site: site(words),
        newsletter: "Example Blog".into(),
        unsubscribe_url: format!("{}/unsubscribe", manage()),
        undo_until: Timestamp(SLOT.0 + 7 * 86_400_000),
    };
    mail::goodbye(words, &mail)
}

fn test(words: &Words) -> Mail {
    mail::test(words, &TestMail { site: site(words), at: SLOT, relay: "127.0.0.1:2525".into() })
}
