//! Metrics of new links that are acknowledged ahead of the store (`cache.strategy = "write-behind"`).

use super::encoding::{counter, gauge};
use super::opaque;
use curtail_cache::WriteBehind;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use std::fmt;

/// Nothing where none are.
pub(super) struct NewLinks(pub(super) Option<WriteBehind>);

opaque!(NewLinks);

impl Collector for NewLinks {
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
            "new_links_waiting",
            "Acknowledged links that the store does not have yet.",
            None,
            status.waiting as u64,
        ),
        ("new_links_age_milliseconds", "Age of the oldest link that waits.", None, age),
        ("new_links_room_taken", "Room that links which wait take.", bytes, status.bytes),
        ("new_links_room", "Room for links that wait.", bytes, status.budget),
        ("new_links_stuck", "Whether the store takes no links at present.", None, status.stuck.into()),
        ("new_links_ids", "Ids that can be given without asking the store.", None, status.ids as u64),
    ] {
        gauge(encoder, name, help, unit, value)?;
    }
    for (name, help, value) in [
        ("new_links_acknowledged", "Links acknowledged ahead of the store.", status.acknowledged),
        ("new_links_written", "Of these, links that the store took.", status.written),
        ("new_links_repeated", "Links that the store had already when they were brought.", status.repeated),
        (
            "new_links_refused",
            "Acknowledged links that the store refused for good: somebody has to look.",
            status.refused,
        ),
        (
            "new_links_batches_failed",
            "Batches that the store did not take and that were tried again.",
            status.failures,
        ),
        ("new_links_backlogged", "Creates that were refused because there was no room.", status.backlogged),
        (
            "new_links_damaged_bytes",
            "Bytes of the journal of new links that were damaged when it was opened.",
            status.damaged,
        ),
    ] {
        counter(encoder, name, help, value)?;
    }
    Ok(())
}
