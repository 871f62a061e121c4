//! The header of a segment of new links, and what makes its records unlike those of any other segment.
//!
//! # Format
//!
//! A [`curtail_runtime::twin_header`] with the magic `CURTNEWL`; records (`record.rs`) follow at byte 128.
//! Behind magic and format stand, little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 2 | zero |
//! | 4 | sequence: the number of the segment in its folder |
//! | 8 | the store that the links are for: XXH3-64 of its secret |
//! | 8 | nonce: random; records of another segment never pass, and nobody can write a valid one into a title |
//! | 28 | zero |

use crc32c::crc32c;
use curtail_runtime::twin_header::{CONTENT_BYTES, TwinHeader};

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sequence: u32,
    pub(super) store_id: u64,
    pub(super) nonce: u64,
}

impl TwinHeader for Header {
    const MAGIC: [u8; 8] = *b"CURTNEWL";
    const FORMAT: u16 = 1;

    fn write(&self, content: &mut [u8; CONTENT_BYTES]) {
        content[2..6].copy_from_slice(&self.sequence.to_le_bytes());
        content[6..14].copy_from_slice(&self.store_id.to_le_bytes());
        content[14..22].copy_from_slice(&self.nonce.to_le_bytes());
    }

    fn read(content: &[u8; CONTENT_BYTES]) -> Header {
        let word = |at: usize| u64::from_le_bytes(*content[at..].first_chunk().expect("it is longer"));
        let sequence = u32::from_le_bytes(*content[2..].first_chunk().expect("it is longer"));
        Header { sequence, store_id: word(6), nonce: word(14) }
    }
}

impl Header {
    /// What the checksums of this segment's records start from.
    pub(super) fn seed(&self) -> u32 {
        crc32c(&self.nonce.to_le_bytes()) ^ crc32c(&self.sequence.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curtail_runtime::twin_header::Found;

    #[test]
    fn a_header_says_what_it_was_made_with() {
        let header = Header { sequence: 9, store_id: 3, nonce: 77 };
        assert_eq!(Header::find(&header.encode()), Found::Header { header, whole: true });
    }
}
