//! What SQLite passes over without a word: the rest of a write-ahead log behind a damaged place.
//!
//! SQLite reads the log up to the first frame whose checksum is wrong, and takes that for its end: so a crash
//! in the middle of a write undoes that write. A byte that has changed in the middle looks the same to it,
//! and undoes every change behind it, although those were acknowledged. Then whole changes stand behind the
//! place, which an unfinished write does not leave. So whoever opens a store first looks before SQLite does.
//!
//! The format is that of SQLite (<https://sqlite.org/fileformat2.html#the_write_ahead_log>).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The magic number of a log whose checksums are of little-endian words; with one more, of big-endian ones.
const MAGIC: u32 = 0x377f_0682;

/// What a log holds that SQLite does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// Where reading ends, in bytes from the begin of the file.
    pub(super) from: usize,
    /// So many transactions end behind that place. The last of them need not have been acknowledged.
    pub(super) commits: u64,
    /// So many bytes they take at most.
    pub(super) bytes: u64,
}

/// Looks whether the log of a database holds more than SQLite reads. Nobody may be writing to it.
pub(super) fn look(database: &Path) -> io::Result<Option<Lost>> {
    match fs::read(log_of(database)) {
        Ok(bytes) => Ok(lost(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps a copy of the log for people to look at, under a name that no other copy has. Answers which.
pub(super) fn keep(database: &Path, now_seconds: u64) -> io::Result<PathBuf> {
    let log = log_of(database);
    let mut name = log.clone().into_os_string();
    name.push(format!(".damaged-{now_seconds}"));
    let copy = PathBuf::from(name);
    fs::copy(log, &copy)?;
    Ok(copy)
}

fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

fn lost(log: &[u8]) -> Option<Lost> {
    let header = log.get(..HEADER_BYTES)?;
    let magic = word(header, 0);
    let (is_big, page_bytes) = (magic & 1 == 1, word(header, 8) as usize);
    let mut sum = Sum { is_big, low: 0, high: 0 };
    sum.add(&header[..24]);
    let is_whole = magic & !1 == MAGIC && sum.is(word(header, 24), word(header, 28));
    // Without a header nothing is read. What it said of pages may be wrong too.
    let page_bytes = if is_whole || page_bytes.is_power_of_two() { page_bytes } else { 0 };
    if !(512..=65_536).contains(&page_bytes) {
        return (log.len() > HEADER_BYTES).then_some(Lost { from: 0, commits: 1, bytes: log.len() as u64 });
    }
    let frame_bytes = FRAME_HEADER_BYTES + page_bytes;
    let frames = || log[HEADER_BYTES..].chunks_exact(frame_bytes);
    let mut salt = header[16..24].to_owned();
    let mut whole = 0;
    if is_whole {
        whole = frames()
            .take_while(|frame| {
                sum.add(&frame[..8]);
                sum.add(&frame[FRAME_HEADER_BYTES..]);
                frame[8..16] == salt && sum.is(word(frame, 16), word(frame, 20))
            })
            .count();
    } else {
        // The first frame is of the newest generation, if there is any.
        salt = frames().next()?.get(8..16)?.to_owned();
    }
    // A frame that ends a transaction says how large the database is then. The one where reading ended may
    // be it; frames of an earlier generation have other salts.
    let is_commit = |frame: &&[u8]| frame[8..16] == salt && word(frame, 0) > 0 && word(frame, 4) > 0;
    let commits = frames().skip(whole + usize::from(is_whole)).filter(is_commit).count() as u64;
    // The damaged one itself may have ended the last transaction that there was.
    let at_end = is_whole
        && frames().nth(whole).is_some_and(|frame| is_commit(&frame))
        && frames().nth(whole + 1).is_none_or(|frame| frame[8..16] != salt);
    let from = HEADER_BYTES + whole * frame_bytes;
    (commits > 0 || at_end).then_some(Lost {
        from,
        commits: commits + u64::from(at_end),
        bytes: (log.len() - from) as u64,
    })
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
            assert_eq!(lost(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_seen_unless_it_changes_nothing() {
        let (_folder, whole) = log();
        let seen = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            lost(&bytes)
        };
        // Without its salt, the very last frame could as well be one of an earlier generation.
        let last = whole.len() - FRAME_HEADER_BYTES - 4_096;
        let places = (0..HEADER_BYTES).chain((HEADER_BYTES..whole.len()).step_by(131));
        for at in places.filter(|at| !(last..last + 16).contains(at)) {
            let lost = seen(at).unwrap_or_else(|| panic!("byte {at} of {}", whole.len()));
            assert!(lost.commits > 0 && lost.from <= at.max(HEADER_BYTES), "{at} {lost:?}");
        }
        let middle = seen(whole.len() / 2).unwrap();
        assert!((4..=6).contains(&middle.commits), "{middle:?}");
    }
}
