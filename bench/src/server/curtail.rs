//! Curtail itself, driven through what every user has: its command line and its API.

use super::{Process, free_addresses};
use crate::http;
use crate::workload::{Links, destination};
use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// The key of the API in these measurements.
pub(crate) const KEY: &str = "a-key-that-only-measurements-have-0123456789";
/// Lines in one bulk request.
const BULK_MAX: usize = 1_000_000;
/// Clicks are counted within 2 s; under other load it may take longer, but not so long.
const COUNTING_MAX: Duration = Duration::from_secs(60);
/// What was counted is written more often than by default, so that rounds of some seconds have their writes.
const WRITE_SECONDS: &str = "4";
/// Seldom enough to be no load itself.
const LOOK: Duration = Duration::from_millis(100);

/// A running Curtail.
pub(crate) struct Curtail {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// Starts it on a data folder, with these settings in its environment.
pub(crate) fn start(
    binary: &Path,
    data: &Path,
    core: Option<usize>,
    set: &[(&str, String)],
) -> Result<Curtail> {
    let mut started = exec(binary, data, core, set)?;
    started.process.wait_until_ready(started.address, "/readyz", 200)?;
    Ok(started)
}

/// Starts it on a data folder and does not wait until it answers.
pub(crate) fn exec(
    binary: &Path,
    data: &Path,
    core: Option<usize>,
    set: &[(&str, String)],
) -> Result<Curtail> {
    std::fs::create_dir_all(data)?;
    let [address, admin] = free_addresses()?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--data").arg(data);
    command.args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()]);
    command.env("CURTAIL_ADMIN_KEY", KEY).env("CURTAIL_CLICKS_WRITE_SECONDS", WRITE_SECONDS);
    command.envs(set.iter().map(|(name, value)| (name, value)));
    let mut printed = data.as_os_str().to_owned();
    printed.push(".printed.txt");
    let process = Process::start(&mut command, core, printed.into())?;
    Ok(Curtail { process, address })
}

impl Curtail {
    /// Makes links with the numbers `0..count` and answers their codes, in order, and how long it took.
    pub(crate) fn import(&self, count: usize) -> Result<(Links, Duration)> {
        let mut codes = Vec::with_capacity(count);
        let begun = Instant::now();
        while codes.len() < count {
            let from = codes.len();
            let until = count.min(from + BULK_MAX);
            let lines = (from..until).map(|number| format!(r#"{{"url":"{}"}}"#, destination(number as u32)));
            http::post_lines(self.address, "/api/v1/links/bulk", KEY, lines, |answer| {
                codes.push(code_in(answer).with_context(|| format!("not a new link: {answer}"))?.to_owned());
                Ok(())
            })?;
            ensure!(codes.len() == until, "{} lines gave {} answers", until - from, codes.len() - from);
        }
        let took = begun.elapsed();
        Ok((Links::new(codes.iter())?, took))
    }

    /// Clicks on links that are in the stats.
    pub(crate) fn counted(&self) -> Result<u64> {
        self.counted_as("all")
    }

    /// The same of one class.
    pub(crate) fn counted_as(&self, class: &str) -> Result<u64> {
        let stats = http::get_json(self.address, &format!("/api/v1/stats?class={class}"), KEY)?;
        stats["total"].as_u64().context("stats without a total")
    }

    /// Waits until the stats have `expected` clicks, no fewer and no more, and all of them are written.
    pub(crate) fn wait_until_counted(&self, expected: u64) -> Result<()> {
        self.wait_until_written()?;
        let counted = self.counted()?;
        ensure!(counted == expected, "{counted} clicks are counted of {expected} redirects");
        Ok(())
    }

    /// Waits until no click waits.
    pub(crate) fn wait_until_written(&self) -> Result<()> {
        let begun = Instant::now();
        while self.waiting()? > 0 {
            ensure!(begun.elapsed() < COUNTING_MAX, "{COUNTING_MAX:?} after the last click some wait");
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Clicks that are not counted yet, or not written.
    fn waiting(&self) -> Result<u64> {
        let pipeline = http::get_json(self.address, "/api/v1/pipeline", KEY)?;
        let waiting = [&pipeline["lag"]["clicks"], &pipeline["unwritten"]].map(serde_json::Value::as_u64);
        waiting.into_iter().sum::<Option<u64>>().context("a pipeline without its clicks")
    }
}

/// The code in the answer to one line of a bulk request. Read by hand: a million lines of JSON would make the
/// client the limit of what is measured.
fn code_in(answer: &str) -> Option<&str> {
    if !answer.contains(r#""status":201"#) {
        return None;
    }
    let (_, rest) = answer.split_once(r#""code":""#)?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::code_in;

    #[test]
    fn only_a_new_link_has_a_code() {
        let made = r#"{"line":1,"status":201,"link":{"id":"7","code":"aB3","url":"https://a.example/"}}"#;
        assert_eq!(code_in(made), Some("aB3"));
        let refused = r#"{"line":1,"status":422,"error":{"title":"no","code":"x"}}"#;
        assert_eq!(code_in(refused), None);
    }
}
