//! The threads that the engine runs on: each one a runtime of its own, so that neither the thread that asks
//! nor the end of a request has a say in what becomes of a write.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

/// A thread with a runtime. It ends when this is dropped or closed, whatever runs on it.
pub(super) struct Executor {
    handle: Handle,
    stop: Arc<Notify>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Executor {
    /// Starts a thread, which steps back for others by `niceness` (as nice(2) has it).
    pub(super) fn start(name: &'static str, niceness: i32) -> std::io::Result<Executor> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            // Where the system refuses it, all that is lost is courtesy.
            let _ = rustix::process::nice(niceness);
            runtime.block_on(stopped.notified());
            runtime.shutdown_background();
        })?;
        Ok(Executor { handle, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Runs a task to its end, whoever waits for it.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.handle.spawn(task)
    }

    /// Ends the thread and all that runs on it. Answers when
    /// it has ended, unless it is the thread itself that asks.
    pub(super) fn close(&self) {
        self.stop.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            // A task that panicked has told whoever waited for it; the thread itself has nothing to say.
            let _ = thread.join();
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.close();
    }
}
