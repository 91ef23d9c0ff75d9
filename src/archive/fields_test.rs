use super::*;
use crate::archive::front;
use chrono_tz::Europe::Berlin;

fn said(yaml: &str) -> (Fields, Vec<String>) {
    let (matter, _) = front::split(&format!("---\n{yaml}\n---\n")).unwrap().unwrap();
    let mut oddities = Vec::new();
    let fields = read(&matter, Berlin, &Habits::default(), &mut oddities).unwrap();
    (fields, oddities.into_iter().map(|flaw| flaw.reason).collect())
}

fn wrong(yaml: &str) -> (u32, String) {
    let (matter, _) = front::split(&format!("---\n{yaml}\n---\n")).unwrap().unwrap();
    let flaw = read(&matter, Berlin, &Habits::default(), &mut Vec::new()).unwrap_err();
    (flaw.line.unwrap(), flaw.reason)
}

fn topics(yaml: &str) -> Vec<String> {
    said(yaml).0.topics.into_iter().map(|topic| topic.name).collect()
}

#[test]
fn a_title_is_one_line_of_plain_text() {
    assert_eq!(said("title: 1984").0.title.as_deref(), Some("1984"));
    assert_eq!(said("TITLE: 1.10").0.title.as_deref(), Some("1.10"));
    assert_eq!(said("title: [One]").0.title.as_deref(), Some("One"));
    assert_eq!(said("title: \"a\\u202Eb\\n c\\u0007\"").0.title.as_deref(), Some("ab c"));
    assert_eq!(said("title: '   '").0.title, None);
    assert_eq!(wrong("x: 1\ntitle: {a: b}"), (3, "`title` must be a text, not a table".into()));
}

#[test]
fn a_date_has_many_names_and_the_later_of_date_and_publish_date_counts() {
    let first = Some(dates::parse("2024-05-31", Berlin).unwrap());
    for yaml in ["date: 2024-05-31", "Created_At: 2024-05-31", "published: 2024-05-31", "publishDate: 2024-05-31"] {
        assert_eq!(said(yaml).0.date, first, "{yaml}");
    }
    assert_eq!(said("date: 2024-01-01\npublishDate: 2024-05-31").0.date, first);
    assert_eq!(said("date: 2024-05-31\npublishDate: 2024-01-01").0.date, first);
    assert_eq!(said("published: true\ncreated: 2024-05-31").0.date, first);
    assert_eq!(said("date:\npublished: yes").0.date, None);
    assert_eq!(wrong("date: 2024-02-30"), (2, "`2024-02-30` is a day that does not exist".into()));
    assert_eq!(wrong("date: [a, b]"), (2, "`date` must be a date, not a list".into()));
    assert_eq!(wrong("title: x\nexpiryDate: never").0, 3);
}

#[test]
fn a_draft_is_a_draft_in_every_dialect_and_never_by_guess() {
    for yaml in ["draft: true", "draft: yes", "Draft: 'True'", "published: no", "published: false", "status: draft"] {
        assert!(said(yaml).0.draft, "{yaml}");
    }
    for yaml in ["draft: no", "draft: false", "draft:", "published: true", "published: 2024-05-31", "status: published"]
    {
        assert!(!said(yaml).0.draft, "{yaml}");
    }
    assert_eq!(wrong("draft: maybe"), (2, "`draft` must be true or false, not `maybe`".into()));
    assert_eq!(wrong("date: 2024-01-01\npublished: soon").0, 3);
}

#[test]
fn topics_come_from_texts_lists_tables_and_taxonomies_each_once() {
    assert_eq!(topics("tags: [One, two, one, 3]"), ["One", "two", "3"]);
    assert_eq!(topics("tags: one, two\ncategory: A kind"), ["one", "two", "A kind"]);
    assert_eq!(topics("tags: '#rust'\ncategories: [[Sports, Ball], [Play]]"), ["rust", "Sports", "Ball", "Play"]);
    assert_eq!(topics("tags: [{label: One, permalink: /x}]"), ["One"]);
    assert_eq!(topics("taxonomies:\n  tags: [a, b]\n  categories: [c]"), ["a", "b", "c"]);
    assert_eq!(topics("tags:"), [""; 0]);
}

#[test]
fn topics_that_may_mean_several_things_are_asked_about() {
    let (fields, oddities) = said("tags: one two");
    assert_eq!(fields.topics[0].name, "one two");
    assert_eq!(oddities, ["`tags` is taken as one topic: `one two`; write a list if several are meant"]);
    assert_eq!(said("tags: ['!!!', true]").1.len(), 2);
}

#[test]
fn authors_are_texts_lists_or_tables_with_a_name() {
    let authors = |yaml| said(yaml).0.authors;
    assert_eq!(authors("author: Ann, Bob and Co"), ["Ann, Bob and Co"]);
    assert_eq!(authors("authors: Ann; Bob"), ["Ann", "Bob"]);
    assert_eq!(authors("authors: [ann, {name: Bob, url: /bob}, ann]"), ["ann", "Bob"]);
    assert_eq!(authors("author: {name: Ann}"), ["Ann"]);
    assert_eq!(authors("author:\nby: Ann"), ["Ann"]);
    assert_eq!(said("authors: [{email: x}]").1.len(), 1);
}

#[test]
fn an_address_is_taken_as_it_is_written() {
    let address = |yaml| said(yaml).0.address.map(|written| written.address);
    assert_eq!(address("permalink: /a/b/").as_deref(), Some("/a/b/"));
    assert_eq!(address("url: 2024/a.html").as_deref(), Some("2024/a.html"));
    assert_eq!(address("path: about").as_deref(), Some("about"));
}

#[test]
fn a_language_is_a_tag_or_is_passed_over() {
    assert_eq!(said("lang: zh_CN").0.language.as_deref(), Some("zh-CN"));
    assert_eq!(said("language: Deutsch (hoch)").0.language, None);
}

#[test]
fn a_summary_of_the_wrong_type_does_not_hold_the_post() {
    let (fields, oddities) = said("description: [a, b]");
    assert_eq!((fields.summary, oddities.len()), (None, 1));
    assert_eq!(said("excerpt: ' two\n\n  lines '").0.summary.as_deref(), Some("two lines"));
}
