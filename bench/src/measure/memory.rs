//! Memory: of an idle server, of each cached link, of many redirects; and the size of the program.
//!
//! A link's share is what one more link adds: the growth of anonymous memory from a server that has answered
//! for a quarter of a million links to the same server when it has answered for all of them. Told beside it
//! is the growth from one link to all, which has in it what is bounded however many links there are: the
//! pages that SQLite keeps, the batches of counting. Mapped files, such as journal segments, are told apart:
//! they belong to the kernel's cache. The peer is nginx with the same links in its map.

use crate::accounting::Memory;
use crate::load::{self, Pace, Plan, Until};
use crate::report::{Figure, Measured, Report};
use crate::server::curtail::{self, Curtail};
use crate::server::nginx;
use crate::settings::{self, Settings};
use crate::workload::agents::{self, Headers};
use crate::workload::{Links, Redirects};
use anyhow::Result;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Links to cache
    #[arg(long, default_value_t = 1_000_000)]
    links: usize,
}

const QUICK_LINKS: usize = 20_000;
/// A server is idle when it has done nothing for so long.
const IDLE: Duration = Duration::from_secs(3);
/// Between two looks at its memory.
const LOOK: Duration = Duration::from_millis(100);
const CONNECTIONS: usize = 64;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let count = if settings.quick { options.links.min(QUICK_LINKS) } else { options.links };
    let ours = settings.ours().then(|| ours(settings, &folder.path().join("data"), count)).transpose()?;
    let peer = settings.peer().then(|| peer(&folder.path().join("nginx"), count)).transpose()?;
    let mut report = Report::new("memory", if settings.peer() { nginx::version()? } else { "none".into() });
    let figure = |what: &str, unit: &'static str, column: fn(&Shown) -> Option<f64>| {
        let measured = |shown: &Option<Shown>| shown.as_ref().and_then(column).and_then(Measured::once);
        Figure::new(what, unit).ours(measured(&ours)).peer(measured(&peer))
    };
    report.add(
        figure("idle, without links", "MiB", |shown| Some(shown.idle.total() as f64 / MEBIBYTE))
            .target("<= 40"),
    );
    report.add(figure("  of this anonymous", "MiB", |shown| Some(shown.idle.anonymous as f64 / MEBIBYTE)));
    report.add(
        figure("each further cached link, 90-byte url", "bytes", |shown| Some(shown.each_link))
            .target("<= 130"),
    );
    report.add(figure("  from one link to all, with what is bounded", "bytes", |shown| shown.from_one));
    report.add(figure("  in all, with mapped files", "MiB", |shown| {
        Some(shown.warm.total() as f64 / MEBIBYTE)
    }));
    report.add(
        figure("growth per redirect, all cached", "bytes", |shown| shown.each_request).target("nothing"),
    );
    report.add(
        figure("the program", "MiB", |shown| shown.program.map(|bytes| bytes as f64 / MEBIBYTE))
            .target("<= 30"),
    );
    report.note(format!(
        "{count} links, each asked for once; nginx's share of a link is what its map adds to a worker"
    ));
    report.publish(&settings.results())
}

struct Shown {
    idle: Memory,
    warm: Memory,
    each_link: f64,
    from_one: Option<f64>,
    each_request: Option<f64>,
    program: Option<u64>,
}

fn ours(settings: &Settings, data: &Path, count: usize) -> Result<Shown> {
    let binary = settings.binary()?;
    let fresh = curtail::start(&binary, data, None, &[])?;
    thread::sleep(IDLE);
    let idle = fresh.process.memory()?;
    let links = fresh.import(count)?.0;
    fresh.process.stop()?;
    let curtail = curtail::start(&binary, data, None, &[])?;
    let asked = links.asked().len();
    let (one, some) = (links.first(1), links.first(asked.div_ceil(4)));
    let mut redirected = 0;
    // As many redirects of one link: what a connection, the journal and the counting need is there before
    // links are cached.
    let before = after(&curtail, &one, asked, &mut redirected)?;
    let begun = after(&curtail, &some, asked, &mut redirected)?;
    let warm = after(&curtail, &links, asked, &mut redirected)?;
    let later = after(&curtail, &links, 2 * asked, &mut redirected)?;
    let growth = |from: Memory, to: Memory| to.anonymous as f64 - from.anonymous as f64;
    Ok(Shown {
        idle,
        warm,
        each_link: growth(begun, warm) / (asked - some.asked().len()) as f64,
        from_one: Some(growth(before, warm) / asked as f64),
        each_request: Some(growth(warm, later) / (2 * asked) as f64),
        program: Some(std::fs::metadata(&binary)?.len()),
    })
}

/// The memory of Curtail when it has answered and counted so many redirects more: the least that it has for a
/// while then, for batches of counting come and go.
fn after(curtail: &Curtail, links: &Links, requests: usize, redirected: &mut u64) -> Result<Memory> {
    *redirected += redirect(curtail.address, links, requests as u64)?;
    curtail.wait_until_counted(*redirected)?;
    let mut least = curtail.process.memory()?;
    let begun = Instant::now();
    while begun.elapsed() < IDLE {
        thread::sleep(LOOK);
        let memory = curtail.process.memory()?;
        if memory.anonymous < least.anonymous {
            least = memory;
        }
    }
    Ok(least)
}

fn peer(folder: &Path, count: usize) -> Result<Shown> {
    let none = nginx::start(&Links::invented(0)?, &folder.join("none"), None)?;
    let idle = none.process.memory()?;
    let idle_worker = none.process.memory_of_largest()?;
    none.process.stop()?;
    let links = Links::invented(count)?;
    let nginx = nginx::start(&links, &folder.join("all"), None)?;
    redirect(nginx.address, &links, links.asked().len() as u64)?;
    let warm = nginx.process.memory_of_largest()?;
    let each_link = (warm.anonymous as f64 - idle_worker.anonymous as f64) / links.asked().len() as f64;
    Ok(Shown { idle, warm, each_link, from_one: None, each_request: None, program: None })
}

fn redirect(server: SocketAddr, links: &Links, requests: u64) -> Result<u64> {
    let plan = Plan {
        server,
        connections: CONNECTIONS,
        keep_alive: true,
        pace: Pace::Closed,
        until: Until::Requests(requests),
        core: None,
    };
    let mut redirects = Redirects::each_once(links, agents::tails(Headers::Plain, &agents::built_in(), true));
    let outcome = load::run(&plan, &mut redirects)?;
    outcome.expect_all_right("warming")?;
    Ok(outcome.answered)
}
