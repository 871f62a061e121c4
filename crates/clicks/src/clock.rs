//! The time of day as the domain has it; the clock itself is `runtime`'s, which knows no domain. Whoever
//! decides what becomes of a click goes by the clock that it is recorded with.

use curtail_model::Timestamp;
use curtail_runtime::clock;

/// The time now.
#[inline]
pub fn now() -> Timestamp {
    Timestamp::from_millis(clock::coarse_millis())
}
