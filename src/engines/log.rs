//! The log: a node's own journal, or Kafka where it is set (`log/kafka.rs`); and who counts.

#[cfg(feature = "kafka")]
mod kafka;

#[cfg(feature = "kafka")]
pub(crate) use kafka::kafka_config;

use super::Store;
use crate::config::Settings;
use curtail_clicks::journal;
use curtail_clicks::pipeline::{self, Hold, Pipeline, Retention, Status, Watch};
use curtail_clicks::recorder::Recorder;
use curtail_clicks::salt::Salts;
use curtail_store::Rollups;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clicks that are counted in one commit, at most; it bounds the memory of counting: about 50 bytes for each,
/// and while they are written a few hundred for each link of them.
const BATCH_CLICKS_MAX: usize = 100_000;
/// The same where they are held: the more there are, the less each costs.
const HELD_CLICKS_MAX: usize = 250_000;

/// What a node that serves visitors records clicks with.
pub(crate) struct Recording {
    /// One for each core.
    pub(crate) recorders: Vec<Recorder>,
    pub(crate) pipelines: Pipelines,
    /// What they tell visitors apart by.
    pub(crate) salts: Arc<Salts>,
}

/// What becomes of clicks in this process.
pub(crate) struct Pipelines {
    /// Counts or ships what this process records; of a worker, what counts.
    main: Pipeline,
    /// Counts what nodes have shipped, beside a main one that ships.
    worker: Option<Pipeline>,
    /// Tells how far it is.
    watch: Watch,
}

impl Recording {
    /// Starts recording, and counting or shipping what is recorded.
    pub(crate) async fn start(
        settings: &Settings,
        folder: &Path,
        store: &Store,
    ) -> anyhow::Result<Recording> {
        #[cfg(feature = "kafka")]
        if let Some(config) = kafka_config(settings) {
            return kafka::ship(settings, folder, store, config).await;
        }
        let counted = store.rollups.positions().await?;
        let journal = journal_config(settings, folder);
        let is_gone = matches!(journal.folder.try_exists(), Ok(false));
        if settings.database.url.is_none() && !counted.is_empty() && is_gone {
            tracing::warn!(
                folder = %journal.folder.display(),
                "the folder of the journal is gone, clicks of which were counted. After a restore from a copy that is as it \
                 should be; else those that were not counted yet are lost, and nobody can say how many"
            );
        }
        journal::end_shipping(&journal.folder, &counted)?;
        let (recorders, reader, keeper) = journal::open(journal, &counted)?;
        let hold = hold(settings);
        let config = pipeline::Config {
            geo_path: settings.geo.path.clone(),
            retention: retention(settings),
            commit_interval: settings.clicks.commit_interval,
            batch_clicks_max: if hold.is_some() { HELD_CLICKS_MAX } else { BATCH_CLICKS_MAX },
            waiting_clicks_max: waiting_clicks_max(settings),
            hold,
        };
        let salts = keeper.salts();
        let main = pipeline::start(config, reader, keeper, store.rollups.clone())?;
        let watch = main.watch();
        Ok(Recording { recorders, pipelines: Pipelines { main, worker: None, watch }, salts })
    }
}

impl Pipelines {
    /// What stats are read from: the store, and what is counted here and not written yet.
    pub(crate) fn rollups(&self, store: &Store) -> Arc<dyn Rollups> {
        self.main.rollups().unwrap_or_else(|| store.rollups.clone())
    }

    /// What tells how far it is.
    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Counts or ships what there is, as far as there is time before `end`. May block.
    pub(crate) fn drain(self, end: Instant) -> Status {
        let left = || end.saturating_duration_since(Instant::now());
        self.main.drain(left());
        if let Some(worker) = self.worker {
            worker.drain(left());
        }
        self.watch.status()
    }
}

#[cfg(not(feature = "kafka"))]
impl Pipelines {
    /// A worker has nothing to do without Kafka, which the settings say first.
    pub(crate) async fn work(_: &Settings, _: &Path, _: &Store) -> anyhow::Result<Pipelines> {
        anyhow::bail!("role: a worker needs Kafka, which this program was built without")
    }
}

fn journal_config(settings: &Settings, folder: &Path) -> journal::Config {
    journal::Config {
        folder: folder.join("journal"),
        streams: settings.server.threads,
        segment_bytes: settings.clicks.segment_bytes,
        bytes_max: settings.clicks.journal_bytes,
        sync_interval: settings.clicks.sync_interval,
    }
}

/// An embedded store is read through this process alone, which knows what is
/// not written yet. A quarter of the journal may be used for that: two segments
/// of each thread and what an earlier process left always fit beside it.
fn hold(settings: &Settings) -> Option<Hold> {
    let embedded = settings.database.url.is_none() && !settings.clicks.write_interval.is_zero();
    let journal_bytes_max = settings.clicks.journal_bytes / 4;
    embedded.then_some(Hold { at_most: settings.clicks.write_interval, journal_bytes_max })
}

/// Clicks that may wait while redirects use up all cores: a quarter of what the journal has room for.
fn waiting_clicks_max(settings: &Settings) -> u64 {
    settings.clicks.journal_bytes / journal::CLICK_BYTES as u64 / 4
}

/// How long rollups are kept.
pub(crate) fn retention(settings: &Settings) -> Retention {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Retention {
        minutes_kept_millis: millis(settings.clicks.minute_retention),
        hours_kept_millis: millis(settings.clicks.hour_retention),
        days_kept_millis: settings.clicks.day_retention.map(millis),
    }
}
