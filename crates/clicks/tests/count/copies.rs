//! A journal that was copied is counted once, though two nodes count what is in it.

use crate::folder::copy;
use crate::log::config;
use crate::memory::{Memory, Mood};
use crate::pipeline::{counted, record_all, settings, until};
use curtail_clicks::journal;
use curtail_clicks::pipeline::{self, Pipeline};
use curtail_clicks::recorder::Recorder;
use curtail_servers::PATIENCE;
use curtail_store::Rollups;
use std::path::Path;
use std::sync::Arc;

/// Starts a node, which finds so many clicks recorded.
fn start(folder: &Path, store: &Arc<Memory>, recorded: u64) -> (Vec<Recorder>, Pipeline) {
    let stored: Vec<_> = store.state().positions.into_iter().collect();
    let (mut recorders, reader, keeper) = journal::open(config(folder, 2), &stored).unwrap();
    record_all(&mut recorders, 0..recorded);
    let rollups = Arc::clone(store) as Arc<dyn Rollups>;
    (recorders, pipeline::start(settings(), reader, keeper, rollups).unwrap())
}

#[test]
fn a_copied_journal_is_counted_once_though_both_nodes_count() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Arc::new(Memory::default());
    store.set_mood(Mood::Away);
    let (mut recorders, original) = start(folder.path(), &store, 0);
    record_all(&mut recorders, 0..20_000);
    copy(folder.path(), other.path());
    let (mut recorders_of_copy, of_copy) = start(other.path(), &store, 0);
    store.set_mood(Mood::Well);
    record_all(&mut recorders, 20_000..25_000);
    record_all(&mut recorders_of_copy, 25_000..30_000);
    until(&original, |_| counted(&store) >= 30_000);
    let [original, of_copy] = [original, of_copy].map(|pipeline| pipeline.drain(PATIENCE));
    assert_eq!(counted(&store), 30_000);
    let state = store.state();
    assert!((0..30_000).all(|number| state.totals[&crate::sample::link(number)].human == 1));
    assert_eq!(original.counted + of_copy.counted, 30_000);
    assert_eq!((original.lag_clicks, of_copy.lag_clicks), (0, 0));
}

#[test]
fn what_a_copy_has_counted_is_not_in_the_count_of_the_original() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Arc::new(Memory::default());
    store.set_mood(Mood::Away);
    let (_recorders, original) = start(folder.path(), &store, 500);
    // It repeats one commit with all of it, more and more seldom: the copy comes first.
    until(&original, |status| status.commits_failed > 4);
    copy(folder.path(), other.path());
    store.set_mood(Mood::Well);
    let (_recorders_of_copy, of_copy) = start(other.path(), &store, 0);
    until(&original, |status| status.lag_clicks == 0);
    let [original, of_copy] = [original, of_copy].map(|pipeline| pipeline.drain(PATIENCE));
    assert_eq!((counted(&store), original.counted + of_copy.counted), (500, 500));
}
