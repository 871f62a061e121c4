//! The folder that holds everything a node remembers, and the lock that keeps a second process out of it.

use anyhow::{Context, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The file that is locked, and says by which process.
const LOCK: &str = "lock";
/// A process that was killed has its lock for as long as the kernel takes to end it.
const ENDING_MAX: Duration = Duration::from_secs(2);
/// Between two attempts to have the lock.
const LOCK_LOOK: Duration = Duration::from_millis(20);
/// What stands in the folder once its store has moved to a database: which.
const MOVED: &str = "moved";
/// The same under this name while the database may be, or not be, told that it has all: from before until
/// [`note_moved`].
const MOVING: &str = "moving";

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
        let until = Instant::now() + ENDING_MAX;
        let mut locked = DataFolder::try_lock(path)?;
        while locked.is_err() && Instant::now() < until {
            thread::sleep(LOCK_LOOK);
            locked = DataFolder::try_lock(path)?;
        }
        locked.map_err(|owner| {
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
            return Ok(Err(owner_in(&mut lock)));
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).ok();
        Ok(Ok(DataFolder { path: path.to_owned(), _lock: lock }))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Which process has the folder, if one does. Takes the
/// lock for a moment, as one of many, and leaves nothing.
pub(crate) fn owner(path: &Path) -> Option<String> {
    let mut lock = File::open(path.join(LOCK)).ok()?;
    if flock(&lock, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    Some(owner_in(&mut lock))
}

/// The process that a lock is of, as it has written.
fn owner_in(lock: &mut File) -> String {
    let mut owner = String::new();
    // Who it is only makes messages better.
    let _ = lock.read_to_string(&mut owner);
    owner.trim().to_owned()
}

/// Makes a data folder that only its owner may look into: it holds destinations, keys' hashes and the salt of
/// the day.
pub(crate) fn make(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| {
        format!(
            "data: the folder {} cannot be made; choose another, or make it for this user",
            path.display()
        )
    })
}

/// Notes that the store of the folder is about to be in a database, and in nobody's hands until that is
/// certain. Durable when it answers: neither a kill nor a loss of power after it leaves both stores to be
/// opened.
pub(crate) fn note_moving(path: &Path, to: &str) -> anyhow::Result<()> {
    write_mark(path, MOVING, &format!("{to}\n"))
        .with_context(|| format!("cannot write {}", path.join(MOVING).display()))
}

/// Leaves a file in the folder that outlives a loss of power.
pub(crate) fn write_mark(path: &Path, name: &str, text: &str) -> io::Result<()> {
    let mut mark = File::create(path.join(name))?;
    mark.write_all(text.as_bytes())?;
    mark.sync_all()?;
    sync(path)
}

/// Notes that the store of the folder, which was about to be in a database, is there from now on.
pub(crate) fn note_moved(path: &Path) -> anyhow::Result<()> {
    let file = path.join(MOVED);
    let renamed = fs::rename(path.join(MOVING), &file).and_then(|()| sync(path));
    renamed.with_context(|| format!("cannot write {}", file.display()))
}

/// Where the store of the folder was about to be when a process ended that knew no more.
pub(crate) fn moving_to(path: &Path) -> anyhow::Result<Option<String>> {
    read_mark(&path.join(MOVING))
}

/// Refuses a folder whose store has moved: links made here now would be links that the moved store does not
/// have, under ids that it gives too.
pub(crate) fn check_not_moved(path: &Path) -> anyhow::Result<()> {
    let (moved, moving) = (path.join(MOVED), path.join(MOVING));
    if let Some(to) = read_mark(&moved)? {
        bail!(
            "the store in {} has moved to PostgreSQL at {to}: set database.url. To go back to the store as it was when it moved, \
             without anything that was made or counted since, remove {}",
            path.display(),
            moved.display()
        );
    }
    if let Some(to) = read_mark(&moving)? {
        bail!(
            "moving the store in {} to PostgreSQL at {to} was broken off at its very end, and may be done: run curtail \
             migrate-store again, which finishes it. To stay here instead, see to it that nobody uses that database, and remove {}",
            path.display(),
            moving.display()
        );
    }
    Ok(())
}

/// What stands in a mark, if it is there. One that cannot be read is no reason to pass it over.
fn read_mark(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(to) => Ok(Some(to.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Makes what was created and renamed in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
