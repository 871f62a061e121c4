//! The time of day as clicks have it; the clock itself is that of the process.

use curtail_model::Timestamp;
use curtail_runtime::clock;

/// The time now.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(clock::coarse_millis())
}
