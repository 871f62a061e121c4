//! The clicks of each value over many rollups.
//!
//! The rollups of a link name much the same values, each in order. So values are added by walking along two
//! sorted lists; what is new waits in a map until there is so much of it that another list is worth sorting.

use super::OTHER;
use crate::rollup::{Malformed, Rollup, Section, text_of};
use curtail_model::ClickClass;
use foldhash::fast::RandomState;
use std::cmp::Ordering;
use std::collections::HashMap;

/// New values that wait at least.
const NEW_MIN: usize = 64;

/// Values and their clicks.
#[derive(Default)]
pub(super) struct Groups<'a> {
    /// By the names of values, ascending.
    known: Vec<(&'a [u8], u64)>,
    /// By names that are not among the known.
    new: HashMap<&'a [u8], u64, RandomState>,
    /// By text.
    texts: HashMap<&'a [u8], u64, RandomState>,
    other: u64,
}

impl<'a> Groups<'a> {
    /// Adds clicks on a text.
    pub(super) fn add(&mut self, text: &'a [u8], clicks: u64) {
        if clicks > 0 {
            *self.texts.entry(text).or_default() += clicks;
        }
    }

    /// Adds a section of a rollup; clicks without a value come under the word for that.
    pub(super) fn add_section(
        &mut self,
        rollup: &Rollup<'a>,
        section: Section,
        class: Option<ClickClass>,
    ) -> Result<(), Malformed> {
        let mut with_value = 0;
        let other = rollup.named_values(section, class, |values| {
            with_value += values.iter().map(|(_, clicks)| clicks).sum::<u64>();
            self.add_names(values);
        })?;
        self.other += other;
        self.add(section.absent().as_bytes(), rollup.clicks(class).saturating_sub(with_value + other));
        Ok(())
    }

    /// Adds values by their names, which ascend.
    fn add_names(&mut self, values: &[(&'a [u8], u64)]) {
        let mut place = 0;
        for &(name, clicks) in values {
            place += first_not_below(&self.known[place..], name);
            match self.known.get_mut(place) {
                Some((known, sum)) if *known == name => {
                    *sum += clicks;
                    place += 1;
                }
                _ => *self.new.entry(name).or_default() += clicks,
            }
        }
        if self.new.len() >= self.known.len().max(NEW_MIN) {
            self.known.extend(self.new.drain());
            self.known.sort_unstable();
        }
    }

    /// The values with the most clicks, and all others as one.
    pub(super) fn top(mut self, max: usize) -> Vec<(String, u64)> {
        // A value may have two names: by its text, and by a number that it was given later.
        for (name, clicks) in self.known.into_iter().chain(self.new) {
            *self.texts.entry(text_of(name)).or_default() += clicks;
        }
        let mut other = self.other;
        let mut values: Vec<_> = self.texts.into_iter().collect();
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        other += values.drain(max.min(values.len())..).map(|(_, clicks)| clicks).sum::<u64>();
        let text = |(value, clicks): (&[u8], u64)| (String::from_utf8_lossy(value).into_owned(), clicks);
        let mut top: Vec<_> = values.into_iter().map(text).collect();
        if other > 0 {
            top.push((OTHER.to_owned(), other));
        }
        top
    }
}

/// The place of the first value that is not below a name, which is most often near.
fn first_not_below(values: &[(&[u8], u64)], name: &[u8]) -> usize {
    let (mut low, mut step) = (0, 1);
    while let Some((last, _)) = values.get(low + step - 1) {
        match (*last).cmp(name) {
            Ordering::Less => low += step,
            Ordering::Equal => return low + step - 1,
            Ordering::Greater => break,
        }
        step *= 2;
    }
    let end = values.len().min(low + step);
    low + values[low..end].partition_point(|(value, _)| *value < name)
}
