//! Settings `clicks.*`: how clicks are kept and counted.

use crate::config::number::{DaysOrForEver, GIB, MIB, Size, Time, Unit, size};
use crate::config::reader::{DefaultValue, Reader};
use std::time::Duration;

/// Disk for clicks that wait: hours of them on most servers.
const JOURNAL_BYTES: u64 = 2 * GIB;
const SEGMENT_BYTES: u64 = 16 * MIB;
/// Segments of a thread that there must be room for: two that it writes to, and three that a process before
/// it has left, which are there until they are counted, however little is in them.
const SEGMENTS_MIN: u64 = 5;

/// How clicks are kept and counted.
#[derive(Clone, Debug)]
pub(crate) struct Clicks {
    pub(crate) journal_bytes: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) sync_interval: Duration,
    pub(crate) commit_interval: Duration,
    pub(crate) write_interval: Duration,
    pub(crate) minute_retention: Duration,
    pub(crate) hour_retention: Duration,
    /// For ever, if nothing.
    pub(crate) day_retention: Option<Duration>,
}

impl Clicks {
    /// Reads them; the journal must have room for the segments of so many threads.
    pub(super) fn read(read: &mut Reader, threads: usize) -> Clicks {
        let usual = JOURNAL_BYTES.max(SEGMENTS_MIN * threads as u64 * SEGMENT_BYTES);
        let clicks = Clicks {
            journal_bytes: read.setting(
                "clicks.journal_bytes",
                &Size(4 * MIB, 1024 * GIB),
                DefaultValue::Measured { words: "2GiB, or more with more than 25 threads", value: size(usual) },
                "Disk for clicks that are not in the store yet. When it is full, clicks are dropped, and counted as dropped.",
            ),
            segment_bytes: read.setting(
                "clicks.segment_bytes",
                &Size(MIB, GIB),
                "16MiB",
                "Size of one file of the journal. Each thread needs room for five.",
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
                "How often clicks are counted: the time until one shows in the stats.",
            ),
            write_interval: read.setting(
                "clicks.write_seconds",
                &Time(Unit::Seconds, 0, 3_600),
                "30",
                "Without database.url: how often what was counted is written to the disk. Stats show it before, and the journal has it.",
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
        let needed = SEGMENTS_MIN * threads as u64 * clicks.segment_bytes;
        if clicks.journal_bytes < needed {
            let segment = size(clicks.segment_bytes);
            let message = format!(
                "must be at least {}: five segments of {segment} for each of {threads} threads",
                size(needed)
            );
            read.contradiction("clicks.journal_bytes", message);
        }
        clicks
    }
}
