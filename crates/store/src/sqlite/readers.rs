//! Threads that read, each with what it reads by: connections of its own that cannot write.

use super::queue::Queue;
use crate::{StoreError, StoreFuture};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Reads that one thread takes at a time: a wake-up costs more than a look-up.
const READS_AT_ONCE: usize = 32;
/// Reads that may wait.
const QUEUE_LENGTH: usize = 16_384;

type Read<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A handle on the threads. Dropping it, as closing it, finishes what waits.
pub(super) struct Readers<S> {
    queue: Arc<Queue<Read<S>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl<S: Send + 'static> Readers<S> {
    pub(super) fn start(name: &'static str, sources: Vec<S>) -> std::io::Result<Readers<S>> {
        let queue = Arc::new(Queue::new(name, QUEUE_LENGTH));
        let sharers = sources.len();
        let readers = Readers { queue: Arc::clone(&queue), threads: Mutex::default() };
        for mut source in sources {
            let queue = Arc::clone(&queue);
            let thread =
                thread::Builder::new().name(name.into()).spawn(move || run(&queue, sharers, &mut source))?;
            readers.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(readers)
    }

    /// Asks for something to be read.
    pub(super) fn read<T, F>(&self, work: F) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut S) -> Result<T, StoreError> + Send + 'static,
    {
        self.queue.ask(1, |caller| {
            Box::new(move |source: &mut S| {
                // Who has stopped waiting needs no answer, and looking for it would only delay the others.
                if !caller.is_closed() {
                    let _ = caller.send(work(source));
                }
            })
        })
    }

    /// Finishes what waits and ends the threads.
    pub(super) fn close(&self) {
        self.end();
    }
}

impl<S> Readers<S> {
    fn end(&self) {
        self.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A read that panicked has told its caller so by dropping the answer.
            let _ = thread.join();
        }
    }
}

impl<S> Drop for Readers<S> {
    fn drop(&mut self) {
        self.end();
    }
}

fn run<S>(queue: &Queue<Read<S>>, sharers: usize, source: &mut S) {
    let mut reads = Vec::with_capacity(READS_AT_ONCE);
    while queue.take(READS_AT_ONCE, sharers, &mut reads) {
        for read in reads.drain(..) {
            read(source);
        }
    }
}
