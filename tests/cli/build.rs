//! `build`: feeds and pages as files.

use std::fs;

use super::{run, write_post};

#[test]
fn a_build_removes_what_an_earlier_one_wrote_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    let out = folder.path().join("out");
    let build = || {
        let build = run(folder.path(), &["build", "--out", "out"]);
        assert_eq!(build.code, 0, "{}", build.err);
        build.out
    };
    let long = "a".repeat(300);
    let post = |tag: &str| format!("---\ntitle: First\ndate: 2024-05-31\ntags: [{tag}]\n---\nText.\n");
    write_post(folder.path(), "a.md", &post(&format!("gone, {long}")));
    build();
    assert!(out.join("topics/gone/feed.xml").exists());
    let topics =
        || fs::read_dir(out.join("topics")).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(topics().iter().any(|name| name.len() > 100), "however long a topic is");
    let before = topics().len();
    // Put there by somebody else, a generator perhaps, after ours was removed.
    fs::write(out.join("about.html"), "the operator's own").unwrap();
    write_post(folder.path(), "a.md", &post("kept"));
    let said = build();
    assert!(said.contains("Removed 14 files that an earlier build wrote"), "{said}");
    assert_eq!(topics().len(), before - 1);
    assert!(topics().contains(&"kept".into()) && !topics().contains(&"gone".into()), "{:?}", topics());
    assert!(out.join("about.html").exists() && out.join("feed.xml").exists());
}

#[test]
fn a_build_makes_every_page_and_writes_over_nothing_it_did_not_write() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    write_post(folder.path(), "a.md", "---\ntitle: First\ndate: 2024-05-31\ntags: [x]\nauthor: Jo\n---\nText.\n");
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/index.html"), "the operator's own").unwrap();
    let build = run(folder.path(), &["build", "--out", "out"]);
    assert!(build.out.contains("Left 1 file alone that no build wrote: index.html"), "{}{}", build.out, build.err);
    let read = |path: &str| fs::read_to_string(folder.path().join("out").join(path)).unwrap_or_default();
    assert_eq!(read("index.html"), "the operator's own");
    for page in ["archive", "archive/2024", "topics/x", "authors/jo"] {
        assert!(read(&format!("{page}/index.html")).contains(">First</a>"), "{page}");
    }
    assert!(read("posts/a/index.html").contains("<p>Text.</p>"));
    assert!(read("404.html").contains("There is no such page"));
    for file in
        ["page.css", "icon.svg", "robots.txt", "sitemap.xml", "feeds.opml", "feeds/index.html", "summary/feed.xml"]
    {
        assert!(!read(file).is_empty(), "{file}");
    }
    let feeds = run(folder.path(), &["build", "--feeds-only", "--out", "out"]);
    assert!(feeds.out.contains("Removed "), "{}", feeds.out);
    assert!(!folder.path().join("out/posts").exists() && folder.path().join("out/feed.xml").exists());
}
