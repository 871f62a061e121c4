//! From what SQLite says went wrong to what the caller can do about it.

use crate::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        let Some(code) = error.sqlite_error() else {
            // What rusqlite itself finds wrong is a value of a type that our schema does not allow there.
            return StoreError::Damaged(error.to_string());
        };
        if is_full(&error) {
            return StoreError::Full;
        }
        // A file that ends too early is damage; a disk that does not do what it is asked is out of reach.
        let is_short =
            matches!(code.extended_code, ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS);
        match code.code {
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OperationInterrupted
            | ErrorCode::OutOfMemory
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::CannotOpen => StoreError::Unavailable(error.to_string()),
            ErrorCode::SystemIoFailure if !is_short => StoreError::Unavailable(error.to_string()),
            _ => StoreError::Damaged(error.to_string()),
        }
    }
}

/// Whether there is no room. The index of the write-ahead log is mapped memory: no room for it is no room,
/// though it is named an IO error.
pub(super) fn is_full(error: &Error) -> bool {
    error.sqlite_error().is_some_and(|found| {
        found.code == ErrorCode::DiskFull || found.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    })
}

/// Whether a file cannot be what it should be, and not just out of reach.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
