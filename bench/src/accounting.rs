//! What processes have used, by the kernel's own accounts in `/proc`.

use anyhow::{Context, Result};
use std::fs;
use std::time::Duration;

/// CPU time, user and system, that a process has used with all its threads, those that have ended included.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("no {path}: the process has ended"))?;
    // The name of the program, in parentheses, may hold spaces: fields are counted after it.
    // proc_pid_stat(5): utime is field 14, stime 15, and the first after the name is 3.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).context("an odd stat file")?;
    let mut ticks = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
    let used = ticks.next().context("no utime")? + ticks.next().context("no stime")?;
    Ok(Duration::from_secs_f64(used as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// CPU time of this process.
pub(crate) fn own_cpu() -> Result<Duration> {
    cpu_of(std::process::id())
}

/// CPU time that everything on the machine has used, stolen
/// time included: what nobody measured would have had.
pub(crate) fn machine_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("no /proc/stat")?;
    let cores =
        stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("an odd /proc/stat")?;
    let ticks: Vec<u64> = cores.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; what follows is in these already.
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&field| ticks.get(field)).sum();
    Ok(Duration::from_secs_f64(busy as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Processes that `pid` has started and that run.
pub(crate) fn children_of(pid: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("no {path}"))?;
    Ok(children.split_whitespace().filter_map(|child| child.parse().ok()).collect())
}

/// Bytes that a process has had written to disks: pages of files
/// that it made dirty. What it maps counts when it is touched.
pub(crate) fn disk_written_by(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/io");
    let io = fs::read_to_string(&path).with_context(|| format!("no {path}: the process has ended"))?;
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    written.and_then(|bytes| bytes.parse().ok()).context("an odd io file")
}

/// Memory of a process that is in RAM, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Its own: heap and stacks.
    pub(crate) anonymous: u64,
    /// Mapped files: the program itself, journal segments; the kernel can take these back.
    pub(crate) mapped: u64,
}

impl Memory {
    /// Both, as RSS counts them.
    pub(crate) fn total(self) -> u64 {
        self.anonymous + self.mapped
    }
}

/// What a process has in RAM.
pub(crate) fn memory_of(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("no {path}: the process has ended"))?;
    let kibibytes = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    Ok(Memory {
        anonymous: kibibytes("RssAnon:") * 1024,
        mapped: (kibibytes("RssFile:") + kibibytes("RssShmem:")) * 1024,
    })
}
