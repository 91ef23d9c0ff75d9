//! What an author says of how a post is sent, kept everywhere: in feeds, on pages, in mail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use postroom::domain::Cadence;
use postroom::domain::time::Span;
use postroom::tasks::publish;

use super::office::{Office, Setup};
use crate::faultsink::Script;

/// A word that stands in no post but the hidden part of one.
const HIDDEN: &str = "xyzzyhidden";

/// A post dated now, with a text of its own.
fn post(office: &Office, slug: &str, front: &str, text: &str) {
    let front = format!("title: About {slug}\ndate: {}\n{front}", office.ctx.now().rfc3339());
    office.write(&format!("{slug}.md"), &front, text);
}

/// Everything at a public address: pages, feeds, and what `build` writes.
async fn public(office: &Office) -> BTreeMap<String, String> {
    publish::step(&office.ctx, &mut String::new(), office.ctx.now()).await.unwrap();
    let mut found = BTreeMap::new();
    let (mut waiting, mut seen) = (vec!["/".to_owned(), "/embed.js".into(), "/sitemap.xml".into()], BTreeSet::new());
    waiting.extend(office.ctx.site.all().keys().cloned());
    while let Some(path) = waiting.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let (status, body) = office.ask("GET", &format!("https://news.blog.test{path}"), "text/html", "").await;
        if status != 200 {
            continue;
        }
        let links =
            body.split(['"', '<', '>', ' ', '\n']).map(|word| word.trim_start_matches("https://news.blog.test"));
        waiting.extend(links.filter(|word| word.starts_with('/')).map(str::to_owned));
        found.insert(path, body);
    }
    // Addresses nobody links to can be guessed.
    for slug in ["open", "closed", "teased", "mailed", "fed", "old"] {
        let (status, body) = office.ask("GET", &format!("https://news.blog.test/posts/{slug}"), "text/html", "").await;
        found.insert(format!("/posts/{slug}"), if status == 200 { body } else { String::new() });
    }
    office.command(&["build", "--out", "out"]).await;
    let out = office.ctx.settings.archive.path.parent().unwrap().join("out");
    let mut folders = vec![out];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.path().display().to_string(), fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
    }
    found
}

/// Where a text stands at a public address.
fn places<'a>(public: &'a BTreeMap<String, String>, words: &str) -> Vec<&'a str> {
    public.iter().filter(|(_, body)| body.contains(words)).map(|(path, _)| path.as_str()).collect()
}

#[tokio::test]
async fn what_is_for_subscribers_reaches_them_whole_and_nobody_else() {
    for content in ["summary", "full", "titles"] {
        let mail = format!("content = \"{content}\"");
        let office = Office::set_up(Setup { mail: &mail, ..Setup::default() }).await;
        office.join("jane", Cadence::Daily).await;
        let closed = "access: subscribers\ntags: [secret things]";
        post(&office, "closed", closed, &format!("{HIDDEN} is all it says.\n\n## {HIDDEN}\n\n{HIDDEN} again."));
        post(&office, "teased", closed, &format!("A first word for everybody.\n\n<!--more-->\n\nThe {HIDDEN} rest."));
        post(&office, "open", "", "Open to all.");
        office.tick_at("2026-05-22 09:00").await;
        let mails = office.mails("jane");
        assert_eq!(mails[0].text.to_lowercase().matches(HIDDEN).count(), 4, "{content}: {}", mails[0].text);
        assert!(String::from_utf8_lossy(&mails[0].bytes).contains("/editions/1"));
        let public = public(&office).await;
        assert_eq!(places(&public, HIDDEN), [""; 0], "{content}");
        assert!(!places(&public, "About closed").is_empty() && public["/posts/closed"].contains("About closed"));
        assert!(public["/feed.xml"].contains("A first word for everybody."));
        assert!(public["/editions/1"].contains("About teased") && public["/editions/1"].contains("About open"));
        assert!(public["/topics/secret-things/feed.xml"].contains("About closed"));
        office.close().await;
    }
}

#[tokio::test]
async fn what_goes_by_mail_alone_is_on_no_address_not_even_its_title() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    post(&office, "mailed", "email_only: true\ntags: [whisper]", &format!("{HIDDEN} in mail."));
    office.tick_at("2026-05-19 09:00").await;
    let first = &office.mails("jane")[0];
    assert!(first.text.contains(HIDDEN) && first.subject.contains("About mailed"), "{}", first.text);
    assert!(!first.text.contains("/editions/1") && !first.text.contains("https://blog.test/"), "{}", first.text);
    // Together with another, which alone is on the edition's page.
    office.wait(Span::hours(1));
    post(&office, "open", "", "Open to all.");
    post(&office, "mailed", "email_only: true\ntags: [whisper]\nid: second", &format!("{HIDDEN} in mail."));
    office.tick_at("2026-05-20 09:00").await;
    let public = public(&office).await;
    for word in [HIDDEN, "About mailed", "whisper"] {
        assert_eq!(places(&public, word), [""; 0], "{word}");
    }
    assert!(!public.contains_key("/editions/1") && public["/editions/2"].contains("About open"));
    office.close().await;
}

#[tokio::test]
async fn what_is_not_for_mail_is_mailed_to_nobody() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    post(&office, "open", "newsletter: false", "On the web and in feeds.");
    post(&office, "fed", "feed_only: true", "In feeds.");
    office.tick_at("2026-05-20 09:00").await;
    assert!(office.mails("jane").is_empty() && office.editions().await.is_empty());
    let public = public(&office).await;
    assert!(public["/feed.xml"].contains("About fed") && public["/feed.xml"].contains("About open"));
    assert!(public["/archive"].contains("About open") && !public["/archive"].contains("About fed"));
    assert_eq!((public["/posts/fed"].as_str(), public["/posts/open"].contains("About open")), ("", true));
    let why = office.command(&["why", "jane@readers.test", "fed"]).await;
    assert!(why.contains("feed_only: true"), "{why}");
    office.close().await;
}

#[tokio::test]
async fn a_post_goes_to_the_newsletters_it_names() {
    let more = "[[newsletters]]\nid = \"posts\"\ntitle = \"Posts\"\n[[newsletters]]\nid = \"tech\"\ntitle = \"Tech\"\n\
                topics = [\"rust\"]\n";
    let office = Office::set_up(Setup { more, ..Setup::default() }).await;
    office.join_to("posts", &["jane"], Cadence::Daily).await;
    office.join_to("tech", &["joe"], Cadence::Daily).await;
    post(&office, "named", "newsletters: [tech]", "For one of them.");
    post(&office, "both", "newsletters: [tech, posts]\nemail_subject: Read this first", "For both.");
    post(&office, "astray", "newsletters: [technology]", "For nobody.");
    let told: Vec<_> = office.look().await.warnings.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("astray.md:4") && told[0].contains("`technology`"), "{told:?}");
    office.tick_at("2026-05-20 09:00").await;
    let text = |name: &str| office.mails(name)[0].text.clone();
    assert!(text("jane").contains("posts/both") || text("jane").to_lowercase().contains("about both"));
    assert!(!text("jane").to_lowercase().contains("about named") && text("joe").to_lowercase().contains("about named"));
    assert_eq!(office.mails("jane")[0].subject, "Read this first");
    assert!(!text("joe").to_lowercase().contains("astray"));
    office.close().await;
}

#[tokio::test]
async fn a_plan_and_a_check_tell_what_authors_say() {
    let office = Office::open(Script::new()).await;
    office.join("jane", Cadence::Daily).await;
    post(&office, "closed", "access: subscribers\nemail_subject: For you", "Words.");
    post(&office, "mailed", "email_only: true", "Words.");
    post(&office, "fed", "feed_only: true", "Words.");
    post(&office, "paid", "access: paid", "Words.");
    office.look().await;
    let plan = office.command(&["plan", "--at", "2026-05-19 12:00"]).await;
    assert!(plan.contains("About closed  for subscribers, subject: For you"), "{plan}");
    assert!(plan.contains("by mail only") && !plan.contains("About fed"), "{plan}");
    let check = office.answer(&["check"]).await;
    let counts = "1 in feeds only, 1 by mail only, 1 for subscribers";
    assert!(check.code == 1 && check.out.contains(counts), "{}", check.out);
    assert!(check.out.contains("not published: nobody can be meant by `access: paid`"), "{}", check.out);
    office.close().await;
}
