//! The folder on the disk: the segments that earlier processes left, and names that are to last.

use crate::journal::header::Header;
use crate::journal::{JournalError, io_error};
use curtail_runtime::twin_header::{Found, HEADER_BYTES, TwinHeader};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A segment of an earlier process.
#[derive(Clone, Debug)]
pub(crate) struct OldSegment {
    pub(crate) sequence: u32,
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
}

/// All segments by stream, each stream's in order. What is not a segment by its name is left alone.
pub(crate) fn list(dir: &Path) -> Result<BTreeMap<u64, Vec<OldSegment>>, JournalError> {
    let mut streams = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(|source| io_error(dir, source))? {
        let path = entry.map_err(|source| io_error(dir, source))?.path();
        let Some(number) = number(&path, None) else { continue };
        if path.is_dir() {
            streams.insert(number, segments(&path)?);
        }
    }
    Ok(streams)
}

fn segments(folder: &Path) -> Result<Vec<OldSegment>, JournalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| io_error(folder, source))? {
        let entry = entry.map_err(|source| io_error(folder, source))?;
        let path = entry.path();
        let Some(sequence) = number(&path, Some("seg")).and_then(|number| u32::try_from(number).ok()) else {
            continue;
        };
        let length = entry.metadata().map_err(|source| io_error(&path, source))?.len();
        refuse_newer(&path)?;
        found.push(OldSegment { sequence, path, length });
    }
    found.sort_unstable_by_key(|segment| segment.sequence);
    Ok(found)
}

/// A format that is not known is no damage: whoever went back a version must not lose clicks by it.
fn refuse_newer(path: &Path) -> Result<(), JournalError> {
    let mut start = Vec::with_capacity(HEADER_BYTES);
    let read = File::open(path).and_then(|file| file.take(HEADER_BYTES as u64).read_to_end(&mut start));
    match (read, Header::find(&start)) {
        (Ok(_), Found::Newer(version)) => Err(JournalError::Version { path: path.to_path_buf(), version }),
        // A file that cannot be read is reported by the reader, as damage.
        _ => Ok(()),
    }
}

fn number(path: &Path, extension: Option<&str>) -> Option<u64> {
    if path.extension().and_then(|found| found.to_str()) != extension {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}

/// Makes names last that were given or taken in a folder.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
