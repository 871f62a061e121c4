//! A Redis of a test's own, as empty after each start as a cache that was lost.

use crate::{free_port, until};
use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// One server. It ends with this.
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
    password: Option<&'static str>,
}

impl RedisServer {
    /// One that lets everybody in.
    pub fn start() -> RedisServer {
        RedisServer::with_password(None)
    }

    /// One that asks for a password.
    pub fn with_password(password: Option<&'static str>) -> RedisServer {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = RedisServer { port: free_port(), folder, process: None, password };
        server.start_again();
        server
    }

    /// Its address, without the password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, empty, after it was killed.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(self.folder.path()).args(["--bind", "127.0.0.1"]).stdout(Stdio::null());
        if let Some(password) = self.password {
            command.args(["--requirepass", password]);
        }
        let process = command.spawn().expect("redis-server is not installed: run dev/services start");
        self.process = Some(process);
        until("Redis listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it can be killed");
        process.wait().expect("it has ended");
    }

    /// SIGSTOP: it hangs and keeps its connections.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it runs");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A process that is stopped can be killed all the same.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
