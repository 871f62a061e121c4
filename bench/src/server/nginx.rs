//! nginx as a peer: one worker, a `map` from path to destination, `return 302`, and an access log of what
//! Curtail records.

use super::{Process, free_addresses};
use crate::workload::{Links, destination};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A running nginx.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    log: PathBuf,
    /// How long it took to write its configuration, before it was started.
    pub(crate) prepared: Duration,
}

/// Debian keeps servers in a folder that is not on everybody's path.
fn program() -> &'static Path {
    let sbin = Path::new("/usr/sbin/nginx");
    if sbin.exists() { sbin } else { Path::new("nginx") }
}

/// Its name and version; an error where it is not installed.
pub(crate) fn version() -> Result<String> {
    let output =
        Command::new(program()).arg("-v").output().context("nginx is not installed (package nginx)")?;
    let text = String::from_utf8_lossy(&output.stderr);
    let version = text.trim().rsplit('/').next().unwrap_or_default();
    Ok(format!("nginx {version}"))
}

/// Starts it in `folder` with these links.
pub(crate) fn start(links: &Links, folder: &Path, core: Option<usize>) -> Result<Nginx> {
    let begun = Instant::now();
    fs::create_dir_all(folder)?;
    write_map(links, &folder.join("links.map"))?;
    let [address, _] = free_addresses()?;
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, configured(address, links.len()))?;
    let mut command = Command::new(program());
    command.arg("-p").arg(folder).arg("-c").arg(&configuration).args(["-e", "error.log"]);
    let prepared = begun.elapsed();
    let mut process = Process::start(&mut command, core, folder.join("printed.txt"))?;
    process.wait_until_ready(address, "/", 404)?;
    Ok(Nginx { process, address, log: folder.join("access.log"), prepared })
}

impl Nginx {
    /// Answers how many lines the log has, which nginx flushes within a second, and empties it.
    pub(crate) fn take_log_lines(&self) -> Result<u64> {
        std::thread::sleep(Duration::from_millis(1500));
        let text = fs::read(&self.log).context("nginx has no log")?;
        OpenOptions::new().write(true).open(&self.log)?.set_len(0)?;
        Ok(text.iter().filter(|&&byte| byte == b'\n').count() as u64)
    }
}

fn write_map(links: &Links, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for &number in links.asked() {
        file.write_all(b"/")?;
        file.write_all(links.code(number))?;
        writeln!(file, " {};", destination(number))?;
    }
    ensure!(file.flush().is_ok(), "no room for the map");
    Ok(())
}

/// The best that nginx can do here: one worker, nothing that a redirect does not need, a hash with about one
/// entry in a bucket. The log has what a click keeps: time, path, query, method, status, address, user agent,
/// referrer, language.
fn configured(address: SocketAddr, links: usize) -> String {
    let hash_max = (links * 2).max(2048);
    format!(
        r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 32768; use epoll; }}
http {{
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    map_hash_max_size {hash_max};
    map_hash_bucket_size 256;
    map $uri $destination {{
        default "";
        include links.map;
    }}
    log_format click escape=json '{{"t":$msec,"path":"$uri","query":"$args","method":"$request_method","status":$status,'
        '"address":"$remote_addr","agent":"$http_user_agent","referrer":"$http_referer","language":"$http_accept_language"}}';
    access_log access.log click buffer=64k flush=1s;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    server_tokens off;
    server {{
        listen {address} backlog=4096;
        location = / {{
            access_log off;
            return 404;
        }}
        location / {{
            if ($destination = "") {{ return 404; }}
            return 302 $destination;
        }}
    }}
}}
"#
    )
}
