//! How far the streams of this folder have been handed on for good, so that a restart repeats little of it.
//!
//! What the file says is a help, not a promise: it is not synced, and without it whole segments are handed on
//! again, which those who count notice. It must only never say too much, and its checksum sees to that.
//!
//! That it is there is a promise: clicks of this folder may have been handed on. A process that counts them
//! itself begins with [`end_shipping`].
//!
//! # Format of the file
//!
//! Little-endian: magic `CURTSHIP` (8), how many streams (4), CRC-32C of what follows (4), for each stream
//! its number (8) and the position before which everything was handed on (8).

use crate::journal::decode::{Decoder, Ending};
use crate::journal::folder::{self, OldSegment, sync_folder};
use crate::journal::header::Header;
use crate::journal::{JournalError, io_error, sequence_of};
use crc32c::crc32c;
use curtail_runtime::twin_header::{Found, TwinHeader};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: &[u8; 8] = b"CURTSHIP";
const FILE: &str = "shipped";
const HEAD_BYTES: usize = 16;

/// The positions, in memory and in the file.
#[derive(Debug)]
pub struct Shipped {
    file: File,
    positions: BTreeMap<u64, u64>,
}

impl Shipped {
    /// Opens the file of a journal's folder, or makes it. Only the streams that are still there are kept.
    pub fn open(folder: &Path, streams: &[u64]) -> io::Result<Shipped> {
        let mut positions = read(folder);
        positions.retain(|stream, _| streams.contains(stream));
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(FILE))?;
        sync_folder(folder)?;
        Ok(Shipped { file, positions })
    }

    /// Everything before these positions has been handed on.
    pub fn moved(&mut self, positions: &[(u64, u64)]) -> io::Result<()> {
        raise(&mut self.positions, positions);
        self.file.write_all_at(&encode(&self.positions), 0)
    }
}

/// Ends the shipping of a folder, whose clicks are counted by its own process from now on.
///
/// Refused while clicks wait: they may have been handed on without an answer, and would be counted twice.
/// What was handed on, or counted before there was shipping (`consumed`), is removed, and then the file.
pub fn end_shipping(folder: &Path, consumed: &[(u64, u64)]) -> Result<(), JournalError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(());
    }
    let mut passed = read(folder);
    raise(&mut passed, consumed);
    for (stream, segments) in folder::list(folder)? {
        let passed = passed.get(&stream).copied().unwrap_or(0);
        for segment in &segments {
            if waits(segment, passed).map_err(|source| io_error(&segment.path, source))? {
                return Err(JournalError::Shipping { path });
            }
        }
        for segment in &segments {
            fs::remove_file(&segment.path).map_err(|source| io_error(&segment.path, source))?;
        }
        let stream = folder.join(stream.to_string());
        sync_folder(&stream).map_err(|source| io_error(&stream, source))?;
    }
    let removed = fs::remove_file(&path).and_then(|()| sync_folder(folder));
    removed.map_err(|source| io_error(&path, source))
}

/// Moves streams on to these positions, where they are not farther already.
pub(super) fn raise(passed: &mut BTreeMap<u64, u64>, positions: &[(u64, u64)]) {
    for &(stream, position) in positions {
        let passed = passed.entry(stream).or_default();
        *passed = (*passed).max(position);
    }
}

/// Whether a segment holds a click behind this position, or something there that cannot be read: whoever
/// reads it again says what is lost.
fn waits(segment: &OldSegment, position: u64) -> io::Result<bool> {
    let counted = match sequence_of(position).cmp(&segment.sequence.into()) {
        Ordering::Less => 0,
        Ordering::Equal => position,
        Ordering::Greater => return Ok(false),
    };
    let bytes = fs::read(&segment.path)?;
    let header = match Header::find(&bytes) {
        Found::Header { header, .. } => header,
        Found::Unused => return Ok(false),
        Found::Damaged | Found::Newer(_) => return Ok(true),
    };
    let mut decoder = Decoder::new(&header, counted);
    Ok(decoder.next(&bytes, Ending::Final).is_some() || !decoder.damage.is_empty())
}

/// What the file of a folder says; nothing where it is missing or damaged.
pub(super) fn read(folder: &Path) -> BTreeMap<u64, u64> {
    fs::read(folder.join(FILE)).ok().and_then(|bytes| decode(&bytes)).unwrap_or_default()
}

fn encode(positions: &BTreeMap<u64, u64>) -> Vec<u8> {
    let numbers = positions.iter().flat_map(|(stream, position)| [*stream, *position]);
    let body: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(positions.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn decode(bytes: &[u8]) -> Option<BTreeMap<u64, u64>> {
    let (head, body) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let count = u32::from_le_bytes(*head[8..].first_chunk()?) as usize;
    let body = body.get(..count.checked_mul(16)?)?;
    if !head.starts_with(MAGIC) || crc32c(body).to_le_bytes() != head[12..] {
        return None;
    }
    let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Some(body.chunks_exact(16).map(|entry| (number(entry), number(&entry[8..]))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_only_move_on_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut shipped = Shipped::open(folder.path(), &[1, 2, 3]).unwrap();
        shipped.moved(&[(1, 10), (2, 20)]).unwrap();
        shipped.moved(&[(1, 5), (2, 25)]).unwrap();
        assert_eq!(read(folder.path()), BTreeMap::from([(1, 10), (2, 25)]));
        let mut shipped = Shipped::open(folder.path(), &[2]).unwrap();
        shipped.moved(&[]).unwrap();
        assert_eq!(
            read(folder.path()),
            BTreeMap::from([(2, 25)]),
            "what follows is of an earlier, longer state"
        );
    }

    #[test]
    fn a_damaged_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        Shipped::open(folder.path(), &[1]).unwrap().moved(&[(1, 10)]).unwrap();
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(read(folder.path()).is_empty(), "byte {at}");
        }
    }
}
