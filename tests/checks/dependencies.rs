//! What the lock file may hold: libraries under licences that allow handing the binary on, from the registry alone.
//!
//! The licences that are allowed stand in `deny.toml`, where `cargo deny` reads them too; here no tool is needed.

use super::workspace::{read, root};
use serde_json::Value;
use std::collections::BTreeSet;
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

fn allowed_licences() -> BTreeSet<String> {
    let text = read("deny.toml");
    let rules = DeTable::parse(&text).unwrap();
    let Some(DeValue::Table(licences)) = rules.get_ref().get("licenses").map(|value| value.get_ref()) else {
        panic!("deny.toml has no [licenses]");
    };
    let allowed = licences.get("allow").unwrap().get_ref().as_array().unwrap();
    allowed.iter().map(|licence| licence.get_ref().as_str().unwrap().to_owned()).collect()
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
