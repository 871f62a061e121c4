//! `wrk` as a second client: what it finds was found by nobody of ours.
//!
//! It does not wait for its last answers, so that a server has answered up to one request more on each
//! connection than it has counted. Nor can it say when it sends: latencies are taken by our own client.

use crate::load::{Exchange, Outcome, Pace, Plan, Until};
use crate::workload::Redirects;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Requests that it begins anew after: as many as its memory holds without being slower for it.
const REQUESTS: usize = 200_000;
/// The requests stand in a file, ready to be sent, with a zero byte after each.
const SCRIPT: &str = r#"
local requests, next = {}, 0
function init(arguments)
  for request in io.open(arguments[1], "rb"):read("*a"):gmatch("[^%z]+") do requests[#requests + 1] = request end
end
function request()
  next = next % #requests + 1
  return requests[next]
end
"#;

/// Loads a server in a closed loop; `folder` is for what it is to send.
pub(crate) fn run(plan: &Plan, redirects: &mut Redirects<'_>, folder: &Path) -> Result<Outcome> {
    let (Pace::Closed, Until::Elapsed(time)) = (plan.pace, plan.until) else {
        bail!("wrk loads as fast as it is answered, for a time");
    };
    let (script, requests) = (folder.join("wrk.lua"), folder.join("wrk.requests"));
    fs::write(&script, SCRIPT)?;
    fs::write(&requests, next_of(redirects))?;
    let seconds = time.as_secs().max(1);
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--connections", &plan.connections.to_string()]);
    wrk.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&script);
    wrk.arg(format!("http://{}/", plan.server)).arg("--").arg(&requests);
    let pinned = plan.core.map(crate::machine::Pinned::to).transpose()?;
    let output = wrk.output().context("wrk does not run (package wrk)")?;
    drop(pinned);
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk: {printed}{}", String::from_utf8_lossy(&output.stderr));
    let mut outcome = Outcome::new();
    outcome.answered =
        answered(&printed).with_context(|| format!("wrk does not say what it was answered: {printed}"))?;
    outcome.abandoned_max = plan.connections as u64;
    outcome.elapsed = Duration::from_secs(seconds);
    Ok(outcome)
}

fn next_of(redirects: &mut Redirects<'_>) -> Vec<u8> {
    let mut requests = Vec::new();
    for _ in 0..REQUESTS {
        redirects.request(&mut requests);
        requests.push(0);
    }
    requests
}

/// How many requests were answered, if all were and none with an error.
fn answered(printed: &str) -> Option<u64> {
    if printed.contains("Socket errors") || printed.contains("Non-2xx or 3xx responses") {
        return None;
    }
    let (before, _) = printed.split_once(" requests in ")?;
    before.rsplit(char::is_whitespace).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::answered;

    #[test]
    fn what_wrk_prints_is_read_and_its_errors_are_not_overlooked() {
        let printed = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  \
                       183044 requests in 2.00s, 40.1MB read\nRequests/sec:  91500.11\n";
        assert_eq!(answered(printed), Some(183_044));
        assert_eq!(
            answered(&format!("{printed}  Socket errors: connect 0, read 1, write 0, timeout 0\n")),
            None
        );
        assert_eq!(answered(&format!("{printed}  Non-2xx or 3xx responses: 4\n")), None);
    }
}
