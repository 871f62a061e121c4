//! One thread and one single-threaded runtime per core: a connection lives and dies on the core that accepted
//! it, and nothing on its way needs a lock or a wake-up across cores.

mod slice;

use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, LocalOptions};

/// How many events and tasks a core handles before it looks at its sockets again. Many small requests at once
/// are best served in long batches.
const EVENT_INTERVAL: u32 = 61;

/// Starts a named thread that runs one future, and what that spawns locally, to its end.
pub fn start<F>(name: String, work: impl FnOnce() -> F + Send + 'static) -> io::Result<JoinHandle<()>>
where
    F: Future<Output = ()> + 'static,
{
    thread::Builder::new().name(name.clone()).spawn(move || {
        // Where the system refuses it, all that is lost is time.
        let _ = slice::shorten();
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .event_interval(EVENT_INTERVAL)
            .max_blocking_threads(4)
            .build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => runtime.block_on(work()),
            Err(error) => tracing::error!(thread = name, %error, "a core could not start"),
        }
    })
}
