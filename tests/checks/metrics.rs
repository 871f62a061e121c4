//! `docs/metrics.md` and a running server name the same metrics with the same labels, and no document names another one.

use super::workspace::{files, read};
use crate::support::server::{KEY, Server, curtail, random_seed};
use crate::support::services::{database, topic};
use curtail_servers::service;
use std::collections::{BTreeMap, BTreeSet};
use tempfile::tempdir;

/// The names of metrics, each with those of its labels where they are known.
type Metrics = BTreeMap<String, BTreeSet<String>>;

/// What the tables of `docs/metrics.md` say.
fn documented() -> Metrics {
    let text = read("docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `curtail_"));
    rows.map(|row| {
        let (name, rest) = row.split_once('`').expect("a name ends");
        let labels = rest.split('|').nth(1).expect("a column of labels");
        // A label comes first, or after a semicolon; its values follow a colon.
        let labels = labels.split(';').filter_map(|part| part.split(':').next());
        let named = labels.flat_map(|part| part.split('`').skip(1).step_by(2)).map(str::to_owned);
        (format!("curtail_{name}"), named.collect())
    })
    .collect()
}

/// What a server shows, by the names of its samples. Of one that has no samples yet no labels are known.
fn served(text: &str) -> BTreeMap<String, Option<BTreeSet<String>>> {
    let mut served = BTreeMap::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').expect("a name and a kind");
            served.insert(format!("{name}{}", if kind == "counter" { "_total" } else { "" }), None);
        } else if !line.starts_with('#') {
            let (name, labels) = line.split_once('{').unwrap_or((line.split(' ').next().unwrap_or(line), ""));
            let labels = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            served.insert(name.to_owned(), Some(labels.map(str::to_owned).collect()));
        }
    }
    served
}

/// Everything that a server shows which has all engines beside it, and was asked for something of each kind.
fn shown_with_all_engines() -> String {
    let name = format!("metrics_{:x}", random_seed());
    let url = database(&name);
    let replicas: Vec<String> = service("CURTAIL_TEST_REPLICAS")
        .split(',')
        .map(|replica| format!("{}/{name}", replica.rsplit_once('/').expect("it names a database").0))
        .collect();
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", url)
        .env("CURTAIL_DATABASE_REPLICA_URLS", replicas.join(","))
        .env("CURTAIL_REDIS_URL", service("CURTAIL_TEST_REDIS"))
        .env("CURTAIL_KAFKA_BROKERS", service("CURTAIL_TEST_KAFKA"))
        .env("CURTAIL_KAFKA_TOPIC", topic(&name, 1))
        .env("CURTAIL_CACHE_STRATEGY", "write-behind")
        .env("CURTAIL_ADMIN_KEY", KEY);
    let data = tempdir().unwrap();
    let server =
        Server::launch(command, data.path(), vec!["--admin-listen".to_owned(), "127.0.0.1:0".to_owned()]);
    assert_eq!(server.api("GET", "/api/v1/tags", None).status, 200);
    server.shown()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_served() {
    let (documented, served) = (documented(), served(&shown_with_all_engines()));
    let names = |metrics: Vec<&String>| -> BTreeSet<String> { metrics.into_iter().cloned().collect() };
    assert_eq!(
        names(documented.keys().collect()),
        names(served.keys().collect()),
        "left: docs/metrics.md; right: what a server with all engines shows"
    );
    for (name, labels) in &served {
        if let Some(labels) = labels {
            assert_eq!(
                &documented[name], labels,
                "left: what docs/metrics.md says of {name}; right: its labels"
            );
        }
    }
}

#[test]
fn no_document_names_a_metric_that_there_is_not() {
    let documented = documented();
    let mut texts = files(&["docs", "deploy"], "");
    texts.extend(["ARCHITECTURE.md", "README.md"].map(|name| (name.to_owned(), read(name))));
    let mut seen = 0;
    for (name, text) in texts {
        for metric in named(&text) {
            seen += 1;
            assert!(
                documented.contains_key(&metric),
                "{name} names {metric}, which docs/metrics.md does not"
            );
        }
    }
    assert!(seen > documented.len(), "only {seen} names were found");
}

/// The metrics that a text names: what begins as they do, as a word of its own.
fn named(text: &str) -> Vec<String> {
    let is_part =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    text.match_indices("curtail_")
        .filter(|(at, _)| !text[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
        .map(|(at, _)| text[at..].chars().take_while(|&character| is_part(character)).collect())
        .collect()
}
