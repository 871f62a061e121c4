//! Puts the checksums of a segment of new links right, so that bytes which nobody wrote reach what stands
//! behind them. Fuzzing includes this file. It has the format by heart (`src/write_behind/record.rs` and
//! `journal/header.rs`): that is still the right one as long as all records are read that were put right.

use crc32c::{crc32c, crc32c_append};

/// Where records begin.
pub(crate) const RECORDS_START: usize = 128;
/// What stands before the payload of a record.
pub(crate) const RECORD_HEAD_BYTES: usize = 12;

/// Writes a valid first header and puts each record right, one
/// after the other by their lengths. Says how many are whole.
pub(crate) fn repair(segment: &mut [u8]) -> usize {
    segment[..8].copy_from_slice(b"CURTNEWL");
    segment[8..10].copy_from_slice(&[1, 0]);
    let checksum = crc32c(&segment[..60]);
    segment[60..64].copy_from_slice(&checksum.to_le_bytes());
    let seed = crc32c(&segment[24..32]) ^ crc32c(&segment[12..16]);
    let mut whole = 0;
    let mut records = &mut segment[RECORDS_START..];
    while records.len() >= RECORD_HEAD_BYTES {
        records[..4].copy_from_slice(b"NEWL");
        let room = records.len() - RECORD_HEAD_BYTES;
        let payload = (usize::from(u16::from_le_bytes([records[8], records[9]]))).min(room);
        records[8..12].copy_from_slice(&(payload as u32).to_le_bytes());
        let length = (RECORD_HEAD_BYTES + payload).next_multiple_of(8);
        whole += usize::from(length <= records.len());
        let (record, rest) = records.split_at_mut(length.min(records.len()));
        let checksum = crc32c_append(seed, &record[8..]);
        record[4..8].copy_from_slice(&checksum.to_le_bytes());
        records = rest;
    }
    whole
}
