//! Reads any bytes as a segment of the journal: no panic, no endless work, and no more clicks than fit.
//!
//! Random bytes never pass a checksum, so the input is also read with all its checksums put right, and a
//! click in front: that it is read says that the format is still the right one.
#![no_main]

#[path = "../../crates/clicks/tests/journal/repair.rs"]
mod repair;

use curtail_clicks::journal;
use libfuzzer_sys::fuzz_target;
use repair::{CLICK_BYTES, RECORDS_START, begin_with_a_click, repair};

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let mut sound = bytes.to_vec();
    sound.resize(bytes.len().max(RECORDS_START + CLICK_BYTES), 0);
    begin_with_a_click(&mut sound);
    repair(&mut sound);
    assert!(read(&sound) > 0, "the format has changed");
});

/// Reads it. Says how many clicks there were.
fn read(bytes: &[u8]) -> usize {
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
    clicks
}
