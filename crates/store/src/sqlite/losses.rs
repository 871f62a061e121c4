//! What is done about changes that were acknowledged and are gone: they are told of, what is left of them is
//! kept for people, and nothing of them is given a second time.
//!
//! Damage in a write-ahead log shows in the log itself (`wal.rs`). A log that is gone altogether shows in the
//! search index, which follows the links and is of another file; that links were put back from a backup
//! shows in what no backup has (`backup.rs`).

use super::file::{CLICKS, File, LINKS, checkpoint, explain};
use super::links::writer_state::Counters;
use super::search::indexed_version;
use super::{OpenError, backup, wal};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use tracing::{error, warn};

/// What is wrong with a damaged store that nobody has been told of yet.
const UNTOLD: &str = "its write-ahead log holds changes behind a damaged place; start `curtail serve` on this folder once, which says \
     what is lost and sees to it that nothing of that is given again";

/// A link takes more bytes than this in a log; so no more can be lost with as many bytes.
const LINK_BYTES_MIN: u64 = 32;
/// Changes of one link are smaller; no group of them that is one transaction has more.
const CHANGES_OF_COMMIT_MAX: u64 = 10_000;
/// Beside what can be told from what is left: versions and ids go on so much later at least.
const MARGIN: u64 = 10_000;
/// The same where links were put back, and nothing tells how many were made since.
const MARGIN_OF_A_BACKUP: u64 = 10_000_000;

/// What is lost of a file, if anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Losses(Option<wal::Lost>);

/// Looks before SQLite does, which makes the log what it takes it for.
pub(super) fn look(file: &File, directory: &Path) -> Result<Losses, OpenError> {
    let path = file.path(directory);
    let io = |error: std::io::Error| OpenError::Io { path: path.clone(), error: error.to_string() };
    let found = wal::look(&path).map_err(io)?;
    let Some(lost) = found else { return Ok(Losses(None)) };
    let wal::Lost { from, commits, bytes, .. } = lost;
    if !lost.is_certain() {
        warn!(
            file = file.name,
            from, "a change that a crash had left unfinished at the end of the write-ahead log is undone"
        );
        return Ok(Losses(found));
    }
    let copy = wal::keep(&path, &lost);
    let copy = copy.map_or_else(|error| format!("none: {error}"), |copy| copy.display().to_string());
    error!(
        file = file.name,
        from,
        commits,
        bytes,
        copy,
        "the write-ahead log is damaged: what was acknowledged in these transactions is lost, links and changes or counted clicks. \
         Restore a backup if you have one that is newer; the log is kept beside it"
    );
    Ok(Losses(found))
}

/// Refuses a store whose log is damaged, or that was put back from a backup, for whoever
/// has not been told to open it as it is. Nobody else may have it open.
pub(super) fn refuse(directory: &Path) -> Result<(), OpenError> {
    for file in [&LINKS, &CLICKS] {
        let path = file.path(directory);
        let io = |error: std::io::Error| OpenError::Io { path: path.clone(), error: error.to_string() };
        if wal::look(&path).map_err(io)?.is_some_and(|lost| lost.is_certain()) {
            return Err(OpenError::Damaged { path, error: UNTOLD.into() });
        }
    }
    match LINKS.open_to_look(directory)? {
        Some(links) if backup::is_put_back_by(directory, &links)? => {
            Err(OpenError::Backup { path: LINKS.path(directory) })
        }
        _ => Ok(()),
    }
}

/// The entry of `meta` that says below which number a generated id without a link may be that of a lost one.
const LOST_BEFORE: &str = "ids.lost_before";

/// Below which number a generated id without a link may be that of a lost one; 0 where nothing was lost.
pub(super) fn lost_before(links: &Connection) -> rusqlite::Result<u64> {
    let mut get = links.prepare(include_str!("sql/meta_get.sql"))?;
    let bytes: Option<[u8; 8]> = get.query_row([LOST_BEFORE], |row| row.get(0)).optional()?;
    Ok(bytes.map_or(0, u64::from_le_bytes))
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
        let is_put_back = backup::is_put_back(directory, store, &counters)?;
        let ahead = indexed_version(directory, store).unwrap_or(0).saturating_sub(counters.version);
        if self.0.is_none() && !is_put_back && ahead == 0 {
            return Ok(());
        }
        let (mut changes, mut links_lost) = (0, 0);
        if let Some(lost) = self.0 {
            (changes, links_lost) = (lost.commits * CHANGES_OF_COMMIT_MAX, lost.bytes / LINK_BYTES_MIN);
        } else if ahead > 0 {
            error!(
                file = LINKS.name,
                changes = ahead,
                "the search index knows of later changes than there are: they were acknowledged and are lost. Either the file \
                 or its write-ahead log was removed, or it was put back from a backup"
            );
        }
        if is_put_back {
            links_lost += MARGIN_OF_A_BACKUP;
            warn!(
                file = LINKS.name,
                "the links were put back from a backup: ids and versions go on {MARGIN_OF_A_BACKUP} later, so that nothing is given \
                 again that was given since"
            );
        }
        let later = |number: u64| number + links_lost + ahead + MARGIN;
        let version = later(counters.version) + changes;
        let is_certain = ahead > 0 || is_put_back || self.0.is_some_and(|lost| lost.is_certain());
        let counters = Counters {
            version,
            next_generated: later(counters.next_generated),
            next_custom: later(counters.next_custom),
            // No index can follow from before what it knows and is gone.
            trimmed: if is_certain { version } else { counters.trimmed },
        };
        counters.write(links).map_err(explain)?;
        if is_certain {
            // Ids of links that are gone may still be clicked, and counted.
            let lost_before = counters.next_generated.to_le_bytes();
            let mut put = links.prepare_cached(include_str!("sql/meta_replace.sql")).map_err(explain)?;
            put.execute((LOST_BEFORE, &lost_before[..])).map_err(explain)?;
        }
        self.end_log(links).map_err(explain)
    }

    /// Where something is lost, brings what is whole of the log into the
    /// file: what lies behind that is not to be found again.
    pub(super) fn end_log(self, connection: &Connection) -> rusqlite::Result<()> {
        if self.0.is_some() { checkpoint(connection) } else { Ok(()) }
    }
}
