//! The folder that holds everything a node remembers, and the lock that keeps a second process out of it.

use anyhow::{Context, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file that is locked, and says by which process.
const LOCK: &str = "lock";
/// What stands in the folder once its store has moved to a database: which.
const MOVED: &str = "moved";

/// The data folder of a running server. The lock ends with the process, however it ends.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be and locks it.
    pub(crate) fn lock(path: &Path) -> anyhow::Result<DataFolder> {
        make(path)?;
        DataFolder::try_lock(path)?.map_err(|owner| {
            anyhow!(
                "the data folder {} is in use by another Curtail (process {owner}); stop that one, or choose another folder \
                 with --data or CURTAIL_DATA",
                path.display(),
            )
        })
    }

    /// Locks a folder that is there, or answers which process has it.
    pub(crate) fn try_lock(path: &Path) -> anyhow::Result<Result<DataFolder, String>> {
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .with_context(|| format!("cannot write in the data folder {}", path.display()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut owner = String::new();
            // Who it is only makes the message better.
            let _ = lock.read_to_string(&mut owner);
            return Ok(Err(owner.trim().to_owned()));
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).ok();
        Ok(Ok(DataFolder { path: path.to_owned(), _lock: lock }))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Which process has the folder, if one does. Takes the lock for a moment, as one of many, and leaves nothing.
pub(crate) fn owner(path: &Path) -> Option<String> {
    let mut lock = File::open(path.join(LOCK)).ok()?;
    if flock(&lock, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    let mut owner = String::new();
    // Who it is only makes the message better.
    let _ = lock.read_to_string(&mut owner);
    Some(owner.trim().to_owned())
}

/// Makes a data folder that only its owner may look into: it holds destinations, keys' hashes and the salt of the day.
pub(crate) fn make(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the data folder {}", path.display()))
}

/// Notes that the store of the folder is in a database from now on.
pub(crate) fn note_moved(path: &Path, to: &str) -> anyhow::Result<()> {
    let file = path.join(MOVED);
    fs::write(&file, format!("{to}\n")).with_context(|| format!("cannot write {}", file.display()))
}

/// Refuses a folder whose store has moved: links made here now would be links that the moved store does not have, under ids
/// that it gives too.
pub(crate) fn check_not_moved(path: &Path) -> anyhow::Result<()> {
    let file = path.join(MOVED);
    match fs::read_to_string(&file) {
        Ok(to) => bail!(
            "the store in {} has moved to PostgreSQL at {}: set database.url. To go back to the store as it was when it moved, \
             without anything that was made or counted since, remove {}",
            path.display(),
            to.trim(),
            file.display()
        ),
        Err(_) => Ok(()),
    }
}
