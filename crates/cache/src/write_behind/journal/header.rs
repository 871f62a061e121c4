//! The header of a segment of new links, and what makes its records unlike those of any other segment.
//!
//! # Format
//!
//! Integers are little-endian. The header stands twice at the start of a segment, because without it nothing
//! of the segment can be read; records (`record.rs`) follow at byte 128.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic, `CURTNEWL` |
//! | 2 | format version, 1 |
//! | 2 | zero |
//! | 4 | sequence: the number of the segment in its folder |
//! | 8 | the store that the links are for: XXH3-64 of its secret |
//! | 8 | nonce: random; records of another segment never pass, and nobody can write a valid one into a title |
//! | 28 | zero |
//! | 4 | CRC-32C of the 60 bytes before |

use crc32c::crc32c;

const MAGIC: &[u8; 8] = b"CURTNEWL";
const FORMAT: u16 = 1;
const COPY_BYTES: usize = 64;
/// Where records begin.
pub(super) const HEADER_BYTES: usize = 2 * COPY_BYTES;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sequence: u32,
    pub(super) store_id: u64,
    pub(super) nonce: u64,
}

/// What the start of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A header; `whole` is false when one of its copies is damaged.
    Header { header: Header, whole: bool },
    /// The header of a format that this version does not know.
    Newer(u16),
    /// No copy can be read.
    Damaged,
}

impl Header {
    /// Both copies.
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.store_id.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.nonce.to_le_bytes());
        let checksum = crc32c(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        bytes.copy_within(..COPY_BYTES, COPY_BYTES);
        bytes
    }

    /// Reads the start of a file, from whichever copy is whole.
    pub(super) fn find(bytes: &[u8]) -> Found {
        let Some(start) = bytes.first_chunk::<HEADER_BYTES>() else { return Found::Damaged };
        let (first, second) = start.split_at(COPY_BYTES);
        match (Self::decode(first), Self::decode(second)) {
            (Some(Ok(header)), other) => Found::Header { header, whole: other == Some(Ok(header)) },
            (None, Some(Ok(header))) => Found::Header { header, whole: false },
            (Some(Err(version)), _) | (None, Some(Err(version))) => Found::Newer(version),
            (None, None) => Found::Damaged,
        }
    }

    /// What the checksums of this segment's records start from.
    pub(super) fn seed(&self) -> u32 {
        crc32c(&self.nonce.to_le_bytes()) ^ crc32c(&self.sequence.to_le_bytes())
    }

    /// One copy: nothing if it is damaged, its format if that is unknown.
    fn decode(copy: &[u8]) -> Option<Result<Header, u16>> {
        let word = |at: usize| Some(u64::from_le_bytes(*copy.get(at..)?.first_chunk()?));
        let checksum = u32::from_le_bytes(*copy.get(60..)?.first_chunk()?);
        if !copy.starts_with(MAGIC) || crc32c(&copy[..60]) != checksum {
            return None;
        }
        let format = u16::from_le_bytes([copy[8], copy[9]]);
        if format != FORMAT {
            return Some(Err(format));
        }
        let sequence = u32::from_le_bytes(*copy.get(12..)?.first_chunk()?);
        Some(Ok(Header { sequence, store_id: word(16)?, nonce: word(24)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { sequence: 9, store_id: 3, nonce: 77 };

    #[test]
    fn a_header_survives_the_loss_of_any_byte() {
        let whole = HEADER.encode();
        assert_eq!(Header::find(&whole), Found::Header { header: HEADER, whole: true });
        for at in 0..HEADER_BYTES {
            let mut bytes = whole;
            bytes[at] ^= 0x10;
            assert_eq!(Header::find(&bytes), Found::Header { header: HEADER, whole: false }, "byte {at}");
        }
    }

    #[test]
    fn an_unknown_format_is_told_from_damage() {
        let mut newer = HEADER.encode();
        newer[8] = 2;
        let checksum = crc32c(&newer[..60]);
        newer[60..64].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::find(&newer), Found::Newer(2));
        assert_eq!(Header::find(&[1; 4096]), Found::Damaged);
        assert_eq!(Header::find(b""), Found::Damaged);
    }
}
