//! Whether the process is alive (it answers) and ready (it should be sent traffic).

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

/// The readiness of a process: set once it serves, taken back when it drains.
#[derive(Debug, Default)]
pub struct Health {
    serving: AtomicBool,
    troubles: Mutex<Vec<String>>,
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

    /// Says what works badly although traffic is still welcome; an empty list says that all is well again.
    pub fn report(&self, troubles: Vec<String>) {
        *self.troubles.lock().unwrap_or_else(PoisonError::into_inner) = troubles;
    }

    /// What works badly.
    pub fn troubles(&self) -> Vec<String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
