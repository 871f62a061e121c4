//! The log: what carries enriched clicks to the aggregator.
//!
//! This is the seam behind which Kafka will stand. The embedded log is the node's own journal, read through the
//! [`Shipper`]. Whatever the log is, it promises (one suite, `tests/count_log.rs`):
//!
//! - what is read comes with the positions to store together with what was counted;
//! - a log opened at stored positions goes on there: nothing before them comes again, nothing after them is missing,
//!   whenever the consumer died;
//! - it keeps what was read until [`Log::committed`] says that it has been counted for good;
//! - what cannot be read is reported once, and never stands in the way of what follows.

mod click;
pub mod record;
pub mod streams;
mod values;

pub use click::{Click, Clicked};
pub use values::{AgentId, AgentValues, CampaignId, CampaignValues, PlaceId, PlaceValues, ValueId, Values};

use crate::journal::{Damage, Reader};
use crate::shipper::Shipper;
use curtail_model::Timestamp;
use curtail_store::rollups::Positions;
use std::collections::BTreeMap;

/// Texts of clicks that take this much memory are counted and forgotten before more is read.
const VALUES_BYTES_MAX: usize = 32 << 20;

/// What carries clicks. One consumer owns it; calls hand over batches, never single clicks.
pub trait Log: Send {
    /// Adds up to `limit` clicks that have not been read yet, and moves the positions past them. Answers how many; it
    /// does not wait for any.
    fn read(&mut self, limit: usize, into: &mut Clicks) -> usize;

    /// Everything before these positions has been counted for good.
    fn committed(&mut self, positions: &Positions);

    /// When the oldest click happened that has not been read yet.
    fn oldest_waiting(&mut self) -> Option<Timestamp>;

    /// What could not be read, since the last call.
    fn take_damage(&mut self) -> Vec<Damage>;
}

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

    /// Whether it is time to count: there are this many clicks, or their texts take much memory.
    pub fn is_full(&self, clicks_max: usize) -> bool {
        self.clicks.len() >= clicks_max || self.values.bytes() >= VALUES_BYTES_MAX
    }

    /// Whether nothing was read: no click, and no position moved.
    pub fn is_empty(&self) -> bool {
        self.clicks.is_empty() && self.positions.is_empty()
    }

    /// Forgets the clicks, which have been counted; values are kept for the next ones unless they have become many.
    pub fn clear(&mut self) {
        self.clicks.clear();
        self.positions.clear();
        self.values.forget_if_many();
    }
}

/// The log of a single node: its journal, enriched while it is read.
pub struct EmbeddedLog {
    reader: Reader,
    shipper: Shipper,
}

impl EmbeddedLog {
    /// The log over this journal.
    pub fn new(reader: Reader, shipper: Shipper) -> EmbeddedLog {
        EmbeddedLog { reader, shipper }
    }
}

impl Log for EmbeddedLog {
    fn read(&mut self, limit: usize, into: &mut Clicks) -> usize {
        let Clicks { clicks, values, .. } = into;
        self.shipper.prepare(values);
        let progress = self.reader.read(limit, &mut |segment, entry| {
            clicks.push(self.shipper.enrich(segment, entry, values));
        });
        progress.positions.iter().for_each(|(stream, position)| into.moved(*stream, *position));
        progress.clicks
    }

    fn committed(&mut self, positions: &Positions) {
        self.reader.committed(positions);
    }

    fn oldest_waiting(&mut self) -> Option<Timestamp> {
        self.reader.oldest_waiting()
    }

    fn take_damage(&mut self) -> Vec<Damage> {
        self.reader.take_damage()
    }
}
