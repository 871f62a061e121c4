//! Adds what was counted to what is stored: rows are read by the thousand, merged here, and written by the
//! thousand, in one transaction.

use super::{POSITIONS_OF, begin, number, subject_column};
use crate::StoreError;
use crate::checksum;
use crate::postgres::connections::{Pool, Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::row::{column, id_column};
use crate::rollups::{Batch, Claimed, Committed, Positions};
use crate::shelf::{self, LIFETIME, LOST, merge_totals, write_totals};
use std::collections::BTreeMap;
use tokio::time::sleep;

static LANE: Sql = sql!("lane_add", INT4);
static STREAMS: Sql = sql!("streams_lock", INT8_ARRAY);
static PUT_POSITIONS: Sql = sql!("positions_put", INT8_ARRAY, INT8_ARRAY);
static GET_SHELVES: Sql = sql!("shelves_get", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY);
static PUT_SHELVES: Sql = sql!("shelves_put", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BYTEA_ARRAY);
static GET_ROLLUPS: Sql = sql!("rollups_get", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY);
static PUT_ROLLUPS: Sql = sql!("rollups_put", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BYTEA_ARRAY);

/// Shelves, or rollups, of one statement.
const ROWS_AT_ONCE: usize = 8_192;

type Merging<'m> = &'m (dyn Fn(Option<&[u8]>, &[u8]) -> Result<Vec<u8>, String> + Sync);

/// What stands in one row or on one shelf: length and start
/// of the period, and the subject or the shelf's number.
type Key = (i64, i64, i64);

/// What to add to the links of one shelf, by place.
type Additions<'b> = Vec<(u8, &'b [u8])>;

/// A batch as rows of the tables, in their order.
struct Rows<'b> {
    shelves: BTreeMap<Key, Additions<'b>>,
    /// What is of no link.
    alone: BTreeMap<Key, &'b [u8]>,
}

/// Commits a batch.
pub(super) async fn commit(pool: &Pool, batch: Batch) -> Result<Committed, StoreError> {
    let mut totals: Vec<(i64, Vec<u8>)> =
        batch.totals.iter().map(|(link, totals)| (id_column(*link), write_totals(totals))).collect();
    // As they stand on their shelves.
    totals.sort_unstable();
    let mut retries = pool.retries();
    loop {
        let session = pool.session().await?;
        let outcome = attempt(&session, &batch, &totals).await;
        let outcome = session.end::<_, Failure>(outcome);
        let Some(pause) = retries.pause_after(&outcome) else { return Ok(outcome?) };
        sleep(pause).await;
    }
}

/// Each statement has its time to answer; a large batch has many.
async fn attempt(session: &Session, batch: &Batch, totals: &[(i64, Vec<u8>)]) -> Result<Committed, Failure> {
    let lane = i32::from(batch.lane);
    session.within(begin(session, lane)).await?;
    let (stored, moved) = (claimed(session, batch).await?, moved(session, batch).await?);
    if let Some(outcome) = batch.judge(&stored, &moved) {
        session.within(session.command("ROLLBACK")).await?;
        return Ok(outcome);
    }
    // Not once and for all: a failover may have lost it, and nobody reads what is in no lane.
    session.within(session.query(&LANE, &[&lane])).await?;
    let rows = Rows::of(batch);
    let merge = |stored: Option<&[u8]>, new: &[u8]| {
        (batch.breathe)();
        (batch.merge)(stored, new)
    };
    add_to_shelves(session, lane, &rows.shelves, &rows.alone, &merge).await?;
    let mut shelves: BTreeMap<Key, Additions<'_>> = BTreeMap::new();
    for (link, totals) in totals {
        let key = (LIFETIME.0, LIFETIME.1, shelf::number_of(*link));
        shelves.entry(key).or_default().push((shelf::place_of(*link), totals));
    }
    add_to_shelves(session, lane, &shelves, &BTreeMap::new(), &merge_totals).await?;
    let (streams, positions): (Vec<i64>, Vec<i64>) =
        batch.positions.iter().map(|(stream, at)| (stream.cast_signed(), at.cast_signed())).unzip();
    session.within(session.query(&PUT_POSITIONS, &[&streams, &positions])).await?;
    session.within(session.command("COMMIT")).await?;
    Ok(Committed::Done)
}

/// How the streams are that a batch claims. They stay so until the transaction ends.
async fn claimed(session: &Session, batch: &Batch) -> Result<Vec<Claimed>, Failure> {
    if batch.claims.is_empty() {
        return Ok(Vec::new());
    }
    let streams: Vec<i64> = batch.claims.iter().map(|claim| claim.stream.cast_signed()).collect();
    let rows = session.within(session.query(&STREAMS, &[&streams])).await?;
    let stored = rows.iter().map(|row| {
        let position: Option<i64> = column(row, 1)?;
        let position = position.map(i64::cast_unsigned);
        Ok(Claimed { stream: number(row, 0)?, position, epoch: number(row, 2)? })
    });
    Ok(stored.collect::<Result<_, StoreError>>()?)
}

/// Up to where the streams that a batch moves have been counted, where it may be stored. An attempt before it
/// that still is being committed holds the lock of the lane, so it has ended by now.
async fn moved(session: &Session, batch: &Batch) -> Result<Positions, Failure> {
    if !batch.may_be_stored {
        return Ok(Positions::new());
    }
    let streams: Vec<i64> = batch.positions.iter().map(|(stream, _)| stream.cast_signed()).collect();
    let rows = session.within(session.query(&POSITIONS_OF, &[&streams])).await?;
    let stored = rows.iter().map(|row| Ok((number(row, 0)?, number(row, 1)?)));
    Ok(stored.collect::<Result<_, StoreError>>()?)
}

impl<'b> Rows<'b> {
    fn of(batch: &'b Batch) -> Rows<'b> {
        let mut rows = Rows { shelves: BTreeMap::new(), alone: BTreeMap::new() };
        for row in &batch.rows {
            let (grain, start, subject) =
                (row.grain.millis(), row.start.millis(), subject_column(row.subject));
            if subject < 0 {
                rows.alone.insert((grain, start, subject), &row.delta);
            } else {
                let key = (grain, start, shelf::number_of(subject));
                rows.shelves.entry(key).or_default().push((shelf::place_of(subject), &row.delta));
            }
        }
        for links in rows.shelves.values_mut() {
            links.sort_unstable_by_key(|(place, _)| *place);
        }
        rows
    }
}

/// Adds to shelves, and to what stands alone: what is of no link, and what has grown too large for its shelf.
async fn add_to_shelves(
    session: &Session,
    lane: i32,
    additions: &BTreeMap<Key, Additions<'_>>,
    of_no_link: &BTreeMap<Key, &[u8]>,
    merge: Merging<'_>,
) -> Result<(), Failure> {
    let mut alone: BTreeMap<Key, &[u8]> = of_no_link.clone();
    let mut grown: Vec<(Key, Vec<u8>)> = Vec::new();
    let all: Vec<(&Key, &Additions<'_>)> = additions.iter().collect();
    for some in all.chunks(ROWS_AT_ONCE) {
        let keys: Vec<Key> = some.iter().map(|(key, _)| **key).collect();
        let stored = get(session, &GET_SHELVES, lane, &keys).await?;
        let mut shelves = Vec::with_capacity(some.len());
        for (place, (key, links)) in some.iter().enumerate() {
            let (&(grain, start, number), mut shelf) = (*key, Vec::new());
            let stored = stored.get(&place).map(Vec::as_slice);
            let links = links.iter().copied();
            let off_shelf = shelf::add(((grain, start), number), stored, links, merge, &mut shelf)?;
            let key_of = |place| (grain, start, shelf::subject_of(number, place));
            alone.extend(off_shelf.added.into_iter().map(|(place, delta)| (key_of(place), delta)));
            let sealed = |(place, rollup)| (key_of(place), sealed(key_of(place), rollup));
            grown.extend(off_shelf.grown.into_iter().map(sealed));
            shelves.push(shelf);
        }
        put(session, &PUT_SHELVES, lane, &keys, &shelves).await?;
    }
    let all: Vec<(Key, &[u8])> = alone.into_iter().collect();
    for some in all.chunks(ROWS_AT_ONCE) {
        let keys: Vec<Key> = some.iter().map(|(key, _)| *key).collect();
        let stored = get(session, &GET_ROLLUPS, lane, &keys).await?;
        let merged = some.iter().enumerate().map(|(place, (key, delta))| {
            // One that cannot be read is shown as it is, with its checksum: merging with that says so.
            let stored = stored.get(&place).map(|row| checksum::unseal(of_rollup(*key), row).unwrap_or(row));
            // What its shelf says is there and is not was lost: so is what was counted in it.
            let missing = (key.2 >= 0).then_some(LOST);
            let merged = merge(stored.or(missing), delta).map_err(StoreError::Damaged)?;
            Ok::<_, StoreError>(sealed(*key, merged))
        });
        let merged: Vec<Vec<u8>> = merged.collect::<Result<_, _>>()?;
        put(session, &PUT_ROLLUPS, lane, &keys, &merged).await?;
    }
    for some in grown.chunks(ROWS_AT_ONCE) {
        let (keys, rollups): (Vec<Key>, Vec<Vec<u8>>) = some.iter().cloned().unzip();
        put(session, &PUT_ROLLUPS, lane, &keys, &rollups).await?;
    }
    Ok(())
}

fn of_rollup((grain, start, subject): Key) -> checksum::Key {
    checksum::of_rollup((grain, start), subject)
}

fn sealed(key: Key, mut rollup: Vec<u8>) -> Vec<u8> {
    checksum::seal(of_rollup(key), &mut rollup);
    rollup
}

/// The rows of these keys that there are, by place.
async fn get(
    session: &Session,
    sql: &'static Sql,
    lane: i32,
    keys: &[Key],
) -> Result<std::collections::HashMap<usize, Vec<u8>>, Failure> {
    let (grains, starts, numbers) = columns(keys);
    let rows = session.within(session.query(sql, &[&lane, &grains, &starts, &numbers])).await?;
    let row = |row| {
        // Counted from one.
        let place: i64 = column(row, 0)?;
        Ok((usize::try_from(place - 1).unwrap_or_default(), column(row, 1)?))
    };
    Ok(rows.iter().map(row).collect::<Result<_, StoreError>>()?)
}

async fn put(
    session: &Session,
    sql: &'static Sql,
    lane: i32,
    keys: &[Key],
    values: &[Vec<u8>],
) -> Result<(), Failure> {
    if !keys.is_empty() {
        let (grains, starts, numbers) = columns(keys);
        session.within(session.query(sql, &[&lane, &grains, &starts, &numbers, &values])).await?;
    }
    Ok(())
}

fn columns(keys: &[Key]) -> (Vec<i64>, Vec<i64>, Vec<i64>) {
    let mut columns =
        (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
    for &(grain, start, number) in keys {
        columns.0.push(grain);
        columns.1.push(start);
        columns.2.push(number);
    }
    columns
}
