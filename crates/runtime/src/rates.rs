//! Rates that hold over all processes of an installation, for whoever limits requests.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;

/// What a request has cost, or nothing when whoever keeps the rates does not answer: then a rate of this
/// process alone is better than none, and much better than waiting.
pub type Spending<'a> = Pin<Box<dyn Future<Output = Option<Spent>> + Send + 'a>>;

/// Keeps rates: a second's worth may come at once, and what was spent comes back evenly.
pub trait Rates: Send + Sync {
    /// Takes one request from the rate of `key`.
    fn spend(&self, key: u64, per_second: NonZeroU32) -> Spending<'_>;
}

/// What a request has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whether it is within the rate.
    pub allowed: bool,
    /// How many more are, at once.
    pub remaining: u32,
}
