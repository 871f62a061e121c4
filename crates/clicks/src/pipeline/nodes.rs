//! The two halves of a pipeline that has Kafka in the middle.

use super::counting::{Counting, Setup};
use super::shipping::Shipping;
use super::status::{Part, Shared};
use super::yielding::Yielding;
use super::{Pipeline, Retention, StartError, Watch, forget, keep, main_thread, open_geo, step_back};
use crate::enricher::Enricher;
use crate::journal::{Keeper, Reader, Shipped};
use crate::kafka::{self, KafkaLog, Producer, Topic};
use curtail_store::Rollups;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a node that ships.
#[derive(Clone, Debug)]
pub struct ShipConfig {
    /// An MMDB file with countries or cities.
    pub geo_path: Option<PathBuf>,
    /// The folder of the journal.
    pub journal_folder: PathBuf,
    /// How often what was clicked is handed on.
    pub interval: Duration,
    /// How many clicks may wait in the journal while redirects use up all cores.
    pub waiting_clicks_max: u64,
}

/// Settings of a worker.
#[derive(Clone, Debug)]
pub struct WorkConfig {
    /// Where records that are no clicks are set aside.
    pub folder: PathBuf,
    /// How long rollups are kept.
    pub retention: Retention,
    /// How often what was read is committed.
    pub commit_interval: Duration,
    /// How many clicks are counted in one commit; each takes about 50 bytes of memory until then, and four
    /// times that while it is committed.
    pub batch_clicks_max: usize,
}

/// Starts shipping what this process records. Brokers need not be there.
pub fn ship(
    config: ShipConfig,
    reader: Reader,
    keeper: Keeper,
    kafka: kafka::Config,
    topic: Topic,
) -> Result<Pipeline, StartError> {
    let ShipConfig { geo_path, journal_folder, interval, waiting_clicks_max } = config;
    let shared = Arc::new(Shared::of(Part::Node));
    let meter = keeper.meter();
    let mut shipping = Shipping::new(
        Shipped::open(&journal_folder, &reader.streams()).map_err(StartError::Shipped)?,
        reader,
        Enricher::new(open_geo(geo_path)?),
        Producer::new(kafka, topic, Arc::clone(&shared.tally)),
        Arc::clone(&shared),
        interval,
        Yielding::new(meter.clone(), waiting_clicks_max),
    );
    let (main, main_ended) = main_thread("shipping", move || {
        step_back();
        shipping.run();
    })?;
    let watch = Watch::of(shared, Some(meter));
    Ok(Pipeline { watch, overlay: None, main, main_ended, keeper: Some(keep(keeper)?), retention: None })
}

/// Starts counting what nodes have shipped, together with all other workers on the topic.
pub fn work(
    config: WorkConfig,
    kafka: &kafka::Config,
    topic: Topic,
    rollups: Arc<dyn Rollups>,
) -> Result<Pipeline, StartError> {
    let WorkConfig { folder, retention, commit_interval, batch_clicks_max } = config;
    let shared = Arc::new(Shared::of(Part::Worker));
    let log = KafkaLog::join(kafka, topic, &folder, Arc::clone(&rollups), Arc::clone(&shared.tally))?;
    let retention = forget(retention, Arc::clone(&rollups), &shared)?;
    // Others read what is counted here.
    let (hold, yielding) = (None, None);
    let (log, pending) = (Box::new(log), Arc::default());
    let setup = Setup { log, rollups, pending, hold, commit_interval, batch_clicks_max, yielding };
    let mut counting = Counting::new(setup, Arc::clone(&shared));
    let (main, main_ended) = main_thread("counting", move || counting.run())?;
    let watch = Watch::of(shared, None);
    Ok(Pipeline { watch, overlay: None, main, main_ended, keeper: None, retention: Some(retention) })
}
