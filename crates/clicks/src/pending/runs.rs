//! Clicks in a few sorted runs, so that those on one link are found without looking at all others.
//!
//! What comes is a run of its own, and is merged with the one before it where that is not much longer: a click is moved as
//! often as the logarithm of their number, and so many runs there are.

use crate::log::{Click, Clicked};

/// Clicks are copied in parts of this size, between which others get their turn.
const AT_ONCE: usize = 256;

/// Sorted by what they count for and by minute, run by run.
#[derive(Default)]
pub(super) struct Runs {
    clicks: Vec<Click>,
    /// Where each run begins.
    starts: Vec<usize>,
}

impl Runs {
    pub(super) fn len(&self) -> usize {
        self.clicks.len()
    }

    /// Adds a run, and leaves nothing in `clicks`. Answers the run.
    pub(super) fn add(&mut self, clicks: &mut Vec<Click>) -> &[Click] {
        let start = self.clicks.len();
        clicks.sort_unstable_by_key(key);
        if self.clicks.is_empty() {
            // Nor is the room of many clicks kept for few.
            std::mem::swap(&mut self.clicks, clicks);
        } else {
            self.clicks.append(clicks);
        }
        self.starts.push(start);
        &self.clicks[start..]
    }

    /// Merges runs until each is more than twice as long as the next.
    pub(super) fn merge(&mut self) {
        while let [.., before, last] = self.starts[..]
            && last - before <= 2 * (self.clicks.len() - last)
        {
            // The stable sort of the standard library takes runs as they are.
            self.clicks[before..].sort_by_key(key);
            self.starts.pop();
        }
    }

    /// The clicks that count for this, from each run.
    pub(super) fn of(&self, clicked: Clicked) -> impl Iterator<Item = &[Click]> {
        self.each().map(move |run| of(run, clicked))
    }

    /// A copy of all of them in one run. `breathe` is called between pieces of the work.
    pub(super) fn sorted(&self, breathe: &dyn Fn()) -> Vec<Click> {
        let mut sorted = Vec::with_capacity(self.clicks.len());
        let mut rest: Vec<&[Click]> = self.each().collect();
        while let Some(first) = rest.iter_mut().filter(|run| !run.is_empty()).min_by_key(|run| key(&run[0])) {
            if sorted.len().is_multiple_of(AT_ONCE) {
                breathe();
            }
            sorted.extend(first.split_off_first());
        }
        sorted
    }

    fn each(&self) -> impl Iterator<Item = &[Click]> {
        let ends = self.starts.iter().skip(1).copied().chain(std::iter::once(self.clicks.len()));
        self.starts.iter().zip(ends).map(|(start, end)| &self.clicks[*start..end])
    }
}

/// The clicks of a run that count for this.
fn of(run: &[Click], clicked: Clicked) -> &[Click] {
    let start = run.partition_point(|click| click.clicked < clicked);
    let count = run[start..].partition_point(|click| click.clicked == clicked);
    &run[start..start + count]
}

fn key(click: &Click) -> (Clicked, u32) {
    (click.clicked, click.minute)
}

#[cfg(test)]
mod tests {
    use super::{Runs, key};
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
            parts in prop::collection::vec(prop::collection::vec((0..9_u64, 0..5_u32), 1..40), 0..40),
        ) {
            let mut runs = Runs::default();
            let mut all = Vec::new();
            for part in parts {
                let mut part: Vec<Click> = part.into_iter().map(|(link, minute)| click(link, minute)).collect();
                all.extend(part.clone());
                runs.add(&mut part);
                runs.merge();
                prop_assert!(part.is_empty());
            }
            prop_assert!(runs.starts.len() <= 1 + all.len().checked_ilog2().unwrap_or(0) as usize);
            for link in 0..9 {
                let clicked = Clicked::Link(LinkId::new(link).unwrap());
                let found: usize = runs.of(clicked).map(<[Click]>::len).sum();
                prop_assert!(runs.of(clicked).flatten().all(|click| click.clicked == clicked));
                prop_assert_eq!(found, all.iter().filter(|click| click.clicked == clicked).count());
            }
            all.sort_by_key(key);
            prop_assert_eq!(runs.sorted(&|| {}), all);
        }
    }
}
