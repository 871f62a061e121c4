//! What is remembered for a while: a small cache on each core, a shared one behind it, and one question at a time to the
//! store.
//!
//! ```text
//! L0 (this core, no lock) -> L1 (this process, one short lock of 64) -> flight (one question per code) -> store
//! ```
//!
//! Entries carry the version of the row they came from and an absolute expiry. A newer version replaces an older one and
//! never the other way round, so a fill that was overtaken by a change is refused; hits never extend an entry's life.
//! Changes go through [`CoherentLinks`], which every writer in the process holds instead of the bare store.

mod coherent_links;
mod core_cache;
mod entry;
mod flight;
mod generations;
mod index;
mod resolver;
mod ring;
mod shard;
mod shared_cache;

pub use coherent_links::CoherentLinks;
pub use core_cache::{CoreCache, Lookup};
pub use entry::{Lifetimes, Seconds};
pub use resolver::{Resolution, Resolver};
pub use shared_cache::{Held, Layer, SharedCache, Statistics};
