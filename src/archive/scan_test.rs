use super::*;
use crate::archive::Rules;
use std::path::Path;
use tempfile::TempDir;

/// Long after every file of the tests was written.
const LATER: Timestamp = Timestamp(4_000_000_000_000);

fn archive_at(root: &Path) -> Archive {
    Archive::new(Rules {
        root: root.to_owned(),
        include: Vec::new(),
        exclude: Vec::new(),
        permalink: Some("/{year}/{month}/{slug}/".into()),
        dialect: None,
        site_url: "https://example.org".into(),
        zone: chrono_tz::Europe::Berlin,
        language: "en".into(),
        newsletters: Vec::new(),
    })
    .unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        put(&folder, path, text);
    }
    folder
}

fn put(folder: &TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn post(title: &str) -> String {
    format!("---\ntitle: {title}\ndate: 2024-05-31\n---\nText of {title}.\n")
}

fn look(folder: &TempDir, known: &HashMap<String, Known>) -> Scan {
    archive_at(folder.path()).scan(known, LATER).unwrap()
}

fn remember(scan: &Scan) -> HashMap<String, Known> {
    let known = |read: &Read| Known {
        identity: read.entry.identity.clone(),
        url: read.entry.url.clone(),
        stamp: Some(read.stamp),
    };
    scan.read.iter().map(|read| (read.entry.path.clone(), known(read))).collect()
}

fn paths(scan: &Scan) -> Vec<&str> {
    scan.read.iter().map(|read| read.entry.path.as_str()).collect()
}

fn said(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_bad_post_stops_no_other() {
    let folder = folder(&[("a.md", &post("A")), ("b.md", "---\ntitle: b\ntitle: c\n---\n"), ("c.md", &post("C"))]);
    let scan = look(&folder, &HashMap::new());
    assert_eq!(paths(&scan), ["a.md", "c.md"]);
    assert_eq!(said(&scan.faults), ["b.md:3: the key `title` is given twice"]);
    assert_eq!(scan.held, ["b.md"]);
}

#[test]
fn only_what_changed_is_read_again() {
    let folder = folder(&[("a.md", &post("A")), ("b.md", &post("B"))]);
    let known = remember(&look(&folder, &HashMap::new()));
    put(&folder, "b.md", &post("Another B"));
    std::fs::remove_file(folder.path().join("a.md")).unwrap();
    put(&folder, "c.md", &post("C"));
    let scan = look(&folder, &known);
    assert_eq!(paths(&scan), ["b.md", "c.md"]);
    assert_eq!((scan.unchanged.len(), scan.held.len(), scan.waiting.len()), (0, 0, 0));
    let scan = look(&folder, &remember(&scan));
    assert_eq!((paths(&scan).len(), scan.unchanged), (0, vec!["b.md".to_owned(), "c.md".to_owned()]));
}

#[test]
fn a_file_written_a_moment_ago_waits() {
    let folder = folder(&[("a.md", &post("A"))]);
    let written = walk::stamp(&std::fs::metadata(folder.path().join("a.md")).unwrap()).modified;
    let archive = archive_at(folder.path());
    for (after, waits) in [(-2_000, false), (-1_999, true), (0, true), (1_999, true), (2_000, false)] {
        let scan = archive.scan(&HashMap::new(), written.plus(Span(after))).unwrap();
        assert_eq!(scan.waiting.len(), usize::from(waits), "{after}");
        assert_eq!(scan.read.len(), usize::from(!waits), "{after}");
    }
}

#[test]
fn a_file_that_changed_since_it_was_found_waits() {
    let folder = folder(&[("a.md", &post("A"))]);
    let archive = archive_at(folder.path());
    let site = Site::of(folder.path(), None);
    let files = Files::default();
    let set = Setting { rules: &archive.rules, addresses: &archive.addresses, site: &site, files: &files };
    let found = walk::walk(folder.path(), &archive.filter, &|_| true).unwrap().files.remove(0);
    assert!(matches!(read(&found, set), Seen::Post(..)));
    put(&folder, "a.md", "---\ntitle: half");
    assert!(matches!(read(&found, set), Seen::Restless));
    std::fs::remove_file(&found.full).unwrap();
    assert!(matches!(read(&found, set), Seen::Restless));
}

#[cfg(unix)]
#[test]
fn a_link_put_in_the_place_of_a_file_is_not_followed() {
    let folder = folder(&[("a.md", &post("A")), ("secret.txt", &post("A"))]);
    let archive = archive_at(folder.path());
    let site = Site::of(folder.path(), None);
    let files = Files::default();
    let set = Setting { rules: &archive.rules, addresses: &archive.addresses, site: &site, files: &files };
    let found = walk::walk(folder.path(), &archive.filter, &|_| true).unwrap().files.remove(0);
    std::fs::remove_file(&found.full).unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret.txt"), &found.full).unwrap();
    assert!(matches!(read(&found, set), Seen::Restless));
}

#[test]
fn what_is_known_of_a_post_that_broke_stands() {
    let folder = folder(&[("a.md", &post("A")), ("b.md", &post("B"))]);
    let known = remember(&look(&folder, &HashMap::new()));
    put(&folder, "a.md", "---\ntitle: never closed");
    put(&folder, "b.md", "");
    let scan = look(&folder, &known);
    assert_eq!(scan.held, ["a.md", "b.md"]);
    assert_eq!(scan.faults.len(), 2);
    assert_eq!(said(&scan.faults)[1], "b.md: empty");
}

#[test]
fn two_files_with_one_identity_or_address_are_both_held_and_told_once() {
    let folder = folder(&[("b/a.md", &*post("A")), ("b/a.html", &post("B")), ("c.md", &post("C"))]);
    let scan = look(&folder, &HashMap::new());
    assert_eq!(paths(&scan), ["c.md"]);
    assert_eq!(scan.held, ["b/a.html", "b/a.md"]);
    assert_eq!(said(&scan.faults), ["b/a.html: the same identity as `b/a.md`: `b/a`"]);

    put(&folder, "b/a.md", &post("A").replace("title", "id: X\ntitle"));
    put(&folder, "b/a.html", &post("B").replace("title", "id: X\nslug: b\ntitle"));
    let scan = look(&folder, &HashMap::new());
    assert_eq!(said(&scan.faults), ["b/a.html: the same identity as `b/a.md`: `X`"]);
}

#[test]
fn a_new_file_at_the_address_of_a_known_one_is_held_and_the_known_one_stands() {
    let folder = folder(&[("a.md", &post("A"))]);
    let known = remember(&look(&folder, &HashMap::new()));
    put(&folder, "2020-01-01-a.md", &post("Another"));
    let scan = look(&folder, &known);
    assert_eq!((paths(&scan).len(), &scan.unchanged), (0, &vec!["a.md".to_owned()]));
    let reason = "2020-01-01-a.md: the same address as `a.md`: `https://example.org/2024/05/a/`";
    assert_eq!(said(&scan.faults), [reason]);
    // A renamed file is no second one.
    std::fs::remove_file(folder.path().join("a.md")).unwrap();
    assert_eq!(paths(&look(&folder, &known)), ["2020-01-01-a.md"]);
}

fn identities(scan: &Scan) -> Vec<(&str, &str)> {
    scan.read.iter().map(|read| (read.entry.path.as_str(), read.entry.identity.as_str())).collect()
}

#[test]
fn a_report_that_comes_every_year_is_a_new_post_every_year_and_stays_what_it_is() {
    let of = |year: u32| format!("---\ntitle: Report\ndate: {year}-04-01\n---\n");
    let folder = folder(&[("2023-04-01-report.md", &of(2023)), ("2022-04-01-report.md", &of(2022))]);
    let scan = look(&folder, &HashMap::new());
    let both = [("2022-04-01-report.md", "report"), ("2023-04-01-report.md", "2023-04-01-report")];
    assert_eq!(identities(&scan), both);

    let known = remember(&scan);
    put(&folder, "2021-04-01-report.md", &of(2021));
    put(&folder, "2023-04-01-report.md", &(of(2023) + "Edited."));
    std::fs::remove_file(folder.path().join("2022-04-01-report.md")).unwrap();
    let scan = look(&folder, &known);
    let after = [("2021-04-01-report.md", "report"), ("2023-04-01-report.md", "2023-04-01-report")];
    assert_eq!(identities(&scan), after);
}

#[test]
fn a_missing_or_suddenly_empty_archive_is_a_fault_and_no_deletion() {
    let folder = folder(&[("a.md", &post("A"))]);
    let known = remember(&look(&folder, &HashMap::new()));
    std::fs::remove_file(folder.path().join("a.md")).unwrap();
    let archive = archive_at(folder.path());
    assert!(archive.scan(&HashMap::new(), LATER).is_ok());
    assert!(archive.scan(&known, LATER).unwrap_err().reason.contains("empty"));
    let gone = archive_at(&folder.path().join("gone"));
    assert!(gone.scan(&known, LATER).unwrap_err().reason.contains("there is no folder"));
    put(&folder, "file", "");
    assert!(archive_at(&folder.path().join("file")).scan(&known, LATER).is_err());
}

#[test]
fn many_files_are_read_in_the_order_of_their_paths() {
    let files: Vec<(String, String)> = (100..200).map(|n| (format!("{n}.md"), post(&n.to_string()))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let scan = look(&folder(&files), &HashMap::new());
    assert_eq!(paths(&scan), files.iter().map(|(path, _)| *path).collect::<Vec<_>>());
}

#[test]
fn what_is_no_post_is_a_warning() {
    let folder = folder(&[("README.md", "# Read me"), ("a.md", &post("A")), ("b.rst", "x")]);
    let scan = look(&folder, &HashMap::new());
    assert_eq!(said(&scan.faults), [""; 0]);
    let warnings = ["*.rst: 1 file not understood: reStructuredText", "README.md: no front matter, not a post"];
    assert_eq!(said(&scan.warnings), warnings);
}

#[test]
fn a_post_that_is_not_for_everybody_is_not_published_and_that_is_told() {
    let with = |line: &str| format!("---\ntitle: A\ndate: 2024-05-31\n{line}\n---\nText.\n");
    for line in ["access: paid", "newsletter: false\nemail_only: true"] {
        let scan = look(&folder(&[("a.md", &with(line))]), &HashMap::new());
        assert!(said(&scan.faults)[0].starts_with("a.md:4: not published: "), "{line}: {:?}", scan.faults);
        assert!(scan.read[0].entry.draft, "known to readers before, it is taken back");
    }
    for line in ["access: public", "newsletter: true", "email_only: false", "audience: all"] {
        let scan = look(&folder(&[("a.md", &with(line))]), &HashMap::new());
        assert!(scan.faults.is_empty() && !scan.read[0].entry.draft, "{line}");
    }
}

#[test]
fn a_change_that_is_yet_to_come_is_taken_as_now() {
    let with = |date: &str, lastmod: &str| format!("---\ntitle: A\ndate: {date}\nlastmod: {lastmod}\n---\nText.\n");
    let scan = look(&folder(&[("a.md", &with("2024-05-31", "2999-01-01"))]), &HashMap::new());
    assert_eq!(scan.read[0].entry.updated, Some(LATER));
    assert!(said(&scan.warnings)[0].contains("yet to come"), "{:?}", scan.warnings);
    let scan = look(&folder(&[("a.md", &with("2999-01-02", "2999-01-01"))]), &HashMap::new());
    assert!(scan.warnings.is_empty(), "a post of that day may say so: {:?}", scan.warnings);
}

#[test]
fn topics_of_one_address_and_ids_unfit_for_feeds_are_told() {
    let text = "---\ntitle: A\ndate: 2024-05-31\nid: 'note: two words'\ntags: [C, C++, C#, Web Dev, web-dev, 'What?', What]\n---\nText.\n";
    let scan = look(&folder(&[("a.md", text)]), &HashMap::new());
    let topics: Vec<&str> = scan.read[0].entry.topics.iter().map(|topic| topic.slug.as_str()).collect();
    assert_eq!(topics, ["c", "c-plus-plus", "c-sharp", "web-dev", "what"]);
    assert_eq!(said(&scan.warnings).len(), 1, "{:?}", scan.warnings);
    assert!(said(&scan.warnings)[0].starts_with("a.md:4: the id `note: two words` cannot"), "{:?}", scan.warnings);
}

#[test]
fn links_between_posts_follow_their_targets_and_never_leave_the_archive() {
    let folder = folder(&[
        ("a.md", "---\ntitle: A\ndate: 2024-05-31\n---\n[b](2024-06-01-b.md) [s](secret.md) [c](c.md)\n"),
        ("2024-06-01-b.md", "# Beta\n\nText.\n"),
        ("other.md", &post("Other")),
    ]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.md"), post("Secret")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.md"), folder.path().join("secret.md")).unwrap();
    let html =
        |scan: &Scan| scan.read.iter().find(|read| read.entry.path == "a.md").map(|read| read.entry.html.clone());
    let first = look(&folder, &HashMap::new());
    let said = html(&first).unwrap();
    let own =
        |scan: &Scan, path: &str| scan.read.iter().find(|read| read.entry.path == path).unwrap().entry.url.clone();
    assert!(said.contains(&format!("href=\"{}\"", own(&first, "2024-06-01-b.md"))), "{said}");
    assert!(!said.contains("2024/05/secret"), "{said}");
    // The target moves, and one that was missing comes: who links to them is rendered again, others are not.
    put(&folder, "2024-06-01-b.md", "---\nslug: elsewhere\n---\n# Beta\n\nText.\n");
    let second = look(&folder, &remember(&first));
    assert_eq!(paths(&second), ["2024-06-01-b.md", "a.md"]);
    assert!(html(&second).unwrap().contains("/2024/06/elsewhere/"));
    let mut known = remember(&first);
    known.extend(remember(&second));
    put(&folder, "c.md", &post("C"));
    let third = look(&folder, &known);
    assert_eq!((paths(&third), third.unchanged.len()), (vec!["a.md", "c.md"], 2));
    assert!(html(&third).unwrap().contains("/2024/05/c/"));
}

#[test]
fn a_link_is_changed_and_nothing_else_in_its_tag() {
    let text = "---\ntitle: A\ndate: 2024-05-31\n---\n<a title=\"b.md\" href=\"b.md\">b</a>\n";
    let scan = look(&folder(&[("a.md", text), ("b.md", &post("B"))]), &HashMap::new());
    let html = &scan.read[0].entry.html;
    assert!(html.contains("title=\"b.md\"") && html.contains("href=\"https://example.org/2024/05/b/\""), "{html}");
}

#[cfg(unix)]
#[test]
fn a_link_where_posts_were_takes_none_of_them_back() {
    let folder = folder(&[("blog/a.md", &post("A")), ("blog/b.md", &post("B")), ("c.md", &post("C"))]);
    let known = remember(&look(&folder, &HashMap::new()));
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::rename(folder.path().join("blog"), elsewhere.path().join("blog")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("blog"), folder.path().join("blog")).unwrap();
    std::fs::remove_file(folder.path().join("c.md")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("blog/a.md"), folder.path().join("c.md")).unwrap();
    for include in [vec![], vec!["blog/**".to_owned(), "*.md".into()]] {
        let rules = Rules { include, ..archive_at(folder.path()).rules };
        let mut scan = Archive::new(rules).unwrap().scan(&known, LATER).unwrap();
        scan.held.sort();
        assert_eq!(scan.held, ["blog/a.md", "blog/b.md", "c.md"]);
        let link = "skipped: a link, and links are not followed";
        assert_eq!(said(&scan.faults), [format!("blog: {link}"), format!("c.md: {link}")]);
    }
    let scan = look(&folder, &HashMap::new());
    assert_eq!((scan.faults.len(), scan.warnings.len()), (0, 2), "nobody knows posts there");
}
