//! Opening a database file: settings of the connection,
//! migrations, and what is wrong with it in words for people.

use super::OpenError;
use super::failure::{is_damage, is_full};
use rusqlite::{Connection, OpenFlags};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::info;

/// How long a connection waits for another of this process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS: usize = 64;
/// Bytes in the write-ahead log that make a commit bring them into the file. Fewer would write hot pages
/// again and again; more would make the stall longer than the tens of milliseconds that it is.
const CHECKPOINT_BYTES: u32 = 16 << 20;
/// How much of a file readers map instead of reading it: no memory of ours, and no call for a page.
const MAPPED_BYTES: u64 = 1 << 30;

/// Pages that a connection keeps which reads a few rows only.
const LOOK_CACHE_BYTES: usize = 1 << 20;

/// A database file and the history of its schema: the n-th migration brings it to version n.
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) migrations: &'static [&'static str],
    /// When SQLite waits for the disk: `FULL` at each commit, `NORMAL` only at checkpoints.
    pub(super) synchronous: &'static str,
    /// The size of a page, which is settled when the file is made.
    pub(super) page_bytes: u32,
}

pub(super) const LINKS: File = File {
    name: "links.db",
    migrations: &[
        include_str!("migrations/links-0001.sql"),
        include_str!("migrations/links-0002.sql"),
        include_str!("migrations/links-0003.sql"),
    ],
    synchronous: "FULL",
    page_bytes: 4_096,
};

pub(super) const CLICKS: File = File {
    name: "clicks.db",
    migrations: &[include_str!("migrations/clicks-0001.sql"), include_str!("migrations/clicks-0002.sql")],
    synchronous: "FULL",
    // A page holds several shelves of rollups whole; on smaller ones a full shelf would go on to a page of
    // its own, on larger ones a single click would write more.
    page_bytes: 8_192,
};

pub(super) const SEARCH: File = File {
    name: "search.db",
    migrations: &[include_str!("migrations/search-0001.sql")],
    synchronous: "NORMAL",
    page_bytes: 4_096,
};

impl File {
    pub(super) fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.name)
    }

    /// Opens the file for its writer, makes it where it is missing and brings its schema up to date.
    pub(super) fn open_to_write(
        &self,
        directory: &Path,
        cache_bytes: usize,
    ) -> Result<Connection, OpenError> {
        let path = self.path(directory);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        self.writing_connection(&path, flags, cache_bytes).map_err(|error| explain(&path, &error)).and_then(
            |mut connection| {
                self.migrate(&path, &mut connection)?;
                Ok(connection)
            },
        )
    }

    /// Opens the file, which a writer has opened before, for reading only.
    pub(super) fn open_to_read(&self, directory: &Path, cache_bytes: usize) -> Result<Connection, OpenError> {
        let path = self.path(directory);
        self.reading_connection(&path, cache_bytes).map_err(|error| explain(&path, &error))
    }

    /// Opens the file, if it is there, so that nothing changes:
    /// where no writer has left a write-ahead log, none is made.
    pub(super) fn open_to_look(&self, directory: &Path) -> Result<Option<Connection>, OpenError> {
        let path = self.path(directory);
        if !path.exists() {
            return Ok(None);
        }
        if directory.join(format!("{}-wal", self.name)).exists() {
            return self.open_to_read(directory, LOOK_CACHE_BYTES).map(Some);
        }
        let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let opened = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags);
        opened.map(Some).map_err(|error| explain(&path, &error))
    }

    /// Whether the file has the schema that is known here, for who cannot bring it up to date.
    pub(super) fn check_version(&self, directory: &Path, connection: &Connection) -> Result<(), OpenError> {
        let path = self.path(directory);
        let (found, known) = (version(&path, connection)?, self.migrations.len());
        match found.cmp(&known) {
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(OpenError::Newer { path, found, known }),
            Ordering::Less => Err(OpenError::Older { path, found, known }),
        }
    }

    /// Removes the file and what belongs to it.
    pub(super) fn remove(&self, directory: &Path) -> Result<(), OpenError> {
        for suffix in ["", "-wal", "-shm"] {
            let path = directory.join(format!("{}{suffix}", self.name));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(OpenError::Io { path, error: error.to_string() });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn writing_connection(
        &self,
        path: &Path,
        flags: OpenFlags,
        cache_bytes: usize,
    ) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        prepare(&connection, cache_bytes)?;
        connection.pragma_update(None, "page_size", self.page_bytes)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", self.synchronous)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_BYTES / self.page_bytes)?;
        Ok(connection)
    }

    fn reading_connection(&self, path: &Path, cache_bytes: usize) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        prepare(&connection, cache_bytes)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES.cast_signed())?;
        Ok(connection)
    }

    fn migrate(&self, path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
        let explain = |error| explain(path, &error);
        let found = version(path, connection)?;
        let known = self.migrations.len();
        if found > known {
            return Err(OpenError::Newer { path: path.to_owned(), found, known });
        }
        for (index, migration) in self.migrations.iter().enumerate().skip(found) {
            let transaction = connection.transaction().map_err(explain)?;
            transaction.execute_batch(migration).map_err(explain)?;
            transaction.pragma_update(None, "user_version", index as u32 + 1).map_err(explain)?;
            transaction.commit().map_err(explain)?;
        }
        if (1..known).contains(&found) {
            info!(file = self.name, from = found, to = known, "schema brought up to date");
        }
        Ok(())
    }
}

fn version(path: &Path, connection: &Connection) -> Result<usize, OpenError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    version.map(|version| version as usize).map_err(|error| explain(path, &error))
}

fn prepare(connection: &Connection, cache_bytes: usize) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A negative size is in KiB, whatever the page size.
    let kibibytes = i64::try_from(cache_bytes / 1024).unwrap_or(i64::MAX).max(64);
    connection.pragma_update(None, "cache_size", -kibibytes)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Why a file could not be used.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, text) = (path.to_owned(), error.to_string());
    if is_damage(error) {
        OpenError::Damaged { path, error: text }
    } else if is_full(error) {
        OpenError::Full { path, error: text }
    } else {
        OpenError::Io { path, error: text }
    }
}

/// Brings all of the log into the file and empties it.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
