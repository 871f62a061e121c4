//! Rests between the pages that SQLite writes, and syncs on the way.
//!
//! A commit writes every page that it changed, and a checkpoint each of them again, in one call that may take
//! tens of milliseconds. Beside redirects on the same core that is too long: kernels take a thread that they
//! owe time off its core at their tick only, every 1 to 10 ms, however many wait. So whoever writes for
//! others is asked before each page whether to rest. And one sync of tens of megabytes hands them to the disk
//! in one go, which takes as long: so the file is synced again and again on the way.
//!
//! SQLite has no hook there, but the functions of an open file are a table
//! that its documentation shows (<https://sqlite.org/c3ref/io_methods.html>):
//! the table of a file is exchanged for a copy whose `xWrite` does that.

use crate::rollups::Breathe;
use rusqlite::{Connection, ffi};
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr;

/// So many bytes are handed to the disk at once, which takes the core for about half a millisecond. Fewer
/// would be more flushes of the disk.
const SYNC_BYTES: u32 = 1 << 19;

thread_local! {
    /// What this thread calls before each page that it writes.
    static BREATHE: RefCell<Option<Breathe>> = const { RefCell::new(None) };
}

/// The functions of a file, with our `xWrite` among them, and the two that it calls.
#[repr(C)]
struct Paced {
    methods: ffi::sqlite3_io_methods,
    write: unsafe extern "C" fn(*mut ffi::sqlite3_file, *const c_void, c_int, ffi::sqlite3_int64) -> c_int,
    sync: unsafe extern "C" fn(*mut ffi::sqlite3_file, c_int) -> c_int,
    /// What has been written since the last sync of ours, by the one thread that uses the file.
    unsynced_bytes: Cell<u32>,
}

/// Whatever this thread writes from now on, it calls `breathe` before each page of files that are paced.
pub(super) fn set_breathe(breathe: Option<Breathe>) {
    BREATHE.set(breathe);
}

/// Paces what a connection writes to its file and to its write-ahead log.
#[expect(unsafe_code, reason = "measured: the tail of redirects beside counting; see the module")]
pub(super) fn pace(connection: &Connection) {
    for which in [ffi::SQLITE_FCNTL_FILE_POINTER, ffi::SQLITE_FCNTL_JOURNAL_POINTER] {
        let Some(file) = open_file(connection, which) else { continue };
        // SAFETY: the file lives as long as the connection (the log of one in WAL mode does too), and no
        // other thread uses the connection.
        unsafe {
            let methods = *(*file).pMethods;
            let (Some(write), Some(sync)) = (methods.xWrite, methods.xSync) else { continue };
            // One table for each of the few files of a process, which may be in use until it ends.
            let paced = Box::leak(Box::new(Paced {
                methods: ffi::sqlite3_io_methods { xWrite: Some(write_paced), ..methods },
                write,
                sync,
                unsynced_bytes: Cell::new(0),
            }));
            (*file).pMethods = (&raw const *paced).cast();
        }
    }
}

/// A file that SQLite has open for a connection, with its table of functions.
#[expect(unsafe_code, reason = "measured: the tail of redirects beside counting; see the module")]
fn open_file(connection: &Connection, which: c_int) -> Option<*mut ffi::sqlite3_file> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the handle is open for as long as the borrow lasts.
    // Both codes have SQLite store a pointer to a file of it.
    unsafe {
        let asked =
            ffi::sqlite3_file_control(connection.handle(), c"main".as_ptr(), which, (&raw mut file).cast());
        let is_open = asked == ffi::SQLITE_OK && !file.is_null() && !(*file).pMethods.is_null();
        is_open.then_some(file)
    }
}

#[expect(unsafe_code, reason = "SQLite calls it")]
unsafe extern "C" fn write_paced(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let is_paced = BREATHE.with_borrow(|breathe| {
        if let Some(breathe) = breathe {
            breathe();
        }
        breathe.is_some()
    });
    // SAFETY: SQLite calls this for a file whose table `pace` has
    // exchanged, with arguments for the function that was there.
    unsafe {
        let paced = &*(*file).pMethods.cast::<Paced>();
        let written = (paced.write)(file, bytes, count, offset);
        if written != ffi::SQLITE_OK || !is_paced {
            return written;
        }
        let unsynced = paced.unsynced_bytes.get().saturating_add(count.unsigned_abs());
        if unsynced < SYNC_BYTES {
            paced.unsynced_bytes.set(unsynced);
            return written;
        }
        paced.unsynced_bytes.set(0);
        // The kernel tells of a failed sync once: unless this
        // write fails, the commit's own sync would succeed.
        (paced.sync)(file, ffi::SQLITE_SYNC_NORMAL)
    }
}

#[cfg(test)]
mod tests {
    use super::{SYNC_BYTES, open_file, pace, set_breathe};
    use rusqlite::{Connection, ffi};
    use std::cell::Cell;
    use std::ffi::c_int;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    const ROWS: u64 = 100;

    #[test]
    fn whoever_writes_is_asked_before_each_page_of_a_commit_and_of_a_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("some.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE some (number INTEGER PRIMARY KEY, bytes BLOB)").unwrap();
        pace(&connection);
        let asked = Arc::new(AtomicU64::new(0));
        let since = || asked.swap(0, Ordering::Relaxed);
        // A row fills most of a page of 4,096 bytes.
        let fill = |from: u64| {
            let rows = (from..from + ROWS).map(|number| format!("({number}, zeroblob(3000))"));
            let rows = rows.collect::<Vec<_>>().join(",");
            connection.execute_batch(&format!("INSERT INTO some VALUES {rows}")).unwrap();
        };

        fill(0);
        assert_eq!(since(), 0, "nobody is to be asked");
        let asking = Arc::clone(&asked);
        set_breathe(Some(Arc::new(move || _ = asking.fetch_add(1, Ordering::Relaxed))));
        fill(ROWS);
        assert!(since() >= ROWS, "for each page of the commit");
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        assert!(since() >= 2 * ROWS, "for each page of the checkpoint");
        set_breathe(None);
        fill(2 * ROWS);
        assert_eq!(since(), 0, "nobody is to be asked any more");
        let stored: i64 = connection.query_row("SELECT count(*) FROM some", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, 3 * ROWS as i64);
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }

    thread_local! {
        static SYNCS: Cell<u32> = const { Cell::new(0) };
        static REFUSES: Cell<bool> = const { Cell::new(false) };
    }

    #[expect(unsafe_code, reason = "SQLite calls it")]
    unsafe extern "C" fn count_sync(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
        SYNCS.set(SYNCS.get() + 1);
        if REFUSES.take() { ffi::SQLITE_IOERR_FSYNC } else { ffi::SQLITE_OK }
    }

    /// Has every sync of the write-ahead log counted instead.
    #[expect(unsafe_code, reason = "as `pace` does it")]
    fn count_syncs(connection: &Connection) {
        let log = open_file(connection, ffi::SQLITE_FCNTL_JOURNAL_POINTER).unwrap();
        // SAFETY: as in `pace`.
        unsafe {
            let methods = ffi::sqlite3_io_methods { xSync: Some(count_sync), ..*(*log).pMethods };
            (*log).pMethods = Box::leak(Box::new(methods));
        }
    }

    /// A connection that syncs nothing by itself, and whose every sync of the write-ahead log is counted.
    fn counted(folder: &std::path::Path) -> Connection {
        let connection = Connection::open(folder.join("some.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        connection.execute_batch("CREATE TABLE some (bytes BLOB)").unwrap();
        count_syncs(&connection);
        pace(&connection);
        connection
    }

    fn fill(connection: &Connection, parts: u32) -> rusqlite::Result<usize> {
        connection.execute("INSERT INTO some VALUES (zeroblob(?1))", [parts * SYNC_BYTES])
    }

    #[test]
    fn what_is_written_beside_others_is_synced_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let connection = counted(folder.path());
        fill(&connection, 4).unwrap();
        assert_eq!(SYNCS.get(), 0, "nobody is beside");
        set_breathe(Some(Arc::new(|| {})));
        fill(&connection, 4).unwrap();
        assert_eq!(SYNCS.get(), 4);
        set_breathe(None);
    }

    #[test]
    fn what_the_disk_refuses_once_on_the_way_fails_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let connection = counted(folder.path());
        set_breathe(Some(Arc::new(|| {})));
        REFUSES.set(true);
        assert!(fill(&connection, 2).is_err());
        let rows: i64 = connection.query_row("SELECT count(*) FROM some", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
        fill(&connection, 2).unwrap();
        set_breathe(None);
    }
}
