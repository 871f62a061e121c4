//! Clicks from the journal to committed rollups, on one core with the store's own thread; and what recording
//! one costs.
//!
//! A journal is filled through the recorder, closed, and opened again as after a restart: counting that
//! backlog is the measurement. The peer keeps a row for each click, as most shorteners do: `sqlite3` imports
//! the same clicks into a table with an index by link and time, in one transaction. It neither reads user
//! agents nor adds anything up.

use crate::accounting;
use crate::machine::Pinned;
use crate::report::{Figure, Measured, Report};
use crate::settings::{self, Settings};
use crate::sqlite::{self, Database};
use crate::workload::agents;
use crate::workload::clicks::Clicks;
use anyhow::{Context, Result, ensure};
use curtail_clicks::journal::{self, Keeper, Reader};
use curtail_clicks::pipeline::{self, Retention};
use curtail_clicks::recorder::{Clicked, RawClick, Recorded};
use curtail_model::{Alphabet, CodeScheme, Timestamp};
use curtail_store::sqlite as store;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Clicks to count in a round
    #[arg(long, default_value_t = 3_000_000)]
    clicks: u32,
    /// A file with a user agent on each line
    #[arg(long, value_name = "FILE")]
    user_agents: Option<PathBuf>,
}

pub(super) const QUICK_CLICKS: u32 = 100_000;
/// The rate that the clicks seem to have come at: the one to show.
pub(super) const PER_SECOND: u32 = 300_000;
const SEGMENT_BYTES: u64 = 16 << 20;
const JOURNAL_BYTES_MAX: u64 = 4 << 30;
/// As the server has them.
pub(super) const COMMIT_INTERVAL: Duration = Duration::from_millis(250);
pub(super) const BATCH_CLICKS_MAX: usize = 400_000;
pub(super) const COUNTING_MAX: Duration = Duration::from_secs(120);

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let agents = options.user_agents.as_deref().map_or_else(|| Ok(agents::built_in()), agents::from_file)?;
    let clicks = if settings.quick { QUICK_CLICKS } else { options.clicks };
    let mut report =
        Report::new("pipeline", if settings.peer() { sqlite::version()? } else { "none".into() });
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for round in 0..settings.rounds().min(3) {
        let folder = folder.path().join(round.to_string());
        fs::create_dir_all(&folder)?;
        if settings.ours() {
            ours.push(round_of_ours(settings, &folder, &agents, clicks)?);
        }
        // A row for each click takes long: the first round says enough.
        if settings.peer() && round == 0 {
            peers.push(peer_round(settings, &folder, &agents, clicks)?);
        }
        fs::remove_dir_all(&folder)?;
    }
    let column = |value: fn(&Counted) -> f64| Measured::of(ours.iter().map(value).collect());
    let rate = Figure::new("journal to committed rollups, one core", "clicks/s")
        .ours(column(|counted| counted.rate));
    report.add(rate.peer(Measured::of(peers)).target(">= 300,000"));
    report.add(Figure::new("  CPU per click", "us").ours(column(|counted| counted.cpu_micros)));
    report.add(
        Figure::new("  clicks.db afterwards, per click", "bytes")
            .ours(column(|counted| counted.bytes_per_click)),
    );
    report.add(
        Figure::new("recording a click, time on the redirect path", "us")
            .ours(column(|counted| counted.record_micros)),
    );
    report.note(format!(
        "{clicks} clicks at {PER_SECOND}/s on 1 M links by Zipf's law, {} user agents; peer: a row for each click, nothing classed",
        agents.len()
    ));
    report.publish(&settings.results())
}

struct Counted {
    rate: f64,
    cpu_micros: f64,
    record_micros: f64,
    bytes_per_click: f64,
}

fn round_of_ours(settings: &Settings, folder: &Path, agents: &[String], clicks: u32) -> Result<Counted> {
    let journal = folder.join("journal");
    let record_micros = fill(&journal, agents, clicks)?;
    // Everything that counts is started from here, and so has this core too: enricher, keeper and the store's
    // writer.
    let _pinned = Pinned::to(settings.server_core)?;
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let store = store::open(
        &data,
        store::Settings {
            scheme: CodeScheme::Permuted,
            alphabet: Alphabet::Base62,
            readers: 1,
            page_cache_bytes: 64 << 20,
        },
    )?;
    let (_recorders, reader, keeper) = open(&journal)?;
    let config = pipeline::Config {
        geo_path: None,
        retention: Retention {
            minutes_kept_millis: 2 * Timestamp::DAY,
            hours_kept_millis: 90 * Timestamp::DAY,
            days_kept_millis: None,
        },
        commit_interval: COMMIT_INTERVAL,
        batch_clicks_max: BATCH_CLICKS_MAX,
        waiting_clicks_max: 0,
        hold: None,
    };
    let cpu_before = accounting::own_cpu()?;
    let begun = Instant::now();
    let pipeline = pipeline::start(config, reader, keeper, store.rollups.clone())?;
    while pipeline.status().counted < u64::from(clicks) {
        ensure!(begun.elapsed() < COUNTING_MAX, "not all are counted: {:?}", pipeline.status());
        thread::sleep(Duration::from_millis(2));
    }
    let took = begun.elapsed();
    let cpu = accounting::own_cpu()? - cpu_before;
    let status = pipeline.drain(Duration::from_secs(10));
    ensure!(status.counted == u64::from(clicks) && status.damaged == 0, "counted wrongly: {status:?}");
    store.close();
    Ok(Counted {
        rate: f64::from(clicks) / took.as_secs_f64(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / f64::from(clicks),
        record_micros,
        bytes_per_click: fs::metadata(data.join("clicks.db"))?.len() as f64 / f64::from(clicks),
    })
}

/// Fills a journal and answers the microseconds that recording a click took, making the click up included.
pub(super) fn fill(journal: &Path, agents: &[String], clicks: u32) -> Result<f64> {
    let (mut recorders, _reader, mut keeper) = open(journal)?;
    let recorder = recorders.first_mut().context("a journal without streams")?;
    let mut source = Clicks::new(agents, now(), PER_SECOND);
    let mut recording = Duration::ZERO;
    let mut left = clicks;
    // Clicks are made in batches, so that the clock is not what is measured.
    let mut batch = Vec::with_capacity(1024);
    while left > 0 {
        batch.clear();
        batch.extend((0..left.min(1024)).map(|_| source.next()));
        left -= batch.len() as u32;
        let begun = Instant::now();
        let kept =
            batch.iter().position(|click| recorder.record(click) != Recorded::Kept).unwrap_or(batch.len());
        recording += begun.elapsed();
        keeper.tick(now());
        for click in &batch[kept..] {
            record_surely(recorder, &mut keeper, click)?;
        }
    }
    Ok(recording.as_secs_f64() * 1e6 / f64::from(clicks))
}

/// Records a click for which there may be no segment yet.
fn record_surely(
    recorder: &mut curtail_clicks::recorder::Recorder,
    keeper: &mut Keeper,
    click: &RawClick<'_>,
) -> Result<()> {
    for _ in 0..3 {
        if recorder.record(click) == Recorded::Kept {
            return Ok(());
        }
        keeper.tick(now());
    }
    anyhow::bail!("the journal takes no click")
}

pub(super) fn open(journal: &Path) -> Result<(Vec<curtail_clicks::recorder::Recorder>, Reader, Keeper)> {
    let config = journal::Config {
        folder: journal.to_owned(),
        streams: 1,
        segment_bytes: SEGMENT_BYTES,
        bytes_max: JOURNAL_BYTES_MAX,
        sync_interval: Duration::from_secs(1),
    };
    Ok(journal::open(config, &[])?)
}

/// Clicks a second that `sqlite3` takes as rows, pinned to the same core.
fn peer_round(settings: &Settings, folder: &Path, agents: &[String], clicks: u32) -> Result<f64> {
    let rows = folder.join("rows.csv");
    let mut file = BufWriter::new(File::create(&rows)?);
    let mut source = Clicks::new(agents, now(), PER_SECOND);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('"', "\"\"");
    for _ in 0..clicks {
        let click = source.next();
        let link = match click.clicked {
            Clicked::Link(id) => id.get(),
            Clicked::Orphan { .. } => 0,
        };
        let [agent, referrer, language] = [click.user_agent, click.referrer, click.language].map(text);
        writeln!(
            file,
            "{link},{},{},\"{agent}\",\"{referrer}\",\"{language}\"",
            click.at.millis(),
            click.address
        )?;
    }
    file.flush()?;
    let tables = "CREATE TABLE clicks (link INTEGER NOT NULL, at INTEGER NOT NULL, address TEXT, agent TEXT, referrer TEXT, \
                  language TEXT);\nCREATE INDEX clicks_by_link ON clicks (link, at);";
    let database = Database::create(folder.join("clicks.db"), tables)?;
    let _pinned = Pinned::to(settings.server_core)?;
    Ok(f64::from(clicks) / database.import(&rows, "clicks")?.as_secs_f64())
}

fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}
