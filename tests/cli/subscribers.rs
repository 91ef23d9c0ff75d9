//! Lists of subscribers in and out.

use super::{Answer, run};
use std::fs;
use std::path::Path;

/// A folder after `init` with a list in it.
fn with_list(list: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).code, 0);
    fs::write(folder.path().join("list.csv"), list).unwrap();
    folder
}

fn import(folder: &Path, more: &[&str]) -> Answer {
    run(folder, &[&["subscribers", "import", "list.csv"], more].concat())
}

fn listed(folder: &Path, more: &[&str]) -> Vec<String> {
    let answer = run(folder, &[&["subscribers", "list"], more].concat());
    assert_eq!(answer.code, 0, "{}", answer.err);
    answer.out.lines().map(|line| line.split_whitespace().take(4).collect::<Vec<_>>().join(" ")).collect()
}

const GOOD: &str =
    "name;e-mail;cadence\n\"Doe,\nJane\";jane@a.test;monthly\nJoe;joe@a.test;\nJane again;JANE@a.test;\n";

#[test]
fn a_list_is_imported_once_with_consent_and_as_pending_without() {
    let folder = with_list(GOOD);
    let answer = import(folder.path(), &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.out.contains("Imported 2 into posts; 1 were there already"), "{}", answer.out);
    assert!(answer.out.contains("They are pending and get no mail"), "{}", answer.out);
    assert_eq!(listed(folder.path(), &[]), ["jane@a.test posts pending monthly", "joe@a.test posts pending weekly"]);

    let folder = with_list(GOOD);
    assert_eq!(import(folder.path(), &["--consent-source", "old list"]).code, 0);
    assert_eq!(listed(folder.path(), &["joe"]), ["joe@a.test posts active weekly"]);
    let shown = run(folder.path(), &["subscribers", "show", "joe@a.test"]).out;
    assert!(shown.contains("vouched  import  old list"), "{shown}");
}

#[test]
fn whoever_is_pending_becomes_active_once_the_operator_vouches_for_them() {
    let folder = with_list(GOOD);
    import(folder.path(), &[]);
    run(folder.path(), &["subscribers", "unsubscribe", "jane@a.test"]);
    let vouched = import(folder.path(), &["--consent-source", "asked them on paper"]);
    assert!(vouched.out.contains("Imported 0 into posts; 0 were there already, 2 had unsubscribed"), "{}", vouched.out);
    assert!(vouched.out.contains("1 was pending before and active now"), "{}", vouched.out);
    assert_eq!(listed(folder.path(), &["joe"]), ["joe@a.test posts active weekly"]);
    assert_eq!(listed(folder.path(), &["jane"]), ["jane@a.test posts unsubscribed monthly"]);
    let shown = run(folder.path(), &["subscribers", "show", "joe@a.test"]).out;
    assert!(shown.contains("vouched  import  asked them on paper"), "{shown}");
    let again = import(folder.path(), &["--consent-source", "asked them on paper"]);
    assert!(again.out.contains("1 were there already, 2 had") && !again.out.contains("pending"), "{}", again.out);
    run(folder.path(), &["subscribers", "add", "new@a.test"]);
    let added = run(folder.path(), &["subscribers", "add", "new@a.test", "--consent-source", "asked"]);
    assert!(added.out.contains("new@a.test was pending in posts and is active now"), "{}", added.out);
}

#[test]
fn a_faulty_list_is_imported_not_at_all_or_in_its_good_part() {
    let folder = with_list("email\njane@a.test\nnobody\njoe@a.test\n");
    let answer = import(folder.path(), &[]);
    assert_eq!((answer.code, answer.err.as_str()), (1, "error: list.csv:3: column 1: an address has an @ in it\n"));
    assert_eq!(listed(folder.path(), &[]), ["No subscribers yet. To"]);
    assert_eq!(import(folder.path(), &["--partial"]).code, 1);
    assert_eq!(listed(folder.path(), &[]).len(), 2);
}

#[test]
fn a_preview_imports_nothing() {
    let folder = with_list(GOOD);
    let answer = import(folder.path(), &["-n"]);
    assert!(answer.code == 0 && answer.out.contains("Nothing was imported"), "{}", answer.out);
    assert_eq!(listed(folder.path(), &[]), ["No subscribers yet. To"]);
}

#[test]
fn whoever_left_stays_out_whatever_a_list_says() {
    let folder = with_list(GOOD);
    import(folder.path(), &["--consent-source", "old list"]);
    assert_eq!(run(folder.path(), &["subscribers", "unsubscribe", "joe@a.test"]).code, 0);
    let again = import(folder.path(), &["--consent-source", "another list"]);
    assert!(again.out.contains("1 had unsubscribed"), "{}", again.out);
    let added = run(folder.path(), &["subscribers", "add", "joe@a.test", "--consent-source", "asked"]);
    assert_eq!(added.code, 3, "{}", added.out);
    assert_eq!(listed(folder.path(), &["joe"]), ["joe@a.test posts unsubscribed weekly"]);
}

#[test]
fn what_is_no_list_is_refused_before_anything_is_imported() {
    for (bytes, word) in [(&b"\xff\xfea\0"[..], "UTF-16"), (b"", "empty"), (b"a,b\n1,2\n", "no column holds addresses")]
    {
        let folder = with_list("");
        fs::write(folder.path().join("list.csv"), bytes).unwrap();
        let answer = import(folder.path(), &[]);
        assert!(answer.code == 2 && answer.err.contains(word), "{}", answer.err);
    }
}

#[test]
fn an_export_is_safe_in_a_spreadsheet_and_comes_back_the_same() {
    let folder = with_list("email,status\n=cmd@a.test,active\n+tag@a.test,active\nwait@a.test,pending\n");
    import(folder.path(), &["--consent-source", "old list"]);
    run(folder.path(), &["subscribers", "add", "gone@a.test", "--consent-source", "asked"]);
    run(folder.path(), &["subscribers", "unsubscribe", "gone@a.test"]);
    let export = run(folder.path(), &["subscribers", "export"]).out;
    assert!(export.lines().skip(1).all(|line| !line.starts_with(['=', '+', '-', '@'])), "{export}");
    assert!(export.contains("\r\n'=cmd@a.test,posts,active,weekly,"), "{export}");
    assert!(run(folder.path(), &["subscribers", "export", "--raw"]).out.contains("\r\n=cmd@a.test,"));

    let other = with_list(&export);
    assert_eq!(import(other.path(), &["--consent-source", "moved"]).code, 0);
    let (mut still, mut moved) = (listed(folder.path(), &[]), listed(other.path(), &[]));
    still.sort();
    moved.sort();
    assert_eq!(moved, still);
}

#[test]
fn an_export_of_another_program_is_understood_and_who_left_there_stays_out_of_every_later_list() {
    let folder = with_list(
        "email,active_subscription,email_disabled,created_at\nann@a.test,false,false,2024-01-15\nbob@a.test,true,true,2024-02-01\n",
    );
    let shown = import(folder.path(), &["-n"]);
    let expected = "1 row of Substack with addresses in `email`, who must get none in `email_disabled`, since when in `created_at`: ann@a.test\n\
                    1 row is of people who left there";
    assert!(shown.out.starts_with(expected), "{}", shown.out);
    import(folder.path(), &["--consent-source", "Substack"]);
    assert_eq!(listed(folder.path(), &[]), ["ann@a.test posts active weekly", "bob@a.test posts unsubscribed weekly"]);
    assert!(run(folder.path(), &["subscribers", "list", "ann"]).out.contains("15 Jan 2024"));
    fs::write(folder.path().join("list.csv"), "bob@a.test\n").unwrap();
    let again = import(folder.path(), &["--consent-source", "another list"]);
    assert!(again.out.contains("Imported 0 into posts; 0 were there already, 1 had unsubscribed"), "{}", again.out);
}

#[test]
fn what_bounced_or_complained_elsewhere_is_never_mailed_from_here_until_the_list_is_taken_back() {
    let folder = with_list(
        "email,status\nann@a.test,subscribed\nbob@a.test,cleaned\ncyd@a.test,complained\ndan@a.test,blocklisted\n",
    );
    let shown = import(folder.path(), &["-n"]);
    for reason in ["hard bounce", "complaint", "by hand"] {
        let expected = format!("1 row is of addresses that must not be mailed ({reason})");
        assert!(shown.out.contains(&expected), "{}", shown.out);
    }
    let imported = import(folder.path(), &["--consent-source", "Mailchimp"]);
    assert!(imported.out.contains("3 addresses that bounced or complained elsewhere"), "{}", imported.out);
    assert_eq!(listed(folder.path(), &[]), ["ann@a.test posts active weekly"]);
    let why = run(folder.path(), &["why", "bob@a.test"]).out;
    assert!(why.contains("hard bounce: by list.csv"), "{why}");
    fs::write(folder.path().join("more.csv"), "bob@a.test\ncyd@a.test\n").unwrap();
    let again = run(folder.path(), &["subscribers", "import", "more.csv", "--consent-source", "another"]);
    assert!(again.out.contains("Imported 0 into posts") && again.out.contains("2 must not be mailed"), "{}", again.out);
    run(folder.path(), &["subscribers", "undo"]);
    run(folder.path(), &["subscribers", "undo"]);
    let free = run(folder.path(), &["subscribers", "import", "more.csv", "--consent-source", "another"]);
    assert!(free.out.contains("Imported 2 into posts"), "{}", free.out);
}

#[test]
fn the_last_import_is_taken_back() {
    let folder = with_list(GOOD);
    assert_eq!(run(folder.path(), &["subscribers", "undo"]).code, 3);
    run(folder.path(), &["subscribers", "add", "joe@a.test", "--consent-source", "asked"]);
    import(folder.path(), &["--consent-source", "wrong list"]);
    assert!(run(folder.path(), &["subscribers", "undo", "-n"]).out.contains("the import of list.csv into posts"));
    assert_eq!(listed(folder.path(), &[]).len(), 2);
    let undone = run(folder.path(), &["subscribers", "undo"]);
    assert!(undone.out.contains("1 is forgotten, 0 are pending"), "{}{}", undone.out, undone.err);
    assert_eq!(listed(folder.path(), &[]), ["joe@a.test posts active weekly"]);
    assert_eq!(run(folder.path(), &["subscribers", "undo"]).code, 3);
}

#[test]
fn an_export_with_history_tells_everything_known() {
    let folder = with_list(GOOD);
    import(folder.path(), &["--consent-source", "old list"]);
    let export = run(folder.path(), &["subscribers", "export", "--history"]).out;
    let lines: Vec<serde_json::Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["schema"], &lines[0]["address"]), (2, &1.into(), &"jane@a.test".into()));
    assert_eq!((&lines[0]["consents"][0]["words"], &lines[0]["mails"]), (&"old list".into(), &serde_json::json!([])));
}

#[test]
fn every_reading_command_answers_with_one_json_object() {
    let folder = with_list(GOOD);
    let before = run(folder.path(), &["status"]);
    assert!(before.code == 3 && before.err.contains("help: `postroom serve` makes it"), "{}", before.err);
    import(folder.path(), &["--consent-source", "old list"]);
    let settings = fs::read_to_string(folder.path().join("postroom.toml")).unwrap();
    let settings = settings.replace("# url = \"smtp://user@mail.example.org:587\"", "url = \"file:outbox\"");
    fs::write(folder.path().join("postroom.toml"), settings).unwrap();
    fs::write(folder.path().join("posts/old.md"), "---\ntitle: Old\ndate: 2020-01-02\n---\nWords.\n").unwrap();
    let sent = run(folder.path(), &["send", "posts", "--since", "2020-01-01"]);
    assert!(sent.out.contains("dition 1"), "{}{}", sent.out, sent.err);
    for command in [
        &["subscribers", "list"][..],
        &["subscribers", "show", "jane@a.test"],
        &["editions", "list"],
        &["editions", "show", "1", "--state", "accepted"],
        &["editions", "verify", "1"],
        &["status"],
        &["plan"],
        &["check"],
        &["config", "show"],
        &["why", "jane@a.test"],
        &["why", "jane@a.test", "old"],
    ] {
        let answer = run(folder.path(), &[command, &["--json"]].concat());
        let object: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!((answer.code, &object["schema"]), (0, &1.into()), "{command:?}");
        let help = run(folder.path(), &[command, &["--help"]].concat()).out;
        let told = help.split_once("\nJSON:\n").unwrap_or_else(|| panic!("{help}")).1;
        let words: Vec<_> = told.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        keys(&object, &mut |key| assert!(words.contains(&key), "{command:?} tells nowhere of `{key}`: {told}"));
    }
    let shown = run(folder.path(), &["editions", "show", "1"]).out;
    assert!(shown.contains("  posts ") && shown.contains(" Old\n"), "{shown}");
}

fn keys(value: &serde_json::Value, visit: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::Object(object) => object.iter().for_each(|(key, value)| {
            visit(key);
            keys(value, visit);
        }),
        serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, visit)),
        _ => {}
    }
}

#[test]
fn a_damaged_database_is_told_by_check_and_not_served_from() {
    let folder = with_list(GOOD);
    import(folder.path(), &[]);
    let file = folder.path().join("postroom.db");
    let mut bytes = fs::read(&file).unwrap();
    // The last page is the root of an index of the attempts, which few questions need.
    let last = bytes.len() - 4096;
    bytes[last..].fill(0xff);
    fs::write(&file, &bytes).unwrap();
    assert_eq!(run(folder.path(), &["subscribers", "list"]).code, 0);
    let check = run(folder.path(), &["check"]);
    assert!(check.code == 1 && check.out.contains("postroom.db is damaged"), "{}{}", check.out, check.err);
    let serve = run(folder.path(), &["serve"]);
    assert!(serve.code == 4 && serve.err.contains("restore your last backup"), "{}", serve.err);
    assert_eq!(fs::read(&file).unwrap(), bytes, "it is left as it is");
}

#[test]
fn empty_answers_say_what_fills_them_and_unknown_ones_where_to_look() {
    let folder = with_list(GOOD);
    import(folder.path(), &[]);
    assert!(run(folder.path(), &["editions", "list"]).out.contains("postroom plan"));
    assert!(run(folder.path(), &["why", "jane@a.test"]).out.contains("no mail yet"));
    for command in [
        &["why", "nobody@a.test"][..],
        &["why", "nobody@a.test", "--json"],
        &["subscribers", "show", "nobody@a.test"],
        &["subscribers", "show", "nobody@a.test", "--json"],
        &["editions", "show", "7"],
        &["editions", "approve", "7"],
    ] {
        let answer = run(folder.path(), command);
        assert!(answer.code == 3 && answer.err.contains("\n  help: "), "{command:?}: {}", answer.err);
    }
    assert_eq!(run(folder.path(), &["subscribers", "add", "a@a.test", "--newsletter", "none"]).code, 2);
}

#[test]
fn nobody_else_on_the_machine_may_read_who_the_readers_are() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init"]);
    assert_eq!(run(folder.path(), &["subscribers", "add", "jane@example.org"]).code, 0);
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("postroom.db") {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", entry.path().display());
        }
    }
}
