//! What is remembered for a while: a small cache on each core, a shared one behind it, one of all processes,
//! and one question at a time to the store.
//!
//! ```text
//! L0 (this core, no lock) -> L1 (this process, one short lock of 64) -> flight (one question per code) -> L2 (Redis) -> store
//! ```
//!
//! Entries carry the version of the row they came from and an absolute expiry. A newer version replaces an
//! older one and never the other way round, so a fill that was overtaken by a change is refused; hits never
//! extend an entry's life. Changes go through [`CoherentLinks`], which every writer in the process holds
//! instead of the bare store; the [`Bus`] carries them to other processes, and knows when it does not.

mod bus;
mod coherent_links;
mod core_cache;
mod entry;
mod flight;
mod freshness_lease;
mod generations;
mod index;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
#[path = "../tests/promises/support/records.rs"]
mod records;
pub mod redis;
mod resolver;
mod ring;
#[cfg(test)]
#[path = "../tests/promises/support/services.rs"]
mod services;
mod shard;
mod shared_cache;
mod strategy;
pub mod write_behind;

pub use bus::{Bus, BusStatistics};
pub use coherent_links::{CoherentLinks, Peers};
pub use core_cache::{CoreCache, Lookup};
pub use entry::{Lifetimes, Seconds};
pub use resolver::{Resolution, Resolver, Sources};
pub use shared_cache::{Held, SharedCache, Statistics};
pub use strategy::Strategy;
pub use write_behind::WriteBehind;
