//! A redirect that no cache of the server has: what one visitor of an idle server waits for the look-up on a
//! replica.
//!
//! Links are made by one server; when the replicas have them, another one that knows none of them is asked
//! for each, once, one after the other. What the replicas say of themselves tells that they were read from.

use crate::load::histogram::Histogram;
use crate::load::{self, Pace, Plan, Until};
use crate::report::{Figure, Measured, Report};
use crate::server::curtail;
use crate::services::{Database, ask};
use crate::settings::{self, Settings};
use crate::workload::agents::{self, Headers};
use crate::workload::{Links, Redirects};
use anyhow::{Result, ensure};
use curtail_servers::RedisServer;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Links, each asked for once
    #[arg(long, default_value_t = 20_000)]
    links: usize,
}

const QUICK_LINKS: usize = 1_000;
const ROUNDS: usize = 3;
/// Replicas catch up within this, and say what they did.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);
/// A server that has just started still finds out which replicas are well.
const IDLE: Duration = Duration::from_secs(2);
/// A share of the answers that replicas gave, below which something else was measured.
const SHARE_MIN: f64 = 0.95;

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let binary = settings.binary()?;
    let count = if settings.quick { options.links.min(QUICK_LINKS) } else { options.links };
    let database = Database::make("misses")?;
    let on_primary = [("CURTAIL_DATABASE_URL", database.url())];
    let maker = curtail::start(&binary, &folder.path().join("maker"), None, &on_primary)?;
    let links = maker.import(count)?.0;
    maker.process.stop()?;
    let replicas = database.replica_urls();
    for replica in &replicas {
        // It has the table a moment later, too.
        let links = || number(replica, "SELECT count(*) FROM links");
        until("a replica has all links", || Ok(links().is_ok_and(|links| links == count as f64)))?;
    }
    let mut report = Report::new("misses", "none");
    for (what, with_redis) in [("no Redis", false), ("with Redis, which has none of them either", true)] {
        let (mut p50, mut p99, mut share) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..settings.rounds().min(ROUNDS) {
            let data = folder.path().join(format!("{with_redis}-{round}"));
            let missed = round_of(&binary, &data, &database, &replicas, &links, with_redis)?;
            p50.push(missed.latency.micros_at(0.5) / 1e3);
            p99.push(missed.latency.micros_at(0.99) / 1e3);
            share.push(missed.share * 100.0);
        }
        let figure = Figure::new(format!("cold miss answered from a replica, {what}: p99"), "ms");
        report.add(figure.ours(Measured::of(p99)).target("<= 3"));
        report.add(Figure::new("  p50", "ms").ours(Measured::of(p50)));
        report.add(Figure::new("  of these found by replicas", "%").ours(Measured::of(share)));
    }
    report.note(format!("{count} links, each asked for once, over one connection; primary and two replicas on the same machine"));
    report.publish(&settings.results())
}

struct Missed {
    latency: Histogram,
    share: f64,
}

fn round_of(
    binary: &Path,
    data: &Path,
    database: &Database,
    replicas: &[String],
    links: &Links,
    with_redis: bool,
) -> Result<Missed> {
    let redis = with_redis.then(RedisServer::start);
    // A look-up that takes longer than a visitor would wait belongs to the figures too.
    let mut set = vec![
        ("CURTAIL_DATABASE_BUDGET_MILLISECONDS", "10000".to_owned()),
        ("CURTAIL_DATABASE_URL", database.url()),
        ("CURTAIL_DATABASE_REPLICA_URLS", replicas.join(",")),
    ];
    set.extend(redis.as_ref().map(|redis| ("CURTAIL_REDIS_URL", redis.url())));
    let curtail = curtail::start(binary, data, None, &set)?;
    thread::sleep(IDLE);
    let before = rows_read(replicas)?;
    let mut redirects = Redirects::each_once(links, agents::tails(Headers::Bare, &[], true));
    let asked = redirects.distinct();
    let plan = Plan {
        server: curtail.address,
        connections: 1,
        keep_alive: true,
        pace: Pace::Closed,
        until: Until::Requests(asked),
        core: None,
    };
    let outcome = load::run(&plan, &mut redirects)?;
    outcome.expect_all_right("a cold miss")?;
    let share = || Ok::<f64, anyhow::Error>((rows_read(replicas)? - before) / asked as f64);
    until("the replicas have said what they read", || Ok(share()? >= SHARE_MIN))?;
    curtail.process.stop()?;
    Ok(Missed { latency: outcome.latency, share: share()? })
}

/// Links that the replicas have found by their indexes.
fn rows_read(replicas: &[String]) -> Result<f64> {
    let rows = "SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'links'";
    replicas.iter().map(|replica| number(replica, rows)).sum()
}

fn number(database: &str, statement: &str) -> Result<f64> {
    Ok(ask(database, statement)?.parse()?)
}

fn until(what: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_so()? {
        ensure!(begun.elapsed() < CATCH_UP_MAX, "after {CATCH_UP_MAX:?} it is not so that {what}");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
