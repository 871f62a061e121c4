//! The sum of two rollups, made from bytes to bytes in one pass.

use super::bytes::{Cursor, put_number};
use super::reading::{Rollup, read_bitmap};
use super::section::{Section, Values};
use super::visitors::Visitors;
use super::writing::put_head;
use super::{CLASSES, Malformed, seal, values_max};
use curtail_model::ClickClass;
use curtail_store::rollups::Grain;

/// Merges a new rollup into the stored one of the same key, if there is one.
pub fn merge(stored: Option<&[u8]>, new: &[u8]) -> Result<Vec<u8>, Malformed> {
    let Some(stored) = stored else {
        return Ok(new.to_vec());
    };
    let (left, right) = (Rollup::parse(stored)?, Rollup::parse(new)?);
    if left.grain() != right.grain() {
        return Err(Malformed::Damaged("two grains do not merge"));
    }
    let mut out = Vec::with_capacity(stored.len() + new.len() + 4);
    let clicks = sum_clicks(&left, &right)?;
    put_head(left.grain(), &clicks, &mut out);
    let mut cursors = (left.after_clicks(), right.after_clicks());
    if left.grain() == Grain::Day {
        merge_visitors(&left, &right, &mut cursors, &mut out)?;
    }
    merge_sections(&left, &right, &mut cursors, &mut out)?;
    let (left_rest, right_rest) = cursors;
    if !left_rest.0.is_empty() || !right_rest.0.is_empty() {
        return Err(Malformed::Damaged("something follows its end"));
    }
    seal(&mut out);
    Ok(out)
}

fn sum_clicks(left: &Rollup<'_>, right: &Rollup<'_>) -> Result<[u64; CLASSES], Malformed> {
    let mut sum = *left.class_clicks();
    for (sum, more) in sum.iter_mut().zip(right.class_clicks()) {
        *sum = sum.checked_add(*more).ok_or(Malformed::Damaged("a count is too great"))?;
    }
    Ok(sum)
}

fn merge_visitors<'a>(
    left: &Rollup<'a>,
    right: &Rollup<'a>,
    cursors: &mut (Cursor<'a>, Cursor<'a>),
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    for class in 0..CLASSES {
        match (left.has(class), right.has(class)) {
            (true, true) => {
                let mut visitors = Visitors::read(&mut cursors.0)?;
                visitors.merge(Visitors::read(&mut cursors.1)?);
                visitors.write(out);
            }
            (true, false) => copy(&mut cursors.0, out, Visitors::skip)?,
            (false, true) => copy(&mut cursors.1, out, Visitors::skip)?,
            (false, false) => {}
        }
    }
    Ok(())
}

fn merge_sections<'a>(
    left: &Rollup<'a>,
    right: &Rollup<'a>,
    cursors: &mut (Cursor<'a>, Cursor<'a>),
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let (mut a, mut b, mut sum) = (Values::default(), Values::default(), Values::default());
    for class in 0..CLASSES {
        if !left.has(class) && !right.has(class) {
            continue;
        }
        let max = values_max(left.grain(), ClickClass::ALL[class]);
        let skip = |cursor: &mut Cursor<'a>| Values::skip(cursor, max);
        let in_left = if left.has(class) { read_bitmap(&mut cursors.0)? } else { 0 };
        let in_right = if right.has(class) { read_bitmap(&mut cursors.1)? } else { 0 };
        put_number(in_left | in_right, out);
        for section in Section::all() {
            match (in_left & section.bit() != 0, in_right & section.bit() != 0) {
                (true, true) => {
                    a.read(&mut cursors.0, max)?;
                    b.read(&mut cursors.1, max)?;
                    sum.sum(&a, &b);
                    sum.write(max, out);
                }
                (true, false) => copy(&mut cursors.0, out, skip)?,
                (false, true) => copy(&mut cursors.1, out, skip)?,
                (false, false) => {}
            }
        }
    }
    Ok(())
}

/// Copies what `skip` reads over.
fn copy<'a>(
    cursor: &mut Cursor<'a>,
    out: &mut Vec<u8>,
    skip: impl Fn(&mut Cursor<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let before = cursor.0;
    skip(cursor)?;
    out.extend_from_slice(&before[..before.len() - cursor.0.len()]);
    Ok(())
}
