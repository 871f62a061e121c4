//! Whose turn it is to count a stream: claims on streams in the store.

use crate::waiter::Waiter;
use curtail_store::rollups::Claimed;
#[cfg(feature = "kafka")]
use curtail_store::rollups::Positions;
use curtail_store::{Rollups, StoreError};
use std::sync::Arc;

/// The claims that a log holds. Whoever claims a stream
/// later takes it away, and learns it with the first commit.
pub(crate) struct Claims {
    rollups: Arc<dyn Rollups>,
    waiter: Waiter,
    held: Vec<(u64, u64)>,
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
        self.held = claimed.iter().map(|claimed| (claimed.stream, claimed.epoch)).collect();
        Ok(claimed)
    }

    /// Up to where all streams have been counted.
    #[cfg(feature = "kafka")]
    pub(crate) fn positions(&self) -> Result<Positions, StoreError> {
        self.waiter.wait(self.rollups.positions())
    }

    /// The streams with the epochs that a commit must name.
    pub(crate) fn held(&self) -> &[(u64, u64)] {
        &self.held
    }
}
