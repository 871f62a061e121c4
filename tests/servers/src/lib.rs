//! The engines that tests and measurements run on: those that `dev/services` started for all, and servers of
//! a test's own, which may be killed, made to hang and brought back.
//!
//! Whatever is not there is a panic that says what to run: without its engines a test has nothing to say.

mod kafka;
pub mod log;
mod pgbouncer;
pub mod postgres;
mod process;
mod redis;

pub use kafka::Broker;
pub use pgbouncer::PgBouncer;
pub use redis::RedisServer;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long tests wait for what has to come, where it is no promise how soon it does. What never comes fails
/// the test late; what comes late, on a machine whose disk has stood still for half a minute, fails none.
pub const PATIENCE: Duration = Duration::from_secs(420);
/// Between two looks at a server that is starting or ending.
const LOOK: Duration = Duration::from_millis(5);

/// What `dev/services` says of itself, such as `CURTAIL_TEST_REDIS`.
pub fn service(name: &str) -> String {
    find_service(name).unwrap_or_else(|| panic!("{name} is not set: run dev/services start"))
}

/// The same where it may be missing: as the environment says, or as `dev/services` wrote it down in the tree.
pub fn find_service(name: &str) -> Option<String> {
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services/env");
    let told = || {
        let text = fs::read_to_string(written).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']).to_owned())
    };
    std::env::var(name).ok().or_else(told)
}

/// Ports that servers of a test's own have. The kernel gives those from 32768 on to whoever connects: while a
/// server is dead, somebody's connection would take its port, and most often that of a client that tries to
/// reach this very server.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port that nobody listens on, nor is given by the kernel to anybody who connects.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin at different ports.
    let begin = std::process::id().wrapping_mul(97) as u16;
    let mut tried = (0..PORTS.len()).map(|_| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        PORTS.start + begin.wrapping_add(step) % PORTS.len() as u16
    });
    tried.find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok()).expect("a free port")
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it took too long until {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// Lets a time pass that is itself what is tested: that of an outage, or between two requests. Never to wait
/// for something to happen: each use says why, in the line before it.
pub fn let_pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
