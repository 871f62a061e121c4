//! The recorded redirect beside nginx: CPU per request, rates, and latency at half of each server's own
//! greatest rate.
//!
//! Both serve the same links to the same client in the same run, in alternating rounds, each pinned to one
//! core while the client has the other. CPU per request comes from the kernel's accounts of the server, so
//! that it does not depend on the client. Every answer is checked, and after each round Curtail must have
//! counted exactly the redirects it gave, and nginx logged them.

use super::sides::{Client, Compared, Load, Rate, Sides};
use crate::report::Report;
use crate::server::{curtail, nginx};
use crate::settings::{self, Settings};
use crate::workload::agents::{self, Headers};
use crate::workload::{Links, Redirects};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Links on each server
    #[arg(long, default_value_t = 1_000_000)]
    links: usize,
    /// Connections, where the measurement does not say otherwise
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// What the requests of the main figure say of their visitor
    #[arg(long, value_enum, default_value_t = Headers::Plain)]
    headers: Headers,
    /// A file with a user agent on each line, for the requests of browsers
    #[arg(long, value_name = "FILE")]
    user_agents: Option<PathBuf>,
    /// Which figures to take, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Figures::ALL)]
    figures: Vec<Figures>,
    /// 10 M links, of which the cache holds a tenth; Curtail alone
    #[arg(long)]
    large: bool,
}

/// A group of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Figures {
    /// Kept-alive connections, as fast as they are answered: the main figure
    KeepAlive,
    /// The same with the headers of browsers
    Browsers,
    /// One request for each connection
    Single,
    /// Both kinds of connections, loaded by wrk instead of our own client
    Wrk,
    /// Latency at half of each server's own greatest rate, for the two kinds of connections
    Half,
    /// 1, 1,000 and 10,000 connections
    Connections,
}

impl Figures {
    const ALL: [Figures; 6] = [
        Figures::KeepAlive,
        Figures::Browsers,
        Figures::Single,
        Figures::Wrk,
        Figures::Half,
        Figures::Connections,
    ];
}

/// Rounds of latencies and numbers of connections, at most.
const VARIANT_ROUNDS: usize = 3;
/// Links of a quick run.
const QUICK_LINKS: usize = 20_000;
/// Of 10 M links, a tenth fits: so many bytes at the 130 that a cached link may take.
const SMALL_CACHE_BYTES: usize = 1_000_000 * 130;
const LARGE_LINKS: usize = 10_000_000;

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    if options.large {
        return run_large(settings, options, folder.path());
    }
    let count = if settings.quick { options.links.min(QUICK_LINKS) } else { options.links };
    let core = Some(settings.server_core);
    let mut ours = None;
    let mut links = Links::invented(if settings.ours() { 0 } else { count })?;
    if settings.ours() {
        let curtail = curtail::start(&settings.binary()?, &folder.path().join("data"), core, &[])?;
        links = curtail.import(count)?.0;
        curtail.process.wait_until_at_rest()?;
        ours = Some(curtail);
    }
    let peer =
        settings.peer().then(|| nginx::start(&links, &folder.path().join("nginx"), core)).transpose()?;
    let mut sides = Sides::new(settings, settings.round(), folder.path(), ours, peer)?;
    let agents = user_agents(options)?;
    let main = Load {
        client: Client::Ours,
        headers: options.headers,
        connections: options.connections,
        keep_alive: true,
        rate: Rate::Greatest,
        beside_bare: false,
    };
    let tails = agents::tails(main.headers, &agents, true);
    sides.warm(main, &mut Redirects::each_once(&links, tails))?;
    let mut redirects = Redirects::by_popularity(&links);
    let mut report = Report::new("redirect", if settings.peer() { nginx::version()? } else { "none".into() });
    report.note(format!(
        "{count} links with 90-byte destinations, keys by Zipf's law (exponent 1.0); the server has one core, the client the other; \
         nginx: one worker, map, return 302, buffered JSON access log"
    ));
    redirects.set_tails(agents::tails(main.headers, &agents, true));
    let mut compare = |load: Load, rounds: usize| {
        redirects.set_tails(agents::tails(load.headers, &agents, load.keep_alive));
        sides.compare(load, rounds, &mut redirects)
    };
    report.note(
        "the bare loop: epoll and a fixed answer to whatever comes, nothing looked up and nothing recorded: the \
         kernel's share",
    );
    for figures in &options.figures {
        add(&mut report, *figures, main, settings.rounds(), &mut compare)?;
    }
    report.note("after every round Curtail had counted, and nginx had logged, exactly the redirects that were answered");
    let is_whole = Figures::ALL.iter().all(|figures| options.figures.contains(figures));
    report.publish(&if is_whole { settings.results() } else { settings.results_of_some() })
}

fn user_agents(options: &Options) -> Result<Vec<String>> {
    options.user_agents.as_deref().map_or_else(|| Ok(agents::built_in()), agents::from_file)
}

/// 10 M links in a store, a cache for a tenth of them, and visitors who ask by Zipf's law: what a miss costs.
fn run_large(settings: &Settings, options: &Options, folder: &Path) -> Result<()> {
    let count = if settings.quick { QUICK_LINKS } else { LARGE_LINKS };
    let cache = if settings.quick { SMALL_CACHE_BYTES / 500 } else { SMALL_CACHE_BYTES };
    let core = Some(settings.server_core);
    let cache_bytes = [("CURTAIL_CACHE_BYTES", cache.to_string())];
    let curtail = curtail::start(&settings.binary()?, &folder.join("data"), core, &cache_bytes)?;
    let links = curtail.import(count)?.0;
    curtail.process.wait_until_at_rest()?;
    let mut sides = Sides::new(settings, settings.round(), folder, Some(curtail), None)?;
    let agents = user_agents(options)?;
    let mut redirects = Redirects::by_popularity(&links);
    redirects.set_tails(agents::tails(options.headers, &agents, true));
    let load = Load {
        client: Client::Ours,
        headers: options.headers,
        connections: options.connections,
        keep_alive: true,
        rate: Rate::Greatest,
        beside_bare: false,
    };
    // The first round fills the cache as visitors do.
    sides.compare(load, 1, &mut redirects)?;
    let warm = sides.compare(load, settings.rounds(), &mut redirects)?;
    let mut report = Report::new("redirect-large", "none");
    report.note(format!(
        "{count} links, CURTAIL_CACHE_BYTES={cache}: room for a tenth; keys by Zipf's law (exponent 1.0)"
    ));
    add_main(&mut report, &warm);
    let half = Load { rate: warm.half_rate(), ..load };
    add_latency(&mut report, "at half of that rate", &sides.compare(half, 1, &mut redirects)?);
    report.publish(&settings.results())
}

fn add_main(report: &mut Report, kept: &Compared) {
    add_closed(report, "keep-alive", Some("ratio <= 0.60"), kept);
    add_client(report, kept);
    report.add(kept.figure("  client: CPU per request", "us", |round| round.client_cpu_micros));
    let bare = kept.figure_of_bare("  the bare loop: CPU per request", "us", |round| round.cpu_micros);
    bare.into_iter().for_each(|figure| report.add(figure));
    report.add(
        kept.figure("  everything else on the machine", "% of a core", |round| round.others_busy * 100.0),
    );
}

/// What a server takes and gives when it is asked as fast as it answers.
fn add_closed(report: &mut Report, what: &str, target: Option<&'static str>, closed: &Compared) {
    let cpu = closed.figure(format!("{what}: CPU per request"), "us", |round| round.cpu_micros);
    report.add(match target {
        Some(target) => cpu.target(target),
        None => cpu,
    });
    report.add(
        closed.figure("  counting or logging the rest included", "us", |round| round.cpu_drained_micros),
    );
    report.add(closed.figure("  rate on one core", "requests/s", |round| round.rate));
    report.add(closed.figure("  server on its core", "%", |round| round.server_busy * 100.0));
}

fn add_client(report: &mut Report, closed: &Compared) {
    report.add(closed.figure("  client on its core", "%", |round| round.client_busy * 100.0));
}

fn add(
    report: &mut Report,
    figures: Figures,
    main: Load,
    rounds: usize,
    compare: &mut impl FnMut(Load, usize) -> Result<Compared>,
) -> Result<()> {
    let few = rounds.min(VARIANT_ROUNDS);
    let single = Load { keep_alive: false, ..main };
    match figures {
        Figures::KeepAlive => add_main(report, &compare(Load { beside_bare: true, ..main }, rounds)?),
        Figures::Browsers => {
            let browsers = compare(Load { headers: Headers::Browser, ..main }, rounds)?;
            report.add(browsers.figure("headers of browsers: CPU per request", "us", |r| r.cpu_micros));
        }
        Figures::Single => {
            let closed = compare(single, rounds)?;
            add_closed(report, "one request per connection", Some("ratio < 1"), &closed);
            add_client(report, &closed);
        }
        Figures::Wrk => {
            for (what, load) in [("wrk, keep-alive", main), ("wrk, one request per connection", single)] {
                add_closed(report, what, None, &compare(Load { client: Client::Wrk, ..load }, few)?);
            }
        }
        Figures::Half => {
            for (what, load) in
                [("keep-alive at half of its rate", main), ("one request per connection at half", single)]
            {
                let rate = compare(load, few)?.half_rate();
                add_latency(report, what, &compare(Load { rate, ..load }, few)?);
            }
        }
        Figures::Connections => {
            for connections in [1, 1_000, 10_000] {
                let what = format!("{connections} connections: CPU per request");
                let compared = compare(Load { connections, ..main }, few)?;
                report.add(compared.figure(what, "us", |round| round.cpu_micros));
                report.add(compared.figure("  rate on one core", "requests/s", |round| round.rate));
                report.add(compared.figure("  p99", "us", |round| round.p99_micros));
            }
        }
    }
    Ok(())
}

fn add_latency(report: &mut Report, what: &str, compared: &Compared) {
    report.add(compared.figure(format!("{what}: p99"), "us", |round| round.p99_micros).target("ratio < 1"));
    report.add(compared.figure("  p50", "us", |round| round.p50_micros));
    report.add(compared.figure("  rate", "requests/s", |round| round.rate));
    report.add(compared.figure("  p99 of what the client adds", "us", |round| round.lateness_p99_micros));
}
