//! Which partition a click goes to.
//!
//! It depends on the click alone and never changes, also from version to version: a click that is sent again
//! must meet the mark that tells whether it was counted.

use crate::log::Clicked;
use crate::log::record::Origin;
use xxhash_rust::xxh3::xxh3_64;

/// Ids that differ in these bits only go to one partition: the store keeps what is counted of them together.
const NEIGHBOURS_BITS: u32 = 5;

/// The partition of a click, of so many.
pub(crate) fn partition_of(clicked: Clicked, origin: Origin, partitions: u16) -> u16 {
    let hash = match clicked {
        Clicked::Link(link) => xxh3_64(&(link.get() >> NEIGHBOURS_BITS).to_le_bytes()),
        // Strangers choose the paths: to go by them would let one of them fill one partition.
        Clicked::Orphan(_) => {
            let mut place = [0; 16];
            place[..8].copy_from_slice(&origin.stream.to_le_bytes());
            place[8..].copy_from_slice(&origin.position.to_le_bytes());
            xxh3_64(&place)
        }
    };
    ((u128::from(hash) * u128::from(partitions)) >> 64) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use curtail_model::{LinkId, Timestamp};

    fn origin(position: u64) -> Origin {
        Origin { stream: 7 << 10, position, at: Timestamp::from_millis(0) }
    }

    fn of_link(number: u64, partitions: u16) -> u16 {
        partition_of(Clicked::Link(LinkId::new(number).unwrap()), origin(1), partitions)
    }

    #[test]
    fn a_click_goes_where_it_always_went() {
        let links = [0, 32, 64, 4096, 1 << 40, LinkId::MAX.get()].map(|number| of_link(number, 12));
        assert_eq!(links, [9, 2, 1, 8, 5, 6]);
        let orphans =
            [1, 2, 3, 1 << 40].map(|position| partition_of(Clicked::Orphan(3), origin(position), 12));
        assert_eq!(orphans, [10, 10, 5, 5]);
    }

    #[test]
    fn neighbours_stay_together_and_all_others_spread_evenly() {
        assert!((0..32).all(|number| of_link(96 + number % 32, 9) == of_link(96, 9)));
        let mut clicks = [0_u32; 12];
        for number in 0..12_000 {
            clicks[usize::from(of_link(number << NEIGHBOURS_BITS, 12))] += 1;
            let orphan = partition_of(Clicked::Orphan(0), origin(number * 48), 12);
            clicks[usize::from(orphan)] += 1;
        }
        assert!(clicks.iter().all(|clicks| (1_800..2_200).contains(clicks)), "{clicks:?}");
        assert_eq!(of_link(12345, 1), 0);
    }
}
