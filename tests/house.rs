//! The rules of the house, checked on the source tree itself: who may import whom, where clock, randomness, SQL and
//! markup are at home, and what every file, migration, dependency and view owes its reader.

mod source;
mod tree;

use source::{Source, sources};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// Fails with every offence at once, each on its own line.
#[track_caller]
fn none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// What each room may import, the rooms being the top-level modules of `src/`: from the binary down to the nouns.
const ROOMS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["app", "tasks", "http", "context", "settings", "system", "telemetry", "LOW", "domain"]),
    ("app", &["tasks", "http", "context", "settings", "system", "telemetry", "LOW", "domain"]),
    ("tasks", &["context", "settings", "system", "telemetry", "LOW", "domain", "failpoint"]),
    ("http", &["context", "settings", "system", "telemetry", "LOW", "domain"]),
    ("context", &["settings", "system", "telemetry", "LOW", "domain"]),
    ("system", &["context", "domain"]),
    ("telemetry", &["settings", "domain"]),
    ("settings", &["domain"]),
    ("archive", &["domain"]),
    ("feeds", &["domain"]),
    ("views", &["domain"]),
    ("fetch", &["domain"]),
    ("transport", &["domain", "failpoint"]),
    ("bounces", &["domain"]),
    ("store", &["domain", "failpoint"]),
    ("domain", &[]),
    ("failpoint", &[]),
];

/// The rooms that know only the nouns, and never each other.
const LOW: &[&str] = &["archive", "feeds", "views", "bounces", "fetch", "transport", "store"];

fn may_import(room: &str, other: &str) -> bool {
    let allowed = ROOMS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    room == other || allowed.contains(&other) || (allowed.contains(&"LOW") && LOW.contains(&other))
}

#[test]
fn imports_point_one_way_from_the_binary_to_the_nouns() {
    let mut offences = vec![];
    for source in sources("src").iter().filter(|source| source.room != "lib") {
        if !ROOMS.iter().any(|(room, _)| *room == source.room) {
            offences.push(format!("{}: a room the table in tests/house.rs does not know", source.path));
        }
        for (line, other) in source.imported_rooms() {
            if !may_import(&source.room, &other) {
                offences.push(format!("{}:{line}: {} must not import {other}", source.path, source.room));
            }
        }
    }
    none("imports against the direction of the house", &offences);
}

/// Every place outside `home` where one of these sequences of tokens stands.
fn strays(sequences: &[&str], home: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut offences = vec![];
    for source in sources("src").iter().filter(|source| !home(source)) {
        for sequence in sequences {
            for line in source.lines_with(sequence) {
                offences.push(format!("{}:{line}: {sequence}", source.path));
            }
        }
    }
    offences
}

#[test]
fn only_system_reads_the_clock_and_draws_randomness() {
    // Tokio's Instant is for deadlines and stays allowed; clippy's disallowed-methods tells it from the standard one.
    let clocks = ["SystemTime::now", "Utc::now", "Local::now", "std::time::Instant", "disallowed_methods"];
    let chances = ["rand", "SystemRandom", "OsRng", "thread_rng", "getrandom", "fastrand", "RandomState"];
    let home = |source: &Source| source.path == "src/system.rs";
    none("the clock or randomness outside src/system.rs", &strays(&clocks, home));
    none("the clock or randomness outside src/system.rs", &strays(&chances, home));
}

#[test]
fn only_the_store_speaks_sql() {
    none("sqlx outside src/store", &strays(&["sqlx"], |source| source.room == "store"));
    let mut offences = vec![];
    for source in sources("src").iter().filter(|source| source.room != "store") {
        for (line, text) in &source.strings {
            let has = |words: &[&str]| words.iter().all(|word| text.contains(word));
            let sql = has(&["SELECT ", " FROM "])
                || has(&["INSERT INTO "])
                || has(&["UPDATE ", " SET "])
                || has(&["DELETE FROM "])
                || has(&["CREATE TABLE "])
                || has(&["PRAGMA "]);
            if sql {
                offences.push(format!("{}:{line}: {text}", source.path));
            }
        }
    }
    none("SQL outside src/store", &offences);
}

#[test]
fn only_views_and_the_demos_inbox_write_markup() {
    let home = |source: &Source| source.room == "views" || source.path.starts_with("src/cli/demo");
    none("maud outside src/views", &strays(&["maud", "html!"], home));
}

#[test]
fn every_view_has_a_sample() {
    let views: Vec<_> = sources("src").iter().filter(|source| source.room == "views").collect();
    let folder = |source: &Source| Path::new(&source.path).parent().map(Path::to_owned);
    let others = || sources("src").iter().filter(|source| source.room != "views");
    let mut offences = vec![];
    for view in views.iter().filter(|view| !view.path.contains("samples")) {
        for (line, name) in view.functions_giving(&["Markup", "Mail"]) {
            // What is asked for outside has a sample of its own; a piece is seen in those of other views.
            let is_whole = others().any(|other| other.calls_in_another_room(&name));
            let mut near = views.iter().filter(|other| folder(other) == folder(view));
            let is_shown = match is_whole {
                true => near.any(|other| other.path.contains("samples") && other.calls(&name)),
                false => near.any(|other| other.uses(&name)),
            };
            if !is_shown {
                offences.push(format!("{}:{line}: {name}", view.path));
            }
        }
    }
    none("views that no sample shows", &offences);
    assert!(views.iter().any(|view| view.path.contains("samples")), "where did the samples go?");
}

#[test]
fn the_nouns_do_no_input_or_output() {
    let foreign = ["async", "tokio", "serde", "sqlx", "axum", "lettre", "maud", "std::fs", "std::net", "std::io"];
    none("input, output or a framework in src/domain", &strays(&foreign, |source| source.room != "domain"));
}

#[test]
fn no_file_is_longer_than_a_person_holds_in_the_head() {
    let mut offences = vec![];
    for source in sources("src").iter().chain(sources("tests")) {
        let lines = source.lines_of_code();
        if lines > 400 {
            offences.push(format!("{}: {lines} lines of code", source.path));
        }
    }
    none("over 400 lines of code; there is a second room in it", &offences);
}

#[test]
fn every_migration_opens_with_its_reason() {
    let mut offences = vec![];
    for entry in fs::read_dir(Path::new(PROJECT).join("migrations")).expect("migrations") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a migration");
        let opening: String = text.lines().map_while(|line| line.strip_prefix("--")).collect();
        if opening.split_whitespace().count() < 8 {
            offences.push(path.display().to_string());
        }
    }
    none("migrations that do not open with a comment saying why", &offences);
}

#[test]
fn every_dependency_gives_its_reason() {
    let manifest = fs::read_to_string(Path::new(PROJECT).join("Cargo.toml")).expect("Cargo.toml");
    let mut table = "";
    let mut offences = vec![];
    for line in manifest.lines() {
        if line.starts_with('[') {
            table = line;
        } else if table.contains("dependencies") && !line.trim().is_empty() && !line.starts_with('#') {
            let reason = line.rsplit_once(" # ").map_or("", |(_, reason)| reason);
            if reason.split_whitespace().count() < 2 {
                offences.push(line.to_owned());
            }
        }
    }
    none("dependencies without their reason on the line", &offences);
}

#[test]
fn nothing_is_left_for_later_and_no_lint_is_silenced_without_a_reason() {
    let mut offences = vec![];
    // In pieces, so that this file may be searched too.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("dbg", "!("), "#[ignore]"];
    for source in sources("src").iter().chain(sources("tests")).filter(|source| source.path != "tests/house.rs") {
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
        for line in source.unexplained_silences() {
            offences.push(format!("{}:{line}: a silenced lint without a reason", source.path));
        }
    }
    none("left for later", &offences);
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let parent = Path::new(PROJECT).parent().expect("a folder above");
    let mut strangers = vec![format!("{PROJECT}/"), concat!("/ro", "ot/").to_owned()];
    // A folder that every machine has, such as the one for temporary files, tells nothing of this one.
    if parent.components().count() > 2 {
        strangers.push(format!("{}/", parent.display()));
    }
    strangers.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1).map(|home| format!("{home}/")));
    let registries = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("pythonhosted", ".org"),
        concat!("registry.npmjs", ".org"),
        concat!("proxy.golang", ".org"),
        concat!("deb.debian", ".org"),
    ];
    strangers.extend(registries.map(str::to_owned));
    let mut offences = vec![];
    // Cargo writes its own registry into its lock files.
    for path in tree::files().iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let Ok(bytes) = fs::read(Path::new(PROJECT).join(path)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate() {
            if let Some(stranger) = strangers.iter().find(|stranger| line.contains(stranger.as_str())) {
                offences.push(format!("{path}:{}: {stranger}", number + 1));
            }
        }
    }
    none("files that name this machine or a package registry", &offences);
}

#[test]
fn the_table_of_rooms_is_the_tree() {
    let known: BTreeSet<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    let library = fs::read_to_string(Path::new(PROJECT).join("src/lib.rs")).expect("src/lib.rs");
    let declared = library.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let strangers: Vec<_> = declared.filter(|room| !known.contains(*room)).map(str::to_owned).collect();
    none("rooms in src/lib.rs that tests/house.rs does not know", &strangers);
}
