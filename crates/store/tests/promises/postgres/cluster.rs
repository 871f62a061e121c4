//! Servers of a test's own, for tests that stop, kill or hang them: a primary and streaming replicas, on free ports.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Servers whose data goes away with this.
pub(crate) struct Cluster {
    pub(crate) primary: Server,
    pub(crate) replicas: Vec<Server>,
    _folder: TempDir,
}

/// One server.
pub(crate) struct Server {
    data: PathBuf,
    port: u16,
    settings: Vec<String>,
}

impl Cluster {
    /// A primary and so many replicas of it, with further lines for `postgresql.conf`.
    pub(crate) fn start(replicas: usize, settings: &[&str]) -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        let primary = Server::new(folder.path(), "primary", settings);
        primary.tool(
            "initdb",
            &["--username=curtail", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"],
        );
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
        fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
        if let Some(owner) = other_user() {
            // PostgreSQL does not run as root.
            for path in [folder, &data] {
                std::os::unix::fs::chown(path, Some(owner), Some(owner)).unwrap();
            }
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(|&line| line.to_owned()).collect();
        Server { data, port, settings }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://curtail@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(&self) {
        let socket = self.data.display();
        let fixed = format!(
            "-p {} -k {socket} -c listen_addresses=127.0.0.1 -c shared_buffers=32MB -c max_connections=60",
            self.port
        );
        let options: String = self.settings.iter().map(|line| format!(" -c {line}")).collect();
        let log = self.data.with_extension("log");
        self.tool(
            "pg_ctl",
            &["--wait", "--log", log.to_str().unwrap(), "--options", &format!("{fixed}{options}"), "start"],
        );
    }

    /// Stops it as a crash would: nothing is written that was not written before.
    pub(crate) fn crash(&self) {
        self.tool("pg_ctl", &["--wait", "--mode=immediate", "stop"]);
    }

    /// Lets none of its processes do anything until [`Server::go_on`].
    pub(crate) fn hang(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        for process in self.processes() {
            // One that has ended meanwhile need not be told.
            let _ = kill_process(process, signal);
        }
    }

    /// Its first process, and the children of that.
    fn processes(&self) -> Vec<Pid> {
        let file = fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let first: i32 = file.lines().next().unwrap().trim().parse().unwrap();
        let listed = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
        let children = listed.split_whitespace().filter_map(|child| child.parse().ok());
        [first].into_iter().chain(children).filter_map(Pid::from_raw).collect()
    }

    fn tool(&self, name: &str, arguments: &[&str]) {
        let mut command = match other_user() {
            Some(user) => {
                let mut command = Command::new("setpriv");
                let user = user.to_string();
                command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(binary(name));
                command
            }
            None => Command::new(binary(name)),
        };
        // What pg_ctl starts would keep a pipe open: its words go to files.
        let said = self.data.with_extension(format!("{name}.said"));
        let file = fs::File::create(&said).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file).current_dir("/");
        let status = command.arg("--pgdata").arg(&self.data).args(arguments).status().unwrap();
        assert!(status.success(), "{name}: {}", fs::read_to_string(said).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.data.join("postmaster.pid").exists() {
            self.go_on();
            self.crash();
        }
    }
}

/// Whom servers run as when the test itself is root: PostgreSQL refuses to be.
fn other_user() -> Option<u32> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
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
