//! What a segment of the journal of new links promises of bytes that nobody wrote.

use crate::support::repair::{RECORD_HEAD_BYTES, RECORDS_START, repair};
use curtail_cache::write_behind::{link_in, read_segment};
use curtail_model::{Alphabet, CodeScheme, Codes};
use proptest::prelude::*;

proptest! {
    /// Random bytes pass no checksum, so theirs are put right:
    /// then kinds, numbers and texts are whatever they are.
    #[test]
    fn every_record_behind_a_right_checksum_is_read_and_none_makes_it_panic(
        header in proptest::collection::vec(any::<u8>(), RECORDS_START),
        payloads in proptest::collection::vec((0_u8..4, proptest::collection::vec(any::<u8>(), 0..200)), 1..20),
    ) {
        let codes = Codes::new(CodeScheme::Permuted, Alphabet::Base62, [7; 16]);
        let mut segment = header;
        for (kind, payload) in &payloads {
            segment.extend_from_slice(&[0; RECORD_HEAD_BYTES - 4]);
            segment.extend_from_slice(&(payload.len() as u32 + 1).to_le_bytes());
            segment.push(*kind);
            segment.extend_from_slice(payload);
            segment.resize(segment.len().next_multiple_of(8), 0);
        }
        let _ = read_segment(&segment, &mut |payload| _ = link_in(payload, &codes));
        prop_assert_eq!(repair(&mut segment), payloads.len());
        let mut found = Vec::new();
        let contents = read_segment(&segment, &mut |payload| {
            let _ = link_in(payload, &codes);
            found.push((payload[0], payload[1..].to_vec()));
        });
        prop_assert_eq!(contents.map(|contents| contents.records), Some(payloads.len()));
        prop_assert_eq!(found, payloads);
    }
}
