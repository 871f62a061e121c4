//! Nodes and workers, while all is well and while workers come and go.

use crate::engine::{Engine, on_each_engine, sql_in};
use crate::folder::copy;
use crate::support::{
    Ground, assert_each_once, clicks_of_days, clicks_on, record_all, record_only, ship, start_node,
    start_worker, until, until_counted, until_status,
};
use curtail_clicks::kafka::{self, Backlog};
use curtail_clicks::log::record::Poison;
use curtail_clicks::pipeline::Part;
use curtail_servers::PATIENCE;
use std::fs;
use std::path::Path;
use std::sync::Arc;

on_each_engine!(
    what_a_node_records_a_worker_counts_once,
    a_delivery_that_is_repeated_changes_nothing,
    workers_come_and_go_while_clicks_come_and_each_is_counted_once,
    what_is_no_click_is_set_aside_and_holds_nothing_up,
    a_topic_that_was_made_anew_is_counted_from_its_front,
    records_that_are_not_handed_out_are_said_to_be_lost_and_no_others_are,
    everybody_can_tell_what_waits_between_nodes_and_workers,
);

/// What is lost with a primary whose replica had not everything: of the tables of clicks, as it was before.
#[test]
fn what_a_failover_has_lost_of_what_was_counted_is_counted_again_from_the_log() {
    const TABLES: [&str; 4] = ["streams", "lanes", "shelves", "rollups"];
    let Ground { place, topic, store, found } = Ground::new(Engine::Postgres, 2);
    let (rollups, journal, url) = (&store.rollups, place.journal(), place.url().unwrap());
    let in_all = |statement: &str| {
        let statements = TABLES.map(|table| statement.replace('@', table)).join("; ");
        sql_in(&url, &statements);
    };
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    ship(&journal, &topic.config, &found, 1..1_001);
    until_counted(&topic, &found, rollups);
    in_all("CREATE UNLOGGED TABLE @_of_the_replica AS SELECT * FROM @");
    ship(&journal, &topic.config, &found, 1_001..2_001);
    until_counted(&topic, &found, rollups);
    in_all("DELETE FROM @; INSERT INTO @ SELECT * FROM @_of_the_replica");
    ship(&journal, &topic.config, &found, 2_001..3_001);
    until_status(&worker, |status| status.commits_fenced > 0);
    until_counted(&topic, &found, rollups);
    worker.drain(PATIENCE);
    assert_each_once(rollups, 1..3_001);
}

fn what_a_node_records_a_worker_counts_once(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 3);
    let rollups = &store.rollups;
    let journal = place.journal();
    let (mut recorders, node) = start_node(&journal, &topic.config, &found);
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    record_all(&mut recorders, 1..5_001);
    let status = until_status(&worker, |status| (status.counted, status.partitions) == (5_000, 3));
    assert_eq!((status.part, status.repeated), (Part::Worker, 0));
    until_status(&worker, |status| (status.lag_clicks, status.lag_millis) == (0, 0));
    let shipped = until_status(&node, |status| status.shipped == 5_000);
    let dropped: u64 = shipped.dropped.iter().map(|(_, clicks)| clicks).sum();
    assert_eq!((shipped.part, shipped.produced - dropped, shipped.last_error), (Part::Node, 5_000, None));
    assert_each_once(rollups, 1..5_001);
    drop(recorders);
    assert_eq!(node.drain(PATIENCE).lag_clicks, 0);
    worker.drain(PATIENCE);

    // Everything is released: a node that starts over has nothing to say.
    let again = ship(&journal, &topic.config, &found, 0..0);
    assert_eq!((again.shipped, again.backlog_bytes), (0, 0));
}

fn everybody_can_tell_what_waits_between_nodes_and_workers(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 3);
    let rollups = &store.rollups;
    ship(&place.journal(), &topic.config, &found, 1..501);
    // As a node finds it that starts while no broker answers.
    let unknown = kafka::Topic { cluster: None, ..found.clone() };
    let backlogs = [found.clone(), unknown]
        .map(|topic_of| Backlog::watch(&topic.config, topic_of, Arc::clone(rollups)).unwrap());
    let waits = |backlogs: &[Backlog; 2]| backlogs.each_ref().map(Backlog::waiting);
    until(|| format!("{:?}", waits(&backlogs)), || waits(&backlogs) == [Some(500); 2]);
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until(|| format!("{:?}", waits(&backlogs)), || waits(&backlogs) == [Some(0); 2]);
    worker.drain(PATIENCE);
}

fn a_delivery_that_is_repeated_changes_nothing(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 3);
    let rollups = &store.rollups;
    let (journal, saved) = (place.journal(), place.folder().join("saved"));
    // What a node had on its disk before it shipped, put back after it has.
    record_only(&journal, 1..4_001);
    copy(&journal, &saved);
    assert_eq!(ship(&journal, &topic.config, &found, 0..0).shipped, 4_000);
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until_status(&worker, |status| status.counted == 4_000);

    for _ in 0..2 {
        fs::remove_dir_all(&journal).unwrap();
        copy(&saved, &journal);
        assert_eq!(ship(&journal, &topic.config, &found, 0..0).shipped, 4_000);
    }
    let status = until_status(&worker, |status| status.repeated == 8_000);
    assert_eq!(status.counted, 4_000);
    until_counted(&topic, &found, rollups);
    worker.drain(PATIENCE);
    assert_each_once(rollups, 1..4_001);
}

fn workers_come_and_go_while_clicks_come_and_each_is_counted_once(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 4);
    let rollups = &store.rollups;
    let (mut recorders, node) = start_node(&place.journal(), &topic.config, &found);
    let worker = || start_worker(place.folder(), &topic.config, &found, rollups);
    let mut numbers = 1..1;
    let mut more = |recorders: &mut Vec<_>| {
        numbers = numbers.end..numbers.end + 2_000;
        record_all(recorders, numbers.clone());
        numbers.end
    };
    let first = worker();
    more(&mut recorders);
    until_status(&first, |status| status.partitions == 4);
    // A second one takes half of the partitions, and gives them back when it ends.
    let second = worker();
    more(&mut recorders);
    until_status(&second, |status| {
        more(&mut recorders);
        status.partitions == 2 && status.counted > 0
    });
    until_status(&first, |status| status.partitions == 2);
    more(&mut recorders);
    second.drain(PATIENCE);
    until_status(&first, |status| status.partitions == 4);
    // The first one ends while the third takes over.
    let third = worker();
    more(&mut recorders);
    first.drain(PATIENCE);
    let end = more(&mut recorders);
    drop(recorders);
    assert_eq!(node.drain(PATIENCE).lag_clicks, 0);
    until_counted(&topic, &found, rollups);
    third.drain(PATIENCE);
    assert_each_once(rollups, 1..end);
}

/// The stream that a node of one core records.
fn stream_of(journal: &Path) -> u64 {
    let names = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().file_name());
    let mut numbers = names.filter_map(|name| name.to_str()?.parse().ok());
    numbers.next().expect("it has recorded")
}

fn what_is_no_click_is_set_aside_and_holds_nothing_up(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 2);
    let rollups = &store.rollups;
    let journal = place.journal();
    ship(&journal, &topic.config, &found, 1..1_001);
    topic.put(0, b"{\"link\": 7}");
    topic.put(0, b"");
    topic.put(1, &[1 << 3 | 1, 0, 4, 0, 0, 0, 0, 0, 0]);
    // A click of the node's own stream that would be the last one for ever.
    let mut last = vec![1 << 3 | 1];
    last.extend(stream_of(&journal).to_le_bytes());
    last.push(2 << 3 | 1);
    last.extend(u64::MAX.to_le_bytes());
    last.extend([3 << 3, 1, 4 << 3 | 1, 7, 0, 0, 0, 0, 0, 0, 0, 7 << 3, 1]);
    (0..2).for_each(|partition| topic.put(partition, &last));
    ship(&journal, &topic.config, &found, 1_001..2_001);
    topic.put(1, b"the last word");

    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until_counted(&topic, &found, rollups);
    let status = worker.drain(PATIENCE);
    assert_eq!(status.counted, 2_000);
    let poison: u64 = status.poison.iter().map(|(_, count)| count).sum();
    assert_eq!((poison, status.poison[0], status.poison[1].1), (6, (Poison::Malformed, 2), 2));
    assert_eq!(status.poison[4], (Poison::NotYet, 2));
    assert_each_once(rollups, 1..2_001);
    let aside = fs::read_to_string(place.folder().join("poison.log")).unwrap();
    let lines: Vec<&str> = aside.lines().collect();
    assert_eq!(lines.len(), 6);
    let of = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
    assert_eq!(of(" malformed 7b226c696e6b223a20377d"), 1, "{aside}");
    assert!(lines.iter().all(|line| line.contains(&topic.config.topic)));

    // Nobody who starts later meets it again.
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until_status(&worker, |status| status.partitions == 2);
    ship(&journal, &topic.config, &found, 2_001..2_101);
    until_counted(&topic, &found, rollups);
    let status = worker.drain(PATIENCE);
    assert_eq!((status.counted, status.poison.iter().map(|(_, count)| count).sum::<u64>()), (100, 0));
}

fn records_that_are_not_handed_out_are_said_to_be_lost_and_no_others_are(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 1);
    let rollups = &store.rollups;
    let journal = place.journal();
    ship(&journal, &topic.config, &found, 1..1_001);
    let lost = topic.put_and_take_back(3);
    ship(&journal, &topic.config, &found, 1_001..2_001);
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until_counted(&topic, &found, rollups);
    assert_eq!(worker.drain(PATIENCE).damaged, lost);
    assert_each_once(rollups, 1..2_001);
}

fn a_topic_that_was_made_anew_is_counted_from_its_front(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 2);
    let rollups = &store.rollups;
    let journal = place.journal();
    let work = || {
        let worker = start_worker(place.folder(), &topic.config, &found, rollups);
        until_counted(&topic, &found, rollups);
        worker.drain(PATIENCE)
    };
    ship(&journal, &topic.config, &found, 1..1_001);
    work();
    topic.remove();
    until(|| "the old topic stays".into(), || topic.try_make());
    // More than there was before: the offset that was counted is in the middle of what is new.
    ship(&journal, &topic.config, &found, 1_001..4_001);
    work();
    assert_each_once(rollups, 1..4_001);
    assert_eq!((clicks_on(rollups, 4_001..4_002), clicks_of_days(rollups)), (vec![0], 4_000));
}
