//! What keeps a process from starting is said with the setting and the remedy.

use crate::support::{find, open_store};
use crate::topic::{Topic, brokers, wait};
use curtail_clicks::kafka::{self, Config, TopicError};
use curtail_store::Rollups;
use std::sync::Arc;

fn refusal(config: &Config, rollups: &Arc<dyn Rollups>) -> TopicError {
    wait(kafka::Topic::find(config, &**rollups)).unwrap_err()
}

fn says(error: &TopicError, parts: &[&str]) {
    let text = error.to_string();
    parts.iter().for_each(|part| assert!(text.contains(part), "{part:?} is missing in: {text}"));
}

#[test]
fn a_topic_that_is_missing_is_named_with_the_command_that_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let rollups = open_store(folder.path());
    let config = Config { brokers: brokers(), topic: "test-no-such-topic".into() };
    let error = refusal(&config, &rollups);
    assert!(matches!(error, TopicError::Missing { .. }), "{error:?}");
    says(&error, &["kafka.topic", "test-no-such-topic", "--create", "--partitions 12"]);
    // And asking did not make it.
    assert!(matches!(refusal(&config, &rollups), TopicError::Missing { .. }));
}

#[test]
fn a_topic_with_another_number_of_partitions_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rollups = open_store(folder.path());
    let (three, five) = (Topic::new(3), Topic::new(5));
    assert_eq!(find(&three, &rollups).partitions, 3);
    assert_eq!(find(&three, &rollups), find(&three, &rollups), "again and again");
    let error = refusal(&five.config, &rollups);
    assert!(matches!(error, TopicError::OtherPartitions { found: 5, remembered: 3, .. }), "{error:?}");
    says(&error, &["kafka.topic", "has 5 partitions", "counted from 3", "topic with 3 partitions"]);
    let missing = Config { topic: "test-no-such-topic".into(), ..three.config.clone() };
    says(&refusal(&missing, &rollups), &["--partitions 3"]);
}

#[test]
fn brokers_that_cannot_be_reached_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let rollups = open_store(folder.path());
    // Nobody listens on the discard port.
    let config = Config { brokers: "127.0.0.1:9".into(), topic: "clicks".into() };
    let error = refusal(&config, &rollups);
    assert!(matches!(error, TopicError::Unreachable { .. }), "{error:?}");
    says(&error, &["kafka.brokers", "127.0.0.1:9", "Check the addresses"]);
    let error = wait(kafka::Topic::find_or_recall(&config, &*rollups)).unwrap_err();
    assert!(matches!(error, TopicError::Unreachable { .. }), "there is nothing to recall");
}
