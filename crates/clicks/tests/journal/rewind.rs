//! The reader goes back to what was counted, for whoever lost what it had read.

use crate::support::{Click, click, config, open, record_all, streams};
use curtail_clicks::journal::Progress;
use curtail_clicks::journal::Reader;
use curtail_model::Timestamp;
use proptest::prelude::*;

fn read(reader: &mut Reader, limit: usize, into: &mut Vec<i64>) -> Progress {
    reader.read(limit, &mut |_, entry| into.push(entry.at.millis()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Clicks of an earlier process and of this one, over several segments, are read in parts. Some parts are
    /// committed, and all else is lost by whoever read it, again and again.
    #[test]
    fn what_was_not_committed_comes_again_and_nothing_else_does(
        old in 0..4_000_u64,
        live in 0..4_000_u64,
        parts in proptest::collection::vec((1..1_500_usize, 0..3_u8), 1..12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let clicks = |numbers: std::ops::Range<u64>| -> Vec<Click> {
            numbers.map(|number| click(number, "agent", "")).collect()
        };
        {
            let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
            record_all(&mut recorders[0], &mut keeper, &clicks(0..old));
        }
        let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
        record_all(&mut recorders[0], &mut keeper, &clicks(old..old + live));
        let meter = keeper.meter();
        let (mut counted, mut pending, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        // Where nothing is left of earlier processes, an empty segment may be.
        let has_backlog = |read: usize| (read as u64) < old;
        for (limit, then) in parts {
            // It may look ahead, which is not reading.
            reader.oldest_waiting();
            prop_assert!(!has_backlog(counted.len() + pending.len()) || meter.counts().backlog_bytes > 0);
            positions.extend(read(&mut reader, limit, &mut pending).positions);
            prop_assert!(!has_backlog(counted.len() + pending.len()) || meter.counts().backlog_bytes > 0);
            match then {
                0 => {}
                1 => {
                    counted.append(&mut pending);
                    reader.committed(&std::mem::take(&mut positions));
                    keeper.tick(Timestamp::default());
                }
                _ => {
                    pending.clear();
                    positions.clear();
                    reader.rewind(&[]);
                    let waiting = (counted.len() as u64).max(old);
                    prop_assert_eq!(meter.counts().waiting, old + live - waiting);
                }
            }
        }
        reader.rewind(&[]);
        read(&mut reader, usize::MAX, &mut counted);
        prop_assert!(counted.iter().copied().eq(0..(old + live) as i64), "{} of {}", counted.len(), old + live);
        prop_assert_eq!((meter.counts().waiting, meter.counts().backlog_bytes), (0, 0));
        prop_assert!(reader.take_damage().is_empty());
    }
}

#[test]
fn what_somebody_else_has_counted_meanwhile_is_passed_over() {
    // Clicks of an earlier process and of this one; who counted somewhere in either has read them elsewhere.
    for counted in [10, 2_500, 2_999, 3_000, 4_700, 5_999] {
        let dir = tempfile::tempdir().unwrap();
        let clicks: Vec<Click> = (0..6_000).map(|number| click(number, "agent", "")).collect();
        {
            let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
            record_all(&mut recorders[0], &mut keeper, &clicks[..3_000]);
        }
        let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
        record_all(&mut recorders[0], &mut keeper, &clicks[3_000..]);
        let mut positions = Vec::new();
        reader.read(counted, &mut |segment, entry| positions = vec![(segment.stream, entry.position)]);
        reader.rewind(&[]);
        // It has read a little when it hears of it.
        read(&mut reader, 7, &mut Vec::new());
        reader.rewind(&positions);
        let mut rest = Vec::new();
        read(&mut reader, usize::MAX, &mut rest);
        assert!(rest.iter().copied().eq(counted as i64..6_000), "{counted}: {} are left", rest.len());
        assert_eq!(keeper.meter().counts().waiting, 0);
    }
}

#[test]
fn a_copy_is_never_read_further_than_its_clicks() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
    let clicks: Vec<Click> = (0..2_000).map(|number| click(number, "agent", "")).collect();
    record_all(&mut recorders[0], &mut keeper, &clicks);
    for stream in streams(dir.path()) {
        let copy = other.path().join(stream.file_name().unwrap());
        std::fs::create_dir(&copy).unwrap();
        for segment in std::fs::read_dir(stream).unwrap().map(Result::unwrap) {
            std::fs::copy(segment.path(), copy.join(segment.file_name())).unwrap();
        }
    }
    // The copy is counted to its end, and the spare segment behind it is no reason to say more.
    let (_, mut of_copy, _keeper) = open(&config(other.path()), &[]);
    let mut copied = Vec::new();
    let counted = read(&mut of_copy, usize::MAX, &mut copied).positions;
    assert_eq!(copied.len(), 2_000);
    // The original has recorded on meanwhile.
    record_all(&mut recorders[0], &mut keeper, &[click(2_000, "agent", "")]);
    reader.rewind(&counted);
    let mut rest = Vec::new();
    read(&mut reader, usize::MAX, &mut rest);
    assert_eq!(rest, [2_000]);
}
