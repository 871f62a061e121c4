//! What a click costs a small server: CPU and disk of a redirect that is counted, at rates of real servers.
//!
//! The other measurements ask as fast as possible, where a click shares its pages of SQLite with many others.
//! Here it comes alone, and most of its cost is the writing. The peer is nginx, which appends a line to its
//! log for each click and counts none.

use super::sides::{Client, Load, Rate, Sides};
use crate::report::Report;
use crate::server::{curtail, nginx};
use crate::settings::{self, Settings};
use crate::workload::Redirects;
use crate::workload::agents::{self, Headers};
use anyhow::Result;
use std::time::Duration;

/// Redirects in a second: what the whole design has to carry on average, and a busy server's hour.
const RATES: [f64; 2] = [400.0, 2_000.0];
/// As the server has it by default: the other measurements write more often.
const WRITE_SECONDS: &str = "30";
const QUICK_WRITE_SECONDS: &str = "1";
const QUICK_LINKS: usize = 1_000;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Links on each server
    #[arg(long, default_value_t = 200_000)]
    links: usize,
    /// Connections
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Seconds of load at each rate; what was counted is written every 30
    #[arg(long, default_value_t = 75.0)]
    load_seconds: f64,
}

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let count = if settings.quick { QUICK_LINKS } else { options.links };
    let core = Some(settings.server_core);
    let write_seconds = if settings.quick { QUICK_WRITE_SECONDS } else { WRITE_SECONDS };
    let set = [("CURTAIL_CLICKS_WRITE_SECONDS", write_seconds.to_owned())];
    let curtail = curtail::start(&settings.binary()?, &folder.path().join("data"), core, &set)?;
    let links = curtail.import(count)?.0;
    curtail.process.wait_until_at_rest()?;
    let ours = settings.ours().then_some(curtail);
    let peer =
        settings.peer().then(|| nginx::start(&links, &folder.path().join("nginx"), core)).transpose()?;
    let round = if settings.quick { settings.round() } else { Duration::from_secs_f64(options.load_seconds) };
    let mut sides = Sides::new(settings, round, folder.path(), ours, peer)?;
    let mut redirects = Redirects::by_popularity(&links);
    redirects.set_tails(agents::tails(Headers::Browser, &agents::built_in(), true));
    let mut report = Report::new("clicks", if settings.peer() { nginx::version()? } else { "none".into() });
    report.note(format!(
        "{count} links, keys by Zipf's law (exponent 1.0), headers of browsers, {} s of load; Curtail writes what it has \
         counted every {write_seconds} s; nginx logs each click and counts none",
        round.as_secs_f64()
    ));
    for rate in RATES {
        let load = Load {
            client: Client::Ours,
            headers: Headers::Browser,
            connections: options.connections,
            keep_alive: true,
            rate: Rate::Fixed { ours: rate, peer: rate },
            beside_bare: false,
        };
        let compared = sides.compare(load, 1, &mut redirects)?;
        let disk = format!("{rate} redirects a second: disk written for each");
        report.add(compared.figure(disk, "bytes", |round| round.disk_bytes));
        report.add(
            compared.figure("  CPU for each, counting or logging included", "us", |round| {
                round.cpu_drained_micros
            }),
        );
        report.add(compared.figure("  p99", "us", |round| round.p99_micros));
    }
    report.publish(&settings.results())
}
