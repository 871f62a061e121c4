//! Files for answers that wait for their client. They have no name: whatever ends the process ends them too.

use axum::body::Bytes;
use rustix::fs::fstatvfs;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// Bytes that the files of all bulks may have together.
const BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes of the disk that are left to those who need them more: links and clicks.
const BYTES_LEFT_MIN: u64 = 512 * 1024 * 1024;

/// Where files are made, and what all of them hold.
#[derive(Default)]
pub(crate) struct Spills {
    folder: PathBuf,
    bytes_max: u64,
    bytes: AtomicU64,
}

/// A file without a name. Only one writes it.
pub(super) struct SpillFile {
    spills: Arc<Spills>,
    /// What of the bytes of all files is this one's.
    bytes: AtomicU64,
    /// Gone only when this is being dropped.
    file: Option<Arc<File>>,
}

impl Spills {
    pub(crate) fn new(folder: PathBuf) -> Spills {
        Spills { folder, bytes_max: BYTES_MAX, bytes: AtomicU64::new(0) }
    }

    #[cfg(test)]
    pub(super) fn with_room(folder: PathBuf, bytes_max: u64) -> Spills {
        Spills { bytes_max, ..Spills::new(folder) }
    }

    /// Bytes of all files.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A new file.
    pub(super) async fn file(self: &Arc<Spills>) -> io::Result<SpillFile> {
        let spills = self.clone();
        let file = aside(move || {
            let file = tempfile::tempfile_in(&spills.folder)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            Ok(file)
        });
        Ok(SpillFile { file: Some(Arc::new(file.await?)), bytes: AtomicU64::new(0), spills: self.clone() })
    }

    /// Whether there was room for this many bytes more.
    fn grow(&self, bytes: u64) -> bool {
        let grown = |now: u64| now.checked_add(bytes).filter(|&sum| sum <= self.bytes_max);
        self.bytes.try_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }
}

impl SpillFile {
    /// Writes all of a piece, or fails, and then may be asked again.
    pub(super) async fn write(&self, at: u64, piece: Bytes) -> io::Result<()> {
        let (end, bytes) = (at + piece.len() as u64, self.bytes.load(Ordering::Relaxed));
        if end > bytes {
            if !self.spills.grow(end - bytes) {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            self.bytes.store(end, Ordering::Relaxed);
        }
        let file = self.file();
        aside(move || {
            let disk = fstatvfs(&*file)?;
            if disk.f_bavail.saturating_mul(disk.f_frsize) < BYTES_LEFT_MIN {
                return Err(io::ErrorKind::StorageFull.into());
            }
            file.write_all_at(&piece, at)
        })
        .await
    }

    /// Reads what was written.
    pub(super) async fn read(&self, at: u64, bytes: usize) -> io::Result<Bytes> {
        let file = self.file();
        aside(move || {
            let mut piece = vec![0; bytes];
            file.read_exact_at(&mut piece, at)?;
            Ok(piece.into())
        })
        .await
    }

    fn file(&self) -> Arc<File> {
        self.file.clone().expect("it is there until this is dropped")
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        self.spills.bytes.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        // To give back a large file takes longer than redirects on this thread should wait.
        if let (Some(file), Ok(runtime)) = (self.file.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || drop(file));
        }
    }
}

/// Does what may wait for the disk where nobody waits for it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
