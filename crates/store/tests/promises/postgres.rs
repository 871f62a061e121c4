//! What PostgreSQL promises beside the suites: of its start, its replicas, and of servers that die.

mod clocks;
mod crash;
pub(crate) mod database;
mod failover;
mod looking;
mod messages;
mod opening;
mod replicas;
mod tampering;
mod transfer;
mod transfer_of_few;
mod write_behind;

use curtail_servers::PATIENCE;
use std::future::Future;
use std::time::Instant;

/// Asks again and again until the answer is yes; the test fails when that takes too long.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "it took too long until {what}");
        tokio::task::yield_now().await;
    }
}
