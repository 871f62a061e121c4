//! The counting thread: read, fold, commit, wait.
//!
//! Where others see what is pending ([`Hold`]), a click is counted when it has
//! been read, and commits are seldom; reading goes on beside them. Where they
//! do not, it is counted when it is committed, and every turn ends with that.

use super::Hold;
use super::pacing::Pacing;
use super::status::{Shared, Work};
use super::yielding::Yielding;
use crate::aggregator;
use crate::journal::{Counts, Meter};
use crate::log::{Log, Unavailable};
use crate::pending::{Pending, RUN_CLICKS_MAX, Writing};
use crate::waiter::Waiter;
use curtail_runtime::retry::Backoff;
use curtail_store::rollups::{Batch, Committed, Merge};
use curtail_store::{Rollups, StoreError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// Clicks are read in parts of this size, between which memory is looked at and others get their turn.
const READ_CLICKS: usize = 256;
/// A turn begins this many times the duration of the one before after that one began: a click costs less the
/// more are counted with it, so the longer counting takes, the more seldom it is done.
const INTERVAL_TURNS: u32 = 3;
/// The longest from the beginning of one turn to the next: clicks are to be seen within two seconds.
const INTERVAL_MAX: Duration = Duration::from_secs(1);
/// How often the thread looks up from a commit, to read what has come and to see whether to stop.
const LOOK_MAX: Duration = Duration::from_millis(250);
/// The longest pause between two attempts to commit.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Counts what a log holds.
pub(super) struct Counting {
    log: Box<dyn Log>,
    rollups: Arc<dyn Rollups>,
    shared: Arc<Shared>,
    commit_interval: Duration,
    batch_clicks_max: usize,
    /// Nothing where nobody redirects beside; nor is anything recorded there then.
    yielding: Option<Yielding>,
    meter: Option<Meter>,
    pacing: Arc<Pacing>,
    merge: Merge,
    waiter: Waiter,
    pending: Arc<Pending>,
    /// Nothing where nobody sees what is pending.
    hold: Option<Hold>,
    /// What the commit that failed last was to write.
    failed: Option<Arc<Writing>>,
    /// Whether reading ended last because no more could be held.
    is_full: bool,
    backoff: Backoff,
    /// Whether the last commit failed.
    is_failing: bool,
    /// When a commit that failed is tried again.
    retry_at: Instant,
    /// Whether the log could be read when it was last tried.
    is_readable: bool,
}

/// What is counted, and how.
pub(super) struct Setup {
    pub(super) log: Box<dyn Log>,
    pub(super) rollups: Arc<dyn Rollups>,
    pub(super) pending: Arc<Pending>,
    pub(super) hold: Option<Hold>,
    pub(super) commit_interval: Duration,
    pub(super) batch_clicks_max: usize,
    pub(super) yielding: Option<Yielding>,
}

impl Counting {
    pub(super) fn new(setup: Setup, shared: Arc<Shared>) -> Counting {
        let Setup { log, rollups, pending, hold, commit_interval, batch_clicks_max, yielding } = setup;
        let pacing = Arc::new(Pacing::default());
        let status = Arc::clone(&shared);
        let merge = aggregator::merge(move |malformed| {
            status.rollups_damaged.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%malformed, "what was counted in a rollup before now is lost; it starts anew");
        });
        Counting {
            log,
            rollups,
            shared,
            commit_interval,
            batch_clicks_max: batch_clicks_max.max(1),
            meter: yielding.as_ref().map(Yielding::meter),
            yielding,
            pacing,
            merge,
            waiter: Waiter::new(),
            pending,
            hold,
            failed: None,
            is_full: false,
            backoff: Backoff::new(commit_interval, BACKOFF_MAX),
            is_failing: false,
            retry_at: Instant::now(),
            is_readable: true,
        }
    }

    /// Counts until the end is asked for and all is counted, or its deadline is over. What others can count
    /// is left to them then.
    pub(super) fn run(&mut self) {
        // Nothing is put off before the first turn, which whoever asks for stats waits for.
        let mut behind = true;
        loop {
            let began = Instant::now();
            let stop = self.shared.stop_deadline();
            // Nothing is begun after the deadline: whoever drains
            // has given up then, and may have started anew.
            if stop.is_some_and(|deadline| began >= deadline) {
                return;
            }
            // Whoever has begun on a backlog ends it: the time that it takes itself is no reason to wait.
            if !behind && stop.is_none() && !self.is_failing && self.should_wait() {
                self.shared.set_oldest(self.log.oldest_waiting());
                thread::park_timeout(self.commit_interval);
                continue;
            }
            // Where nobody redirects beside, there is nobody to leave the core to.
            self.pacing.set_hurry(behind || stop.is_some() || self.yielding.is_none());
            let reads = self.may_read();
            behind = self.turn(stop.is_some());
            let caught_up = reads && self.pending.is_empty() && self.failed.is_none() && !self.is_full;
            if stop.is_some() && (caught_up || self.log.is_shared()) {
                return;
            }
            let pause = match self.failed {
                Some(_) => self.pause_after_failure(),
                None if behind => continue,
                None => self.pause_after(began.elapsed()),
            };
            // While draining, a failing store is tried often and nothing is waited for otherwise.
            thread::park_timeout(if stop.is_some() { pause.min(Duration::from_millis(20)) } else { pause });
        }
    }

    /// How long to wait after a turn that took so long.
    fn pause_after(&self, taken: Duration) -> Duration {
        let interval = self.commit_interval.max((taken * INTERVAL_TURNS).min(INTERVAL_MAX));
        interval.saturating_sub(taken)
    }

    /// How long to wait while a commit is to be tried again. What others see is read meanwhile.
    fn pause_after_failure(&self) -> Duration {
        let left = self.retry_at.saturating_duration_since(Instant::now());
        if self.hold.is_some() { left.min(INTERVAL_MAX) } else { left }
    }

    fn should_wait(&mut self) -> bool {
        self.yielding.as_mut().is_some_and(Yielding::should_wait)
    }

    /// Reads what has come, and commits it when that is due. Answers
    /// whether so much is left that there is no time to rest.
    fn turn(&mut self, stops: bool) -> bool {
        if self.may_read() {
            self.read();
        }
        let commits = match self.failed {
            // It is committed as it was, so that the store can tell whether it happened after all.
            Some(_) => stops || Instant::now() >= self.retry_at,
            None => !self.pending.is_empty() && (self.is_full || stops || self.is_due()),
        };
        if commits {
            self.commit();
        }
        self.is_full && self.has_backlog()
    }

    /// Whether to read on. While commits fail, only what others see then.
    fn may_read(&self) -> bool {
        !self.is_failing || self.hold.is_some()
    }

    /// Whether more waits than comes between two turns. Where nobody redirects beside, whatever is left does.
    fn has_backlog(&self) -> bool {
        let Some(meter) = &self.meter else { return true };
        let counts = meter.counts();
        counts.backlog_bytes > 0 || counts.waiting >= self.batch_clicks_max as u64 / 4
    }

    /// Whether what is held has been held for long enough.
    fn is_due(&self) -> bool {
        let Some(hold) = &self.hold else { return true };
        let in_journal = |counts: Counts| counts.waiting_bytes + counts.backlog_bytes;
        let in_journal = self.meter.as_ref().map_or(0, |meter| in_journal(meter.counts()));
        in_journal > hold.journal_bytes_max || self.pending.held_for() >= hold.at_most
    }

    /// Reads what has come, and says how that went.
    fn read(&mut self) {
        self.shared.set_oldest(self.log.oldest_waiting());
        let mut outcome = Ok(());
        loop {
            self.is_full = self.pending.is_full(self.batch_clicks_max);
            if self.is_full {
                break;
            }
            let room = self.batch_clicks_max - self.pending.held();
            let limit = room.min(READ_CLICKS);
            self.pacing.rest_if_due();
            match self.read_some(limit) {
                Ok(read) if read == limit => {
                    // Not all of a backlog at once.
                    if self.hold.is_some() && self.pending.unshown() >= RUN_CLICKS_MAX {
                        self.arrange();
                    }
                }
                read => {
                    outcome = read.map(|_| ());
                    break;
                }
            }
        }
        if self.hold.is_some() {
            self.arrange();
            self.pending.begin();
            self.shared.set_oldest(self.log.oldest_waiting());
        }
        self.note(outcome);
    }

    /// Shows in the stats what was read.
    fn arrange(&self) {
        let arranged = self.pending.arrange(&|| self.pacing.rest_if_due());
        self.shared.folding.store(0, Ordering::Relaxed);
        self.shared.counted.fetch_add(arranged as u64, Ordering::Relaxed);
        self.settle();
    }

    /// Reads up to `limit` clicks, which then are here or lost, and do not wait in the log any more.
    fn read_some(&mut self, limit: usize) -> Result<usize, Unavailable> {
        let Counting { log, pending, .. } = self;
        let (read, folding) = pending.read(|clicks| (log.read(limit, clicks), clicks.clicks.len()));
        self.shared.lost_with(self.log.take_damage());
        let read = read?;
        self.shared.folding.store(folding as u64, Ordering::Relaxed);
        self.settle();
        Ok(read)
    }

    fn settle(&self) {
        if self.hold.is_some() {
            self.shared.unwritten.store(self.pending.unwritten() as u64, Ordering::Relaxed);
        }
        self.shared.settle(&self.meter.as_ref().map(Meter::counts).unwrap_or_default());
    }

    /// Says when the log becomes unreadable, and when it is readable again.
    fn note(&mut self, read: Result<(), Unavailable>) {
        let was_readable = std::mem::replace(&mut self.is_readable, read.is_ok());
        match read {
            Ok(()) if was_readable => {}
            Ok(()) => {
                self.shared.set_error(Work::Reading, None);
                tracing::info!("clicks can be read again");
            }
            Err(error) => {
                if was_readable {
                    tracing::warn!(%error, "clicks cannot be read just now; they wait where they are");
                }
                self.shared.set_error(Work::Reading, Some(error.to_string()));
            }
        }
    }

    fn commit(&mut self) {
        let failed = self.failed.take();
        let is_repeated = failed.is_some();
        let pacing = Arc::clone(&self.pacing);
        let breathe = Arc::new(move || pacing.rest_if_due());
        let writing = failed.unwrap_or_else(|| self.pending.begin_write(&*breathe));
        let moves = |stream| writing.positions().iter().any(|(other, _)| *other == stream);
        let claims = self.log.claims().iter().copied().filter(|claimed| moves(claimed.stream)).collect();
        let batch = Batch {
            claims,
            lane: self.log.lane(),
            may_be_stored: is_repeated,
            ..self.pending.fold(&writing, Arc::clone(&self.merge), breathe)
        };
        match self.put(batch) {
            Ok(Committed::Done) => self.committed(&writing),
            Ok(Committed::Fenced) => self.fenced(),
            Err(error) => self.failed(&error, writing),
        }
    }

    /// Has the store take a batch. What comes meanwhile is read where it can be seen.
    fn put(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        let rollups = Arc::clone(&self.rollups);
        let mut answer = rollups.commit(batch);
        if self.hold.is_none() {
            return self.waiter.wait(answer);
        }
        let look = self.commit_interval.min(LOOK_MAX);
        loop {
            if let Some(outcome) = self.waiter.wait_for(&mut answer, look) {
                return outcome;
            }
            match self.shared.stop_deadline() {
                None => self.read(),
                // What waits still is read when this is done.
                Some(_) => self.pacing.set_hurry(true),
            }
        }
    }

    fn committed(&mut self, writing: &Writing) {
        self.log.committed(writing.positions());
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        if self.hold.is_none() {
            self.shared.folding.store(0, Ordering::Relaxed);
            self.shared.counted.fetch_add(writing.clicks() as u64, Ordering::Relaxed);
        }
        for link in self.pending.end_write() {
            // If that fails, a few rows stay that nobody can ask for any more.
            let _ = self.waiter.wait(self.rollups.forget_link(link));
        }
        self.pending.end_removals();
        self.settle();
        self.shared.set_oldest(self.log.oldest_waiting());
        self.store_is_well();
    }

    /// Others count what was read here. It is dropped, and what of it they have not counted comes again.
    fn fenced(&mut self) {
        self.shared.commits_fenced.fetch_add(1, Ordering::Relaxed);
        // They are in nobody's hands until the log is read again, and stay where they were seen last.
        let given_up = self.pending.give_up();
        if self.hold.is_some() {
            self.shared.counted.fetch_sub(given_up as u64, Ordering::Relaxed);
        }
        self.log.fenced();
        self.store_is_well();
    }

    fn store_is_well(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            self.backoff.reset();
            self.shared.set_error(Work::HandingOn, None);
            tracing::info!("the store takes clicks again");
        }
    }

    fn failed(&mut self, error: &StoreError, writing: Arc<Writing>) {
        self.shared.commits_failed.fetch_add(1, Ordering::Relaxed);
        self.shared.set_error(Work::HandingOn, Some(error.to_string()));
        if !self.is_failing {
            tracing::warn!(%error, "clicks cannot be counted just now; they wait in the log");
        }
        self.is_failing = true;
        self.retry_at = Instant::now() + self.backoff.pause();
        self.failed = Some(writing);
    }
}
