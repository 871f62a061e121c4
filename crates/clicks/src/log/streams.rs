//! The numbers of streams: what the store keeps positions of.
//!
//! ```text
//! bits      2      12          40     10
//!        | kind | partition | node | core |     a stream of a node's journal (kind 0, partition 0)
//!                                               or what was counted of it from a partition (kind 1): its mark
//!        | kind | partition | topic         |   offset of a partition (kind 2): the record to count next
//!        | kind | 0                         |   how many partitions the log has (kind 3)
//!        | kind | 1                         |   which topic it is (kind 3)
//! ```
//!
//! Streams of nodes that had no numbers yet are those of node 0.

use xxhash_rust::xxh3::xxh3_64;

/// Bits of a node's number.
pub(crate) const NODE_BITS: u32 = 40;
/// So many cores of a node can record.
pub(crate) const CORES_MAX: usize = 1 << CORE_BITS;
/// So many partitions can be told apart.
pub const PARTITIONS_MAX: u16 = 1 << PARTITION_BITS;

const CORE_BITS: u32 = 10;
const PARTITION_BITS: u32 = 12;
const PARTITION_SHIFT: u32 = NODE_BITS + CORE_BITS;
const KIND_SHIFT: u32 = PARTITION_SHIFT + PARTITION_BITS;
const MARK: u64 = 1 << KIND_SHIFT;
const OFFSET: u64 = 2 << KIND_SHIFT;

/// The stream under which the number of the log's partitions is remembered.
pub const PARTITIONS: u64 = 3 << KIND_SHIFT;

/// The stream under which the topic is remembered, as [`of_topic`] has it.
pub const TOPIC: u64 = PARTITIONS | 1;

/// What a topic is remembered by.
pub fn of_topic(name: &str) -> u64 {
    // Stores have numbers below 2^63.
    xxh3_64(name.as_bytes()) >> 1
}

/// The stream that a core of a node records.
pub const fn of_core(node: u64, core: usize) -> u64 {
    (node << CORE_BITS) | core as u64
}

/// The stream of how much of a node's stream was counted from a partition.
pub const fn mark(partition: u16, stream: u64) -> u64 {
    MARK | (partition as u64) << PARTITION_SHIFT | stream
}

/// The partition and the node's stream of a mark, if it is one.
pub const fn of_mark(stream: u64) -> Option<(u16, u64)> {
    if stream >> KIND_SHIFT != MARK >> KIND_SHIFT {
        return None;
    }
    let partition = (stream >> PARTITION_SHIFT) as u16 & (PARTITIONS_MAX - 1);
    Some((partition, stream & ((1 << PARTITION_SHIFT) - 1)))
}

/// The stream of a partition's offset. `topic` names the
/// topic and its cluster: another one has its own offsets.
pub fn offset(partition: u16, topic: &str) -> u64 {
    OFFSET | u64::from(partition) << PARTITION_SHIFT | xxh3_64(topic.as_bytes()) >> (64 - PARTITION_SHIFT)
}

/// Whether it is the stream of a node's core, as the journal and records name it.
pub(crate) const fn is_of_core(stream: u64) -> bool {
    stream >> PARTITION_SHIFT == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_kinds_of_streams_are_told_apart() {
        let node = (1 << NODE_BITS) - 1;
        let stream = of_core(node, CORES_MAX - 1);
        let last = PARTITIONS_MAX - 1;
        assert!(is_of_core(stream));
        assert_eq!(of_mark(mark(last, stream)), Some((last, stream)));
        assert_eq!(of_mark(mark(0, 0)), Some((0, 0)));
        let all = [
            stream,
            0,
            mark(0, stream),
            mark(0, 0),
            mark(last, stream),
            offset(0, "a"),
            offset(last, "a"),
            offset(0, "b"),
            PARTITIONS,
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all[5..].iter().all(|other| of_mark(*other).is_none() && !is_of_core(*other)));
        assert_eq!(of_mark(stream), None);
    }
}
