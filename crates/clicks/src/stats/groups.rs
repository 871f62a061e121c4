//! The clicks of each value over many rollups.

use super::OTHER;
use crate::rollup::{Malformed, Rollup, Section};
use curtail_model::ClickClass;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Values and their clicks.
#[derive(Default)]
pub(super) struct Groups<'a> {
    clicks: HashMap<&'a [u8], u64, RandomState>,
    other: u64,
}

impl<'a> Groups<'a> {
    /// Adds clicks on a value.
    pub(super) fn add(&mut self, value: &'a [u8], clicks: u64) {
        if clicks > 0 {
            *self.clicks.entry(value).or_default() += clicks;
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
        let other = rollup.values(section, class, |value, clicks| {
            with_value += clicks;
            self.add(value, clicks);
        })?;
        self.other += other;
        self.add(section.absent().as_bytes(), rollup.clicks(class).saturating_sub(with_value + other));
        Ok(())
    }

    /// The values with the most clicks, and all others as one.
    pub(super) fn top(self, max: usize) -> Vec<(String, u64)> {
        let mut other = self.other;
        let mut values: Vec<_> = self.clicks.into_iter().collect();
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
