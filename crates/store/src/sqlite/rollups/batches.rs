//! Adds what was counted to what is stored, inside the writer's transaction.

use super::{Period, id_column, positions, row_key, subject_column};
use crate::StoreError;
use crate::checksum;
use crate::rollups::{Batch, Positions, Row};
use crate::shelf::{self, LIFETIME, LOST, merge_totals, write_totals};
use rusqlite::{CachedStatement, Connection, Row as Stored, Statement};

/// A rollup to add: of whom and what.
type Addition<'a> = (i64, &'a [u8]);
type Merging<'m> = &'m dyn Fn(Option<&[u8]>, &[u8]) -> Result<Vec<u8>, String>;

/// Rows are looked at in parts of this size, between which others get their turn.
const AT_ONCE: usize = 256;

/// Statements on shelves and on rollups that stand alone.
struct Adding<'c> {
    get_shelf: CachedStatement<'c>,
    put_shelf: CachedStatement<'c>,
    alone: Alone<'c>,
    /// The shelf that is being written.
    shelf: Vec<u8>,
}

struct Alone<'c> {
    get: CachedStatement<'c>,
    put: CachedStatement<'c>,
}

/// Adds a batch to what has been counted up to these positions: rollups, totals and positions.
pub(super) fn add(connection: &Connection, batch: Batch, counted: Positions) -> Result<(), StoreError> {
    let Batch { mut rows, mut totals, positions: moved, merge, breathe, .. } = batch;
    let mut adding = Adding::new(connection)?;
    // In the order of the tables, so that neighbours are on the page that was just touched.
    bring_in_order(&mut rows, row_key, &*breathe);
    let shelf_of = |row: &Row| (row.grain, row.start, shelf::number_of(subject_column(row.subject)));
    for rows in rows.chunk_by_mut(|a, b| shelf_of(a) == shelf_of(b)) {
        breathe();
        let (grain, start, _) = row_key(&rows[0]);
        let additions: Vec<_> =
            rows.iter().map(|row| (subject_column(row.subject), row.delta.as_slice())).collect();
        adding.add((grain, start), &additions, &*merge)?;
        // To let go of all of them at the end would take long at once.
        rows.iter_mut().for_each(|row| row.delta = Vec::new());
    }
    bring_in_order(&mut totals, |(link, _)| *link, &*breathe);
    let shelf_of = |(link, _): &(_, _)| shelf::number_of(id_column(*link));
    for totals in totals.chunk_by(|a, b| shelf_of(a) == shelf_of(b)) {
        breathe();
        let totals: Vec<_> =
            totals.iter().map(|(link, totals)| (id_column(*link), write_totals(totals))).collect();
        let additions: Vec<_> = totals.iter().map(|(link, totals)| (*link, totals.as_slice())).collect();
        adding.add(LIFETIME, &additions, &merge_totals)?;
    }
    positions::write(connection, counted, moved)
}

/// Sorts, unless it is in order already, as rows of a fold are: a sort cannot pause.
fn bring_in_order<T, K: Ord>(rows: &mut [T], key: impl Fn(&T) -> K, breathe: &dyn Fn()) {
    let is_in_order = (0..rows.len()).step_by(AT_ONCE).all(|from| {
        breathe();
        rows[from..rows.len().min(from + AT_ONCE + 1)].is_sorted_by_key(&key)
    });
    if !is_in_order {
        rows.sort_unstable_by_key(key);
    }
}

impl<'c> Adding<'c> {
    fn new(connection: &'c Connection) -> Result<Adding<'c>, StoreError> {
        Ok(Adding {
            get_shelf: connection.prepare_cached(include_str!("../sql/shelf_get.sql"))?,
            put_shelf: connection.prepare_cached(include_str!("../sql/shelf_put.sql"))?,
            alone: Alone {
                get: connection.prepare_cached(include_str!("../sql/rollup_get.sql"))?,
                put: connection.prepare_cached(include_str!("../sql/rollup_put.sql"))?,
            },
            shelf: Vec::new(),
        })
    }

    /// Adds to one shelf; or to what is of no link, which always stands alone.
    fn add(
        &mut self,
        period: Period,
        additions: &[Addition<'_>],
        merge: Merging<'_>,
    ) -> Result<(), StoreError> {
        let links = additions.partition_point(|(subject, _)| *subject < 0);
        let (others, links) = additions.split_at(links);
        for other in others {
            self.alone.merge(period, *other, None, merge)?;
        }
        let Some((first, _)) = links.first() else { return Ok(()) };
        let (number, (grain, start)) = (shelf::number_of(*first), period);
        let Adding { get_shelf, put_shelf, alone, shelf } = self;
        let mut stored = get_shelf.query((grain, start, number))?;
        let stored = stored.next()?.map(blob).transpose()?;
        let links = links.iter().map(|(subject, delta)| (shelf::place_of(*subject), *delta));
        let off_shelf = shelf::add((period, number), stored, links, merge, shelf)?;
        put_shelf.execute((grain, start, number, shelf.as_slice()))?;
        for (place, delta) in off_shelf.added {
            alone.merge(period, (shelf::subject_of(number, place), delta), Some(LOST), merge)?;
        }
        for (place, rollup) in off_shelf.grown {
            put(&mut alone.put, period, shelf::subject_of(number, place), rollup)?;
        }
        Ok(())
    }
}

impl Alone<'_> {
    /// Adds to a rollup that stands alone; `missing` stands for one that is not there. One that cannot be
    /// read is given to `merge` as it is, with its checksum: as with shelves, `merge` reports it.
    fn merge(
        &mut self,
        period: Period,
        (subject, delta): Addition<'_>,
        missing: Option<&[u8]>,
        merge: Merging<'_>,
    ) -> Result<(), StoreError> {
        let merged = {
            let mut stored = self.get.query((period.0, period.1, subject))?;
            let stored = stored.next()?.map(blob).transpose()?;
            let rollup = stored.map(|stored| {
                checksum::unseal(checksum::of_rollup(period, subject), stored).unwrap_or(stored)
            });
            merge(rollup.or(missing), delta).map_err(StoreError::Damaged)?
        };
        put(&mut self.put, period, subject, merged)
    }
}

fn put(
    statement: &mut Statement<'_>,
    period: Period,
    subject: i64,
    mut rollup: Vec<u8>,
) -> Result<(), StoreError> {
    checksum::seal(checksum::of_rollup(period, subject), &mut rollup);
    statement.execute((period.0, period.1, subject, rollup))?;
    Ok(())
}

fn blob<'r>(row: &'r Stored<'_>) -> Result<&'r [u8], StoreError> {
    Ok(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)
}
