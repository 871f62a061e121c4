//! Settings `api.*`: what the API accepts.

use crate::config::number::{KIB, MIB, Number, Size};
use crate::config::reader::Reader;

/// What the API accepts.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) body_bytes: u64,
    pub(crate) rate_per_second: u32,
}

impl Api {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Api {
        Api {
            body_bytes: read.setting(
                "api.body_bytes",
                &Size(KIB, 64 * MIB),
                "192KiB",
                "Largest body of a request. A line of a bulk request has 64 KiB at most.",
            ),
            rate_per_second: read.setting(
                "api.rate_per_second",
                &Number(1, 10_000_000),
                "50000",
                "Requests that each key may make in a second.",
            ),
        }
    }
}
