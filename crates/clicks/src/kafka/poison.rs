//! Records that are not clicks: counted, set aside, passed.
//!
//! They are written to `poison.log` in the worker's folder, one line each: time in milliseconds, topic,
//! partition, offset, reason, and up to [`BYTES_MAX`] bytes of the record in hexadecimal. A worker that
//! starts over may write one again: partition and offset tell. The file takes [`FILE_BYTES_MAX`]; what comes
//! then is only counted, until somebody moves the file away.

use crate::log::record::Poison;
use curtail_model::Timestamp;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const FILE: &str = "poison.log";
/// So much of a record is kept.
const BYTES_MAX: usize = 4 << 10;
/// So much the file may take.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Where poison goes.
#[derive(Debug)]
pub(super) struct Aside {
    path: PathBuf,
    topic: String,
}

impl Aside {
    /// Poison of this topic goes to a file in this folder.
    pub(super) fn new(folder: &Path, topic: &str) -> Aside {
        Aside { path: folder.join(FILE), topic: topic.to_owned() }
    }

    /// Sets a record aside. What keeps it from that is logged; nothing waits for it.
    pub(super) fn set(&self, now: Timestamp, partition: u16, offset: u64, poison: Poison, bytes: &[u8]) {
        let reason = poison.as_str();
        let outcome = self.write(&self.line(now, partition, offset, reason, bytes));
        let kept = matches!(outcome, Ok(true));
        let error = outcome.err().map(tracing::field::display);
        tracing::error!(
            topic = self.topic, partition, offset, reason, kept, error, file = %self.path.display(),
            "a record is not a click; it is not counted"
        );
    }

    /// Whether there was room for it.
    fn write(&self, line: &str) -> io::Result<bool> {
        let mut file: File = OpenOptions::new().append(true).create(true).open(&self.path)?;
        if file.metadata()?.len() + line.len() as u64 > FILE_BYTES_MAX {
            return Ok(false);
        }
        file.write_all(line.as_bytes())?;
        Ok(true)
    }

    fn line(&self, now: Timestamp, partition: u16, offset: u64, reason: &str, bytes: &[u8]) -> String {
        let mut line = format!("{} {} {partition} {offset} {reason} ", now.millis(), self.topic);
        for byte in &bytes[..bytes.len().min(BYTES_MAX)] {
            // Writing to a string does not fail.
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_bounded_and_says_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let aside = Aside::new(folder.path(), "clicks");
        let now = Timestamp::from_millis(1_700_000_000_000);
        aside.set(now, 3, 77, Poison::NoLink, b"\x00\xff");
        let path = folder.path().join(FILE);
        let first = std::fs::read_to_string(&path).unwrap();
        assert_eq!(first, "1700000000000 clicks 3 77 no_link 00ff\n");
        let long = vec![0xab; 1 << 20];
        let before = FILE_BYTES_MAX / (2 * BYTES_MAX as u64) + 10;
        (0..before).for_each(|offset| aside.set(now, 0, offset, Poison::Malformed, &long));
        let length = std::fs::metadata(&path).unwrap().len();
        assert!(length <= FILE_BYTES_MAX && length > FILE_BYTES_MAX - 3 * BYTES_MAX as u64, "{length}");
    }
}
