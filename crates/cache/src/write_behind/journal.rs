//! The journal of new links: files of records, each synced before what is in it is acknowledged.
//!
//! One thread writes. All that waits while a group is being synced is the next group: one write, one
//! `fdatasync`, then everybody is answered. A file is left behind when it is large or when writing to it
//! failed (after a failed sync nobody knows what of it the disk has, so nothing follows there), and removed
//! when the store has all of its links. What is in the folder when a process starts is written to the store
//! by it, whatever ended the last one.
//!
//! A file in which something was damaged or refused is not
//! removed: it is renamed to `.damaged` for a person to look at.

mod header;
mod reading;

pub use reading::{Contents, read_segment};

use super::id_blocks::IdBlocks;
use super::record;
use super::unwritten::{Entry, Unwritten};
use curtail_runtime::twin_header::{Found, TwinHeader};
use curtail_store::StoreError;
use header::Header;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A file is left behind when it is larger.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Orders that are written together.
const GROUP_MAX: usize = 4_096;

/// What the name of a segment ends in; before it stands its number.
const EXTENSION: &str = "links";

/// Something to write.
pub(super) enum Order {
    /// New links; the memory has them when they are on the disk.
    Links { links: Vec<Entry>, caller: oneshot::Sender<Result<(), StoreError>> },
    /// A block of ids that is in force from now on.
    IdBlock { first: u64, end: u64, caller: oneshot::Sender<Result<(), StoreError>> },
}

/// Where orders go.
pub(super) struct Journal {
    orders: Sender<Order>,
}

/// The thread that writes.
struct Writer {
    folder: PathBuf,
    store_id: u64,
    sequence: u32,
    segment: Option<Segment>,
    unwritten: Arc<Unwritten>,
    id_blocks: Arc<IdBlocks>,
}

/// The file that is written to.
struct Segment {
    file: File,
    sequence: u32,
    seed: u32,
    length: u64,
}

/// A segment of an earlier process, read.
pub(super) struct Old {
    pub(super) sequence: u32,
    pub(super) bytes: Vec<u8>,
}

/// Why the journal of new links cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refuses something.
    #[error("the journal of new links {}: {source}", path.display())]
    Io {
        /// The file or the folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A newer version wrote it.
    #[error(
        "{}: this journal of new links has format {format}, which this version does not know: links wait in it. Start the \
         version that wrote it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u16,
    },
    /// Its links are for another store.
    #[error(
        "{}: the links that wait in this journal were acknowledged for another database than the one in database.url. Start \
         with that one, so that it gets them; or move the folder away, which gives them up",
        path.display()
    )]
    OtherStore {
        /// The file.
        path: PathBuf,
    },
}

impl Journal {
    /// Starts the thread, which writes behind the segment number
    /// `sequence`. It ends when nobody gives orders any more.
    pub(super) fn start(
        folder: &Path,
        store_id: u64,
        sequence: u32,
        unwritten: Arc<Unwritten>,
        id_blocks: Arc<IdBlocks>,
    ) -> Result<(Journal, JoinHandle<()>), OpenError> {
        let (orders, inbox) = channel();
        let mut writer =
            Writer { folder: folder.to_owned(), store_id, sequence, segment: None, unwritten, id_blocks };
        let thread = std::thread::Builder::new().name("write-behind".into());
        let thread = thread.spawn(move || writer.work(&inbox)).map_err(|source| failed(folder, source))?;
        Ok((Journal { orders }, thread))
    }

    /// Writes; the answer comes when it is on the disk.
    pub(super) async fn write(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Order,
    ) -> Result<(), StoreError> {
        let ended = || StoreError::Unavailable("the journal of new links has ended".into());
        let (caller, answer) = oneshot::channel();
        self.orders.send(order(caller)).map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Writer {
    fn work(&mut self, inbox: &Receiver<Order>) {
        while let Ok(first) = inbox.recv() {
            let mut group = vec![first];
            group.extend(inbox.try_iter().take(GROUP_MAX - 1));
            match self.write(&group) {
                Ok(sequence) => group.into_iter().for_each(|order| self.written(order, sequence)),
                Err(error) => {
                    tracing::error!(%error, "the journal of new links cannot be written to");
                    self.close_segment();
                    let error = match error.kind() {
                        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
                        _ => StoreError::Unavailable(format!("the journal of new links: {error}")),
                    };
                    group.into_iter().for_each(|order| self.failed(order, &error));
                }
            }
            if self.segment.as_ref().is_some_and(|segment| segment.length > SEGMENT_BYTES) {
                self.close_segment();
            }
        }
    }

    /// Writes a group and syncs it. Answers in which segment.
    fn write(&mut self, group: &[Order]) -> io::Result<u32> {
        let mut segment = match self.segment.take() {
            Some(segment) => segment,
            None => self.begin()?,
        };
        let mut bytes = Vec::new();
        for order in group {
            match order {
                Order::Links { links, .. } => {
                    links.iter().for_each(|entry| record::frame(&entry.payload, segment.seed, &mut bytes));
                }
                Order::IdBlock { first, end, .. } => {
                    record::frame(&record::id_block(*first, *end), segment.seed, &mut bytes);
                }
            }
        }
        let (sequence, end) = (segment.sequence, segment.length);
        let written = segment.file.write_all_at(&bytes, end).and_then(|()| segment.file.sync_data());
        segment.length += bytes.len() as u64;
        if written.is_err() {
            // Nobody was told of it: the next start need not find
            // it. If this fails too, it finds what is whole.
            let _ = segment.file.set_len(end).and_then(|()| segment.file.sync_data());
        }
        self.segment = Some(segment);
        written.map(|()| sequence)
    }

    /// Begins a segment, with the blocks of ids that are in force:
    /// older files, where they were noted first, may be removed.
    fn begin(&mut self) -> io::Result<Segment> {
        self.sequence += 1;
        let nonce = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        let header = Header { sequence: self.sequence, store_id: self.store_id, nonce };
        let path = path(&self.folder, self.sequence);
        let mut bytes = header.encode().to_vec();
        for (first, end) in self.id_blocks.in_force() {
            record::frame(&record::id_block(first, end), header.seed(), &mut bytes);
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let written = file
            .write_all_at(&bytes, 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| File::open(&self.folder)?.sync_all());
        if let Err(error) = written {
            // It holds no link.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.unwritten.begin_segment(self.sequence);
        Ok(Segment { file, sequence: self.sequence, seed: header.seed(), length: bytes.len() as u64 })
    }

    fn close_segment(&mut self) {
        if let Some(segment) = self.segment.take() {
            self.unwritten.close_segment(segment.sequence);
        }
    }

    fn written(&self, order: Order, sequence: u32) {
        // Nobody may be waiting any more: the links stand all the same.
        let _ = match order {
            Order::Links { links, caller } => {
                self.unwritten.add(links, sequence);
                caller.send(Ok(()))
            }
            Order::IdBlock { caller, .. } => caller.send(Ok(())),
        };
    }

    fn failed(&self, order: Order, error: &StoreError) {
        let _ = match order {
            Order::Links { links, caller } => {
                self.unwritten.give_room(links.iter().map(Entry::weight).sum());
                caller.send(Err(error.clone()))
            }
            Order::IdBlock { caller, .. } => caller.send(Err(error.clone())),
        };
    }
}

/// The segments of a folder, in order, as they are; they
/// must be for this store. The folder is made if need be.
pub(super) fn read_folder(folder: &Path, store_id: u64) -> Result<Vec<Old>, OpenError> {
    let io = |source| failed(folder, source);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == EXTENSION);
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let Some(sequence) = number.filter(|_| is_segment) else { continue };
        let bytes = fs::read(&path).map_err(|source| failed(&path, source))?;
        match Header::find(&bytes) {
            Found::Newer(format) => return Err(OpenError::Newer { path, format }),
            Found::Header { header, .. } if header.store_id != store_id => {
                return Err(OpenError::OtherStore { path });
            }
            Found::Header { .. } | Found::Unused | Found::Damaged => found.push(Old { sequence, bytes }),
        }
    }
    found.sort_unstable_by_key(|old| old.sequence);
    Ok(found)
}

/// Whether a folder has no segments; one that cannot be read may have some.
pub(super) fn is_empty(folder: &Path) -> bool {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    };
    let may_be_one = |path: PathBuf| path.extension().is_some_and(|extension| extension == EXTENSION);
    !entries.any(|entry| entry.map_or(true, |entry| may_be_one(entry.path())))
}

/// The greatest sequence that a file of the folder has, whatever became of it.
pub(super) fn last_sequence(folder: &Path) -> Result<u32, OpenError> {
    let mut last = 0;
    for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = entry.map_err(|source| failed(folder, source))?.path();
        let sequence = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        last = last.max(sequence.unwrap_or(0));
    }
    Ok(last)
}

/// Removes a segment that is of no use any more; one that somebody has to look at stays under another name,
/// which no other has: sequences go on behind those of all files ([`last_sequence`]).
pub(super) fn remove(folder: &Path, sequence: u32, keep: bool) {
    let path = path(folder, sequence);
    let done = if keep { fs::rename(&path, path.with_extension("damaged")) } else { fs::remove_file(&path) };
    if let Err(error) = done {
        // The next start flushes its links once more, which changes nothing.
        tracing::warn!(%error, path = %path.display(), "a segment of new links could not be removed");
    }
}

fn path(folder: &Path, sequence: u32) -> PathBuf {
    folder.join(format!("{sequence:010}.{EXTENSION}"))
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hold_links_is_not_taken_for_empty_and_no_file_gets_the_name_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(is_empty(&path("missing")));
        fs::write(path("file"), "").unwrap();
        assert!(!is_empty(&path("file")), "it cannot be listed");
        fs::write(path("0000000007.damaged"), "").unwrap();
        assert!(is_empty(folder.path()));
        assert_eq!(last_sequence(folder.path()).unwrap(), 7);
        fs::write(path(&format!("0000000009.{EXTENSION}")), "").unwrap();
        assert!(!is_empty(folder.path()));
        assert_eq!(last_sequence(folder.path()).unwrap(), 9);
    }
}
