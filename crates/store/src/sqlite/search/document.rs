//! How a link becomes a document of the index: its number, its text and its labels.
//!
//! The number of a document is the time of creation in milliseconds (42 bits) and a slot (21 bits), so that
//! the index finds links in the order of lists. The slot is taken from the id, which orders generated links
//! within a millisecond. Where another link is there already, two more slots are tried; then the number is
//! negative and made of the id, which is always free, and the link comes last in time. (16,384 links made in
//! one millisecond leave a custom one that it shares with them a chance of one in two million for that.)

use curtail_model::{Link, LinkId, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

const SLOT_BITS: u32 = 21;
const SLOTS: u64 = 1 << SLOT_BITS;
const TIME_MAX: i64 = (1 << 42) - 1;
/// Odd, so that it leads to different slots, and far from runs of ids.
const STEP: u64 = 0x0009_e375;
const SLOTS_TRIED: u64 = 3;

/// The token that stands for the state of being archived.
pub(super) const ARCHIVED: &str = "archived";

/// The numbers that a link's document may have, in the order in which they are tried.
pub(super) fn numbers(created_at: Timestamp, id: LinkId) -> impl Iterator<Item = i64> {
    let time = created_at.millis().clamp(0, TIME_MAX) << SLOT_BITS;
    let slots = (0..SLOTS_TRIED).map(move |tried| {
        let slot = (id.get().wrapping_add(tried * STEP)) & (SLOTS - 1);
        time | slot.cast_signed()
    });
    slots.chain(std::iter::once(-1 - id.get().cast_signed()))
}

/// What is searched for words.
pub(super) fn text(link: &Link) -> String {
    // Everybody's "https" would be the longest list of the index and find nothing.
    let url = link.url.split_once("://").map_or(&*link.url, |(_, rest)| rest);
    let mut text = format!("{} {url}", link.code);
    for part in [&link.title, &link.notes].into_iter().flatten() {
        text.push(' ');
        text.push_str(part);
    }
    text
}

/// Tokens for what lists can be narrowed by.
pub(super) fn labels(link: &Link) -> String {
    let mut labels: Vec<String> = link.tags.iter().map(|tag| tag_label(tag)).collect();
    if link.archived {
        labels.push(ARCHIVED.to_owned());
    }
    labels.join(" ")
}

/// The token that stands for a tag: tags may hold anything, tokens may not.
pub(super) fn tag_label(tag: &str) -> String {
    format!("t{:016x}", xxh3_64(tag.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn later_documents_have_greater_numbers(one in 0..TIME_MAX, other in 0..TIME_MAX, a: u32, b: u32) {
            prop_assume!(one < other);
            let numbers = |time, id: u32| {
                numbers(Timestamp::from_millis(time), LinkId::new(id.into()).unwrap()).take(SLOTS_TRIED as usize).collect::<Vec<_>>()
            };
            prop_assert!(numbers(one, a).iter().max() < numbers(other, b).iter().min());
        }

        #[test]
        fn a_link_has_four_different_numbers(time: i64, id in 0..=LinkId::MAX.get()) {
            let mut all: Vec<i64> = numbers(Timestamp::from_millis(time), LinkId::new(id).unwrap()).collect();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), 4);
        }
    }
}
