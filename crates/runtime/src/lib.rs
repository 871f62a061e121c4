//! What any service needs: listeners, one runtime per core, shutdown, health, breakers, rates, metrics, networks, passwords. Knows no
//! links.

pub mod acceptor;
pub mod breaker;
pub mod clock;
pub mod cores;
pub mod health;
pub mod listener;
pub mod metrics;
pub mod network;
pub mod password;
pub mod rates;
pub mod shutdown;
