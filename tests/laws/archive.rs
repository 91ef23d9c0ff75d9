//! What an archive gives, whatever its files and feeds hold: titles that are a line, and HTML in which nothing acts.

use std::collections::HashMap;
use std::fs;

use postroom::archive::remote::{self, Fetched};
use postroom::archive::{Archive, DIALECTS, Rules};
use postroom::domain::{Entry, Timestamp};

/// Long after every file was written.
const LATER: Timestamp = Timestamp(4_000_000_000_000);
const SITE: &str = "https://blog.example";

/// Where generators look for posts, in the order of [`DIALECTS`].
const FOLDERS: [&str; 9] =
    ["content/posts", "source/_posts", "_posts", "content/blog", "posts", "src/content/blog", "content", "blog", "."];
const ENDINGS: [&str; 3] = ["md", "html", "mdx"];

fn rules(root: &str, dialect: usize) -> Rules {
    Rules {
        root: root.into(),
        include: Vec::new(),
        exclude: Vec::new(),
        permalink: None,
        dialect: Some(DIALECTS[dialect].to_owned()),
        site_url: SITE.into(),
        zone: chrono_tz::UTC,
        language: "en".into(),
        newsletters: Vec::new(),
    }
}

/// A file of these bytes, but for the first, which tells its generator and its kind. Panics when the law is broken.
pub fn post_holds(input: &[u8]) {
    let Some((how, bytes)) = input.split_first() else { return };
    let (dialect, ending) = (usize::from(*how) % DIALECTS.len(), ENDINGS[usize::from(*how) / DIALECTS.len() % 3]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FOLDERS[dialect]).join(format!("2024-05-31-post.{ending}"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();
    let archive = Archive::new(rules(folder.path().to_str().unwrap(), dialect)).unwrap();
    let Ok(scan) = archive.scan(&HashMap::new(), LATER) else { return };
    assert!(scan.read.len() + scan.held.len() <= 1);
    assert!(scan.held.len() <= scan.faults.len() + scan.warnings.len(), "a file is held without a word");
    for read in &scan.read {
        is_fit(&read.entry);
        let html = read.entry.html.trim();
        assert_eq!(cleaned(html, &read.entry.url), html, "cleaned twice");
    }
    for fault in scan.faults.iter().chain(&scan.warnings) {
        assert!(!fault.reason.is_empty() && !fault.reason.contains('\n'), "{fault:?}");
    }
}

/// A feed of these bytes. Panics when the law is broken.
pub fn feed_holds(input: &[u8]) {
    let Ok(feed) = read(input, "https://blog.example/feed") else { return };
    assert!(feed.len() <= 1_000);
    feed.iter().for_each(is_fit);
    let paths: std::collections::HashSet<_> = feed.iter().map(|entry| &entry.path).collect();
    assert_eq!(paths.len(), feed.len(), "two entries are one post");
}

/// The HTML of somebody else's post. Panics when the law is broken.
pub fn html_holds(input: &[u8]) {
    let html = String::from_utf8_lossy(input);
    let html = html.trim();
    let clean = cleaned(html, "https://blog.example/post/");
    is_harmless(&clean);
    assert_eq!(cleaned(&clean, "https://blog.example/post/"), clean, "cleaned twice");
    // What needs no parser and what does are cleaned in two ways; the empty element, which goes, asks for the second.
    let other = cleaned(&format!("<font></font>{html}"), "https://blog.example/post/");
    assert_eq!(other, clean, "one way and the other");
}

fn read(body: &[u8], url: &str) -> Result<Vec<Entry>, postroom::domain::Fault> {
    let fetched = Fetched { source: url, url, body };
    Ok(remote::read(fetched, &rules("posts", 8), &HashMap::new(), LATER)?.entries)
}

/// What is kept of the HTML of a post with this address, without blanks around it.
fn cleaned(html: &str, url: &str) -> String {
    let feed = serde_json::json!({
        "version": "https://jsonfeed.org/version/1.1", "title": "B", "home_page_url": SITE,
        "items": [{"id": url, "url": url, "title": "P", "content_html": html}],
    });
    let entry = read(feed.to_string().as_bytes(), url).unwrap().pop();
    entry.map_or_else(|| html.to_owned(), |entry| entry.html).trim().to_owned()
}

fn is_fit(entry: &Entry) {
    assert!(!entry.title.trim().is_empty() && entry.title.chars().count() <= 250, "{:?}", entry.title);
    for line in [&entry.title, &entry.summary, &entry.slug, &entry.url] {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    assert!(entry.url.starts_with("http://") || entry.url.starts_with("https://"), "{}", entry.url);
    is_harmless(&entry.html);
}

/// Tags that may stand in a post, and nothing else that begins with `<`.
const TAGS: &str = " a abbr address article aside b bdi bdo blockquote br caption cite code col colgroup dd del details \
    dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li mark ol p pre q rp rt ruby s \
    samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr ";

/// Read as no parser would that is lenient: each `<` begins a tag that is known, written in full.
fn is_harmless(html: &str) {
    assert!(html.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{html:?}");
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("a tag without an end: {html:?}"));
        assert!(!text.contains('>'), "{html:?}");
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.strip_prefix('/').unwrap_or(name);
        assert!(!name.is_empty() && TAGS.contains(&format!(" {name} ")), "<{name}>: {html:?}");
        let mut rest = attributes;
        while !rest.is_empty() {
            let (attribute, value) = rest.trim_start().split_once("=\"").unwrap();
            assert!(!attribute.starts_with("on") && attribute != "style", "{html:?}");
            let (value, after) = value.split_once('"').unwrap();
            let schemes = ["http://", "https://", "http:", "https:", "mailto:", "sms:", "tel:", "xmpp:"];
            let value = value.trim().to_ascii_lowercase();
            let leads = matches!(attribute, "href" | "src");
            assert!(!leads || schemes.iter().any(|scheme| value.starts_with(scheme)), "{value}: {html:?}");
            rest = after;
        }
    }
}
