//! Counts the clicks of one rollup with plain arrays.

use super::AT_ONCE;
use crate::log::{Click, Clicked, ValueId, Values};
use crate::rollup::{Counted, Counts, Section};
use curtail_model::ClickClass;

const CLASSES: usize = ClickClass::ALL.len();

/// One for each first byte of a visitor's hash.
const BUCKETS: usize = 256;

/// Counts one run of clicks after the other.
pub(super) struct Counter<'a> {
    values: &'a Values,
    breathe: &'a dyn Fn(),
    /// Clicks by `value * CLASSES + class`; all zeros between two runs.
    clicks: Vec<u32>,
    /// The places in `clicks` that are not zero.
    touched: Vec<u32>,
    counts: Counts<'a>,
    /// Whether the visitors of the last run are in order.
    visitors_sorted: bool,
    /// Where many visitors are sorted; empty between two runs.
    buckets: Box<[Vec<u64>; BUCKETS]>,
}

impl<'a> Counter<'a> {
    pub(super) fn new(values: &'a Values, breathe: &'a dyn Fn()) -> Counter<'a> {
        Counter {
            values,
            breathe,
            clicks: vec![0; values.len() * CLASSES],
            touched: Vec::new(),
            counts: Counts::default(),
            visitors_sorted: true,
            buckets: Box::new([const { Vec::new() }; BUCKETS]),
        }
    }

    /// What the last run came to.
    pub(super) fn counts(&self) -> &Counts<'a> {
        &self.counts
    }

    /// What the last run came to, with leaders added for as long as `write` works.
    pub(super) fn with_leaders(
        &mut self,
        leaders: impl Iterator<Item = Counted<'a>>,
        write: impl FnOnce(&Counts<'a>),
    ) {
        self.counts.values.extend(leaders);
        self.counts.values.sort_unstable();
        write(&self.counts);
        self.counts.values.retain(|value| value.section != Section::LINK);
    }

    /// Counts a run that comes in stretches, in place of the one before.
    pub(super) fn count(&mut self, stretches: &[&[Click]]) {
        self.counts.clicks = [0; CLASSES];
        self.counts.visitors.iter_mut().for_each(Vec::clear);
        self.visitors_sorted = false;
        for (place, click) in stretches.iter().copied().flatten().enumerate() {
            if place % AT_ONCE == AT_ONCE - 1 {
                (self.breathe)();
            }
            let agent = self.values.agent(click.agent);
            let class = agent.class;
            self.counts.clicks[class as usize] += 1;
            self.counts.visitors[class as usize].push(click.visitor);
            if let Clicked::Orphan(path) = click.clicked {
                self.add(class, path);
                continue;
            }
            agent.values.iter().for_each(|value| self.add(class, *value));
            self.values.place(click.place).iter().for_each(|value| self.add(class, *value));
            self.values.campaign(click.campaign).iter().for_each(|value| self.add(class, *value));
            self.add(class, click.referrer);
            self.add(class, click.language);
        }
        self.collect();
    }

    /// Brings the visitors of the last run into order, each once.
    pub(super) fn count_visitors(&mut self) {
        if self.visitors_sorted {
            return;
        }
        for visitors in &mut self.counts.visitors {
            sort_and_dedup(visitors, &mut self.buckets, self.breathe);
        }
        self.visitors_sorted = true;
    }

    fn add(&mut self, class: ClickClass, value: ValueId) {
        if value == Values::NONE {
            return;
        }
        let place = value as usize * CLASSES + class as usize;
        if self.clicks[place] == 0 {
            self.touched.push(place as u32);
        }
        self.clicks[place] += 1;
    }

    /// Takes what was counted out of the arrays, in the order of rollups.
    fn collect(&mut self) {
        self.counts.values.clear();
        for place in self.touched.drain(..) {
            let clicks = std::mem::take(&mut self.clicks[place as usize]);
            let (section, text) = self.values.get(place / CLASSES as u32);
            let class = ClickClass::ALL[place as usize % CLASSES];
            self.counts.values.push(Counted { class, section, text, clicks: u64::from(clicks) });
        }
        self.counts.values.sort_unstable();
    }
}

/// Sorts visitors and drops repetitions: a bucket sort by the first byte of their hashes, which are random.
fn sort_and_dedup(visitors: &mut Vec<u64>, buckets: &mut [Vec<u64>; BUCKETS], breathe: &dyn Fn()) {
    if visitors.len() <= AT_ONCE {
        visitors.sort_unstable();
        visitors.dedup();
        return;
    }
    for some in visitors.chunks(AT_ONCE) {
        breathe();
        some.iter().for_each(|visitor| buckets[visitor.to_be_bytes()[0] as usize].push(*visitor));
    }
    visitors.clear();
    for bucket in buckets {
        breathe();
        bucket.sort_unstable();
        bucket.dedup();
        visitors.append(bucket);
    }
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, sort_and_dedup};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn visitors_come_in_order_and_once_however_many(
            mut visitors in prop::collection::vec(prop_oneof![any::<u64>(), 0..9_u64], 0..2_000),
        ) {
            let mut expected = visitors.clone();
            expected.sort_unstable();
            expected.dedup();
            sort_and_dedup(&mut visitors, &mut [const { Vec::new() }; BUCKETS], &|| {});
            prop_assert_eq!(visitors, expected);
        }
    }
}
