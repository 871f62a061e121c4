//! Rollups: what was counted for one subject in one minute, hour or day, as the bytes that the store keeps.
//!
//! A rollup is a value: two of them for the same key [`merge`] into one, in any order and grouping, with the
//! same result as counting all their clicks at once. Totals are always exact. Values beyond the cap of a
//! section (the largest are kept) go into its `(other)`, and a visitor is counted by a sketch once a day has
//! more than a few: only from there on does the order of merging show, and never in a total.
//!
//! # Format
//!
//! Numbers are LEB128 varints unless said otherwise; classes go by their place in [`ClickClass::ALL`].
//!
//! ```text
//! rollup   := head:u8  { clicks }  { visitors }  { sections }  crc32c:u32le    {} once per class of the head, in order
//! head     := format (2 bits, now 1) | grain (2 bits: minute, hour, day) | classes (4 bits, the first class lowest)
//! clicks   := number >= 1
//! visitors := n << 1, n x hash:u64le, ascending, n <= 32           only at day grain
//!           | bytes << 1 | 1, a serialized HLL sketch (lg k 12)
//! sections := bitmap, then for each bit from the lowest { section }
//! section  := n << 1 | has_other, [ length:u32le ], [ other ], n x { name, clicks }    names strictly ascending
//!             length: of what follows it in the section, if n >= 16
//! ```
//!
//! A section is a [`Dimension`](curtail_model::Dimension) (by its place in `ALL`) the paths of orphan clicks,
//! or the links that everything is made of. A click that has no value for a dimension is written nowhere:
//! what a section lacks to the class's clicks is the clicks without a value. Common values are named by a
//! number, so one click costs about 40 bytes.
//!
//! Every format ends with the CRC-32C of what stands before, so a flipped bit is told from a newer format.
//! What is read is not trusted all the same: lengths, order, counts and caps are checked, and nothing is
//! allocated on the word of a length. Bytes that break a rule are [`Malformed`].

mod bytes;
mod merging;
mod name;
mod reading;
mod section;
mod visitors;
mod writing;

pub use merging::merge;
pub(crate) use name::text_of;
pub use reading::Rollup;
pub use section::Section;
pub use visitors::Visitors;
pub use writing::{Counted, Counts, encode};

use curtail_model::ClickClass;
use curtail_store::rollups::Grain;

/// The format that is written, in the two highest bits of the head.
const FORMAT: u8 = 1;
/// How many classes the head can name.
const CLASSES: usize = 4;
/// The longest value in bytes; longer ones are cut where they come in.
pub(crate) const VALUE_BYTES_MAX: usize = 255;

/// Why bytes are not a rollup that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is whole: a newer version wrote it, and knows what it says.
    #[error("a rollup was written by a newer version of Curtail")]
    Newer,
    /// It is not what was written.
    #[error("a rollup is damaged: {0}")]
    Damaged(&'static str),
}

/// How many values of a section are kept. Fine grains keep fewer, because they are many and live shortly; so
/// do clicks that no person made, because a report reads all of a link's days and little is asked of those.
pub const fn values_max(grain: Grain, class: ClickClass) -> usize {
    let of_humans = match grain {
        Grain::Minute => 100,
        Grain::Hour => 250,
        Grain::Day => 1_000,
    };
    match class {
        ClickClass::Human => of_humans,
        ClickClass::Bot | ClickClass::Prefetch | ClickClass::Head => of_humans / 4,
    }
}

/// Appends the checksum that ends every rollup.
fn seal(out: &mut Vec<u8>) {
    let sum = crc32c::crc32c(out);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// What stands before the checksum, if that is right.
fn unseal(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(Malformed::Damaged("it ends early"))?;
    if crc32c::crc32c(body) == u32::from_le_bytes(*sum) {
        Ok(body)
    } else {
        Err(Malformed::Damaged("its checksum is wrong"))
    }
}
