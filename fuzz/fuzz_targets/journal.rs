//! Reads any bytes as a segment of the journal: no panic, no endless work, and no more clicks than fit.
//!
//! Random bytes never pass a checksum, so the input is also read with all its checksums put right (the format is
//! described in `crates/clicks/src/journal/header.rs` and `record.rs`).
#![no_main]

use crc32c::{crc32c, crc32c_append};
use curtail_clicks::journal;
use libfuzzer_sys::fuzz_target;

const HEADER_COPY_BYTES: usize = 64;
const RECORDS_START: usize = 2 * HEADER_COPY_BYTES;
const CLICK_BYTES: usize = 48;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let mut sound = vec![0; RECORDS_START.max(bytes.len())];
    sound[..bytes.len()].copy_from_slice(bytes);
    repair(&mut sound);
    read(&sound);
});

fn read(bytes: &[u8]) {
    let mut clicks = 0;
    let damage = journal::decode(bytes, &mut |_, entry| {
        clicks += 1;
        for text in [entry.user_agent, entry.referrer, entry.language, entry.query] {
            assert!(text.bytes.len() <= bytes.len());
        }
    });
    assert!(clicks * CLICK_BYTES <= bytes.len());
    let skipped: u64 = damage.unwrap_or_default().iter().map(|damage| damage.bytes).sum();
    assert!(skipped <= bytes.len() as u64);
}

/// Writes a valid first header and puts the checksum of each record right, one after the other by their lengths.
fn repair(bytes: &mut [u8]) {
    bytes[..8].copy_from_slice(b"CURTJRNL");
    bytes[8..12].copy_from_slice(&[1, 0, 1, 0]);
    let checksum = crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    let mut place = [0; 16];
    place[..8].copy_from_slice(&bytes[24..32]);
    place[8..].copy_from_slice(&bytes[16..24]);
    let seed = crc32c(&place) ^ crc32c(&bytes[12..16]);
    let mut records = &mut bytes[RECORDS_START..];
    while records.len() >= 8 {
        let length = usize::from(u16::from_le_bytes([records[4], records[5]])).clamp(8, records.len());
        let (record, rest) = records.split_at_mut(length);
        let checksum = crc32c_append(seed, &record[4..]);
        record[..4].copy_from_slice(&checksum.to_le_bytes());
        records = rest;
    }
}
