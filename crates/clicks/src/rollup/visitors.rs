//! How many different visitors there were: exact while few, an HLL sketch from there on.
//!
//! The sketch is DataSketches' HLL with lg k = 12 and 6-bit registers: 3 KiB once it is full, a relative
//! standard error of about 1.6 %, and no more than 4 bytes a visitor before. Merging takes the greatest of
//! each register, so the order does not matter.

use super::Malformed;
use super::bytes::{Cursor, put_number};
use datasketches::hll::{HllSketch, HllType, HllUnion};

/// So many visitors are kept as they are: a cold link's day
/// costs eight bytes a visitor, and counts them exactly.
const EXACT_MAX: usize = 32;
const SKETCH_LG_K: u8 = 12;
/// A serialized sketch has 4096 registers of 6 bits and a preamble of 40 bytes.
const SKETCH_BYTES_MAX: usize = 4096 * 6 / 8 + 64;

/// A set of visitors.
#[derive(Clone, Debug, Default)]
pub struct Visitors(Kept);

#[derive(Clone, Debug)]
enum Kept {
    /// Ascending, each once.
    Exact(Vec<u64>),
    Sketch(Box<HllSketch>),
    /// The sum of sketches.
    Union(Box<HllUnion>),
}

impl Default for Kept {
    fn default() -> Kept {
        Kept::Exact(Vec::new())
    }
}

impl Visitors {
    /// The set of these hashes, which come ascending and each once.
    pub(super) fn of(hashes: &[u64]) -> Visitors {
        if hashes.len() <= EXACT_MAX {
            return Visitors(Kept::Exact(hashes.to_vec()));
        }
        Visitors(Kept::Sketch(Box::new(sketch_of(hashes))))
    }

    /// How many there are: exactly up to a few, then about.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Kept::Exact(hashes) => hashes.len() as u64,
            Kept::Sketch(sketch) => sketch.estimate().round() as u64,
            Kept::Union(union) => union.estimate().round() as u64,
        }
    }

    /// Takes in another set.
    pub fn merge(&mut self, other: Visitors) {
        let merged = match (std::mem::take(&mut self.0), other.0) {
            (Kept::Exact(mut left), Kept::Exact(right)) => {
                left.extend_from_slice(&right);
                left.sort_unstable();
                left.dedup();
                Visitors::of(&left).0
            }
            (Kept::Sketch(mut sketch), Kept::Exact(hashes))
            | (Kept::Exact(hashes), Kept::Sketch(mut sketch)) => {
                hashes.iter().for_each(|hash| sketch.update(*hash));
                Kept::Sketch(sketch)
            }
            (Kept::Union(mut union), Kept::Exact(hashes)) | (Kept::Exact(hashes), Kept::Union(mut union)) => {
                hashes.iter().for_each(|hash| union.update_value(*hash));
                Kept::Union(union)
            }
            (Kept::Union(mut union), Kept::Sketch(sketch))
            | (Kept::Sketch(sketch), Kept::Union(mut union)) => {
                union.update(&sketch);
                Kept::Union(union)
            }
            (Kept::Sketch(left), Kept::Sketch(right)) => {
                let mut union = Box::new(empty_union());
                union.update(&left);
                union.update(&right);
                Kept::Union(union)
            }
            (Kept::Union(mut left), Kept::Union(right)) => {
                left.update(&right.to_sketch(HllType::Hll8));
                Kept::Union(left)
            }
        };
        self.0 = merged;
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Kept::Exact(hashes) => write_exact(hashes, out),
            Kept::Sketch(sketch) => write_sketch(sketch, out),
            Kept::Union(union) => write_sketch(&union.to_sketch(HllType::Hll6), out),
        }
    }

    /// Writes the set of these hashes, which come ascending and each once.
    pub(super) fn write_hashes(hashes: &[u64], out: &mut Vec<u8>) {
        if hashes.len() <= EXACT_MAX {
            write_exact(hashes, out);
        } else {
            write_sketch(&sketch_of(hashes), out);
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Visitors, Malformed> {
        let head = cursor.number()?;
        if head & 1 == 1 {
            let bytes = sketch_bytes(cursor, head)?;
            let sketch = HllSketch::deserialize(bytes)
                .map_err(|_| Malformed::Damaged("a sketch of visitors is broken"))?;
            return Ok(Visitors(Kept::Sketch(Box::new(sketch))));
        }
        let bytes = exact_bytes(cursor, head)?;
        let hashes: Vec<u64> =
            bytes.as_chunks::<8>().0.iter().map(|hash| u64::from_le_bytes(*hash)).collect();
        if hashes.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Malformed::Damaged("visitors are not in order"));
        }
        Ok(Visitors(Kept::Exact(hashes)))
    }

    /// Reads over a set.
    pub(super) fn skip(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let head = cursor.number()?;
        if head & 1 == 1 {
            sketch_bytes(cursor, head)?
        } else {
            exact_bytes(cursor, head)?
        };
        Ok(())
    }
}

fn empty_union() -> HllUnion {
    HllUnion::new(SKETCH_LG_K).expect("12 is within the 4 to 21 that a sketch takes")
}

fn sketch_of(hashes: &[u64]) -> HllSketch {
    let mut sketch =
        HllSketch::new(SKETCH_LG_K, HllType::Hll6).expect("12 is within the 4 to 21 that a sketch takes");
    hashes.iter().for_each(|hash| sketch.update(*hash));
    sketch
}

fn write_exact(hashes: &[u64], out: &mut Vec<u8>) {
    put_number((hashes.len() as u64) << 1, out);
    hashes.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
}

fn write_sketch(sketch: &HllSketch, out: &mut Vec<u8>) {
    let bytes = sketch.serialize();
    put_number((bytes.len() as u64) << 1 | 1, out);
    out.extend_from_slice(&bytes);
}

fn sketch_bytes<'a>(cursor: &mut Cursor<'a>, head: u64) -> Result<&'a [u8], Malformed> {
    let length = (head >> 1) as usize;
    if length > SKETCH_BYTES_MAX {
        return Err(Malformed::Damaged("a sketch of visitors is too long"));
    }
    let bytes = cursor.take(length)?;
    // Byte 3 of a serialized sketch is its lg k: another one would change what is merged with it.
    if bytes.get(3) != Some(&SKETCH_LG_K) {
        return Err(Malformed::Damaged("a sketch of visitors has another size"));
    }
    Ok(bytes)
}

fn exact_bytes<'a>(cursor: &mut Cursor<'a>, head: u64) -> Result<&'a [u8], Malformed> {
    let count = (head >> 1) as usize;
    if count > EXACT_MAX {
        return Err(Malformed::Damaged("there are too many exact visitors"));
    }
    cursor.take(count * 8)
}
