//! The machine that figures were taken on, and which of its cores runs what.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::{Value, json};
use std::fs;

/// Holds the calling thread, and what it starts meanwhile, on one core until it is dropped.
pub(crate) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    /// Moves the calling thread to a core.
    pub(crate) fn to(core: usize) -> Result<Pinned> {
        let before = sched_getaffinity(None).context("the cores of this process are not to be had")?;
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).with_context(|| format!("core {core} is not to be had"))?;
        Ok(Pinned { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It was allowed before; if it no longer is, the measurements go on where they are.
        let _ = sched_setaffinity(None, &self.before);
    }
}

/// Lets this process and what it starts open as many files as it may ever.
pub(crate) fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("the limit of open files cannot be raised")
}

/// What to know about the machine to read its figures. No name, no address.
pub(crate) fn describe() -> Value {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory_kibibytes =
        first_value("/proc/meminfo", "MemTotal:").and_then(|value| value.parse::<u64>().ok());
    json!({
        "cores": cores,
        "cpu": model_name().unwrap_or_else(|| "unknown".into()),
        "memory_mib": memory_kibibytes.map(|kibibytes| kibibytes / 1024),
        "kernel": kernel(),
    })
}

fn model_name() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_value(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// The version of the kernel without what a distributor or host has appended to it.
fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = release.trim().split(['-', '+']).next().unwrap_or_default();
    format!("Linux {version}")
}
