//! What any service needs: listeners, one runtime per core, shutdown, health, metrics, networks, passwords. Knows no links.

pub mod acceptor;
pub mod clock;
pub mod cores;
pub mod health;
pub mod listener;
pub mod metrics;
pub mod network;
pub mod password;
pub mod shutdown;
