use super::*;
use proptest::prelude::*;

fn rules() -> Rules {
    Rules {
        root: "posts".into(),
        include: Vec::new(),
        exclude: Vec::new(),
        permalink: Some("/{year}/{month}/{day}/{slug}/".into()),
        dialect: None,
        site_url: "https://example.org".into(),
        zone: chrono_tz::Europe::Berlin,
        language: "en".into(),
        newsletters: Vec::new(),
    }
}

fn try_read(path: &str, bytes: &[u8]) -> (Result<Entry, No>, Vec<String>) {
    let rules = rules();
    let addresses = Addresses::new(&rules.site_url, rules.permalink.as_deref(), rules.zone).unwrap();
    let kind = if path.ends_with("html") { Kind::Html } else { Kind::Markdown };
    let mut oddities = Vec::new();
    let source = Source { path, kind, beside_index: path.starts_with("bundle/"), bytes };
    let entry = super::read(
        source,
        Setting {
            rules: &rules,
            addresses: &addresses,
            site: &Site::of(std::path::Path::new("posts"), Some("plain")),
            files: &Files::default(),
        },
        &mut oddities,
    );
    (entry, oddities.into_iter().map(|flaw| flaw.reason).collect())
}

fn read(path: &str, text: &str) -> Entry {
    try_read(path, text.as_bytes()).0.unwrap()
}

fn broken(path: &str, bytes: &[u8]) -> (Option<u32>, String) {
    match try_read(path, bytes).0 {
        Err(No::Broken(flaw)) => (flaw.line, flaw.reason),
        other => panic!("{other:?}"),
    }
}

fn stranger(path: &str, text: &str) -> String {
    match try_read(path, text.as_bytes()).0 {
        Err(No::Stranger(flaw)) => flaw.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_post_is_read_whole() {
    let entry = read(
        "blog/2024-05-31-hello-world.md",
        "---\ntitle: Hello\ndate: 2024-06-01 09:00\nupdated: 2024-06-02\ntags: [Rust]\nauthor: Ann\nlang: de\n---\n\
         One [link](../x).\n\n## Part\n\nTwo.\n",
    );
    assert_eq!(entry.identity, "blog/hello-world");
    assert_eq!((entry.slug.as_str(), entry.title.as_str()), ("hello-world", "Hello"));
    assert_eq!(entry.url, "https://example.org/2024/06/01/hello-world/");
    assert_eq!(entry.date.rfc3339(), "2024-06-01T07:00:00Z");
    assert_eq!(entry.updated.unwrap().rfc3339(), "2024-06-01T22:00:00Z");
    assert_eq!(entry.summary, "One link. Two.");
    assert_eq!(
        entry.html,
        "<p>One <a href=\"https://example.org/2024/06/01/x\">link</a>.</p>\n<h2 id=\"part\">Part</h2>\n<p>Two.</p>\n"
    );
    assert_eq!((entry.words, entry.draft, entry.guid), (4, false, None));
    assert_eq!((entry.authors, entry.language.as_deref()), (vec!["Ann".to_owned()], Some("de")));
    assert_eq!(entry.topics[0].slug, "rust");
}

#[test]
fn the_same_bytes_have_the_same_hash_whatever_their_path() {
    let text = "---\ntitle: A\ndate: 2024-05-31\n---\n";
    assert_eq!(read("a.md", text).content_hash, read("b/c.md", text).content_hash);
    assert_ne!(read("a.md", text).content_hash, read("a.md", &format!("{text}x")).content_hash);
}

#[test]
fn bundles_take_the_name_of_their_folder() {
    let entry = read("2024-05-31-trip/index.md", "---\ntitle: A trip\n---\n![p](p.png)");
    assert_eq!((entry.identity.as_str(), entry.slug.as_str()), ("trip", "trip"));
    assert!(entry.html.contains("src=\"https://example.org/2024/05/31/trip/p.png\""));
}

#[test]
fn the_front_matter_overrides_what_the_path_says() {
    let entry = read("2024-05-31-a.md", "---\ntitle: A\nid: tag:example.org,2024:1\nslug: Other\n---\n");
    assert_eq!(
        (entry.identity.as_str(), entry.guid.as_deref()),
        ("tag:example.org,2024:1", Some("tag:example.org,2024:1"))
    );
    assert_eq!(entry.url, "https://example.org/2024/05/31/Other/");
    let entry = read("a.md", "+++\ntitle = \"A\"\npath = \"2018/01/03/b\"\n+++\n");
    assert_eq!(entry.url, "https://example.org/2018/01/03/b");
    assert_eq!(entry.date.rfc3339(), "2018-01-02T23:00:00Z");
}

#[test]
fn an_address_or_slug_that_cannot_be_followed_is_told_and_replaced() {
    let head = "---\ntitle: A\ndate: 2024-05-31\n";
    let (entry, oddities) = try_read("a.md", format!("{head}url: https://elsewhere.example/x\n---\n").as_bytes());
    assert_eq!(entry.unwrap().url, "https://example.org/2024/05/31/a/");
    assert_eq!(oddities.len(), 1);
    let (entry, oddities) = try_read("a.md", format!("{head}slug: /deep/er\n---\n").as_bytes());
    assert_eq!((entry.unwrap().slug.as_str(), oddities.len()), ("er", 1));
    assert!(broken("a.md", format!("{head}slug: '!!'\n---\n").as_bytes()).1.contains("slug"));
    assert_eq!(read("!!.md", &format!("{head}---\n")).slug, "a");
}

#[test]
fn a_text_without_front_matter_is_a_post_when_its_name_has_a_date() {
    let entry = read("2024-05-31-a.md", "# The title\n\nThe text.");
    assert_eq!((entry.title.as_str(), entry.html.as_str()), ("The title", "<p>The text.</p>\n"));
    assert_eq!(stranger("README.md", "# The title\n"), "no front matter, not a post");
    assert_eq!(stranger("2024-05-31-a.md", " \n"), "empty");
}

#[test]
fn what_a_post_must_have_is_asked_for() {
    assert_eq!(broken("a.md", b"---\ntitle: A\n---\n").1, "no date, in the front matter or in the file's name");
    assert_eq!(broken("a.md", b"---\ndate: 2024-05-31\n---\nText").1, "no title");
    assert_eq!(broken("a.md", b"---\ndate: 2024-05-31\ntitle: \"\\u202e \"\n---\nText").1, "no title");
    assert_eq!(broken("a.md", b"---\ntitle: A\ndate: 2024-02-30\n---\n").0, Some(3));
    assert_eq!(
        stranger("a.md", "---\ntitle: A\ndraft: true\n---\n"),
        "a draft without a date, left alone until it has one"
    );
    assert!(read("_drafts/a.md", "---\ntitle: A\ndate: 2024-05-31\n---\n").draft);
}

#[test]
fn a_long_title_is_cut_and_told() {
    let text = format!("---\ndate: 2024-05-31\ntitle: {}\n---\n", "long ".repeat(2_000));
    let (entry, oddities) = try_read("a.md", text.as_bytes());
    assert!(entry.unwrap().title.chars().count() <= 250);
    assert_eq!(oddities, ["the title is cut to 250 characters"]);
}

#[test]
fn the_summary_is_the_authors_else_the_part_before_more_else_the_first_paragraphs() {
    let head = "---\ntitle: A\ndate: 2024-05-31\n---\n";
    let said = "---\ntitle: A\ndate: 2024-05-31\nsummary: Said.\n---\n";
    assert_eq!(read("a.md", &format!("{said}One.\n\n<!--more-->\n\nTwo.")).summary, "Said.");
    assert_eq!(read("a.md", &format!("{head}One *two*.\n\nThree.\n\n<!--more-->\n\nFour.")).summary, "One two. Three.");
    assert_eq!(read("a.md", &format!("{head}One <!-- truncate --> two.")).summary, "One");
    assert_eq!(read("a.md", &format!("{head}`<!--more-->` is code.")).summary, "<!--more--> is code.");
    assert_eq!(read("a.md", &format!("{head}<!--more-->\n\nFour.")).summary, "Four.");
    assert_eq!(read("a.md", &format!("{head}One.")).summary, "One.");
}

#[test]
fn the_first_words_of_a_post_for_subscribers_are_no_summary() {
    let head = "---\ntitle: A\ndate: 2024-05-31\naccess: subscribers\n";
    assert_eq!(read("a.md", &format!("{head}---\nHidden.")).summary, "");
    assert_eq!(read("a.md", &format!("{head}---\nShown.\n\n<!--more-->\n\nHidden.")).summary, "Shown.");
    assert_eq!(read("a.md", &format!("{head}summary: Said.\n---\nHidden.")).summary, "Said.");
}

#[test]
fn html_is_read_with_and_without_front_matter() {
    let entry = read("a.html", "---\ntitle: A\ndate: 2024-05-31\n---\n<p onclick=x>One</p># two");
    assert_eq!(entry.html, "<p>One</p># two");
    let page =
        "<!DOCTYPE html><title>A &mdash; B</title><meta name=date content=2024-05-31><article><p>One</p></article>";
    let entry = read("a.html", page);
    assert_eq!((entry.date.rfc3339().as_str(), entry.html.as_str()), ("2024-05-30T22:00:00Z", "<p>One</p>"));
    assert_eq!(stranger("a.html", "<p>partial</p>"), "no title and no date, not a post");
}

#[test]
fn a_page_beside_an_index_file_is_a_part_of_that_post() {
    let page = "<title>A chart</title><meta name=date content=2024-05-31>";
    assert!(stranger("bundle/2024-05-31-chart.html", page).contains("part of that post"));
    assert_eq!(read("bundle/a.md", "---\ntitle: A\ndate: 2024-05-31\n---\n").identity, "bundle/a");
}

#[test]
fn tags_of_a_site_generator_are_told_unless_they_are_code() {
    let told = |body: &str| try_read("a.md", format!("---\ntitle: A\ndate: 2024-05-31\n---\n{body}").as_bytes()).1;
    let reason = "the template tag `{% post_url x %}` stands in the post as it is written";
    assert_eq!(told("See {% post_url x %} and {{ more }}."), [reason]);
    assert_eq!(told("A [link]({{site.url}}/x).").len(), 1);
    assert_eq!(told("`{{ code }}` and\n\n    {% code %}\n\nand { or %} alone"), [""; 0]);
}

#[test]
fn bom_and_crlf_are_accepted_and_what_is_no_text_is_named_with_its_line() {
    let entry = read("a.md", "\u{feff}---\r\ntitle: A\r\ndate: 2024-05-31\r\n---\r\n\r\nOne\r\ntwo");
    assert_eq!(entry.html, "<p>One\ntwo</p>\n");
    assert_eq!(broken("a.md", b"---\ntitle: \xff\n---\n").0, Some(2));
    assert_eq!(broken("a.md", b"---\ntitle: a\n---\n\0").0, Some(4));
    assert_eq!(broken("a.md", b"\xff\xfea\0").1, "the file is UTF-16");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_give_a_post_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..200), html in any::<bool>()) {
        let _ = try_read(if html { "2024-05-31-a.html" } else { "2024-05-31-a.md" }, &bytes);
    }

    #[test]
    fn any_text_under_a_good_head_gives_a_post_that_holds_what_entries_promise(
        title in "\\PC{1,20}", text in "([\\PC\u{1}\r\n]|\n\n|<[a-z]{1,5}>|[*_`\\[\\]()>#|!-]){0,80}", html in any::<bool>()
    ) {
        let path = if html { "a.html" } else { "a.md" };
        let source = format!("---\ntitle: 'T {}'\ndate: 2024-05-31\n---\n{text}", title.replace('\'', "''"));
        if let Ok(entry) = try_read(path, source.as_bytes()).0 {
            prop_assert!(entry.title.starts_with('T'));
            for line in [&entry.title, &entry.summary] {
                prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
            }
            prop_assert!(!entry.html.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            prop_assert!(url::Url::parse(&entry.url).is_ok());
        }
    }
}

#[test]
fn a_pattern_of_a_generator_is_no_address_where_none_is_known() {
    for written in ["pretty", "/news/:year/:title/", "'/{{ slug }}/'", "false"] {
        let text = format!("---\ntitle: A\ndate: 2024-05-31\npermalink: {written}\n---\nText.\n");
        let (entry, oddities) = try_read("a.md", text.as_bytes());
        assert_eq!(entry.unwrap().url, "https://example.org/2024/05/31/a/", "{written}");
        assert!(oddities.len() == 1 && oddities[0].starts_with("`permalink` is passed over: "), "{oddities:?}");
    }
}
