//! A PostgreSQL of a test's own: a primary and streaming replicas, on free ports.

use crate::{PATIENCE, free_port, until};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Servers whose data goes away with this.
pub struct Cluster {
    /// The one that is written to.
    pub primary: Server,
    /// The others.
    pub replicas: Vec<Server>,
    _folder: TempDir,
}

/// One server.
pub struct Server {
    data: PathBuf,
    port: u16,
    settings: Vec<String>,
}

impl Cluster {
    /// A primary and so many replicas of it, with further lines for `postgresql.conf`.
    pub fn start(replicas: usize, settings: &[&str]) -> Cluster {
        let folder = tempfile::tempdir().expect("a folder");
        let primary = Server::new(folder.path(), "primary", settings);
        let cluster = ["--username=curtail", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"];
        primary.tool("initdb", &cluster);
        primary.start();
        let replicas = (0..replicas)
            .map(|number| {
                let replica = Server::new(folder.path(), &format!("replica{number}"), settings);
                let port = primary.port.to_string();
                let from = ["--host=127.0.0.1", "--username=curtail", "--port", &port];
                let how = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
                replica.tool("pg_basebackup", &[from.as_slice(), how.as_slice()].concat());
                replica.start();
                replica
            })
            .collect();
        Cluster { primary, replicas, _folder: folder }
    }
}

impl Server {
    fn new(folder: &Path, name: &str, settings: &[&str]) -> Server {
        let data = folder.join(name);
        fs::DirBuilder::new().mode(0o700).create(&data).expect("a folder can be made");
        give_away(&[folder, &data]);
        let settings = settings.iter().map(|&line| line.to_owned()).collect();
        Server { data, port: free_port(), settings }
    }

    /// Its address, for a user that may do everything.
    pub fn url(&self) -> String {
        format!("postgres://curtail@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Starts it, and waits until it answers.
    pub fn start(&self) {
        // No socket in the file system: its lock would outlive a kill.
        let fixed = format!(
            "-p {} -k '' -c listen_addresses=127.0.0.1 -c shared_buffers=32MB -c max_connections=60",
            self.port
        );
        let options: String = self.settings.iter().map(|line| format!(" -c {line}")).collect();
        let log = self.data.with_extension("log");
        let options = format!("{fixed}{options}");
        let log = log.to_str().expect("names here are plain");
        self.tool("pg_ctl", &["--wait", "--log", log, "--options", &options, "start"]);
    }

    /// Stops it as a crash would: nothing is written that was not written before.
    pub fn crash(&self) {
        self.tool("pg_ctl", &["--wait", "--mode=immediate", "stop"]);
    }

    /// Makes a replica a primary.
    pub fn promote(&self) {
        self.tool("pg_ctl", &["--wait", "promote"]);
    }

    /// `kill -9` of all its processes at once.
    pub fn kill(&self) {
        // None that is stopped can start another one meanwhile.
        self.hang();
        let processes = self.processes();
        self.signal(Signal::KILL);
        for process in processes {
            until("PostgreSQL has ended", || has_ended(process));
        }
        // Its own start would take the number of a process that nobody has asked for its exit code for one
        // that runs.
        fs::remove_file(self.pid_file()).expect("it was there");
    }

    /// SIGSTOP: none of its processes does anything until [`Server::go_on`].
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Runs a statement, on a connection of its own; answers what it gives, as text.
    pub fn ask(&self, sql: &str) -> String {
        let quiet = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command"];
        let output = Command::new(binary("psql")).args(quiet).args([sql, &self.url()]).output();
        let output = output.expect("psql comes with PostgreSQL");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn signal(&self, signal: Signal) {
        for process in self.processes() {
            // One that has ended meanwhile need not be told.
            let _ = kill_process(process, signal);
        }
    }

    /// Its first process, and the children of that.
    fn processes(&self) -> Vec<Pid> {
        let file = fs::read_to_string(self.pid_file()).expect("it runs");
        let first = file.lines().next().and_then(|line| line.trim().parse().ok());
        let first: i32 = first.expect("the number of its first process");
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        [first].into_iter().chain(children).filter_map(Pid::from_raw).collect()
    }

    fn pid_file(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }

    fn tool(&self, name: &str, arguments: &[&str]) {
        let mut command = as_other_user(&binary(name));
        // What pg_ctl starts would keep a pipe open: its words go to files.
        let said = self.data.with_extension(format!("{name}.said"));
        let file = fs::File::create(&said).expect("a file can be made");
        command.stdout(file.try_clone().expect("a descriptor")).stderr(file).current_dir("/");
        command.env("PGCTLTIMEOUT", PATIENCE.as_secs().to_string());
        let status = command.arg("--pgdata").arg(&self.data).args(arguments).status();
        let status = status.expect("PostgreSQL is not installed: run dev/services start");
        let text = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let log = self.data.with_extension("log");
        assert!(status.success(), "{name}: {}\nand its log: {}", text(said), text(log));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.pid_file().exists() {
            self.go_on();
            self.crash();
        }
    }
}

/// Whether a process has ended, asked for its exit code or not.
fn has_ended(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// A program, to be run as somebody who is not root.
pub(crate) fn as_other_user(program: &Path) -> Command {
    let Some(user) = other_user() else { return Command::new(program) };
    let (mut command, user) = (Command::new("setpriv"), user.to_string());
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(program);
    command
}

/// Lets who is not root have files and folders.
pub(crate) fn give_away(paths: &[&Path]) {
    let Some(owner) = other_user() else { return };
    for path in paths {
        std::os::unix::fs::chown(path, Some(owner), Some(owner)).expect("root may give it away");
    }
}

/// Whom servers run as when the test itself is root: they refuse to be.
fn other_user() -> Option<u32> {
    if !geteuid().is_root() {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").expect("there are users");
    let user =
        passwd.lines().find_map(|line| line.strip_prefix("postgres:")?.split(':').nth(1)?.parse().ok());
    Some(user.expect("there is a user postgres: run dev/services start"))
}

/// A program of PostgreSQL's. Debian keeps them in a folder that is on nobody's path.
fn binary(name: &str) -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        installed.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}
