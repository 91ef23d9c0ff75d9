//! The demo in a real browser: a reader's whole way through the pages, and pictures of all there is to see.

use super::demo::Demo;
use super::site::{Serve, Site};
use super::{PROJECT, counterparts, free_port, locate, script};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
fn forms_overlay_and_gate_work_on_the_operators_own_site_under_a_strict_policy() {
    if !counterparts(&["chromium", "python"]) {
        return;
    }
    let site = Site::new("url = \"file:outbox\"", "", "");
    let secret = site.post("secret", Duration::from_secs(3_600));
    let text = std::fs::read_to_string(&secret).expect("the post");
    std::fs::write(&secret, text.replacen("---\n", "---\naccess: subscribers\n", 1)).expect("the post");
    let (pages, own) = (loopback(site.port), free_port());
    let mut command = site.command(&["serve"]);
    command.env("POSTROOM__HTTP__PUBLIC_URL", &pages).env("POSTROOM__SITE__URL", loopback(own));
    let _serve = Serve::start(command, site.path("serve.log"), site.port, "/readyz");
    let (outbox, chromium) = (site.path("outbox").display().to_string(), chromium().display().to_string());
    script("embed.py", [pages, outbox, own.to_string(), chromium]);
}

/// Every sample of mails and pages as files in a folder of the site.
fn samples(site: &Site) -> PathBuf {
    let folder = site.path("preview");
    site.postroom(&["preview", "--sample", "all", "--out", folder.to_str().expect("a plain path")]);
    folder
}

#[test]
fn no_page_or_mail_keeps_anybody_out_and_every_page_is_valid() {
    if !counterparts(&["chromium", "python", "java"]) {
        return;
    }
    let site = Site::new("url = \"smtp://127.0.0.1:9\"", "", "");
    script("accessibility.py", [samples(&site), chromium()]);
}

#[test]
fn mails_pages_and_the_inbox_fit_every_screen_in_light_and_dark() {
    if !counterparts(&["chromium", "python"]) {
        return;
    }
    let site = Site::new("url = \"smtp://127.0.0.1:9\"", "", "");
    site.baseline();
    let folder = samples(&site);
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
