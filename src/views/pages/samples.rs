//! Every page with something in it, for previews and the tests that hold the
//! look: one name, one whole page.

use super::confirm::{Broken, Confirm, Welcome, broken, confirm, expired, welcome};
use super::data::{Data, data, erased};
use super::editions::{EditionLine, editions};
use super::faults::{Fault, fault};
use super::feeds::{About, FeedLine, Feeds, feeds};
use super::form::{Form, FormFault, Sent, sent, subscribe};
use super::frame::Site;
use super::moving::{self, Moving};
use super::posts::{PostLine, archive, ask_for_link, found, home, link_sent, post, shelf, year};
use super::preferences::{Preferences, TopicChoice, preferences};
use super::unsubscribe::{Leaving, Returned, done, returned, unsubscribe};
use crate::domain::Timestamp;
use crate::domain::cadence::{Cadence, When};
use crate::domain::newsletter::Newsletter;
use crate::domain::post::{Access, Entry, Post, Topic};
use crate::domain::time::Span;
use crate::views::words::Words;

const NOW: Timestamp = Timestamp(1_779_433_200_000); // Friday 22 May 2026, 09:00 in Berlin
const ADDRESS: &str = "j***@example.com";
const PATH: &str = "/s/TOKEN";

/// Every page as `(name, HTML)`.
pub fn all(words: &Words) -> Vec<(&'static str, String)> {
    let site = site(words);
    let Ok(newsletters) = newsletters() else { return Vec::new() };
    let (one, two) = (&newsletters[..1], &newsletters[..]);
    let mut pages = posts_and_feeds(&site, one);
    pages.extend(joining(&site, one, two));
    pages.extend(leaving(&site, &newsletters[0]));
    pages.extend(wrong(&site, one));
    pages
}

/// The same, each with the style sheet `css` inside and no icon, to be opened as files.
pub fn standalone(words: &Words, css: &str) -> Vec<(&'static str, String)> {
    let link = "<link rel=\"stylesheet\" href=\"/page.css\">";
    let icon = "<link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">";
    let style = format!("<style>{css}</style>");
    all(words).into_iter().map(|(name, html)| (name, html.replace(link, &style).replace(icon, ""))).collect()
}

/// The site of all samples.
pub fn site(words: &Words) -> Site<'_> {
    Site {
        words,
        title: "Example Blog",
        description: "Notes on programming languages, slow software and the repair of old radios.",
        language: "en",
        home: "https://example.org/",
        public_url: "https://news.example.org",
        postal_address: Some("Example Blog, 1 Example Street, Example City"),
        zone: chrono_tz::Europe::Berlin,
        now: NOW,
    }
}

/// The newsletters of the samples.
///
/// # Errors
/// None: their clock times are ours.
pub fn newsletters() -> Result<Vec<Newsletter>, String> {
    let newsletter = |id: &str, title: &str, description: &str| {
        Ok::<_, String>(Newsletter {
            id: id.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            cadences: Cadence::ALL.to_vec(),
            default_cadence: Cadence::Weekly,
            daily: When::parse(Cadence::Daily, "09:00")?,
            weekly: When::parse(Cadence::Weekly, "Fri 09:00")?,
            monthly: When::parse(Cadence::Monthly, "1 09:00")?,
            zone: chrono_tz::Europe::Berlin,
            topics: Vec::new(),
            approval: false,
            settle: Span::minutes(10),
        })
    };
    Ok(vec![
        newsletter("blog", "Example Blog", "Notes on programming languages, slow software and old radios.")?,
        newsletter("radio", "The Radio Bench", "Only the repairs, with pictures and part numbers.")?,
    ])
}

fn posts_and_feeds(site: &Site<'_>, one: &[Newsletter]) -> Vec<(&'static str, String)> {
    let posts = posts();
    let lines = feed_lines(site);
    let topics = [("Radio repair".to_owned(), "/topics/radio-repair".to_owned())];
    let past = past_editions();
    vec![
        ("home", home(site, &posts[..5], &Form::new(one)).into_string()),
        ("home-empty", home(site, &[], &Form::new(one)).into_string()),
        ("archive", archive(site, &posts, &topics).into_string()),
        ("archive-empty", archive(site, &[], &[]).into_string()),
        ("year", year(site, &posts, 2026).unwrap_or_default().into_string()),
        ("topic", shelf(site, "Radio repair", &posts[..3], "/topics/radio-repair").into_string()),
        ("search", found(site, "linker", &posts[2..3]).into_string()),
        ("search-empty", found(site, "sextant", &[]).into_string()),
        (
            "post",
            post(site, &whole_post(), true, Some("https://example.org/borrow-checker-notes/#respond"), &Form::new(one))
                .into_string(),
        ),
        ("post-for-subscribers", post(site, &whole_post(), false, None, &Form::new(one)).into_string()),
        ("post-link", ask_for_link(site, "borrow-checker-notes").into_string()),
        ("post-link-sent", link_sent(site).into_string()),
        ("editions", editions(site, &past).into_string()),
        ("editions-empty", editions(site, &[]).into_string()),
        (
            "feeds",
            feeds(site, &Feeds { lines: &lines, full_text: true, opml: "https://news.example.org/feeds.opml" })
                .into_string(),
        ),
    ]
}

fn feed_lines(site: &Site<'_>) -> Vec<FeedLine> {
    let addresses = |folder: &str| {
        [("RSS", "feed.xml"), ("Atom", "atom.xml"), ("JSON Feed", "feed.json")]
            .map(|(name, file)| (name, format!("{}/{folder}{file}", site.public_url)))
            .to_vec()
    };
    let feed = |about: About, folder: &str| {
        let summaries =
            if matches!(about, About::Editions(_)) { Vec::new() } else { addresses(&format!("{folder}summary/")) };
        FeedLine { about, latest: Some(NOW), addresses: addresses(folder), summaries }
    };
    vec![
        feed(About::Posts, ""),
        feed(About::Topic("Rust".to_owned()), "topics/rust/"),
        feed(About::Topic("Radio repair".to_owned()), "topics/radio-repair/"),
        feed(About::Author("Jane Miller".to_owned()), "authors/jane-miller/"),
        feed(About::Editions("The Radio Bench".to_owned()), "editions/radio/"),
    ]
}

fn languages() -> Vec<(String, String)> {
    Words::languages().filter_map(Words::shipped).map(|words| (words.language(), words.language_name())).collect()
}

fn joining(site: &Site<'_>, one: &[Newsletter], two: &[Newsletter]) -> Vec<(&'static str, String)> {
    let faults = [FormFault::Email("an address has an @ in it".to_owned())];
    let wrong = Form { email: "jane.example.com", faults: &faults, ..Form::new(one) };
    let many = [
        FormFault::Email("an address has an @ in it".to_owned()),
        FormFault::Newsletter,
        FormFault::Cadence { newsletter: two[1].title.clone() },
    ];
    let all_wrong = Form { faults: &many, ..Form::new(two) };
    let mail = Sent { from: "Example Blog <news@example.org>", language: None };
    let languages = languages();
    let question = |is_known, is_wrong| Confirm {
        address: ADDRESS,
        newsletter: &one[0],
        cadence: Cadence::Weekly,
        action: "/confirm/TOKEN",
        is_known,
        is_wrong,
    };
    let latest = past_editions().into_iter().next();
    let in_now = Welcome {
        address: ADDRESS,
        newsletter: &one[0],
        cadence: Cadence::Weekly,
        manage: Some(PATH),
        latest: latest.as_ref(),
    };
    vec![
        ("subscribe", subscribe(site, &Form::new(one), &languages).into_string()),
        ("subscribe-several", subscribe(site, &Form::new(two), &languages).into_string()),
        ("subscribe-fault", subscribe(site, &wrong, &languages).into_string()),
        ("subscribe-faults", subscribe(site, &all_wrong, &languages).into_string()),
        ("sent", sent(site, &mail).into_string()),
        ("confirm", confirm(site, &question(true, false)).into_string()),
        ("confirm-elsewhere", confirm(site, &question(false, false)).into_string()),
        ("confirm-wrong", confirm(site, &question(false, true)).into_string()),
        ("welcome", welcome(site, &in_now).into_string()),
    ]
}

fn leaving(site: &Site<'_>, newsletter: &Newsletter) -> Vec<(&'static str, String)> {
    let leave = Leaving { address: ADDRESS, newsletter, less: Some(Cadence::Monthly), path: PATH };
    let own = [("RSS", "feed.xml"), ("Atom", "atom.xml"), ("JSON Feed", "feed.json")]
        .map(|(name, file)| (name, format!("{}/private/TOKEN/{file}", site.public_url)));
    let topic = |name: &str, chosen| TopicChoice { slug: name.to_lowercase(), name: name.to_owned(), chosen };
    let topics = [topic("Compilers", false), topic("Radio repair", true), topic("Rust", false)];
    let languages = languages();
    let choices = |saved, no_day| Preferences {
        address: ADDRESS,
        newsletter,
        cadence: Cadence::Weekly,
        paused: None,
        topics: &topics,
        languages: &languages,
        since: Some(NOW.minus(Span::days(400))),
        saved,
        no_day,
        no_address: None,
        not_theirs: None,
        action: PATH,
        leave: "/s/TOKEN/unsubscribe",
        own_feed: saved.then_some(&own[..]),
    };
    let paused = Preferences { paused: Some(NOW.plus(Span::days(30))), topics: &[], ..choices(true, false) };
    let no_address = Preferences { no_address: Some(("jane@", "an address has an @ in it")), ..choices(false, false) };
    let to_move = |is_wrong| Moving { old: ADDRESS, new: "j***@example.net", action: PATH, is_known: false, is_wrong };
    let back = |less| Returned { address: ADDRESS, newsletter, cadence: Cadence::Monthly, less };
    vec![
        ("preferences", preferences(site, &choices(false, false)).into_string()),
        ("preferences-saved", preferences(site, &choices(true, false)).into_string()),
        ("preferences-paused", preferences(site, &paused).into_string()),
        ("preferences-no-address", preferences(site, &no_address).into_string()),
        ("moving-sent", moving::sent(site, "j***@example.net").into_string()),
        ("moving", moving::question(site, &to_move(false)).into_string()),
        ("moving-wrong", moving::question(site, &to_move(true)).into_string()),
        ("moving-held", moving::held(site, NOW.plus(Span::days(7))).into_string()),
        ("moved", moving::done(site, "j***@example.net", PATH).into_string()),
        ("data", data(site, &Data { address: ADDRESS, path: PATH, is_wrong: false }).into_string()),
        ("data-wrong", data(site, &Data { address: ADDRESS, path: PATH, is_wrong: true }).into_string()),
        ("erased", erased(site).into_string()),
        ("preferences-no-day", preferences(site, &choices(false, true)).into_string()),
        ("unsubscribe", unsubscribe(site, &leave).into_string()),
        ("unsubscribed", done(site, &leave, Some(NOW.plus(Span::days(7)))).into_string()),
        ("unsubscribed-long-ago", done(site, &leave, None).into_string()),
        ("returned", returned(site, &back(false)).into_string()),
        ("less-often", returned(site, &back(true)).into_string()),
    ]
}

fn wrong(site: &Site<'_>, one: &[Newsletter]) -> Vec<(&'static str, String)> {
    let again = Form::new(one);
    let broken = |why| broken(site, why, &again).into_string();
    let page = |model: Fault| fault(site, &model).into_string();
    vec![
        ("link-expired", expired(site, false, "/confirm/TOKEN/again").into_string()),
        ("link-damaged", broken(Broken::Damaged)),
        ("link-ended", broken(Broken::Ended)),
        ("undo-too-late", broken(Broken::TooLate)),
        ("fault-400", page(Fault::Garbled)),
        ("fault-404", page(Fault::Unknown)),
        ("fault-405", page(Fault::Method)),
        ("fault-408", page(Fault::Slow)),
        ("fault-410-post", page(Fault::PostRemoved)),
        ("fault-410-edition", page(Fault::EditionCancelled)),
        ("fault-413", page(Fault::TooLarge)),
        ("fault-415", page(Fault::Kind)),
        ("fault-429", page(Fault::TooMany(12))),
        ("fault-500", page(Fault::Broken)),
        ("fault-503", page(Fault::Unavailable)),
    ]
}

fn past_editions() -> Vec<EditionLine> {
    let line = |number, subject: &str, weeks: i64| EditionLine {
        number,
        subject: subject.to_owned(),
        newsletter: "Example Blog".to_owned(),
        sealed: NOW.minus(Span::days(weeks * 7)),
    };
    vec![
        line(42, "Borrow checker notes and 4 more", 0),
        line(41, "A capacitor that lied", 1),
        line(40, "What the linker knows, and when it forgets it, and why nobody noticed for nine years", 2),
        line(9, "The first winter", 28),
    ]
}

fn posts() -> Vec<PostLine> {
    let line = |title: &str, days, language: Option<&str>| PostLine {
        title: title.to_owned(),
        url: format!("https://example.org/{}/", crate::domain::post::slugify(title)),
        date: NOW.minus(Span::days(days)),
        language: language.map(str::to_owned),
        minutes: 6,
    };
    vec![
        line("Borrow checker notes", 2, None),
        line("A capacitor that lied", 9, None),
        line("What the linker knows, and when it forgets it, and why nobody noticed for nine years", 15, None),
        line("مذكرات عن إصلاح الراديو القديم", 30, Some("ar")),
        line("Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung", 44, Some("de")),
        line("The first winter", 190, None),
        line("Why this blog has no comments", 400, None),
    ]
}

const HTML: &str = r##"<p>Two-phase borrows let <code>vec.push(vec.len())</code> compile. They still surprise people who write iterators, and there are three places where that happens.<sup><a href="#fn1" id="ref1">1</a></sup></p>
<h2>The first place</h2>
<pre><code>fn longest&lt;'a&gt;(left: &amp;'a str, right: &amp;'a str) -&gt; &amp;'a str { if left.len() &gt; right.len() { left } else { right } }
</code></pre>
<blockquote><p>A borrow is a promise, and the checker has a long memory.</p></blockquote>
<table><thead><tr><th>Form</th><th align="right">Accepted since</th><th>Remark</th></tr></thead><tbody><tr><td>two-phase</td><td align="right">1.31</td><td>only autoref</td></tr><tr><td>reservations</td><td align="right">1.36</td><td>with a warning</td></tr></tbody></table>
<ul><li>Read the error from below.</li><li>Name the lifetime.</li></ul>
<p>See <a href="https://example.org/2026/05/linker/">what the linker knows</a> for the rest.</p>
<hr><ol><li id="fn1"><p>The count is disputed. <a href="#ref1">Back</a></p></li></ol>"##;

fn whole_post() -> Post {
    let entry = Entry {
        identity: "borrow-checker-notes".to_owned(),
        guid: None,
        path: "2026-05-20-borrow-checker-notes.md".to_owned(),
        content_hash: [0; 32],
        title: "Borrow checker notes".to_owned(),
        slug: "borrow-checker-notes".to_owned(),
        url: "https://example.org/2026/05/borrow-checker-notes/".to_owned(),
        date: NOW.minus(Span::days(2)),
        updated: None,
        expires: None,
        draft: false,
        summary: "Why two-phase borrows exist, and the three places they still surprise people.".to_owned(),
        html: HTML.to_owned(),
        topics: ["Rust", "Compilers"].iter().filter_map(|name| Topic::named(name)).collect(),
        authors: vec!["Jane Example".to_owned()],
        language: None,
        words: 1_400,
        access: Access::Public,
        send: Default::default(),
        media: Vec::new(),
    };
    Post {
        id: 1,
        seq: Some(1),
        feed_id: entry.url.clone(),
        mailable: true,
        public_since: Some(entry.date),
        edited: None,
        entry,
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::STYLES;
    use super::*;

    #[test]
    fn every_page_is_whole_works_without_script_and_shows_nothing_of_another_site() {
        let pages = all(&Words::english());
        assert!(pages.len() > 30);
        for (name, html) in pages {
            for once in ["<!DOCTYPE html>", "<html lang=\"en\" dir=\"ltr\">", "<h1", "<main id=\"main\">", "<title>"] {
                assert_eq!(html.matches(once).count(), 1, "{name}: {once}");
            }
            for never in ["<script", "style=\"", "onclick", "javascript:", "autofocus", "placeholder", "{", ">page."] {
                assert!(!html.contains(never) || (name == "post" && never == "{"), "{name}: {never}");
            }
            for source in ["src=\"", "srcset=", "@import", "<iframe"] {
                assert!(!html.contains(source), "{name}: {source}");
            }
        }
    }

    #[test]
    fn a_page_that_stands_alone_has_its_looks_in_it() {
        for (name, html) in standalone(&Words::english(), &crate::views::tokens::fill(STYLES)) {
            assert!(html.contains("<style>/* The pages") && !html.contains("page.css"), "{name}");
            assert!(!html.contains("icon.svg"), "{name}");
        }
    }

    #[test]
    fn headings_never_skip_a_level() {
        for (name, html) in all(&Words::english()) {
            let levels: Vec<u8> = html
                .match_indices("<h")
                .filter_map(|(at, _)| html.as_bytes().get(at + 2))
                .copied()
                .filter(u8::is_ascii_digit)
                .map(|digit| digit - b'0')
                .collect();
            assert_eq!(levels.first(), Some(&1), "{name}");
            assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{name}: {levels:?}");
        }
    }

    #[test]
    fn every_field_has_a_label_and_every_fault_points_to_its_field() {
        for (name, html) in all(&Words::english()) {
            for field in ["email", "website"] {
                if html.contains(&format!("id=\"{field}\"")) {
                    assert!(html.contains(&format!("<label for=\"{field}\"")), "{name}: {field}");
                }
            }
            for (at, _) in html.match_indices("aria-describedby=\"") {
                for id in html[at..].split('"').nth(1).unwrap().split(' ') {
                    assert!(html.contains(&format!("id=\"{id}\"")), "{name}: {id}");
                }
            }
            for (at, _) in html.match_indices("href=\"#") {
                let id = html[at + 7..].split('"').next().unwrap();
                assert!(html.contains(&format!("id=\"{id}\"")), "{name}: #{id}");
            }
        }
    }
}
