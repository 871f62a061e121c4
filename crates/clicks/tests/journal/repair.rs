//! Puts the checksums of a segment right, so that bytes which nobody recorded reach what stands behind them.
//! Fuzzing includes this file. It has the format by heart (`src/journal/header.rs` and `record.rs`): whether
//! that is still the right one, a test of recovery says.

use crc32c::{crc32c, crc32c_append};

/// Where records begin.
pub(crate) const RECORDS_START: usize = 128;
/// The length of a click.
pub(crate) const CLICK_BYTES: usize = 48;

/// Writes a valid first header and puts the checksum of
/// each record right, one after the other by their lengths.
pub(crate) fn repair(segment: &mut [u8]) {
    segment[..8].copy_from_slice(b"CURTJRNL");
    segment[8..12].copy_from_slice(&[1, 0, 1, 0]);
    let checksum = crc32c(&segment[..60]);
    segment[60..64].copy_from_slice(&checksum.to_le_bytes());
    let mut place = [0; 16];
    place[..8].copy_from_slice(&segment[24..32]);
    place[8..].copy_from_slice(&segment[16..24]);
    let seed = crc32c(&place) ^ crc32c(&segment[12..16]);
    let mut records = &mut segment[RECORDS_START..];
    while records.len() >= 8 {
        let length = usize::from(u16::from_le_bytes([records[4], records[5]])).clamp(8, records.len());
        let (record, rest) = records.split_at_mut(length);
        let checksum = crc32c_append(seed, &record[4..]);
        record[..4].copy_from_slice(&checksum.to_le_bytes());
        records = rest;
    }
}

/// Makes a click without texts of the first record: once it is repaired, it is read.
pub(crate) fn begin_with_a_click(segment: &mut [u8]) {
    let record = &mut segment[RECORDS_START..RECORDS_START + CLICK_BYTES];
    record[4..8].copy_from_slice(&[CLICK_BYTES as u8, 0, 1, 0]);
    record[16..24].copy_from_slice(&1_u64.to_le_bytes());
    record[38..46].fill(0);
}
