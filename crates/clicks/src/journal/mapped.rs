//! A mapped file that one writer fills from front to back
//! while readers follow: the only `unsafe` of the journal.
//!
//! Mapped, because a `write` for each click costs 0.7 us and a copy into a page that is there 0.01 us. What
//! makes it sound:
//!
//! - Bytes before `published` never change again; readers get slices of those only.
//! - Bytes from there on are touched by the one [`Writer`] only, through raw pointers, and become readable by
//!   the store of `published` (Release), which readers load (Acquire).
//! - Starting over needs `&mut Mapped`, so by then no writer and no slice is left.
//! - The blocks are allocated before mapping and the file is never shortened while it is mapped; that no
//!   other process writes to it is held by the lock on the data folder.
#![expect(unsafe_code, reason = "a slice of mapped memory cannot be had without; measured, see above")]

use memmap2::{Advice, MmapRaw, UncheckedAdvice};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// In what steps bytes are written over with themselves: whole pages, on all machines.
const REWRITE_BYTES: usize = 1 << 16;

/// A mapped file and how much of it may be read.
#[derive(Debug)]
pub(crate) struct Mapped {
    map: MmapRaw,
    file: File,
    published: AtomicUsize,
    has_writer: AtomicBool,
}

/// The one writer of a [`Mapped`].
#[derive(Debug)]
pub(crate) struct Writer {
    mapped: Arc<Mapped>,
    /// Where the next byte goes; at or behind `published`.
    end: usize,
}

impl Mapped {
    /// Maps a whole file whose blocks are allocated. Nothing of it is published yet.
    pub(crate) fn new(file: File) -> io::Result<Mapped> {
        let map = MmapRaw::map_raw(&file)?;
        Ok(Mapped { map, file, published: AtomicUsize::new(0), has_writer: AtomicBool::new(false) })
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// What has been published.
    pub(crate) fn published(&self) -> &[u8] {
        let length = self.published.load(Ordering::Acquire);
        // SAFETY: `length` is within the mapping (checked by the writer before each write), the bytes before
        // it were written before the Release store that this load saw, and they do not change while `self` is
        // borrowed.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr(), length) }
    }

    /// How many bytes have been published.
    pub(crate) fn published_bytes(&self) -> usize {
        self.published.load(Ordering::Acquire)
    }

    /// The writer; there is one.
    pub(crate) fn writer(self: &Arc<Mapped>) -> Option<Writer> {
        if self.has_writer.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Writer { mapped: Arc::clone(self), end: self.published_bytes() })
    }

    /// Starts over with `start` as the first published bytes and a new writer.
    pub(crate) fn restart(&mut self, start: &[u8]) {
        assert!(start.len() <= self.len(), "a segment holds its header");
        // SAFETY: the range is within the mapping, and `&mut
        // self` means that no slice of it and no writer exists.
        unsafe { std::ptr::copy_nonoverlapping(start.as_ptr(), self.map.as_mut_ptr(), start.len()) };
        *self.published.get_mut() = start.len();
        *self.has_writer.get_mut() = false;
    }

    /// Forces a range to the disk.
    pub(crate) fn sync(&self, from: usize, until: usize) -> io::Result<()> {
        self.map.flush_range(from, until - from)
    }

    /// Forces all of it to the disk, its length and blocks included.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        self.map.flush()?;
        self.file.sync_all()
    }

    /// Writes published bytes over with themselves, so that the kernel takes their pages for changed. After a
    /// failed [`Mapped::sync`] it may take them for written, and the next one would succeed without writing
    /// anything ("fsyncgate"; Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC
    /// 2020).
    pub(crate) fn rewrite(&self, from: usize, until: usize) -> io::Result<()> {
        let from = from / REWRITE_BYTES * REWRITE_BYTES;
        let parts = self.published()[from..until].chunks(REWRITE_BYTES);
        // By way of a copy: source and target would be the same page.
        let mut copy = Vec::with_capacity(REWRITE_BYTES);
        for (offset, part) in (from as u64..).step_by(REWRITE_BYTES).zip(parts) {
            copy.clear();
            copy.extend_from_slice(part);
            self.file.write_all_at(&copy, offset)?;
        }
        Ok(())
    }

    /// Makes the pages of a range present, so that the writer does not wait for them. Best effort.
    pub(crate) fn populate(&self, from: usize, until: usize) {
        if self.map.advise_range(Advice::PopulateWrite, from, until - from).is_err() {
            tracing::trace!("pages are not populated ahead on this kernel");
        }
    }

    /// Lets the pages of a range go from this process's memory; they stay in the kernel's page cache.
    pub(crate) fn release(&self, from: usize, until: usize) {
        // SAFETY: the mapping is shared and backed by a file, so the pages come back with the same bytes when
        // touched.
        let released =
            unsafe { self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, from, until - from) };
        if let Err(error) = released {
            tracing::trace!(%error, "pages are not released");
        }
    }
}

impl Writer {
    /// How many bytes fit.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.mapped.len() - self.end
    }

    /// Where the next byte goes.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Adds bytes that nobody sees yet.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.room(), "the recorder asks for room first");
        // SAFETY: the range lies within the mapping (asserted)
        // and behind `published`, where only this writer goes.
        unsafe {
            let target = self.mapped.map.as_mut_ptr().add(self.end);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
        self.end += bytes.len();
    }

    /// Shows everything added so far to readers.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.mapped.published.store(self.end, Ordering::Release);
    }

    /// Bytes that this writer added before, published or not.
    #[inline]
    pub(crate) fn added(&self, from: usize, length: usize) -> &[u8] {
        assert!(from <= self.end && length <= self.end - from, "only what was added is asked for");
        // SAFETY: within the mapping, initialised by this writer,
        // and not written again while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.mapped.map.as_ptr().add(from), length) }
    }
}
