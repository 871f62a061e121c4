//! Settings `clicks.*`: how clicks are kept and counted.

use crate::config::number::{DaysOrForEver, GIB, MIB, Size, Time, Unit, size};
use crate::config::reader::Reader;
use std::time::Duration;

/// How clicks are kept and counted.
#[derive(Clone, Debug)]
pub(crate) struct Clicks {
    pub(crate) journal_bytes: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) sync_interval: Duration,
    pub(crate) commit_interval: Duration,
    pub(crate) minute_retention: Duration,
    pub(crate) hour_retention: Duration,
    /// For ever, if nothing.
    pub(crate) day_retention: Option<Duration>,
}

impl Clicks {
    /// Reads them; the journal must have room for the segments of so many threads.
    pub(super) fn read(read: &mut Reader, threads: usize) -> Clicks {
        let clicks = Clicks {
            journal_bytes: read.setting(
                "clicks.journal_bytes",
                &Size(4 * MIB, 1024 * GIB),
                "2GiB",
                "Disk for clicks that are not counted yet. When it is full, clicks are dropped, and counted as dropped.",
            ),
            segment_bytes: read.setting(
                "clicks.segment_bytes",
                &Size(MIB, GIB),
                "16MiB",
                "Size of one file of the journal. Each thread needs two.",
            ),
            sync_interval: read.setting(
                "clicks.sync_milliseconds",
                &Time(Unit::Milliseconds, 1, 60_000),
                "200",
                "How often the journal is forced to disk: what a power failure can lose.",
            ),
            commit_interval: read.setting(
                "clicks.commit_milliseconds",
                &Time(Unit::Milliseconds, 10, 60_000),
                "250",
                "How often counted clicks are written to the stats.",
            ),
            minute_retention: read.setting(
                "clicks.minute_retention_hours",
                &Time(Unit::Hours, 1, 876_000),
                "48",
                "How long stats by the minute are kept.",
            ),
            hour_retention: read.setting(
                "clicks.hour_retention_days",
                &Time(Unit::Days, 1, 36_500),
                "90",
                "How long stats by the hour are kept.",
            ),
            day_retention: read.setting(
                "clicks.day_retention_days",
                &DaysOrForEver,
                "0",
                "How long stats by the day are kept.",
            ),
        };
        let needed = 2 * threads as u64 * clicks.segment_bytes;
        if clicks.journal_bytes < needed {
            let segment = size(clicks.segment_bytes);
            let message = format!(
                "must be at least {}: two segments of {segment} for each of {threads} threads",
                size(needed)
            );
            read.contradiction("clicks.journal_bytes", message);
        }
        clicks
    }
}
