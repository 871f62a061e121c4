//! Reading a rollup without taking it apart: totals and visitors stand in front, values are walked through
//! when asked for.

use super::bytes::Cursor;
use super::name::text_of;
use super::section::{Section, Values};
use super::visitors::Visitors;
use super::{CLASSES, FORMAT, Malformed, unseal, values_max};
use curtail_model::ClickClass;
use curtail_store::rollups::Grain;

/// A rollup in its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Rollup<'a> {
    grain: Grain,
    classes: u8,
    clicks: [u64; CLASSES],
    /// From the visitors on.
    rest: &'a [u8],
}

impl<'a> Rollup<'a> {
    /// Reads the totals. What follows them is checked when it is read.
    pub fn parse(bytes: &'a [u8]) -> Result<Rollup<'a>, Malformed> {
        let mut cursor = Cursor(unseal(bytes)?);
        let head = cursor.byte()?;
        if head >> 6 != FORMAT {
            return Err(Malformed::Newer);
        }
        let grain = *Grain::ALL
            .get(usize::from(head >> 4 & 3))
            .ok_or(Malformed::Damaged("its grain is not known"))?;
        let classes = head & 0x0f;
        let mut clicks = [0_u64; CLASSES];
        for (_, clicks) in clicks.iter_mut().enumerate().filter(|(class, _)| classes >> class & 1 == 1) {
            *clicks = cursor.number()?;
            if *clicks == 0 {
                return Err(Malformed::Damaged("it names a class without clicks"));
            }
        }
        clicks
            .iter()
            .try_fold(0_u64, |sum, clicks| sum.checked_add(*clicks))
            .ok_or(Malformed::Damaged("a count is too great"))?;
        Ok(Rollup { grain, classes, clicks, rest: cursor.0 })
    }

    /// The length of its period.
    pub fn grain(&self) -> Grain {
        self.grain
    }

    /// The clicks of a class, or of all.
    pub fn clicks(&self, class: Option<ClickClass>) -> u64 {
        match class {
            Some(class) => self.clicks[class as usize],
            None => self.clicks.iter().sum(),
        }
    }

    /// The visitors of a class, or of all; nobody unless it is a day's rollup.
    pub fn visitors(&self, class: Option<ClickClass>) -> Result<Visitors, Malformed> {
        let mut cursor = Cursor(self.rest);
        let mut visitors = Visitors::default();
        if self.grain != Grain::Day {
            return Ok(visitors);
        }
        for present in self.classes() {
            if class.is_none_or(|class| class as usize == present) {
                visitors.merge(Visitors::read(&mut cursor)?);
            } else {
                Visitors::skip(&mut cursor)?;
            }
        }
        Ok(visitors)
    }

    /// Calls `each` with the values that a section has for a class, or for all, and their clicks; a value may
    /// come once per class. Answers the clicks on what fell over the cap.
    pub fn values(
        &self,
        section: Section,
        class: Option<ClickClass>,
        mut each: impl FnMut(&'a [u8], u64),
    ) -> Result<u64, Malformed> {
        self.named_values(section, class, |values| {
            values.iter().for_each(|&(name, clicks)| each(text_of(name), clicks));
        })
    }

    /// The same by the names of values, for one class after the other; names ascend.
    pub(crate) fn named_values(
        &self,
        section: Section,
        class: Option<ClickClass>,
        mut each: impl FnMut(&[(&'a [u8], u64)]),
    ) -> Result<u64, Malformed> {
        let mut cursor = self.sections()?;
        let mut values = Values::default();
        let mut other = 0_u64;
        for present in self.classes() {
            let wanted = class.is_none_or(|class| class as usize == present);
            let bitmap = read_bitmap(&mut cursor)?;
            let max = values_max(self.grain, ClickClass::ALL[present]);
            for found in Section::all().filter(|found| bitmap & found.bit() != 0) {
                if !wanted || found != section {
                    Values::skip(&mut cursor, max)?;
                    continue;
                }
                if values.read(&mut cursor, max)? > self.clicks[present] {
                    return Err(Malformed::Damaged("values have more clicks than their class"));
                }
                each(&values.counted);
                other += values.other;
            }
        }
        Ok(other)
    }

    /// The classes that it has clicks of, by number.
    pub(super) fn classes(&self) -> impl Iterator<Item = usize> + use<> {
        let classes = self.classes;
        (0..CLASSES).filter(move |class| classes >> class & 1 == 1)
    }

    pub(super) fn has(&self, class: usize) -> bool {
        self.classes >> class & 1 == 1
    }

    pub(super) fn class_clicks(&self) -> &[u64; CLASSES] {
        &self.clicks
    }

    /// At the visitors, which only a day has.
    pub(super) fn after_clicks(&self) -> Cursor<'a> {
        Cursor(self.rest)
    }

    /// At the sections of the first class.
    fn sections(&self) -> Result<Cursor<'a>, Malformed> {
        let mut cursor = Cursor(self.rest);
        if self.grain == Grain::Day {
            self.classes().try_for_each(|_| Visitors::skip(&mut cursor))?;
        }
        Ok(cursor)
    }
}

pub(super) fn read_bitmap(cursor: &mut Cursor<'_>) -> Result<u64, Malformed> {
    let bitmap = cursor.number()?;
    if bitmap >> Section::COUNT == 0 {
        Ok(bitmap)
    } else {
        Err(Malformed::Damaged("it has a section that is not known"))
    }
}
