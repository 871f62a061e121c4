//! The role that counts: it reads what nodes have shipped
//! to Kafka and commits rollups to the store they share.
//!
//! It serves no visitor: `/metrics` and `/livez` on the admin port are all there is to reach. Any number of
//! workers share the partitions; each may die at any moment.

use super::Running;
use crate::config::Settings;
use crate::data_folder::DataFolder;
use crate::engines::{Pipelines, Store};
use crate::{admin, metrics};
use curtail_runtime::shutdown::{Stop, shutdown};
use std::time::{Duration, Instant};

/// A worker that counts.
pub(super) struct Worker {
    folder: DataFolder,
    store: Store,
    pipelines: Pipelines,
    stop: Stop,
    grace: Duration,
}

/// Starts a worker.
pub(super) async fn start(settings: &Settings) -> anyhow::Result<Worker> {
    let folder = DataFolder::lock(&settings.server.data)?;
    let admin = admin::listen(settings)?;
    let store = Store::open(settings, folder.path()).await?;
    let pipelines = Pipelines::work(settings, folder.path(), &store).await?;
    let (stop, shutdown) = shutdown();
    if let Some(admin) = admin {
        let address = admin.local_addr()?;
        let shown = metrics::of_worker(pipelines.watch(), store.watch());
        tokio::spawn(admin::serve(admin, shown, settings.limits.idle_timeout, shutdown));
        tracing::info!(admin = %address, topic = settings.kafka.topic, "counting");
    } else {
        tracing::info!(topic = settings.kafka.topic, "counting");
    }
    Ok(Worker { folder, store, pipelines, stop, grace: settings.shutdown.grace })
}

impl Running for Worker {
    /// Commits what has been read.
    async fn stop(self) -> anyhow::Result<()> {
        let Worker { folder, store, pipelines, stop, grace } = self;
        let end = Instant::now() + grace;
        stop.by(end);
        let status = tokio::task::spawn_blocking(move || pipelines.drain(end)).await?;
        store.close().await;
        tracing::info!(counted = status.counted, "stopped");
        drop(folder);
        Ok(())
    }
}
