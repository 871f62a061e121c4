//! Clicks from a node's journal through Kafka into the store,
//! with the broker and the database on the same machine.
//!
//! A journal is filled through the recorder. Then a node ships it while a worker counts, until every click is
//! in a committed rollup. Both are threads of this process; broker and database are those that `dev/services`
//! starts.

use super::pipeline::{
    BATCH_CLICKS_MAX, COMMIT_INTERVAL, COUNTING_MAX, PER_SECOND, QUICK_CLICKS, fill, open,
};
use crate::accounting;
use crate::report::{Figure, Measured, Report};
use crate::services::Database;
use crate::settings::{self, Settings};
use crate::workload::agents;
use anyhow::{Result, ensure};
use curtail_clicks::kafka::{Config, Topic};
use curtail_clicks::pipeline::{self, Pipeline, Retention, ShipConfig, WorkConfig};
use curtail_model::{Alphabet, CodeScheme, Timestamp};
use curtail_servers::service;
use curtail_store::{Rollups, postgres};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Clicks to count in a round
    #[arg(long, default_value_t = 2_000_000)]
    clicks: u32,
    /// Partitions of the topic
    #[arg(long, default_value_t = 12)]
    partitions: u16,
    /// A file with a user agent on each line
    #[arg(long, value_name = "FILE")]
    user_agents: Option<PathBuf>,
}

const RETENTION: Retention = Retention {
    minutes_kept_millis: 2 * Timestamp::DAY,
    hours_kept_millis: 90 * Timestamp::DAY,
    days_kept_millis: None,
};

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let agents = options.user_agents.as_deref().map_or_else(|| Ok(agents::built_in()), agents::from_file)?;
    let clicks = if settings.quick { QUICK_CLICKS } else { options.clicks };
    let brokers = service("CURTAIL_TEST_KAFKA");
    let mut ours = Vec::new();
    for round in 0..settings.rounds().min(3) {
        let journal = folder.path().join(format!("{round}/journal"));
        fill(&journal, &agents, clicks)?;
        ours.push(measure_round(&journal, &brokers, options.partitions, clicks)?);
    }
    let column = |value: fn(&Counted) -> f64| Measured::of(ours.iter().map(value).collect());
    let mut report = Report::new("kafka", "none");
    let rate =
        Figure::new("journal through Kafka to committed rollups in PostgreSQL, whole machine", "clicks/s");
    report.add(rate.ours(column(|counted| counted.rate)).target(">= 100,000"));
    let shipped = Figure::new("  journal to acknowledged by Kafka, while they are counted", "clicks/s");
    report.add(shipped.ours(column(|counted| counted.shipped_rate)));
    let ours_cpu = Figure::new("  CPU per click, node and worker", "us");
    report.add(ours_cpu.ours(column(|counted| counted.cpu_micros)));
    let machine = Figure::new("  CPU per click, the machine with broker and database", "us");
    report.add(machine.ours(column(|counted| counted.machine_micros)));
    let batches = Figure::new("  clicks in a commit", "clicks");
    report.add(batches.ours(column(|counted| counted.clicks_per_commit)));
    report.note(format!(
        "{clicks} clicks at {PER_SECOND}/s on 1 M links by Zipf's law; {} partitions, one node, one worker",
        options.partitions
    ));
    report.publish(&settings.results())
}

struct Counted {
    rate: f64,
    shipped_rate: f64,
    cpu_micros: f64,
    machine_micros: f64,
    clicks_per_commit: f64,
}

fn measure_round(journal: &Path, brokers: &str, partitions: u16, clicks: u32) -> Result<Counted> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let database = Database::make("kafka")?;
    let address = postgres::Settings::of(database.url(), CodeScheme::Permuted, Alphabet::Base62);
    let store = runtime.block_on(postgres::open(address))?;
    let name = format!("bench-{}", std::process::id());
    let kafka = Config { brokers: brokers.to_owned(), topic: name, replaces: None };
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    make_topic(&runtime, &admin, &kafka.topic, partitions)?;
    let counted = count(&runtime, journal, &kafka, &store.rollups, clicks);
    let removed = runtime.block_on(admin.delete_topics(&[&kafka.topic], &AdminOptions::new()));
    runtime.block_on(store.close());
    removed?;
    counted
}

fn make_topic(
    runtime: &Runtime,
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
    partitions: u16,
) -> Result<()> {
    let topic = NewTopic::new(name, partitions.into(), TopicReplication::Fixed(1));
    let made = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new()))?;
    for made in made {
        made.map_err(|(topic, error)| anyhow::anyhow!("topic {topic}: {error}"))?;
    }
    Ok(())
}

/// Starts a worker, and once it has its partitions, a node; waits until all is counted.
fn count(
    runtime: &Runtime,
    journal: &Path,
    kafka: &Config,
    rollups: &Arc<dyn Rollups>,
    clicks: u32,
) -> Result<Counted> {
    let topic = runtime.block_on(Topic::find(kafka, &**rollups))?;
    let config = WorkConfig {
        folder: journal.to_owned(),
        retention: RETENTION,
        commit_interval: COMMIT_INTERVAL,
        batch_clicks_max: BATCH_CLICKS_MAX,
    };
    let worker = pipeline::work(config, kafka, topic.clone(), Arc::clone(rollups))?;
    until(&worker, COUNTING_MAX, |status| status.partitions == u64::from(topic.partitions))?;
    let (_recorders, reader, keeper) = open(journal)?;
    let config = ShipConfig {
        geo_path: None,
        journal_folder: journal.to_owned(),
        interval: COMMIT_INTERVAL,
        waiting_clicks_max: 0,
    };
    let (own, machine, begun) = (accounting::own_cpu()?, accounting::machine_cpu()?, Instant::now());
    let node = pipeline::ship(config, reader, keeper, kafka.clone(), topic)?;
    let shipping = until(&node, COUNTING_MAX, |status| status.shipped == u64::from(clicks))?;
    until(&worker, COUNTING_MAX, |status| status.counted >= u64::from(clicks))?;
    let took = begun.elapsed();
    let (own, machine) = (accounting::own_cpu()? - own, accounting::machine_cpu()? - machine);
    node.drain(Duration::from_secs(10));
    let status = worker.drain(Duration::from_secs(10));
    ensure!(status.counted == u64::from(clicks) && status.repeated == 0, "counted wrongly: {status:?}");
    let per_click = |cpu: Duration| cpu.as_secs_f64() * 1e6 / f64::from(clicks);
    Ok(Counted {
        rate: f64::from(clicks) / took.as_secs_f64(),
        shipped_rate: f64::from(clicks) / shipping.as_secs_f64(),
        cpu_micros: per_click(own),
        machine_micros: per_click(machine),
        clicks_per_commit: f64::from(clicks) / status.commits.max(1) as f64,
    })
}

/// Waits until a pipeline is so far, and answers how long that took.
fn until(pipeline: &Pipeline, most: Duration, is_so: impl Fn(&pipeline::Status) -> bool) -> Result<Duration> {
    let begun = Instant::now();
    while !is_so(&pipeline.status()) {
        ensure!(begun.elapsed() < most, "it does not get there: {:?}", pipeline.status());
        thread::sleep(Duration::from_millis(2));
    }
    Ok(begun.elapsed())
}
