//! The engines that tests and measurements run on: those that `dev/services` started for all, and servers of a test's own, which
//! may be killed, made to hang and brought back.
//!
//! Whatever is not there is a panic that says what to run: without its engines a test has nothing to say.

mod kafka;
pub mod postgres;
mod redis;

pub use kafka::Broker;
pub use redis::RedisServer;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

/// A server that has not come up by then never will.
const START_MAX: Duration = Duration::from_secs(120);
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

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it has an address").port()
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + START_MAX;
    while !is_so() {
        assert!(Instant::now() < end, "it took too long until {what}");
        std::thread::park_timeout(LOOK);
    }
}
