//! The checksum that ends every row of counted clicks, in every
//! engine: the low half of XXH3-64, 4 bytes, little-endian.
//!
//! It covers the row's table and key as well as what stands before it: engines need not notice a changed
//! byte, and neither may clicks move from one link, time or table to another.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The length of a checksum.
const BYTES: usize = 4;

/// Which row: a number for its table, and the columns of its key.
pub(crate) type Key = [i64; 4];

/// Length and start of a period, in milliseconds.
pub(crate) type Period = (i64, i64);

/// The key of a shelf: its period and number.
pub(crate) fn of_shelf((grain, start): Period, number: i64) -> Key {
    [1, grain, start, number]
}

/// The key of a rollup that stands alone: its period and subject.
pub(crate) fn of_rollup((grain, start): Period, subject: i64) -> Key {
    [2, grain, start, subject]
}

/// The key of the only row of positions.
pub(crate) const OF_POSITIONS: Key = [3, 0, 0, 0];

/// Ends a row.
pub(crate) fn seal(key: Key, row: &mut Vec<u8>) {
    let checksum = checksum(key, row);
    row.extend_from_slice(&checksum);
}

/// What was written to a row; nothing when this is not it.
pub(crate) fn unseal(key: Key, row: &[u8]) -> Option<&[u8]> {
    let (content, found) = row.split_last_chunk::<BYTES>()?;
    (checksum(key, content) == *found).then_some(content)
}

fn checksum(key: Key, content: &[u8]) -> [u8; BYTES] {
    let key = key.map(i64::to_le_bytes);
    (xxh3_64_with_seed(content, xxh3_64(key.as_flattened())) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_flipped_bit_in_a_row_or_its_key_is_seen(
            key: Key,
            content: Vec<u8>,
            at: prop::sample::Index,
            bit in 0..8_u32,
        ) {
            let mut row = content.clone();
            seal(key, &mut row);
            prop_assert_eq!(unseal(key, &row), Some(content.as_slice()));
            let mut other = key;
            other[at.index(key.len())] ^= 1_i64 << (8 * bit);
            prop_assert_eq!(unseal(other, &row), None);
            let at = at.index(row.len());
            row[at] ^= 1_u8 << bit;
            prop_assert_eq!(unseal(key, &row), None);
        }
    }
}
