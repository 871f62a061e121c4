//! A Redis of a test's own, to be killed, stopped and brought back.

use super::certificates::Certificates;
use std::ffi::OsString;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) struct RedisServer {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
    scheme: &'static str,
    host: &'static str,
    flags: Vec<OsString>,
}

impl RedisServer {
    pub(crate) fn start() -> RedisServer {
        RedisServer::with(("redis", "127.0.0.1"), |port| vec!["--port".into(), port])
    }

    pub(crate) fn with_password(password: &str) -> RedisServer {
        let flags = |port| vec!["--port".into(), port, "--requirepass".into(), password.into()];
        RedisServer::with(("redis", "127.0.0.1"), flags)
    }

    /// One that speaks nothing but TLS, with a certificate for `localhost`.
    pub(crate) fn with_tls(certificates: &Certificates) -> RedisServer {
        RedisServer::with(("rediss", "localhost"), |port| {
            let mut flags: Vec<OsString> = ["--port", "0", "--tls-auth-clients", "no"].map(Into::into).into();
            flags.extend(["--tls-port".into(), port]);
            flags.extend(["--tls-cert-file".into(), certificates.certificate().into()]);
            flags.extend(["--tls-key-file".into(), certificates.key().into()]);
            flags.extend(["--tls-ca-cert-file".into(), certificates.authority().into()]);
            flags
        })
    }

    fn with(
        (scheme, host): (&'static str, &'static str),
        flags: impl FnOnce(OsString) -> Vec<OsString>,
    ) -> RedisServer {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (folder, flags) = (tempfile::tempdir().unwrap(), flags(port.to_string().into()));
        let mut server = RedisServer { port, folder, process: None, scheme, host, flags };
        server.start_again();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    /// Starts it, empty, after it was killed.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let mut command = Command::new("redis-server");
        command.args(&self.flags).args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir"]);
        command.arg(self.folder.path()).stdout(Stdio::null());
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
