//! Metrics of new links that are acknowledged ahead of the store (`cache.strategy = "write-behind"`).

use super::encoding::{counter, gauge, seconds};
use super::opaque;
use curtail_cache::WriteBehind;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use std::fmt;

/// Nothing where none are.
pub(super) struct WriteBehindMetrics(pub(super) Option<WriteBehind>);

opaque!(WriteBehindMetrics);

impl Collector for WriteBehindMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |journal| encode(journal, &mut encoder))
    }
}

/// Shows how a journal of new links fares.
fn encode(journal: &WriteBehind, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let status = journal.statistics();
    let age = u64::try_from(status.age.as_millis()).unwrap_or(u64::MAX);
    let bytes = Some(&Unit::Bytes);
    for (name, help, unit, value) in [
        (
            "write_behind_waiting",
            "Acknowledged links that the store does not have yet.",
            None,
            status.waiting as u64,
        ),
        ("write_behind_room_taken", "Room that links which wait take.", bytes, status.bytes),
        ("write_behind_room", "Room for links that wait.", bytes, status.budget),
        ("write_behind_stuck", "Whether the store takes no links at present.", None, status.stuck.into()),
        ("write_behind_ids", "Ids that can be given without asking the store.", None, status.ids as u64),
    ] {
        gauge(encoder, name, help, unit, value)?;
    }
    seconds(encoder, "write_behind_age", "Age of the oldest link that waits.", age)?;
    for (name, help, value) in [
        ("write_behind_acknowledged", "Links acknowledged ahead of the store.", status.acknowledged),
        ("write_behind_written", "Of these, links that the store took.", status.written),
        (
            "write_behind_repeated",
            "Links that the store had already when they were flushed.",
            status.repeated,
        ),
        (
            "write_behind_refused",
            "Acknowledged links that the store refused for good: somebody has to look.",
            status.refused,
        ),
        (
            "write_behind_batches_failed",
            "Batches that the store did not take and that were tried again.",
            status.failures,
        ),
        (
            "write_behind_backlogged",
            "Creates that were refused because there was no room.",
            status.backlogged,
        ),
        (
            "write_behind_damaged_bytes",
            "Bytes of the journal of new links that were damaged when it was opened.",
            status.damaged,
        ),
    ] {
        counter(encoder, name, help, value)?;
    }
    Ok(())
}
