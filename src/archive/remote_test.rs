use super::*;

const NOW: Timestamp = Timestamp(1_779_433_200_000);
const SOURCE: &str = "https://blog.example/feed";

fn rules() -> Rules {
    Rules {
        root: "posts".into(),
        include: Vec::new(),
        exclude: Vec::new(),
        permalink: None,
        dialect: None,
        site_url: "https://blog.example".into(),
        zone: chrono_tz::UTC,
        language: "en".into(),
        newsletters: Vec::new(),
    }
}

fn of(body: &str) -> Result<Remote, Fault> {
    of_bytes(body.as_bytes())
}

fn of_bytes(body: &[u8]) -> Result<Remote, Fault> {
    read(Fetched { source: SOURCE, url: SOURCE, body }, &rules(), &HashMap::new(), NOW)
}

fn rss(items: &str) -> String {
    format!(
        "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\">\
         <channel><title>B</title><link>https://blog.example/</link><description>d</description>{items}</channel></rss>"
    )
}

#[test]
fn every_kind_of_feed_gives_the_same_post() {
    let feeds = [
        rss("<item><title>One &amp;amp; two</title><link>https://blog.example/one/</link><guid>https://blog.example/?p=1</guid>\
            <pubDate>Fri, 22 May 2026 07:00:00 +0000</pubDate><category>C++</category>\
            <content:encoded><![CDATA[<p>Text <a href=\"/x\">x</a></p><script>bad()</script>]]></content:encoded></item>"),
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"><id>urn:x</id><title>B</title><updated>2026-05-22T07:00:00Z</updated>\
         <entry><id>https://blog.example/?p=1</id><title type=\"html\">One &amp;amp; two</title>\
         <link href=\"/one/\"/><updated>2026-05-22T07:00:00Z</updated><published>2026-05-22T07:00:00Z</published>\
         <category term=\"C++\"/><content type=\"html\">&lt;p&gt;Text &lt;a href=\"/x\"&gt;x&lt;/a&gt;&lt;/p&gt;&lt;script&gt;bad()&lt;/script&gt;</content>\
         </entry></feed>".to_owned(),
        "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"B\",\"items\":[{\"id\":\"https://blog.example/?p=1\",\
         \"url\":\"https://blog.example/one/\",\"title\":\"One & two\",\"date_published\":\"2026-05-22T07:00:00Z\",\"tags\":[\"C++\"],\
         \"content_html\":\"<p>Text <a href=\\\"/x\\\">x</a></p><script>bad()</script>\"}]}".to_owned(),
    ];
    for feed in feeds {
        let remote = of(&feed).unwrap();
        let [entry] = &remote.entries[..] else { panic!("{feed}: {remote:?}") };
        assert_eq!(entry.title, "One & two", "{feed}");
        assert_eq!((entry.url.as_str(), entry.slug.as_str()), ("https://blog.example/one/", "one"), "{feed}");
        assert_eq!(entry.identity, "https://blog.example/?p=1", "{feed}");
        assert_eq!(entry.date, NOW, "{feed}");
        assert_eq!(entry.topics[0].slug, "c-plus-plus", "{feed}");
        assert!(entry.html.starts_with("<p>Text <a href=\"https://blog.example/x\""), "{}", entry.html);
        assert!(!entry.html.contains("script"), "{}", entry.html);
        assert!(is_from(&entry.path, SOURCE) && is_remote(&entry.path), "{}", entry.path);
    }
}

#[test]
fn an_entry_keeps_who_it_is_and_when_it_came_whatever_its_feed_leaves_out() {
    let items = "<item><title>A</title><link>https://blog.example/a</link></item>\
        <item><guid isPermaLink=\"false\">7</guid><description>Only a few words here.</description></item>\
        <item><guid isPermaLink=\"false\">8</guid><title>Same id</title></item>\
        <item><guid isPermaLink=\"false\">8</guid><title>Other post</title></item><item/>";
    let first = of(&rss(items)).unwrap();
    let titles: Vec<_> = first.entries.iter().map(|entry| entry.title.as_str()).collect();
    assert_eq!(titles, ["A", "Only a few words here.", "Same id", "Other post"]);
    assert_eq!(first.warnings.len(), 1, "{:?}", first.warnings);
    let dates = first.entries.iter().map(|entry| (entry.path.clone(), entry.date)).collect();
    let fetched = Fetched { source: SOURCE, url: SOURCE, body: rss(items).as_bytes() }.body.to_vec();
    let fetched = Fetched { source: SOURCE, url: "https://elsewhere.example/feed", body: &fetched };
    let later = read(fetched, &rules(), &dates, Timestamp(NOW.0 + 1_000_000)).unwrap();
    let who = |remote: &Remote| {
        remote.entries.iter().map(|e| (e.path.clone(), e.identity.clone(), e.date)).collect::<Vec<_>>()
    };
    assert_eq!(who(&first), who(&later));
    let identities: HashSet<_> = who(&first).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(identities.len(), 4);
}

#[test]
fn episodes_come_with_their_files() {
    let items = "<item><title>E</title><enclosure url=\"https://blog.example/e.mp3\" length=\"123\" type=\"audio/mpeg\"/></item>";
    let remote = of(&rss(items)).unwrap();
    let expected =
        Media { url: "https://blog.example/e.mp3".into(), kind: "audio/mpeg".into(), bytes: Some(123), seconds: None };
    assert_eq!(remote.entries[0].media, [expected]);
}

#[test]
fn what_is_no_feed_is_said_to_be_that_and_where_the_feed_may_be() {
    let page = "<!DOCTYPE html><html><head><link rel=alternate type=\"application/rss+xml\" href=\"/index.xml\"></head>Log in</html>";
    let fault = of(page).unwrap_err();
    assert!(fault.reason.contains("web page"), "{fault}");
    assert_eq!(fault.help.as_deref(), Some("its feed seems to be https://blog.example/index.xml"));
    for garbage in ["", "hello", "{\"a\":1}", "<rss version=\"2.0\"><channel><item><title>cut o", "<x/>", "\0\0"] {
        assert!(of(garbage).is_err(), "{garbage}");
    }
    let mut latin = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><rss version=\"2.0\"><channel><title>x</title>\
        <link>https://blog.example/</link><description>d</description><item><title>Gr\xfc\xdfe</title></item></channel></rss>".to_vec();
    assert_eq!(of_bytes(&latin).unwrap().entries[0].title, "Grüße");
    latin.truncate(60);
    assert!(of_bytes(&latin).is_err());
}

#[test]
fn an_entity_bomb_stays_small() {
    let mut dtd = String::from("<!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\">");
    for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        dtd.push_str(&format!("<!ENTITY {to} \"{}\">", format!("&{from};").repeat(10)));
    }
    let bomb = format!("{dtd}]>{}", rss("<item><title>&i;</title></item>"));
    if let Ok(remote) = of(&bomb) {
        assert!(remote.entries.iter().all(|entry| entry.title.len() < 1_000));
    }
}

#[test]
fn an_encoding_that_is_named_late_or_twice_ends_no_program() {
    let feed = rss("<item><guid>1</guid><title>P</title><description>a</description></item>");
    let late = format!("{}<?xml version=\"1.0\" encoding=\"windows-1251\"?>{feed}", "\n".repeat(60));
    assert_eq!(of(&late).unwrap().entries[0].title, "P");
    let twice = feed.replace("<item>", "<?xml version=\"1.0\" encoding=\"utf-16\"?><item>");
    assert_eq!(of(&twice).unwrap().entries[0].title, "P");
    let greek = [b"<?xml version='1.0' encoding='ISO-8859-7'?>", feed.replace('P', "\u{1}").as_bytes()].concat();
    let greek: Vec<u8> = greek.iter().map(|b| if *b == 1 { 0xd0 } else { *b }).collect();
    assert_eq!(of_bytes(&greek).unwrap().entries[0].title, "Π");
}

#[test]
fn of_a_feed_without_end_the_first_thousand_entries_are_taken() {
    let items: String = (0..1_500).map(|n| format!("<item><guid>{n}</guid><title>P{n}</title></item>")).collect();
    let read = of(&rss(&items)).unwrap();
    assert_eq!((read.entries.len(), &*read.entries[999].title), (1_000, "P999"));
}
