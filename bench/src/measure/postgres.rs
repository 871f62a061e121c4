//! New links on PostgreSQL: one for each request from many connections, all durable, and many in one request.
//!
//! The peer is PostgreSQL itself on the same server in the same run: `pgbench` with as many clients, each row
//! a transaction of its own, and `COPY` of the very rows that Curtail made. It has no API, no checks and no
//! codes, so it does less.

use super::create::{Bulk, Single, bulk_round, single_round};
use crate::pgbench::{self, Table};
use crate::report::{Figure, Measured, Report};
use crate::services::Database;
use crate::settings::{self, Settings};
use anyhow::Result;
use std::path::Path;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Clients that create links one by one
    #[arg(long, value_delimiter = ',', default_value = "16,64")]
    clients: Vec<usize>,
    /// Lines of the bulk request
    #[arg(long, default_value_t = 500_000)]
    lines: usize,
}

const QUICK_LINES: usize = 20_000;
const BULK_ROUNDS: usize = 3;

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let binary = settings.binary()?;
    let mut report =
        Report::new("postgres", if settings.peer() { pgbench::version()? } else { "none".into() });
    for &clients in &options.clients {
        add_singles(&mut report, settings, &binary, clients, folder.path())?;
    }
    let lines = if settings.quick { options.lines.min(QUICK_LINES) } else { options.lines };
    add_bulks(&mut report, settings, &binary, lines, folder.path())?;
    report.note("client, Curtail and PostgreSQL with two replicas share the machine; pgbench has two threads, prepared statements and a transaction for each row");
    report.publish(&settings.results())
}

fn add_singles(
    report: &mut Report,
    settings: &Settings,
    binary: &Path,
    clients: usize,
    folder: &Path,
) -> Result<()> {
    let (mut ours, mut keyed, mut indexed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..settings.rounds() {
        if settings.ours() {
            let database = Database::make("postgres")?;
            let data = folder.join(format!("singles-{clients}-{round}"));
            ours.push(single_round(settings, clients, binary, &data, &on(&database))?);
        }
        if settings.peer() {
            for (table, rates) in [(Table::Keyed, &mut keyed), (Table::Indexed, &mut indexed)] {
                let database = Database::make("postgres")?;
                pgbench::make_tables(&database)?;
                rates.push(pgbench::insert_singly(&database, table, clients, settings.round(), folder)?);
            }
        }
    }
    let column = |value: fn(&Single) -> f64| Measured::of(ours.iter().map(value).collect());
    let rate = |what: &str| Figure::new(format!("POST /links, {clients} clients, {what}"), "links/s");
    let ours_rate = column(|single| single.rate);
    report.add(
        rate("pgbench with the key only").ours(ours_rate.clone()).peer(Measured::of(keyed)).target("1.0x"),
    );
    report.add(
        rate("pgbench with the same indexes").ours(ours_rate).peer(Measured::of(indexed)).target("1.0x"),
    );
    report.add(Figure::new("  CPU per link, Curtail alone", "us").ours(column(|single| single.cpu_micros)));
    report.add(Figure::new("  p50", "us").ours(column(|single| single.p50_micros)));
    report.add(Figure::new("  p99", "us").ours(column(|single| single.p99_micros)));
    Ok(())
}

fn add_bulks(
    report: &mut Report,
    settings: &Settings,
    binary: &Path,
    lines: usize,
    folder: &Path,
) -> Result<()> {
    let (mut ours, mut keyed, mut indexed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..settings.rounds().min(BULK_ROUNDS) {
        // The peer copies what Curtail has made, so that this is made whichever is measured.
        let database = Database::make("postgres")?;
        pgbench::make_tables(&database)?;
        database.ask("CHECKPOINT")?;
        ours.push(bulk_round(binary, &folder.join(format!("bulk-{round}")), lines, &on(&database))?);
        if settings.peer() {
            let rows = folder.join("rows");
            pgbench::keep_rows(&database, &rows)?;
            for (table, rates) in [(Table::Keyed, &mut keyed), (Table::Indexed, &mut indexed)] {
                database.ask("CHECKPOINT")?;
                let took = pgbench::copy_rows(&database, table, &rows)?;
                rates.push(lines as f64 / took.as_secs_f64());
            }
        }
    }
    let rates = Measured::of(ours.iter().map(|bulk: &Bulk| bulk.rate).collect());
    let rate =
        |what: &str| Figure::new(format!("bulk, {lines} lines, {what}"), "links/s").ours(rates.clone());
    report.add(rate("COPY with the same indexes").peer(Measured::of(indexed)).target("0.4x"));
    report.add(rate("COPY with the key only").peer(Measured::of(keyed)));
    let cpu = Measured::of(ours.iter().filter_map(|bulk| bulk.cpu_micros).collect());
    report.add(Figure::new("  CPU per link, Curtail alone", "us").ours(cpu));
    Ok(())
}

fn on(database: &Database) -> [(&'static str, String); 1] {
    [("CURTAIL_DATABASE_URL", database.url())]
}
