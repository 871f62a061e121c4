//! The measurements of the README, each with its peer in the same run; every one prints a table and writes a result file.

mod accounting;
mod http;
mod load;
mod machine;
mod measure;
mod report;
mod server;
mod services;
mod settings;
mod sqlite;
mod workload;

use anyhow::{Result, ensure};
use clap::Parser;
use measure::{create, kafka, memory, pipeline, redirect, start, stats};
use settings::Settings;
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
    /// Clicks a second from the journal through Kafka to rollups in PostgreSQL; needs dev/services
    Kafka(kafka::Options),
    /// Time from start to the first redirect, with millions of links on disk
    Start(start::Options),
    /// Latency of the stats of a link with 100 M clicks
    Stats(stats::Options),
    /// All of these, one after the other
    All,
    /// The bare server that `redirect` takes the kernel's own share from
    #[command(hide = true)]
    Floor {
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
    /// Memory, idle and for each cached link, and the size of the program
    Memory(memory::Options),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    machine::raise_open_files()?;
    let settings = &arguments.settings;
    match &arguments.measurement {
        Measurement::Redirect(options) => redirect::run(settings, options),
        Measurement::Create(options) => create::run(settings, options),
        Measurement::Pipeline(options) => pipeline::run(settings, options),
        Measurement::Kafka(options) => kafka::run(settings, options),
        Measurement::Start(options) => start::run(settings, options),
        Measurement::All => all(),
        Measurement::Floor { listen } => server::floor::run(*listen),
        Measurement::Stats(options) => stats::run(settings, options),
        Measurement::Memory(options) => memory::run(settings, options),
    }
}

/// Runs every measurement in a process of its own, with the options that this one was given.
fn all() -> Result<()> {
    let options: Vec<_> = std::env::args_os().skip(1).filter(|argument| argument != "all").collect();
    for name in ["redirect", "create", "pipeline", "start", "stats", "memory"] {
        let status = Command::new(std::env::current_exe()?).arg(name).args(&options).status()?;
        ensure!(status.success(), "{name} has failed");
    }
    Ok(())
}
