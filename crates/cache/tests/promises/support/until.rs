//! Waiting for what happens in its own time.

use curtail_servers::PATIENCE;
use std::time::Duration;
use tokio::time::{Instant, interval};

/// Looks every millisecond until it is so; fails loudly when that never happens.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    let mut look = interval(Duration::from_millis(1));
    while !is_so().await {
        assert!(Instant::now() < end, "after {PATIENCE:?} it is not so that {what}");
        look.tick().await;
    }
}
