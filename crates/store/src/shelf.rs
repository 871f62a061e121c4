//! A shelf: the small rollups of neighbouring links in one row, in every engine.
//!
//! Most links are clicked now and then, and what that leaves in a minute, an hour or a day is a few dozen
//! bytes. Finding and writing a row costs an engine more than that, so the rollups of 32 links with
//! neighbouring ids share one. A rollup that has grown beyond [`ALONE_BYTES`] gets a row of its own, and its
//! neighbours are spared the copying.
//!
//! # Format
//!
//! ```text
//! shelf := { entry } checksum                     ascending by place; at least one entry
//! entry := place:u8  length varint  bytes         length is that of the bytes plus 1; 0 for a rollup that stands alone
//! ```
//!
//! With the checksum ([`crate::checksum`]), a flipped bit cannot move clicks from one link to another.

use crate::checksum::{self, Key};
use crate::rollups::{Subject, Totals};

/// The lowest bits of an id, which tell the links of a shelf apart.
const PLACE_BITS: u32 = 5;
/// The longest rollup that shares a row.
pub(crate) const ALONE_BYTES: usize = 512;

/// What a shelf has of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) place: u8,
    /// Nothing when it stands alone.
    pub(crate) rollup: Option<&'a [u8]>,
}

/// A subject as a column holds it, in the order of subjects. What is not a link has a negative
/// number: ids are not negative.
pub(crate) fn subject_column(subject: Subject) -> i64 {
    match subject {
        Subject::Orphans => -2,
        Subject::Everything => -1,
        Subject::Link(link) => link.get().cast_signed(),
    }
}

/// The shelf of a link, which for other subjects means nothing.
pub(crate) fn number_of(subject: i64) -> i64 {
    subject >> PLACE_BITS
}

/// Where on its shelf a link is.
pub(crate) fn place_of(subject: i64) -> u8 {
    (subject & ((1 << PLACE_BITS) - 1)) as u8
}

/// The link at a place of a shelf.
pub(crate) fn subject_of(number: i64, place: u8) -> i64 {
    (number << PLACE_BITS) | i64::from(place)
}

/// The entries in order; nothing when this is not what was written.
pub(crate) fn read(key: Key, shelf: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut rest = checksum::unseal(key, shelf)?;
    let mut entries = Vec::with_capacity(1 << PLACE_BITS);
    while let Some((&place, after)) = rest.split_first() {
        rest = after;
        let length = number(&mut rest)?;
        let rollup = match length.checked_sub(1) {
            None => None,
            Some(length) => {
                let (rollup, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                rest = after;
                Some(rollup)
            }
        };
        entries.push(Entry { place, rollup });
    }
    Some(entries)
}

/// What a shelf has of the link at a place.
pub(crate) fn find<'a>(entries: &[Entry<'a>], place: u8) -> Option<Entry<'a>> {
    let found = entries.binary_search_by_key(&place, |entry| entry.place).ok()?;
    Some(entries[found])
}

/// Appends an entry, which must come after those that are there.
pub(crate) fn put(entry: Entry<'_>, shelf: &mut Vec<u8>) {
    shelf.push(entry.place);
    match entry.rollup {
        None => put_number(0, shelf),
        Some(rollup) => {
            put_number(rollup.len() as u64 + 1, shelf);
            shelf.extend_from_slice(rollup);
        }
    }
}

/// Appends a LEB128 varint.
fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a varint off the front.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Totals as three varints: human, bot, other.
pub(crate) fn write_totals(totals: &Totals) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8);
    [totals.human, totals.bot, totals.other].into_iter().for_each(|clicks| put_number(clicks, &mut bytes));
    bytes
}

/// What [`write_totals`] wrote.
pub(crate) fn read_totals(mut bytes: &[u8]) -> Option<Totals> {
    let mut number = || number(&mut bytes);
    Some(Totals { human: number()?, bot: number()?, other: number()? })
}

/// Adds totals up. Bytes that are no totals are never shown
/// to it: a shelf that cannot be read is left out before.
pub(crate) fn merge_totals(stored: Option<&[u8]>, new: &[u8]) -> Result<Vec<u8>, String> {
    let mut totals = stored.and_then(read_totals).unwrap_or_default();
    totals += read_totals(new).unwrap_or_default();
    Ok(write_totals(&totals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curtail_model::LinkId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const KEY: Key = [1, 60_000, 1, 2];

    type Rollups = BTreeMap<u8, Option<Vec<u8>>>;

    fn rollups() -> impl Strategy<Value = Rollups> {
        let rollup = prop::option::of(prop::collection::vec(any::<u8>(), 0..300));
        prop::collection::btree_map(0..32_u8, rollup, 1..32)
    }

    fn written(rollups: &Rollups) -> Vec<u8> {
        let mut shelf = Vec::new();
        for (&place, rollup) in rollups {
            put(Entry { place, rollup: rollup.as_deref() }, &mut shelf);
        }
        checksum::seal(KEY, &mut shelf);
        shelf
    }

    proptest! {
        #[test]
        fn every_link_finds_what_was_put_for_it(rollups in rollups()) {
            let shelf = written(&rollups);
            let entries = read(KEY, &shelf).unwrap();
            prop_assert_eq!(entries.len(), rollups.len());
            for place in 0..32 {
                let found = find(&entries, place).map(|entry| entry.rollup.map(<[u8]>::to_vec));
                prop_assert_eq!(found.as_ref(), rollups.get(&place));
            }
        }

        #[test]
        fn a_flipped_bit_is_seen(rollups in rollups(), at: prop::sample::Index, bit in 0..8_u32) {
            let mut shelf = written(&rollups);
            let at = at.index(shelf.len());
            shelf[at] ^= 1_u8 << bit;
            prop_assert_eq!(read(KEY, &shelf), None);
        }

        #[test]
        fn whatever_passes_the_checksum_is_read_without_harm(mut bytes: Vec<u8>) {
            checksum::seal(KEY, &mut bytes);
            let _ = read(KEY, &bytes);
        }
    }

    #[test]
    fn subjects_are_in_the_order_of_their_columns() {
        let links = [0, 1, 1 << 40].map(|id| Subject::Link(LinkId::new(id).unwrap()));
        let subjects: Vec<_> = [Subject::Orphans, Subject::Everything].into_iter().chain(links).collect();
        assert!(subjects.is_sorted());
        assert!(subjects.is_sorted_by_key(|subject| subject_column(*subject)));
    }
}
