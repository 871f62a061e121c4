//! A header that stands twice at the start of a file, so that one damaged sector does not take the key to all
//! that follows.
//!
//! # Format
//!
//! Each copy has 64 bytes; integers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic |
//! | 2 | format version |
//! | 50 | what the file says of itself |
//! | 4 | CRC-32C of the 60 bytes before |

use crc32c::crc32c;

/// One copy.
const COPY_BYTES: usize = 64;
const CHECKED_BYTES: usize = 60;
const CONTENT_START: usize = 10;
/// What a file can say of itself.
pub const CONTENT_BYTES: usize = CHECKED_BYTES - CONTENT_START;
/// Both copies: where what follows begins.
pub const HEADER_BYTES: usize = 2 * COPY_BYTES;

/// What the start of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<H> {
    /// A header.
    Header {
        /// What it says.
        header: H,
        /// Whether both copies say so.
        whole: bool,
    },
    /// The header of a format that this version does not know.
    Newer(u16),
    /// Nothing was ever written here.
    Unused,
    /// No copy can be read.
    Damaged,
}

/// What a kind of file says of itself.
pub trait TwinHeader: Copy + PartialEq {
    /// What files of the kind begin with.
    const MAGIC: [u8; 8];
    /// The format that this version writes, and reads.
    const FORMAT: u16;

    /// Writes what the file says of itself over zeros.
    fn write(&self, content: &mut [u8; CONTENT_BYTES]);

    /// Reads what [`TwinHeader::write`] has written.
    fn read(content: &[u8; CONTENT_BYTES]) -> Self;

    /// Both copies.
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut content = [0; CONTENT_BYTES];
        self.write(&mut content);
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&Self::MAGIC);
        bytes[8..CONTENT_START].copy_from_slice(&Self::FORMAT.to_le_bytes());
        bytes[CONTENT_START..CHECKED_BYTES].copy_from_slice(&content);
        let checksum = crc32c(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..COPY_BYTES].copy_from_slice(&checksum.to_le_bytes());
        bytes.copy_within(..COPY_BYTES, COPY_BYTES);
        bytes
    }

    /// Reads the start of a file, from whichever copy is whole.
    fn find(bytes: &[u8]) -> Found<Self> {
        let Some(start) = bytes.first_chunk::<HEADER_BYTES>() else { return Found::Damaged };
        let (first, second) = start.split_at(COPY_BYTES);
        match (decode::<Self>(first), decode::<Self>(second)) {
            (Some(Ok(header)), other) => Found::Header { header, whole: other == Some(Ok(header)) },
            (None, Some(Ok(header))) => Found::Header { header, whole: false },
            (Some(Err(version)), _) | (None, Some(Err(version))) => Found::Newer(version),
            (None, None) if start.iter().all(|&byte| byte == 0) => Found::Unused,
            (None, None) => Found::Damaged,
        }
    }
}

/// One copy: nothing if it is damaged, its format if that is unknown.
fn decode<H: TwinHeader>(copy: &[u8]) -> Option<Result<H, u16>> {
    let (checked, rest) = copy.split_first_chunk::<CHECKED_BYTES>()?;
    let checksum = u32::from_le_bytes(*rest.first_chunk()?);
    if !checked.starts_with(&H::MAGIC) || crc32c(checked) != checksum {
        return None;
    }
    let format = u16::from_le_bytes([checked[8], checked[9]]);
    if format != H::FORMAT {
        return Some(Err(format));
    }
    Some(Ok(H::read(checked[CONTENT_START..].first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Number(u64);

    impl TwinHeader for Number {
        const MAGIC: [u8; 8] = *b"A NUMBER";
        const FORMAT: u16 = 1;

        fn write(&self, content: &mut [u8; CONTENT_BYTES]) {
            content[..8].copy_from_slice(&self.0.to_le_bytes());
        }

        fn read(content: &[u8; CONTENT_BYTES]) -> Number {
            Number(u64::from_le_bytes(*content.first_chunk().expect("it is longer")))
        }
    }

    #[test]
    fn a_header_survives_the_loss_of_any_byte() {
        let (header, whole) = (Number(7), Number(7).encode());
        assert_eq!(Number::find(&whole), Found::Header { header, whole: true });
        for at in 0..HEADER_BYTES {
            let mut bytes = whole;
            bytes[at] ^= 0x10;
            assert_eq!(Number::find(&bytes), Found::Header { header, whole: false }, "byte {at}");
        }
    }

    #[test]
    fn an_unknown_format_and_an_empty_file_are_told_from_damage() {
        let mut newer = Number(7).encode();
        newer[8] = 2;
        let checksum = crc32c(&newer[..CHECKED_BYTES]);
        newer[CHECKED_BYTES..COPY_BYTES].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Number::find(&newer), Found::Newer(2));
        assert_eq!(Number::find(&[0; 4096]), Found::Unused);
        assert_eq!(Number::find(&[1; 4096]), Found::Damaged);
        assert_eq!(Number::find(b""), Found::Damaged);
    }
}
