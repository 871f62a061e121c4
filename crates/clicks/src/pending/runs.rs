//! Clicks in some sorted runs, so that those on one link are found without looking at all others.
//!
//! What comes is a run of its own, and is merged with the one before it where that is not much longer. No run
//! becomes so long that making it would hold others up for long: a batch has some twenty of them.

use crate::log::{Click, Clicked};

/// Clicks are sorted in parts of this size, between which others get their turn.
const AT_ONCE: usize = 256;
/// A longer run is not made: merging two takes about a tenth of a millisecond.
pub(crate) const RUN_CLICKS_MAX: usize = 16_384;

/// Runs by [`Click::sort_key`].
#[derive(Default)]
pub(super) struct Runs {
    runs: Vec<Vec<Click>>,
    clicks: usize,
}

impl Runs {
    /// A copy of clicks in runs. `breathe` is called between pieces of the work.
    pub(super) fn of(clicks: &[Click], breathe: &dyn Fn()) -> Runs {
        let mut runs = Runs::default();
        for part in clicks.chunks(AT_ONCE) {
            breathe();
            let mut run = part.to_vec();
            run.sort_unstable_by_key(Click::sort_key);
            runs.push(run);
        }
        runs
    }

    pub(super) fn clicks(&self) -> usize {
        self.clicks
    }

    pub(super) fn append(&mut self, others: Runs) {
        others.runs.into_iter().for_each(|run| self.push(run));
    }

    pub(super) fn slices(&self) -> Vec<&[Click]> {
        self.runs.iter().map(Vec::as_slice).collect()
    }

    /// The clicks that count for this, from each run.
    pub(super) fn of_clicked(&self, clicked: Clicked) -> impl Iterator<Item = &[Click]> {
        self.runs.iter().map(move |run| {
            let start = run.partition_point(|click| click.clicked < clicked);
            let count = run[start..].partition_point(|click| click.clicked == clicked);
            &run[start..start + count]
        })
    }

    /// Adds a run, and merges until each is more than twice as
    /// long as the next, or they would be too long together.
    fn push(&mut self, run: Vec<Click>) {
        self.clicks += run.len();
        self.runs.push(run);
        while let [.., before, last] = self.runs.as_slice()
            && before.len() <= 2 * last.len()
            && before.len() + last.len() <= RUN_CLICKS_MAX
        {
            let merged = merge(before, last);
            self.runs.truncate(self.runs.len() - 2);
            self.runs.push(merged);
        }
    }
}

fn merge(mut a: &[Click], mut b: &[Click]) -> Vec<Click> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    while let ([first, rest_of_a @ ..], [other, rest_of_b @ ..]) = (a, b) {
        if other.sort_key() < first.sort_key() {
            merged.push(*other);
            b = rest_of_b;
        } else {
            merged.push(*first);
            a = rest_of_a;
        }
    }
    merged.extend_from_slice(a);
    merged.extend_from_slice(b);
    merged
}

#[cfg(test)]
mod tests {
    use super::{RUN_CLICKS_MAX, Runs};
    use crate::log::{Click, Clicked};
    use curtail_model::LinkId;
    use proptest::prelude::*;

    fn click(link: u64, minute: u32) -> Click {
        let clicked = Clicked::Link(LinkId::new(link).unwrap());
        Click { clicked, visitor: 0, minute, agent: 0, referrer: 0, language: 0, campaign: 0, place: 0 }
    }

    proptest! {
        #[test]
        fn clicks_on_a_link_are_found_whatever_came_together(
            parts in prop::collection::vec(prop::collection::vec((0..9_u64, 0..5_u32), 1..700), 0..40),
        ) {
            let mut runs = Runs::default();
            let mut all = Vec::new();
            for part in parts {
                let part: Vec<Click> = part.into_iter().map(|(link, minute)| click(link, minute)).collect();
                all.extend(part.clone());
                runs.append(Runs::of(&part, &|| {}));
            }
            prop_assert_eq!(runs.clicks(), all.len());
            for run in runs.slices() {
                prop_assert!(run.is_sorted_by_key(Click::sort_key));
            }
            for link in 0..9 {
                let clicked = Clicked::Link(LinkId::new(link).unwrap());
                let found: usize = runs.of_clicked(clicked).map(<[Click]>::len).sum();
                prop_assert!(runs.of_clicked(clicked).flatten().all(|click| click.clicked == clicked));
                prop_assert_eq!(found, all.iter().filter(|click| click.clicked == clicked).count());
            }
            let mut found: Vec<Click> = runs.slices().concat();
            found.sort_by_key(Click::sort_key);
            all.sort_by_key(Click::sort_key);
            prop_assert_eq!(found, all);
        }

        #[test]
        fn runs_are_neither_long_nor_many(parts in prop::collection::vec(1..20_000_usize, 0..20)) {
            let mut runs = Runs::default();
            for part in parts {
                runs.append(Runs::of(&vec![click(1, 1); part], &|| {}));
            }
            prop_assert!(runs.slices().iter().all(|run| run.len() <= RUN_CLICKS_MAX));
            let few = 2 * runs.clicks() / RUN_CLICKS_MAX + RUN_CLICKS_MAX.ilog2() as usize + 1;
            prop_assert!(runs.slices().len() <= few, "{} runs of {}", runs.slices().len(), runs.clicks());
        }
    }
}
