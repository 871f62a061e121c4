//! A real server process on a folder of its own, started and killed as operators and bad days do it.

use super::http::{Client, Response};
use super::run::until_there_is;
use curtail_servers::PATIENCE;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

/// The key that all test servers take.
pub(crate) const KEY: &str = "test-key-0123456789abcdef";

/// A command that runs the binary under test with nothing of this process's `CURTAIL_*` environment.
pub(crate) fn curtail() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_curtail"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CURTAIL_") {
            command.env_remove(name);
        }
    }
    command
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where it shows metrics, if it was started with `--admin-listen`.
    pub(crate) admin: Option<SocketAddr>,
    log: Mutex<Log>,
    data: PathBuf,
    flags: Vec<String>,
}

/// What it logs.
struct Log {
    /// What was read while it started.
    early: Vec<String>,
    lines: Receiver<String>,
}

impl Server {
    /// Starts a server on `data` with more flags, and waits until it serves.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Server {
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        Server::launch(curtail(), data, flags)
    }

    /// The same, with the command that starts it made by the caller (in a namespace, with limits).
    pub(crate) fn launch(mut command: Command, data: &Path, flags: Vec<String>) -> Server {
        command.env("CURTAIL_ADMIN_KEY", KEY);
        Server::spawn(command, data, flags)
    }

    /// Starts a server that is given no key.
    pub(crate) fn launch_without_key(command: Command, data: &Path) -> Server {
        Server::spawn(command, data, Vec::new())
    }

    /// The same of one that may refuse to start: then answers what it said.
    pub(crate) fn try_launch_without_key(command: Command, data: &Path) -> Result<Server, String> {
        Server::try_spawn(command, data, Vec::new())
    }

    /// Starts a server that may refuse to: then answers what it said.
    pub(crate) fn try_start(data: &Path, flags: &[&str]) -> Result<Server, String> {
        Server::try_launch(curtail(), data, flags.iter().map(|&flag| flag.to_owned()).collect())
    }

    /// The same with the command made by the caller.
    pub(crate) fn try_launch(
        mut command: Command,
        data: &Path,
        flags: Vec<String>,
    ) -> Result<Server, String> {
        command.env("CURTAIL_ADMIN_KEY", KEY);
        Server::try_spawn(command, data, flags)
    }

    fn spawn(command: Command, data: &Path, flags: Vec<String>) -> Server {
        Server::try_spawn(command, data, flags)
            .unwrap_or_else(|said| panic!("the server did not start:\n{said}"))
    }

    fn try_spawn(mut command: Command, data: &Path, flags: Vec<String>) -> Result<Server, String> {
        if !flags.iter().any(|flag| flag == "--admin-listen") {
            command.env("CURTAIL_ADMIN_LISTEN", "off");
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--set", "log.format=json", "--data"])
            .arg(data)
            .args(&flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("it was piped");
        match wait_until_serving(stderr) {
            Ok((address, admin, log)) => {
                Ok(Server { child, address, admin, log: Mutex::new(log), data: data.to_owned(), flags })
            }
            Err(said) => {
                // It has ended by itself, or has been silent for so long that it never will.
                let _ = child.kill();
                let _ = child.wait();
                Err(said)
            }
        }
    }

    /// Kills it as `kill -9` does and starts it again on the same folder with the same flags. What a command
    /// of the caller's had beside them is not kept.
    pub(crate) fn kill_and_restart(self) -> Server {
        let (data, flags) = (self.data.clone(), self.flags.clone());
        self.kill();
        Server::launch(curtail(), &data, flags)
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it can be waited for");
    }

    /// Asks it to stop as `kill` does and waits for its end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().expect("it can be waited for")
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it can be waited for")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.process(), signal).expect("it runs");
    }

    /// Its process.
    pub(crate) fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// A new connection to it.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One API request with the key, on a connection of its own.
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let authorization = format!("Bearer {KEY}");
        let mut headers = vec![("authorization", authorization.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.client().request(method, path, &headers, body.as_bytes())
    }

    /// Makes a link and answers it; panics unless it is new.
    pub(crate) fn link(&self, body: &Value) -> Value {
        let response = self.api("POST", "/api/v1/links", Some(body));
        assert_eq!(response.status, 201, "{}", response.text());
        response.json()
    }

    /// The clicks on a link so far.
    pub(crate) fn clicks(&self, id: &str) -> Value {
        self.api("GET", &format!("/api/v1/links/{id}"), None).json()["clicks"].clone()
    }

    /// What a metric stands at, labels included in its name; the server must have been started with
    /// `--admin-listen`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let shown = self.shown();
        let line = shown.lines().find(|line| line.split(' ').next() == Some(name));
        line.and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .unwrap_or_else(|| panic!("{name}: {shown}"))
    }

    /// All its metrics; it must have been started with `--admin-listen`.
    pub(crate) fn shown(&self) -> String {
        Client::connect(self.admin.expect("it shows metrics")).get("/metrics").text()
    }

    /// The memory that it holds of its own, in bytes: not what it maps from files, such as its journal.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process().as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux says it");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    /// Waits until `done` says so; fails loudly when that takes too long.
    pub(crate) fn eventually<T>(&self, mut done: impl FnMut(&Server) -> Option<T>) -> T {
        until_there_is("what is waited for has come", PATIENCE, || done(self))
    }

    /// The lines that it has logged since this was last called.
    pub(crate) fn logged(&self) -> Vec<String> {
        let mut log = self.log.lock().expect("no test panics while it holds it");
        let early = std::mem::take(&mut log.early);
        early.into_iter().chain(log.lines.try_iter()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already; a test that fails must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_until_serving(stderr: ChildStderr) -> Result<(SocketAddr, Option<SocketAddr>, Log), String> {
    let (say, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if say.send(line).is_err() {
                return;
            }
        }
    });
    let mut seen: Vec<String> = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let said: Value = serde_json::from_str(&line).unwrap_or_default();
                if said["message"] == "serving" {
                    let address = |name: &str| said[name].as_str().and_then(|text| text.parse().ok());
                    return Ok((
                        address("address").expect("it says where"),
                        address("admin"),
                        Log { early: seen, lines },
                    ));
                }
                seen.push(line);
            }
            Err(_) => return Err(seen.join("\n")),
        }
    }
}

/// Runs the binary to its end and answers its exit code and what it wrote.
pub(crate) fn run(mut command: Command) -> (i32, String, String) {
    let output = command.stdin(Stdio::null()).output().expect("the binary starts");
    let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or(0));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (code, text(output.stdout), text(output.stderr))
}

/// Random bytes for tests that need some.
pub(crate) fn random_seed() -> u64 {
    let mut bytes = [0; 8];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("random bytes");
    u64::from_le_bytes(bytes)
}
