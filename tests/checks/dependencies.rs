//! What the lock file may hold: libraries under licences that
//! allow handing the binary on, from the registry alone.
//!
//! What is allowed stands in `deny.toml`, where `cargo deny` reads it too; here no tool is needed.

use super::architecture::{quoted, table};
use super::workspace::{read, root, short};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use toml::de::{DeTable, DeValue};

/// Everything that is built for the machines we build for.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--filter-platform=x86_64-unknown-linux-gnu"]);
    let output = cargo.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(all) = metadata["packages"].take() else { panic!("cargo metadata names no packages") };
    all
}

/// Reads one list of `deny.toml`.
fn rules<T>(section: &str, list: &str, read_one: impl Fn(&DeValue<'_>) -> T) -> Vec<T> {
    let text = read("deny.toml");
    let rules = DeTable::parse(&text).unwrap();
    let section = rules.get_ref().get(section).and_then(|value| value.get_ref().as_table());
    let list = section.and_then(|section| section.get(list)).and_then(|value| value.get_ref().as_array());
    list.expect("deny.toml has this list").iter().map(|value| read_one(value.get_ref())).collect()
}

fn text(value: &DeValue<'_>) -> String {
    value.as_str().expect("a text").to_owned()
}

fn allowed_licences() -> BTreeSet<String> {
    rules("licenses", "allow", text).into_iter().collect()
}

/// The libraries that `deny.toml` leaves to some, with those of them that are ours.
fn wrapped() -> BTreeMap<String, BTreeSet<String>> {
    let rules = rules("bans", "deny", |rule| {
        let rule = rule.as_table().expect("a rule");
        let wrappers = rule.get("wrappers").and_then(|value| value.get_ref().as_array())?;
        let ours =
            wrappers.iter().map(|name| text(name.get_ref())).filter(|name| name.starts_with("curtail"));
        Some((text(rule.get("crate")?.get_ref()), ours.map(|name| short(&name)).collect()))
    });
    rules.into_iter().flatten().collect()
}

/// Whether an SPDX expression can be met with the licences that are allowed. `OR` binds less than `AND`.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    any_of(&mut words.as_slice(), allowed)
}

fn any_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = all_of(words, allowed);
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let Some((word, rest)) = words.split_first() else { return false };
    *words = rest;
    if *word == "(" {
        let met = any_of(words, allowed);
        *words = words.split_first().map_or(&[], |(_, rest)| rest);
        return met;
    }
    // An exception only adds to what its licence allows.
    if let ["WITH", _, rest @ ..] = *words {
        *words = rest;
    }
    allowed.contains(*word)
}

#[test]
fn every_library_comes_from_the_registry_under_a_licence_that_is_allowed() {
    let allowed = allowed_licences();
    let mut wrong = Vec::new();
    for package in packages() {
        // Packages of the workspace itself have no source.
        let Some(source) = package["source"].as_str() else { continue };
        let name = &package["name"];
        if !source.starts_with("registry+") {
            wrong.push(format!("{name} comes from {source}"));
        }
        if !package["license"].as_str().is_some_and(|expression| is_met(expression, &allowed)) {
            wrong.push(format!("{name} has the licence {}", package["license"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_library_that_is_left_to_some_is_left_to_those_whom_the_architecture_names() {
    let wrapped = wrapped();
    assert!(wrapped.len() > 5, "deny.toml leaves {} libraries to some", wrapped.len());
    let owners = table("| library | only in |");
    for (library, ours) in wrapped {
        let named = owners.get(&library).unwrap_or_else(|| panic!("{library} is not in ARCHITECTURE.md"));
        assert_eq!(ours, quoted(named), "left: deny.toml on {library}; right: ARCHITECTURE.md");
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Unicode-3.0".to_owned()]);
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "Apache-2.0/MIT",
        "GPL-3.0 AND X OR MIT",
    ] {
        assert!(is_met(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND X", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(!is_met(bad, &allowed), "{bad}");
    }
}
