//! One file for each subcommand: what it takes, and beside what.

pub(crate) mod changes;
pub(crate) mod clicks;
pub(crate) mod create;
pub(crate) mod kafka;
pub(crate) mod memory;
pub(crate) mod misses;
pub(crate) mod pipeline;
pub(crate) mod postgres;
pub(crate) mod redirect;
pub(crate) mod redis;
pub(crate) mod replay;
mod sides;
pub(crate) mod start;
pub(crate) mod stats;
