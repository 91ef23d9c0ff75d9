//! Mails as their readers' programs meet them: held to looks that survive
//! every client, to a size no inbox cuts, and to golden files.

use std::collections::BTreeSet;

use postroom::views::body::markup::{Tag, Token, read};
use postroom::views::field::Field;
use postroom::views::mail::{self, MOST, Mail, encoded};
use postroom::views::model::{Content, EditionMail, PostItem, SiteModel};
use postroom::views::samples::{SAMPLES, Sample};
use postroom::views::style::Style;
use postroom::views::words::Words;
use postroom::views::wrap::{COLUMNS, columns};

use crate::golden::golden;

/// Every sample in every language: `digest`, `de/digest`.
fn each(check: impl Fn(&str, &Mail)) {
    for language in Words::languages() {
        for sample in SAMPLES {
            let name = if language == "en" { sample.name.to_owned() } else { format!("{language}/{}", sample.name) };
            check(&name, &sample.filled(&Words::of(language)));
        }
    }
}

fn sample(name: &str) -> Sample {
    *SAMPLES.iter().find(|sample| sample.name == name).unwrap()
}

fn tags(html: &str) -> Vec<Tag> {
    read(html)
        .into_iter()
        .filter_map(|token| match token {
            Token::Open(tag) => Some(tag),
            _ => None,
        })
        .collect()
}

fn unescape(value: &str) -> String {
    value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[test]
fn every_state_looks_as_it_was_last_looked_at() {
    each(|name, mail| {
        // The frame of a digest and a letter show what a language changes.
        if name.split_once('/').is_some_and(|(_, name)| !["digest", "confirm"].contains(&name)) {
            return;
        }
        // One tag a line, so that a difference can be read.
        golden(&format!("mail/{name}.html"), mail.html.replace('<', "\n<").trim_start().as_bytes());
        let text = format!("Subject: {}\nPreheader: {}\n\n{}", mail.subject, mail.preheader, mail.text);
        golden(&format!("mail/{name}.txt"), text.as_bytes());
    });
}

#[test]
fn both_parts_have_the_same_links() {
    each(|name, mail| {
        let html: BTreeSet<String> = tags(&mail.html)
            .iter()
            .filter_map(|tag| tag.get("href").filter(|url| !url.starts_with('#')).map(unescape))
            .collect();
        let text: BTreeSet<String> = mail
            .text
            .split_whitespace()
            .filter(|word| word.starts_with("https://") || word.starts_with("mailto:"))
            .map(str::to_owned)
            .collect();
        assert_eq!(html, text, "{name}");
    });
}

#[test]
fn a_screen_reader_finds_language_headings_and_words_for_pictures() {
    each(|name, mail| {
        let tags = tags(&mail.html);
        let levels: Vec<u8> =
            tags.iter().filter_map(|tag| tag.name.strip_prefix('h').and_then(|level| level.parse().ok())).collect();
        assert_eq!(levels.first(), Some(&1), "{name}: the first heading is the first level");
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{name}: one h1");
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{name}: {levels:?} skips a level");
        let both = |tag: &&Tag| tag.get("lang").is_some() && tag.get("dir").is_some();
        let whole = tags.iter().filter(|tag| tag.name == "html" || tag.get("role") == Some("article"));
        assert_eq!(whole.filter(both).count(), 2, "{name}: lang and dir on the root and on the article");
        assert!(tags.iter().filter(|tag| tag.name == "img").all(|tag| tag.get("alt").is_some()), "{name}");
        let tables = mail.html.split("<table").skip(1).map(|table| table.split("</table>").next().unwrap_or_default());
        for table in tables {
            let layout = !table.contains("<th");
            let marked = table.split('>').next().unwrap_or_default().contains(r#"role="presentation""#);
            assert_eq!(layout, marked, "{name}: {table:.200}");
        }
    });
}

/// What Apple Mail, Gmail, Outlook and Yahoo keep, or lose without harm
/// (caniemail, all of it "yes" or "partial" there).
const PROPERTIES: [&str; 43] = [
    "background",
    "border",
    "border-collapse",
    "border-color",
    "border-bottom",
    "border-left",
    "border-radius",
    "border-right",
    "border-top",
    "color",
    "color-scheme",
    "display",
    "font",
    "font-family",
    "font-size",
    "font-weight",
    "height",
    "line-height",
    "margin",
    "margin-top",
    "max-height",
    "max-width",
    "mso-font-width",
    "mso-hide",
    "mso-padding-alt",
    "mso-table-lspace",
    "mso-table-rspace",
    "mso-text-raise",
    "overflow",
    "padding",
    "padding-left",
    "padding-right",
    "padding-top",
    "supported-color-schemes",
    "text-align",
    "text-decoration",
    "text-decoration-color",
    "text-decoration-thickness",
    "text-underline-offset",
    "vertical-align",
    "-webkit-text-size-adjust",
    "white-space",
    "word-break",
];

#[test]
fn styles_use_only_what_clients_keep_and_nothing_is_set_too_small() {
    each(|name, mail| {
        let sheets = mail.html.split("<style>").skip(1).filter_map(|rest| rest.split("</style>").next());
        let rules: Vec<String> = sheets
            .flat_map(|sheet| sheet.split(['{', '}']).map(str::to_owned).collect::<Vec<_>>())
            .filter(|part| part.contains(':') && !part.contains('@') && !part.starts_with([':', '[', '.']))
            .collect();
        let inline: Vec<String> =
            tags(&mail.html).iter().filter_map(|tag| tag.get("style").map(str::to_owned)).collect();
        for declaration in
            rules.iter().chain(&inline).flat_map(|style| style.split(';')).filter(|d| !d.trim().is_empty())
        {
            let (property, value) = declaration.split_once(':').unwrap();
            assert!(PROPERTIES.contains(&property.trim()), "{name}: `{property}` is not kept by all clients");
            let size = value.trim().split("px").next().unwrap_or_default().parse::<u32>();
            if matches!(property.trim(), "font-size" | "font") {
                assert!(size.is_ok_and(|size| size == 0 || size >= 14), "{name}: {declaration}");
            }
        }
    });
}

#[test]
fn nothing_runs_nothing_is_fetched_but_pictures_and_no_personal_field_is_left() {
    each(|name, mail| {
        for wrong in ["<script", "<link", "<form", "<iframe", "url(", "@import", "javascript:", "data:"] {
            assert!(!mail.html.contains(wrong), "{name}: {wrong}");
        }
        for part in [&mail.subject, &mail.html, &mail.text] {
            assert!(part.chars().all(|c| !c.is_control() || c == '\n'), "{name}");
        }
        for tag in tags(&mail.html) {
            let url = tag.get("href").or(tag.get("src")).unwrap_or("#");
            let known = ["https://", "mailto:", "#"];
            assert!(known.iter().any(|scheme| url.starts_with(scheme)), "{name}: {url}");
        }
        let length = mail.subject.chars().count();
        assert!((10..=78).contains(&length), "{name}: subject of {length}");
        assert!(mail.preheader.chars().count() <= 140, "{name}");
    });
}

#[test]
fn text_stays_inside_72_columns_except_for_addresses_and_code() {
    each(|name, mail| {
        for line in mail
            .text
            .lines()
            .filter(|line| !line.contains("https://") && !line.contains("mailto:") && !line.starts_with("    "))
        {
            assert!(columns(line) <= COLUMNS, "{name}: {line}");
        }
        assert!(mail.text.ends_with('\n') && !mail.text.contains("\n\n\n"), "{name}");
    });
}

#[test]
fn sizes_are_far_from_where_inboxes_cut() {
    each(|name, mail| assert!(mail.encoded() < MOST && mail.shortened == 0 && mail.more == 0, "{name}"));
    for (name, most) in [("ten", 14_000), ("confirm", 5_000), ("already", 5_000), ("welcome", 6_000)] {
        let size = sample(name).filled(&Words::english()).encoded();
        assert!(size <= most, "{name} takes {size} of {most} bytes");
    }
}

fn large(posts: usize, summary: usize) -> EditionMail {
    let post = |n: usize| PostItem {
        subject: None,
        extent: Default::default(),
        title: format!("Post {n}"),
        url: format!("https://example.org/{n}"),
        date: postroom::domain::Timestamp(1_779_433_200_000),
        minutes: 3,
        summary: "word ".repeat(summary),
        html: "<p>word word word</p>".repeat(summary),
        language: None,
        authors: Vec::new(),
        reply_url: None,
        opens: None,
    };
    EditionMail {
        site: SiteModel {
            title: "Example Blog".into(),
            url: "https://example.org".into(),
            public_url: "https://news.example.org".into(),
            language: "en".into(),
            postal_address: None,
            zone: chrono_tz::UTC,
            style: Style::usual(),
        },
        newsletter: "Example Blog".into(),
        number: 1,
        slot: postroom::domain::Timestamp(1_779_433_200_000),
        web_url: "https://news.example.org/editions/1".into(),
        content: Content::Full,
        posts: (1..=posts).map(post).collect(),
    }
}

#[test]
fn an_edition_too_large_is_shortened_where_it_can_say_so() {
    let words = Words::english();
    // Full text that does not fit becomes its summary.
    let single = mail::edition(&words, &large(1, 5_000));
    assert_eq!((single.shortened, single.more), (1, 0));
    assert!(single.html.contains("word word") && single.encoded() <= MOST);
    // Long summaries become titles, and no more of them than needed.
    let long = mail::edition(&words, &large(50, 600));
    assert!(long.shortened > 5 && long.shortened < 45 && long.more == 0, "{} {}", long.shortened, long.more);
    assert!((80_000..=MOST).contains(&long.encoded()), "{}", long.encoded());
    // What is still too much stays on the web, and both parts say how much.
    let huge = mail::edition(&words, &large(1_000, 40));
    assert!(huge.more > 0 && (80_000..=MOST).contains(&huge.encoded()), "{} {}", huge.more, huge.encoded());
    assert!(huge.html.contains(&format!("{} more on the web", huge.more)), "{}", huge.more);
    assert!(huge.text.contains(&format!("{} more on the web:\nhttps://news.example.org/archive", huge.more)));
    assert_eq!(huge.subject, "Post 1 and 999 more");
}

#[test]
fn an_edition_opens_with_its_newsletters_name_and_names_the_site_when_that_is_another() {
    let words = Words::english();
    let mut one_of_two = large(2, 1);
    let opening = |mail: &EditionMail| {
        let html = mail::edition(&words, mail).html;
        html.split("</h2>").next().unwrap().split("<h1").nth(1).unwrap().to_owned()
    };
    assert!(opening(&one_of_two).contains(">Example Blog</h1>"));
    assert_eq!(opening(&one_of_two).matches("Example Blog").count(), 1);
    one_of_two.newsletter = "Radio Repairs".into();
    assert!(opening(&one_of_two).contains(">Radio Repairs</h1>"));
    assert!(opening(&one_of_two).contains(">Example Blog · Friday 22 May 2026 · edition 1 · <a"));
}

#[test]
fn no_content_can_forge_a_personal_field() {
    let words = Words::english();
    let marks: String = Field::ALL.iter().map(|field| field.mark()).collect();
    let forged = format!("{marks}&#x11;&#18;&#x13;");
    for (content, count) in [(Content::Full, 1), (Content::Summary, 3), (Content::Titles, 2)] {
        let plain = large(count, 2);
        let mut evil = large(count, 2);
        for text in [
            &mut evil.site.title,
            &mut evil.site.public_url,
            &mut evil.site.language,
            &mut evil.newsletter,
            &mut evil.web_url,
        ] {
            text.push_str(&marks);
        }
        evil.site.postal_address = Some(forged.clone());
        for post in &mut evil.posts {
            post.title.push_str(&forged);
            post.url.push_str(&marks);
            post.summary.push_str(&forged);
            post.html = format!(
                "<p title=\"{forged}\">{forged}<a href=\"https://e.org/{forged}\">{forged}</a><img alt=\"{forged}\" src=\"data:x\"></p><pre>{forged}</pre>"
            );
            post.authors = vec![forged.clone()];
            post.language = Some(forged.clone());
            post.reply_url = Some(format!("https://e.org/{forged}"));
        }
        let (plain, evil) = (EditionMail { content, ..plain }, EditionMail { content, ..evil });
        let (plain, evil) = (mail::edition(&words, &plain), mail::edition(&words, &evil));
        for (plain, evil) in [(&plain.html, &evil.html), (&plain.text, &evil.text)] {
            let fields = |part: &str| part.chars().filter(|c| c.is_control() && *c != '\n').collect::<String>();
            assert_eq!(fields(plain), marks);
            assert_eq!(fields(evil), marks, "{evil}");
        }
        assert!(!evil.subject.chars().any(char::is_control) && !evil.preheader.chars().any(char::is_control));
    }
}

#[test]
fn a_row_that_reads_the_other_way_says_so() {
    let html = sample("mixed").filled(&Words::english()).html;
    assert!(html.contains(r#"lang="und-Arab" dir="rtl" align="right""#), "guessed from its first letter");
    assert!(html.contains(r#"lang="he" dir="rtl" align="right""#), "said by its author");
    let html = sample("rtl").filled(&Words::english()).html;
    assert!(
        html.contains(r#"<html lang="ar" dir="rtl""#) && html.contains(r#"lang="und-Latn" dir="ltr" align="left""#)
    );
    let html = sample("rtl-full").filled(&Words::english()).html;
    let reply = html.split(">Leave a reply").next().unwrap().rsplit("<p ").next().unwrap();
    assert!(reply.contains(r#"lang="en" dir="ltr" align="right""#), "the link below an Arabic post: {reply}");
    let html = sample("rtl").filled(&Words::english()).html;
    // Our own words read their own way, at the side where the lines around them begin.
    assert!(html.contains(r#"lang="en" dir="ltr" align="right""#), "an English foot under an Arabic mail");
}

#[test]
fn the_encoded_size_is_that_of_the_smaller_encoding() {
    assert_eq!(encoded("plain"), 5);
    assert!(encoded(&"余白".repeat(1_000)) < 8_400, "base64 for text that is not Latin");
}
