//! Reads a segment: every whole record, whatever stands between them.

use super::header::Header;
use crate::write_behind::record::{ALIGNMENT, Framed, unframe};
use curtail_runtime::twin_header::{Found, HEADER_BYTES, TwinHeader};

/// The shortest record.
const RECORD_MIN: usize = 2 * ALIGNMENT;

/// What was read besides records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Records.
    pub records: usize,
    /// Bytes that were records or part of the header once and are damaged.
    pub damaged: usize,
    /// Bytes at the end of a write that never came to its end, and was not acknowledged.
    pub cut_off: usize,
}

/// Hands out the payloads of a segment's records, in order. Answers nothing where no copy of the header can
/// be read, so that all of it is damaged.
///
/// After bytes that are no record it goes on at the next one. Bytes at the end are
/// a write that was cut off when they begin a record whose end is not there, or are
/// zero; everything else is damage, for acknowledged links may have been there.
pub fn read_segment<'a>(bytes: &'a [u8], each: &mut dyn FnMut(&'a [u8])) -> Option<Contents> {
    let Found::Header { header, whole } = Header::find(bytes) else { return None };
    let seed = header.seed();
    let mut contents = Contents { damaged: usize::from(!whole), ..Contents::default() };
    let mut rest = &bytes[HEADER_BYTES..];
    while !rest.is_empty() {
        if let Framed::Record { payload, length } = unframe(rest, seed) {
            each(payload);
            contents.records += 1;
            rest = &rest[length..];
            continue;
        }
        let is_cut = rest.len() < RECORD_MIN
            || unframe(rest, seed) == Framed::CutOff
            || rest.iter().all(|&byte| byte == 0);
        let next = (ALIGNMENT..rest.len())
            .step_by(ALIGNMENT)
            .find(|&at| matches!(unframe(&rest[at..], seed), Framed::Record { .. }));
        match next {
            Some(at) => contents.damaged += at,
            None if is_cut => contents.cut_off += rest.len(),
            None => contents.damaged += rest.len(),
        }
        rest = &rest[next.unwrap_or(rest.len())..];
    }
    Some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_behind::record::{self, tests::made};

    const HEADER: Header = Header { sequence: 1, store_id: 2, nonce: 3 };

    /// A segment of three links, and where its records end.
    fn segment() -> (Vec<u8>, Vec<Vec<u8>>, Vec<usize>) {
        let mut bytes = HEADER.encode().to_vec();
        let links = ["https://example.com/one", "https://example.com/two/", "https://example.com/t"];
        let payloads: Vec<Vec<u8>> =
            (1..).zip(links).map(|(number, url)| record::link(&made(number, url))).collect();
        let ends = payloads.iter().map(|payload| {
            record::frame(payload, HEADER.seed(), &mut bytes);
            bytes.len()
        });
        let ends = ends.collect();
        (bytes, payloads, ends)
    }

    fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Contents) {
        let mut found = Vec::new();
        let contents = read_segment(bytes, &mut |payload| found.push(payload.to_vec()));
        (found, contents.unwrap_or_default())
    }

    #[test]
    fn a_flipped_byte_anywhere_costs_at_most_the_record_it_is_in_and_is_said() {
        let (whole, payloads, ends) = segment();
        assert_eq!(read(&whole), (payloads.clone(), Contents { records: 3, damaged: 0, cut_off: 0 }));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x21;
            let (found, contents) = read(&bytes);
            let hit = if at < HEADER_BYTES { None } else { ends.iter().position(|&end| at < end) };
            let expected = payloads.iter().enumerate().filter(|(place, _)| Some(*place) != hit);
            assert_eq!(found, expected.map(|(_, payload)| payload.clone()).collect::<Vec<_>>(), "byte {at}");
            assert!(contents.damaged + contents.cut_off > 0, "byte {at} goes unnoticed");
        }
    }

    #[test]
    fn a_write_that_was_cut_off_anywhere_is_no_damage_and_costs_nothing_before_it() {
        let (whole, payloads, ends) = segment();
        for length in HEADER_BYTES..whole.len() {
            let (found, contents) = read(&whole[..length]);
            let complete = ends.iter().filter(|&&end| end <= length).count();
            assert_eq!(found, payloads[..complete].to_vec(), "{length} bytes");
            assert_eq!(contents.damaged, 0, "{length} bytes");
            let mut zeros = whole[..length].to_vec();
            zeros.resize(whole.len() + 4096, 0);
            // Zeros may be just what was missing.
            let found = read(&zeros).0;
            assert!(payloads.starts_with(&found) && found.len() >= complete, "zeros from {length}");
        }
    }
}
