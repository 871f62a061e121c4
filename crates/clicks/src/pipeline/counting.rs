//! The shipper thread: read, fold, commit, wait.

use super::courtesy::Courtesy;
use super::status::Shared;
use crate::aggregator;
use crate::log::{Clicks, Log};
use curtail_store::rollups::{Committed, Merge, Positions};
use curtail_store::{Answer, Rollups, StoreError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Clicks are read in parts of this size, between which memory is looked at.
const READ_CLICKS: usize = 16 * 1024;
/// The longest pause between two attempts to commit.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Counts what a log holds.
pub(super) struct Counting {
    log: Box<dyn Log>,
    rollups: Arc<dyn Rollups>,
    shared: Arc<Shared>,
    commit_interval: Duration,
    batch_clicks_max: usize,
    courtesy: Courtesy,
    merge: Merge,
    executor: Runtime,
    clicks: Clicks,
    /// The pause after a failed commit; none while all is well.
    backoff: Option<Duration>,
}

impl Counting {
    pub(super) fn new(
        log: Box<dyn Log>,
        rollups: Arc<dyn Rollups>,
        shared: Arc<Shared>,
        commit_interval: Duration,
        batch_clicks_max: usize,
        courtesy: Courtesy,
    ) -> Counting {
        let told = Arc::clone(&shared);
        let merge = aggregator::merge(move |malformed| {
            told.rollups_damaged.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%malformed, "what was counted in a rollup before now is lost; it starts anew");
        });
        let executor = Builder::new_current_thread()
            .build()
            .expect("an executor without drivers asks nothing of the system");
        Counting {
            log,
            rollups,
            shared,
            commit_interval,
            batch_clicks_max: batch_clicks_max.max(1),
            courtesy,
            merge,
            executor,
            clicks: Clicks::default(),
            backoff: None,
        }
    }

    /// Counts until the end is asked for and all is counted, or its deadline is over.
    pub(super) fn run(&mut self) {
        let mut full = false;
        loop {
            let began = Instant::now();
            let stop = self.shared.stop_deadline();
            // Nothing is begun after the deadline: whoever drains has given up then, and may have started anew.
            if stop.is_some_and(|deadline| began >= deadline) {
                return;
            }
            // Whoever has begun on a backlog ends it: the time that it takes itself is no reason to wait.
            if !full && stop.is_none() && self.backoff.is_none() && self.courtesy.should_wait() {
                self.shared.set_oldest(self.log.oldest_waiting());
                thread::park_timeout(self.commit_interval);
                continue;
            }
            full = self.turn();
            let caught_up = self.clicks.is_empty() && !full;
            if stop.is_some() && caught_up {
                return;
            }
            let pause = match self.backoff {
                Some(backoff) => backoff,
                None if full => continue,
                None => self.commit_interval.saturating_sub(began.elapsed()),
            };
            // While draining, a failing store is tried often and nothing is waited for otherwise.
            thread::park_timeout(if stop.is_some() { pause.min(Duration::from_millis(20)) } else { pause });
        }
    }

    /// Reads what has come and commits it. Answers whether there was more than one commit takes.
    fn turn(&mut self) -> bool {
        // What a commit failed with is committed as it was: its positions tell whether it happened after all.
        if self.backoff.is_none() {
            self.shared.set_oldest(self.log.oldest_waiting());
            self.read();
        }
        let full = self.clicks.is_full(self.batch_clicks_max);
        if !self.clicks.is_empty() {
            self.commit();
        }
        full
    }

    fn read(&mut self) {
        while !self.clicks.is_full(self.batch_clicks_max) {
            let room = self.batch_clicks_max - self.clicks.clicks.len();
            let limit = room.min(READ_CLICKS);
            if self.log.read(limit, &mut self.clicks) < limit {
                break;
            }
        }
        self.shared.folding.store(self.clicks.clicks.len() as u64, Ordering::Relaxed);
        for damage in self.log.take_damage() {
            self.shared.damaged.fetch_add(damage.clicks, Ordering::Relaxed);
            tracing::error!(
                stream = damage.stream, position = damage.position, bytes = damage.bytes, clicks = damage.clicks,
                kind = ?damage.kind, "a part of the journal cannot be read; its clicks are lost"
            );
        }
    }

    fn commit(&mut self) {
        let positions = self.clicks.positions();
        let outcome = match self.backoff {
            Some(_) if self.is_stored(&positions) => Ok(Committed::Done),
            _ => wait(
                &self.executor,
                self.rollups.commit(aggregator::fold(&mut self.clicks, Arc::clone(&self.merge))),
            ),
        };
        match outcome {
            Ok(Committed::Done) => self.committed(&positions),
            Ok(Committed::Fenced) => {
                self.failed(&StoreError::Unavailable("somebody else counts these clicks now".into()));
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Whether an earlier attempt was made durable although its answer was an error.
    fn is_stored(&self, positions: &Positions) -> bool {
        let stored = wait(&self.executor, self.rollups.positions());
        stored.is_ok_and(|stored| positions.iter().all(|position| stored.contains(position)))
    }

    fn committed(&mut self, positions: &Positions) {
        self.log.committed(positions);
        self.shared.counted.fetch_add(self.clicks.clicks.len() as u64, Ordering::Relaxed);
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.folding.store(0, Ordering::Relaxed);
        self.shared.set_oldest(self.log.oldest_waiting());
        self.clicks.clear();
        if self.backoff.take().is_some() {
            self.shared.set_error(None);
            tracing::info!("the store takes clicks again");
        }
    }

    fn failed(&mut self, error: &StoreError) {
        self.shared.commits_failed.fetch_add(1, Ordering::Relaxed);
        self.shared.set_error(Some(error.to_string()));
        if self.backoff.is_none() {
            tracing::warn!(%error, "clicks cannot be counted just now; they wait in the journal");
        }
        self.backoff =
            Some(self.backoff.map_or(self.commit_interval, |backoff| (backoff * 2).min(BACKOFF_MAX)));
    }
}

/// Waits on this thread for what the store answers.
pub(super) fn wait<T>(executor: &Runtime, answer: Answer<'_, T>) -> Result<T, StoreError> {
    executor.block_on(answer)
}
