//! Counted clicks that move here: row by row what the other store has, and nothing else.

use crate::postgres::connections::{Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::row::column;
use crate::transfer::{Clicks, ClicksKey, ClicksRow};
use std::collections::HashMap;

static LANE: Sql = sql!("lane_add", INT4);
static SHELVES: Sql = sql!("import_shelves", INT4, INT8, INT8, INT8, INT8, INT8, INT8);
static ROLLUPS: Sql = sql!("import_rollups", INT4, INT8, INT8, INT8, INT8, INT8, INT8);
static PUT_SHELVES: Sql = sql!("shelves_put", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BYTEA_ARRAY);
static PUT_ROLLUPS: Sql = sql!("rollups_put", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BYTEA_ARRAY);
static REMOVE_SHELVES: Sql = sql!("import_shelves_remove", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY);
static REMOVE_ROLLUPS: Sql = sql!("import_rollups_remove", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY);

/// The lane of what another engine counted.
const LANE_OF_BEFORE: i32 = 0;
/// Before all keys, and behind them.
const ENDS: (ClicksKey, ClicksKey) = ((i64::MIN, i64::MIN, i64::MIN), (i64::MAX, i64::MAX, i64::MAX));

/// Makes the rows behind a key and up to another these. Answers how many were not.
pub(super) async fn replace(
    session: &Session,
    which: Clicks,
    between: (Option<ClicksKey>, Option<ClicksKey>),
    rows: &[ClicksRow],
) -> Result<u64, Failure> {
    let (find, put, remove) = match which {
        Clicks::Shelves => (&SHELVES, &PUT_SHELVES, &REMOVE_SHELVES),
        Clicks::Alone => (&ROLLUPS, &PUT_ROLLUPS, &REMOVE_ROLLUPS),
    };
    let (after, until) = (between.0.unwrap_or(ENDS.0), between.1.unwrap_or(ENDS.1));
    let found = session
        .query(find, &[&LANE_OF_BEFORE, &after.0, &after.1, &after.2, &until.0, &until.1, &until.2])
        .await?;
    let mut there = HashMap::with_capacity(found.len());
    for row in &found {
        let key: ClicksKey = (column(row, 0)?, column(row, 1)?, column(row, 2)?);
        there.insert(key, column::<Vec<u8>>(row, 3)?);
    }
    let lacking: Vec<&ClicksRow> =
        rows.iter().filter(|row| there.remove(&row.key).as_ref() != Some(&row.bytes)).collect();
    if !lacking.is_empty() {
        let (grains, starts, numbers) = columns(lacking.iter().map(|row| row.key));
        let bytes: Vec<&[u8]> = lacking.iter().map(|row| row.bytes.as_slice()).collect();
        session.query(&LANE, &[&LANE_OF_BEFORE]).await?;
        session.query(put, &[&LANE_OF_BEFORE, &grains, &starts, &numbers, &bytes]).await?;
    }
    if !there.is_empty() {
        let (grains, starts, numbers) = columns(there.keys().copied());
        session.query(remove, &[&LANE_OF_BEFORE, &grains, &starts, &numbers]).await?;
    }
    Ok((lacking.len() + there.len()) as u64)
}

fn columns(keys: impl Iterator<Item = ClicksKey>) -> (Vec<i64>, Vec<i64>, Vec<i64>) {
    let mut columns: (Vec<i64>, Vec<i64>, Vec<i64>) = Default::default();
    for (grain, start, number) in keys {
        columns.0.push(grain);
        columns.1.push(start);
        columns.2.push(number);
    }
    columns
}
