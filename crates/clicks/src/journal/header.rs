//! The header of a segment, and what makes its records unlike those of any other segment.
//!
//! # Format
//!
//! Integers are little-endian. The header stands twice at the start of a segment, so that one damaged sector
//! does not take the key to all records with it; records follow at byte 128.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic, `CURTJRNL` |
//! | 2 | format version, 1 |
//! | 2 | scope of the dictionary: 1, texts are known within their segment |
//! | 4 | sequence: the number of the segment in its stream |
//! | 8 | stream |
//! | 8 | epoch: random, one per process start |
//! | 8 | when it was prepared, milliseconds since 1970 |
//! | 8 | length of the segment in bytes |
//! | 12 | zero |
//! | 4 | CRC-32C of the 60 bytes before |

use crc32c::crc32c;
use curtail_model::Timestamp;

const MAGIC: &[u8; 8] = b"CURTJRNL";
const SCOPE_SEGMENT: u16 = 1;

/// The format that this version writes.
pub(crate) const FORMAT: u16 = 1;
/// One copy.
const COPY_BYTES: usize = 64;
/// Where records begin.
pub(crate) const HEADER_BYTES: usize = 2 * COPY_BYTES;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) stream: u64,
    pub(crate) sequence: u32,
    pub(crate) epoch: u64,
    pub(crate) created: Timestamp,
    pub(crate) length: u64,
}

/// What the start of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A header; `whole` is false when one of its copies is damaged.
    Header { header: Header, whole: bool },
    /// The header of a format that this version does not know.
    Newer(u16),
    /// Nothing was ever written here.
    Unused,
    /// No copy can be read.
    Damaged,
}

impl Header {
    /// Both copies.
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[10..12].copy_from_slice(&SCOPE_SEGMENT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.stream.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.created.millis().to_le_bytes());
        bytes[40..48].copy_from_slice(&self.length.to_le_bytes());
        let checksum = crc32c(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        bytes.copy_within(..COPY_BYTES, COPY_BYTES);
        bytes
    }

    /// Reads the start of a file, from whichever copy is whole.
    pub(crate) fn find(bytes: &[u8]) -> Found {
        let Some(start) = bytes.first_chunk::<HEADER_BYTES>() else { return Found::Damaged };
        let (first, second) = start.split_at(COPY_BYTES);
        match (Self::decode(first), Self::decode(second)) {
            (Some(Ok(header)), other) => Found::Header { header, whole: other == Some(Ok(header)) },
            (None, Some(Ok(header))) => Found::Header { header, whole: false },
            (Some(Err(version)), _) | (None, Some(Err(version))) => Found::Newer(version),
            (None, None) if start.iter().all(|&byte| byte == 0) => Found::Unused,
            (None, None) => Found::Damaged,
        }
    }

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
        Some(Ok(Header {
            sequence: u32::from_le_bytes(*copy.get(12..)?.first_chunk()?),
            stream: word(16)?,
            epoch: word(24)?,
            created: Timestamp::from_millis(word(32)? as i64),
            length: word(40)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header =
        Header { stream: 3, sequence: 9, epoch: 77, created: Timestamp::from_millis(-5), length: 1 << 20 };

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
    fn neighbours_never_share_a_seed() {
        let seeds: std::collections::HashSet<u32> =
            (0..100_000).map(|sequence| Header { sequence, ..HEADER }.seed()).collect();
        assert_eq!(seeds.len(), 100_000);
    }

    #[test]
    fn an_unknown_format_and_an_empty_file_are_told_from_damage() {
        let mut newer = HEADER.encode();
        newer[8] = 2;
        let checksum = crc32c(&newer[..60]);
        newer[60..64].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::find(&newer), Found::Newer(2));
        assert_eq!(Header::find(&[0; 4096]), Found::Unused);
        assert_eq!(Header::find(&[1; 4096]), Found::Damaged);
        assert_eq!(Header::find(b""), Found::Damaged);
    }
}
