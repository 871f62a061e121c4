//! A PgBouncer of a test's own: a connection is the client's for one transaction only, and goes on though the
//! server behind it becomes another one.

use crate::postgres::{Server, as_other_user, give_away};
use crate::process::Process;
use crate::{free_port, until};
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

/// One pooler. It ends with this.
pub struct PgBouncer {
    port: u16,
    folder: TempDir,
    process: Process,
}

impl PgBouncer {
    /// One that leads to this server.
    pub fn start(server: &Server) -> PgBouncer {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pooler = PgBouncer { port: free_port(), folder, process: Process::default() };
        pooler.write("users", "\"curtail\" \"\"\n");
        let settings = pooler.configure(server);
        let mut command = as_other_user(Path::new("/usr/sbin/pgbouncer"));
        command.arg("--quiet").arg(settings).stdout(Stdio::null()).stderr(Stdio::null());
        pooler.process.start(&mut command, "pgbouncer is not installed: run dev/services start");
        until("PgBouncer listens", || TcpStream::connect(("127.0.0.1", pooler.port)).is_ok());
        pooler
    }

    /// Its address, as [`Server::url`] has it.
    pub fn url(&self) -> String {
        format!("postgres://curtail@127.0.0.1:{}/postgres", self.port)
    }

    /// Leads to another server from now on, without a word to its clients.
    pub fn lead_to(&self, server: &Server) {
        self.configure(server);
        self.process.read_again();
    }

    fn configure(&self, server: &Server) -> std::path::PathBuf {
        let (server, port, users) = (server.port(), self.port, self.folder.path().join("users"));
        self.write(
            "pgbouncer.ini",
            &format!(
                "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\nserver_login_retry = 1\n",
                users.display()
            ),
        )
    }

    fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file can be written");
        give_away(&[self.folder.path(), &path]);
        path
    }
}
