//! How every source file looks, as far as a program can tell.

use super::workspace::files;

const FOLDERS: &[&str] = &["src", "crates", "bench", "tests", "fuzz"];
const LINES_MAX: usize = 400;
/// As `max_width` of `rustfmt.toml` has it for code.
const COLUMNS_MAX: usize = 110;

/// What no source holds, in two halves so that this file does not hold it either.
const FORBIDDEN: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("todo", "!("),
    ("unimple", "mented!"),
    ("(being ", "written)"),
    ("#[al", "low("),
    ("#![al", "low("),
    ("#[ig", "nore"),
];

const SLEEPS: &[(&str, &str)] = &[("thread::", "sleep"), ("time::", "sleep"), ("park_", "timeout")];
/// Where tests look again and again for what they wait for,
/// let time pass, and pretend that a server is far away.
const MAY_SLEEP: &[&str] = &[
    "tests/support/run.rs",
    "tests/servers/src/lib.rs",
    "crates/store/tests/promises/postgres/tampering.rs",
];
/// Lets time pass in a test; the line before says why.
const LETS_PASS: &str = concat!("let_", "pass(");

fn wrong_with(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with("//!") {
        wrong.push(format!("{name}:1: does not begin by saying what the file is for (//!)"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        wrong.push(format!("{name}: has {lines} lines; at most {LINES_MAX} can be taken in at once"));
    }
    let mut is_test = name.contains("tests/") || name.ends_with("/tests.rs");
    let mut is_explained = false;
    // Figures and rows of tables cannot be broken.
    let mut is_figure = false;
    for (number, line) in (1..).zip(text.lines()) {
        is_test |= line.trim_start().starts_with("#[cfg(test)]");
        for (one, other) in FORBIDDEN {
            let word = format!("{one}{other}");
            if line.contains(&word) {
                wrong.push(format!("{name}:{number}: holds {word}"));
            }
        }
        if has_words(line, concat!("for", " now")) {
            wrong.push(format!("{name}:{number}: promises something later"));
        }
        let sleeps = SLEEPS.iter().any(|(one, other)| line.contains(&format!("{one}{other}")));
        if is_test && sleeps && !MAY_SLEEP.contains(&name) {
            wrong.push(format!("{name}:{number}: a test that sleeps; wait for the event itself"));
        }
        if line.contains(LETS_PASS) && !is_explained {
            wrong.push(format!("{name}:{number}: lets time pass, and no comment before it says why"));
        }
        let comment = line.trim_start();
        is_figure ^= comment.starts_with("//") && comment.contains("```");
        let may_be_wide = is_figure || comment.contains('|') || !comment.starts_with("//");
        if !may_be_wide && line.chars().count() > COLUMNS_MAX {
            wrong.push(format!("{name}:{number}: a comment that is wider than code may be"));
        }
        is_explained = comment.starts_with("//") && !comment.starts_with("//!");
    }
    wrong
}

fn has_words(line: &str, words: &str) -> bool {
    let line = line.to_lowercase();
    let is_letter = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    line.match_indices(words).any(|(at, _)| {
        !is_letter(line[..at].chars().next_back()) && !is_letter(line[at + words.len()..].chars().next())
    })
}

#[test]
fn every_source_file_is_short_says_what_it_is_for_and_leaves_nothing_unfinished() {
    let files = files(FOLDERS, ".rs");
    assert!(files.len() > 50, "only {} files were found", files.len());
    let wrong: Vec<String> = files.iter().flat_map(|(name, text)| wrong_with(name, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_unfinished_is_found() {
    let found = |text: &str| wrong_with("src/a.rs", &format!("//! A.\n{text}\n")).len();
    assert_eq!(found("fn a() {}"), 0);
    for (one, other) in FORBIDDEN {
        assert_eq!(found(&format!("{one}{other}")), 1, "{one}{other}");
    }
    assert_eq!(found(concat!("// good for", " now.")), 1);
    assert_eq!(found("// good for nowhere"), 0);
    assert_eq!(found(&format!("// {}", "wide ".repeat(COLUMNS_MAX / 5))), 1);
    let sleep = concat!("std::thread::", "sleep(x)");
    assert_eq!(found(sleep), 0);
    assert_eq!(found(&format!("#[cfg(test)]\n{sleep}")), 1);
    assert_eq!(found(&format!("#[cfg(test)]\n{}", concat!("std::thread::park_", "timeout(x)"))), 1);
    assert_eq!(found(&format!("{LETS_PASS}outage)")), 1);
    assert_eq!(found(&format!("// How long it is away.\n{LETS_PASS}outage)")), 0);
    assert_eq!(wrong_with("src/a.rs", "fn a() {}").len(), 1);
    assert_eq!(wrong_with("src/a.rs", &format!("//! A.\n{}", "\n".repeat(LINES_MAX))).len(), 1);
}
