//! The hot path: from the bytes of a request to the bytes of a redirect.
//!
//! In reading order: [`server`] accepts connections on each core, `connection` reads plain requests and
//! writes answers, `redirector` decides and records, `handover` gives everything that is not a plain request
//! for a link to hyper.

mod answer;
mod buffers;
mod conflicting_lengths;
mod connection;
pub mod counters;
mod handover;
mod head;
mod hyper_service;
mod idle_connections;
mod pace;
pub mod pages;
mod password_attempts;
mod proxies;
mod redirector;
mod request;
mod request_body;
pub mod server;
mod wire;

pub use handover::{Body, Elsewhere};
pub use hyper_service::is_of_the_api;
pub use password_attempts::PasswordAttempts;
pub use proxies::TrustedProxies;
pub use redirector::{Redirector, Shared};
pub use request_body::RequestBody;
