//! Whether the links of a folder were put back from a backup. A file that belongs to the folder, and to no
//! backup, says which store it is of; where it is missing, or says another one, what was made since the
//! backup may be gone.

use super::file::LINKS;
use super::links::writer_state::Counters;
use super::search::indexed_version;
use super::{OpenError, identity};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const FILE: &str = "store-id";

/// Whether what is in the folder is a backup that nobody has gone on from yet. One without links has nothing
/// that could be given twice. The search index is of no backup either, and is older than the file.
pub(super) fn is_put_back(directory: &Path, store: [u8; 16], counters: &Counters) -> Result<bool, OpenError> {
    let path = directory.join(FILE);
    let is_of_the_folder = match fs::read_to_string(&path) {
        Ok(text) => text.trim() == name_of(store),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => false,
        Err(error) => return Err(failed(path, &error)),
    };
    Ok(counters.version > 0 && !is_of_the_folder && indexed_version(directory, store).is_none())
}

/// The same for whoever has the store open only to read it, and no other way to know which it is.
pub(super) fn is_put_back_by(directory: &Path, links: &Connection) -> Result<bool, OpenError> {
    let explain = |error| super::file::explain(&LINKS.path(directory), &error);
    let Some((store, ..)) = identity::read(links).map_err(explain)? else { return Ok(false) };
    is_put_back(directory, store, &Counters::read(links).map_err(explain)?)
}

/// Notes which store the folder is of.
pub(super) fn note(directory: &Path, store: [u8; 16]) -> Result<(), OpenError> {
    let path = directory.join(FILE);
    let name = name_of(store);
    if fs::read_to_string(&path).is_ok_and(|text| text.trim() == name) {
        return Ok(());
    }
    let written = || -> io::Result<()> {
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        writeln!(file, "{name}")?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(directory)?.sync_all()
    };
    written().map_err(|error| failed(path.clone(), &error))
}

/// A name of the store that tells nothing of its key.
fn name_of(store: [u8; 16]) -> String {
    format!("{:016x}", xxh3_64(&store))
}

fn failed(path: PathBuf, error: &io::Error) -> OpenError {
    OpenError::Io { path, error: error.to_string() }
}
