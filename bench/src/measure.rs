//! One file for each line of the README's table.

pub(crate) mod create;
pub(crate) mod kafka;
pub(crate) mod memory;
pub(crate) mod pipeline;
pub(crate) mod redirect;
pub(crate) mod start;
pub(crate) mod stats;
