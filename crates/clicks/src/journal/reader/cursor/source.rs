//! Where the reader gets the bytes of a segment from.

use crate::journal::decode::{Decoder, Ending};
use crate::journal::reader::{Entry, SegmentKey};
use crate::journal::segment::Segment;
use std::sync::Arc;

/// Where the bytes of a segment are.
#[derive(Debug)]
pub(super) enum Source {
    /// Read from the disk as a whole: a read error is an error then, where a mapping would raise a signal.
    Old(Vec<u8>),
    Live(Arc<Segment>),
}

impl Source {
    /// Hands out up to `limit` clicks; tells whether the segment ends behind them, and how many they were.
    pub(super) fn read(
        &self,
        decoder: &mut Decoder,
        limit: usize,
        each: &mut dyn FnMut(SegmentKey, &Entry<'_>),
    ) -> (bool, usize) {
        // Asked before the bytes are looked at: what was published before the seal is then among them.
        let (is_complete, ending) = match self {
            Source::Old(_) => (true, Ending::Final),
            Source::Live(segment) => (segment.is_sealed(), Ending::Published),
        };
        let bytes = self.bytes();
        for handed in 0..limit {
            match decoder.next(bytes, ending) {
                Some(entry) => each(decoder.key, &entry),
                None => return (is_complete, handed),
            }
        }
        (false, limit)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Source::Old(bytes) => bytes,
            Source::Live(segment) => segment.published(),
        }
    }
}
