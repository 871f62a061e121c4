//! What the caches promise, on a real store and a real Redis. Who has no Redis runs `dev/services start` first.

mod bus;
mod faults;
mod layers;
mod leaders;
mod memory;
mod rates;
mod refusals;
mod resolver;
mod second;
mod strategies;
mod write_behind;
mod support {
    //! Stores, servers and nodes.
    pub(crate) mod behind;
    pub(crate) mod certificates;
    pub(crate) mod node;
    pub(crate) mod services;
    pub(crate) mod store;
}
mod tls;
