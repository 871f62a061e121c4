//! The log: a node's own journal, or Kafka where it is set; and who counts.

use super::Store;
use crate::config::{Role, Settings};
use curtail_clicks::journal;
use curtail_clicks::kafka::{self, Backlog, Topic};
use curtail_clicks::pipeline::{self, Pipeline, Retention, ShipConfig, Status, Watch, WorkConfig};
use curtail_clicks::recorder::Recorder;
use std::path::Path;
use std::time::{Duration, Instant};

/// Clicks that are folded before they are committed, at most; it bounds the memory of counting.
const BATCH_CLICKS_MAX: usize = 100_000;
/// The same for workers, which have no visitors to be small for, and a way to the store that large batches make up for.
const WORKER_BATCH_CLICKS_MAX: usize = 250_000;
/// What a click takes in the journal; a quarter of the journal may wait while redirects use up all cores.
const CLICK_BYTES: u64 = 48;

/// What a node that serves visitors records clicks with.
pub(crate) struct Recording {
    /// One for each core.
    pub(crate) recorders: Vec<Recorder>,
    pub(crate) pipelines: Pipelines,
}

/// What becomes of clicks in this process.
pub(crate) struct Pipelines {
    /// Counts or ships what this process records; of a worker, what counts.
    main: Pipeline,
    /// Counts what nodes have shipped, beside a main one that ships.
    worker: Option<Pipeline>,
    /// What waits between nodes and workers.
    backlog: Option<Backlog>,
}

impl Recording {
    /// Starts recording, and counting or shipping what is recorded.
    pub(crate) async fn start(
        settings: &Settings,
        folder: &Path,
        store: &Store,
    ) -> anyhow::Result<Recording> {
        let clicks = &settings.clicks;
        let counted = store.rollups.positions().await?;
        let config = journal::Config {
            dir: folder.join("journal"),
            streams: settings.server.threads,
            segment_bytes: clicks.segment_bytes,
            bytes_max: clicks.journal_bytes,
            sync_interval: clicks.sync_interval,
        };
        let journal = config.dir.clone();
        let waiting_clicks_max = clicks.journal_bytes / CLICK_BYTES / 4;
        let geo_path = settings.geo.path.clone();
        let Some(kafka) = kafka_config(settings) else {
            let (recorders, reader, keeper) = journal::open(config, &counted)?;
            let config = pipeline::Config {
                geo_path,
                retention: retention(settings),
                commit_interval: clicks.commit_interval,
                batch_clicks_max: BATCH_CLICKS_MAX,
                waiting_clicks_max,
            };
            let main = pipeline::start(config, reader, keeper, store.rollups.clone())?;
            return Ok(Recording { recorders, pipelines: Pipelines { main, worker: None, backlog: None } });
        };
        let topic = Topic::find_or_recall(&kafka, &*store.rollups).await?;
        let (recorders, reader, keeper) = journal::open(config, &counted)?;
        let config = ShipConfig { geo_path, journal, interval: clicks.commit_interval, waiting_clicks_max };
        let backlog = Some(Backlog::watch(&kafka, topic.clone(), store.rollups.clone())?);
        let main = pipeline::ship(config, reader, keeper, kafka, topic)?;
        let worker = match settings.server.role {
            Role::All => Some(Pipelines::work(settings, folder, store).await?.main),
            Role::App | Role::Worker => None,
        };
        Ok(Recording { recorders, pipelines: Pipelines { main, worker, backlog } })
    }
}

impl Pipelines {
    /// Starts counting what nodes have shipped, together with all other workers.
    pub(crate) async fn work(settings: &Settings, folder: &Path, store: &Store) -> anyhow::Result<Pipelines> {
        let kafka =
            kafka_config(settings).ok_or_else(|| anyhow::anyhow!("kafka.brokers: a worker needs it"))?;
        let topic = Topic::find(&kafka, &*store.rollups).await?;
        let config = WorkConfig {
            folder: folder.to_owned(),
            retention: retention(settings),
            commit_interval: settings.clicks.commit_interval,
            batch_clicks_max: WORKER_BATCH_CLICKS_MAX,
        };
        let backlog = Some(Backlog::watch(&kafka, topic.clone(), store.rollups.clone())?);
        let main = pipeline::work(config, &kafka, topic, store.rollups.clone())?;
        Ok(Pipelines { main, worker: None, backlog })
    }

    /// What tells how far it is.
    pub(crate) fn watch(&self) -> Watch {
        let watch = self.main.watch();
        match &self.backlog {
            Some(backlog) => watch.beside(backlog.clone()),
            None => watch,
        }
    }

    /// Counts or ships what there is, for as long as the deadline allows. May block.
    pub(crate) fn drain(self, deadline: Duration) -> Status {
        let end = Instant::now() + deadline;
        let status = self.main.drain(deadline);
        if let Some(worker) = self.worker {
            worker.drain(end.saturating_duration_since(Instant::now()));
        }
        status
    }
}

/// How long rollups are kept.
pub(crate) fn retention(settings: &Settings) -> Retention {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Retention {
        minutes_kept_ms: millis(settings.clicks.minute_retention),
        hours_kept_ms: millis(settings.clicks.hour_retention),
        days_kept_ms: settings.clicks.day_retention.map(millis),
    }
}

/// Kafka, where it is.
pub(crate) fn kafka_config(settings: &Settings) -> Option<kafka::Config> {
    let kafka = &settings.kafka;
    (!kafka.brokers.is_empty())
        .then(|| kafka::Config { brokers: kafka.brokers.join(","), topic: kafka.topic.clone() })
}
