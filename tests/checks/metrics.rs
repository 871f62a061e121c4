//! `docs/metrics.md` and a running server name the same metrics, with the same labels and the same values of
//! them, and no document names another one.

use super::workspace::{files, read};
use crate::support::server::{KEY, Server, curtail, random_seed};
use crate::support::services::{database, topic};
use curtail_servers::service;
use std::collections::{BTreeMap, BTreeSet};
use tempfile::tempdir;

/// The labels of a metric, each with its values; of one that can have any value there are none.
type Labels = BTreeMap<String, BTreeSet<String>>;

/// What the tables of `docs/metrics.md` say, by the names of the metrics.
fn documented() -> BTreeMap<String, Labels> {
    let text = read("docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `curtail_"));
    rows.map(|row| {
        let (name, rest) = row.split_once('`').expect("a name ends");
        let column = rest.split('|').nth(1).expect("a column of labels");
        (format!("curtail_{name}"), column.split(';').flat_map(labels).collect())
    })
    .collect()
}

/// The labels that a part of the column names: several, of which the last may be followed by a colon and by
/// its values. Where three dots stand among these they are examples.
fn labels(part: &str) -> Labels {
    let (names, values) = part.split_once(':').unwrap_or((part, ""));
    let mut labels: Labels = quoted(names).map(|name| (name, BTreeSet::new())).collect();
    if let Some(last) = quoted(names).last()
        && !values.contains("...")
    {
        labels.insert(last, quoted(values).collect());
    }
    labels
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// What a server shows, by the names of its samples. Of one that has no samples yet no labels are known.
fn served(text: &str) -> BTreeMap<String, Option<Labels>> {
    let mut served = BTreeMap::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').expect("a name and a kind");
            served.insert(format!("{name}{}", if kind == "counter" { "_total" } else { "" }), None);
        } else if !line.starts_with('#') {
            let (name, rest) = line.split_once('{').unwrap_or((line.split(' ').next().unwrap_or(line), ""));
            let labels = served.entry(name.to_owned()).or_default().get_or_insert_with(Labels::new);
            for (label, value) in rest.split("\",").filter_map(|part| part.split_once("=\"")) {
                let value = value.split('"').next().unwrap_or(value).to_owned();
                labels.entry(label.to_owned()).or_default().insert(value);
            }
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
    // What waits in Kafka is shown once it has been asked, which it is beside the start and not in it.
    server.eventually(|server| Some(server.shown()).filter(|shown| shown.contains("curtail_log_waiting")))
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
    for (name, mut labels) in served.into_iter().filter_map(|(name, labels)| Some((name, labels?))) {
        for (label, values) in &mut labels {
            if documented[&name].get(label).is_none_or(BTreeSet::is_empty) {
                values.clear();
            }
        }
        assert_eq!(
            documented[&name], labels,
            "left: what docs/metrics.md says of {name}; right: its labels and their values"
        );
    }
}

#[test]
fn what_stands_behind_engines_that_are_not_set_is_not_shown() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--admin-listen", "127.0.0.1:0"]);
    let shown: Vec<String> = served(&server.shown()).into_keys().collect();
    assert!(shown.contains(&"curtail_clicks_counted_total".to_owned()), "it shows {shown:?}");
    for elsewhere in
        ["redis", "bus", "replica", "write_behind", "log", "broker", "clicks_shipped", "clicks_repeated"]
    {
        let elsewhere = format!("curtail_{elsewhere}");
        let found = shown.iter().find(|name| name.starts_with(&elsewhere));
        assert_eq!(found, None, "there is nothing of the kind beside this server");
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
