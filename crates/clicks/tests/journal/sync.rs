//! The journal on a disk that refuses to sync.
//!
//! The kernel itself refuses: a filter on system calls (seccomp) is put on one thread, and the keeper does a
//! round of its work there.

use crate::support::{click, config, open, record_all, record_one, segments};
use curtail_clicks::journal::Keeper;
use curtail_model::Timestamp;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;

/// A round of the keeper's work in which a system call fails as on a broken disk.
fn tick_without(call: i64, keeper: &mut Keeper) {
    let refused = [(call, Vec::new())].into_iter().collect();
    let (others, refuse) = (SeccompAction::Allow, SeccompAction::Errno(libc::EIO as u32));
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(refused, others, refuse, machine).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            apply_filter(&filter).unwrap();
            keeper.tick(Timestamp::default());
        });
    });
}

#[test]
fn what_a_failed_sync_was_to_make_safe_is_written_again_before_it_counts_as_safe() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, _reader, mut keeper) = open(&config(dir.path()), &[]);
    let meter = keeper.meter();
    assert!(record_one(&mut recorders[0], &click(1, "agent", "")));
    // The next segment is there, so all there is to sync is what was recorded.
    keeper.tick(Timestamp::default());
    assert_eq!((meter.counts().unsynced_bytes, meter.counts().waiting_bytes > 0), (0, true));
    assert!(record_one(&mut recorders[0], &click(2, "agent", "")));
    tick_without(libc::SYS_msync, &mut keeper);
    let counts = meter.counts();
    assert_eq!(counts.sync_failures, 1);
    assert!(counts.unsynced_bytes > 0 && counts.waiting_bytes >= counts.unsynced_bytes, "{counts:?}");
    assert!(counts.last_error.is_some_and(|error| error.contains("syncing a segment")));

    // A sync would succeed now, without writing anything: the kernel may take the pages for written.
    let at_risk = counts.unsynced_bytes;
    tick_without(libc::SYS_pwrite64, &mut keeper);
    let counts = meter.counts();
    assert_eq!(
        (counts.sync_failures, counts.unsynced_bytes),
        (2, at_risk),
        "not safe before it is written again"
    );

    keeper.tick(Timestamp::default());
    let counts = meter.counts();
    assert_eq!((counts.sync_failures, counts.unsynced_bytes, counts.last_error), (2, 0, None));
}

#[test]
fn clicks_written_again_are_the_same_clicks() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    for n in 0..200 {
        assert!(record_one(&mut recorders[0], &click(n, "agent", "")));
        if n % 50 == 20 {
            tick_without(libc::SYS_msync, &mut keeper);
        } else if n % 50 == 40 {
            keeper.tick(Timestamp::default());
        }
    }
    assert_eq!(keeper.meter().counts().sync_failures, 4);
    let mut found = Vec::new();
    reader.read(usize::MAX, &mut |_, entry| found.push(entry.at.millis()));
    assert_eq!(found, (0..200).collect::<Vec<_>>());
    assert!(reader.take_damage().is_empty());
}

#[test]
fn a_segment_that_would_not_sync_is_removed_when_counted_and_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    record_all(&mut recorders[0], &mut keeper, &[click(0, "agent", "")]);
    tick_without(libc::SYS_msync, &mut keeper);
    // Another name for the first segment's file: it would go
    // on under a new one beside it if it were used again.
    let first = dir.path().join("first");
    fs::hard_link(&segments(dir.path())[0], &first).unwrap();
    for n in 1..5_000 {
        record_all(&mut recorders[0], &mut keeper, &[click(n, "agent", "")]);
    }
    let progress = reader.read(usize::MAX, &mut |_, _| {});
    assert_eq!(progress.clicks, 5_000);
    reader.committed(&progress.positions);
    keeper.tick(Timestamp::default());
    assert_eq!(fs::metadata(&first).unwrap().nlink(), 1);
}
