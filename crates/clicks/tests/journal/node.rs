//! No two clicks ever have the same stream and position, whatever is done to the folder.

use crate::folder::copy;
use crate::support::{click, config, open, record_all};
use curtail_clicks::journal::{Config, Reader};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Time, stream and position of all clicks that are there to read.
fn read_all(reader: &mut Reader) -> Vec<(i64, u64, u64)> {
    let mut found = Vec::new();
    reader.read(usize::MAX, &mut |segment, entry| {
        found.push((entry.at.millis(), segment.stream, entry.position));
    });
    found
}

/// A process that records these clicks and ends; answers where everything in the folder is.
fn record_in(dir: &Path, numbers: std::ops::Range<u64>) -> Vec<(i64, u64, u64)> {
    let (mut recorders, mut reader, mut keeper) = open(&config(dir), &[]);
    for number in numbers {
        record_all(&mut recorders[0], &mut keeper, &[click(number, "agent", "")]);
    }
    read_all(&mut reader)
}

fn second() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn positions_are_in_order_and_each_click_has_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let found = record_in(dir.path(), 0..3_000);
    assert_eq!(found.len(), 3_000, "more than one segment");
    assert!(found.windows(2).all(|pair| pair[0].1 == pair[1].1 && pair[0].2 < pair[1].2));
    let again = record_in(dir.path(), 3_000..3_100);
    assert_eq!(again[..3_000], found, "they are the same whenever they are read");
    assert!(again.windows(2).all(|pair| pair[0].2 < pair[1].2));
}

#[test]
fn a_copied_folder_records_in_streams_of_its_own_and_keeps_what_was_copied_in_the_old_ones() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = record_in(dir.path(), 0..100);
    copy(dir.path(), other.path());
    let original = record_in(dir.path(), 100..200);
    let copied = record_in(other.path(), 100..200);
    assert_eq!((&original[..100], &copied[..100]), (&before[..], &before[..]));
    let streams = |found: &[(i64, u64, u64)]| found.iter().map(|click| click.1).collect::<BTreeSet<_>>();
    assert_eq!(streams(&original[100..]), streams(&before));
    assert!(streams(&copied[100..]).is_disjoint(&streams(&before)));
}

#[test]
fn a_folder_whose_older_state_is_put_back_goes_on_behind_what_it_had_recorded() {
    let (dir, saved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    record_in(dir.path(), 0..10);
    copy(dir.path(), saved.path());
    let lost = record_in(dir.path(), 10..20).split_off(10);
    // A segment a second is what the promise asks for, and two were begun above.
    let begun = second();
    while second() <= begun + 2 {
        std::thread::yield_now();
    }
    for entry in fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    copy(saved.path(), dir.path());
    let now = record_in(dir.path(), 20..30).split_off(10);
    assert_eq!(now[0].1, lost[0].1, "the same stream");
    assert!(now[0].2 > lost[9].2, "{now:?} after {lost:?}");
}

#[test]
fn a_node_has_a_stream_for_each_core_it_may_have_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let many = Config { streams: 1025, bytes_max: 1 << 40, ..config(dir.path()) };
    let error = curtail_clicks::journal::open(many, &[]).unwrap_err().to_string();
    assert_eq!(error, "the journal has at most 1024 streams, not 1025");
}
