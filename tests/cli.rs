//! The real binary, as an operator meets it.

mod build;
mod dkim;
mod mistakes;
mod preflight;
mod subscribers;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use postroom::context::Clock;
use postroom::system::SystemClock;

/// The binary in `folder`, with nothing of this machine's settings.
fn postroom(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    command.current_dir(folder).args(arguments).env_remove("RUST_LOG").env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("POSTROOM__") {
            command.env_remove(name);
        }
    }
    command
}

pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn run(folder: &Path, arguments: &[&str]) -> Answer {
    answer(postroom(folder, arguments).stdin(Stdio::null()).output().unwrap())
}

fn answer(output: Output) -> Answer {
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("postroom.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn a_fresh_folder_passes_its_check_after_init_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), &["init", "blog"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.contains("Next:\n  1. cd blog\n"), "{}", made.out);
    let blog = folder.path().join("blog");
    let check = run(&blog, &["check"]);
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    assert!(check.out.contains("0 errors, 5 warnings\n"), "{}", check.out);
    fs::write(blog.join("postroom.toml"), "mine").unwrap();
    let again = run(folder.path(), &["init", "blog"]);
    assert_eq!((again.code, again.out.as_str()), (3, ""));
    assert!(again.err.starts_with("error: blog/postroom.toml is there already"), "{}", again.err);
    assert_eq!(fs::read_to_string(blog.join("postroom.toml")).unwrap(), "mine");
}

#[test]
fn init_uses_the_posts_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("content/posts")).unwrap();
    assert_eq!(run(folder.path(), &["init"]).code, 0);
    assert!(fs::read_to_string(folder.path().join("postroom.toml")).unwrap().contains("path = \"content/posts\""));
    assert!(!folder.path().join("posts").exists());
}

#[test]
fn init_leaves_to_the_generator_what_its_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("content/posts")).unwrap();
    fs::write(folder.path().join("hugo.toml"), "baseURL = \"https://hugo.test/\"\ntitle = \"A \\\"Hugo\\\" blog\"\n")
        .unwrap();
    let made = run(folder.path(), &["init"]);
    assert!(made.out.contains("the way hugo does"), "{}", made.out);
    let shown = run(folder.path(), &["config", "show"]).out;
    assert!(shown.contains("\ntitle = \"A \\\"Hugo\\\" blog\""), "{shown}");
    let written = fs::read_to_string(folder.path().join("postroom.toml")).unwrap();
    assert!(written.contains("\n# title = \"A \\\"Hugo\\\" blog\"  # says "), "{written}");
    assert!(written.contains("\ntimezone = \"UTC\"\n"), "{written}");
    assert_eq!(run(folder.path(), &["check"]).code, 0);
}

#[test]
fn init_takes_the_posts_it_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let posts = folder.path().join("my \"posts\"");
    fs::create_dir(&posts).unwrap();
    let made = run(folder.path(), &["init", "news", "--archive", "my \"posts\""]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.contains(&format!("Found posts in {}; ", posts.display())), "{}", made.out);
    assert!(!folder.path().join("news/posts").exists());
    assert_eq!(run(&folder.path().join("news"), &["check"]).code, 0);
    let lost = run(folder.path(), &["init", "other", "--archive", "none"]);
    assert_eq!((lost.code, lost.err.lines().next()), (2, Some("error: there is no folder none")));
    assert!(!folder.path().join("other").exists());
}

#[test]
fn config_explain_tells_of_a_key_a_section_and_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |arguments: &[&str]| run(folder.path(), arguments).out.lines().map(str::to_owned).collect::<Vec<_>>();
    let (all, relay) = (lines(&["config", "explain"]), lines(&["config", "explain", "relay"]));
    assert!(
        all.len() > 40
            && relay.len() >= 3
            && relay.iter().all(|line| all.iter().any(|one| one.starts_with(line.split("  ").next().unwrap()))),
        "{relay:?}"
    );
    assert!(all.iter().all(|line| line.split_once("  ").is_some_and(|(_, words)| words.trim().len() > 15)), "{all:#?}");
    assert!(lines(&["config", "explain", "relay.url"]).iter().any(|line| line.contains("smtp://localhost:25")));
}

#[test]
fn an_unknown_key_stops_everything_and_names_the_nearest_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    edit(folder.path(), "timezone =", "timezon =");
    let told = "error: postroom.toml:13: unknown key `site.timezon`\n  \
                help: a key with a similar name exists: `site.timezone`\n";
    let check = run(folder.path(), &["check"]);
    assert_eq!((check.code, check.out), (1, format!("{told}1 error, 0 warnings\n")));
    let build = run(folder.path(), &["build"]);
    assert_eq!((build.code, build.err.as_str()), (2, told));
}

#[test]
fn check_tells_what_is_wrong_with_posts_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    fs::write(folder.path().join("posts/bad.md"), "---\ntitle: One\ntitle: Two\n---\n").unwrap();
    let check = run(folder.path(), &["check"]);
    assert!(check.code == 1 && check.out.starts_with("error: posts/bad.md:3: "), "{}", check.out);
    assert!(check.out.ends_with("\n1 public post\n1 error, 5 warnings\n"), "{}", check.out);
}

/// A post that rested long enough to be read.
fn write_post(folder: &Path, name: &str, text: &str) {
    let path = folder.join("posts").join(name);
    fs::write(&path, text).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    let just_now = file.metadata().unwrap().modified().unwrap();
    file.set_modified(just_now - std::time::Duration::from_secs(3600)).unwrap();
}

#[test]
fn posts_that_come_to_share_an_address_stay_in_the_feeds_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    let post = |title: &str, slug: &str| format!("---\ntitle: {title}\ndate: 2024-05-31\nslug: {slug}\n---\nText.\n");
    let build = || {
        assert_eq!(run(folder.path(), &["build", "--out", "out"]).code, 0);
        fs::read_to_string(folder.path().join("out/feed.xml")).unwrap()
    };
    write_post(folder.path(), "a.md", &post("First", "a"));
    write_post(folder.path(), "b.md", &post("Second", "b"));
    let before = build();
    assert!(before.contains("First") && before.contains("Second"), "{before}");
    write_post(folder.path(), "a.md", &post("First again", "same"));
    write_post(folder.path(), "b.md", &post("Second again", "same"));
    let after = build();
    assert!(after.contains("<title>First</title>") && after.contains("<title>Second</title>"), "{after}");
}

#[test]
fn files_that_no_post_can_be_read_from_are_named_until_they_are_excluded() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    fs::write(folder.path().join("posts/old.rst"), "Old\n===\n").unwrap();
    let check = run(folder.path(), &["check"]);
    assert!(check.out.contains("*.rst: 1 file not understood: reStructuredText"), "{}", check.out);
    edit(folder.path(), "path = \"posts\"", "path = \"posts\"\nexclude = [\"*.rst\"]");
    assert!(!run(folder.path(), &["check"]).out.contains("rst"));
}

#[test]
fn a_site_is_known_by_its_generators_own_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("blog/_posts")).unwrap();
    let text = "---\ntitle: Hello\n---\nText.\n";
    fs::write(folder.path().join("blog/_posts/2024-05-31-hello.md"), text).unwrap();
    let config = "title: My Jekyll\nurl: https://jekyll.test\nlang: de\npermalink: /:year/:title\n";
    fs::write(folder.path().join("blog/_config.yml"), config).unwrap();
    let settings = "[archive]\npath = \"blog\"\n[http]\npublic_url = \"https://news.jekyll.test\"\n\
                    [mail]\nfrom = \"news@jekyll.test\"\n";
    fs::write(folder.path().join("postroom.toml"), settings).unwrap();
    let shown = run(folder.path(), &["config", "show"]).out;
    let title = shown.lines().find(|line| line.starts_with("title = \"My Jekyll\"")).unwrap();
    assert!(title.ends_with("_config.yml"), "{title}");
    let build = run(folder.path(), &["build", "--out", "out"]);
    assert_eq!(build.code, 0, "{}", build.err);
    let feed = fs::read_to_string(folder.path().join("out/atom.xml")).unwrap();
    assert!(feed.contains("href=\"https://jekyll.test/2024/hello\"") && feed.contains("xml:lang=\"de\""), "{feed}");
    assert_eq!(postroom::archive::DIALECTS, postroom::settings::Settings::DIALECTS);
}

#[test]
fn without_settings_the_way_to_get_some_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let build = run(folder.path(), &["--config", "none.toml", "build"]);
    assert_eq!(build.code, 2);
    assert!(build.err.contains("error: none.toml: there is no such file\n  help: `postroom init`"), "{}", build.err);
}

#[test]
fn a_wrong_command_line_is_told_in_two_lines_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = run(folder.path(), &["buidl"]);
    let told = "error: no such command: `buidl`\n  help: a command with a similar name exists: `build`\n";
    assert!(wrong.err.starts_with(told), "{}", wrong.err);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
    for arguments in
        [&["why"][..], &["why", "nobody"], &["send", "posts", "--cadence", "yearly"], &["check", "--log", "a=b=c"]]
    {
        let wrong = run(folder.path(), arguments);
        assert_eq!(wrong.code, 2, "{arguments:?}: {}", wrong.err);
        let first = wrong.err.lines().next().unwrap();
        assert!(first.starts_with("error: ") && !first.ends_with('.'), "{first}");
    }
}

#[test]
fn long_help_leads_with_examples_and_short_help_is_short() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&[][..], &["send"], &["subscribers", "import"], &["config", "explain"]] {
        let with = |flag| [command, &[flag][..]].concat();
        let (long, short) = (run(folder.path(), &with("--help")), run(folder.path(), &with("-h")));
        assert_eq!((long.code, short.code), (0, 0));
        assert!(long.out.starts_with("Examples:\n  postroom "), "{}", long.out);
        assert!(short.out.lines().count() < long.out.lines().count() && !short.out.contains("Examples"));
    }
    assert!(run(folder.path(), &["--help"]).out.contains("130  interrupted"));
}

#[test]
fn the_readme_names_commands_and_files_that_are_there() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blocks = readme.split("```").skip(1).step_by(2).filter(|block| block.starts_with("sh\n"));
    let lines = blocks.flat_map(str::lines).map(|line| line.trim_start_matches("sudo ").trim_start_matches("$ "));
    let commands: Vec<&str> = lines.filter_map(|line| line.strip_prefix("postroom ")).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        // A name or a flag that is not there is told before help is.
        let words: Vec<&str> = command.split('"').next().unwrap().split_whitespace().collect();
        let text = if command.contains('"') { &["x"][..] } else { &[] };
        let answer = run(folder.path(), &[&words[..], text, &["--help"]].concat());
        assert_eq!(answer.code, 0, "{command}: {}", answer.err);
    }
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(project.join(link).exists(), "{link}");
    }
}

#[test]
fn json_answers_are_one_object_with_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    for command in [&["check", "--json"][..], &["config", "show", "--json"]] {
        let answer = run(folder.path(), command);
        let object: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!(object["schema"], 1, "{command:?}");
    }
}

#[test]
fn a_plan_for_later_foresees_what_will_be_public_by_then() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    fs::write(folder.path().join("posts/later.md"), "---\ntitle: To come\ndate: 2999-01-02\n---\nWords.\n").unwrap();
    run(folder.path(), &["subscribers", "add", "jane@example.org", "--consent-source", "asked"]);
    for (at, foreseen) in [("2999-01-01", false), ("2999-01-12", true)] {
        let plan = run(folder.path(), &["plan", "--at", at]);
        assert_eq!((plan.code, plan.out.contains("To come")), (0, foreseen), "{}{}", plan.out, plan.err);
    }
}

#[test]
fn config_show_tells_where_values_come_from_and_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let bare = run(folder.path(), &["config", "show"]);
    assert!(bare.code == 0 && bare.out.contains("listen = \"127.0.0.1:8025\""), "{}{}", bare.out, bare.err);
    run(folder.path(), &["init"]);
    let shown = postroom(folder.path(), &["config", "show"])
        .env("POSTROOM__RELAY__URL", "smtp://me:hunter2@mail.test")
        .output()
        .map(answer)
        .unwrap();
    let line = |start: &str| shown.out.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert!(line("title").ends_with("# postroom.toml:7"), "{}", shown.out);
    assert!(line("items").ends_with("# default"), "{}", shown.out);
    assert!(line("url = \"smtp://me:***@mail.test\"").ends_with("# POSTROOM__RELAY__URL"), "{}", shown.out);
    assert!(!shown.out.contains("hunter2"));
    for slip in ["me:hunter2@mail.test:587", "smtp//me:hunter2@mail.test"] {
        let shown = postroom(folder.path(), &["config", "show"]).env("POSTROOM__RELAY__URL", slip).output().map(answer);
        let shown = shown.unwrap();
        assert!(shown.out.contains("***@mail.test"), "{}", shown.out);
        assert!(![shown.out, shown.err].concat().contains("hunter2"), "{slip}");
    }
    let explained = run(folder.path(), &["config", "explain", "feeds.itmes"]);
    assert_eq!(explained.code, 2);
    assert!(explained.err.contains("`feeds.items`"), "{}", explained.err);
}

#[test]
fn a_reader_that_has_had_enough_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["config", "explain"][..], &["--help"], &["completions", "bash"], &["man"]] {
        let mut child = postroom(folder.path(), command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{command:?}");
    }
}

#[test]
fn manuals_and_completions_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let page = run(folder.path(), &["man"]).out;
    let script = run(folder.path(), &["completions", "bash"]).out;
    for name in ["demo", "serve", "subscribers", "why"] {
        assert!(page.contains(name) && script.contains(name), "{name}");
    }
    assert_eq!(run(folder.path(), &["man", "--out", "pages"]).code, 0);
    assert!(folder.path().join("pages/postroom-subscribers-import.1").exists());
}

#[test]
fn a_folder_in_place_of_a_relay_shows_what_would_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    let settings = fs::read_to_string(folder.path().join("postroom.toml")).unwrap();
    let relay = "# url = \"smtp://user@mail.example.org:587\"";
    assert!(settings.contains(relay), "{settings}");
    edit(folder.path(), relay, "url = \"file:outbox\"");
    let check = run(folder.path(), &["check"]);
    assert!(check.code == 0 && check.out.contains("reaches nobody"), "{}{}", check.out, check.err);
    let sent = run(folder.path(), &["test", "jane@example.org"]);
    assert_eq!(sent.code, 0, "{}{}", sent.out, sent.err);
    assert!(sent.out.contains("file:outbox accepted it. Look into that folder"), "{}", sent.out);
    let mails: Vec<_> = fs::read_dir(folder.path().join("outbox")).unwrap().map(|mail| mail.unwrap().path()).collect();
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert!(fs::read_to_string(mail).unwrap().contains("To: jane@example.org\r\n"));
}

#[test]
fn the_operator_s_own_words_and_looks_are_used_and_their_faults_told() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    edit(folder.path(), "[archive]", "[templates]\npath = \"templates\"\n\n[archive]");
    let write = |file: &str, text: &str| {
        let path = folder.path().join("templates").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("words/en.toml", "[mail]\nunsubscrib = \"Enough\"\n");
    write("page.css", "main { color: light(ink) }");
    let check = run(folder.path(), &["check"]);
    assert_eq!(check.code, 1, "{}", check.out);
    for told in [
        "error: templates/words/en.toml:2: no such key: `mail.unsubscrib`\n  help: a key with a similar name",
        "error: templates/page.css:1: no such token: `light(ink)`",
    ] {
        assert!(check.out.contains(told), "{}", check.out);
    }
    assert_eq!(run(folder.path(), &["serve"]).code, 2, "no mail leaves with half its words");
    write("words/en.toml", "[mail]\nunsubscribe = \"Enough of this\"\n");
    write("page.css", "main { color: light(text) }");
    let preview = run(folder.path(), &["preview", "--sample", "all", "--out", "seen"]);
    assert_eq!(preview.code, 0, "{}", preview.err);
    let seen = |name: &str| fs::read_to_string(folder.path().join("seen").join(name)).unwrap();
    assert!(seen("digest.txt").contains("Enough of this:"), "{}", seen("digest.txt"));
    assert!(seen("page-home.html").contains("<style>main { color: #1b1f24 }</style>"), "{}", seen("page-home.html"));
}

/// Posts copied into place a moment ago have to rest before they are read, and are the operator's old posts all the same.
#[test]
fn posts_copied_here_a_moment_before_the_first_look_are_never_mailed() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).code, 0);
    fs::write(folder.path().join("readers.csv"), "email\njane@example.org\n").unwrap();
    let today = SystemClock.now().rfc3339();
    let post = |name: &str, front: &str| {
        fs::write(folder.path().join(format!("posts/{name}.md")), format!("---\n{front}\n---\n\nHello.\n")).unwrap();
    };
    post("fresh", &format!("title: Fresh\ndate: {today}"));
    post("broken", "title: [");
    let import = run(folder.path(), &["subscribers", "import", "readers.csv", "--consent-source", "a test"]);
    assert_eq!(import.code, 0, "{}", import.err);
    let planned = || run(folder.path(), &["plan"]).out;
    let first = planned();
    assert!(!first.contains("Fresh"), "{first}");
    post("broken", &format!("title: Mended\ndate: {today}"));
    post("news", &format!("title: News\ndate: {today}"));
    let second = planned();
    assert!(second.contains("News") && !second.contains("Fresh") && !second.contains("Mended"), "{second}");
}
