//! How far counting is, in JSON.

use super::words;
use curtail_clicks::pipeline::Status;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How far counting is in the process that answers. Counts are since it started.
#[derive(Serialize, ToSchema)]
#[schema(as = Pipeline)]
pub(crate) struct PipelineJson {
    #[schema(schema_with = words::part)]
    part: &'static str,
    /// Whether nothing keeps it from its work just now. What does is in its log.
    healthy: bool,
    /// Clicks that were to be recorded: those that were kept, and those that were dropped.
    #[schema(example = 120_400)]
    produced: u64,
    /// Clicks that earlier processes left in the journal, as far as it has been read (`lag.backlog_bytes` are
    /// still to be). Where part is `alone`, at any moment: produced + recovered = counted + dropped + damaged
    /// + lag.clicks.
    recovered: u64,
    /// Clicks that the log between nodes has acknowledged.
    shipped: u64,
    /// Clicks in the stats; those that earlier processes left count here too.
    #[schema(example = 120_395)]
    counted: u64,
    /// Of these, clicks that the store does not have yet. The journal has them.
    #[schema(example = 2_100)]
    unwritten: u64,
    /// Deliveries that came again and had been counted before.
    repeated: u64,
    /// Clicks that were not kept, by reason.
    #[schema(example = json!({"disk_full": 0}))]
    dropped: BTreeMap<&'static str, u64>,
    /// Records that were no clicks and were set aside, by reason.
    #[schema(example = json!({"malformed": 0}))]
    poison: BTreeMap<&'static str, u64>,
    /// Clicks that could not be read back.
    damaged: u64,
    /// What waits in this process.
    lag: LagJson,
    /// Clicks of all nodes that are in the log between nodes and that no worker has counted. `null` where
    /// there is no such log, and while it cannot be asked.
    #[schema(required)]
    log_waiting: Option<u64>,
    /// Disk that the journal takes.
    journal_bytes: u64,
    /// Partitions of the log that this worker counts.
    partitions: u64,
    /// Commits to the store.
    commits: CommitsJson,
    /// Errors of brokers, or of the way to them.
    broker_errors: u64,
}

/// What waits.
#[derive(Serialize, ToSchema)]
#[schema(as = Lag)]
struct LagJson {
    /// Clicks that wait to be counted, or to be handed on.
    #[schema(example = 5)]
    clicks: u64,
    /// The age of the oldest.
    #[schema(example = 120)]
    milliseconds: u64,
    /// Journal of earlier processes that has not been read; its clicks are not in `clicks`.
    backlog_bytes: u64,
}

/// Commits by how they ended.
#[derive(Serialize, ToSchema)]
#[schema(as = Commits)]
struct CommitsJson {
    made: u64,
    /// Each was tried again.
    failed: u64,
    /// They changed nothing, because others count those clicks now.
    fenced: u64,
}

impl From<&Status> for PipelineJson {
    fn from(status: &Status) -> PipelineJson {
        PipelineJson {
            part: status.part.as_str(),
            healthy: status.last_error.is_none(),
            produced: status.produced,
            recovered: status.recovered,
            shipped: status.shipped,
            counted: status.counted,
            unwritten: status.unwritten,
            repeated: status.repeated,
            dropped: status.dropped.iter().map(|(reason, clicks)| (reason.as_str(), *clicks)).collect(),
            poison: status.poison.iter().map(|(reason, records)| (reason.as_str(), *records)).collect(),
            damaged: status.damaged,
            lag: LagJson {
                clicks: status.lag_clicks,
                milliseconds: status.lag_millis,
                backlog_bytes: status.backlog_bytes,
            },
            log_waiting: status.log_waiting,
            journal_bytes: status.journal_bytes,
            partitions: status.partitions,
            commits: CommitsJson {
                made: status.commits,
                failed: status.commits_failed,
                fenced: status.commits_fenced,
            },
            broker_errors: status.broker_errors,
        }
    }
}
