//! Reads any bytes as a segment of the journal of new links:
//! no panic, no endless work, no more records than fit.
//!
//! Random bytes never pass a checksum, so the input is also read with all its checksums put right. That as
//! many records are read as were put right says that the format is still the right one.
#![no_main]

#[path = "../../crates/cache/tests/promises/support/repair.rs"]
mod repair;

use curtail_cache::write_behind::{link_in, read_segment};
use curtail_model::{Alphabet, CodeScheme, Codes};
use libfuzzer_sys::fuzz_target;
use repair::{RECORD_HEAD_BYTES, RECORDS_START, repair};

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let mut sound = vec![0; RECORDS_START.max(bytes.len())];
    sound[..bytes.len()].copy_from_slice(bytes);
    let records = repair(&mut sound);
    assert_eq!(read(&sound), records, "the format has changed");
});

/// Reads it. Says how many records there were.
fn read(bytes: &[u8]) -> usize {
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
    contents.records
}
