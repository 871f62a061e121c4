//! What the journal promises of every byte that is on disk: what was written is read back, and what was
//! damaged is found.

use crate::repair::{CLICK_BYTES, RECORDS_START, begin_with_a_click, repair};
use crate::support::{Click, click, clicks, config, open, record_all, segments};
use curtail_clicks::journal::{self, Damage, DamageKind};
use curtail_model::Timestamp;
use proptest::prelude::*;
use std::fs;

/// The bytes of one segment with these clicks, cut a little behind its last record.
fn segment_with(clicks: &[Click]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
    record_all(&mut recorders[0], &mut keeper, clicks);
    let mut bytes = fs::read(&segments(dir.path())[0]).unwrap();
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    bytes.truncate(used.next_multiple_of(8) + 64);
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Vec<Click>, Vec<Damage>)> {
    let mut found = Vec::new();
    let damage = journal::decode(bytes, &mut |_, entry| found.push(Click::from(entry)))?;
    Some((found, damage))
}

fn few() -> Vec<Click> {
    (0..12)
        .map(|n| click(n, &format!("agent {}", n % 3), if n % 4 == 0 { "https://a.example/" } else { "" }))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_click_is_read_back_as_it_was(written in clicks(0..400), limit in 1usize..200) {
        let dir = tempfile::tempdir().unwrap();
        let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
        let mut found = Vec::new();
        for part in written.chunks(50) {
            record_all(&mut recorders[0], &mut keeper, part);
            loop {
                let progress = reader.read(limit, &mut |_, entry| found.push(Click::from(entry)));
                reader.committed(&progress.positions);
                keeper.tick(Timestamp::default());
                if progress.clicks == 0 {
                    break;
                }
            }
        }
        prop_assert_eq!(found, written.iter().map(Click::as_kept).collect::<Vec<_>>());
        prop_assert!(reader.take_damage().is_empty());
    }

    #[test]
    fn any_positions_to_stop_at_give_every_click_once(
        written in clicks(1..300),
        parts in proptest::collection::vec(1usize..90, 1..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut positions = Vec::new();
        let mut found = Vec::new();
        let mut left = &written[..];
        // Each round is a process that records some clicks, counts others, and dies.
        for part in parts.into_iter().chain([usize::MAX]) {
            let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &positions);
            let (now, later) = left.split_at(left.len().min(part.min(60)));
            record_all(&mut recorders[0], &mut keeper, now);
            left = later;
            let progress = reader.read(part, &mut |_, entry| found.push(Click::from(entry)));
            for (stream, position) in progress.positions {
                positions.retain(|(other, _)| *other != stream);
                positions.push((stream, position));
            }
            prop_assert!(reader.take_damage().is_empty());
        }
        let expected: Vec<_> = written[..written.len() - left.len()].iter().map(Click::as_kept).collect();
        prop_assert_eq!(found, expected);
    }

    /// Random bytes pass no checksum, so theirs are put right: then kinds, flags, ids and texts are whatever
    /// they are.
    #[test]
    fn no_bytes_behind_right_checksums_make_decoding_panic(
        header in proptest::collection::vec(any::<u8>(), RECORDS_START),
        records in proptest::collection::vec((0_u8..6, any::<u8>(), proptest::collection::vec(any::<u8>(), 8..64)), 1..40),
    ) {
        let mut segment = header;
        segment.resize(RECORDS_START + CLICK_BYTES, 0);
        for (kind, flags, mut body) in records {
            // A click has a length of its own; others have any.
            body.resize(if kind == 1 { CLICK_BYTES - 8 } else { body.len().next_multiple_of(8) }, 0);
            segment.extend_from_slice(&[0, 0, 0, 0, (8 + body.len()) as u8, 0, kind, flags]);
            segment.extend_from_slice(&body);
        }
        let _ = decode(&segment);
        begin_with_a_click(&mut segment);
        repair(&mut segment);
        let (found, _) = decode(&segment).expect("the header is right");
        prop_assert!(!found.is_empty() && found.len() * CLICK_BYTES <= segment.len());
    }
}

#[test]
fn a_repaired_segment_is_the_one_that_was_recorded() {
    let written = few();
    let whole = segment_with(&written);
    let mut bytes = whole.clone();
    repair(&mut bytes);
    assert_eq!(bytes[..RECORDS_START / 2], whole[..RECORDS_START / 2], "the format of the header");
    let (found, damage) = decode(&bytes).expect("the header is right");
    assert_eq!((found, damage), (written, Vec::new()), "the format of records");
}

#[test]
fn truncation_at_every_byte_leaves_all_whole_records_before_it() {
    let written = few();
    let bytes = segment_with(&written);
    let mut most = 0;
    for length in 0..=bytes.len() {
        let Some((found, damage)) = decode(&bytes[..length]) else {
            assert!(length < 128, "the header is whole at {length}");
            continue;
        };
        assert_eq!(found, written[..found.len()], "cut at {length}");
        assert!(found.len() >= most && damage.is_empty(), "cut at {length}: {damage:?}");
        most = found.len();
    }
    assert_eq!(most, written.len());
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_said_with_the_clicks_it_cost() {
    let written = few();
    let whole = segment_with(&written);
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (found, damage) = decode(&bytes).expect("one copy of the header is whole");
        let mut rest = written.iter();
        assert!(found.iter().all(|click| rest.any(|other| other == click)), "bit {bit}: a click nobody made");
        let lost: u64 = damage.iter().map(|damage| damage.clicks).sum();
        let missing = (written.len() - found.len()) as u64;
        // The very last record cannot be told from one that a dying process had not finished.
        let is_last = missing == 1 && found == written[..written.len() - 1];
        assert!(lost == missing || (is_last && lost == 0), "bit {bit}: {missing} missing, {damage:?}");
        let is_behind = bit / 8 >= whole.len() - 64;
        assert!(!damage.is_empty() || is_last || is_behind, "bit {bit} went unnoticed");
    }
}

#[test]
fn damage_in_one_segment_spares_the_others_and_says_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let written: Vec<Click> = (0..3000).map(|n| click(n, "agent", "")).collect();
    {
        let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
        record_all(&mut recorders[0], &mut keeper, &written);
    }
    let path = &segments(dir.path())[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[10_000..10_100].fill(0xff);
    fs::write(path, &bytes).unwrap();
    let (_, mut reader, _keeper) = open(&config(dir.path()), &[]);
    let mut found = Vec::new();
    reader.read(usize::MAX, &mut |_, entry| found.push(Click::from(entry)));
    let damage = reader.take_damage();
    assert_eq!(damage.len(), 1, "{damage:?}");
    let stream = path.parent().unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap();
    let sequence = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let expected = (stream, sequence, DamageKind::Records);
    assert_eq!((damage[0].stream, damage[0].position >> 32, damage[0].kind), expected);
    assert_eq!(found.len() as u64 + damage[0].clicks, 3000);
    assert!((2..=4).contains(&damage[0].clicks) && damage[0].bytes == damage[0].clicks * 48, "{damage:?}");
}

#[test]
fn a_cut_off_segment_in_the_middle_of_a_stream_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
        let written: Vec<Click> = (0..2000).map(|n| click(n, "agent", "")).collect();
        record_all(&mut recorders[0], &mut keeper, &written);
    }
    let file = fs::OpenOptions::new().write(true).open(&segments(dir.path())[0]).unwrap();
    file.set_len(20_000).unwrap();
    let (_, mut reader, _keeper) = open(&config(dir.path()), &[]);
    let read = reader.read(usize::MAX, &mut |_, _| {}).clicks as u64;
    let damage = reader.take_damage();
    assert_eq!(read + damage.iter().map(|damage| damage.clicks).sum::<u64>(), 2000, "{damage:?}");
    assert!(
        damage.iter().any(|damage| damage.kind == DamageKind::Segment && damage.bytes == 65_536 - 20_000)
    );
}

#[test]
fn a_cut_off_segment_at_the_end_of_a_stream_may_have_held_as_many_clicks_as_fit() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
        record_all(
            &mut recorders[0],
            &mut keeper,
            &(0..500).map(|n| click(n, "agent", "")).collect::<Vec<_>>(),
        );
    }
    let path = segments(dir.path())[0].clone();
    let whole = fs::read(&path).unwrap();
    let used = whole.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let lost_at = |length: usize| {
        fs::write(&path, &whole[..length]).unwrap();
        // The next process records on: what it finds behind is of another one, and tells nothing.
        let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
        record_all(&mut recorders[0], &mut keeper, &[click(1_000, "agent", "")]);
        let read = reader.read(usize::MAX, &mut |_, entry| _ = entry).clicks as u64 - 1;
        let lost = reader.take_damage().iter().map(|damage| damage.clicks).sum::<u64>();
        segments(dir.path()).into_iter().skip(1).for_each(|path| fs::remove_file(path).unwrap());
        (read, lost)
    };
    for length in [used / 2, used - 480, used - 17] {
        let (read, lost) = lost_at(length);
        let fit = (whole.len() - length) as u64 / 48;
        assert!(read < 500 && read + lost >= 500 && lost <= fit + 1, "{read} and {lost} of 500 in {length}");
    }
    // What is cut off behind the last record was never used.
    assert_eq!(lost_at(used.next_multiple_of(8) + 64), (500, 0));
}

#[test]
fn a_segment_of_a_newer_format_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&config(dir.path()), &[]));
    let path = segments(dir.path())[0].clone();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let refused = journal::open(config(dir.path()), &[]).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("newer version"), "{refused}");
    assert!(path.exists());
}
