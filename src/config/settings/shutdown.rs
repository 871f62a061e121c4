//! Settings `shutdown.*`: how the server ends.

use crate::config::number::{Time, Unit};
use crate::config::reader::Reader;
use std::time::Duration;

/// How the server ends.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    pub(crate) delay: Duration,
    pub(crate) grace: Duration,
}

impl Shutdown {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Shutdown {
        Shutdown {
            delay: read.setting(
                "shutdown.delay_seconds",
                &Time(Unit::Seconds, 0, 3_600),
                "0",
                "How long the server goes on serving when it is told to stop, while /readyz says 503: so long as a balancer takes to notice.",
            ),
            grace: read.setting(
                "shutdown.grace_seconds",
                &Time(Unit::Seconds, 0, 3_600),
                "30",
                "How long ending may take once the server is told to stop and `shutdown.delay_seconds` are over: two thirds for requests under way, the rest for new links and clicks.",
            ),
        }
    }
}
