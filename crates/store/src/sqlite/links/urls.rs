//! The index by url while a group of changes is being made: new entries are gathered and written in order,
//! because fingerprints are random and each would otherwise search for its page anew.

use super::rows::{Rows, repeated};
use curtail_model::LinkId;
use rusqlite::{Connection, Result};
use std::sync::LazyLock;

/// Entries that one statement inserts.
const ENTRIES_AT_ONCE: usize = 128;

const INSERT: &str = include_str!("../sql/link_url_insert.sql");
static INSERT_MANY: LazyLock<String> = LazyLock::new(|| repeated(INSERT, ENTRIES_AT_ONCE));

/// Entries that are not written yet.
#[derive(Default)]
pub(super) struct Urls {
    entries: Vec<Entry>,
}

/// In the order of the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    part: i64,
    hash: i64,
    link_id: i64,
}

impl Urls {
    /// Notes that a link leads to a url with this fingerprint.
    pub(super) fn add(&mut self, part: u64, fingerprint: u64, id: LinkId) {
        let link_id = super::super::row::id_column(id);
        self.entries.push(Entry { part: part.cast_signed(), hash: fingerprint.cast_signed(), link_id });
    }

    /// Forgets what was noted.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Writes what was noted.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<()> {
        self.entries.sort_unstable();
        let (many, rest) = self.entries.as_chunks::<ENTRIES_AT_ONCE>();
        if !many.is_empty() {
            let mut rows = Rows::prepare(connection, &INSERT_MANY)?;
            many.iter().try_for_each(|entries| insert(&mut rows, entries))?;
        }
        if !rest.is_empty() {
            let mut row = Rows::prepare(connection, INSERT)?;
            rest.iter().try_for_each(|entry| insert(&mut row, std::slice::from_ref(entry)))?;
        }
        self.entries.clear();
        Ok(())
    }
}

fn insert(rows: &mut Rows<'_>, entries: &[Entry]) -> Result<()> {
    for entry in entries {
        rows.bind(entry.part)?;
        rows.bind(entry.hash)?;
        rows.bind(entry.link_id)?;
    }
    rows.insert()?;
    Ok(())
}
