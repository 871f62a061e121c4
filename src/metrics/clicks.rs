//! What becomes of clicks in any process.

use super::encoding::{counter, counters, gauge, seconds};
use super::opaque;
use curtail_clicks::pipeline::{Part, Status, Watch};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use std::fmt;

pub(super) struct Clicks(pub(super) Watch);

opaque!(Clicks);

impl Collector for Clicks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.clicks(&mut encoder)
    }
}

impl Clicks {
    fn clicks(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.0.status();
        counter(encoder, "clicks_produced", "Clicks that were to be recorded.", status.produced)?;
        counter(
            encoder,
            "clicks_recovered",
            "Clicks that earlier processes left in the journal, as far as it has been read.",
            status.recovered,
        )?;
        counter(encoder, "clicks_counted", "Clicks that stats show.", status.counted)?;
        let help = "Counted clicks that the store does not have yet; the journal has them.";
        gauge(encoder, "clicks_unwritten", help, None, status.unwritten)?;
        let dropped = status.dropped.map(|(reason, count)| ([("reason", reason.as_str())], count));
        counters(encoder, "clicks_dropped", "Clicks that were not kept, by reason.", dropped)?;
        counter(
            encoder,
            "clicks_damaged",
            "Clicks that could not be read from the journal, or that Kafka removed before they were counted.",
            status.damaged,
        )?;
        let help = "Clicks of this process that wait to be counted.";
        gauge(encoder, "clicks_waiting", help, None, status.lag_clicks)?;
        let help = "Age of the oldest click that waits.";
        seconds(encoder, "clicks_lag", help, status.lag_millis)?;
        match status.part {
            Part::Alone => {}
            Part::Node | Part::Worker | Part::Both => Clicks::kafka(&status, encoder)?,
        }
        Clicks::rollups(&status, encoder)?;
        Clicks::journal(&status, encoder)
    }

    /// Between nodes and workers.
    fn kafka(status: &Status, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        counter(encoder, "clicks_shipped", "Clicks that brokers have acknowledged.", status.shipped)?;
        let help = "Deliveries of clicks that had been counted before.";
        counter(encoder, "clicks_repeated", help, status.repeated)?;
        let poison = status.poison.map(|(reason, count)| ([("reason", reason.as_str())], count));
        counters(encoder, "log_poison", "Records that were no clicks, by reason.", poison)?;
        if let Some(waiting) = status.log_waiting {
            let help = "Records between nodes and workers that no worker has counted.";
            gauge(encoder, "log_waiting", help, None, waiting)?;
        }
        gauge(encoder, "log_partitions", "Partitions that this worker counts.", None, status.partitions)?;
        counter(encoder, "broker_errors", "Errors of brokers, or of the way to them.", status.broker_errors)
    }

    fn rollups(status: &Status, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        counter(encoder, "rollup_commits", "Commits of rollups.", status.commits)?;
        let help = "Commits that failed and were tried again.";
        counter(encoder, "rollup_commits_failed", help, status.commits_failed)?;
        let help =
            "Commits that changed nothing: others count those clicks now, or the store is another one.";
        counter(encoder, "rollup_commits_fenced", help, status.commits_fenced)?;
        counter(encoder, "rollups_damaged", "Rollups that could not be read back.", status.rollups_damaged)?;
        let help = "Rollups that were forgotten for their age.";
        counter(encoder, "rollups_forgotten", help, status.forgotten)
    }

    fn journal(status: &Status, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut bytes = |name, help, value| gauge(encoder, name, help, Some(&Unit::Bytes), value);
        bytes("journal", "Disk that the journal takes.", status.journal_bytes)?;
        bytes(
            "journal_waiting",
            "Clicks of this process that the store does not have yet, and unread files of earlier ones.",
            status.waiting_bytes + status.backlog_bytes,
        )?;
        bytes(
            "journal_unsynced",
            "Clicks that the disk has not confirmed: what a power cut may lose.",
            status.unsynced_bytes,
        )?;
        counter(
            encoder,
            "journal_files_damaged",
            "Files beside the journal's segments (node, salt) that were damaged and made anew.",
            status.files_damaged,
        )?;
        counter(
            encoder,
            "journal_sync_failures",
            "Times that the system refused to bring the journal to the disk; each was tried again.",
            status.sync_failures,
        )
    }
}
