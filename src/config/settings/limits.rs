//! Settings `limits.*`: what a connection may cost.

use crate::config::number::{KIB, MIB, Number, Size, Time, Unit};
use crate::config::reader::Reader;
use std::time::Duration;

/// What a connection may cost.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) header_bytes: u64,
}

impl Limits {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Limits {
        Limits {
            connections: read.setting(
                "limits.connections",
                &Number(1, 10_000_000),
                "50000",
                "Connections at a time, shared out evenly over `threads`. What comes on top of a thread's share is closed at once.",
            ),
            header_timeout: read.setting(
                "limits.header_timeout_seconds",
                &Time(Unit::Seconds, 1, 600),
                "10",
                "How long the head of a request may take to arrive, and how long a client may take nothing of an answer.",
            ),
            body_timeout: read.setting(
                "limits.body_timeout_seconds",
                &Time(Unit::Seconds, 1, 3_600),
                "30",
                "How long the body of a request may take to arrive; for a bulk, how long it may pause.",
            ),
            idle_timeout: read.setting(
                "limits.idle_timeout_seconds",
                &Time(Unit::Seconds, 1, 3_600),
                "75",
                "How long a connection may wait for its next request.",
            ),
            header_bytes: read.setting(
                "limits.header_bytes",
                &Size(8 * KIB, MIB),
                "16KiB",
                "Largest head of a request.",
            ),
        }
    }
}
