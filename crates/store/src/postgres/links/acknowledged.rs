//! How far this process has got with what it acknowledged: whoever has seen this sees all of it.

use super::super::connections::{Sql, sql};
use super::super::row::column;
use crate::{Seen, StoreError};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_postgres::Row;

/// Asked for after each commit, in the same trip. What is committed has been flushed: start refuses a
/// database that would acknowledge before.
pub(in super::super) static WAL_POSITION: Sql = sql!("wal_position");

/// The newest position.
#[derive(Default)]
pub(in super::super) struct Acknowledged(AtomicU64);

impl Acknowledged {
    /// Notes what [`WAL_POSITION`] said.
    pub(in super::super) fn note(&self, rows: &[Row]) -> Result<(), StoreError> {
        if let Some(row) = rows.first() {
            self.0.fetch_max(column::<i64>(row, 0)?.cast_unsigned(), Ordering::AcqRel);
        }
        Ok(())
    }

    pub(in super::super) fn seen(&self) -> Seen {
        Seen::at(self.0.load(Ordering::Acquire))
    }
}
