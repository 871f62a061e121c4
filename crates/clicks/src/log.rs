//! The log: what carries enriched clicks to the aggregator.
//!
//! Two engines stand behind it. The embedded log is the node's own journal, read through the [`Enricher`];
//! Kafka, with the feature `kafka`, is what many nodes write and many workers read. Whatever the log is, it
//! promises (`tests/count/log.rs` of the embedded log, `tests/kafka/` of Kafka):
//!
//! - what is read comes with the positions to store together with what was counted;
//! - a log opened at stored positions goes on there: nothing before them comes again, nothing after them is
//!   missing, whenever the consumer died;
//! - it keeps what was read until [`Log::committed`] says that it has been counted for good;
//! - what cannot be read is reported once, and never stands in the way of what follows;
//! - a consumer that others have taken over from counts nothing: it commits in the name of [`Log::claims`].

pub(crate) mod claims;
mod click;
mod embedded;
pub mod record;
pub mod streams;
pub(crate) mod tally;
mod values;

pub use click::{Click, Clicked};
pub use embedded::EmbeddedLog;
pub use values::{AgentId, AgentValues, CampaignId, CampaignValues, PlaceId, PlaceValues, ValueId, Values};

use crate::journal::Damage;
use curtail_model::Timestamp;
use curtail_store::rollups::{Claimed, Positions};
use std::collections::BTreeMap;

/// What carries clicks. One consumer owns it; calls hand over batches, never single clicks.
pub trait Log: Send {
    /// Reads up to `limit` clicks on, adds those that have not been counted yet, and moves the positions past
    /// them. Answers how many it read; it does not wait for any. What is not committed by the next call may
    /// be taken out again, but for a log that is read by one process alone: there it may be held.
    fn read(&mut self, limit: usize, into: &mut Clicks) -> Result<usize, Unavailable>;

    /// Everything before these positions has been counted for good.
    fn committed(&mut self, positions: &Positions);

    /// When the oldest click happened that has not been read yet.
    fn oldest_waiting(&mut self) -> Option<Timestamp>;

    /// What could not be read, since the last call.
    fn take_damage(&mut self) -> Vec<Damage>;

    /// The lane to commit in, so as not to wait for other consumers.
    fn lane(&self) -> u16;

    /// The streams that this consumer has claimed, as the store has them: a commit names those that it moves.
    fn claims(&self) -> &[Claimed];

    /// A commit was fenced: others count some of these streams, or the store is not what it was. What was
    /// read since the last commit is forgotten and comes again, unless they have counted it.
    fn fenced(&mut self);

    /// Whether others count what is left when this consumer ends.
    fn is_shared(&self) -> bool;
}

/// A log cannot be read just now; it is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Clicks that have been read and not been counted yet.
#[derive(Debug, Default)]
pub struct Clicks {
    /// The clicks, in no order that matters.
    pub clicks: Vec<Click>,
    /// What the clicks' values are.
    pub values: Values,
    positions: BTreeMap<u64, u64>,
}

impl Clicks {
    /// Up to where each stream that moved has been read.
    pub fn positions(&self) -> Positions {
        self.positions.iter().map(|(stream, position)| (*stream, *position)).collect()
    }

    /// Moves the position of a stream.
    pub fn moved(&mut self, stream: u64, position: u64) {
        self.positions.insert(stream, position);
    }

    /// The same, from which on moves are noted anew.
    pub(crate) fn take_positions(&mut self) -> Positions {
        std::mem::take(&mut self.positions).into_iter().collect()
    }

    /// Whether nothing was read: no click, and no position moved.
    pub fn is_empty(&self) -> bool {
        self.clicks.is_empty() && self.positions.is_empty()
    }

    /// Forgets the clicks, which have been counted; values are
    /// kept for the next ones unless they have become many.
    pub fn clear(&mut self) {
        self.clicks.clear();
        self.positions.clear();
        self.values.forget_if_many();
    }
}
