//! What all nodes that ever were have left in the store is read by workers that are given partitions, and by
//! nobody else.

use crate::engine::{Engine, on_each_engine};
use crate::support::{Ground, find, ship, start_worker, until, until_counted};
use curtail_clicks::kafka::Backlog;
use curtail_servers::PATIENCE;
use curtail_store::rollups::Positions;
use curtail_store::{Rollups, StoreError, StoreFuture};
use std::sync::Arc;

on_each_engine!(who_finds_the_topic_and_tells_what_waits_does_not_ask_for_all_positions,);

/// A store that is only asked for the positions of named streams.
struct NeverAll(Arc<dyn Rollups>);

impl Rollups for NeverAll {
    fn positions(&self) -> StoreFuture<'_, Positions> {
        Box::pin(async { Err(StoreError::Unavailable("all positions are asked for".into())) })
    }

    pass_on! { 0: positions_of claim commit series totals forget_before forget_link }
}

fn who_finds_the_topic_and_tells_what_waits_does_not_ask_for_all_positions(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 3);
    let never_all: Arc<dyn Rollups> = Arc::new(NeverAll(Arc::clone(&store.rollups)));
    assert_eq!(find(&topic, &never_all), found);
    ship(&place.journal(), &topic.config, &found, 1..501);
    let worker = start_worker(place.folder(), &topic.config, &found, &store.rollups);
    until_counted(&topic, &found, &store.rollups);
    worker.drain(PATIENCE);
    ship(&place.journal(), &topic.config, &found, 501..601);
    let backlog = Backlog::watch(&topic.config, found, never_all).unwrap();
    until(|| format!("{:?}", backlog.waiting()), || backlog.waiting() == Some(100));
}
