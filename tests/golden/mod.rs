//! Golden files: what a pure function of fixed input wrote, byte for byte.
//!
//! `UPDATE_GOLDEN=1 cargo test` rewrites the files; read the difference in git
//! before it is committed.

use std::path::{Path, PathBuf};

/// Lines of agreement shown before the first difference, and lines of each
/// side shown from there on.
const CONTEXT: usize = 2;
const SHOWN: usize = 4;

/// Compares `bytes` with `tests/golden/{name}`.
///
/// # Panics
/// When they differ or the file is missing: names the file, shows the first
/// difference, and says how to accept it.
#[track_caller]
pub fn golden(name: &str, bytes: &[u8]) {
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        return;
    }
    let Ok(expected) = std::fs::read(&path) else {
        panic!("tests/golden/{name} is missing; UPDATE_GOLDEN=1 cargo test writes it");
    };
    if let Some(difference) = difference(&expected, bytes) {
        panic!("tests/golden/{name} differs {difference}\nright as it is? UPDATE_GOLDEN=1 cargo test accepts it");
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The first difference in words; `None` when both are equal. Carriage returns
/// and control characters are shown escaped, as they are often the difference.
fn difference(expected: &[u8], actual: &[u8]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let split = |bytes: &[u8]| -> Vec<String> {
        bytes.split_inclusive(|b| *b == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    };
    let (old, new) = (split(expected), split(actual));
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(CONTEXT);
    let mut text = format!("at line {}", same + 1);
    let mut show = |mark: char, lines: &[String]| {
        for line in lines {
            let shown: String = line.trim_end_matches('\n').chars().flat_map(visible).collect();
            text.push_str(&format!("\n{mark} {shown}"));
        }
    };
    show(' ', &old[from..same]);
    show('-', &old[same..old.len().min(same + SHOWN)]);
    show('+', &new[same..new.len().min(same + SHOWN)]);
    Some(text)
}

fn visible(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

#[test]
fn a_golden_file_that_differs_shows_the_first_differing_lines() {
    assert_eq!(difference(b"a\nb\n", b"a\nb\n"), None);
    let shown = difference(b"1\n2\n3\n4\n5\n", b"1\n2\n3\nfour\r\n5\n").unwrap();
    assert_eq!(shown, "at line 4\n  2\n  3\n- 4\n- 5\n+ four\\r\n+ 5");
    assert_eq!(difference(b"1\n", b"1").unwrap(), "at line 1\n- 1\n+ 1");
}

#[test]
fn a_missing_golden_file_fails_and_names_itself() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return; // it would be written
    }
    let failure = std::panic::catch_unwind(|| golden("no-such-file", b"")).unwrap_err();
    assert!(failure.downcast_ref::<String>().unwrap().contains("tests/golden/no-such-file is missing"));
}
