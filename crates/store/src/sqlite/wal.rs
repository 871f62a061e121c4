//! What SQLite passes over without a word: the rest of a write-ahead log behind a damaged place.
//!
//! SQLite reads the log up to the first frame whose checksum is wrong, and takes that for its end: so a crash
//! in the middle of a write undoes that write. A byte that has changed in the middle looks the same to it,
//! and undoes every change behind it, although those were acknowledged. Then several transactions end behind
//! the place: each begins only when the one before is on the disk, so a crash leaves one at most. So whoever
//! opens a store first looks before SQLite does.
//!
//! The format is that of SQLite (<https://sqlite.org/fileformat2.html#the_write_ahead_log>).

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The magic number of a log whose checksums are of little-endian words; with one more, of big-endian ones.
const MAGIC: u32 = 0x377f_0682;
/// The sizes that a page can have.
const PAGE_BYTES: std::ops::RangeInclusive<usize> = 512..=65_536;

/// What a log holds that SQLite does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// Where reading ends, in bytes from the begin of the file.
    pub(super) from: u64,
    /// So many transactions end there or behind that place. A single one may be what a crash left
    /// unfinished, and nobody was told of it then.
    pub(super) commits: u64,
    /// So many bytes they take at most.
    pub(super) bytes: u64,
    /// What tells this log from those before and after it in the same file.
    pub(super) salt: u64,
}

impl Lost {
    /// Whether something was acknowledged of it for sure.
    pub(super) fn is_certain(&self) -> bool {
        self.commits > 1
    }
}

/// Looks whether the log of a database holds more than SQLite reads. Nobody may be writing to it.
pub(super) fn look(database: &Path) -> io::Result<Option<Lost>> {
    match File::open(log_of(database)) {
        Ok(log) => lost(BufReader::with_capacity(1 << 20, log)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps a copy of a log for people to look at. Answers which; one of the same log is not made twice.
pub(super) fn keep(database: &Path, lost: &Lost) -> io::Result<PathBuf> {
    let log = log_of(database);
    let mut name = log.clone().into_os_string();
    name.push(format!(".damaged-{:016x}", lost.salt));
    let copy = PathBuf::from(name);
    if !copy.exists() {
        fs::copy(log, &copy)?;
    }
    Ok(copy)
}

fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

fn lost(mut log: impl Read) -> io::Result<Option<Lost>> {
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut log, &mut header)? {
        return Ok(None);
    }
    let magic = word(&header, 0);
    let mut sum = Sum { is_big: magic & 1 == 1, low: 0, high: 0 };
    sum.add(&header[..24]);
    let mut is_read = magic & !1 == MAGIC && sum.is(word(&header, 24), word(&header, 28));
    let page_bytes = word(&header, 8) as usize;
    if !page_bytes.is_power_of_two() || !PAGE_BYTES.contains(&page_bytes) {
        // Of how many transactions it is cannot be told without a header that says what a frame is.
        let bytes = io::copy(&mut log, &mut io::sink())?;
        let lost = Lost { from: 0, commits: 2, bytes, salt: 0 };
        return Ok((bytes > 0).then_some(lost));
    }
    // Where the header is damaged, the first frame tells which generation this is.
    let mut salt = is_read.then(|| double(&header, 16));
    let mut lost = Lost { from: HEADER_BYTES as u64, commits: 0, bytes: 0, salt: salt.unwrap_or(0) };
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    while fill(&mut log, &mut frame)? {
        let of = double(&frame, 8);
        let salt = *salt.get_or_insert(of);
        lost.salt = salt;
        if is_read {
            sum.add(&frame[..8]);
            sum.add(&frame[FRAME_HEADER_BYTES..]);
            is_read = of == salt && sum.is(word(&frame, 16), word(&frame, 20));
        }
        if is_read {
            lost.from += frame.len() as u64;
        } else if of == salt && word(&frame, 0) > 0 {
            lost.bytes += frame.len() as u64;
            // A frame that ends a transaction says how large the database is then.
            lost.commits += u64::from(word(&frame, 4) > 0);
        }
    }
    Ok((lost.commits > 0).then_some(lost))
}

/// Reads until the buffer is full; what is too short is no frame.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The checksum of SQLite's log, over pairs of words.
struct Sum {
    is_big: bool,
    low: u32,
    high: u32,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| {
            let bytes = bytes.first_chunk().copied().unwrap_or_default();
            if self.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        for pair in bytes.chunks_exact(8) {
            self.low = self.low.wrapping_add(word(pair)).wrapping_add(self.high);
            self.high = self.high.wrapping_add(word(&pair[4..])).wrapping_add(self.low);
        }
    }

    fn is(&self, low: u32, high: u32) -> bool {
        (self.low, self.high) == (low, high)
    }
}

/// Two numbers together.
fn double(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A number as the log has all of its own: big-endian.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    /// A log of ten transactions, each of which changes several pages.
    fn log() -> (tempfile::TempDir, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER, text TEXT)").unwrap();
        connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
        for number in 0..10 {
            let text = "x".repeat(9_000);
            connection.execute("INSERT INTO numbers VALUES (?1, ?2)", (number, text)).unwrap();
        }
        let bytes = fs::read(log_of(&path)).unwrap();
        std::mem::forget(connection);
        (folder, bytes)
    }

    #[test]
    fn a_log_that_is_whole_or_was_cut_off_in_the_middle_of_a_write_lacks_nothing() {
        let (folder, whole) = log();
        assert_eq!(look(&folder.path().join("links.db")).unwrap(), None);
        assert_eq!(look(&folder.path().join("other.db")).unwrap(), None);
        for length in (0..whole.len()).step_by(977) {
            assert_eq!(lost(&whole[..length]).unwrap(), None, "{length}");
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_seen_unless_it_changes_nothing() {
        let (_folder, whole) = log();
        let seen = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            lost(&bytes[..]).unwrap()
        };
        // Those of the last transaction may be an unfinished write.
        // Without its salt, the very last frame could as well be one of an earlier generation.
        let last = whole.len() - FRAME_HEADER_BYTES - 4_096;
        let places = (0..HEADER_BYTES).chain((HEADER_BYTES..whole.len()).step_by(131));
        for at in places.filter(|at| !(last..last + 16).contains(at)) {
            let lost = seen(at).unwrap_or_else(|| panic!("byte {at} of {}", whole.len()));
            assert!(lost.commits > 0 && lost.from <= at.max(HEADER_BYTES) as u64, "{at} {lost:?}");
            assert!(lost.is_certain() || at > whole.len() - 20_000, "{at} {lost:?}");
        }
        let middle = seen(whole.len() / 2).unwrap();
        assert!((4..=6).contains(&middle.commits), "{middle:?}");
    }
}
