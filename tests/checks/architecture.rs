//! ARCHITECTURE.md says which crate may use which, which library belongs to which crate, and which test holds
//! which promise; the manifests and the tests agree.

use super::workspace::{files, packages, read, short};
use std::collections::{BTreeMap, BTreeSet};

/// What stands in a section of ARCHITECTURE.md.
fn section(title: &str) -> String {
    let text = read("ARCHITECTURE.md");
    let heading = format!("\n## {title}\n");
    let after =
        text.split_once(&heading).unwrap_or_else(|| panic!("ARCHITECTURE.md has no section {title}")).1;
    after.split("\n## ").next().unwrap_or(after).to_owned()
}

/// A table on crates and libraries: each name in the first column with the cell beside it.
pub(super) fn table(header: &str) -> BTreeMap<String, String> {
    let section = section("Crates and their direction");
    let body = section.split_once(header).unwrap_or_else(|| panic!("there is no table {header}")).1;
    let rows = body.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let mut cells = row.trim_matches('|').split('|');
        let (first, second) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        quoted(first).into_iter().map(|name| (name, second.to_owned())).collect::<Vec<_>>()
    })
    .collect()
}

/// What stands between backticks, packages by their short names.
pub(super) fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(short).collect()
}

#[test]
fn crates_use_exactly_the_crates_that_the_architecture_allows() {
    let packages = packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    // The root composes all crates; that it does needs no list.
    let all = || -> BTreeSet<String> {
        let crates = names.iter().filter(|name| !matches!(**name, "curtail" | "bench" | "servers"));
        crates.map(|name| (*name).to_owned()).collect()
    };
    let rows = table("| crate | may use | must not see |").into_iter();
    let allowed: BTreeMap<String, BTreeSet<String>> = rows
        .map(|(name, cell)| (short(&name), if cell.trim() == "all" { all() } else { quoted(&cell) }))
        .collect();
    let used: BTreeMap<String, BTreeSet<String>> = packages
        .iter()
        .map(|package| {
            let ours = package.dependencies.iter().filter(|name| names.contains(name.as_str()));
            (package.name.clone(), ours.cloned().collect())
        })
        .collect();
    assert_eq!(used, allowed, "left: the manifests; right: the table in ARCHITECTURE.md");
}

#[test]
fn each_great_library_is_named_only_by_the_crates_that_own_it() {
    let packages = packages();
    let owners = |library: &str| -> BTreeSet<String> {
        let naming = packages.iter().filter(|package| package.dependencies.contains(library));
        naming.map(|package| package.name.clone()).collect()
    };
    let rows = table("| library | only in |").into_iter();
    let allowed: BTreeMap<String, BTreeSet<String>> =
        rows.map(|(library, cell)| (library, quoted(&cell))).collect();
    let used: BTreeMap<String, BTreeSet<String>> =
        allowed.keys().map(|library| (library.clone(), owners(library))).collect();
    assert_eq!(used, allowed, "left: the manifests; right: the table in ARCHITECTURE.md");
    for library in ["rusqlite", "redis", "axum", "hyper"] {
        assert!(allowed.contains_key(library), "{library} has no owner in ARCHITECTURE.md");
    }
}

/// What makes a test of each name that it lists, once for each engine.
const SUITES: [&str; 2] = ["suite!(", "on_each_engine!("];

/// Whether a source has a test of this name: marked as one, or in the list of a suite.
fn is_a_test(source: &str, name: &str) -> bool {
    let suites = SUITES.iter().flat_map(|begin| source.split(begin).skip(1));
    let mut listed = suites.filter_map(|rest| rest.split_once(");")).flat_map(|(suite, _)| suite.lines());
    if listed.any(|line| line.trim() == format!("{name},")) {
        return true;
    }
    let Some(at) = source.find(&format!("fn {name}(")) else { return false };
    let line = source[..at].rfind('\n').unwrap_or(0);
    let mut above = source[..line].lines().rev().take(4).take_while(|line| !line.trim().is_empty());
    above.any(|line| line.trim().starts_with("#[test]") || line.trim().starts_with("#[tokio::test"))
}

#[test]
fn every_test_that_is_said_to_hold_a_promise_exists() {
    let sources = files(&["src", "crates", "bench", "tests"], ".rs");
    let is_name = |text: &str| {
        text.contains('_') && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let named: BTreeSet<String> =
        quoted(&section("The promises")).into_iter().filter(|text| is_name(text)).collect();
    assert!(!named.is_empty(), "the section on promises names no test");
    let is_run = |name: &str| sources.iter().any(|(_, text)| is_a_test(text, name));
    let missing: Vec<&String> = named.iter().filter(|name| !is_run(name)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names tests that do not exist: {missing:?}");
    // What tests start as a process of its own, to be killed, is a test only to the runner: started by it, it
    // does nothing.
    let helpers: Vec<&String> = named.iter().filter(|name| name.starts_with("helper_process_")).collect();
    assert!(helpers.is_empty(), "ARCHITECTURE.md names what holds no promise: {helpers:?}");
}

#[test]
fn every_source_that_a_document_names_exists() {
    const ENDINGS: [&str; 4] = [".rs", ".sql", ".lua", ".proto"];
    let folders = ["src", "crates", "bench", "tests", "fuzz/fuzz_targets", "dev", "deploy"];
    let sources: Vec<String> = ENDINGS
        .iter()
        .flat_map(|ending| files(&folders, ending))
        .map(|(name, _)| format!("/{name}"))
        .collect();
    let is_source = |text: &str| {
        let is_path = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        is_path && ENDINGS.iter().any(|ending| text.ends_with(ending))
    };
    let mut documents = files(&["docs"], ".md");
    documents.extend(["ARCHITECTURE.md", "README.md"].map(|name| (name.to_owned(), read(name))));
    let mut missing = Vec::new();
    for (document, text) in documents {
        for named in quoted(&text).into_iter().filter(|text| is_source(text)) {
            if !sources.iter().any(|source| source.ends_with(&format!("/{named}"))) {
                missing.push(format!("{document}: {named}"));
            }
        }
    }
    assert!(missing.is_empty(), "documents name sources that do not exist: {missing:?}");
}
