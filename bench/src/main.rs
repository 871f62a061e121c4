//! The measurements of the README, each with its peer in the same run; every one prints a table and writes a
//! result file.

mod accounting;
mod http;
mod load;
mod machine;
mod measure;
mod pgbench;
mod report;
mod server;
mod services;
mod settings;
mod sqlite;
mod workload;
mod wrk;

use anyhow::{Result, ensure};
use clap::Parser;
use measure::{
    changes, clicks, create, kafka, memory, misses, pipeline, postgres, redirect, redis, replay, start, stats,
};
use settings::Settings;
use std::ffi::OsString;
use std::process::Command;

/// The server's own, so that the pipeline is measured with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Curtail and its peers on this machine.
#[derive(Parser)]
#[command(name = "dev/bench")]
struct Arguments {
    #[command(subcommand)]
    measurement: Measurement,
    #[command(flatten)]
    settings: Settings,
}

#[derive(clap::Subcommand)]
enum Measurement {
    /// CPU and latency of a recorded redirect, beside nginx
    Redirect(redirect::Options),
    /// New links a second, one by one and in bulk, beside SQLite alone
    Create(create::Options),
    /// Clicks a second from the journal to committed rollups
    Pipeline(pipeline::Options),
    /// CPU and disk that a counted click costs at rates of real servers, beside nginx and its log
    Clicks(clicks::Options),
    /// Time from start to the first redirect, with millions of links on disk
    Start(start::Options),
    /// Latency of the stats of a link with 100 M clicks
    Stats(stats::Options),
    /// Memory, idle and for each cached link, and the size of the program
    Memory(memory::Options),
    /// Real input from files: urls, user agents and crawlers, each counted as what it is
    Replay(replay::Options),
    /// All of these, one after the other, but for the replay
    All,
    /// New links a second on PostgreSQL, beside pgbench and COPY on the same server
    Postgres(postgres::Options),
    /// Clicks a second from the journal through Kafka to rollups in PostgreSQL
    Kafka(kafka::Options),
    /// Time until a change is seen by all of three servers
    Changes(changes::Options),
    /// Latency of a redirect that no cache has, read from a replica
    Misses(misses::Options),
    /// Memory of Redis for each link
    Redis(redis::Options),
    /// All that need PostgreSQL, Redis or Kafka: run dev/services start first
    Tier,
    /// The bare server that `redirect` takes the kernel's own share from
    #[command(hide = true)]
    Floor {
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    machine::raise_open_files()?;
    let settings = &arguments.settings;
    match &arguments.measurement {
        Measurement::Redirect(options) => redirect::run(settings, options),
        Measurement::Create(options) => create::run(settings, options),
        Measurement::Pipeline(options) => pipeline::run(settings, options),
        Measurement::Clicks(options) => clicks::run(settings, options),
        Measurement::Kafka(options) => kafka::run(settings, options),
        Measurement::Start(options) => start::run(settings, options),
        Measurement::All => each(&["redirect", "create", "pipeline", "clicks", "start", "stats", "memory"]),
        Measurement::Postgres(options) => postgres::run(settings, options),
        Measurement::Changes(options) => changes::run(settings, options),
        Measurement::Misses(options) => misses::run(settings, options),
        Measurement::Redis(options) => redis::run(settings, options),
        Measurement::Tier => each(&["postgres", "kafka", "changes", "misses", "redis"]),
        Measurement::Floor { listen } => server::floor::run(*listen),
        Measurement::Stats(options) => stats::run(settings, options),
        Measurement::Memory(options) => memory::run(settings, options),
        Measurement::Replay(options) => replay::run(settings, options),
    }
}

/// Runs each of these in a process of its own, with the options that this one was given.
fn each(names: &[&str]) -> Result<()> {
    let is_name = |argument: &OsString| argument == "all" || argument == "tier";
    let options: Vec<_> = std::env::args_os().skip(1).filter(|argument| !is_name(argument)).collect();
    for name in names {
        let status = Command::new(std::env::current_exe()?).arg(name).args(&options).status()?;
        ensure!(status.success(), "{name} has failed");
    }
    Ok(())
}
