//! Whose turn it is to count a stream: claims on streams in the store.

use crate::waiter::Waiter;
use curtail_store::rollups::{Claimed, Positions};
use curtail_store::{Rollups, StoreError};
use std::sync::Arc;

/// The claims that a log holds. Whoever claims a stream
/// later takes it away, and learns it with the first commit.
pub(crate) struct Claims {
    rollups: Arc<dyn Rollups>,
    waiter: Waiter,
    held: Vec<Claimed>,
}

impl Claims {
    /// No claims yet.
    pub(crate) fn new(rollups: Arc<dyn Rollups>) -> Claims {
        Claims { rollups, waiter: Waiter::new(), held: Vec::new() }
    }

    /// Claims these streams, and no others any more. Answers up to where each has been counted.
    pub(crate) fn make(&mut self, streams: Vec<u64>) -> Result<Vec<Claimed>, StoreError> {
        self.held.clear();
        let claimed = self.waiter.wait(self.rollups.claim(streams))?;
        self.held.clone_from(&claimed);
        Ok(claimed)
    }

    /// Up to where all streams have been counted.
    #[cfg(feature = "kafka")]
    pub(crate) fn positions(&self) -> Result<Positions, StoreError> {
        self.waiter.wait(self.rollups.positions())
    }

    /// The streams as the next commit must name them.
    pub(crate) fn held(&self) -> &[Claimed] {
        &self.held
    }

    /// The store has these positions now.
    pub(crate) fn committed(&mut self, positions: &Positions) {
        for (stream, position) in positions {
            let claimed = self.held.iter_mut().find(|claimed| claimed.stream == *stream);
            claimed.into_iter().for_each(|claimed| claimed.position = Some(*position));
        }
    }
}
