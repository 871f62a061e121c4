//! Whether the process is alive (it answers) and ready (it should be sent traffic).

use std::sync::atomic::{AtomicBool, Ordering};

/// The readiness of a process: set once it serves, taken back when it drains.
#[derive(Debug, Default)]
pub struct Health {
    serving: AtomicBool,
}

impl Health {
    /// Traffic is welcome.
    pub fn serving(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// Traffic should go elsewhere: the process is about to stop.
    pub fn draining(&self) {
        self.serving.store(false, Ordering::Release);
    }

    /// Whether traffic is welcome.
    pub fn is_ready(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }
}
