//! What is remembered: links, API keys and rollups.
//!
//! Each kind of memory is a trait with one suite of promises (`tests/`), which every engine passes. SQLite is
//! the embedded engine, a real one that also serves in tests; PostgreSQL is for many processes on many
//! machines. Callers hold `Arc<dyn Links>` and its siblings, and cannot tell the engines apart.

mod checksum;
pub mod keys;
pub mod leaders;
pub mod links;
pub mod notifications;
mod packed;
pub mod postgres;
pub mod rollups;
mod shape;
mod shelf;
pub mod sqlite;
pub mod transfer;
pub mod write_behind;

pub use keys::{ApiKey, Keys, NewApiKey};
pub use leaders::Leaders;
pub use links::{
    Create, Created, Idempotency, Links, ListQuery, Page, Refused, Resolved, Seen, Sort, Spent, TagCount,
    UpdateRefused, WhenMade,
};
pub use notifications::{Notice, Notifications};
pub use rollups::Rollups;
pub use write_behind::{Flushed, IdBlock, WriteBehindStore};

use curtail_model::Code;
use std::future::Future;
use std::pin::Pin;

/// What is read from a store without [`Seen`] is older than this by no more, in milliseconds: a copy that is
/// farther behind is not read from.
pub const AGE_MAX_MILLIS: i64 = 1_250;

/// What an engine answers, in time. Dropping the future
/// does not undo what was asked: a write goes on by itself.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why an engine could not answer at all, by what the caller
/// can do about it. Expected outcomes are values instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room: nothing was changed; it works again when there is.
    #[error("the disk is full")]
    Full,
    /// It cannot be reached or is too busy just now; trying again may help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The answer to the commit of a change was lost: whether it happened, or will yet, nobody knows. Whoever
    /// changes the link next waits for the answer.
    #[error("the answer to the commit of a change of {} was lost: {}", .0.code.as_str(), .0.why)]
    InDoubt(Box<InDoubt>),
    /// What was acknowledged and not written yet leaves no room for more: nothing was changed; it works again
    /// when the store has taken some of it.
    #[error("new links wait for the store, and there is no room for more: {0}")]
    Backlogged(String),
    /// The user that it is opened as may not do that: nothing was
    /// changed. Trying again will not help; a person must grant it.
    #[error(
        "the user of the database has not the right to do that: {0}. `curtail doctor` says what to GRANT"
    )]
    Forbidden(String),
    /// What is stored cannot be read. Trying again will not help; a person must look.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A change that may have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InDoubt {
    /// The code of the link.
    pub code: Code,
    /// The version that the link has if it did not happen.
    pub before: u64,
    /// That of the change, or of the removal.
    pub after: u64,
    /// What went wrong.
    pub why: String,
}
