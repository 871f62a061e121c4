//! Stats of a link with 100 M clicks: the time of a `GET`, over the network, on a running server.
//!
//! The clicks are written as what counting them leaves: rollups of minutes, hours and days with as many
//! countries, cities, referrers and visitors as a link of that size has. The peer keeps a row for each click
//! and adds them up when asked: a hundredth of the clicks in `sqlite3`, with an index by link and time.

mod rollups;

use crate::http;
use crate::report::{Figure, Measured, Report};
use crate::server::curtail::{self, KEY};
use crate::settings::{self, Settings};
use crate::sqlite::{self, Database};
use anyhow::{Context, Result, ensure};
use curtail_model::{LinkId, Timestamp};
use std::path::Path;
use std::time::Instant;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Clicks on the link
    #[arg(long, default_value_t = 100_000_000)]
    clicks: u64,
}

/// Days that the clicks are spread over: the range that is answered when none is asked for.
const DAYS: i64 = 30;
/// Each question is asked so often.
const REPEATS: usize = 50;
/// The peer has a hundredth of the clicks.
const PEER_SHARE: u64 = 100;

/// What is asked, in words and as a query.
const QUESTIONS: [(&str, &str); 5] = [
    ("the last 30 days by day", ""),
    ("  grouped by country", "?group_by=country"),
    ("  grouped by city", "?group_by=city"),
    ("  by hour, grouped by referrer", "?interval=hour&group_by=referrer"),
    ("  people only, grouped by browser", "?class=human&group_by=browser"),
];

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let mut report = Report::new("stats", if settings.peer() { sqlite::version()? } else { "none".into() });
    let clicks = if settings.quick { options.clicks.min(1_000_000) } else { options.clicks };
    let peer = settings.peer().then(|| peer_latency(folder.path(), clicks / PEER_SHARE)).transpose()?;
    let latencies = match settings.ours() {
        true => latencies(settings, &folder.path().join("data"), clicks)?,
        false => Vec::new(),
    };
    for (index, (question, _)) in QUESTIONS.into_iter().enumerate() {
        let ours = latencies.get(index).cloned().and_then(Measured::of);
        let worst = latencies
            .get(index)
            .and_then(|all| all.iter().copied().reduce(f64::max))
            .and_then(Measured::once);
        let peer = if index == 0 { peer.and_then(Measured::once) } else { None };
        report.add(Figure::new(question, "ms").ours(ours).peer(peer).target("<= 20"));
        report.add(Figure::new("    worst of all", "ms").ours(worst));
    }
    report.note(format!(
        "{clicks} clicks over {DAYS} days; each question asked {REPEATS} times, a connection each"
    ));
    report.note(format!("peer: the days of {} clicks, kept as rows", clicks / PEER_SHARE));
    report.publish(&settings.results())
}

/// Milliseconds of every answer, for each question.
fn latencies(settings: &Settings, data: &Path, clicks: u64) -> Result<Vec<Vec<f64>>> {
    let binary = settings.binary()?;
    let curtail = curtail::start(&binary, data, None, &[])?;
    let code = curtail.import(1)?.0.code(0).to_vec();
    let link =
        http::get_json(curtail.address, &format!("/api/v1/links/by-code/{}", str::from_utf8(&code)?), KEY)?;
    let id: LinkId = link["id"].as_str().context("a link without an id")?.parse()?;
    curtail.process.stop()?;
    let until = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()).start_of(Timestamp::MINUTE);
    // The range that is answered when none is asked for begins with a day, and today is the last of its days.
    let from = until.start_of(Timestamp::DAY).plus_millis(-(DAYS - 1) * Timestamp::DAY);
    rollups::write(data, id, clicks, from, until)?;
    let curtail = curtail::start(&binary, data, None, &[])?;
    let ask = |query: &str| http::get_json(curtail.address, &format!("/api/v1/links/{id}/stats{query}"), KEY);
    let total = ask("")?["total"].as_u64();
    ensure!(total == Some(clicks), "{clicks} clicks were written, and the stats say {total:?}");
    let timed = |query: &str| -> Result<f64> {
        let begun = Instant::now();
        ask(query)?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    QUESTIONS.iter().map(|(_, query)| (0..REPEATS).map(|_| timed(query)).collect()).collect()
}

/// Milliseconds that adding up rows by day takes.
fn peer_latency(folder: &Path, clicks: u64) -> Result<f64> {
    let tables = "CREATE TABLE clicks (link INTEGER NOT NULL, at INTEGER NOT NULL, country TEXT NOT NULL, agent TEXT NOT NULL);\n\
                  CREATE INDEX clicks_by_link ON clicks (link, at);";
    let database = Database::create(folder.join("rows.db"), tables)?;
    let step = DAYS * Timestamp::DAY / clicks.max(1) as i64;
    database.run(|input| {
        write!(
            input,
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {clicks})\n\
             INSERT INTO clicks SELECT 1, i * {step}, 'C' || (i % 120), 'Mozilla/5.0 ' || (i % 997) FROM n;\n"
        )
    })?;
    let ask = || {
        database.run(|input| {
            writeln!(input, "SELECT at / {}, count(*) FROM clicks WHERE link = 1 GROUP BY 1;", Timestamp::DAY)
        })
    };
    ask()?;
    Ok(ask()?.as_secs_f64() * 1e3)
}
