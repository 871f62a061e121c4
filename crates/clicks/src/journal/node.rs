//! The number of this node, which makes its streams unlike those of all other nodes.
//!
//! It is drawn at random and kept in the journal's folder, as `node`, before anything is recorded. With it
//! stands where the folder was then: on which start of which machine, and in which place of which file
//! system. When it is somewhere else now, it may be a copy whose original lives on, and another number is
//! drawn; what the folder holds keeps its old streams. Drawing once too often costs a few rows in the store,
//! drawing too seldom would cost clicks.
//!
//! # Format of the file
//!
//! 64 bytes, little-endian: magic `CURTNODE` (8), number (8), XXH3-128 of the place (16), zero (28), CRC-32C
//! of the 60 bytes before (4).

use crate::journal::folder::sync_folder;
use crate::log::streams::NODE_BITS;
use crc32c::crc32c;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;
use xxhash_rust::xxh3::xxh3_128;

const MAGIC: &[u8; 8] = b"CURTNODE";
const FILE_BYTES: usize = 64;
const FILE: &str = "node";
const NEW_FILE: &str = "node.new";
/// Tells one start of a machine from all others.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What tells this node from all others.
pub(super) struct Node {
    pub(super) number: u64,
    /// Whether the file was damaged, so that the number it had is not known any more.
    pub(super) was_damaged: bool,
}

/// What the file says.
enum Kept {
    Nothing,
    Number(u64),
    /// A number of another place, which is another node's.
    Elsewhere,
    Damaged,
}

/// The number of the node that this folder makes. It is on the disk when this returns, except when that is
/// full: then the next start draws another one.
pub(super) fn number(folder: &Path) -> io::Result<Node> {
    let place = place_of(folder)?;
    let kept = match fs::read(folder.join(FILE)) {
        Ok(bytes) => read(&bytes, place),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::Nothing,
        Err(_) => Kept::Damaged,
    };
    if let Kept::Number(number) = kept {
        return Ok(Node { number, was_damaged: false });
    }
    let was_damaged = matches!(kept, Kept::Damaged);
    if was_damaged {
        let path = folder.join(FILE);
        tracing::warn!(
            path = %path.display(),
            "the number of this node is damaged, and another one is drawn: clicks that wait under the old one are still \
             counted, once; the store keeps rows of both"
        );
    }
    let number = draw()?;
    match write(folder, number, place) {
        Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(error),
        _ => Ok(Node { number, was_damaged }),
    }
}

/// Where a folder is, as far as a copy of it is somewhere else.
fn place_of(folder: &Path) -> io::Result<u128> {
    let of_folder = fs::metadata(folder)?;
    // Not every file system knows when a folder was made.
    let made = of_folder.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    let place = format!("{} {} {} {made:?}", boot.trim(), of_folder.dev(), of_folder.ino());
    Ok(xxh3_128(place.as_bytes()))
}

/// Any number but 0, which streams had before nodes had numbers.
fn draw() -> io::Result<u64> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok((u64::from_le_bytes(random) >> (64 - NODE_BITS)).max(1))
}

fn write(folder: &Path, number: u64, place: u128) -> io::Result<()> {
    let mut bytes = [0; FILE_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..32].copy_from_slice(&place.to_le_bytes());
    let checksum = crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&checksum.to_le_bytes());
    let new = folder.join(NEW_FILE);
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(FILE))?;
    sync_folder(folder)
}

/// The number, if it was drawn in this place.
fn read(bytes: &[u8], place: u128) -> Kept {
    let Ok(bytes) = <&[u8; FILE_BYTES]>::try_from(bytes) else { return Kept::Damaged };
    if !bytes.starts_with(MAGIC) || crc32c(&bytes[..60]).to_le_bytes() != bytes[60..] {
        return Kept::Damaged;
    }
    let (Some(number), Some(drawn_in)) = (bytes[8..].first_chunk(), bytes[16..].first_chunk()) else {
        return Kept::Damaged;
    };
    if u128::from_le_bytes(*drawn_in) == place {
        Kept::Number(u64::from_le_bytes(*number))
    } else {
        Kept::Elsewhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a folder whose file is missing, of another place or whole.
    fn drawn_in(folder: &Path) -> u64 {
        let node = number(folder).unwrap();
        assert!(!node.was_damaged);
        node.number
    }

    #[test]
    fn a_node_keeps_its_number_and_a_copy_of_it_gets_another() {
        let folder = tempfile::tempdir().unwrap();
        let (original, copy) = (folder.path().join("original"), folder.path().join("copy"));
        fs::create_dir(&original).unwrap();
        let drawn = drawn_in(&original);
        assert_eq!(drawn_in(&original), drawn);
        assert!((1..1 << NODE_BITS).contains(&drawn));

        fs::create_dir(&copy).unwrap();
        fs::copy(original.join(FILE), copy.join(FILE)).unwrap();
        let of_copy = drawn_in(&copy);
        assert_ne!(of_copy, drawn);
        assert_eq!((drawn_in(&copy), drawn_in(&original)), (of_copy, drawn));
    }

    #[test]
    fn another_start_of_the_machine_draws_anew() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 77, place_of(folder.path()).unwrap() ^ 1).unwrap();
        assert_ne!(drawn_in(folder.path()), 77);
    }

    #[test]
    fn a_damaged_file_draws_anew_and_says_that_it_was_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = drawn_in(folder.path());
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for at in 0..FILE_BYTES {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            let anew = number(folder.path()).unwrap();
            assert!(anew.was_damaged && anew.number != drawn, "byte {at}");
            assert_eq!(drawn_in(folder.path()), anew.number, "byte {at}");
        }
    }
}
