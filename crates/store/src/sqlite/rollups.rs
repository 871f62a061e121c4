//! The trait [`Rollups`] on SQLite, in `clicks.db`.

use super::readers::Readers;
use super::row::id_column;
use super::writer::{Book, Writer};
use crate::rollups::{Batch, Grain, Merge, Positions, Row, Subject, Totals};
use crate::{Answer, Rollups, StoreError};
use curtail_model::{LinkId, Timestamp};
use rusqlite::{Connection, OptionalExtension};

/// Rows that one transaction forgets: about a millisecond of work.
const FORGOTTEN_AT_ONCE: usize = 1_000;

/// Rollups in `clicks.db`.
pub(super) struct SqliteRollups {
    pub(super) writer: Writer<ClickBook>,
    pub(super) readers: Readers<Connection>,
}

/// The writer's side of `clicks.db`; nothing is kept beside it.
pub(super) struct ClickBook(pub(super) Connection);

impl Rollups for SqliteRollups {
    fn positions(&self) -> Answer<'_, Positions> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(include_str!("sql/positions_list.sql"))?;
            let number = |row: &rusqlite::Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            let rows = statement.query_map([], |row| Ok((number(row, 0)?, number(row, 1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn commit(&self, batch: Batch) -> Answer<'_, ()> {
        self.writer.submit(batch.rows.len() + batch.totals.len() + 1, move |book| commit(&book.0, batch))
    }

    fn series(
        &self,
        subject: Subject,
        grain: Grain,
        from: Timestamp,
        until: Timestamp,
    ) -> Answer<'_, Vec<(Timestamp, Vec<u8>)>> {
        self.readers.read(move |connection| {
            let mut statement = connection.prepare_cached(include_str!("sql/rollup_series.sql"))?;
            let wanted = (grain.millis(), from.millis(), until.millis(), subject_column(subject));
            let rows =
                statement.query_map(wanted, |row| Ok((Timestamp::from_millis(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn totals(&self, links: Vec<LinkId>) -> Answer<'_, Vec<Totals>> {
        self.readers.read(move |connection| {
            let mut statement = connection.prepare_cached(include_str!("sql/totals_get.sql"))?;
            links
                .into_iter()
                .map(|link| {
                    Ok(statement.query_row([id_column(link)], totals).optional()?.unwrap_or_default())
                })
                .collect()
        })
    }

    fn forget_before(&self, grain: Grain, before: Timestamp) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut forgotten = 0;
            loop {
                let some = self.writer.submit(1, move |book| forget_some(&book.0, grain, before)).await?;
                forgotten += some as u64;
                if some < FORGOTTEN_AT_ONCE {
                    return Ok(forgotten);
                }
            }
        })
    }

    fn forget_link(&self, link: LinkId) -> Answer<'_, ()> {
        self.writer.submit(1, move |book| {
            let mut forget = book.0.prepare_cached(include_str!("sql/rollup_forget_link.sql"))?;
            for grain in Grain::ALL {
                forget.execute((grain.millis(), id_column(link)))?;
            }
            book.0.prepare_cached(include_str!("sql/totals_delete.sql"))?.execute([id_column(link)])?;
            Ok(())
        })
    }
}

impl Book for ClickBook {
    fn connection(&self) -> &Connection {
        &self.0
    }

    fn begin(&mut self) {}

    fn seal(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn committed(&mut self) {}

    fn rolled_back(&mut self) {}
}

fn commit(connection: &Connection, batch: Batch) -> Result<(), StoreError> {
    let Batch { mut rows, mut totals, positions, merge } = batch;
    // In the order of the tables, so that neighbours are on the page that was just touched.
    rows.sort_unstable_by_key(row_key);
    merge_rows(connection, &rows, &merge)?;
    totals.sort_unstable_by_key(|(link, _)| *link);
    let mut add = connection.prepare_cached(include_str!("sql/totals_add.sql"))?;
    for (link, totals) in totals {
        let counts = [totals.human, totals.bot, totals.other].map(u64::cast_signed);
        add.execute((id_column(link), counts[0], counts[1], counts[2]))?;
    }
    let mut put = connection.prepare_cached(include_str!("sql/position_put.sql"))?;
    for (stream, position) in positions {
        put.execute([stream.cast_signed(), position.cast_signed()])?;
    }
    Ok(())
}

fn merge_rows(connection: &Connection, rows: &[Row], merge: &Merge) -> Result<(), StoreError> {
    let mut get = connection.prepare_cached(include_str!("sql/rollup_get.sql"))?;
    let mut put = connection.prepare_cached(include_str!("sql/rollup_put.sql"))?;
    for row in rows {
        let (grain, start, subject) = row_key(row);
        let merged = {
            let mut stored = get.query((grain, start, subject))?;
            match stored.next()? {
                Some(stored) => {
                    let stored = stored.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                    merge(Some(stored), &row.delta)
                }
                None => merge(None, &row.delta),
            }
        };
        put.execute((grain, start, subject, merged.map_err(StoreError::Damaged)?))?;
    }
    Ok(())
}

fn forget_some(connection: &Connection, grain: Grain, before: Timestamp) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("sql/rollup_forget_before.sql"))?;
    Ok(statement.execute((grain.millis(), before.millis(), FORGOTTEN_AT_ONCE as i64))?)
}

fn row_key(row: &Row) -> (i64, i64, i64) {
    (row.grain.millis(), row.start.millis(), subject_column(row.subject))
}

/// What is not a link has a negative number: ids are not negative.
fn subject_column(subject: Subject) -> i64 {
    match subject {
        Subject::Everything => -1,
        Subject::Orphans => -2,
        Subject::Link(link) => id_column(link),
    }
}

fn totals(row: &rusqlite::Row<'_>) -> rusqlite::Result<Totals> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(Totals { human: number(0)?, bot: number(1)?, other: number(2)? })
}
