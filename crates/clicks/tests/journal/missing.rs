//! Segments that somebody removed before they were counted:
//! what was in them is said, as well as it can be known.

use crate::support::{Click, click, config, open, record_all, segments};
use curtail_clicks::journal::{Damage, DamageKind, Reader};
use curtail_model::Timestamp;
use std::fs;
use std::path::Path;

/// Clicks of one length, so that every segment but the last holds as many.
fn same(numbers: std::ops::Range<u64>) -> Vec<Click> {
    numbers.map(|n| click(n, "agent", "")).collect()
}

/// A process that records these clicks and dies.
fn record_in(dir: &Path, consumed: &[(u64, u64)], numbers: std::ops::Range<u64>) {
    let (mut recorders, _, mut keeper) = open(&config(dir), consumed);
    record_all(&mut recorders[0], &mut keeper, &same(numbers));
}

fn read_all(reader: &mut Reader) -> (u64, Vec<Damage>) {
    let read = reader.read(usize::MAX, &mut |_, _| {}).clicks as u64;
    (read, reader.take_damage())
}

#[test]
fn segments_that_are_gone_from_the_middle_are_said_with_the_clicks_that_were_in_them() {
    // One of them, and more clicks than an ordinal can tell apart.
    for (clicks, gone) in [(5_000, 1..2), (100_000, 2..60)] {
        let dir = tempfile::tempdir().unwrap();
        record_in(dir.path(), &[], 0..clicks);
        for path in &segments(dir.path())[gone.clone()] {
            fs::remove_file(path).unwrap();
        }
        let (_, mut reader, _keeper) = open(&config(dir.path()), &[]);
        let (read, damage) = read_all(&mut reader);
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert_eq!(damage[0].kind, DamageKind::Missing);
        assert_eq!(read + damage[0].clicks, clicks, "{gone:?}: {damage:?}");
    }
}

#[test]
fn a_segment_that_cannot_be_read_just_now_is_waited_for_and_not_given_up() {
    let dir = tempfile::tempdir().unwrap();
    record_in(dir.path(), &[], 0..5_000);
    let (_, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    // What is in its place is there, and is no file: neither gone nor lost by its disk.
    let segment = &segments(dir.path())[1];
    let aside = dir.path().join("aside");
    fs::rename(segment, &aside).unwrap();
    fs::create_dir(segment).unwrap();
    let (before, damage) = read_all(&mut reader);
    assert!(before > 0 && before < 5_000 && damage.is_empty(), "{before}, {damage:?}");
    keeper.tick(Timestamp::default());
    assert_eq!(read_all(&mut reader), (0, Vec::new()));
    fs::remove_dir(segment).unwrap();
    fs::rename(&aside, segment).unwrap();
    assert_eq!(read_all(&mut reader), (5_000 - before, Vec::new()));
}

#[test]
fn segments_that_are_gone_from_the_beginning_and_were_not_counted_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let (clicks, counted) = (5_000, 100);
    record_in(dir.path(), &[], 0..clicks);
    let (_, mut reader, keeper) = open(&config(dir.path()), &[]);
    let consumed = reader.read(counted, &mut |_, _| {}).positions;
    drop((reader, keeper));
    for path in &segments(dir.path())[..2] {
        fs::remove_file(path).unwrap();
    }
    let (_, mut reader, _keeper) = open(&config(dir.path()), &consumed);
    let (read, damage) = read_all(&mut reader);
    assert_eq!((damage.len(), damage[0].kind), (1, DamageKind::Missing), "{damage:?}");
    // How many of them were counted before, nobody knows: as many as were there, at most.
    let lost = clicks - counted as u64 - read;
    assert!((lost..=clicks - read).contains(&damage[0].clicks), "{lost} are lost: {damage:?}");
}

#[test]
fn the_first_segments_of_a_process_that_are_gone_are_said_with_all_their_clicks() {
    let dir = tempfile::tempdir().unwrap();
    record_in(dir.path(), &[], 0..100);
    let (_, mut reader, keeper) = open(&config(dir.path()), &[]);
    let consumed = reader.read(usize::MAX, &mut |_, _| {}).positions;
    drop((reader, keeper));
    for path in segments(dir.path()) {
        fs::remove_file(path).unwrap();
    }
    record_in(dir.path(), &consumed, 0..5_000);
    fs::remove_file(&segments(dir.path())[0]).unwrap();
    let (_, mut reader, _keeper) = open(&config(dir.path()), &consumed);
    let (read, damage) = read_all(&mut reader);
    assert_eq!((damage.len(), damage[0].kind), (1, DamageKind::Missing), "{damage:?}");
    assert_eq!(read + damage[0].clicks, 5_000, "{damage:?}");
}

#[test]
fn segments_that_were_counted_are_missed_by_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (mut consumed, mut counted) = (Vec::new(), 0);
    for _ in 0..4 {
        record_in(dir.path(), &consumed, 0..3_000);
        // Some of it is counted, so that whole segments go.
        let (_, mut reader, mut keeper) = open(&config(dir.path()), &consumed);
        let progress = reader.read(2_500, &mut |_, _| {});
        counted += progress.clicks;
        reader.committed(&progress.positions);
        keeper.tick(curtail_model::Timestamp::default());
        assert_eq!(reader.take_damage(), []);
        for (stream, position) in progress.positions {
            consumed.retain(|(other, _)| *other != stream);
            consumed.push((stream, position));
        }
    }
    let (_, mut reader, _keeper) = open(&config(dir.path()), &consumed);
    assert_eq!(read_all(&mut reader), (12_000 - counted as u64, Vec::new()));
}

#[test]
fn damaged_node_and_salt_are_counted_once_and_cost_no_click() {
    let dir = tempfile::tempdir().unwrap();
    record_in(dir.path(), &[], 0..100);
    let damaged = || {
        let (_, mut reader, keeper) = open(&config(dir.path()), &[]);
        (keeper.meter().counts().files_damaged, read_all(&mut reader))
    };
    assert_eq!(damaged(), (0, (100, Vec::new())));
    for name in ["node", "salt"] {
        let path = dir.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(damaged(), (2, (100, Vec::new())));
    assert_eq!(damaged(), (0, (100, Vec::new())));
}

#[test]
fn positions_that_are_stored_long_after_they_were_read_leave_no_segment_that_is_missed() {
    // Somewhere among these the first segment ends.
    for clicks in 1_300..1_366 {
        let dir = tempfile::tempdir().unwrap();
        let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
        reader.hold();
        record_all(&mut recorders[0], &mut keeper, &same(0..clicks));
        let stored = reader.read(usize::MAX, &mut |_, _| {}).positions;
        reader.committed(&stored);
        // What is read now is not stored when the process dies.
        record_all(&mut recorders[0], &mut keeper, &same(clicks..clicks + 100));
        assert_eq!(read_all(&mut reader), (100, Vec::new()));
        keeper.tick(Timestamp::default());
        drop((recorders, reader, keeper));
        let (_, mut reader, _keeper) = open(&config(dir.path()), &stored);
        assert_eq!(read_all(&mut reader), (100, Vec::new()), "behind {clicks}");
    }
}
