//! Waiting for what happens in its own time.

use std::time::Duration;
use tokio::time::{Instant, interval};

/// Nothing that a test waits for takes longer than this, whatever else the machine does.
const DEADLINE: Duration = Duration::from_secs(60);

/// Looks every millisecond until it is so; fails loudly when that never happens.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    let mut look = interval(Duration::from_millis(1));
    while !is_so().await {
        assert!(Instant::now() < end, "after {DEADLINE:?} it is not so that {what}");
        look.tick().await;
    }
}
