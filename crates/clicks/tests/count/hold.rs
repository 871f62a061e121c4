//! What is counted and not written yet.

use crate::log::{config, now, record_orphan};
use crate::memory::{Memory, Mood};
use crate::pipeline::{counted, record_all, settings, until};
use crate::sample::link;
use crate::stats::wait;
use curtail_clicks::journal;
use curtail_clicks::pipeline::{self, Config, Hold, Pipeline};
use curtail_clicks::recorder::{Recorded, Recorder};
use curtail_clicks::stats::{Query, Stats};
use curtail_model::{LinkId, Timestamp};
use curtail_servers::PATIENCE;
use curtail_store::rollups::{Batch, Committed, Grain, Positions, Subject, Totals};
use curtail_store::{Leaders, Rollups, StoreFuture};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);
/// Clicks that are recorded between two commits, and about as many that one look may be behind another.
const ROUND: u64 = 200;
const BEHIND: u64 = 2 * ROUND;

fn start(folder: &Path, store: Arc<dyn Rollups>, hold: Hold) -> (Vec<Recorder>, Pipeline) {
    start_with_room(folder, store, hold, 10_000)
}

fn start_with_room(
    folder: &Path,
    store: Arc<dyn Rollups>,
    hold: Hold,
    batch_clicks_max: usize,
) -> (Vec<Recorder>, Pipeline) {
    let stored = wait(store.positions()).unwrap();
    let (recorders, reader, keeper) = journal::open(config(folder, 2), &stored).unwrap();
    let commit_interval = Duration::from_millis(2);
    let settings = Config { hold: Some(hold), commit_interval, batch_clicks_max, ..settings() };
    (recorders, pipeline::start(settings, reader, keeper, store).unwrap())
}

fn hold(at_most: Duration) -> Hold {
    Hold { at_most, journal_bytes_max: u64::MAX }
}

fn totals(rollups: &dyn Rollups, numbers: std::ops::Range<u64>) -> Vec<Totals> {
    wait(rollups.totals(numbers.map(link).collect())).unwrap()
}

/// The clicks of these days, as stats show them.
fn total(rollups: &Arc<dyn Rollups>, subject: Subject, interval: Grain) -> u64 {
    let until = now().plus_millis(Timestamp::DAY);
    let query = Query {
        subject,
        from: until.plus_millis(-2 * Timestamp::DAY),
        until,
        interval,
        group_by: None,
        class: None,
        groups_max: 1,
    };
    wait(Stats::new(Arc::clone(rollups)).report(&query)).unwrap().total
}

/// Clicks on links 0 to 99, each as often as the others.
fn record_clicks(recorders: &mut [Recorder], clicks: u64) {
    for _ in 0..clicks / 100 {
        record_all(recorders, 0..100);
    }
}

#[test]
fn what_is_held_shows_in_all_stats_and_is_written_at_the_end() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let (mut recorders, pipeline) = start(folder.path(), store.clone(), hold(LONG));
    let rollups = pipeline.rollups().unwrap();
    // Stats of everything are asked for in between: what comes then is added to what has been shown.
    for round in 1..=3 {
        record_clicks(&mut recorders, 1_000);
        assert_eq!(record_orphan(&mut recorders[0], b"/wp-login.php"), Recorded::Kept);
        let clicks = 1_000 * round;
        let status = until(&pipeline, |status| status.counted == clicks + round);
        assert_eq!((status.unwritten, status.lag_clicks, status.commits), (clicks + round, 0, 0));
        for interval in Grain::ALL {
            assert_eq!(total(&rollups, Subject::Everything, interval), clicks, "{interval:?}");
            assert_eq!(total(&rollups, Subject::Orphans, interval), round, "{interval:?}");
            assert_eq!(total(&rollups, Subject::Link(link(7)), interval), clicks / 100, "{interval:?}");
        }
        assert!(totals(&*rollups, 0..100).iter().all(|totals| totals.human == clicks / 100));
        assert_eq!(totals(&*rollups, 100..101), [Totals::default()]);
        let today = now().start_of(Timestamp::DAY);
        let leaders = wait(Stats::new(rollups.clone()).top(Grain::Day, today, 1_000)).unwrap();
        let expected: Vec<(LinkId, u64)> = (0..100).map(|number| (link(number), clicks / 100)).collect();
        assert_eq!(leaders, expected, "a test that begins at midnight fails here");
    }
    assert_eq!(counted(&store), 0, "nothing was written");

    drop(recorders);
    let status = pipeline.drain(PATIENCE);
    assert_eq!((status.counted, status.unwritten, status.lag_clicks), (3_003, 0, 0));
    assert_eq!(counted(&store), 3_000);
    assert!(totals(&*store, 0..100).iter().all(|totals| totals.human == 30));
    assert_eq!(total(&rollups, Subject::Everything, Grain::Day), 3_000, "it is there once");
}

#[test]
fn a_stop_leaves_nothing_though_it_comes_when_much_is_held_and_more_waits() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let (mut recorders, reader, keeper) = journal::open(config(folder.path(), 1), &[]).unwrap();
    record_all(&mut recorders, 0..700);
    // The first turn is the only one that comes by itself.
    let slow =
        Config { hold: Some(hold(LONG)), commit_interval: LONG, batch_clicks_max: 1_000, ..settings() };
    let pipeline = pipeline::start(slow, reader, keeper, store.clone()).unwrap();
    until(&pipeline, |status| status.counted == 700);
    record_all(&mut recorders, 700..1_100);
    drop(recorders);
    let status = pipeline.drain(PATIENCE);
    assert_eq!((status.counted, status.unwritten, status.lag_clicks), (1_100, 0, 0));
    assert_eq!(counted(&store), 1_100);
}

#[test]
fn what_has_been_held_for_its_time_or_needs_much_of_the_journal_is_written() {
    let shortly = Duration::from_millis(50);
    for hold in [hold(shortly), Hold { at_most: LONG, journal_bytes_max: 1 }] {
        let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
        let (mut recorders, pipeline) = start(folder.path(), store.clone(), hold);
        record_clicks(&mut recorders, 1_000);
        until(&pipeline, |status| status.counted == 1_000 && status.unwritten == 0);
        assert_eq!(counted(&store), 1_000);
        drop(recorders);
        pipeline.drain(PATIENCE);
    }
}

/// Commits a moment after it was asked and answers a moment later; reads a moment after it was asked.
struct Late(Arc<Memory>);

/// Lets others go on for a while.
async fn a_moment() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
}

impl Rollups for Late {
    pass_on! { 0: claim forget_before forget_link }

    fn positions(&self) -> StoreFuture<'_, Positions> {
        let positions = self.0.positions();
        Box::pin(async {
            a_moment().await;
            positions.await
        })
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'_, Committed> {
        Box::pin(async {
            a_moment().await;
            let committed = self.0.commit(batch).await;
            a_moment().await;
            committed
        })
    }

    fn series(
        &self,
        subject: Subject,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<(Timestamp, Vec<u8>)>> {
        Box::pin(async move {
            a_moment().await;
            self.0.series(subject, grain, from, until).await
        })
    }

    fn totals(&self, links: Vec<LinkId>) -> StoreFuture<'_, Vec<Totals>> {
        Box::pin(async move {
            a_moment().await;
            self.0.totals(links).await
        })
    }
}

#[test]
fn whoever_looks_sees_each_click_once_whatever_is_being_written() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let late = Arc::new(Late(Arc::clone(&store)));
    let (mut recorders, pipeline) = start(folder.path(), late, hold(Duration::from_millis(1)));
    let (rollups, watch) = (pipeline.rollups().unwrap(), pipeline.watch());
    let stop = Arc::new(AtomicBool::new(false));
    let lookers = [Subject::Everything, Subject::Link(link(3))].map(|subject| {
        let (stop, rollups, watch) = (Arc::clone(&stop), Arc::clone(&rollups), watch.clone());
        let looks = Arc::new(AtomicU64::new(0));
        let looked = Arc::clone(&looks);
        let thread = std::thread::spawn(move || {
            let mut seen = 0;
            while !stop.load(Ordering::Relaxed) {
                let before = watch.status().counted;
                let [days, totals] = match subject {
                    Subject::Link(id) => {
                        let totals = wait(rollups.totals(vec![id])).unwrap()[0].human;
                        [total(&rollups, subject, Grain::Day), totals].map(|clicks| clicks * 100)
                    }
                    _ => [total(&rollups, subject, Grain::Day); 2],
                };
                let after = watch.status().produced;
                // The streams of the two recorders are read one
                // after the other: a link may be some clicks behind.
                let least = seen.max(before.saturating_sub(BEHIND));
                for clicks in [days, totals] {
                    assert!((least..=after + BEHIND).contains(&clicks), "{clicks} of {least} to {after}");
                }
                seen = days.min(totals);
                looked.fetch_add(1, Ordering::Relaxed);
            }
        });
        (thread, looks)
    });
    let have_looked =
        || lookers.iter().all(|(thread, looks)| looks.load(Ordering::Relaxed) >= 20 || thread.is_finished());
    let mut recorded = 0;
    while recorded < 100 * ROUND || !have_looked() {
        let before = pipeline.status();
        record_clicks(&mut recorders, ROUND);
        recorded += ROUND;
        until(&pipeline, |status| status.commits > before.commits);
        if recorded % (20 * ROUND) == 0 {
            store.set_mood(Mood::AnswersLost);
            record_clicks(&mut recorders, ROUND);
            recorded += ROUND;
            until(&pipeline, |status| status.commits_failed > before.commits_failed);
            store.set_mood(Mood::Well);
        }
    }
    until(&pipeline, |status| status.counted == recorded && status.unwritten == 0);
    stop.store(true, Ordering::Relaxed);
    for (thread, _) in lookers {
        thread.join().unwrap();
    }
    assert_eq!(total(&rollups, Subject::Everything, Grain::Minute), recorded);
    assert_eq!(counted(&store), recorded);
    drop(recorders);
    pipeline.drain(PATIENCE);
}

#[test]
fn what_is_held_of_a_link_goes_with_it_though_it_is_just_being_written() {
    for at_most in [LONG, Duration::from_millis(1)] {
        let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
        let (mut recorders, pipeline) = start(folder.path(), Arc::new(Late(store.clone())), hold(at_most));
        let rollups = pipeline.rollups().unwrap();
        record_clicks(&mut recorders, 1_000);
        until(&pipeline, |status| status.counted == 1_000);
        wait(rollups.forget_link(link(5))).unwrap();
        assert_eq!(total(&rollups, Subject::Link(link(5)), Grain::Day), 0);
        drop(recorders);
        pipeline.drain(PATIENCE);
        let is_of_it = |subject: &Subject| *subject == Subject::Link(link(5));
        assert!(!store.state().rows.keys().any(|(subject, ..)| is_of_it(subject)), "{at_most:?}");
        assert_eq!(total(&rollups, Subject::Link(link(6)), Grain::Day), 10);
        assert_eq!(counted(&store), 1_000, "of everything they are a part");
    }
}

#[test]
fn a_store_that_is_away_costs_none_of_what_is_held_and_the_next_process_shows_it_at_once() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let (mut recorders, pipeline) = start(folder.path(), store.clone(), hold(LONG));
    store.set_mood(Mood::Away);
    record_clicks(&mut recorders, 1_000);
    // Of a full batch the commit is tried at once.
    record_all(&mut recorders, 100..9_100);
    until(&pipeline, |status| status.counted == 10_000 && status.commits_failed > 2);
    // It ends without having written anything; the next one finds it all in the journal.
    drop(recorders);
    let status = pipeline.drain(Duration::from_millis(50));
    assert_eq!((status.counted, status.unwritten), (10_000, 10_000));
    store.set_mood(Mood::Well);
    let (recorders, pipeline) = start(folder.path(), store.clone(), hold(LONG));
    let rollups = pipeline.rollups().unwrap();
    assert_eq!(total(&rollups, Subject::Everything, Grain::Day), 10_000, "at the very first look");
    let status = until(&pipeline, |status| status.counted == 10_000);
    assert_eq!((status.recovered, status.unwritten), (10_000, 10_000));
    drop(recorders);
    pipeline.drain(PATIENCE);
    assert_eq!(counted(&store), 10_000);
    assert_eq!(store.state().totals[&link(3)].human, 10);
}

#[test]
fn after_a_restart_the_first_look_sees_all_that_was_left_however_much() {
    // More than is shown at once.
    const LEFT: u64 = 40_000;
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let again = || start_with_room(folder.path(), store.clone(), hold(LONG), 2 * LEFT as usize);
    let (mut recorders, pipeline) = again();
    store.set_mood(Mood::Away);
    record_clicks(&mut recorders, LEFT);
    until(&pipeline, |status| status.counted == LEFT);
    drop(recorders);
    pipeline.drain(Duration::from_millis(50));
    store.set_mood(Mood::Well);
    let (recorders, pipeline) = again();
    assert_eq!(total(&pipeline.rollups().unwrap(), Subject::Everything, Grain::Day), LEFT);
    drop(recorders);
    pipeline.drain(PATIENCE);
    assert_eq!(counted(&store), LEFT);
}

#[test]
fn while_the_store_is_away_clicks_show_as_soon_as_ever() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let (mut recorders, pipeline) = start(folder.path(), store.clone(), hold(Duration::from_millis(1)));
    store.set_mood(Mood::Away);
    record_clicks(&mut recorders, 1_000);
    until(&pipeline, |status| status.commits_failed > 0);
    record_clicks(&mut recorders, 1_000);
    let status = until(&pipeline, |status| status.counted == 2_000);
    assert_eq!((status.unwritten, status.commits), (2_000, 0));
    // Asked to stop just when the store is back, it writes all of it, also what it has not read yet.
    record_clicks(&mut recorders, 1_000);
    drop(recorders);
    store.set_mood(Mood::Well);
    let status = pipeline.drain(PATIENCE);
    assert_eq!((status.counted, status.unwritten, status.lag_clicks), (3_000, 0, 0));
    assert_eq!(counted(&store), 3_000);
}
