//! What goes from one store to another when a store moves to another
//! engine, in which order, and how both tell whether it arrived.
//!
//! [`crate::sqlite::Exporter`] reads a store in a stable order, in pieces that can be asked for again after
//! any of them; [`crate::postgres::Importer`] takes each piece as often as it comes. A [`pass`] moves all
//! that is new or has changed, and compares both sides at its end: links by [`Checksums`] of each bucket,
//! everything else piece by piece.

mod checksums;
mod pass;
mod progress;
mod reached;

pub use checksums::Checksums;
pub use pass::{MoveError, Moved, Pieces, pass};
pub use progress::{Progress, Step};

use curtail_model::{Link, LinkId, Timestamp};

/// Numbers that a store has given, and must never give again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// The last version of a change.
    pub version: u64,
    /// The next id for a generated code.
    pub next_generated: u64,
    /// The next number for a chosen code.
    pub next_custom: u64,
}

/// A link, with what is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// The link.
    pub link: Link,
    /// Whether nobody chose its code.
    pub generated: bool,
    /// How many of its clicks it has given, if it ever had a limit.
    pub used: Option<u64>,
}

/// Some links in order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinksPiece {
    /// Those that can be read.
    pub records: Vec<LinkRecord>,
    /// The ids of those whose row, or the number of clicks that they have given, is damaged.
    pub damaged: Vec<LinkId>,
    /// The last id of either; nothing when there are no more.
    pub last: Option<LinkId>,
}

/// What is left of a removed link whose code was the one that its id stands for. The id is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retired {
    /// Its id.
    pub id: LinkId,
    /// Whether nobody chose its code. Then nobody ever may; else it is free for a link with another id.
    pub generated: bool,
}

/// An API key, with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub key: crate::ApiKey,
    /// Its SHA-256.
    pub hash: [u8; 32],
}

/// An idempotency key that is still remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedKey {
    /// Of which request.
    pub idempotency: crate::Idempotency,
    /// What it was answered with.
    pub link: LinkId,
    /// Whether that was there already.
    pub reused: bool,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Which row of counted clicks: the length of its period in milliseconds, its start, and the number of a
/// shelf or the subject of a rollup.
pub type ClicksKey = (i64, i64, i64);

/// A row of counted clicks, as every engine keeps it: sealed with a checksum of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClicksRow {
    /// Where it stands.
    pub key: ClicksKey,
    /// What stands there.
    pub bytes: Vec<u8>,
}

/// Which rows of counted clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clicks {
    /// Small rollups of neighbouring links together.
    Shelves,
    /// Rollups that stand alone.
    Alone,
}
