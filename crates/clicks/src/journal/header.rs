//! The header of a segment, and what makes its records unlike those of any other segment.
//!
//! # Format
//!
//! A [`curtail_runtime::twin_header`] with the magic `CURTJRNL`; records follow at byte 128. Behind magic and
//! format stand, little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 2 | scope of the dictionary: 1, texts are known within their segment |
//! | 4 | sequence: the number of the segment in its stream |
//! | 8 | stream |
//! | 8 | epoch: random, one per process start |
//! | 8 | when it was prepared, milliseconds since 1970 |
//! | 8 | length of the segment in bytes |
//! | 12 | zero |

use crc32c::crc32c;
use curtail_model::Timestamp;
use curtail_runtime::twin_header::{CONTENT_BYTES, TwinHeader};

const SCOPE_SEGMENT: u16 = 1;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) stream: u64,
    pub(crate) sequence: u32,
    pub(crate) epoch: u64,
    pub(crate) created: Timestamp,
    pub(crate) length: u64,
}

impl TwinHeader for Header {
    const MAGIC: [u8; 8] = *b"CURTJRNL";
    const FORMAT: u16 = 1;

    fn write(&self, content: &mut [u8; CONTENT_BYTES]) {
        content[..2].copy_from_slice(&SCOPE_SEGMENT.to_le_bytes());
        content[2..6].copy_from_slice(&self.sequence.to_le_bytes());
        content[6..14].copy_from_slice(&self.stream.to_le_bytes());
        content[14..22].copy_from_slice(&self.epoch.to_le_bytes());
        content[22..30].copy_from_slice(&self.created.millis().to_le_bytes());
        content[30..38].copy_from_slice(&self.length.to_le_bytes());
    }

    fn read(content: &[u8; CONTENT_BYTES]) -> Header {
        let word = |at: usize| u64::from_le_bytes(*content[at..].first_chunk().expect("it is longer"));
        Header {
            sequence: u32::from_le_bytes(*content[2..].first_chunk().expect("it is longer")),
            stream: word(6),
            epoch: word(14),
            created: Timestamp::from_millis(word(22).cast_signed()),
            length: word(30),
        }
    }
}

impl Header {
    /// What the checksums of this segment's records start from.
    ///
    /// Within an epoch two sequences never have the same seed (a CRC tells any two 32-bit values apart), and
    /// for the same bytes different seeds give different checksums: a record of the segment that was here
    /// before never passes. The epoch is random, so that nobody can write a valid record into a user agent.
    pub(crate) fn seed(&self) -> u32 {
        let mut place = [0; 16];
        place[..8].copy_from_slice(&self.epoch.to_le_bytes());
        place[8..].copy_from_slice(&self.stream.to_le_bytes());
        crc32c(&place) ^ crc32c(&self.sequence.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curtail_runtime::twin_header::Found;
    use std::collections::HashSet;

    const HEADER: Header =
        Header { stream: 3, sequence: 9, epoch: 77, created: Timestamp::from_millis(-5), length: 1 << 20 };

    #[test]
    fn a_header_says_what_it_was_made_with() {
        assert_eq!(Header::find(&HEADER.encode()), Found::Header { header: HEADER, whole: true });
    }

    #[test]
    fn neighbours_never_share_a_seed() {
        let seeds: HashSet<u32> = (0..100_000).map(|sequence| Header { sequence, ..HEADER }.seed()).collect();
        assert_eq!(seeds.len(), 100_000);
    }
}
