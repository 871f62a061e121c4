//! One segment file of this process: allocated, mapped, filled by its recorder, and written over when it has
//! been counted.

use crate::journal::folder::sync_folder;
use crate::journal::header::Header;
use crate::journal::mapped::{Mapped, Writer};
use crate::journal::{offset_of, sequence_of};
use curtail_runtime::twin_header::{HEADER_BYTES, TwinHeader};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::cmp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// How far ahead of the recorder pages are made present.
const AHEAD_BYTES: usize = 1 << 20;
/// How much of a segment that is still waiting for its recorder is present.
const SPARE_BYTES: usize = 1 << 18;
/// How much is handed to the disk at once, which takes the core for about a quarter of a millisecond.
const SYNC_BYTES: usize = 1 << 18;
/// In what steps pages are made present and let go.
const STEP_BYTES: usize = 1 << 16;

/// Where the segment after another one appears: set once, by the keeper. A recorder and the reader find their
/// way by it without a lock.
pub(crate) type Link = OnceLock<Weak<Segment>>;

/// A mapped segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    pub(crate) next: Arc<Link>,
    path: PathBuf,
    mapped: Arc<Mapped>,
    is_sealed: AtomicBool,
    /// Whether a sync has failed: what the kernel says of it since then is not to be relied on.
    is_suspect: AtomicBool,
    // The keeper's own notes: how far the bytes are on disk, present, and let go again.
    synced: AtomicUsize,
    populated: AtomicUsize,
    released: AtomicUsize,
}

/// The file of a segment.
pub(crate) fn path_of(dir: &Path, stream: u64, sequence: u32) -> PathBuf {
    dir.join(stream.to_string()).join(format!("{sequence:010}.seg"))
}

impl Segment {
    /// Makes a new file with all its blocks. When the disk has no room for
    /// it, nothing is left behind. It gets its name when it is whole: what a
    /// process that died meanwhile leaves is no segment, and is overwritten.
    pub(crate) fn create(dir: &Path, header: Header) -> io::Result<Segment> {
        let path = path_of(dir, header.stream, header.sequence);
        let folder = path.parent().unwrap_or(dir);
        fs::create_dir_all(folder)?;
        let unnamed = folder.join("new");
        let made = Self::allocate(&unnamed, &header).and_then(|mapped| {
            fs::rename(&unnamed, &path)?;
            sync_folder(folder)?;
            Ok(mapped)
        });
        match made {
            Ok(mapped) => Ok(Self::with(header, path, mapped)),
            Err(error) => {
                // The first error says what is wrong; what cannot be removed is overwritten, or found again
                // at the next start.
                drop(fs::remove_file(&unnamed));
                drop(fs::remove_file(&path));
                Err(error)
            }
        }
    }

    /// Makes a counted segment a new one in the same blocks. Nobody else may hold it any more.
    ///
    /// It gets its new name before its new header: from then on its old records have the wrong seed, so
    /// whatever moment the process dies at, none of them is read again.
    pub(crate) fn recycle(mut self, dir: &Path, header: Header) -> io::Result<Segment> {
        let path = path_of(dir, header.stream, header.sequence);
        let Some(mapped) = Arc::get_mut(&mut self.mapped) else {
            return Err(io::Error::other("the segment is still in use"));
        };
        fs::rename(&self.path, &path)?;
        self.path.clone_from(&path);
        mapped.restart(&header.encode());
        mapped.sync(0, HEADER_BYTES)?;
        mapped.release(0, mapped.len());
        sync_folder(path.parent().unwrap_or(dir))?;
        Ok(Self::with(header, path, self.mapped))
    }

    /// Removes the file.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// The right to write into it, given once.
    pub(crate) fn writer(&self) -> Option<Writer> {
        self.mapped.writer()
    }

    /// All records that may be read now.
    pub(crate) fn published(&self) -> &[u8] {
        self.mapped.published()
    }

    /// Nothing comes after what is published.
    pub(crate) fn seal(&self) {
        self.is_sealed.store(true, Ordering::Release);
    }

    /// Whether nothing comes any more. To be asked before [`Segment::published`].
    pub(crate) fn is_sealed(&self) -> bool {
        self.is_sealed.load(Ordering::Acquire)
    }

    /// Whether no recorder has begun to write into it.
    pub(crate) fn is_spare(&self) -> bool {
        self.mapped.published_bytes() == HEADER_BYTES
    }

    /// Forces what was recorded since the last time to the disk. Once that has failed, all of it is written
    /// again before each further attempt.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let (from, until) = (self.synced.load(Ordering::Relaxed), self.mapped.published_bytes());
        if until <= from {
            return Ok(());
        }
        if self.is_suspect() {
            self.mapped.rewrite(from, until)?;
        }
        for start in (from..until).step_by(SYNC_BYTES) {
            let end = until.min(start + SYNC_BYTES);
            if let Err(error) = self.mapped.sync(start, end) {
                self.is_suspect.store(true, Ordering::Relaxed);
                return Err(error);
            }
            self.synced.store(end, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Bytes that were recorded and that the disk has not confirmed: a power cut may lose them.
    pub(crate) fn unsynced_bytes(&self) -> u64 {
        (self.mapped.published_bytes() - self.synced.load(Ordering::Relaxed)) as u64
    }

    /// Records that have not been counted, in bytes, when everything before `consumed` has been.
    pub(crate) fn waiting_bytes(&self, consumed: u64) -> u64 {
        let published = self.mapped.published_bytes() as u64;
        let counted = match u64::from(self.header.sequence).cmp(&sequence_of(consumed)) {
            cmp::Ordering::Less => published,
            cmp::Ordering::Equal => offset_of(consumed),
            cmp::Ordering::Greater => 0,
        };
        published.saturating_sub(counted.max(HEADER_BYTES as u64))
    }

    /// Whether a sync of it has failed. Its blocks are not used again.
    pub(crate) fn is_suspect(&self) -> bool {
        self.is_suspect.load(Ordering::Relaxed)
    }

    /// Keeps pages present just ahead of the recorder and lets go of those before `consumed`, so that a
    /// segment costs no more memory than what is being worked on.
    pub(crate) fn keep_pages(&self, consumed: usize) {
        let length = self.mapped.len();
        let published = self.mapped.published_bytes();
        let done = if self.is_sealed() && self.synced.load(Ordering::Relaxed) == published {
            length
        } else {
            consumed.min(published) / STEP_BYTES * STEP_BYTES
        };
        let released = self.released.load(Ordering::Relaxed);
        if done >= released + AHEAD_BYTES || (done == length && done > released) {
            self.mapped.release(released, done);
            self.released.store(done, Ordering::Relaxed);
        }
        let ahead = if self.is_spare() { SPARE_BYTES } else { AHEAD_BYTES };
        let target = (published + ahead).next_multiple_of(STEP_BYTES).min(length);
        let populated = self.populated.load(Ordering::Relaxed).max(published / STEP_BYTES * STEP_BYTES);
        if !self.is_sealed() && target > populated && populated < published + ahead / 2 {
            self.mapped.populate(populated, target);
            self.populated.store(target, Ordering::Relaxed);
        }
    }

    fn with(header: Header, path: PathBuf, mapped: Arc<Mapped>) -> Segment {
        Segment {
            header,
            next: Arc::default(),
            path,
            mapped,
            is_sealed: AtomicBool::new(false),
            is_suspect: AtomicBool::new(false),
            synced: AtomicUsize::new(HEADER_BYTES),
            populated: AtomicUsize::new(0),
            released: AtomicUsize::new(0),
        }
    }

    fn allocate(path: &Path, header: &Header) -> io::Result<Arc<Mapped>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, header.length) {
            Ok(()) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(&file, header.length)?,
            Err(error) => return Err(error.into()),
        }
        let mut mapped = Mapped::new(file)?;
        mapped.restart(&header.encode());
        mapped.sync_all()?;
        Ok(Arc::new(mapped))
    }
}

/// For file systems that cannot reserve blocks otherwise.
fn write_zeros(mut file: &File, length: u64) -> io::Result<()> {
    let zeros = vec![0; STEP_BYTES];
    let mut left = length;
    while left > 0 {
        let bytes = left.min(STEP_BYTES as u64);
        file.write_all(&zeros[..bytes as usize])?;
        left -= bytes;
    }
    Ok(())
}
