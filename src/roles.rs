//! What a process can be. A role only composes what the crates and [`crate::engines`] offer.

pub(crate) mod app;
pub(crate) mod worker;
