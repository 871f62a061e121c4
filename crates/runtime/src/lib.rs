//! What any service needs: listeners, one runtime per core, shutdown, health, admission, breakers, retries,
//! rates, attempts, metrics, networks, passwords, headers of files. Knows no links.

pub mod acceptor;
pub mod admission;
pub mod attempts;
pub mod breaker;
pub mod chance;
pub mod clock;
pub mod cores;
pub mod health;
pub mod listener;
pub mod metrics;
pub mod network;
pub mod password;
pub mod rates;
pub mod retry;
pub mod shutdown;
pub mod twin_header;
