//! One section of a rollup: the values of a dimension with their clicks.

use super::Malformed;
use super::bytes::{Cursor, put_number};
use super::name::read_name;
use curtail_model::Dimension;

/// So many values say how long they are together, so that who does not want them need not walk through them.
pub(super) const LONG: usize = 16;
const LENGTH_BYTES: usize = size_of::<u32>();

/// Which values a section counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Section(u8);

impl Section {
    /// How many there can be.
    pub const COUNT: usize = Dimension::ALL.len() + 2;
    /// The paths that orphan clicks asked for.
    pub const PATH: Section = Section(Dimension::ALL.len() as u8);

    /// The links that people clicked most, by their ids: only in hours and days of everything.
    pub const LINK: Section = Section(Dimension::ALL.len() as u8 + 1);

    /// The section of a dimension.
    pub fn of(dimension: Dimension) -> Section {
        Section(dimension as u8)
    }

    /// Its place in a rollup, below [`Section::COUNT`].
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// What clicks without a value are shown under, and what is therefore not kept as a value.
    pub fn absent(self) -> &'static str {
        match Dimension::ALL.get(self.number()) {
            Some(Dimension::Country | Dimension::City) => "(unknown)",
            Some(Dimension::Referrer) => "direct",
            Some(Dimension::Source | Dimension::Medium | Dimension::Campaign | Dimension::Reason) => "(none)",
            Some(Dimension::Browser | Dimension::Os | Dimension::Device | Dimension::Language) => "unknown",
            None if self == Section::LINK => "(other)",
            None => "/",
        }
    }

    /// All of them, in the order in which they are written.
    pub(super) fn all() -> impl Iterator<Item = Section> {
        (0..Self::COUNT as u8).map(Section)
    }

    pub(super) fn bit(self) -> u64 {
        1 << self.0
    }
}

/// The values of one section by their names, ascending, and the clicks on values that fell over the cap.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Values<'a> {
    pub(super) counted: Vec<(&'a [u8], u64)>,
    pub(super) other: u64,
}

impl<'a> Values<'a> {
    /// Reads a section, in place of what was held before. Answers its clicks.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'a>, max: usize) -> Result<u64, Malformed> {
        self.counted.clear();
        let head = cursor.number_up_to(max << 1 | 1)?;
        let end = if head >> 1 >= LONG { Some(after(cursor)?) } else { None };
        self.other = if head & 1 == 1 { cursor.number()? } else { 0 };
        let mut sum = self.other;
        for _ in 0..head >> 1 {
            let name = read_name(cursor)?;
            let clicks = cursor.number()?;
            if self.counted.last().is_some_and(|&(last, _)| last >= name) {
                return Err(Malformed::Damaged("values are not in order"));
            }
            sum = sum.checked_add(clicks).ok_or(Malformed::Damaged("a count is too great"))?;
            self.counted.push((name, clicks));
        }
        if end.is_some_and(|end| end != cursor.0.len()) {
            return Err(Malformed::Damaged("a section has another length"));
        }
        Ok(sum)
    }

    /// Reads over a section.
    pub(super) fn skip(cursor: &mut Cursor<'a>, max: usize) -> Result<(), Malformed> {
        let head = cursor.number_up_to(max << 1 | 1)?;
        if head >> 1 >= LONG {
            let end = after(cursor)?;
            cursor.0 = &cursor.0[cursor.0.len() - end..];
            return Ok(());
        }
        if head & 1 == 1 {
            cursor.number()?;
        }
        for _ in 0..head >> 1 {
            read_name(cursor)?;
            cursor.number()?;
        }
        Ok(())
    }

    /// Becomes the sum of two sections.
    pub(super) fn sum(&mut self, left: &Values<'a>, right: &Values<'a>) {
        self.counted.clear();
        self.other = left.other.saturating_add(right.other);
        let (mut left, mut right) = (left.counted.as_slice(), right.counted.as_slice());
        while let ([(a, a_clicks), left_rest @ ..], [(b, b_clicks), right_rest @ ..]) = (left, right) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => {
                    self.counted.push((a, *a_clicks));
                    left = left_rest;
                }
                std::cmp::Ordering::Greater => {
                    self.counted.push((b, *b_clicks));
                    right = right_rest;
                }
                std::cmp::Ordering::Equal => {
                    self.counted.push((a, a_clicks.saturating_add(*b_clicks)));
                    (left, right) = (left_rest, right_rest);
                }
            }
        }
        self.counted.extend_from_slice(left);
        self.counted.extend_from_slice(right);
    }

    /// Writes the section; over the cap, the values with the most clicks stay and the rest goes into `other`.
    pub(super) fn write(&mut self, max: usize, out: &mut Vec<u8>) {
        self.hold_to(max);
        put_number((self.counted.len() as u64) << 1 | u64::from(self.other > 0), out);
        let begin = out.len();
        if self.counted.len() >= LONG {
            out.extend_from_slice(&[0; LENGTH_BYTES]);
        }
        if self.other > 0 {
            put_number(self.other, out);
        }
        for &(name, clicks) in &self.counted {
            out.extend_from_slice(name);
            put_number(clicks, out);
        }
        if self.counted.len() >= LONG {
            let length = (out.len() - begin - LENGTH_BYTES) as u32;
            out[begin..begin + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        }
    }

    fn hold_to(&mut self, max: usize) {
        if self.counted.len() <= max {
            return;
        }
        self.counted.select_nth_unstable_by(max, |a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        for (_, clicks) in self.counted.drain(max..) {
            self.other = self.other.saturating_add(clicks);
        }
        self.counted.sort_unstable();
    }
}

/// Reads how long what follows is, and answers how much comes after that.
fn after(cursor: &mut Cursor<'_>) -> Result<usize, Malformed> {
    let length = u32::from_le_bytes(cursor.array::<LENGTH_BYTES>()?) as usize;
    cursor.0.len().checked_sub(length).ok_or(Malformed::Damaged("it ends early"))
}
