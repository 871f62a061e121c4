//! What keeps a process from starting is said with the setting and the remedy.

use crate::engine::{Engine, Place, on_each_engine};
use crate::support::{Ground, assert_each_once, find, ship, start_worker, until_counted, until_status};
use crate::topic::{Topic, brokers, wait};
use curtail_clicks::kafka::{self, Config, TopicError};
use curtail_servers::PATIENCE;
use curtail_store::Rollups;
use std::sync::Arc;

on_each_engine!(
    a_topic_that_is_missing_is_named_with_the_command_that_makes_it,
    a_topic_with_fewer_partitions_than_clicks_are_counted_from_is_refused,
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
    let config = Config { brokers: brokers(), topic: "test-no-such-topic".into() };
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
    let error = refusal(&two.config, rollups);
    assert!(matches!(error, TopicError::FewerPartitions { found: 2, remembered: 3, .. }), "{error:?}");
    says(&error, &["kafka.topic", "has 2 partitions", "counted from 3", "--alter", "--partitions 3"]);
    let missing = Config { topic: "test-no-such-topic".into(), ..three.config.clone() };
    says(&refusal(&missing, rollups), &["--partitions 3"]);
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
    let config = Config { brokers: "127.0.0.1:9".into(), topic: "clicks".into() };
    let error = refusal(&config, rollups);
    assert!(matches!(error, TopicError::Unreachable { .. }), "{error:?}");
    says(&error, &["kafka.brokers", "127.0.0.1:9", "Check the addresses"]);
    let error = wait(kafka::Topic::find_or_recall(&config, &**rollups)).unwrap_err();
    assert!(matches!(error, TopicError::Unreachable { .. }), "there is nothing to recall");
}
