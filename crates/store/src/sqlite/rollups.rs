//! The trait [`Rollups`] on SQLite, in `clicks.db`.
//!
//! Rollups of links stand on shelves ([`crate::shelf`]), large ones and those
//! of no link in rows of their own. A link's totals are kept like a rollup of
//! its whole lifetime. Each row has a checksum ([`crate::checksum`]).

mod batches;
mod claiming;
pub(super) mod positions;
mod removal;

use super::paced_writes;
use super::readers::Readers;
use super::row::id_column;
use super::writer::{Writer, WriterState};
use crate::checksum::Period;
use crate::rollups::{Batch, Claimed, Committed, Grain, Positions, Row, Subject, Totals};
use crate::shelf::{LIFETIME, subject_column};
use crate::{Rollups, StoreError, StoreFuture, checksum, shelf};
use curtail_model::{LinkId, Timestamp};
use rusqlite::Connection;

/// Rollups in `clicks.db`.
pub(super) struct SqliteRollups {
    pub(super) writer: Writer<ClickWriterState>,
    pub(super) readers: Readers<Connection>,
}

/// The writer's side of `clicks.db`; nothing is kept beside it.
pub(super) struct ClickWriterState(pub(super) Connection);

impl Rollups for SqliteRollups {
    fn positions(&self) -> StoreFuture<'_, Positions> {
        self.readers.read(|connection| positions::read(connection))
    }

    fn claim(&self, streams: Vec<u64>) -> StoreFuture<'_, Vec<Claimed>> {
        self.writer.submit(streams.len(), move |state| claiming::claim(&state.0, &streams))
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'_, Committed> {
        self.writer.submit(batch.rows.len() + batch.totals.len() + 1, move |state| {
            // First: when it is not known what has been counted, nothing may be.
            let counted = positions::read(&state.0)?;
            let stored = claiming::find(&state.0, &batch.claims, &counted)?;
            if let Some(outcome) = batch.judge(&stored, &counted) {
                return Ok(outcome);
            }
            paced_writes::set_breathe(Some(batch.breathe.clone()));
            batches::add(&state.0, batch, counted)?;
            Ok(Committed::Done)
        })
    }

    fn series(
        &self,
        subject: Subject,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'_, Vec<(Timestamp, Vec<u8>)>> {
        self.readers.read(move |connection| {
            let subject = subject_column(subject);
            let range = (grain.millis(), from.millis(), until.millis());
            if subject < 0 {
                series_alone(connection, range, subject)
            } else {
                series_of_link(connection, range, subject)
            }
        })
    }

    fn totals(&self, links: Vec<LinkId>) -> StoreFuture<'_, Vec<Totals>> {
        self.readers
            .read(move |connection| links.into_iter().map(|link| totals_of(connection, link)).collect())
    }

    fn forget_before(&self, grain: Grain, before: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut forgotten = 0;
            loop {
                let (some, more) =
                    self.writer.submit(1, move |state| removal::forget_some(&state.0, grain, before)).await?;
                forgotten += some;
                if !more {
                    return Ok(forgotten);
                }
            }
        })
    }

    fn forget_link(&self, link: LinkId) -> StoreFuture<'_, ()> {
        self.writer.submit(1, move |state| removal::forget_link(&state.0, link))
    }
}

impl WriterState for ClickWriterState {
    fn connection(&self) -> &Connection {
        &self.0
    }

    fn begin(&mut self) {}

    fn seal(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn committed(&mut self) {
        paced_writes::set_breathe(None);
    }

    fn rolled_back(&mut self) {
        paced_writes::set_breathe(None);
    }
}

fn series_alone(
    connection: &Connection,
    (grain, from, until): (i64, i64, i64),
    subject: i64,
) -> Result<Vec<(Timestamp, Vec<u8>)>, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("sql/rollup_series.sql"))?;
    let mut rows = statement.query((grain, from, until, subject))?;
    let mut series = Vec::new();
    while let Some(row) = rows.next()? {
        let start: i64 = row.get(0)?;
        let rollup =
            alone((grain, start), subject, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        series.push((Timestamp::from_millis(start), rollup));
    }
    Ok(series)
}

fn series_of_link(
    connection: &Connection,
    (grain, from, until): (i64, i64, i64),
    subject: i64,
) -> Result<Vec<(Timestamp, Vec<u8>)>, StoreError> {
    let (number, place) = (shelf::number_of(subject), shelf::place_of(subject));
    let mut get_alone = connection.prepare_cached(include_str!("sql/rollup_get.sql"))?;
    let mut statement = connection.prepare_cached(include_str!("sql/shelf_series.sql"))?;
    let mut rows = statement.query((grain, from, until, number))?;
    let mut series = Vec::new();
    while let Some(row) = rows.next()? {
        let start: i64 = row.get(0)?;
        let period = (grain, start);
        let stored = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let entries = shelf::read(checksum::of_shelf(period, number), stored)
            .ok_or_else(|| damaged_shelf(period, number))?;
        let Some(entry) = shelf::find(&entries, place) else { continue };
        let rollup = match entry.rollup {
            Some(rollup) => rollup.to_vec(),
            None => {
                let stored: Vec<u8> = get_alone.query_row((grain, start, subject), |row| row.get(0))?;
                alone(period, subject, &stored)?
            }
        };
        series.push((Timestamp::from_millis(start), rollup));
    }
    Ok(series)
}

/// A rollup that stands alone, from its row.
fn alone(period: Period, subject: i64, stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    let rollup = checksum::unseal(checksum::of_rollup(period, subject), stored);
    rollup.map(<[u8]>::to_vec).ok_or_else(|| {
        let (grain, start) = period;
        StoreError::Damaged(format!("rollup of {subject} in clicks.db, period of {grain} ms from {start}"))
    })
}

fn totals_of(connection: &Connection, link: LinkId) -> Result<Totals, StoreError> {
    let (number, place) = (shelf::number_of(id_column(link)), shelf::place_of(id_column(link)));
    let mut statement = connection.prepare_cached(include_str!("sql/shelf_get.sql"))?;
    let mut rows = statement.query((LIFETIME.0, LIFETIME.1, number))?;
    let Some(row) = rows.next()? else { return Ok(Totals::default()) };
    let shelf = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    let damaged = || damaged_shelf(LIFETIME, number);
    let entries = shelf::read(checksum::of_shelf(LIFETIME, number), shelf).ok_or_else(damaged)?;
    let Some(entry) = shelf::find(&entries, place) else { return Ok(Totals::default()) };
    entry.rollup.and_then(shelf::read_totals).ok_or_else(damaged)
}

fn damaged_shelf((grain, start): Period, number: i64) -> StoreError {
    StoreError::Damaged(format!("shelf {number} of clicks.db, period of {grain} ms from {start}"))
}

fn row_key(row: &Row) -> (i64, i64, i64) {
    (row.grain.millis(), row.start.millis(), subject_column(row.subject))
}
