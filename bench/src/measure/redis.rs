//! What a link costs in Redis, with a destination of 90 bytes: by what Redis says of a single key, and by all
//! the memory that it uses more, tables of keys and of expiries included.

use crate::load::{self, Pace, Plan, Until};
use crate::report::{Figure, Measured, Report};
use crate::server::curtail;
use crate::services::Database;
use crate::settings::{self, Settings};
use crate::workload::agents::{self, Headers};
use crate::workload::{DESTINATION_LENGTH, Redirects};
use anyhow::{Context, Result, ensure};
use curtail_servers::RedisServer;
use std::io::Write;
use std::process::{Command, Stdio};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Links, each asked for once
    #[arg(long, default_value_t = 100_000)]
    links: usize,
}

const QUICK_LINKS: usize = 5_000;
const CONNECTIONS: usize = 16;
/// Keys that are asked for one by one.
const SAMPLE: usize = 1_000;

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let count = if settings.quick { options.links.min(QUICK_LINKS) } else { options.links };
    let (redis, database) = (RedisServer::start(), Database::make("redis")?);
    // How soon misses are answered is not what is measured here: each may take as long as it likes.
    let set = [
        ("CURTAIL_DATABASE_URL", database.url()),
        ("CURTAIL_DATABASE_BUDGET_MILLISECONDS", "10000".to_owned()),
        ("CURTAIL_REDIS_URL", redis.url()),
    ];
    let (binary, data) = (settings.binary()?, folder.path().join("data"));
    let maker = curtail::start(&binary, &data, None, &set)?;
    let links = maker.import(count)?.0;
    maker.process.stop()?;
    // One that has none of them in its own memory.
    let curtail = curtail::start(&binary, &data, None, &set)?;
    let (keys_before, before) = (ask(&redis, "DBSIZE")?, used(&redis)?);
    let mut redirects = Redirects::each_once(&links, agents::tails(Headers::Bare, &[], true));
    let plan = Plan {
        server: curtail.address,
        connections: CONNECTIONS,
        keep_alive: true,
        pace: Pace::Closed,
        until: Until::Requests(redirects.distinct()),
        core: None,
    };
    load::run(&plan, &mut redirects)?.expect_all_right("a miss")?;
    let keys = number(&ask(&redis, "DBSIZE")?)? - number(&keys_before)?;
    ensure!(keys > 0.5 * count as f64, "Redis has {keys} of {count} links");
    let in_all = (used(&redis)? - before) / keys;
    let prefix = prefix(&redis, links.code(links.asked()[0]))?;
    let sampled: Vec<String> = links
        .asked()
        .iter()
        .step_by((count / SAMPLE).max(1))
        .map(|&link| String::from_utf8_lossy(links.code(link)))
        .map(|code| format!("MEMORY USAGE {prefix}{code}"))
        .collect();
    let answers = ask(&redis, &sampled.join("\n"))?;
    // Of those that Redis has not got it says nothing.
    let each = answers.lines().filter(|answer| !answer.is_empty()).map(number).collect::<Result<Vec<_>>>()?;
    ensure!(each.len() * 2 > sampled.len(), "Redis has {} of {} links", each.len(), sampled.len());
    curtail.process.stop()?;

    let mut report = Report::new("redis", "none");
    let largest = each.into_iter().fold(0.0, f64::max);
    let figure =
        Figure::new(format!("a link with a {DESTINATION_LENGTH}-byte url, by MEMORY USAGE"), "bytes");
    report.add(figure.ours(Measured::once(largest)).target("<= 200"));
    report.add(
        Figure::new("  by used_memory, with the tables of keys and expiries", "bytes")
            .ours(Measured::once(in_all)),
    );
    report.note(format!("{keys} links, each asked for once; the largest of {SAMPLE} keys"));
    report.publish(&settings.results())
}

/// What all keys of the installation begin with, from the key of one link.
fn prefix(redis: &RedisServer, code: &[u8]) -> Result<String> {
    let code = String::from_utf8_lossy(code);
    let keys = ask(redis, &format!("KEYS *:{code}"))?;
    let prefix = keys.lines().next().and_then(|key| key.strip_suffix(&*code));
    Ok(prefix.with_context(|| format!("Redis has no key for {code}"))?.to_owned())
}

fn used(redis: &RedisServer) -> Result<f64> {
    let about = ask(redis, "INFO memory")?;
    number(about.lines().find_map(|line| line.strip_prefix("used_memory:")).context("no used_memory")?)
}

/// What Redis answers to these commands, one on each line.
fn ask(redis: &RedisServer, commands: &str) -> Result<String> {
    let mut client = Command::new("redis-cli")
        .args(["-p", &redis.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("redis-cli does not run; it comes with Redis")?;
    let mut input = client.stdin.take().context("it has an input")?;
    writeln!(input, "{commands}")?;
    drop(input);
    let output = client.wait_with_output()?;
    ensure!(output.status.success(), "redis-cli ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn number(text: &str) -> Result<f64> {
    text.trim().parse().with_context(|| format!("not a number: {text}"))
}
