//! Between the making of answers and the client who takes them: answers that the client does not take are put
//! aside.
//!
//! Many clients send all of their lines before they read the first answer. Their answers fill the sockets,
//! and whoever then waited for them to read would wait for ever. So answers are made by a task of its own,
//! and wait in memory for the client, up to a limit. A client who takes answers while they are made is waited
//! for at that limit. For one who takes none, what is beyond it goes to a [`file`], until the client has
//! taken all of that. Only where a file has no room does the making of answers wait for the client, whatever
//! he does.

mod file;
#[cfg(test)]
mod tests;

use axum::body::Bytes;
use file::SpillFile;
pub(crate) use file::Spills;
use futures_util::stream::StreamExt;
use futures_util::{Stream, stream};
use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Bytes of answers that wait in memory.
const MEMORY_BYTES_MAX: usize = 1024 * 1024;

/// How much is read from the file at once.
const READ_BYTES_MAX: u64 = 256 * 1024;

/// A client who takes nothing for this long while the memory is full does not read yet.
const READER_TIMEOUT: Duration = Duration::from_millis(200);

/// Passes pieces on, made by a task that ends with the stream that is answered.
pub(super) fn spilled(
    pieces: impl Stream<Item = Bytes> + Send + 'static,
    spills: Arc<Spills>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let queue = Arc::new(Queue { spills, ..Queue::default() });
    let making = Making { queue: queue.clone() };
    let task = tokio::spawn(async move {
        let mut pieces = pin!(pieces);
        while let Some(piece) = pieces.next().await {
            making.queue.put(piece).await;
        }
        making.queue.end(End::Whole);
    });
    stream::unfold(Taking { queue, task }, async |taking| {
        let piece = taking.queue.take().await?;
        Some((piece, taking))
    })
}

/// What has been made and not been taken.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Something has been put, or the end has come.
    put: Notify,
    taken: Notify,
    spills: Arc<Spills>,
}

/// In memory, or in a file: never in both, except that what was in memory first is taken first.
#[derive(Default)]
struct Waiting {
    memory: VecDeque<Bytes>,
    memory_bytes: usize,
    spilled: Option<Spilled>,
    end: Option<End>,
}

/// The part of a file that has been written and not been read.
struct Spilled {
    file: Arc<SpillFile>,
    from: u64,
    to: u64,
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    /// The task died: what was made is not all.
    Broken,
}

/// What may be done next with what was made.
enum Next {
    Taken(Bytes),
    Read(Arc<SpillFile>, u64, usize),
    Ended(End),
    Wait,
}

/// The end where pieces are put.
struct Making {
    queue: Arc<Queue>,
}

/// The end where pieces are taken.
struct Taking {
    queue: Arc<Queue>,
    task: JoinHandle<()>,
}

impl Queue {
    /// Puts a piece behind all others.
    async fn put(&self, piece: Bytes) {
        let mut piece = Some(piece);
        loop {
            self.put_into_memory(&mut piece);
            let Some(piece) = &piece else { return };
            let mut file = self.waiting().spilled.as_ref().map(|spilled| spilled.file.clone());
            if file.is_none() {
                if timeout(READER_TIMEOUT, self.taken.notified()).await.is_ok() {
                    continue;
                }
                file = self.begin_file().await;
            }
            if let Some(file) = file
                && self.put_into_file(file, piece).await
            {
                return;
            }
            self.taken.notified().await;
        }
    }

    /// Takes the piece away when memory has room for it, and nothing waits in a file that came before it.
    fn put_into_memory(&self, piece: &mut Option<Bytes>) {
        let mut waiting = self.waiting();
        if waiting.spilled.as_ref().is_some_and(|spilled| spilled.from == spilled.to) {
            waiting.spilled = None;
        }
        let bytes = piece.as_ref().map_or(0, Bytes::len);
        let has_room = waiting.memory.is_empty() || waiting.memory_bytes + bytes <= MEMORY_BYTES_MAX;
        if waiting.spilled.is_none() && has_room {
            waiting.memory.extend(piece.take());
            waiting.memory_bytes += bytes;
            self.put.notify_one();
        }
    }

    async fn begin_file(&self) -> Option<Arc<SpillFile>> {
        let file = Arc::new(self.spills.file().await.inspect_err(unspilled).ok()?);
        self.waiting().spilled = Some(Spilled { file: file.clone(), from: 0, to: 0 });
        Some(file)
    }

    /// Whether the file had room for it.
    async fn put_into_file(&self, file: Arc<SpillFile>, piece: &Bytes) -> bool {
        let Some(at) = self.waiting().spilled.as_ref().map(|spilled| spilled.to) else { return false };
        if let Err(error) = file.write(at, piece.clone()).await {
            unspilled(&error);
            return false;
        }
        if let Some(spilled) = &mut self.waiting().spilled {
            spilled.to += piece.len() as u64;
        }
        self.put.notify_one();
        true
    }

    fn end(&self, end: End) {
        self.waiting().end.get_or_insert(end);
        self.put.notify_one();
    }

    /// Takes what comes next, as soon as there is something; nothing when all was taken.
    async fn take(&self) -> Option<io::Result<Bytes>> {
        loop {
            match self.next() {
                Next::Taken(piece) => {
                    self.taken.notify_one();
                    return Some(Ok(piece));
                }
                Next::Read(file, from, bytes) => {
                    let piece = file.read(from, bytes).await;
                    if let Some(spilled) = &mut self.waiting().spilled {
                        spilled.from += bytes as u64;
                    }
                    self.taken.notify_one();
                    return Some(piece);
                }
                Next::Ended(End::Whole) => return None,
                Next::Ended(End::Broken) => {
                    return Some(Err(io::Error::other("the answers broke off")));
                }
                Next::Wait => self.put.notified().await,
            }
        }
    }

    fn next(&self) -> Next {
        let mut waiting = self.waiting();
        if let Some(piece) = waiting.memory.pop_front() {
            waiting.memory_bytes -= piece.len();
            return Next::Taken(piece);
        }
        match (&waiting.spilled, waiting.end) {
            (Some(spilled), _) if spilled.from < spilled.to => {
                let bytes = (spilled.to - spilled.from).min(READ_BYTES_MAX) as usize;
                Next::Read(spilled.file.clone(), spilled.from, bytes)
            }
            (_, Some(end)) => Next::Ended(end),
            (_, None) => Next::Wait,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it is held")
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        self.queue.end(End::Broken);
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Not a failure: the client is waited for instead.
fn unspilled(error: &io::Error) {
    tracing::debug!(%error, "answers of a bulk wait for their client, because they cannot be put aside");
}
