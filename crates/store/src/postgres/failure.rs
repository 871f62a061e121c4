//! From what PostgreSQL says went wrong to what the caller can do about it.

use super::address::with_causes;
use crate::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What went wrong, inside the engine.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// What the server calls it, if it was the server.
    pub(super) state: Option<SqlState>,
    /// What callers are told.
    pub(super) error: StoreError,
}

/// What the engine itself can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Others were in the way, and nothing has changed: try again.
    Again,
    /// Something that it was given cannot be kept: leave that out.
    LessOfIt,
    /// Nothing.
    None,
}

impl Failure {
    pub(super) fn remedy(&self) -> Remedy {
        match &self.state {
            Some(SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE) => Remedy::Again,
            Some(state) if ["22", "23", "54"].iter().any(|class| state.code().starts_with(class)) => {
                Remedy::LessOfIt
            }
            _ => Remedy::None,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure { state: None, error }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> StoreError {
        failure.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { state: error.code().cloned(), error: (&error).into() }
    }
}

impl From<&Error> for StoreError {
    fn from(error: &Error) -> StoreError {
        let text = with_causes(error);
        let Some(state) = error.code() else { return StoreError::Unavailable(text) };
        match state.code().as_bytes() {
            _ if *state == SqlState::DISK_FULL => StoreError::Full,
            _ if *state == SqlState::INSUFFICIENT_PRIVILEGE => StoreError::Forbidden(text),
            // Connections, transactions, resources, operators, the system: other times are better. A value
            // that is refused, and a server that only reads, too: other values are, or other servers.
            [b'0', b'8', ..] | [b'2', b'2' | b'3' | b'5' | b'8', ..] | [b'4', b'0', ..] => {
                StoreError::Unavailable(text)
            }
            [b'5', b'3' | b'4' | b'5' | b'7' | b'8', ..] => StoreError::Unavailable(text),
            _ => StoreError::Damaged(text),
        }
    }
}
