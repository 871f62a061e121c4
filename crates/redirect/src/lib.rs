//! The hot path: from the bytes of a request to the bytes of a redirect.
//!
//! In reading order: [`server`] accepts connections on each core, `connection` reads plain requests and writes answers,
//! `redirector` decides and records, `handover` gives everything that is not a plain request for a link to hyper.

mod answer;
mod buffers;
mod connection;
pub mod counters;
mod doubt;
mod guesses;
mod handover;
mod head;
mod pace;
pub mod pages;
mod proxies;
mod redirector;
mod seats;
pub mod server;
mod unusual;
mod visit;
mod wire;

pub use guesses::Guesses;
pub use handover::{Body, Elsewhere};
pub use proxies::TrustedProxies;
pub use redirector::{Redirector, Shared};
