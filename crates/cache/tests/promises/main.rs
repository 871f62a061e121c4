//! What the caches promise, on a real store and a real
//! Redis. Who has no Redis runs `dev/services start` first.

mod bus;
mod doubt;
mod faults;
mod leaders;
mod memory;
mod rates;
mod redis;
mod refusals;
mod resolver;
mod segments;
mod shared_cache;
mod strategies;
mod write_behind;
mod support {
    //! Stores, servers and nodes.
    pub(crate) mod behind;
    pub(crate) mod certificates;
    pub(crate) mod connection;
    pub(crate) mod node;
    pub(crate) mod records;
    pub(crate) mod repair;
    pub(crate) mod services;
    pub(crate) mod speaker;
    pub(crate) mod store;
    pub(crate) mod until;
}
mod tls;
