//! What keeps a process from starting is said with the setting and the remedy.

use crate::engine::{Engine, Place, on_each_engine};
use crate::support::{
    Ground, assert_each_once, find, find_in, ship, start_worker, until_counted, until_status,
};
use crate::topic::{Topic, brokers, wait};
use curtail_clicks::kafka::{self, Config, TopicError};
use curtail_servers::PATIENCE;
use curtail_store::Rollups;
use std::sync::Arc;

on_each_engine!(
    a_topic_that_is_missing_is_named_with_the_command_that_makes_it,
    a_topic_with_fewer_partitions_than_clicks_are_counted_from_is_refused,
    another_topic_than_clicks_went_to_is_refused_unless_it_replaces_that,
    partitions_that_are_added_later_stay_empty_and_all_goes_on,
    brokers_that_cannot_be_reached_are_named,
);

fn refusal(config: &Config, rollups: &Arc<dyn Rollups>) -> TopicError {
    wait(kafka::Topic::find(config, &**rollups)).unwrap_err()
}

fn says(error: &TopicError, parts: &[&str]) {
    let text = error.to_string();
    parts.iter().for_each(|part| assert!(text.contains(part), "{part:?} is missing in: {text}"));
}

fn a_topic_that_is_missing_is_named_with_the_command_that_makes_it(engine: Engine) {
    let place = Place::new(engine);
    let store = place.open();
    let rollups = &store.rollups;
    let config = Config { brokers: brokers(), topic: "test-no-such-topic".into(), replaces: None };
    let error = refusal(&config, rollups);
    assert!(matches!(error, TopicError::Missing { .. }), "{error:?}");
    says(&error, &["kafka.topic", "test-no-such-topic", "--create", "--partitions 12"]);
    // And asking did not make it.
    assert!(matches!(refusal(&config, rollups), TopicError::Missing { .. }));
}

fn a_topic_with_fewer_partitions_than_clicks_are_counted_from_is_refused(engine: Engine) {
    let place = Place::new(engine);
    let store = place.open();
    let rollups = &store.rollups;
    let (three, two) = (Topic::new(3), Topic::new(2));
    assert_eq!(find(&three, rollups).partitions, 3);
    assert_eq!(find(&three, rollups), find(&three, rollups), "again and again");
    let before = Some(three.config.topic.clone());
    let error = refusal(&Config { replaces: before.clone(), ..two.config.clone() }, rollups);
    assert!(matches!(error, TopicError::FewerPartitions { found: 2, remembered: 3, .. }), "{error:?}");
    says(&error, &["kafka.topic", "has 2 partitions", "counted from 3", "--alter", "--partitions 3"]);
    let missing = Config { topic: "test-no-such-topic".into(), replaces: before, ..three.config.clone() };
    says(&refusal(&missing, rollups), &["--partitions 3"]);
}

fn another_topic_than_clicks_went_to_is_refused_unless_it_replaces_that(engine: Engine) {
    let place = Place::new(engine);
    let store = place.open();
    let rollups = &store.rollups;
    let (one, other) = (Topic::new(2), Topic::new(2));
    find(&one, rollups);
    let error = refusal(&other.config, rollups);
    assert!(matches!(error, TopicError::Other { .. }), "{error:?}");
    says(&error, &["kafka.topic", "kafka.replaces", &other.config.topic]);
    let replacing = |name: &str| Config { replaces: Some(name.to_owned()), ..other.config.clone() };
    assert!(matches!(refusal(&replacing("test-neither"), rollups), TopicError::Other { .. }));
    let found = find_in(&replacing(&one.config.topic), rollups);
    assert_eq!(found.name, other.config.topic);
    // It is the one from now on, and what was before is another one.
    find(&other, rollups);
    assert!(matches!(refusal(&one.config, rollups), TopicError::Other { .. }));
    // A name that was mistyped is not remembered.
    let missing = Config { topic: "test-no-such-topic".into(), ..replacing(&other.config.topic) };
    assert!(matches!(refusal(&missing, rollups), TopicError::Missing { .. }));
    find(&other, rollups);
}

fn partitions_that_are_added_later_stay_empty_and_all_goes_on(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 2);
    let rollups = &store.rollups;
    ship(&place.journal(), &topic.config, &found, 1..1_001);
    let topic = topic.grow(5);
    let found = find(&topic, rollups);
    assert_eq!(found.partitions, 2, "as many as there were");
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until_status(&worker, |status| status.partitions == 5);
    let another = tempfile::tempdir().unwrap();
    ship(another.path(), &topic.config, &found, 1_001..2_001);
    until_counted(&topic, &found, rollups);
    assert_eq!(topic.ends()[2..], [0, 0, 0]);
    worker.drain(PATIENCE);
    assert_each_once(rollups, 1..2_001);
}

fn brokers_that_cannot_be_reached_are_named(engine: Engine) {
    let place = Place::new(engine);
    let store = place.open();
    let rollups = &store.rollups;
    // Nobody listens on the discard port.
    let config = Config { brokers: "127.0.0.1:9".into(), topic: "clicks".into(), replaces: None };
    let error = refusal(&config, rollups);
    assert!(matches!(error, TopicError::Unreachable { .. }), "{error:?}");
    says(&error, &["kafka.brokers", "127.0.0.1:9", "Check the addresses"]);
    let error = wait(kafka::Topic::find_or_recall(&config, &**rollups)).unwrap_err();
    assert!(matches!(error, TopicError::Unreachable { .. }), "there is nothing to recall");
}
