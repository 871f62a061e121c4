//! What a journal in front of a store needs of it: ids that are its own before the store is asked to keep
//! anything, and a way to write links there that have them, as often as it takes.

use crate::StoreFuture;
use curtail_model::{Link, LinkId};

/// A store that takes links which have been acknowledged elsewhere.
pub trait WriteBehindStore: Send + Sync {
    /// Sets about `count` ids with generated codes aside, durably: until they are
    /// released, nobody else is given one of them, and nobody can choose one of their
    /// codes. They come in ascending order, without codes that were chosen before, that
    /// offend or that hide a page of our own; none are left when codes are used up.
    fn lease(&self, count: u32) -> StoreFuture<'_, IdBlock>;

    /// Writes links that have leased ids: what is there already stays as it
    /// is, whatever has become of it since. Either all outcomes are durable,
    /// in order, or nobody knows: then the same may be written again.
    fn flush(&self, links: Vec<Link>) -> StoreFuture<'_, Vec<Flushed>>;

    /// Ends the leases of blocks, by their first numbers: all links that
    /// have ids of them are there. What was not given stays unused.
    fn release(&self, blocks: Vec<u64>) -> StoreFuture<'_, ()>;
}

/// Ids that were set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdBlock {
    /// The first number that is set aside, by which the block is known.
    pub first: u64,
    /// The number after the last one.
    pub end: u64,
    /// The version of all links that are made of it: every
    /// change to one of them that follows has a greater one.
    pub version: u64,
    /// The ids that may be given.
    pub ids: Vec<LinkId>,
}

/// What became of a link that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// The store has it now.
    Now,
    /// The store had it before; it may have changed since, or be gone.
    Before,
    /// It cannot be kept, and why: another link has its id, or the
    /// store refuses what is in it. Trying again will not help.
    Refused(String),
}
