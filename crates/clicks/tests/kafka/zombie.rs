//! A worker that was stopped and wakes when its partitions have been given away counts nothing.

use crate::engine::{Engine, Store, on_each_engine};
use crate::kills::{Told, child};
use crate::support::{Ground, assert_each_once, find_in, ship, start_worker, until_counted, until_status};
use curtail_servers::PATIENCE;
use curtail_store::rollups::{Batch, Committed};
use curtail_store::{Rollups, StoreFuture};
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::Arc;

on_each_engine!(a_worker_that_wakes_after_its_partitions_were_given_away_counts_nothing,);

/// A store in which commits wait until the one who started the process writes a line.
struct Held(Arc<dyn Rollups>);

impl Rollups for Held {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Committed> {
        println!("commits {}", batch.rows.len());
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        Box::pin(async move {
            let committed = self.0.commit(batch).await;
            println!("answer {committed:?}");
            committed
        })
    }

    pass_on! { 0: positions claim series totals forget_before forget_link }
}

/// The worker that is stopped between folding and committing.
#[test]
fn helper_process_worker_waits_with_each_commit() {
    let Some(Told { folder, url, config }) = Told::find() else { return };
    let store = Store::open(&folder, url);
    let topic = find_in(&config, &store.rollups);
    let rollups: Arc<dyn Rollups> = Arc::new(Held(Arc::clone(&store.rollups)));
    let worker = start_worker(&folder, &config, &topic, &rollups);
    until_status(&worker, |status| status.commits_fenced > 0);
    // It has learned that it is one of two, or of none: what it does now is right again.
    until_status(&worker, |status| status.partitions == 1);
    println!("back {:?}", worker.status().commits_fenced);
    // It stays until it has been seen to share.
    std::io::stdin().read_line(&mut String::new()).unwrap();
    worker.drain(PATIENCE);
}

fn signal(process: &std::process::Child, name: &str) {
    let status = Command::new("kill").arg(name).arg(process.id().to_string()).status().unwrap();
    assert!(status.success());
}

fn a_worker_that_wakes_after_its_partitions_were_given_away_counts_nothing(engine: Engine) {
    let Ground { place, topic, store, found } = Ground::new(engine, 2);
    let rollups = &store.rollups;
    let journal = place.journal();
    ship(&journal, &topic.config, &found, 1..2_001);

    let mut zombie = child("zombie::helper_process_worker_waits_with_each_commit", &place, &topic, 0);
    let mut said = BufReader::new(zombie.stdout.take().unwrap()).lines().map(Result::unwrap);
    // It has read clicks of all partitions, and is about to commit them.
    said.by_ref().find(|line| line.starts_with("commits ")).unwrap();
    signal(&zombie, "-STOP");

    // Nobody hears of it any more, so its partitions go to another worker, which counts everything.
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until_status(&worker, |status| status.partitions == 2);
    until_counted(&topic, &found, rollups);
    assert_each_once(rollups, 1..2_001);

    // It wakes, and goes on with its commit.
    signal(&zombie, "-CONT");
    let mut stdin = zombie.stdin.take().unwrap();
    writeln!(stdin).unwrap();
    let answer = said.by_ref().find(|line| line.starts_with("answer ")).unwrap();
    assert_eq!(answer, "answer Ok(Fenced)");
    assert_each_once(rollups, 1..2_001);

    // Then it is a worker like any other: it shares the partitions, and its commits count.
    until_status(&worker, |status| status.partitions == 1);
    said.by_ref().find(|line| line.starts_with("back ")).unwrap();
    // Whatever waits for a line goes on.
    drop(stdin);
    zombie.wait().unwrap();
    ship(&journal, &topic.config, &found, 2_001..3_001);
    until_counted(&topic, &found, rollups);
    assert_eq!(worker.drain(PATIENCE).commits_fenced, 0, "whoever counts rightly is never fenced");
    assert_each_once(rollups, 1..3_001);
}
