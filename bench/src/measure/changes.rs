//! How soon a change of a link is seen by all of three servers that share PostgreSQL and Redis.
//!
//! A link is changed by one server after the other; from the answer on, all three are asked in turn, as fast
//! as they answer, until each has led to the new destination. So a figure is at most one turn too large,
//! which is told.

use crate::http;
use crate::load::histogram::Histogram;
use crate::load::response;
use crate::report::{Figure, Measured, Report};
use crate::server::curtail::{self, Curtail, KEY};
use crate::services::Database;
use crate::settings::{self, Settings};
use crate::workload::destination;
use anyhow::{Context, Result, ensure};
use curtail_servers::RedisServer;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Changes, one after the other
    #[arg(long, default_value_t = 2_000)]
    changes: u32,
}

const SERVERS: usize = 3;
const QUICK_CHANGES: u32 = 50;
/// A change that is not seen by then never will be.
const SEEN_MAX: Duration = Duration::from_secs(10);

/// Takes all the figures.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let binary = settings.binary()?;
    let changes = if settings.quick { options.changes.min(QUICK_CHANGES) } else { options.changes };
    let (redis, database) = (RedisServer::start(), Database::make("changes")?);
    let set = [("CURTAIL_DATABASE_URL", database.url()), ("CURTAIL_REDIS_URL", redis.url())];
    let servers: Vec<Curtail> = (0..SERVERS)
        .map(|number| curtail::start(&binary, &folder.path().join(number.to_string()), None, &set))
        .collect::<Result<_>>()?;
    let mut askers = servers.iter().map(|server| Asker::of(server.address)).collect::<Result<Vec<_>>>()?;
    let link: Value = serde_json::from_slice(&askers[0].call("POST", "/api/v1/links", &body(0), 201)?)?;
    let [id, code] = ["id", "code"].map(|name| link[name].as_str().unwrap_or_default().to_owned());
    until_all_see(&mut askers, &code, 0)?;
    let (mut from_answer, mut from_sending, mut turn) =
        (Histogram::new(), Histogram::new(), Histogram::new());
    for change in 1..=changes {
        let sent = Instant::now();
        askers[change as usize % SERVERS].call(
            "PATCH",
            &format!("/api/v1/links/{id}"),
            &body(change),
            200,
        )?;
        let answered = Instant::now();
        let turns = until_all_see(&mut askers, &code, change)?;
        let seen = Instant::now();
        from_answer.record((seen - answered).as_nanos() as u64);
        from_sending.record((seen - sent).as_nanos() as u64);
        turn.record(((seen - answered) / turns).as_nanos() as u64);
    }
    for server in servers {
        server.process.stop()?;
    }
    let mut report = Report::new("changes", "none");
    let at = |histogram: &Histogram, share: f64| Measured::once(histogram.micros_at(share) / 1e3);
    let figure = Figure::new("change seen by all of three servers, from its sending: p99", "ms");
    report.add(figure.ours(at(&from_sending, 0.99)).target("<= 20"));
    report.add(Figure::new("  p50", "ms").ours(at(&from_sending, 0.5)));
    report.add(Figure::new("  from its answer: p99", "ms").ours(at(&from_answer, 0.99)));
    report.add(Figure::new("  p50", "ms").ours(at(&from_answer, 0.5)));
    report.add(Figure::new("  a turn of asking all three: p50", "ms").ours(at(&turn, 0.5)));
    report.note(format!("{changes} changes of one link, by each server in turn; PostgreSQL with two replicas, Redis and the client on the same machine"));
    report.publish(&settings.results())
}

fn body(number: u32) -> String {
    format!(r#"{{"url":"{}"}}"#, destination(number))
}

/// Asks all in turn until each leads to the destination with this number; answers how many turns it took.
fn until_all_see(askers: &mut [Asker], code: &str, number: u32) -> Result<u32> {
    let (begun, wanted) = (Instant::now(), destination(number));
    let mut seen = vec![false; askers.len()];
    for turn in 1.. {
        for (asker, seen) in askers.iter_mut().zip(&mut seen) {
            *seen |= asker.leads_to(code, wanted.as_bytes())?;
        }
        if !seen.contains(&false) {
            return Ok(turn);
        }
        ensure!(
            begun.elapsed() < SEEN_MAX,
            "change {number} is not seen by all after {SEEN_MAX:?}: {seen:?}"
        );
    }
    Ok(0)
}

/// A connection that is kept.
struct Asker {
    stream: TcpStream,
    request: Vec<u8>,
    received: Vec<u8>,
}

impl Asker {
    fn of(server: SocketAddr) -> Result<Asker> {
        let stream = TcpStream::connect(server).context("the server accepts")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SEEN_MAX))?;
        Ok(Asker { stream, request: Vec::new(), received: Vec::new() })
    }

    /// Whether a code leads there now.
    fn leads_to(&mut self, code: &str, destination: &[u8]) -> Result<bool> {
        self.request.clear();
        write!(self.request, "GET /{code} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let response = self.exchange()?;
        Ok(response.location == Some(destination))
    }

    /// A call of the API; answers the body.
    fn call(&mut self, method: &str, path: &str, body: &str, status: u16) -> Result<Vec<u8>> {
        self.request.clear();
        http::render(method, path, KEY, body, &mut self.request);
        let response = self.exchange()?;
        ensure!(response.status == status, "{method} {path} gave {}", response.status);
        let head = self.received.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(0) + 4;
        Ok(self.received[head..].to_vec())
    }

    fn exchange(&mut self) -> Result<response::Response<'_>> {
        self.stream.write_all(&self.request)?;
        self.received.clear();
        let mut buffer = [0; 4096];
        while response::read(&self.received)?.is_none() {
            let read = self.stream.read(&mut buffer)?;
            ensure!(read > 0, "the server has closed the connection");
            self.received.extend_from_slice(&buffer[..read]);
        }
        response::read(&self.received)?.context("it was whole")
    }
}
