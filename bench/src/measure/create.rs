//! New links: one for each request from many connections, all durable, and a million in one request.
//!
//! The peer is SQLite itself: its command line, with a transaction synced to disk for each row, and its
//! `.import` of the same rows into a table with the same indexes. It has no API, no checks and no search
//! index, so it does less.

use crate::http;
use crate::load::response::Response;
use crate::load::{self, Exchange, Pace, Plan, Until};
use crate::report::{Figure, Measured, Report};
use crate::server::curtail::{self, KEY};
use crate::settings::{self, Settings};
use crate::sqlite::{self, Database};
use crate::workload::destination;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Connections that create links one by one
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Lines of the bulk request
    #[arg(long, default_value_t = 1_000_000)]
    lines: usize,
}

/// The peer's table: a code is unique, and links are found by destination and by time, as Curtail's are.
const TABLES: &str = "CREATE TABLE links (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, url TEXT NOT NULL, \
                      url_hash INTEGER NOT NULL, created_at INTEGER NOT NULL);\n\
                      CREATE INDEX links_by_url ON links (url_hash);\n\
                      CREATE INDEX links_by_time ON links (created_at);";
/// Single rows that tell how many more fill a round.
const TRIAL_ROWS: u64 = 500;
const QUICK_LINES: usize = 20_000;

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let lines = if settings.quick { options.lines.min(QUICK_LINES) } else { options.lines };
    let mut report = Report::new("create", if settings.peer() { sqlite::version()? } else { "none".into() });
    let binary = settings.ours().then(|| settings.binary()).transpose()?;
    let mut singles = Vec::new();
    let (mut peer_singles, mut bulks, mut peer_bulks) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..settings.rounds() {
        let folder = folder.path().join(round.to_string());
        std::fs::create_dir_all(&folder)?;
        if let Some(binary) = &binary {
            singles.push(single_round(settings, options.connections, binary, &folder.join("single"), &[])?);
        }
        if settings.peer() {
            peer_singles.push(peer_single_round(settings, &folder)?);
        }
        // A bulk round is long: one says enough of a million links.
        if round == 0 {
            bulks.extend(
                binary
                    .as_deref()
                    .map(|binary| bulk_round(binary, &folder.join("bulk"), lines, &[]))
                    .transpose()?,
            );
            peer_bulks.extend(settings.peer().then(|| peer_bulk_round(&folder, lines)).transpose()?);
        }
        std::fs::remove_dir_all(&folder)?;
    }
    let column = |value: fn(&Single) -> f64| Measured::of(singles.iter().map(value).collect());
    let rate = Figure::new(format!("POST /links, {} connections, durable", options.connections), "links/s");
    report.add(rate.ours(column(|single| single.rate)).peer(Measured::of(peer_singles)).target(">= 15,000"));
    report.add(Figure::new("  CPU per link", "us").ours(column(|single| single.cpu_micros)));
    report.add(Figure::new("  p50", "us").ours(column(|single| single.p50_micros)));
    report.add(Figure::new("  p99", "us").ours(column(|single| single.p99_micros)));
    report.add(Figure::new("  client on its core", "%").ours(column(|single| single.client_busy * 100.0)));
    let rate = |rounds: &[Bulk]| Measured::of(rounds.iter().map(|bulk| bulk.rate).collect());
    let cpu = Measured::of(bulks.iter().filter_map(|bulk| bulk.cpu_micros).collect());
    let bulk = Figure::new(format!("bulk, {lines} lines in one request"), "links/s");
    report.add(bulk.ours(rate(&bulks)).peer(rate(&peer_bulks)).target(">= 150,000"));
    report.add(Figure::new("  CPU per link", "us").ours(cpu));
    let syncs = Measured::once(syncs_per_second(
        &folder.path().join("synced"),
        settings.round().min(Duration::from_secs(1)),
    )?);
    report.add(Figure::new("this disk alone: append of 4 KiB and fdatasync", "per second").peer(syncs));
    report.note("the client has the same two cores; the peer is one process without API, one synced transaction for each row; in bulk, .import");
    report.publish(&settings.results())
}

/// Links that were made one by one.
pub(super) struct Single {
    pub(super) rate: f64,
    pub(super) cpu_micros: f64,
    pub(super) p50_micros: f64,
    pub(super) p99_micros: f64,
    client_busy: f64,
}

/// Links that were made in one request, or rows that a peer took in at once.
pub(super) struct Bulk {
    pub(super) rate: f64,
    pub(super) cpu_micros: Option<f64>,
}

/// Creates links one by one for one round, on a server with these settings.
pub(super) fn single_round(
    settings: &Settings,
    connections: usize,
    binary: &Path,
    data: &Path,
    set: &[(&str, String)],
) -> Result<Single> {
    let curtail = curtail::start(binary, data, None, set)?;
    let plan = Plan {
        server: curtail.address,
        connections,
        keep_alive: true,
        pace: Pace::Closed,
        until: Until::Elapsed(settings.round()),
        core: None,
    };
    let cpu_before = curtail.process.cpu()?;
    let outcome = load::run(&plan, &mut Creates { next: 0 })?;
    let cpu = curtail.process.cpu()? - cpu_before;
    outcome.expect_all_right("POST /api/v1/links")?;
    curtail.process.stop()?;
    Ok(Single {
        rate: outcome.rate(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / outcome.answered as f64,
        p50_micros: outcome.latency.micros_at(0.5),
        p99_micros: outcome.latency.micros_at(0.99),
        client_busy: outcome.client_busy(),
    })
}

/// Creates so many links in one request, on a server with these settings.
pub(super) fn bulk_round(binary: &Path, data: &Path, lines: usize, set: &[(&str, String)]) -> Result<Bulk> {
    let curtail = curtail::start(binary, data, None, set)?;
    let cpu_before = curtail.process.cpu()?;
    let (links, took) = curtail.import(lines)?;
    let cpu = curtail.process.cpu()? - cpu_before;
    curtail.process.stop()?;
    let cpu_micros = Some(cpu.as_secs_f64() * 1e6 / links.len() as f64);
    Ok(Bulk { rate: links.len() as f64 / took.as_secs_f64(), cpu_micros })
}

fn peer_single_round(settings: &Settings, folder: &Path) -> Result<f64> {
    let database = Database::create(folder.join("single.db"), TABLES)?;
    let insert = |from: u64, count: u64| {
        database.run(|input| {
            (from..from + count).try_for_each(|n| {
                let (code, url, hash) = columns(n as u32);
                writeln!(input, "INSERT INTO links VALUES ({n}, '{code}', '{url}', {hash}, {n});")
            })
        })
    };
    let trial = insert(0, TRIAL_ROWS)?;
    let rows = (TRIAL_ROWS as f64 * settings.round().as_secs_f64() / trial.as_secs_f64()) as u64;
    let took = insert(TRIAL_ROWS, rows.max(1))?;
    Ok(rows.max(1) as f64 / took.as_secs_f64())
}

fn peer_bulk_round(folder: &Path, lines: usize) -> Result<Bulk> {
    let rows = folder.join("rows.csv");
    let mut file = BufWriter::new(File::create(&rows)?);
    for number in 0..lines {
        let (code, url, hash) = columns(number as u32);
        writeln!(file, "{number},{code},{url},{hash},{number}")?;
    }
    file.flush().context("no room for the peer's rows")?;
    let took = Database::create(folder.join("bulk.db"), TABLES)?.import(&rows, "links")?;
    Ok(Bulk { rate: lines as f64 / took.as_secs_f64(), cpu_micros: None })
}

/// Code, destination and fingerprint of a link in the peer's table. The code and the fingerprint are as
/// random as Curtail's, because the order in which an index is filled decides how fast that is.
fn columns(number: u32) -> (String, String, u32) {
    let scattered = number.wrapping_mul(0x9e37_79b1).swap_bytes().wrapping_mul(0x85eb_ca6b);
    (format!("{scattered:08x}"), destination(number), scattered.rotate_left(16))
}

/// How often a second this disk takes an append of 4 KiB for good: what bounds every durable write.
fn syncs_per_second(path: &Path, duration: Duration) -> Result<f64> {
    let mut file = File::create(path)?;
    let begun = Instant::now();
    let mut syncs = 0;
    while begun.elapsed() < duration {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / begun.elapsed().as_secs_f64())
}

/// Links to create, each with a destination of its own.
struct Creates {
    next: u32,
}

impl Exchange for Creates {
    fn request(&mut self, out: &mut Vec<u8>) -> u32 {
        let number = self.next;
        self.next += 1;
        let body = format!(r#"{{"url":"{}"}}"#, destination(number));
        http::render("POST", "/api/v1/links", KEY, &body, out);
        number
    }

    fn is_right(&mut self, _: u32, response: &Response<'_>) -> bool {
        response.status == 201
    }
}
