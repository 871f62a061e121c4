//! Which links have the most clicks by people in each hour and day of a batch, for the rollups of everything.
//!
//! A rollup keeps as many links as its section has room for ([`values_max`]), the largest. A link that is
//! among the larger ones in every batch is counted exactly; one that comes and goes may lack the clicks of
//! batches in which it was not.

use crate::rollup::{Counted, Section, values_max};
use curtail_model::{ClickClass, LinkId};
use curtail_store::rollups::Grain;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What was counted for links in hours and days: of each, the largest.
#[derive(Default)]
pub(super) struct Leaders(BTreeMap<Period, BinaryHeap<Reverse<Leader>>>);

/// The larger one has more clicks, or as many and the smaller id.
type Leader = (u64, Reverse<LinkId>);

/// The period of a grain that a minute lies in.
type Period = (Grain, u32);

fn period(grain: Grain, minute: u32) -> Period {
    (grain, (i64::from(minute) / (grain.millis() / Grain::Minute.millis())) as u32)
}

impl Leaders {
    /// Notes the clicks of a link in a period; of each link once.
    pub(super) fn note(&mut self, grain: Grain, minute: u32, link: LinkId, clicks: u64) {
        if grain == Grain::Minute || clicks == 0 {
            return;
        }
        let largest = self.0.entry(period(grain, minute)).or_default();
        let leader = Reverse((clicks, Reverse(link)));
        if largest.len() < values_max(grain, ClickClass::Human) {
            largest.push(leader);
        } else if let Some(mut smallest) = largest.peek_mut()
            && leader < *smallest
        {
            *smallest = leader;
        }
    }

    /// The largest of each period, with their names.
    pub(super) fn named(self) -> Named {
        let mut named = Vec::new();
        for (period, largest) in self.0 {
            // Of what is reversed, the largest comes first.
            let leaders = largest.into_sorted_vec().into_iter();
            named.extend(leaders.map(|Reverse((clicks, Reverse(link)))| (period, link.to_string(), clicks)));
        }
        Named(named)
    }
}

/// Leaders by period, with the texts that rollups name them by.
pub(super) struct Named(Vec<(Period, String, u64)>);

impl Named {
    /// As values of a rollup of everything.
    pub(super) fn of(&self, grain: Grain, minute: u32) -> impl Iterator<Item = Counted<'_>> {
        let wanted = period(grain, minute);
        let first = self.0.partition_point(|(period, ..)| *period < wanted);
        let of_period = self.0[first..].iter().take_while(move |(period, ..)| *period == wanted);
        of_period.map(|(_, text, clicks)| Counted {
            class: ClickClass::Human,
            section: Section::LINK,
            text,
            clicks: *clicks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Leaders;
    use crate::rollup::values_max;
    use curtail_model::{ClickClass, LinkId};
    use curtail_store::rollups::Grain;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_largest_are_named_and_of_equals_those_with_the_smaller_ids(
            clicks in prop::collection::vec(0..20_u64, 0..600),
        ) {
            let mut leaders = Leaders::default();
            let id = |place: usize| LinkId::new(place as u64).unwrap();
            clicks.iter().enumerate().for_each(|(place, clicks)| leaders.note(Grain::Hour, 7, id(place), *clicks));
            let mut expected: Vec<(String, u64)> = Vec::new();
            for most in (1..20).rev() {
                let as_many = clicks.iter().enumerate().filter(|(_, clicks)| **clicks == most);
                expected.extend(as_many.map(|(place, clicks)| (id(place).to_string(), *clicks)));
            }
            expected.truncate(values_max(Grain::Hour, ClickClass::Human));
            let named = leaders.named();
            let named: Vec<_> =
                named.of(Grain::Hour, 7).map(|leader| (leader.text.to_owned(), leader.clicks)).collect();
            prop_assert_eq!(named, expected);
        }
    }
}
