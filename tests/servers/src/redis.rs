//! A Redis of a test's own, as empty after each start as a cache that was lost.

use crate::process::Process;
use crate::{free_port, until};
use std::ffi::OsString;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// One server. It ends with this.
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    process: Process,
    scheme: &'static str,
    host: &'static str,
    flags: Vec<OsString>,
}

impl RedisServer {
    /// One that lets everybody in.
    pub fn start() -> RedisServer {
        RedisServer::with(("redis", "127.0.0.1"), |port| vec!["--port".into(), port])
    }

    /// One that asks for a password.
    pub fn with_password(password: &str) -> RedisServer {
        let flags = |port| vec!["--port".into(), port, "--requirepass".into(), password.into()];
        RedisServer::with(("redis", "127.0.0.1"), flags)
    }

    /// One that speaks nothing but TLS, with a certificate for `localhost` by this authority.
    pub fn with_tls(certificate: &Path, key: &Path, authority: &Path) -> RedisServer {
        RedisServer::with(("rediss", "localhost"), |port| {
            let mut flags: Vec<OsString> = ["--port", "0", "--tls-auth-clients", "no"].map(Into::into).into();
            flags.extend(["--tls-port".into(), port]);
            flags.extend(["--tls-cert-file".into(), certificate.into()]);
            flags.extend(["--tls-key-file".into(), key.into()]);
            flags.extend(["--tls-ca-cert-file".into(), authority.into()]);
            flags
        })
    }

    fn with(
        (scheme, host): (&'static str, &'static str),
        flags: impl FnOnce(OsString) -> Vec<OsString>,
    ) -> RedisServer {
        let port = free_port();
        let (folder, flags) = (tempfile::tempdir().expect("a folder"), flags(port.to_string().into()));
        let mut server = RedisServer { port, folder, process: Process::default(), scheme, host, flags };
        server.start_again();
        server
    }

    /// Its address, without the password.
    pub fn url(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, empty, after it was killed.
    pub fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(&self.flags).args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir"]);
        command.arg(self.folder.path()).stdout(Stdio::null());
        self.process.start(&mut command, "redis-server is not installed: run dev/services start");
        until("Redis listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: it hangs and keeps its connections.
    pub fn hang(&self) {
        self.process.hang();
    }

    /// SIGCONT
    pub fn go_on(&self) {
        self.process.go_on();
    }
}
