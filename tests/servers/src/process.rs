//! A server that is one process, to be killed and made to hang.

use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command};

/// A server that runs, or does not. It ends with this.
#[derive(Default)]
pub(crate) struct Process(Option<Child>);

impl Process {
    /// Starts it; it must not run.
    pub(crate) fn start(&mut self, command: &mut Command, missing: &str) {
        assert!(self.0.is_none(), "it runs");
        self.0 = Some(command.spawn().expect(missing));
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut process = self.0.take().expect("it runs");
        process.kill().expect("it can be killed");
        process.wait().expect("it has ended");
    }

    /// SIGSTOP: it hangs and keeps its connections.
    pub(crate) fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGHUP: it reads its settings again.
    pub(crate) fn read_again(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let process = self.0.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it runs");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut process) = self.0.take() {
            // A process that is stopped can be killed all the same.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
