//! The time of day as the domain has it; the clock itself is `runtime`'s.

use curtail_model::Timestamp;
use curtail_runtime::clock;

/// The time now.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(clock::coarse_millis())
}
