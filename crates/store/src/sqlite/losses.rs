//! What is done about changes that were acknowledged and are gone: they are told of, what is left of them is
//! kept for people, and nothing of them is given a second time.
//!
//! Damage in a write-ahead log shows in the log itself (`wal.rs`); a log that is gone altogether shows in the
//! search index, which follows the links and is of another file.

use super::file::{File, LINKS, explain};
use super::links::writer_state::Counters;
use super::search::indexed_version;
use super::{OpenError, wal};
use rusqlite::Connection;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::error;

/// A link takes more bytes than this in a log; so no more can be lost with as many bytes.
const LINK_BYTES_MIN: u64 = 32;
/// Beside what can be told from what is left: versions and ids go on so much later at least.
const MARGIN: u64 = 10_000;

/// What is lost of a file, if anything: at most so many changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Losses(Option<u64>);

/// Looks before SQLite does, which makes the log what it takes it for.
pub(super) fn look(file: &File, directory: &Path) -> Result<Losses, OpenError> {
    let path = file.path(directory);
    let io = |error: std::io::Error| OpenError::Io { path: path.clone(), error: error.to_string() };
    let Some(wal::Lost { from, commits, bytes }) = wal::look(&path).map_err(io)? else {
        return Ok(Losses(None));
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let copy = wal::keep(&path, now).map_err(io)?;
    error!(
        file = file.name, from, commits, bytes, copy = %copy.display(),
        "the write-ahead log is damaged: what was acknowledged in these transactions is lost, links and changes or counted clicks. \
         Restore a backup if you have one that is newer; what is left of the log is kept beside it"
    );
    Ok(Losses(Some(bytes / LINK_BYTES_MIN)))
}

impl Losses {
    /// Sees to it that no id, code or version is given that a lost link had, and
    /// that the search index is made anew, which knows of what is gone.
    pub(super) fn repair_links(
        self,
        links: &Connection,
        directory: &Path,
        store: [u8; 16],
    ) -> Result<(), OpenError> {
        let explain = |error| explain(&LINKS.path(directory), &error);
        let counters = Counters::read(links).map_err(explain)?;
        let ahead = indexed_version(directory, store).unwrap_or(0).saturating_sub(counters.version);
        let Some(lost) = self.0.or((ahead > 0).then_some(0)) else { return Ok(()) };
        if self.0.is_none() {
            error!(
                file = LINKS.name,
                changes = ahead,
                "the search index knows of later changes than there are: they were acknowledged and are lost. Either the file \
                 or its write-ahead log was removed, or it was put back from a backup"
            );
        }
        let later = |number: u64| number + lost + ahead + MARGIN;
        let counters = Counters {
            version: later(counters.version),
            next_generated: later(counters.next_generated),
            next_custom: later(counters.next_custom),
            // No index can follow from before.
            trimmed: later(counters.version),
        };
        counters.write(links).map_err(explain)?;
        self.end_log(links).map_err(explain)
    }

    /// Where something is lost, brings what is whole of the log into the
    /// file: what lies behind that is not to be found again.
    pub(super) fn end_log(self, connection: &Connection) -> rusqlite::Result<()> {
        if self.0.is_some() { checkpoint(connection) } else { Ok(()) }
    }
}

/// Brings all of the log into the file and empties it.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
