//! Reads any bytes as a segment of the journal of new links: no panic, no endless work, no more records than fit.
//!
//! Random bytes never pass a checksum, so the input is also read with all its checksums put right (the format is
//! described in `crates/cache/src/write_behind/record.rs` and `journal/header.rs`).
#![no_main]

use crc32c::{crc32c, crc32c_append};
use curtail_cache::write_behind::{link_in, read_segment};
use curtail_model::{Alphabet, CodeScheme, Codes};
use libfuzzer_sys::fuzz_target;

const HEADER_COPY_BYTES: usize = 64;
const RECORDS_START: usize = 2 * HEADER_COPY_BYTES;
const RECORD_HEAD_BYTES: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let mut sound = vec![0; RECORDS_START.max(bytes.len())];
    sound[..bytes.len()].copy_from_slice(bytes);
    repair(&mut sound);
    read(&sound);
});

fn read(bytes: &[u8]) {
    let codes = Codes::new(CodeScheme::Permuted, Alphabet::Base62, [7; 16]);
    let mut payloads = 0;
    let contents = read_segment(bytes, &mut |payload| {
        payloads += payload.len();
        let link = link_in(payload, &codes);
        assert!(link.is_none_or(|link| link.url.len() <= payload.len()));
    });
    let contents = contents.unwrap_or_default();
    assert!(payloads + contents.records * RECORD_HEAD_BYTES + contents.cut_off <= bytes.len());
    assert!(contents.damaged <= bytes.len() + 1);
}

/// Writes a valid first header and puts each record right, one after the other by their lengths.
fn repair(bytes: &mut [u8]) {
    bytes[..8].copy_from_slice(b"CURTNEWL");
    bytes[8..10].copy_from_slice(&[1, 0]);
    let checksum = crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    let seed = crc32c(&bytes[24..32]) ^ crc32c(&bytes[12..16]);
    let mut records = &mut bytes[RECORDS_START..];
    while records.len() >= RECORD_HEAD_BYTES {
        records[..4].copy_from_slice(b"NEWL");
        let room = records.len() - RECORD_HEAD_BYTES;
        let payload = (usize::from(u16::from_le_bytes([records[8], records[9]]))).min(room);
        records[8..12].copy_from_slice(&(payload as u32).to_le_bytes());
        let length = (RECORD_HEAD_BYTES + payload).next_multiple_of(8).min(records.len());
        let (record, rest) = records.split_at_mut(length);
        let checksum = crc32c_append(seed, &record[8..]);
        record[4..8].copy_from_slice(&checksum.to_le_bytes());
        records = rest;
    }
}
