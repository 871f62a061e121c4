//! The start: from executing the program with millions of links on disk to the first redirect answered.
//!
//! Links are imported once and kept under `target/bench-data`. Warm, the kernel has the files in its cache;
//! cold, where this may be asked of the kernel, it has dropped them. The peer is nginx with a map of as many
//! links as fit a sensible wait.

use crate::report::{Figure, Measured, Report};
use crate::server::{curtail, nginx};
use crate::settings::{self, Settings};
use crate::workload::{Links, destination};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Links on disk
    #[arg(long, default_value_t = 10_000_000)]
    links: usize,
    /// Import the links anew
    #[arg(long)]
    fresh: bool,
}

const QUICK_LINKS: usize = 20_000;
/// nginx reads and hashes its map at each start, and takes minutes and gigabytes for 10 M.
const PEER_LINKS: usize = 1_000_000;
/// How long the first answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let count = if settings.quick { QUICK_LINKS } else { options.links };
    let mut report = Report::new("start", if settings.peer() { nginx::version()? } else { "none".into() });
    let (mut warm, mut cold, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    if settings.ours() {
        let binary = settings.binary()?;
        let kept = Kept::prepare(&binary, count, options.fresh)?;
        for _ in 0..settings.rounds() {
            warm.push(kept.start(&binary)?);
        }
        for _ in 0..settings.rounds().min(3) {
            if !drop_page_cache() {
                report.note("cold starts need the right to drop the kernel's caches");
                break;
            }
            cold.push(kept.start(&binary)?);
        }
    }
    let peer_links = count.min(PEER_LINKS);
    if settings.peer() {
        let folder = settings::scratch()?;
        let links = Links::invented(peer_links)?;
        for round in 0..settings.rounds().min(3) {
            let begun = Instant::now();
            let started = nginx::start(&links, &folder.path().join(round.to_string()), None)?;
            let prepared = started.prepared;
            first_redirect(started.address, links.code(0), 0)?;
            peers.push((begun.elapsed() - prepared).as_secs_f64() * 1e3);
        }
    }
    let warm = Figure::new(format!("{count} links, files cached: to the first redirect"), "ms")
        .ours(Measured::of(warm));
    report.add(warm.target("<= 300"));
    report.add(Figure::new("  files not cached", "ms").ours(Measured::of(cold)));
    report.add(Figure::new(format!("nginx, map of {peer_links}"), "ms").peer(Measured::of(peers)));
    report.publish(&settings.results())
}

/// A data folder that is kept from run to run.
struct Kept {
    data: PathBuf,
    code: String,
}

impl Kept {
    /// The one with so many links; imports them where it is not there, or where it cannot be opened any more.
    fn prepare(binary: &Path, count: usize, fresh: bool) -> Result<Kept> {
        let folder = settings::kept_data().join(format!("links-{count}"));
        let code = folder.join("first-code.txt");
        let data = folder.join("data");
        if fresh && folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        if !code.exists() {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir_all(&folder)?;
            println!("importing {count} links, once");
            let curtail = curtail::start(binary, &data, None, &[])?;
            let (links, _) = curtail.import(count)?;
            curtail.process.stop()?;
            // Written last: a folder without it is not whole.
            fs::write(&code, links.code(0))?;
        }
        Ok(Kept { data, code: fs::read_to_string(&code)? })
    }

    /// Milliseconds from executing the program to its first redirect.
    fn start(&self, binary: &Path) -> Result<f64> {
        let begun = Instant::now();
        let curtail = curtail::exec(binary, &self.data, None, &[])?;
        first_redirect(curtail.address, self.code.as_bytes(), 0)
            .context("the kept data may be from another version: --fresh makes it anew")?;
        let took = begun.elapsed();
        curtail.process.stop()?;
        Ok(took.as_secs_f64() * 1e3)
    }
}

/// Asks for a link until somebody answers, which must be the right redirect.
fn first_redirect(server: SocketAddr, code: &[u8], number: u32) -> Result<()> {
    let begun = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(server) {
            Ok(stream) => break stream,
            Err(_) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_micros(200)),
            Err(error) => return Err(error).context("nobody listens"),
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(
        &[b"GET /", code, b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"].concat(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    ensure!(
        answer.starts_with("HTTP/1.1 302") && answer.contains(&destination(number)),
        "not the redirect: {answer}"
    );
    Ok(())
}

/// Asks the kernel to forget cached files; whether it may be asked.
fn drop_page_cache() -> bool {
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}
