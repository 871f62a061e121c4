//! Clicks wait in the journal while the broker is away, and none is lost or counted twice.

use crate::engine::{Engine, on_each_engine};
use crate::support::{
    Ground, assert_each_once, record_all, start_node, start_worker, until_counted, until_status,
};
use crate::topic::{Topic, wait};
use curtail_clicks::kafka;
use curtail_servers::{Broker, PATIENCE};

on_each_engine!(
    while_the_broker_is_away_the_journal_grows_and_afterwards_it_drains,
    what_a_broker_refuses_is_sent_again_until_it_is_taken,
);

fn while_the_broker_is_away_the_journal_grows_and_afterwards_it_drains(engine: Engine) {
    let mut broker = Broker::start();
    let Ground { place, topic, store, found } = Ground::on(engine, Topic::on(broker.address(), 3));
    let rollups = &store.rollups;
    let journal = place.journal();
    let (mut recorders, node) = start_node(&journal, &topic.config, &found);
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    record_all(&mut recorders, 1..2_001);
    until_status(&worker, |status| status.counted == 2_000);
    let before = node.status().journal_bytes;

    // In the middle of what is being shipped.
    record_all(&mut recorders, 2_001..12_001);
    broker.kill();
    record_all(&mut recorders, 12_001..60_001);
    let away = until_status(&node, |status| status.broker_errors > 0 && status.last_error.is_some());
    assert!(away.journal_bytes > before && away.lag_clicks > 40_000, "{away:?}");
    until_status(&worker, |status| status.broker_errors > 0 && status.last_error.is_some());

    // A node that starts while no broker is there remembers what it must know, and records.
    drop(recorders);
    node.drain(std::time::Duration::from_millis(200));
    let recalled = wait(kafka::Topic::find_or_recall(&topic.config, &**rollups)).unwrap();
    assert_eq!((recalled.partitions, recalled.cluster.as_deref()), (3, None));
    let (mut recorders, node) = start_node(&journal, &topic.config, &recalled);
    record_all(&mut recorders, 60_001..61_001);

    broker.start_again();
    drop(recorders);
    let status = node.drain(PATIENCE);
    assert_eq!((status.lag_clicks, status.backlog_bytes), (0, 0), "{status:?}");
    until_counted(&topic, &found, rollups);
    assert_eq!(worker.drain(PATIENCE).damaged, 0);
    assert_each_once(rollups, 1..61_001);
}

fn what_a_broker_refuses_is_sent_again_until_it_is_taken(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 2);
    let rollups = &store.rollups;
    let (mut recorders, node) = start_node(&place.journal(), &topic.config, &found);
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    record_all(&mut recorders, 1..2_001);
    until_status(&node, |status| status.shipped == 2_000);

    // Not for want of trying again: it says no, for good, to everything that is larger than this.
    topic.set("max.message.bytes", "60");
    record_all(&mut recorders, 2_001..12_001);
    let refused = until_status(&node, |status| status.last_error.is_some());
    assert!(refused.shipped < 12_000 && refused.lag_clicks > 0, "{refused:?}");
    topic.set("max.message.bytes", "1048588");
    record_all(&mut recorders, 12_001..13_001);
    drop(recorders);
    let status = node.drain(PATIENCE);
    assert_eq!((status.lag_clicks, status.last_error), (0, None));
    until_counted(&topic, &found, rollups);
    worker.drain(PATIENCE);
    assert_each_once(rollups, 1..13_001);
}
