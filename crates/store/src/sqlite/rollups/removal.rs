//! Forgets rollups, inside the writer's transaction.

use super::{LIFETIME, Period, subject_column};
use crate::StoreError;
use crate::rollups::{Grain, Subject};
use crate::{checksum, shelf};
use curtail_model::{LinkId, Timestamp};
use rusqlite::Connection;

/// Rollups that one transaction forgets: about a millisecond of work.
const ROLLUPS_AT_ONCE: usize = 1_000;
/// The same in shelves.
const SHELVES_AT_ONCE: usize = 250;

/// Forgets some rollups of a grain that start before a time.
/// Answers how many went, and whether there may be more.
pub(super) fn forget_some(
    connection: &Connection,
    grain: Grain,
    before: Timestamp,
) -> Result<(u64, bool), StoreError> {
    let mut statement = connection.prepare_cached(include_str!("../sql/shelf_forget_before.sql"))?;
    let mut rows = statement.query((grain.millis(), before.millis(), SHELVES_AT_ONCE as i64))?;
    let (mut shelves, mut rollups) = (0, 0);
    while let Some(row) = rows.next()? {
        let shelf = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        shelves += 1;
        // Those that stand alone are counted where they go.
        let key = checksum::of_shelf((grain.millis(), row.get(1)?), row.get(2)?);
        let entries = shelf::read(key, shelf).unwrap_or_default();
        rollups += entries.iter().filter(|entry| entry.rollup.is_some()).count() as u64;
    }
    if shelves > 0 {
        return Ok((rollups, true));
    }
    let mut statement = connection.prepare_cached(include_str!("../sql/rollup_forget_before.sql"))?;
    let alone = statement.execute((grain.millis(), before.millis(), ROLLUPS_AT_ONCE as i64))?;
    Ok((alone as u64, alone == ROLLUPS_AT_ONCE))
}

/// Forgets all that was counted for a link.
pub(super) fn forget_link(connection: &Connection, link: LinkId) -> Result<(), StoreError> {
    let subject = subject_column(Subject::Link(link));
    let mut forget = connection.prepare_cached(include_str!("../sql/rollup_forget_link.sql"))?;
    for grain in Grain::ALL.map(Grain::millis) {
        take_off_shelves(connection, grain, subject)?;
        forget.execute((grain, subject))?;
    }
    take_off_shelves(connection, LIFETIME.0, subject)
}

fn take_off_shelves(connection: &Connection, grain: i64, subject: i64) -> Result<(), StoreError> {
    let (number, place) = (shelf::number_of(subject), shelf::place_of(subject));
    let mut left: Vec<(Period, Vec<u8>)> = Vec::new();
    let mut series = connection.prepare_cached(include_str!("../sql/shelf_series.sql"))?;
    let mut rows = series.query((grain, i64::MIN, i64::MAX, number))?;
    while let Some(row) = rows.next()? {
        let period = (grain, row.get(0)?);
        let stored = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        // A shelf that cannot be read shows nothing of any link.
        let entries = shelf::read(checksum::of_shelf(period, number), stored).unwrap_or_default();
        if shelf::find(&entries, place).is_some() {
            let mut others = Vec::new();
            entries
                .into_iter()
                .filter(|entry| entry.place != place)
                .for_each(|entry| shelf::put(entry, &mut others));
            left.push((period, others));
        }
    }
    let mut put = connection.prepare_cached(include_str!("../sql/shelf_put.sql"))?;
    let mut delete = connection.prepare_cached(include_str!("../sql/shelf_delete.sql"))?;
    for (period, mut others) in left {
        let (grain, start) = period;
        if others.is_empty() {
            delete.execute((grain, start, number))?;
        } else {
            checksum::seal(checksum::of_shelf(period, number), &mut others);
            put.execute((grain, start, number, others))?;
        }
    }
    Ok(())
}
