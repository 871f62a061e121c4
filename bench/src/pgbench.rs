//! PostgreSQL's own tools as a peer: what the engine under Curtail does without Curtail.

use crate::services::{Database, ask};
use anyhow::{Context, Result, ensure};
use curtail_model::{Alphabet, CodeScheme};
use curtail_store::postgres;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Threads of pgbench: it would be the limit of what is measured with one.
const THREADS: usize = 2;

/// A table of the peer's.
#[derive(Clone, Copy)]
pub(crate) enum Table {
    /// Curtail's columns, with a key and no other index.
    Keyed,
    /// Curtail's columns with all of its indexes.
    Indexed,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Table::Keyed => "keyed",
            Table::Indexed => "indexed",
        }
    }
}

/// Name and version of the server.
pub(crate) fn version() -> Result<String> {
    let version = ask(&curtail_servers::service("CURTAIL_TEST_POSTGRES"), "SHOW server_version")?;
    Ok(format!("PostgreSQL {}", version.split_whitespace().next().unwrap_or_default()))
}

/// Makes both tables, beside Curtail's own of which they are copies.
pub(crate) fn make_tables(database: &Database) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = postgres::Settings::of(database.url(), CodeScheme::Permuted, Alphabet::Base62);
        postgres::open(settings).await?.close().await;
        anyhow::Ok(())
    })?;
    database.ask(
        "CREATE TABLE keyed (LIKE links, PRIMARY KEY (bucket, id));
         CREATE TABLE indexed (LIKE links INCLUDING ALL);
         CREATE SEQUENCE ids CACHE 1000;",
    )?;
    Ok(())
}

/// Inserts single rows, each a transaction, from so many clients for a time; answers rows a second.
pub(crate) fn insert_singly(
    database: &Database,
    table: Table,
    clients: usize,
    time: Duration,
    folder: &Path,
) -> Result<f64> {
    // A row as Curtail's: an url of 90 bytes, and the words that people find it by.
    let script = format!(
        "INSERT INTO {} (bucket, id, domain, url, url_hash, created_at, updated_at, version, generated, retired, archived,
             redirect_status, forward_query, words)
         SELECT id & 4095, id, 0, 'https://www.site-0123.example/2025/11/a-page-with-a-title-of-usual-length-to-rea' || lpad(id::text, 10, '0'),
             hashint8extended(id, 0), id, id, id, true, false, false, 302, false,
             array_to_tsvector(ARRAY['www', 'site', '0123', 'example', '2025', '11', 'a', 'page', 'with', 'title', 'of', 'usual',
                 'length', 'to', 'rea' || id])
         FROM nextval('ids') id",
        table.name()
    );
    let path = folder.join("insert.sql");
    // A script has a statement on each line.
    fs::write(&path, script.split_whitespace().collect::<Vec<_>>().join(" ") + ";\n")?;
    let seconds = time.as_secs().max(1).to_string();
    let pgbench = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol", "prepared", "--client", &clients.to_string(), "--time", &seconds])
        .args(["--jobs", &THREADS.min(clients).to_string(), "--file"])
        .arg(&path)
        .arg(database.url())
        .output()
        .context("pgbench does not run; it comes with PostgreSQL")?;
    let printed = String::from_utf8_lossy(&pgbench.stdout);
    ensure!(pgbench.status.success(), "pgbench: {printed}{}", String::from_utf8_lossy(&pgbench.stderr));
    let rate = printed.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench does not say how many it made: {printed}"))
}

/// Writes the rows of Curtail's own table to a file, as `COPY` reads them.
pub(crate) fn keep_rows(database: &Database, rows: &Path) -> Result<()> {
    let file = File::create(rows).context("no room for the peer's rows")?;
    copy(database, "COPY links TO STDOUT", Stdio::null(), file.into()).map(drop)
}

/// Takes these rows into a table in one `COPY`; answers how long that took.
pub(crate) fn copy_rows(database: &Database, table: Table, rows: &Path) -> Result<Duration> {
    let statement = format!("COPY {} FROM STDIN", table.name());
    copy(database, &statement, File::open(rows)?.into(), Stdio::null())
}

fn copy(database: &Database, statement: &str, from: Stdio, to: Stdio) -> Result<Duration> {
    let begun = Instant::now();
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--quiet", "--command", statement]).arg(database.url()).stdin(from).stdout(to);
    ensure!(psql.status().context("psql does not run")?.success(), "{statement}: it has failed");
    Ok(begun.elapsed())
}
