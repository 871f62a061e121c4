//! Servers as the measurements see them: a process with an address that uses CPU and memory.

pub(crate) mod curtail;
pub(crate) mod floor;
pub(crate) mod nginx;

use crate::accounting::{self, Memory};
use crate::http;
use crate::machine::Pinned;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server may need so long to come up, with millions of links and a cold disk.
const START_MAX: Duration = Duration::from_secs(180);
/// After this a server that was asked to stop is killed.
const STOP_MAX: Duration = Duration::from_secs(30);

/// The share of a core that a server uses which has nothing left to do.
const AT_REST: f64 = 0.03;
/// How long it must use no more to count as at rest.
const REST: Duration = Duration::from_millis(500);

/// A server that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    /// What it has printed.
    printed: PathBuf,
}

impl Process {
    /// Starts a server, on one core where given, and writes what it prints to `printed`.
    pub(crate) fn start(command: &mut Command, core: Option<usize>, printed: PathBuf) -> Result<Process> {
        let _pinned = core.map(Pinned::to).transpose()?;
        let output = fs::File::create(&printed).context("no file for what the server prints")?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        Ok(Process { child, printed })
    }

    /// Waits until `path` is answered with `status`.
    pub(crate) fn wait_until_ready(&mut self, address: SocketAddr, path: &str, status: u16) -> Result<()> {
        let begun = Instant::now();
        loop {
            if http::get_status(address, path).is_ok_and(|given| given == status) {
                return Ok(());
            }
            if let Some(exit) = self.child.try_wait()? {
                bail!("the server ended with {exit}:\n{}", self.last_words());
            }
            if begun.elapsed() > START_MAX {
                bail!("the server is not ready after {START_MAX:?}:\n{}", self.last_words());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the server has done what its work so far
    /// has left behind, such as the search index of new links.
    pub(crate) fn wait_until_at_rest(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let before = self.cpu()?;
            thread::sleep(REST);
            if (self.cpu()? - before).as_secs_f64() <= AT_REST * REST.as_secs_f64() {
                return Ok(());
            }
            ensure!(begun.elapsed() < START_MAX, "the server does not come to rest in {START_MAX:?}");
        }
    }

    /// CPU time of the server with all its processes.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.pids()?.into_iter().map(accounting::cpu_of).sum()
    }

    /// Bytes that the server has written to disks, with all its processes.
    pub(crate) fn disk_written(&self) -> Result<u64> {
        self.pids()?.into_iter().map(accounting::disk_written_by).sum()
    }

    /// Memory of the server with all its processes.
    pub(crate) fn memory(&self) -> Result<Memory> {
        self.pids()?.into_iter().map(accounting::memory_of).try_fold(Memory::default(), |sum, memory| {
            let memory = memory?;
            Ok(Memory { anonymous: sum.anonymous + memory.anonymous, mapped: sum.mapped + memory.mapped })
        })
    }

    /// Memory of the process that has most: of nginx, the worker or the master that shares its pages.
    pub(crate) fn memory_of_largest(&self) -> Result<Memory> {
        let each = self.pids()?.into_iter().map(accounting::memory_of).collect::<Result<Vec<_>>>()?;
        Ok(each.into_iter().max_by_key(|memory| memory.anonymous).unwrap_or_default())
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.ask_to_stop();
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX {
            if let Some(exit) = self.child.try_wait()? {
                ensure!(exit.success(), "the server ended with {exit}:\n{}", self.last_words());
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the server does not stop:\n{}", self.last_words())
    }

    fn pids(&self) -> Result<Vec<u32>> {
        let mut pids = accounting::children_of(self.child.id())?;
        pids.push(self.child.id());
        Ok(pids)
    }

    fn ask_to_stop(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It fails only when the server has already ended, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.printed).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.ask_to_stop();
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        // Asked and waited for in vain: nothing more can be done than this, whatever comes of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two addresses that nobody listens on.
pub(crate) fn free_addresses() -> Result<[SocketAddr; 2]> {
    // Both are held before either is let go, so that they differ.
    let held = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    Ok([held[0].local_addr()?, held[1].local_addr()?])
}
