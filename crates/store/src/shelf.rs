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

use crate::StoreError;
use crate::checksum::{self, Key, Period};
use crate::rollups::{Subject, Totals};
use tracing::error;

/// The lowest bits of an id, which tell the links of a shelf apart.
const PLACE_BITS: u32 = 5;
/// The longest rollup that shares a row.
const ALONE_BYTES: usize = 512;

/// The period that totals are of.
pub(crate) const LIFETIME: Period = (0, 0);
/// What a rollup is shown as whose shelf says that it stands alone, and which is not there: no rollup.
pub(crate) const LOST: &[u8] = &[];

/// What a shelf has of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) place: u8,
    /// Nothing when it stands alone.
    pub(crate) rollup: Option<&'a [u8]>,
}

/// What does not stand on the shelf that it was added to, by place.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OffShelf<'a> {
    /// What is to be added to rollups that stand alone already.
    pub(crate) added: Vec<(u8, &'a [u8])>,
    /// Rollups that stand alone from now on.
    pub(crate) grown: Vec<(u8, Vec<u8>)>,
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

/// Adds to what is `stored` of a shelf, and puts that into `shelf`,
/// replacing what is there. `additions` are in the order of their places.
pub(crate) fn add<'a>(
    (period, number): (Period, i64),
    stored: Option<&[u8]>,
    additions: impl IntoIterator<Item = (u8, &'a [u8])>,
    merge: &(impl Fn(Option<&[u8]>, &[u8]) -> Result<Vec<u8>, String> + ?Sized),
    shelf: &mut Vec<u8>,
) -> Result<OffShelf<'a>, StoreError> {
    let key = checksum::of_shelf(period, number);
    let entries = stored.map_or(Some(Vec::new()), |stored| read(key, stored));
    if entries.is_none() {
        let (grain, start) = period;
        error!(grain, start, shelf = number, "a shelf of rollups is damaged; its links are counted anew");
    }
    // `merge` is given the damaged bytes as what each link had before: it reports them, and begins the link
    // anew. Totals are not reported one by one: they begin anew from nothing.
    let unreadable = stored.filter(|_| entries.is_none() && period != LIFETIME);
    let mut entries = entries.unwrap_or_default().into_iter().peekable();
    let mut off_shelf = OffShelf::default();
    shelf.clear();
    for (place, addition) in additions {
        while let Some(before) = entries.next_if(|entry| entry.place < place) {
            put(before, shelf);
        }
        let merged = match entries.next_if(|entry| entry.place == place) {
            Some(Entry { rollup: None, .. }) => {
                off_shelf.added.push((place, addition));
                put(Entry { place, rollup: None }, shelf);
                continue;
            }
            Some(Entry { rollup, .. }) => merge(rollup, addition),
            None => merge(unreadable, addition),
        };
        let merged = merged.map_err(StoreError::Damaged)?;
        let is_small = merged.len() <= ALONE_BYTES;
        put(Entry { place, rollup: is_small.then_some(merged.as_slice()) }, shelf);
        if !is_small {
            off_shelf.grown.push((place, merged));
        }
    }
    entries.for_each(|entry| put(entry, shelf));
    checksum::seal(key, shelf);
    Ok(off_shelf)
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

    const PERIOD: Period = (60_000, 1);
    const NUMBER: i64 = 2;

    fn key() -> Key {
        checksum::of_shelf(PERIOD, NUMBER)
    }

    fn joined(before: Option<&[u8]>, new: &[u8]) -> Result<Vec<u8>, String> {
        Ok([before.unwrap_or_default(), new].concat())
    }

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
        checksum::seal(key(), &mut shelf);
        shelf
    }

    proptest! {
        #[test]
        fn every_link_finds_what_was_put_for_it(rollups in rollups()) {
            let shelf = written(&rollups);
            let entries = read(key(), &shelf).unwrap();
            prop_assert_eq!(entries.len(), rollups.len());
            for place in 0..32 {
                let found = find(&entries, place).map(|entry| entry.rollup.map(<[u8]>::to_vec));
                prop_assert_eq!(found.as_ref(), rollups.get(&place));
            }
        }

        #[test]
        fn what_is_added_is_joined_with_what_was_there(
            before in rollups(),
            added in prop::collection::btree_map(0..32_u8, prop::collection::vec(any::<u8>(), 0..400), 1..32),
        ) {
            let (mut after, mut alone, mut grown) = (before.clone(), Vec::new(), Vec::new());
            for (&place, addition) in &added {
                match after.entry(place).or_insert(Some(Vec::new())) {
                    None => alone.push((place, addition.as_slice())),
                    slot @ Some(_) => {
                        let merged = joined(slot.as_deref(), addition).unwrap();
                        if merged.len() > ALONE_BYTES {
                            grown.push((place, merged));
                            *slot = None;
                        } else {
                            *slot = Some(merged);
                        }
                    }
                }
            }
            let mut shelf = b"what was there".to_vec();
            let additions = added.iter().map(|(place, addition)| (*place, addition.as_slice()));
            let off_shelf = add((PERIOD, NUMBER), Some(&written(&before)), additions, &joined, &mut shelf);
            prop_assert_eq!(off_shelf, Ok(OffShelf { added: alone, grown }));
            prop_assert_eq!(shelf, written(&after));
        }

        #[test]
        fn a_flipped_bit_is_seen(rollups in rollups(), at: prop::sample::Index, bit in 0..8_u32) {
            let mut shelf = written(&rollups);
            let at = at.index(shelf.len());
            shelf[at] ^= 1_u8 << bit;
            prop_assert_eq!(read(key(), &shelf), None);
        }

        #[test]
        fn whatever_passes_the_checksum_is_read_without_harm(mut bytes: Vec<u8>) {
            checksum::seal(key(), &mut bytes);
            let _ = read(key(), &bytes);
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
