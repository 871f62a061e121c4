//! The running pipeline, over a store that can be told to fail.

use crate::log::{config, now, record, record_orphan};
use crate::memory::{Memory, Mood};
use curtail_clicks::journal;
use curtail_clicks::pipeline::{self, Config, Hold, Pipeline, Retention, Status};
use curtail_clicks::recorder::{Recorded, Recorder};
use curtail_clicks::rollup::Rollup;
use curtail_clicks::stats::Stats;
use curtail_model::Timestamp;
use curtail_servers::PATIENCE;
use curtail_store::Rollups;
use curtail_store::rollups::{Grain, Subject};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) fn settings() -> Config {
    Config {
        geo_path: None,
        retention: Retention {
            minutes_kept_millis: 2 * Timestamp::DAY,
            hours_kept_millis: 90 * Timestamp::DAY,
            days_kept_millis: None,
        },
        commit_interval: Duration::from_millis(20),
        batch_clicks_max: 1_000,
        waiting_clicks_max: 0,
        hold: None,
    }
}

fn start(folder: &Path, store: &Arc<Memory>, settings: Config) -> (Vec<Recorder>, Pipeline) {
    let stored: Vec<_> = store.state().positions.into_iter().collect();
    let (recorders, reader, keeper) = journal::open(config(folder, 2), &stored).unwrap();
    let rollups = Arc::clone(store) as Arc<dyn Rollups>;
    (recorders, pipeline::start(settings, reader, keeper, rollups).unwrap())
}

/// Records these clicks, waiting for room in the journal where there is none.
pub(crate) fn record_all(recorders: &mut [Recorder], numbers: std::ops::Range<u64>) {
    let deadline = Instant::now() + PATIENCE;
    for number in numbers {
        let stream = number as usize % recorders.len();
        while record(&mut recorders[stream], number) != Recorded::Kept {
            assert!(Instant::now() < deadline, "within {PATIENCE:?} there was no room for click {number}");
            std::thread::yield_now();
        }
    }
}

/// Looks until it is so; a pipeline that never gets there fails the test.
pub(crate) fn until(pipeline: &Pipeline, is_so: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = pipeline.status();
        if is_so(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
        std::thread::yield_now();
    }
}

/// All clicks on links, as the days' rollups say.
pub(crate) fn counted(store: &Memory) -> u64 {
    let rows = store.state().rows;
    let of_days = rows
        .iter()
        .filter(|((subject, grain, _), _)| *subject == Subject::Everything && *grain == Grain::Day);
    of_days.map(|(_, bytes)| Rollup::parse(bytes).unwrap().clicks(None)).sum()
}

#[test]
fn what_was_recorded_is_counted_while_it_runs() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let (mut recorders, pipeline) = start(folder.path(), &store, settings());
    let totals = 5_000;
    record_all(&mut recorders, 0..totals);
    let status = until(&pipeline, |status| status.counted == totals);
    assert_eq!((status.lag_clicks, status.last_error), (0, None));
    let dropped: u64 = status.dropped.iter().map(|(_, clicks)| clicks).sum();
    assert_eq!(status.produced, status.counted + dropped);
    assert_eq!(counted(&store), totals);
    assert_eq!(store.state().totals.values().map(|totals| totals.human).sum::<u64>(), totals);
    drop(recorders);
    pipeline.drain(PATIENCE);
}

#[test]
fn draining_counts_everything() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    // An interval so long that nothing is counted by itself.
    let slow = Config { commit_interval: Duration::from_secs(3600), ..settings() };
    let (mut recorders, pipeline) = start(folder.path(), &store, slow);
    record_all(&mut recorders, 0..4_321);
    drop(recorders);
    let status = pipeline.drain(PATIENCE);
    assert_eq!((counted(&store), status.counted, status.lag_clicks), (4_321, 4_321, 0));
}

#[test]
fn a_store_that_is_away_loses_no_click_and_counts_none_twice() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let (mut recorders, pipeline) = start(folder.path(), &store, settings());
    for mood in [Mood::Away, Mood::AnswersLost] {
        let (before, attempts) = (pipeline.status(), store.state().attempts);
        store.set_mood(mood);
        record_all(&mut recorders, 0..3_000);
        until(&pipeline, |status| {
            status.last_error.is_some() && status.commits_failed > before.commits_failed
        });
        // After a lost answer the store finds that the commit was made, and does nothing twice.
        until(&pipeline, |status| {
            mood == Mood::AnswersLost || status.commits_failed > before.commits_failed + 1
        });
        assert!(store.state().attempts > attempts);
        store.set_mood(Mood::Well);
        let status = until(&pipeline, |status| status.counted == before.counted + 3_000);
        assert_eq!((status.last_error, counted(&store)), (None, status.counted));
    }
    drop(recorders);
    pipeline.drain(PATIENCE);
}

#[test]
fn draining_ends_by_its_deadline_though_the_store_is_away() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    store.set_mood(Mood::Away);
    let (mut recorders, pipeline) = start(folder.path(), &store, settings());
    record_all(&mut recorders, 0..100);
    drop(recorders);
    let began = Instant::now();
    let status = pipeline.drain(Duration::from_millis(100));
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!((status.counted, status.lag_clicks), (0, 100));

    // What was left is counted after the next start.
    store.set_mood(Mood::Well);
    let (recorders, pipeline) = start(folder.path(), &store, settings());
    drop(recorders);
    assert_eq!((pipeline.drain(PATIENCE).counted, counted(&store)), (100, 100));
}

/// What the process was given and what it found, against what became of it.
fn both_sides(status: &Status) -> (u64, u64) {
    let dropped: u64 = status.dropped.iter().map(|(_, clicks)| clicks).sum();
    (status.produced + status.recovered, status.counted + dropped + status.damaged + status.lag_clicks)
}

#[test]
fn every_click_is_counted_dropped_damaged_or_waits_at_any_moment_after_a_restart_too() {
    balances_at_any_moment(&settings());
    let hold = Hold { at_most: Duration::from_millis(30), journal_bytes_max: u64::MAX };
    balances_at_any_moment(&Config { hold: Some(hold), ..settings() });
}

fn balances_at_any_moment(settings: &Config) {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    store.set_mood(Mood::Away);
    let (mut recorders, pipeline) = start(folder.path(), &store, settings.clone());
    record_all(&mut recorders, 0..3_000);
    drop(recorders);
    let status = pipeline.drain(Duration::ZERO);
    let (given, became) = both_sides(&status);
    assert_eq!((status.lag_clicks + status.unwritten, given), (3_000, became));
    let mut segments: Vec<_> =
        walk(folder.path()).into_iter().filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    segments.sort();
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    bytes[20_000..20_004].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(&segments[0], bytes).unwrap();

    // While the store comes and goes and two recorders work, somebody looks all the time.
    let (mut recorders, pipeline) = start(folder.path(), &store, settings.clone());
    let watch = pipeline.watch();
    let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let looker = std::thread::spawn({
        let (stop, looks) = (Arc::clone(&stop), Arc::clone(&looks));
        move || {
            while !stop.load(Ordering::Relaxed) {
                let status = watch.status();
                let (given, became) = both_sides(&status);
                assert_eq!(given, became, "{status:?}");
                looks.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    for (round, mood) in [Mood::Well, Mood::AnswersLost, Mood::Away, Mood::Well].into_iter().enumerate() {
        store.set_mood(mood);
        let (from, seen) = (3_000 + 5_000 * round as u64, looks.load(Ordering::Relaxed));
        record_all(&mut recorders, from..from + 5_000);
        until(&pipeline, |_| looks.load(Ordering::Relaxed) > seen + 100 || looker.is_finished());
    }
    let status = until(&pipeline, |status| status.lag_clicks == 0 || looker.is_finished());
    stop.store(true, Ordering::Relaxed);
    looker.join().unwrap();
    assert_eq!((status.recovered, status.counted + status.damaged), (3_000, 23_000), "{status:?}");
    assert!((1..100).contains(&status.damaged), "{status:?}");
    drop(recorders);
    pipeline.drain(PATIENCE);
}

#[test]
fn damage_in_the_journal_is_counted_and_holds_nothing_up() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    store.set_mood(Mood::Away);
    let (mut recorders, pipeline) = start(folder.path(), &store, settings());
    record_all(&mut recorders, 0..2_000);
    drop(recorders);
    pipeline.drain(Duration::ZERO);

    // A few bytes in the middle of what was recorded are not what they were.
    let mut segments: Vec<_> =
        walk(folder.path()).into_iter().filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    segments.sort();
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    bytes[20_000..20_004].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(&segments[0], bytes).unwrap();

    store.set_mood(Mood::Well);
    let (mut recorders, pipeline) = start(folder.path(), &store, settings());
    record_all(&mut recorders, 2_000..2_500);
    drop(recorders);
    let status = pipeline.drain(PATIENCE);
    assert!((1..100).contains(&status.damaged), "{status:?}");
    assert_eq!(status.counted + status.damaged, 2_500);
    assert_eq!(counted(&store), status.counted);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn old_rollups_are_forgotten_by_their_grain() {
    use crate::sample::{Sample, count};
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let this_minute = u32::try_from(now().millis() / Timestamp::MINUTE).unwrap();
    let days_ago = |days: u32| Sample {
        link: Some(1),
        minute: this_minute - days * 24 * 60,
        class: curtail_model::ClickClass::Human,
        visitor: 1,
        browser: "",
        country: "",
        text: String::new(),
    };
    count(&[days_ago(1), days_ago(50), days_ago(100)], &store);
    let (recorders, pipeline) = start(folder.path(), &store, settings());
    // Two minutes and one hour, of the link and of everything.
    until(&pipeline, |status| status.forgotten == 2 * 3);
    let of = |grain| store.state().rows.keys().filter(|(_, of, _)| *of == grain).count() / 2;
    assert_eq!([of(Grain::Minute), of(Grain::Hour), of(Grain::Day)], [1, 2, 3]);
    drop(recorders);
    pipeline.drain(PATIENCE);
}

#[test]
fn requests_for_what_is_not_a_link_are_counted_by_path() {
    let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(Memory::default()));
    let (mut recorders, pipeline) = start(folder.path(), &store, settings());
    for path in [b"/wp-login.php".as_slice(), b"/wp-login.php", b"/\x1b[31m\xff"] {
        assert_eq!(record_orphan(&mut recorders[0], path), Recorded::Kept);
    }
    drop(recorders);
    pipeline.drain(PATIENCE);
    let day = now().plus_millis(Timestamp::DAY);
    let stats = Stats::new(store);
    let report = crate::stats::wait(stats.orphans(day.plus_millis(-2 * Timestamp::DAY), day, 10)).unwrap();
    assert_eq!(report.total, 3);
    assert_eq!(report.paths, [("/wp-login.php".to_owned(), 2), ("/\u{fffd}[31m\u{fffd}".to_owned(), 1)]);
}
