//! The folder that holds everything a node remembers, and the lock that keeps a second process out of it.

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

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
        let lock_path = path.join("lock");
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .with_context(|| format!("cannot write in the data folder {}", path.display()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut owner = String::new();
            // Who it is only makes the message better.
            let _ = lock.read_to_string(&mut owner);
            bail!(
                "the data folder {} is in use by another Curtail (process {}); stop that one, or choose another folder with \
                 --data or CURTAIL_DATA",
                path.display(),
                owner.trim()
            );
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).ok();
        Ok(DataFolder { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a data folder that only its owner may look into: it holds destinations, keys' hashes and the salt of the day.
pub(crate) fn make(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the data folder {}", path.display()))
}
