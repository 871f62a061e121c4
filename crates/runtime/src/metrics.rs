//! Counters of the cores, and how they are shown.
//!
//! A core counts in its own cache line with plain stores; a scrape reads all lines. Nothing on the redirect
//! path touches a counter that another core writes.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that one thread writes and others may read.
#[derive(Debug, Default)]
pub struct CoreCounter(AtomicU64);

impl CoreCounter {
    /// Adds to it. Only its own thread may: a load and a store cost less than an atomic addition.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Takes from it. Only its own thread may.
    #[inline]
    pub fn subtract(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(amount), Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All that is shown at `/metrics`.
pub struct Metrics(Mutex<Registry>);

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics(Mutex::new(Registry::with_prefix("curtail")))
    }
}

impl Metrics {
    /// The content type of [`Metrics::text`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Adds what `collector` shows.
    pub fn register(&self, collector: Box<dyn Collector>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).register_collector(collector);
    }

    /// Everything in the OpenMetrics text format, which Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.lock().unwrap_or_else(PoisonError::into_inner))
            .expect("writing to a string does not fail");
        text
    }
}
