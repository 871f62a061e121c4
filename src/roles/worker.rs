//! The role that counts: it reads what nodes have shipped
//! to Kafka and commits rollups to the store they share.
//!
//! It serves no visitor: `/metrics` and `/livez` on the admin port are all there is to reach. Any number of
//! workers share the partitions; each may die at any moment.

use crate::config::Settings;
use crate::data_folder::DataFolder;
use crate::engines::{Pipelines, Store};
use crate::{admin, metrics};
use curtail_runtime::shutdown::{StopSignals, shutdown};

/// Runs a worker until it is told to stop.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work(settings))
}

async fn work(settings: &Settings) -> anyhow::Result<()> {
    let signals = StopSignals::listen()?;
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
    let signal = signals.received().await;
    tracing::info!(signal, "stopping: committing what has been read");
    stop.now();
    let grace = settings.shutdown.grace;
    let status = tokio::task::spawn_blocking(move || pipelines.drain(grace)).await?;
    store.close().await;
    tracing::info!(counted = status.counted, "stopped");
    Ok(())
}
