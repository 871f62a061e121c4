//! Kafka between nodes and workers: nodes ship what they record, workers count it.

use super::{Pipelines, Recording, journal_config, retention, waiting_clicks_max};
use crate::config::{Role, Settings};
use crate::engines::Store;
use anyhow::Context;
use curtail_clicks::journal;
use curtail_clicks::kafka::{self, Backlog, Topic};
use curtail_clicks::pipeline::{self, Pipeline, ShipConfig, WorkConfig};
use std::path::Path;

/// Clicks that a worker folds before they are committed, at most: it has no visitors to be small for, and a
/// way to the store that large batches make up for.
const BATCH_CLICKS_MAX: usize = 250_000;

/// Starts recording, shipping what is recorded, and with `role = "all"` counting what all nodes have shipped.
pub(super) async fn ship(
    settings: &Settings,
    folder: &Path,
    store: &Store,
    kafka: kafka::Config,
) -> anyhow::Result<Recording> {
    let counted = store.rollups.positions().await?;
    let topic = Topic::find_or_recall(&kafka, &*store.rollups).await?;
    let journal = journal_config(settings, folder);
    let config = ShipConfig {
        geo_path: settings.geo.path.clone(),
        journal_folder: journal.folder.clone(),
        interval: settings.clicks.commit_interval,
        waiting_clicks_max: waiting_clicks_max(settings),
    };
    let (recorders, reader, keeper) = journal::open(journal, &counted)?;
    let salts = keeper.salts();
    let backlog = Backlog::watch(&kafka, topic.clone(), store.rollups.clone())?;
    let main = pipeline::ship(config, reader, keeper, kafka, topic)?;
    let watch = main.watch().beside(backlog);
    let (worker, watch) = match settings.server.role {
        Role::All => {
            let (worker, _) = count(settings, folder, store).await?;
            let watch = watch.beside_worker(&worker);
            (Some(worker), watch)
        }
        Role::App | Role::Worker => (None, watch),
    };
    Ok(Recording { recorders, pipelines: Pipelines { main, worker, watch }, salts })
}

impl Pipelines {
    /// Starts counting what nodes have shipped, together with all other workers.
    pub(crate) async fn work(settings: &Settings, folder: &Path, store: &Store) -> anyhow::Result<Pipelines> {
        let (main, backlog) = count(settings, folder, store).await?;
        let watch = main.watch().beside(backlog);
        Ok(Pipelines { main, worker: None, watch })
    }
}

/// Starts counting. Answers beside it what waits to be counted, of all nodes.
async fn count(settings: &Settings, folder: &Path, store: &Store) -> anyhow::Result<(Pipeline, Backlog)> {
    let kafka = kafka_config(settings).context("kafka.brokers: a worker needs it")?;
    let topic = Topic::find(&kafka, &*store.rollups).await?;
    let config = WorkConfig {
        folder: folder.to_owned(),
        retention: retention(settings),
        commit_interval: settings.clicks.commit_interval,
        batch_clicks_max: BATCH_CLICKS_MAX,
    };
    let backlog = Backlog::watch(&kafka, topic.clone(), store.rollups.clone())?;
    let pipeline = pipeline::work(config, &kafka, topic, store.rollups.clone())?;
    Ok((pipeline, backlog))
}

/// Kafka, where it is.
pub(crate) fn kafka_config(settings: &Settings) -> Option<kafka::Config> {
    let kafka = &settings.kafka;
    (!kafka.brokers.is_empty()).then(|| kafka::Config {
        brokers: kafka.brokers.join(","),
        topic: kafka.topic.clone(),
        replaces: kafka.replaces.clone(),
    })
}
