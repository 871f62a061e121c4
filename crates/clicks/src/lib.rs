//! The life of a click: recorder, journal, enricher, log, aggregator, rollups, stats.
//!
//! The redirect path sees [`recorder`] only: one call that puts a click into the kernel's hands before the
//! redirect leaves. Everything after it runs on a thread of its own and may lag, die or start over without a
//! click being lost or counted twice.

pub mod aggregator;
pub mod classify;
pub mod clock;
pub mod enricher;
pub mod geo;
pub mod journal;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod log;
mod pending;
pub mod pipeline;
pub mod recorder;
pub mod rollup;
pub mod salt;
pub mod stats;
mod waiter;
