//! The links that people click most.

use crate::StoreFuture;
use crate::rollups::Grain;
use curtail_model::{LinkId, Timestamp};

/// Knows which links are clicked most in an hour or a day.
pub trait Leaders: Send + Sync {
    /// The links with the most clicks by people in the period of `grain` that starts at `start`, most first;
    /// at most [`LEADERS_MAX`] and `limit`. Clicks are never more than there were; a link that was not among
    /// the leaders all the time may show a few less.
    fn top(&self, grain: Grain, start: Timestamp, limit: usize) -> StoreFuture<'_, Vec<(LinkId, u64)>>;
}

/// How many leaders are answered at most; rollups keep more, so that those who come and go are not lost.
pub const LEADERS_MAX: usize = 100;
