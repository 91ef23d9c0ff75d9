//! Feeds from the outside: exact bytes of small feeds, and what no post may do
//! to them.

use std::collections::HashMap;
use std::sync::Arc;

use atom_syndication::TextType;
use postroom::domain::post::{Access, Media, Topic};
use postroom::domain::{Entry, Post, Timestamp};
use postroom::feeds::{
    ArchivePage, Asset, Before, Catalogue, Channel, FORMATS, Masthead, Place, STYLESHEET, Sent, publish,
};

use proptest::prelude::*;

use crate::golden::golden;

/// Thursday, 1 January 2026, 09:05:07.250 UTC.
const NEW_YEAR: Timestamp = Timestamp(1_767_258_307_250);
const DAY: i64 = 86_400_000;

fn post(id: i64, title: &str) -> Post {
    let entry = Entry {
        identity: format!("post-{id}"),
        guid: None,
        path: format!("post-{id}.md"),
        content_hash: [0; 32],
        title: title.into(),
        slug: format!("post-{id}"),
        url: format!("https://blog.example/post-{id}/"),
        date: Timestamp(NEW_YEAR.0 + (id - 1) * DAY),
        updated: None,
        expires: None,
        draft: false,
        summary: format!("What post {id} is about."),
        html: format!("<p>Post <em>{id}</em>.</p>"),
        topics: Vec::new(),
        authors: Vec::new(),
        language: None,
        words: 2,
        access: Access::Public,
        send: Default::default(),
        media: Vec::new(),
    };
    Post {
        id,
        seq: Some(id),
        feed_id: format!("tag:blog.example,2026:post-{id}"),
        mailable: true,
        public_since: Some(entry.date),
        edited: None,
        entry,
    }
}

/// Three posts with everything a feed can show, newest first: a plain one whose
/// address is its id; one with markup in its words, authors, topics, an edit
/// and its own language; one for subscribers without a summary.
fn three() -> Vec<Post> {
    let mut rich = post(2, "Why `a<b>` & \"c\" </b> &amp; ]]> fail");
    rich.edited = Some(Timestamp(rich.entry.date.0 + DAY));
    rich.entry.summary = "Is 1 < 2 && 3 > 2? &nbsp; ]]>".into();
    rich.entry.html = "<p>1 &lt; 2 &amp;&amp; <code>a]]&gt;b]]>c</code></p>\n<p>ذهب — 日本 🦀</p>".into();
    rich.entry.topics = [Topic::named("C & C++"), Topic::named("Größe")].into_iter().flatten().collect();
    rich.entry.authors = vec!["Ann O'Nym".into(), "Bo <bo>".into()];
    rich.entry.media = vec![
        media("https://blog.example/cover.png?a=1&b=\"2\"", "image/png", None, None),
        media("https://blog.example/größe.mp3", "audio/mpeg", Some(12_345), Some(61)),
        media("https://blog.example/talk.webm", "video/webm", None, None),
    ];
    rich.entry.language = Some("ar".into());
    rich.entry.url = "https://blog.example/größe?a=1&b=\"2\"".into();
    let mut closed = post(1, "For subscribers");
    closed.entry.access = Access::Subscribers;
    closed.entry.summary = String::new();
    closed.entry.media = vec![media("https://blog.example/secret.mp3", "audio/mpeg", None, None)];
    let mut plain = post(3, "Plain");
    plain.feed_id = plain.entry.url.clone();
    vec![plain, rich, closed]
}

fn media(url: &str, kind: &str, bytes: Option<u64>, seconds: Option<u32>) -> Media {
    Media { url: url.into(), kind: kind.into(), bytes, seconds }
}

fn channel(file: &str) -> Channel {
    Channel {
        title: "Example & Sons".into(),
        description: "Notes on <everything>".into(),
        language: "en-GB".into(),
        site: "Example & Sons".into(),
        author: None,
        id: format!("https://old.example/{file}"),
        feed_url: format!("https://news.example/{file}"),
        page_url: "https://blog.example".into(),
        stylesheet: "/feed.css".into(),
        full_text: true,
        for_subscribers: false,
        place: Place { current: None, previous: Some(format!("https://news.example/archive/2/{file}")), next: None },
        hubs: vec!["https://hub.example/?a=1&b=2".into()],
        updated: Timestamp(NEW_YEAR.0 + 3 * DAY),
    }
}

fn masthead() -> Masthead {
    Masthead {
        title: "Example".into(),
        description: "Notes".into(),
        language: "en".into(),
        author: Some("Ann".into()),
        site_url: "https://blog.example/".into(),
        public_url: "https://news.example/letters/".into(),
        full_text: true,
        hubs: Vec::new(),
        items: 0,
        stylesheet: STYLESHEET.into(),
    }
}

/// Every format of the same posts, as text.
fn render(change: impl Fn(&mut Channel), posts: &[Post]) -> Vec<String> {
    let posts: Vec<&Post> = posts.iter().collect();
    let one = |format: &postroom::feeds::Format| {
        let mut channel = channel(format.file);
        change(&mut channel);
        String::from_utf8((format.render)(&channel, &posts).unwrap()).unwrap()
    };
    FORMATS.iter().map(one).collect()
}

fn published(masthead: &Masthead, posts: &[Post], previous: &HashMap<String, Asset>) -> HashMap<String, Asset> {
    let stamps = previous.iter().map(|(path, file)| (path.clone(), file.stamp())).collect();
    let before = Before { assets: Arc::new(previous.clone()), stamps, now: Timestamp(0) };
    publish(masthead, &catalogue(posts), &before).unwrap().into_iter().collect()
}

fn catalogue(posts: &[Post]) -> Catalogue {
    let sent = Sent {
        number: 7,
        newsletter: "letters".into(),
        cadence: "weekly".into(),
        subject: "Plain & 2 more".into(),
        sealed: Timestamp(NEW_YEAR.0 + DAY),
        posts: vec![("Plain".into(), "https://blog.example/post-3/".into(), None)],
    };
    let newsletters = [("letters".to_owned(), "The Letters".to_owned())];
    Catalogue::of(posts.to_vec(), &[sent], &newsletters, "https://news.example/letters")
}

fn text<'a>(site: &'a HashMap<String, Asset>, path: &str) -> &'a str {
    std::str::from_utf8(&site[path].body).unwrap()
}

#[test]
fn every_format_writes_exactly_these_bytes() {
    let variants = [("full", true, three()), ("summaries", false, three()), ("empty", true, Vec::new())];
    for (name, full_text, posts) in variants {
        for (format, written) in FORMATS.iter().zip(render(|channel| channel.full_text = full_text, &posts)) {
            golden(&format!("feeds/{name}/{}", format.file), written.as_bytes());
        }
    }
}

#[test]
fn a_post_for_subscribers_never_shows_its_body_in_a_feed() {
    let mut secret = post(1, "Secret");
    secret.entry.access = Access::Subscribers;
    secret.entry.html = "<p>the whole story</p>".into();
    secret.entry.media = vec![media("https://blog.example/whole.mp3", "audio/mpeg", None, None)];
    for written in render(|_| (), &[secret.clone()]) {
        assert!(written.contains("What post 1 is about."), "{written}");
        assert!(!written.contains("whole story") && !written.contains("whole.mp3"), "{written}");
    }
    for written in render(|channel| channel.for_subscribers = true, &[secret]) {
        assert!(written.contains("whole story") && written.contains("whole.mp3"), "{written}");
    }
}

#[test]
fn control_characters_and_noncharacters_of_a_post_reach_no_feed() {
    let bad = "x\0\u{1}\u{b}\u{1b}\u{7f}\u{85}\u{fdd0}\u{fdd1}\u{fffe}\u{ffff}\ry";
    let mut post = post(1, bad);
    post.feed_id = format!("tag:{bad}");
    let entry = &mut post.entry;
    (entry.summary, entry.html, entry.language) = (bad.into(), format!("<p>{bad}</p>"), Some(bad.into()));
    entry.authors = vec![bad.into()];
    entry.topics = vec![Topic { slug: bad.into(), name: bad.into() }];
    let everywhere = |channel: &mut Channel| {
        (channel.title, channel.description, channel.site) = (bad.into(), bad.into(), bad.into());
        (channel.language, channel.author, channel.stylesheet) = (bad.into(), Some(bad.into()), bad.into());
    };
    for written in render(everywhere, &[post]) {
        let found: Vec<char> = written.chars().filter(|c| !" \n".contains(*c) && bad.contains(*c)).collect();
        assert!(found.iter().all(|c| "xy".contains(*c)), "{found:?}");
        assert!(!written.contains("\\u00"), "{written}");
    }
}

/// Words as a hostile author would choose them: markup, its ends, references, and any character there is.
fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof!["[<>&;#x\"' a-b]{1,4}", "]]>|<!\\[CDATA\\[|&amp;|&#x41;|</b>|\\?>|--", any::<String>()];
    prop::collection::vec(piece, 1..5).prop_map(|pieces| format!("x{}x", pieces.concat()))
}

fn without_forbidden(text: &str) -> String {
    let forbidden = |c: char| {
        let discouraged = c.is_control() && !matches!(c, '\t' | '\n');
        discouraged || matches!(u32::from(c), 0xFDD0..=0xFDEF) || u32::from(c) & 0xFFFE == 0xFFFE
    };
    text.chars().filter(|c| !forbidden(*c)).collect()
}

fn unescaped(html: &str) -> String {
    html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_a_post_says_a_parser_reads_back(title in words(), summary in words(), html in words()) {
        let mut post = post(1, &title);
        (post.entry.summary, post.entry.html) = (summary.clone(), html.clone());
        let expected = [&title, &summary, &html].map(|text| without_forbidden(text));
        let written = render(|_| (), &[post]);

        let item = rss::Channel::read_from(written[0].as_bytes()).unwrap().items.remove(0);
        let description = unescaped(&item.description.unwrap());
        prop_assert_eq!(&[item.title.unwrap(), description, item.content.unwrap()], &expected);

        let entry = atom_syndication::Feed::read_from(written[1].as_bytes()).unwrap().entries.remove(0);
        let plain = |text: atom_syndication::Text| match text.r#type {
            TextType::Html => unescaped(&text.value),
            _ => text.value,
        };
        let content = entry.content.unwrap().value.unwrap();
        prop_assert_eq!(&[plain(entry.title), plain(entry.summary.unwrap()), content], &expected);

        let json: serde_json::Value = serde_json::from_str(&written[2]).unwrap();
        let item = ["title", "summary", "content_html"].map(|key| json["items"][0][key].as_str().unwrap().to_owned());
        prop_assert_eq!(&item, &expected);
    }
}

#[test]
fn the_same_posts_in_any_order_give_the_same_bytes() {
    let (mut posts, nothing) = (three(), HashMap::new());
    let first = published(&masthead(), &posts, &nothing);
    posts.reverse();
    assert_eq!(published(&masthead(), &posts, &nothing), first);
}

#[test]
fn each_topic_author_and_newsletter_has_its_own_feeds_under_a_decoded_path_and_an_encoded_address() {
    let site = published(&masthead(), &three(), &HashMap::new());
    let mut paths: Vec<&str> = site.keys().map(String::as_str).collect();
    paths.sort_unstable();
    let lists = ["/feed.css", "/feeds.opml", "/sitemap.xml", "/editions/letters/feed.xml"];
    let mut expected: Vec<String> = lists.map(str::to_owned).to_vec();
    expected.extend(["/editions/letters/atom.xml", "/editions/letters/feed.json"].map(str::to_owned));
    for folder in ["", "/topics/c-c-plus-plus", "/topics/größe", "/authors/ann-onym", "/authors/bo-bo"] {
        for folder in [folder.to_owned(), format!("{folder}/summary")] {
            expected.extend(FORMATS.iter().map(|format| format!("{folder}/{}", format.file)));
        }
    }
    expected.sort_unstable();
    assert_eq!(paths, expected);
    for format in FORMATS {
        let written = text(&site, &format!("/topics/größe/{}", format.file));
        let own = format!("https://news.example/letters/topics/gr%C3%B6%C3%9Fe/{}", format.file);
        assert!(written.contains(&own) && written.contains("Example: Größe"), "{written}");
        assert!(!written.contains("Plain"), "posts of other topics stay out: {written}");
    }
    assert!(text(&site, "/topics/größe/feed.xml").contains("href=\"/letters/feed.css\""));
}

#[test]
fn a_feed_holds_the_newest_posts_up_to_its_limit() {
    let posts: Vec<Post> = (1..=5).map(|id| post(id, &format!("Title {id}"))).collect();
    for (items, shown) in [(2, 2), (5, 5), (9, 5), (0, 5)] {
        let site = published(&Masthead { items, ..masthead() }, &posts, &HashMap::new());
        for format in FORMATS {
            let written = text(&site, &format!("/{}", format.file));
            let found: Vec<i64> = (1..=5).filter(|id| written.contains(&format!("Title {id}"))).collect();
            assert_eq!(found, ((6 - shown)..=5).collect::<Vec<_>>(), "{} of {items}", format.file);
        }
    }
}

#[test]
fn validators_change_exactly_when_the_bytes_do() {
    let mut posts = three();
    let first = published(&masthead(), &posts, &HashMap::new());
    let again = published(&masthead(), &posts, &first);
    assert_eq!(first, again);

    posts[1].entry.html = "<p>corrected</p>".into();
    posts[1].edited = Some(Timestamp(NEW_YEAR.0 + 9 * DAY));
    let edited = published(&masthead(), &posts, &first);
    for (path, asset) in &edited {
        let untouched = path == "/feed.css" || path == "/feeds.opml" || path.starts_with("/editions/");
        assert_eq!(asset.etag == first[path].etag, untouched, "{path}");
        assert_eq!(asset.modified == first[path].modified, untouched, "{path}");
    }

    posts.remove(1);
    let removed = published(&masthead(), &posts, &edited);
    assert!(removed["/feed.xml"].modified > edited["/feed.xml"].modified, "a reader by date only sees the removal");
}

#[test]
fn whatever_changes_in_a_post_every_feed_is_as_if_it_were_made_for_the_first_time() {
    let (masthead, then) = (masthead(), three());
    let first = published(&masthead, &then, &HashMap::new());
    let changes: [fn(&mut Post); 9] = [
        |post| post.entry.html.push_str("<p>More.</p>"),
        |post| post.entry.title.push('!'),
        |post| post.entry.summary.push('!'),
        |post| post.entry.url.push('x'),
        |post| post.entry.authors.push("Eve".into()),
        |post| post.entry.topics.clear(),
        |post| post.entry.access = Access::Subscribers,
        |post| post.edited = Some(Timestamp(NEW_YEAR.0 + 9 * DAY)),
        |post| post.entry.media.clear(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut now = then.clone();
        now.iter_mut().for_each(change);
        let (again, anew) = (published(&masthead, &now, &first), published(&masthead, &now, &HashMap::new()));
        assert_eq!(again.len(), anew.len());
        for (path, asset) in again {
            assert_eq!((&asset.body, &asset.links), (&anew[&path].body, &anew[&path].links), "change {number}: {path}");
        }
    }
}

#[test]
fn a_post_published_with_an_old_date_makes_the_feed_newer() {
    let first = published(&masthead(), &[post(3, "New")], &HashMap::new());
    let mut late = post(1, "Found in a drawer");
    late.public_since = Some(Timestamp(NEW_YEAR.0 + 30 * DAY));
    let then = published(&masthead(), &[post(3, "New"), late], &HashMap::new());
    assert!(then["/atom.xml"].modified > first["/atom.xml"].modified);
}

#[test]
fn a_feed_and_its_archive_hold_every_post_and_full_pages_stay_as_they_are() {
    let masthead = Masthead { items: 3, ..masthead() };
    let mut posts: Vec<Post> = (1..=8).map(|id| post(id, &format!("Title {id}"))).collect();
    let page = |posts: &[Post], path: &str| {
        let catalogue = catalogue(posts);
        let page = ArchivePage::at(&masthead, &catalogue, path)?;
        let items: Vec<&Post> = page.items.iter().map(|&item| &catalogue.items[item]).collect();
        let asset = page.render(&masthead, &items, "https://old.example/atom.xml").unwrap();
        Some(String::from_utf8(asset.body.to_vec()).unwrap())
    };
    let titles = |text: &str| (1..=9).filter(|id| text.contains(&format!("Title {id}"))).collect::<Vec<i64>>();
    let before = ["/archive/1/atom.xml", "/archive/2/atom.xml", "/archive/3/atom.xml"].map(|path| page(&posts, path));
    let found: Vec<_> = before.iter().map(|text| text.as_deref().map(titles)).collect();
    assert_eq!(found, [Some(vec![1, 2, 3]), Some(vec![4, 5, 6]), None]);
    let current = published(&masthead, &posts, &HashMap::new());
    assert_eq!(titles(text(&current, "/atom.xml")), [6, 7, 8]);
    assert!(
        text(&current, "/atom.xml")
            .contains("href=\"https://news.example/letters/archive/2/atom.xml\" rel=\"prev-archive\"")
    );
    assert!(
        text(&current, "/feed.json").contains("\"next_url\": \"https://news.example/letters/archive/2/feed.json\"")
    );
    // Found in a drawer: the newest to become public, the oldest by its date.
    let mut late = post(9, "Title 9");
    late.entry.date = Timestamp(NEW_YEAR.0 - DAY);
    posts.push(late);
    posts.push(post(10, "Ten"));
    let current = published(&masthead, &posts, &HashMap::new());
    assert_eq!(titles(text(&current, "/feed.xml")), [7, 8], "with the tenth");
    assert_eq!(page(&posts, "/archive/3/feed.xml").as_deref().map(titles), Some(vec![7, 8, 9]));
    let after = ["/archive/1/atom.xml", "/archive/2/atom.xml"].map(|path| page(&posts, path).unwrap());
    assert_eq!(before[0].as_ref(), Some(&after[0]), "a full page with two neighbours never changes");
    let second = &after[1];
    for link in [
        "https://news.example/letters/atom.xml\" rel=\"current\"",
        "/letters/archive/3/atom.xml\" rel=\"next-archive\"",
    ] {
        assert!(second.contains(link), "{second}");
    }
    assert!(
        second.contains("</generator>\n <fh:archive/>\n") && second.contains("<id>https://old.example/atom.xml</id>"),
        "{second}"
    );
    for wrong in
        ["/archive/0/atom.xml", "/archive/04/atom.xml", "/archive/4/atom.xml", "/archive/1/x.xml", "/archive/atom.xml"]
    {
        assert_eq!(page(&posts, wrong), None, "{wrong}");
    }
    let catalogue = catalogue(&posts);
    let paths: Vec<String> = ArchivePage::all(&masthead, &catalogue).iter().map(ArchivePage::path).collect();
    assert!(paths.len() == 18 && paths.iter().all(|path| page(&posts, path).is_some()), "{paths:?}");
}

#[test]
fn a_feed_that_moves_keeps_its_id_and_tells_its_new_address_and_its_hubs() {
    let hubs = vec!["https://hub.example/".to_owned()];
    let first = published(&masthead(), &three(), &HashMap::new());
    let moved = Masthead { public_url: "https://elsewhere.example".into(), hubs, ..masthead() };
    let then = published(&moved, &three(), &first);
    let atom = text(&then, "/atom.xml");
    assert!(atom.contains("<id>https://news.example/letters/atom.xml</id>"), "{atom}");
    assert!(atom.contains("href=\"https://elsewhere.example/atom.xml\" rel=\"self\""), "{atom}");
    let headers = then["/atom.xml"].answer("GET", None, None, None).headers;
    let link = headers.iter().find(|(name, _)| *name == "link").map(|(_, value)| &**value);
    let expected = "<https://elsewhere.example/atom.xml>; rel=\"self\", <https://hub.example/>; rel=\"hub\"";
    assert_eq!(link, Some(expected));
}

#[test]
fn the_lists_name_every_feed_and_every_page_that_is_no_copy() {
    let site = published(&masthead(), &three(), &HashMap::new());
    let (opml, sitemap) = (text(&site, "/feeds.opml"), text(&site, "/sitemap.xml"));
    for feed in
        ["/feed.xml", "/topics/gr%C3%B6%C3%9Fe/feed.xml", "/authors/ann-onym/feed.xml", "/editions/letters/feed.xml"]
    {
        assert!(opml.contains(&format!("xmlUrl=\"https://news.example/letters{feed}\"")), "{opml}");
    }
    for page in ["/", "/archive", "/editions/7", "/topics/c-c-plus-plus"] {
        assert!(sitemap.contains(&format!("<loc>https://news.example/letters{page}</loc>")), "{sitemap}");
    }
    assert!(!sitemap.contains("/s/") && !sitemap.contains("/posts/"), "{sitemap}");
    let mut own = post(9, "Größe");
    own.entry.slug = "größe".into();
    own.entry.url = "https://news.example/letters/posts/gr%C3%B6%C3%9Fe/".into();
    let site = published(&masthead(), &[own], &HashMap::new());
    let page = "<loc>https://news.example/letters/posts/gr%C3%B6%C3%9Fe</loc>";
    assert!(text(&site, "/sitemap.xml").contains(page), "{}", text(&site, "/sitemap.xml"));
}

#[test]
fn a_feed_that_never_had_anything_says_since_when_there_are_feeds() {
    let newsletters = [("none".to_owned(), "None".to_owned())];
    let catalogue = Catalogue::of(three(), &[], &newsletters, "https://news.example");
    let before = Before { assets: Arc::default(), stamps: HashMap::new(), now: Timestamp(0) };
    let site: HashMap<String, Asset> = publish(&masthead(), &catalogue, &before).unwrap().into_iter().collect();
    let first = three().iter().filter_map(|post| post.public_since).min().unwrap().rfc3339();
    let updated = format!("<updated>{}", first.trim_end_matches('Z').trim_end_matches("+00:00"));
    assert!(text(&site, "/editions/none/atom.xml").contains(&updated));
}
