//! A real worker process. It listens nowhere; what it has to say goes to a file beside what it keeps.

use super::run::until;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// It ends with this.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Starts one on a folder, and waits until it counts.
    pub(crate) fn launch(mut command: Command, data: &Path) -> Worker {
        let log = data.join("printed.txt");
        let printed = File::options().append(true).create(true).open(&log).unwrap();
        command.env("CURTAIL_ADMIN_LISTEN", "off").args(["serve", "--data"]).arg(data);
        let begun = printed.metadata().unwrap().len() as usize;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(printed);
        let mut worker = Worker { child: command.spawn().expect("the binary starts"), log };
        until("a worker counts", || {
            assert!(worker.child.try_wait().unwrap().is_none(), "it has ended: {}", worker.printed());
            worker.printed()[begun..].contains(" counting ")
        });
        worker
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it can be waited for");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let printed = self.printed();
            let lines: Vec<&str> = printed.lines().collect();
            eprintln!("the worker said last:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
