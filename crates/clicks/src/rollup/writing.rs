//! Writing the rollup of clicks that were counted in memory.

use super::bytes::put_number;
use super::name::put_name;
use super::section::{Section, Values};
use super::visitors::Visitors;
use super::{CLASSES, FORMAT, seal, values_max};
use curtail_model::ClickClass;
use curtail_store::rollups::Grain;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counts<'a> {
    /// The clicks of each class, by its place in [`ClickClass::ALL`].
    pub clicks: [u64; ClickClass::ALL.len()],
    /// The visitors of each class, ascending and each once; written at day grain only.
    pub visitors: [Vec<u64>; ClickClass::ALL.len()],
    /// The values, in ascending order and each once.
    pub values: Vec<Counted<'a>>,
}

/// The clicks of a class that have a value. The fields are in the order in which values stand in a rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted<'a> {
    /// Which class.
    pub class: ClickClass,
    /// What the value is of.
    pub section: Section,
    /// The value, at most [`super::VALUE_BYTES_MAX`] bytes.
    pub text: &'a str,
    /// How many, at least one.
    pub clicks: u64,
}

/// Writes the rollup of a grain, in place of what `out` holds.
pub fn encode(grain: Grain, counts: &Counts<'_>, out: &mut Vec<u8>) {
    out.clear();
    put_head(grain, &counts.clicks, out);
    let present = || (0..CLASSES).filter(|&class| counts.clicks[class] > 0);
    if grain == Grain::Day {
        present().for_each(|class| Visitors::write_hashes(&counts.visitors[class], out));
    }
    let mut rest = counts.values.as_slice();
    for class in present() {
        let of_class = take_while(&mut rest, |value| value.class as usize == class);
        put_number(of_class.iter().fold(0, |bitmap, value| bitmap | value.section.bit()), out);
        for section in of_class.chunk_by(|a, b| a.section == b.section) {
            write_section(grain, section, out);
        }
    }
    debug_assert!(rest.is_empty(), "values are in order, and of classes that have clicks");
    seal(out);
}

fn write_section(grain: Grain, section: &[Counted<'_>], out: &mut Vec<u8>) {
    if let [only] = section {
        put_number(1 << 1, out);
        put_name(only.text, out);
        put_number(only.clicks, out);
        return;
    }
    let mut names = Vec::with_capacity(section.len() * 16);
    let mut ends = Vec::with_capacity(section.len());
    for value in section {
        put_name(value.text, &mut names);
        ends.push(names.len());
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let mut counted: Vec<_> = section
        .iter()
        .zip(starts.zip(&ends))
        .map(|(value, (start, end))| (&names[start..*end], value.clicks))
        .collect();
    counted.sort_unstable();
    Values { counted, other: 0 }.write(values_max(grain, section[0].class), out);
}

fn take_while<'s, T>(rest: &mut &'s [T], wanted: impl Fn(&T) -> bool) -> &'s [T] {
    let (taken, left) = rest.split_at(rest.iter().position(|item| !wanted(item)).unwrap_or(rest.len()));
    *rest = left;
    taken
}

pub(super) fn put_head(grain: Grain, clicks: &[u64; CLASSES], out: &mut Vec<u8>) {
    let classes = (0..CLASSES).filter(|&class| clicks[class] > 0).fold(0, |bits, class| bits | 1 << class);
    out.push(FORMAT << 6 | (grain as u8) << 4 | classes);
    clicks.iter().filter(|clicks| **clicks > 0).for_each(|clicks| put_number(*clicks, out));
}
