//! A Redis of a test's own, to be killed, stopped and brought back.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) struct RedisServer {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
    password: Option<&'static str>,
}

impl RedisServer {
    pub(crate) fn start() -> RedisServer {
        RedisServer::with_password(None)
    }

    pub(crate) fn with_password(password: Option<&'static str>) -> RedisServer {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = RedisServer { port, folder: tempfile::tempdir().unwrap(), process: None, password };
        server.start_again();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it, empty, after it was killed.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(self.folder.path()).args(["--bind", "127.0.0.1"]).stdout(Stdio::null());
        if let Some(password) = self.password {
            command.args(["--requirepass", password]);
        }
        let process = command.spawn().expect("redis-server is not installed: run dev/services start");
        self.process = Some(process);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            std::thread::yield_now();
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// SIGSTOP: it hangs and keeps its connections.
    pub(crate) fn hang(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
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
