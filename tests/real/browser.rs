//! The demo in a real browser: a reader's whole way through the pages, and pictures of all there is to see.

use super::demo::Demo;
use super::site::Site;
use super::{PROJECT, counterparts, locate, script};
use std::path::{Path, PathBuf};

fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn chromium() -> PathBuf {
    locate("chromium").expect("chromium")
}

#[test]
fn a_reader_joins_chooses_and_leaves_in_a_browser_with_and_without_javascript() {
    if !counterparts(&["chromium", "python"]) {
        return;
    }
    let demo = Demo::start();
    let (pages, inbox) = (loopback(demo.pages), loopback(demo.inbox));
    script("browser.py", [pages.as_ref(), inbox.as_ref(), chromium().as_os_str()]);
}

#[test]
fn mails_pages_and_the_inbox_fit_every_screen_in_light_and_dark() {
    if !counterparts(&["chromium", "python"]) {
        return;
    }
    let site = Site::new("url = \"smtp://127.0.0.1:9\"", "", "");
    site.baseline();
    let folder = site.path("preview");
    site.postroom(&["preview", "--sample", "all", "--out", folder.to_str().expect("a plain path")]);
    let mut subjects: Vec<_> = walkdir::WalkDir::new(&folder)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("an entry").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
        .map(|path| {
            let name = path.strip_prefix(&folder).expect("inside").with_extension("");
            format!("{}=file://{}", name.display().to_string().replace('/', "-"), path.display())
        })
        .collect();
    assert!(subjects.len() > 10, "every mail and page has a sample: {subjects:?}");
    let demo = Demo::start();
    subjects.push(format!("inbox={}/", loopback(demo.inbox)));
    let out = Path::new(PROJECT).join("target/screenshots").display().to_string();
    let arguments = [out, chromium().display().to_string()].into_iter().chain(subjects);
    script("screenshots.py", arguments);
}
