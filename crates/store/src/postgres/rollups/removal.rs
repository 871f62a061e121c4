//! Forgets rollups, lane by lane, in transactions that hold the lane's lock.

use super::{begin, subject_column};
use crate::StoreError;
use crate::postgres::connections::{Pool, Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::row::column;
use crate::rollups::{Grain, Subject};
use crate::{checksum, shelf};
use curtail_model::{LinkId, Timestamp};
use curtail_runtime::clock;
use std::collections::HashSet;

static CLOCK: Sql = sql!("clock_read");
static LANES: Sql = sql!("lanes_list");
static FORGET_SHELVES: Sql = sql!("shelves_forget_before", INT4, INT8, INT8, INT8);
static FORGET_ROLLUPS: Sql = sql!("rollups_forget_before", INT4, INT8, INT8, INT8);
static SHELVES: Sql = sql!("shelves_periods", INT4, INT8);
static PUT_SHELVES: Sql = sql!("shelves_put", INT4, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BYTEA_ARRAY);
static DELETE_SHELVES: Sql = sql!("shelves_delete", INT4, INT8_ARRAY, INT8_ARRAY, INT8);
static DELETE_ROLLUPS: Sql = sql!("rollups_delete", INT4, INT8_ARRAY, INT8_ARRAY, INT8);

/// Rollups that one transaction forgets: some milliseconds of work.
const ROLLUPS_AT_ONCE: i64 = 1_000;
/// The same in shelves.
const SHELVES_AT_ONCE: i64 = 250;

/// Forgets rollups of a grain that start before a time, in small transactions. Answers how many went.
///
/// The time is by the clock of whoever asks, of many. Should that be ahead of the server's, so
/// much less is forgotten: one wrong clock must not forget what all others still want to see.
pub(super) async fn forget_before(pool: &Pool, grain: Grain, before: Timestamp) -> Result<u64, StoreError> {
    let here = clock::coarse_millis();
    let rows = pool.query(&CLOCK, &[]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Damaged("the server does not tell the time".into()))?;
    let ahead = here - column::<i64>(row, 0)?;
    let before = before.plus_millis(-ahead.max(0));
    let mut forgotten = 0;
    for lane in lanes(pool).await? {
        loop {
            let session = pool.session().await?;
            let some = session.within(forget_some(&session, lane, grain, before)).await;
            let (some, more) = session.end::<_, StoreError>(some)?;
            forgotten += some;
            if !more {
                break;
            }
        }
    }
    Ok(forgotten)
}

/// Answers how many went, and whether there may be more.
async fn forget_some(
    session: &Session,
    lane: i32,
    grain: Grain,
    before: Timestamp,
) -> Result<(u64, bool), Failure> {
    let (grain, before) = (grain.millis(), before.millis());
    begin(session, lane).await?;
    let shelves = session.query(&FORGET_SHELVES, &[&lane, &grain, &before, &SHELVES_AT_ONCE]).await?;
    let mut rollups = 0;
    for row in &shelves {
        let (period, number) = ((grain, column::<i64>(row, 1)?), column::<i64>(row, 2)?);
        let bytes: Vec<u8> = column(row, 0)?;
        // Those that stand alone are counted where they go.
        let entries = shelf::read(checksum::of_shelf(period, number), &bytes).unwrap_or_default();
        rollups += entries.iter().filter(|entry| entry.rollup.is_some()).count() as u64;
    }
    let more = if shelves.is_empty() {
        let alone = session.query(&FORGET_ROLLUPS, &[&lane, &grain, &before, &ROLLUPS_AT_ONCE]).await?;
        rollups += alone.len() as u64;
        alone.len() as i64 == ROLLUPS_AT_ONCE
    } else {
        true
    };
    session.command("COMMIT").await?;
    Ok((rollups, more))
}

/// Forgets all that was counted for a link.
pub(super) async fn forget_link(pool: &Pool, link: LinkId) -> Result<(), StoreError> {
    for lane in lanes(pool).await? {
        let session = pool.session().await?;
        let taken =
            session.within(take_off_shelves(&session, lane, subject_column(Subject::Link(link)))).await;
        session.end::<_, StoreError>(taken)?;
    }
    Ok(())
}

async fn take_off_shelves(session: &Session, lane: i32, subject: i64) -> Result<(), Failure> {
    let (number, place) = (shelf::number_of(subject), shelf::place_of(subject));
    begin(session, lane).await?;
    let (mut left, mut gone, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for row in session.query(&SHELVES, &[&lane, &number]).await? {
        let period: (i64, i64) = (column(&row, 0)?, column(&row, 1)?);
        let bytes: Vec<u8> = column(&row, 2)?;
        // A shelf that cannot be read shows nothing of any link.
        let entries = shelf::read(checksum::of_shelf(period, number), &bytes).unwrap_or_default();
        let Some(entry) = shelf::find(&entries, place) else { continue };
        if entry.rollup.is_none() {
            alone.push(period);
        }
        let mut others = Vec::new();
        entries
            .into_iter()
            .filter(|entry| entry.place != place)
            .for_each(|entry| shelf::put(entry, &mut others));
        if others.is_empty() {
            gone.push(period);
        } else {
            checksum::seal(checksum::of_shelf(period, number), &mut others);
            left.push((period, others));
        }
    }
    if !left.is_empty() {
        let (periods, shelves): (Vec<_>, Vec<Vec<u8>>) = left.into_iter().unzip();
        let (grains, starts): (Vec<i64>, Vec<i64>) = periods.into_iter().unzip();
        let numbers = vec![number; grains.len()];
        session.query(&PUT_SHELVES, &[&lane, &grains, &starts, &numbers, &shelves]).await?;
    }
    for (sql, periods, key) in [(&DELETE_SHELVES, gone, number), (&DELETE_ROLLUPS, alone, subject)] {
        if !periods.is_empty() {
            let (grains, starts): (Vec<i64>, Vec<i64>) = periods.into_iter().unzip();
            session.query(sql, &[&lane, &grains, &starts, &key]).await?;
        }
    }
    session.command("COMMIT").await
}

async fn lanes(pool: &Pool) -> Result<HashSet<i32>, StoreError> {
    pool.query(&LANES, &[]).await?.iter().map(|row| column(row, 0)).collect()
}
