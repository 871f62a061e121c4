//! The journal when there is no room, when there is nothing to do, and when the day changes.

use crate::support::{Click, click, config, contents, open, record_all, record_one, segments, streams};
use curtail_clicks::journal::Config;
use curtail_clicks::recorder::{DropReason, Recorded, Recorder};
use curtail_model::Timestamp;
use curtail_servers::PATIENCE;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Instant;

/// Records until a click is dropped; answers how many were kept.
fn fill(recorder: &mut Recorder, mut tick: impl FnMut()) -> (u64, DropReason) {
    let mut misses = 0;
    for kept in 0.. {
        while let Recorded::Dropped(reason) = recorder.record(&click(kept, "agent", "").raw()) {
            misses += 1;
            if reason != DropReason::NotReady && misses > 3 {
                return (kept, reason);
            }
            tick();
        }
    }
    unreachable!("a journal has an end")
}

#[test]
fn a_used_up_budget_drops_and_counts_and_recovers_when_clicks_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { bytes_max: 4 << 16, ..config(dir.path()) };
    let (mut recorders, mut reader, mut keeper) = open(&config, &[]);
    for round in 0..3 {
        let (_, reason) = fill(&mut recorders[0], || keeper.tick(Timestamp::default()));
        assert_eq!(reason, DropReason::BudgetUsedUp, "round {round}");
        let progress = reader.read(usize::MAX, &mut |_, _| {});
        reader.committed(&progress.positions);
        keeper.tick(Timestamp::default());
        assert!(
            record_one(&mut recorders[0], &click(1, "agent", "")),
            "round {round}: it recovers by itself"
        );
    }
    let counts = keeper.meter().counts();
    assert!(counts.bytes <= 4 << 16 && counts.dropped[DropReason::BudgetUsedUp as usize] > 0, "{counts:?}");
    assert_eq!(counts.produced, counts.kept + counts.dropped.iter().sum::<u64>());
    assert_eq!(counts.waiting, 1, "only the last click has not been read");
    let files: u64 = segments(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(files, counts.bytes);
}

/// A file system of 600 kB in memory, gone with this value.
struct Small<'a>(&'a Path);

impl Small<'_> {
    fn mount(at: &Path) -> Option<Small<'_>> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=600k", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Small(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("-l").arg(self.0).status().is_ok_and(|status| status.success()));
    }
}

#[test]
fn a_full_disk_drops_and_counts_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    // Without the right to mount, a file that takes the budget's
    // place shows the same path but not the same reason.
    let small = Small::mount(dir.path());
    let bytes_max = if small.is_some() { 1 << 24 } else { 8 << 16 };
    let (mut recorders, mut reader, mut keeper) = open(&Config { bytes_max, ..config(dir.path()) }, &[]);
    let (kept, reason) = fill(&mut recorders[0], || keeper.tick(Timestamp::default()));
    assert_eq!(reason, if small.is_some() { DropReason::DiskFull } else { DropReason::BudgetUsedUp });
    let mut found = 0;
    let progress = reader.read(usize::MAX, &mut |_, _| found += 1);
    assert_eq!(found, kept, "what was kept is whole");
    assert!(reader.take_damage().is_empty());
    reader.committed(&progress.positions);
    keeper.tick(Timestamp::default());
    assert!(record_one(&mut recorders[0], &click(1, "agent", "")));
    assert_eq!(keeper.meter().counts().last_error, None);
    drop((recorders, reader, keeper));
}

#[test]
fn a_disk_that_is_full_at_the_start_does_not_keep_the_server_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_small) = Small::mount(dir.path()) else {
        // The same from the budget: an earlier process has used it up, and nothing has been counted.
        let config = Config { bytes_max: 2 << 16, ..config(dir.path()) };
        let (mut recorders, _, mut keeper) = open(&config, &[]);
        fill(&mut recorders[0], || keeper.tick(Timestamp::default()));
        let (mut recorders, _, _keeper) = open(&config, &[]);
        assert!(!record_one(&mut recorders[0], &click(1, "agent", "")));
        return;
    };
    let filler = dir.path().join("filler");
    fs::write(&filler, vec![1; 560 << 10]).unwrap();
    let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    let dropped = recorders[0].record(&click(1, "agent", "").raw());
    assert_eq!(dropped, Recorded::Dropped(DropReason::DiskFull));
    assert!(keeper.meter().counts().last_error.is_some());
    fs::remove_file(&filler).unwrap();
    keeper.tick(Timestamp::default());
    assert!(record_one(&mut recorders[0], &click(2, "agent", "")));
    assert_eq!(reader.read(10, &mut |_, _| {}).clicks, 1);
}

#[test]
fn backlog_that_fills_the_budget_is_counted_and_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { bytes_max: 3 << 16, ..config(dir.path()) };
    let kept = {
        let (mut recorders, _, mut keeper) = open(&config, &[]);
        fill(&mut recorders[0], || keeper.tick(Timestamp::default())).0
    };
    let (mut recorders, mut reader, mut keeper) = open(&config, &[]);
    assert!(!record_one(&mut recorders[0], &click(1, "agent", "")));
    assert_eq!(keeper.meter().counts().backlog_bytes, 3 << 16);
    let progress = reader.read(usize::MAX, &mut |_, _| {});
    assert_eq!(progress.clicks as u64, kept);
    reader.committed(&progress.positions);
    keeper.tick(Timestamp::default());
    assert!(record_one(&mut recorders[0], &click(1, "agent", "")));
    assert_eq!(keeper.meter().counts().backlog_bytes, 0);
}

#[test]
fn streams_beyond_the_configured_number_are_read_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (mut recorders, _, mut keeper) = open(&Config { streams: 4, ..config(dir.path()) }, &[]);
        for (recorder, n) in recorders.iter_mut().zip(0..) {
            record_all(recorder, &mut keeper, &[click(n, "agent", "")]);
        }
    }
    let (_, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    let mut found = Vec::new();
    let progress = reader.read(usize::MAX, &mut |key, entry| found.push((key.stream, entry.at.millis())));
    found.sort_unstable();
    let first = found[0].0;
    assert_eq!(found, [(first, 0), (first + 1, 1), (first + 2, 2), (first + 3, 3)]);
    reader.committed(&progress.positions);
    keeper.tick(Timestamp::default());
    let last = streams(dir.path()).pop().unwrap();
    assert_eq!(fs::read_dir(&last).unwrap().count(), 0, "what was counted is gone");
    drop((reader, keeper));
    let (_, _, _keeper) = open(&config(dir.path()), &progress.positions);
    assert_eq!(streams(dir.path()).len(), 1, "and so are the streams that nobody writes any more");
}

#[test]
fn counted_segments_are_used_again_and_old_records_never_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    let mut next = 0;
    for n in 0..20_000 {
        record_all(&mut recorders[0], &mut keeper, &[click(n, "agent", "")]);
        if n % 500 == 499 {
            let progress = reader.read(usize::MAX, &mut |_, entry| {
                assert_eq!(entry.at.millis(), next);
                next += 1;
            });
            reader.committed(&progress.positions);
            keeper.tick(Timestamp::default());
        }
    }
    assert_eq!(next, 20_000);
    assert!(segments(dir.path()).len() <= 4, "15 segments were filled, a few exist");
    record_all(&mut recorders[0], &mut keeper, &[click(20_000, "agent", "")]);
    // The same bytes, read as a later process would: the one click that was not counted, and nothing of what
    // was there before.
    let position = reader.read(0, &mut |_, _| {}).positions;
    assert!(position.is_empty());
    drop((recorders, keeper));
    let (_, mut later, _keeper) = open(&config(dir.path()), &[]);
    let mut found = Vec::new();
    later.read(usize::MAX, &mut |_, entry| found.push(entry.at.millis()));
    assert!(
        found.is_sorted() && found.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "no click of another life"
    );
    assert_eq!(found.last(), Some(&20_000));
    assert!(later.take_damage().is_empty());
}

#[test]
fn no_address_reaches_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    let v4 = Click { address: IpAddr::from([203, 113, 201, 187]), ..click(1, "agent", "") };
    let v6 =
        Click { address: "2001:db8:abcd:ef01:2345:6789:9876:5432".parse().unwrap(), ..click(2, "agent", "") };
    record_all(&mut recorders[0], &mut keeper, &[v4, v6]);
    let mut networks = Vec::new();
    reader.read(9, &mut |_, entry| networks.push(entry.network.to_string()));
    assert_eq!(networks, ["203.113.201.0", "2001:db8:abcd::"]);
    let bytes = contents(dir.path());
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(&[203, 113, 201]) && !holds(&[203, 113, 201, 187]) && !holds(&[0xab, 0xcd, 0xef, 0x01]));
}

#[test]
fn a_visitor_is_one_per_day_on_all_cores_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let two = Config { streams: 2, ..config(dir.path()) };
    let today = Timestamp::from_millis(
        std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64 / Timestamp::DAY * Timestamp::DAY,
    );
    let at = |day: i64| Click { at: today.plus_millis(day * Timestamp::DAY), ..click(1, "agent", "") };
    let mut visitors = Vec::new();
    for _ in 0..2 {
        let (mut recorders, mut reader, mut keeper) = open(&two, &[]);
        for recorder in &mut recorders {
            record_all(recorder, &mut keeper, &[at(0), at(1)]);
        }
        visitors.clear();
        reader.read(usize::MAX, &mut |_, entry| visitors.push((entry.at, entry.visitor)));
    }
    let of =
        |day: i64| visitors.iter().filter(move |(when, _)| *when == at(day).at).map(|(_, visitor)| *visitor);
    assert_eq!((of(0).count(), of(1).count()), (4, 4));
    assert!(of(0).all(|visitor| Some(visitor) == of(0).next()), "one visitor on all cores, before and after");
    assert!(of(1).all(|visitor| Some(visitor) == of(1).next() && Some(visitor) != of(0).next()));
}

#[test]
fn the_keeper_serves_a_recorder_that_never_waits_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    let meter = keeper.meter();
    let (stop, stopped) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let stopped = stopped;
            keeper.run(&stopped);
        });
        let recorder = scope.spawn(move || {
            for n in 0..100_000 {
                let _counted = recorders[0].record(&click(n, "agent", "").raw());
            }
        });
        let (mut last, mut read) = (-1, 0);
        let deadline = Instant::now() + PATIENCE;
        while !recorder.is_finished() || meter.counts().waiting > 0 {
            assert!(Instant::now() < deadline, "the reader never catches up: {:?}", meter.counts());
            let progress = reader.read(1000, &mut |_, entry| {
                assert!(entry.at.millis() > last, "in order");
                last = entry.at.millis();
            });
            read += progress.clicks as u64;
            reader.committed(&progress.positions);
        }
        drop(stop);
        let counts = meter.counts();
        assert_eq!((counts.produced, counts.kept), (100_000, read));
        assert_eq!(counts.produced - counts.kept, counts.dropped.iter().sum::<u64>());
    });
}
